"""From exceptions to one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import typer

from edge_cls.errors import EdgeClsError, MissingDependency, one_line
from edge_cls.installed import extra_hint

_EXTRA_OF = dict.fromkeys(("tensorflow", "keras"), "keras") | dict.fromkeys(
    ("sklearn", "pooch", "requests", "jinja2", "matplotlib", "scipy", "imagehash"), "train"
)
"""The extra that installs a library, by the name that it is imported with."""


@contextlib.contextmanager
def errors_reported() -> Iterator[None]:
    """Turn an error that a person can correct into one line on stderr and SystemExit with the exit code of its class.

    Bugs keep their traceback.
    """
    try:
        try:
            yield
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        finally:
            # Output that cannot be written fails here, where it can be reported, and not when the interpreter ends.
            sys.stdout.flush()
    except EdgeClsError as error:
        _report(str(error))
        sys.exit(error.exit_code)
    except MemoryError:
        _report("there is not enough memory for this; close other programs, or give smaller files")
        sys.exit(1)
    except KeyboardInterrupt:
        # The exit code that a shell expects of a program ended by Ctrl-C. Typer uses the same one once it is running.
        sys.exit(130)
    except OSError as error:
        # The unwritten rest is discarded; otherwise Python would try again, and complain, when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):  # the reader of our output has closed it, as `head` does
            # Any write can meet a full disk or a folder without permission: neither is a bug that needs a traceback.
            message = ": ".join(str(part) for part in (error.filename, error.strerror) if part) or str(error)
            _report(f"{one_line(message)}; check the disk, and the permissions of the file")
        sys.exit(1)


def _report(message: str) -> None:
    # Imported here, because hardly any run has an error.
    from edge_cls.systemd.logs import error_prefix

    typer.echo(f"{error_prefix(os.environ)}error: {message}", err=True)


def _missing(error: ModuleNotFoundError) -> MissingDependency | ModuleNotFoundError:
    module = (error.name or "").partition(".")[0]
    if module not in _EXTRA_OF:
        return error
    return MissingDependency(
        f"this command needs {module}, which is not installed",
        hint=extra_hint(_EXTRA_OF[module]),
    )
