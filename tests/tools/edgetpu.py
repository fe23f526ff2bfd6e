"""A fake `edgetpu_compiler`, because the real one is not available everywhere: a test sets its output."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from edge_cls.tflite.edit import pack
from edge_cls.tflite.graph import unpack

SCRIPT = """#!{python}
import json, pathlib, signal, sys
recipe = json.loads(pathlib.Path(__file__).with_name("recipe.json").read_text())
pathlib.Path(__file__).with_name("arguments.json").write_text(json.dumps(sys.argv[1:]))
given = pathlib.Path(sys.argv[-1])
out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
pathlib.Path(__file__).with_name("given.tflite").write_bytes(given.read_bytes())
print(recipe["console"], flush=True)
if recipe["log"]:
    (out / (given.stem + "_edgetpu.log")).write_text(recipe["log"])
if recipe["model"]:
    (out / (given.stem + "_edgetpu.tflite")).write_bytes(pathlib.Path(recipe["model"]).read_bytes())
if recipe["hangs"]:
    signal.pause()
sys.exit(recipe["code"])
"""


def table(*rows: tuple[str, int, str]) -> str:
    """Return the compiler's table of operators."""
    lines = [f"{operator:30} {count:<10} {status}" for operator, count, status in rows]
    return "\n".join([f"{'Operator':30} {'Count':10} Status", "", *lines])


def console(rows: str, *, subgraphs: int = 1, seconds: int = 180) -> str:
    """Return the console output of compiler 16.0 after a success."""
    return f"""Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of {seconds} seconds.

Model compiled successfully in 312 ms.

Input model: model.tflite
Input size: 6.17KiB
Output model: model_edgetpu.tflite
Output size: 81.30KiB
On-chip memory used for caching model parameters: 12.00KiB
On-chip memory remaining for caching model parameters: 7.89MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: {subgraphs}
Total number of operations: 6
Operation log: model_edgetpu.log
{rows}
Compilation child process completed within timeout period.
Compilation succeeded!
"""


def log(rows: str) -> str:
    """Return the log file of compiler 16.0."""
    return f"Edge TPU Compiler version 16.0.384591198\nInput: model.tflite\nOutput: model_edgetpu.tflite\n\n{rows}\n"


def install(
    folder: Path, *, console: str, log: str = "", model: Path | None = None, code: int = 0, hangs: bool = False
) -> None:
    """Create `folder` with an `edgetpu_compiler` that behaves like this."""
    folder.mkdir()
    recipe = {"console": console, "log": log, "model": str(model) if model else "", "code": code, "hangs": hangs}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    script = folder / "edgetpu_compiler"
    script.write_text(SCRIPT.format(python=sys.executable))
    script.chmod(0o755)


def compiled(network: bytes, *left: int, operator: str = "edgetpu-custom-op") -> bytes:
    """Return `network` in compiled form: one operator replaces all except those at the indices `left`."""
    model = unpack(network, "the network")
    graph = model.subgraphs[0]
    kept = [graph.operators[index] for index in left]
    code, whole = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = schema.BuiltinOperator.CUSTOM, 32, 1
    code.customCode = operator
    model.operatorCodes = [*model.operatorCodes, code]
    whole.opcodeIndex, whole.inputs = len(model.operatorCodes) - 1, graph.inputs
    whole.outputs = kept[0].inputs[:1] if kept else graph.outputs
    whole.customOptions = [1, 2, 3]
    graph.operators = [whole, *kept]
    return pack(model)
