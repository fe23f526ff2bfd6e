"""The state of a training in one file, which is always a whole one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_cls.errors import ConfigError
from edge_cls.files import write_whole

Arrays = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class State:
    """Arrays by group, and what JSON can hold: how far the training is."""

    groups: Mapping[str, Arrays]
    progress: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """The file of a training, and its `origin`: all that decides what the training gives."""

    path: Path
    origin: dict[str, Any]

    def save(self, state: State) -> None:
        """Write `state` in the place of the one before."""
        meta = {
            "origin": self.origin,
            "progress": state.progress,
            "sizes": {group: len(members) for group, members in state.groups.items()},
        }
        arrays = {f"{group}{i}": array for group, members in state.groups.items() for i, array in enumerate(members)}
        content = io.BytesIO()
        np.savez(content, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]
        write_whole(self.path, content.getvalue())

    def load(self, *, resume: bool) -> State | None:
        """Return the state to go on from, None where there is none.

        Raises ConfigError where it is not of this training, and where there is one but not `resume`.
        """
        refuse_unasked(self.path, resume=resume)
        if not self.path.is_file():
            return None
        anew = f"delete {self.path} to begin anew"
        try:
            with self.path.open("rb") as file, np.load(file) as saved:
                content = dict(saved)
            meta = json.loads(str(content["meta"]))
            origin, progress = meta["origin"], meta["progress"]
            groups = {group: [content[f"{group}{i}"] for i in range(size)] for group, size in meta["sizes"].items()}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ConfigError(f"{self.path} is no checkpoint ({error})", hint=anew) from error
        if origin != self.origin:
            changed = ", ".join(name for name in self.origin if origin.get(name) != self.origin[name])
            raise ConfigError(
                f"the training in {self.path.parent} was begun otherwise: {changed} changed",
                hint=f"give the options that it was begun with, or {anew}",
            )
        return State(groups, progress)


def refuse_unasked(path: Path, *, resume: bool) -> None:
    """Raise ConfigError where there is a checkpoint at `path` that only `resume` may go on from."""
    if path.is_file() and not resume:
        raise ConfigError(
            f"there is a training in {path.parent} already", hint=f"add --resume, or delete {path} to begin anew"
        )


def values(variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
    """Return what `variables` hold."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def restore(variables: Sequence[keras.Variable], arrays: Arrays) -> None:
    """Put what `values` gave back into `variables`."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
