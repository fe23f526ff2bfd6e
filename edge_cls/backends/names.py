"""The table of backends, and the names that the option and the configuration key `delegate` accept.

Importing this module loads neither numpy nor an interpreter: a configuration is checked on machines where both are
broken. A new backend is one row of `BACKENDS` and the module that the row names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_cls.core.urls import showable
from edge_cls.errors import ConfigError

CPU = "none"
"""The backend that runs plain TFLite networks, and takes over if `auto` finds no other."""
AUTO = "auto"
"""The first accelerator of the table if it can be used, otherwise the CPU."""


@dataclass(frozen=True)
class BackendRow:
    """A backend as messages, the configuration and the search for files know it.

    `factory` is "module:class"; the class is called with the name, options included, and must be a
    `edge_cls.backends.backend.Backend`. `title` is the device in messages. `options` is a regular expression of the
    text that may follow the name, and `examples` are names to suggest in a hint. A backend that runs only networks
    compiled for it gives the custom `operator` that its compiler puts into them, and the command `compile` that makes
    NAME_BACKEND.tflite of NAME.tflite; both are empty for a backend that runs any network. `library` is the shared
    library of the device, and `install` the hint for a machine that lacks it; both are empty if there is none.
    """

    factory: str
    title: str
    options: str = ""
    examples: tuple[str, ...] = ()
    operator: str = ""
    compile: str = ""
    library: str = ""
    install: str = ""


BACKENDS: dict[str, BackendRow] = {
    CPU: BackendRow("edge_cls.backends.litert:LiteRt", "the CPU"),
    "edgetpu": BackendRow(
        "edge_cls.backends.edgetpu:EdgeTpu",
        "the Edge TPU",
        options="(:(usb|pci)(:[0-9]+)?)?",
        examples=("edgetpu:usb:0", "edgetpu:pci:0"),
        operator="edgetpu-custom-op",
        compile="edge-cls edgetpu compile",
        library="libedgetpu.so.1",
        install="add Google's apt repository coral-edgetpu-stable and run: sudo apt install libedgetpu1-std",
    ),
}
"""Every backend by its name."""


def check_backend(delegate: str) -> str:
    """Return `delegate`. Raises ConfigError if no backend has that name.

    >>> check_backend("edgetpu:usb:0")
    'edgetpu:usb:0'
    """
    if delegate != AUTO:
        backend_row(delegate)
    return delegate


def backend_row(delegate: str) -> tuple[str, BackendRow]:
    """Return the name and the row of the backend that `delegate` names. Raises ConfigError if there is none.

    >>> name, row = backend_row("edgetpu:usb:0")
    >>> name, row.title
    ('edgetpu', 'the Edge TPU')
    """
    for name, row in BACKENDS.items():
        if re.fullmatch(re.escape(name) + row.options, delegate):
            return name, row
    *others, last = suggested_names()
    raise ConfigError(f"there is no delegate {showable(delegate)!r}", hint=f"use {', '.join(others)} or {last}")


def suggested_names() -> list[str]:
    """Return the names to suggest for `delegate`: `none`, `auto`, every other backend, and examples with options."""
    examples = [example for row in BACKENDS.values() for example in row.examples]
    return list(dict.fromkeys((CPU, AUTO, *BACKENDS, *examples)))


def describe_names() -> str:
    """Return the description of `delegate` for the help and the reference of the configuration.

    >>> describe_names()
    'Accelerator: none, auto (the Edge TPU, or the CPU if there is none), edgetpu, edgetpu:usb:0 or edgetpu:pci:0.'
    """
    preferred = BACKENDS[accelerators()[0]].title
    names = suggested_names()
    names[names.index(AUTO)] = f"{AUTO} ({preferred}, or {BACKENDS[CPU].title} if there is none)"
    return f"Accelerator: {', '.join(names[:-1])} or {names[-1]}."


def accelerators() -> list[str]:
    """Return the names of the backends that run only networks compiled for them, the preferred one first."""
    return [name for name, row in BACKENDS.items() if row.operator]


def compiled_for(network: bytes) -> str | None:
    """Return the name of the backend that `network` was compiled for, None for a network that runs on the CPU."""
    return next((name for name in accelerators() if BACKENDS[name].operator.encode() in network), None)
