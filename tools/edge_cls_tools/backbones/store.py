"""The files of known models on this machine: fetched once into the user's cache folder, checked before each use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_cls.errors import ModelError
from edge_cls.files import write_whole
from edge_cls.model.builtin import builtin_file
from edge_cls.model.importing.importer import import_model
from edge_cls_tools.backbones.download import Progress, download, inspect, silent
from edge_cls_tools.backbones.registry import KnownModel, PublishedClassifier, Shipped
from edge_cls_tools.io.cache_folder import cache_folder


@dataclass(frozen=True)
class LocalFile:
    """A model's file on this machine, the SHA-256 of what was published, and whether it was fetched just now."""

    path: Path
    sha256: str
    fetched: bool


def local_path(model: KnownModel) -> Path:
    """Return where the file of `model`, as it was published, is or will be once it is fetched."""
    return builtin_file(model.file) if isinstance(model, Shipped) else cache_folder() / "models" / model.file


def fetch(model: KnownModel, progress: Progress = silent) -> LocalFile:
    """Return the file of `model`, fetched where it is not there yet, and checked.

    A file that somebody has put there is checked as a fetched one is. A published classifier stays as it is, and what
    is returned is the import of it beside it, named as the model. Raises DownloadError and OutputError as
    `download` does, and ModelError where the file that is there is another one.
    """
    path = local_path(model)
    if isinstance(model, Shipped):
        return LocalFile(path, _checked(path, model.sha256, None, "install edge-cls again"), fetched=False)
    # Where nobody publishes what the file should be, it is held to what it was when it came.
    note = path.with_name(f"{path.name}.sha256")
    if fetched := not path.exists():
        note.unlink(missing_ok=True)
        came = download(model.url, path, sha256=model.sha256, size=model.file_size, progress=progress)
    else:
        expected = model.sha256 or (note.read_text().partition(" ")[0] if note.exists() else None)
        came = _checked(path, expected, model.file_size, f"delete it, and run 'edge-cls models fetch {model.name}'")
    if model.sha256 is None and not note.exists():
        write_whole(note, f"{came}  {path.name}\n".encode())
    if isinstance(model, PublishedClassifier):
        # Made anew each time: it takes less than a second, and is never older than edge-cls.
        published, path = path, path.with_name(f"{model.name}.tflite")
        import_model(published, path, embedding="auto")
    return LocalFile(path, came, fetched)


def _checked(path: Path, sha256: str | None, size: int | None, hint: str) -> str:
    came, problem = inspect(path, sha256, size)
    if problem:
        raise ModelError(f"{path} is not the file it should be: it has {problem}", hint=hint)
    return came
