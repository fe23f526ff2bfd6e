"""The one tree of errors that edge-cls raises on purpose.

Every error has a message that says what happened, and a hint that says how to correct it; the command line prints both
on one line and exits with the class's `exit_code`. Each class also inherits the builtin that it refines, so that
callers can catch it without knowing this module.

    EdgeClsError                        1
    ├── ImageError        (ValueError)  a file that is not a usable photo
    ├── DatasetError      (ValueError)  a folder that cannot be trained on
    ├── ModelError        (ValueError)  a model file that cannot serve
    ├── ConversionError   (ValueError)  a network that could not be converted to int8
    ├── MemoryFileError   (OSError)     a memory of taught examples that cannot be read or written
    │   └── SpaceMismatch (ValueError)  a memory whose vectors are those of another backbone
    ├── LabelError        (ValueError)  a label, or a labels file, that is not valid
    ├── SourceError       (OSError)     a source that delivers no frames
    ├── DownloadError     (OSError)     a file that cannot be downloaded, or fails its checksum
    ├── OutputError       (OSError)     a result that could not be written
    ├── ServiceError      (OSError)     a service that cannot be installed or queried
    ├── PanelError        (OSError)     buttons, keys or lights that cannot be opened
    ├── MissingDependency (ImportError) a library that this command needs
    └── ConfigError       (ValueError)  78: a setting that is not valid
"""

from __future__ import annotations

import functools
import unicodedata


def one_line(text: str) -> str:
    r"""Return `text` as one line that is safe to print: runs of white space become one blank, controls are escaped.

    File names and labels come from anywhere, and an escape code in one could write all over a terminal. Surrogates,
    which stand for the bytes of names that are not UTF-8, are escaped too.

    >>> one_line("two\nlines, \x1b[31mred")
    'two lines, \\x1b[31mred'
    """
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in ("Cc", "Cs") else character
        for character in " ".join(text.split())
    )


class EdgeClsError(Exception):
    """An error that a person can correct: `message` says what happened, `hint` what to do."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Return what pickle needs, which knows positional arguments only: worker processes pickle their errors."""
        return functools.partial(type(self), hint=self.hint), (self.message,)

    def __str__(self) -> str:
        """Return message and hint on one line, whatever file names and messages of libraries contain."""
        return one_line(f"{self.message}; {self.hint}")


class ImageError(EdgeClsError, ValueError):
    """A file that is not a usable photo."""


class DatasetError(EdgeClsError, ValueError):
    """A folder that cannot be trained on or measured with."""


class ModelError(EdgeClsError, ValueError):
    """A model file that cannot serve."""


class ConversionError(EdgeClsError, ValueError):
    """A network that could not be converted to a full int8 model."""


class MemoryFileError(EdgeClsError, OSError):
    """A memory of taught examples that cannot be read or written."""


class SpaceMismatch(MemoryFileError, ValueError):
    """A memory whose vectors were made by another backbone than the model's."""


class LabelError(EdgeClsError, ValueError):
    """A label, or a labels file, that is not valid."""


class SourceError(EdgeClsError, OSError):
    """A source that delivers no frames."""


class DownloadError(EdgeClsError, OSError):
    """A file that cannot be downloaded, or fails its checksum."""


class OutputError(EdgeClsError, OSError):
    """A result that could not be written."""


class ServiceError(EdgeClsError, OSError):
    """A service that cannot be installed or queried."""


class PanelError(EdgeClsError, OSError):
    """Buttons, keys or lights that cannot be opened."""


class MissingDependency(EdgeClsError, ImportError):
    """A library that this command needs and that is not installed."""


class ConfigError(EdgeClsError, ValueError):
    """A setting that is not valid. `problems` has a line for each, if the whole configuration was checked."""

    exit_code = 78

    def __init__(self, message: str, *, hint: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return functools.partial(type(self), hint=self.hint, problems=self.problems), (self.message,)
