"""Training on several accelerators or machines, with TensorFlow's distribution strategies."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Self

import tensorflow as tf

from edge_cls.errors import ConfigError
from edge_cls_tools.training.recipe import Strategy


@dataclass(frozen=True)
class Distribution:
    """A strategy of TensorFlow; `chief` is True in the process that writes the files."""

    strategy: tf.distribute.Strategy
    chief: bool = True

    @property
    def replicas(self) -> int:
        """Number of replicas of the network that are trained in parallel."""
        return int(self.strategy.num_replicas_in_sync)

    @classmethod
    def single(cls) -> Self:
        """Return the default strategy: one process and one device."""
        return cls(tf.distribute.get_strategy())

    @classmethod
    def named(cls, name: Strategy) -> Self:
        """Return the distribution called `name`. Must be called before any other TensorFlow operation.

        "mirrored" uses all accelerators of this machine, "multiworker" the machines listed in TF_CONFIG, which all
        run the same command. Raises ConfigError if TF_CONFIG lists no workers or not this one.
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
                f"TF_CONFIG lists no workers ({error!r})",
                hint='set it to {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}, '
                "with a different index on each machine",
            ) from error
        if not isinstance(workers, list) or not 0 <= int(task["index"]) < len(workers):
            raise ConfigError(f"TF_CONFIG lists no worker {task['index']}", hint="worker indices start at 0")
        return cls(tf.distribute.MultiWorkerMirroredStrategy(), chief)
