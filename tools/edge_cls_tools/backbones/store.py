"""The files of known backbones on this machine: fetched or built once into the user's cache, checked before use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_cls.errors import ModelError
from edge_cls.files import write_whole
from edge_cls.model.backbones import backbone_path
from edge_cls.model.importing.importer import import_model
from edge_cls_tools.backbones.download import Progress, download, inspect, silent
from edge_cls_tools.backbones.places import local_path
from edge_cls_tools.backbones.registry import Built, KnownModel, PublishedClassifier, Shipped


@dataclass(frozen=True)
class LocalFile:
    """The file of a backbone on this machine, the SHA-256 of the published file, and whether it was just put there."""

    path: Path
    sha256: str
    fetched: bool


def fetch(model: KnownModel, progress: Progress = silent) -> LocalFile:
    """Return the checked file of `model`, fetched if it is not on this machine yet.

    A file that was put there by hand is checked like a fetched one. If no checksum is published, that of the first
    download is noted beside the file, and a later change is refused. A published classifier stays as it is: the path
    returned is that of its import, which lies beside it and has the name of the model. Raises DownloadError and
    OutputError as `download` does, ModelError if the file on this machine is not the published one, and the errors of
    `backbone_path` for a backbone that is built.
    """
    path = local_path(model)
    if isinstance(model, Built):
        here = path.exists()
        return LocalFile(backbone_path(model.name), model.sha256, fetched=not here)
    if isinstance(model, Shipped):
        return LocalFile(path, _checked(path, model.sha256, None, "install edge-cls again"), fetched=False)
    note = path.with_name(f"{path.name}.sha256")
    if fetched := not path.exists():
        note.unlink(missing_ok=True)
        found = download(model.url, path, sha256=model.sha256, size=model.file_size, progress=progress)
    else:
        expected = model.sha256 or (note.read_text().partition(" ")[0] if note.exists() else None)
        found = _checked(path, expected, model.file_size, f"delete it, and run 'edge-cls models fetch {model.name}'")
    if model.sha256 is None and not note.exists():
        write_whole(note, f"{found}  {path.name}\n".encode())
    if isinstance(model, PublishedClassifier):
        # Imported each time: it takes less than a second, and the result is never older than this version of edge-cls.
        published, path = path, path.with_name(f"{model.name}.tflite")
        import_model(published, path, embedding="auto")
    return LocalFile(path, found, fetched)


def _checked(path: Path, sha256: str | None, size: int | None, hint: str) -> str:
    """Return the SHA-256 of the file at `path`. Raises ModelError if `sha256` or `size` is known and differs."""
    found, difference = inspect(path, sha256, size)
    if difference:
        raise ModelError(f"{path} is not the published file: {difference}", hint=hint)
    return found
