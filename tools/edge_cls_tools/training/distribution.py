"""Several processors, or several machines, that train one network: TensorFlow's own distribution."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Literal, Self

import tensorflow as tf

from edge_cls.errors import ConfigError

Strategy = Literal["none", "mirrored", "multiworker"]


@dataclass(frozen=True)
class Distribution:
    """A strategy of TensorFlow, and whether this process is the one that writes files."""

    strategy: tf.distribute.Strategy
    chief: bool = True

    @property
    def replicas(self) -> int:
        """How many copies of the network are trained at once."""
        return int(self.strategy.num_replicas_in_sync)

    @classmethod
    def single(cls) -> Self:
        """Return one process with one processor."""
        return cls(tf.distribute.get_strategy())

    @classmethod
    def named(cls, name: Strategy) -> Self:
        """Return the distribution called `name`; to be called before anything else of TensorFlow.

        "mirrored" takes all accelerators of this machine, "multiworker" the machines that TF_CONFIG names, which all
        run the same command. Raises ConfigError where TF_CONFIG names none.
        """
        if name == "none":
            return cls.single()
        if name == "mirrored":
            return cls(tf.distribute.MirroredStrategy())
        try:
            config = json.loads(os.environ.get("TF_CONFIG", ""))
            workers, task = config["cluster"]["worker"], config["task"]
            chief = (task["type"], int(task["index"])) == ("worker", 0)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"TF_CONFIG names no workers ({error!r})",
                hint='set it to {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}, '
                "with an index of its own on each machine",
            ) from error
        if not isinstance(workers, list) or not 0 <= int(task["index"]) < len(workers):
            raise ConfigError(f"TF_CONFIG has no worker {task['index']}", hint="count the workers from 0")
        return cls(tf.distribute.MultiWorkerMirroredStrategy(), chief)
