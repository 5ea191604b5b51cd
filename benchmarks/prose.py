"""Prints the words of docstrings and comments per 100 lines of code, by package: `python -m benchmarks.prose`.

A text below an attribute is a docstring. Lines of docstrings are no lines of code.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1] / "app" / "ncco_server"
_NO_CODE: Final = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def counted(source: str) -> Counter[str]:
    """The number of `words` of docstrings and comments, and of lines of `code`."""
    words = 0
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                words += len(text.split())
                docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            case _:
                pass
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            words += len(token.string.lstrip("#").split())
        elif token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return Counter(words=words, code=len(code - docstrings))


def main() -> None:
    """Print one figure for each package, and for all."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        first, *others = path.relative_to(PACKAGE).parts
        found.setdefault(first if others else "modules", Counter()).update(counted(path.read_text(encoding="utf-8")))
    rates = {name: 100 * each["words"] / max(1, each["code"]) for name, each in found.items()}
    whole = sum(found.values(), Counter[str]())
    shown = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
    rate = 100 * whole["words"] / whole["code"]
    print(f"words of docstrings and comments per 100 lines of code: {rate:.0f} ({shown})")


if __name__ == "__main__":
    main()
