"""Prints the words of docstrings and comments per 100 lines of code, by package: `python -m benchmarks.prose`.

A text below an attribute is a docstring. Lines of docstrings are no lines of code. Some docstrings are read by the
program or its reference pages: those of language records and documents, of commands, and of the HTTP API.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1] / "app" / "ncco_server"
_NO_CODE: Final = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}

_READ: Final = {"MapForm", "NccoModel", "RowDocument", "Variables"}
"""Classes whose docstrings are read, like those of their subclasses."""
_READ_IN: Final = {"cli": {"command", "group"}, "web": {"delete", "get", "patch", "post", "put"}}
"""Package → the decorators of functions whose docstrings are read."""


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


def _subclasses(trees: Iterable[ast.Module], of: Set[str]) -> set[str]:
    """Classes are found by name, which is unique in the package."""
    bases = {
        node.name: {ast.unparse(base) for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = set(of)
    while more := {name for name, each in bases.items() if each & found} - found:
        found |= more
    return found


def _texts(body: Iterable[ast.stmt]) -> Iterator[str]:
    for each in body:
        match each:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text
            case _:
                pass


def _decorators(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    names = (each.func if isinstance(each, ast.Call) else each for each in function.decorator_list)
    return {ast.unparse(name).rpartition(".")[2] for name in names}


def read_words(package: str, tree: ast.Module, classes: Set[str]) -> int:
    words = 0
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) if name in classes:
                texts = list(_texts(node.body))
            case ast.FunctionDef() | ast.AsyncFunctionDef() if _decorators(node) & _READ_IN.get(package, set()):
                texts = [ast.get_docstring(node) or ""]
            case _:
                continue
        words += sum(len(text.split()) for text in texts)
    return words


def main() -> None:
    """Print one figure for each package, and for all."""
    found: dict[str, Counter[str]] = {}
    sources = {path.relative_to(PACKAGE): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    trees = {path: ast.parse(source) for path, source in sources.items()}
    classes = _subclasses(trees.values(), _READ)
    for path, source in sources.items():
        package = path.parts[0] if path.parts[1:] else "modules"
        found.setdefault(package, Counter()).update(
            counted(source) + Counter(read=read_words(package, trees[path], classes))
        )
    rates = {name: 100 * each["words"] / max(1, each["code"]) for name, each in found.items()}
    whole = sum(found.values(), Counter[str]())
    shown = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
    rate = 100 * whole["words"] / whole["code"]
    of_words = f"{whole['read']:,} of {whole['words']:,} words are used at run time"
    print(f"words of docstrings and comments per 100 lines of code: {rate:.0f} ({shown}); {of_words}")


if __name__ == "__main__":
    main()
