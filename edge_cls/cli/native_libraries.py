"""How native libraries behave in a process that runs a model for a year."""

from __future__ import annotations

import ctypes
import os

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE = 2**20


def spare_the_interpreter() -> None:
    """Let NumPy's BLAS work in one thread, and large blocks of memory go back to the system when they are freed.

    To be called before NumPy is imported. Matrices here are small: with threads of their own they take longer, and the
    interpreter wants the processors. glibc keeps what is freed for the next of its size, which seldom comes: after a
    study that would be some ten MB.
    """
    given = os.environ.get(_BLAS_THREADS)
    os.environ.setdefault(_BLAS_THREADS, "1")
    import numpy  # noqa: F401 - it reads the variable now, and no program that we start shall inherit it

    if given is None:
        del os.environ[_BLAS_THREADS]
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
    except (OSError, AttributeError):
        return  # another C library, with ways of its own
