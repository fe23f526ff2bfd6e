"""Libraries of delegates that a test builds with the C compiler, in place of libedgetpu: broken ones and a working one.

The working one takes the operators of the Edge TPU away from the interpreter and computes nothing. As of the device,
there is one at a time.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge_cls.backends.edgetpu import NAME, EdgeTpu
from edge_cls.backends.names import BACKENDS

# The beginnings of the interpreter's own structures, from TensorFlow Lite 2.5 to LiteRT 2; the rest is not used.
WORKING = """
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int size; int data[]; } Numbers;
typedef struct Context Context;
typedef struct Delegate Delegate;
typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*release)(Context *, void *);
    int (*prepare)(Context *, void *);
    int (*invoke)(Context *, void *);
    void *profiling;
    int32_t builtin;
    const char *name;
    int version;
    void *rest[16];
} Registration;
struct Context {
    size_t tensors_size;
    int (*plan)(Context *, Numbers **);
    void *tensors, *impl, *resize;
    void (*report)(Context *, const char *, ...);
    void *add, *node;
    int (*replace)(Context *, Registration, const Numbers *, Delegate *);
};
struct Delegate {
    void *data;
    int (*prepare)(Context *, Delegate *);
    void *copy_from, *copy_to, *release;
    int64_t flags;
    void *rest[16];
};

static int held, runs;

static int ready(Context *context, void *node) { return PREPARES; }

static int run(Context *context, void *node) { return FAILS(runs++); }

static int take(Context *context, Delegate *delegate) {
    Registration kernel = {.prepare = ready, .invoke = run, .name = "stand-in", .version = 1};
    Numbers *plan;
    return context->plan(context, &plan) || context->replace(context, kernel, plan, delegate);
}

void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
    CREATE
    if (held++) { held--; report("taken"); return NULL; }
    Delegate *delegate = calloc(1, sizeof *delegate);
    delegate->prepare = take;
    delegate->flags = 1;  // sizes may change: it is asked before the operators are prepared, of which one is unknown
    return delegate;
}

void tflite_plugin_destroy_delegate(void *delegate) { held -= delegate != NULL; free(delegate); }
"""


def edge_tpu_library(folder: Path, *, create: str = "", fails: str = "0", prepares: str = "0") -> str:
    """Return a library that first does `create`, in C; its run number n, from 0, fails if `fails` is true.

    `prepares` is the status that it returns for a network that it should prepare: 0 is success.

    Skips the test if there is no C compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (cc) to build a delegate with")
    source, made = folder / "delegate.c", folder / "libdelegate.so"
    source.write_text(f"#define CREATE {create}\n#define FAILS(n) ({fails})\n#define PREPARES {prepares}\n{WORKING}")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, source], check=True)
    return str(made)


@contextmanager
def library_in_place(library: str) -> Iterator[None]:
    """Let backends of the Edge TPU that are made meanwhile load `library` for libedgetpu."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, NAME, replace(BACKENDS[NAME], library=library))
        yield


def edge_tpu(library: str, name: str = NAME) -> EdgeTpu:
    """Return the backend that `name` names, with `library` for libedgetpu."""
    with library_in_place(library):
        return EdgeTpu(name)
