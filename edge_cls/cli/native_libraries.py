"""Threads and memory of native libraries, in a process that runs a model for a year."""

from __future__ import annotations

import ctypes
import os

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
_M_MMAP_THRESHOLD = -3  # from glibc's malloc.h
_LARGE = 2**20
"""Bytes from which a block of memory is returned to the system when it is freed."""


def spare_the_interpreter() -> None:
    """Limit NumPy's BLAS to one thread, and let large blocks of memory return to the system when they are freed.

    To be called before NumPy is imported. The matrices here are small: several threads make them slower and take
    processors from the interpreter. glibc would keep a freed block for the next request of its size, which seldom
    comes: after the heads are fitted that would be some 10 MB.
    """
    given = os.environ.get(_BLAS_THREADS)
    os.environ.setdefault(_BLAS_THREADS, "1")
    import numpy  # noqa: F401 - it reads the variable now, and the programs that we start must not inherit it

    if given is None:
        del os.environ[_BLAS_THREADS]
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
    except (OSError, AttributeError):
        return  # another C library, which has no mallopt
