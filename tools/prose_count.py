"""Counts words and turns of phrase in the docstrings and comments of Python files.

    python tools/prose_count.py edge_cls

Prints each count, and the same per 10,000 words. Exit code 1 if a limit is broken: plain technical English has
conditions that begin with "if", and names its subjects.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

PHRASES = {
    "if": r"\bif\b",
    "what is/was/has": r"\bwhat (?:is|was|has)\b",
    "told/tell": r"\b(?:told|tells?|telling)\b",
    "mend": r"\bmend(?:s|ed|ing)?\b",
}
AT_LEAST = {"if": 25.0}
AT_MOST = {"what is/was/has": 6.0, "told/tell": 2.0, "mend": 0.0}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def prose(source: str) -> Iterator[str]:
    """Yield the comments and docstrings of a module, those of its constants included."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(?:noqa|type:|fmt:)", token.string):
            yield token.string.lstrip("# ")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED):
            for statement in node.body:
                # A string alone on a line documents the module, class or function, or the name above it.
                match statement:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        yield text


def count(files: list[Path]) -> tuple[int, dict[str, int]]:
    """Return how many words there are, and how often each of PHRASES stands among them."""
    text = "\n".join(part for file in files for part in prose(file.read_text(encoding="utf-8")))
    found = {name: len(re.findall(pattern, text, re.IGNORECASE)) for name, pattern in PHRASES.items()}
    return len(re.findall(r"[A-Za-z][\w'-]*", text)), found


def main(folders: list[str]) -> int:
    """Print the counts of all Python files in `folders`. Return 1 if a limit is broken, otherwise 0."""
    files = [file for folder in folders for file in sorted(Path(folder).rglob("*.py"))]
    words, found = count(files)
    print(f"{words:,} words in {len(files)} files")  # noqa: T201 - a script
    broken = False
    for name, times in found.items():
        rate = times / words * 10_000
        limit = f"at least {AT_LEAST[name]:g}" if name in AT_LEAST else f"at most {AT_MOST[name]:g}"
        broken |= rate < AT_LEAST.get(name, 0.0) or rate > AT_MOST.get(name, float("inf"))
        print(f"{name:16} {times:5}  {rate:6.1f} per 10,000 words ({limit})")  # noqa: T201 - a script
    return int(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["edge_cls"]))
