"""Checkpoints: the state of a training in one file, which is replaced atomically."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_cls.core.arrays import read_arrays
from edge_cls.errors import ConfigError
from edge_cls.files import write_whole

if TYPE_CHECKING:
    import keras

Arrays = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class State:
    """Arrays by group, and the progress of the training as values that JSON can hold."""

    groups: Mapping[str, Arrays]
    progress: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint file of a training, and its `origin`: everything that determines the result of the training."""

    path: Path
    origin: dict[str, Any]

    def save(self, state: State) -> None:
        """Write `state`, replacing the previous checkpoint. Raises OutputError if the file cannot be written."""
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
        """Return the saved state, or None if there is no checkpoint.

        Raises ConfigError if the file is damaged or belongs to a training of another origin, or if there is a
        checkpoint and `resume` is not set.
        """
        refuse_without_resume(self.path, resume=resume)
        if not self.path.is_file():
            return None
        start_over = f"delete {self.path} to start over"
        try:
            content = read_arrays(self.path.read_bytes())
            meta = json.loads(str(content["meta"]))
            origin, progress = meta["origin"], meta["progress"]
            groups = {group: [content[f"{group}{i}"] for i in range(size)] for group, size in meta["sizes"].items()}
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"{self.path} cannot be read as a checkpoint ({error})", hint=start_over) from error
        if origin != self.origin:
            changed = ", ".join(name for name in self.origin if origin.get(name) != self.origin[name])
            raise ConfigError(
                f"the training in {self.path.parent} was started with other settings: {changed} changed",
                hint=f"use the options it was started with, or {start_over}",
            )
        return State(groups, progress)


def refuse_without_resume(path: Path, *, resume: bool) -> None:
    """Raise ConfigError if there is a checkpoint at `path` and `resume` is not set: it would be overwritten."""
    if path.is_file() and not resume:
        raise ConfigError(
            f"{path.parent} already contains a training", hint=f"add --resume, or delete {path} to start over"
        )


def values(variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
    """Return the values of `variables` as arrays."""
    import keras

    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def restore(variables: Sequence[keras.Variable], arrays: Arrays) -> None:
    """Assign `arrays`, as returned by `values`, to `variables`."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
