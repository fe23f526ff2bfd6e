"""The one tree of errors that edge-cls raises on purpose.

Every error says what happened, and how to mend it; the command line prints both on one line and exits with the
class's `exit_code`. Each class also inherits the builtin it refines, so that callers need not know this module.

    EdgeClsError                        1
    ├── ImageError        (ValueError)  a file that is no usable photo
    ├── DatasetError      (ValueError)  a folder that cannot be trained on
    ├── ModelError        (ValueError)  a model file that cannot serve
    ├── ConversionError   (ValueError)  a network that did not become an int8 model
    ├── MemoryFileError   (OSError)     a memory of taught examples that cannot be read or written
    │   └── SpaceMismatch (ValueError)  ... whose vectors were made by another backbone
    ├── LabelError        (ValueError)  a label, or a labels file, that makes no sense
    ├── SourceError       (OSError)     a source that gives no frames
    ├── DownloadError     (OSError)     a file that cannot be had from the network, or is not the one it should be
    ├── OutputError       (OSError)     a result that could not be written
    ├── ServiceError      (OSError)     a service that cannot be installed, or asked how it is
    ├── PanelError        (OSError)     buttons, keys or lights that cannot be had
    ├── MissingDependency (ImportError) a library that this command needs
    └── ConfigError       (ValueError)  78: a setting that makes no sense
"""

from __future__ import annotations

import functools
import unicodedata


def one_line(text: str) -> str:
    r"""Return `text` as one line that a terminal only shows: white space is one blank, control characters are escaped.

    File names and labels come from anywhere, and an escape code in one could write all over a terminal. Half characters
    of names that are no UTF-8 are escaped too.

    >>> one_line("two\nlines, \x1b[31mred")
    'two lines, \\x1b[31mred'
    """
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in ("Cc", "Cs") else character
        for character in " ".join(text.split())
    )


class EdgeClsError(Exception):
    """Something a person can mend: `message` happened, and the `hint`."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Worker processes hand their errors back pickled, and pickle knows positional arguments only."""
        return functools.partial(type(self), hint=self.hint), (self.message,)

    def __str__(self) -> str:
        """One line, whatever the file name or the library's message brought along."""
        return one_line(f"{self.message}; {self.hint}")


class ImageError(EdgeClsError, ValueError):
    """A file that is no usable photo."""


class DatasetError(EdgeClsError, ValueError):
    """A folder that cannot be trained on or measured with."""


class ModelError(EdgeClsError, ValueError):
    """A model file that cannot serve."""


class ConversionError(EdgeClsError, ValueError):
    """A network that did not become a wholly int8 model."""


class MemoryFileError(EdgeClsError, OSError):
    """A memory of taught examples that cannot be read or written."""


class SpaceMismatch(MemoryFileError, ValueError):
    """A memory whose vectors were made by another backbone than the model's."""


class LabelError(EdgeClsError, ValueError):
    """A label, or a labels file, that makes no sense."""


class SourceError(EdgeClsError, OSError):
    """A source that gives no frames."""


class DownloadError(EdgeClsError, OSError):
    """A file that cannot be had from the network, or is not the one it should be."""


class OutputError(EdgeClsError, OSError):
    """A result that could not be written."""


class ServiceError(EdgeClsError, OSError):
    """A service that cannot be installed, or asked how it is."""


class PanelError(EdgeClsError, OSError):
    """Buttons, keys or lights that cannot be had."""


class MissingDependency(EdgeClsError, ImportError):
    """A library that this command needs and that is not installed."""


class ConfigError(EdgeClsError, ValueError):
    """A setting that makes no sense. `problems`: where several were looked for, each that was found, one line each."""

    exit_code = 78

    def __init__(self, message: str, *, hint: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return functools.partial(type(self), hint=self.hint, problems=self.problems), (self.message,)
