"""Prints how much prose the code has, per 100 lines, and how many words the docs have: `python -m benchmarks.prose`.

A text below an attribute is a docstring. Lines of docstrings are no lines of code. Some docstrings are read by the
program or its reference pages: those of language records and documents, of commands, and of the HTTP API. Words of the
docs are those that people have written: without code, comments, and what `make docs` and `make bench` write.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "app" / "ncco_server"
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


_GENERATED_PAGE: Final = "<!-- written by make docs -->"
_NO_PROSE: Final = re.compile(r"^ *```.*?^ *```$|<!-- ([a-z]+) -->.*?<!-- /\1 -->|<!--.*?-->", re.MULTILINE | re.DOTALL)


def words_of_page(text: str) -> int:
    """The number of words of a Markdown page that somebody has written; 0 if the whole page is generated."""
    return 0 if _GENERATED_PAGE in text else len(_NO_PROSE.sub("", text).split())


def docs() -> dict[str, int]:
    """The number of words of each page in docs/, and of the pages beside the README, most first."""
    pages = [*ROOT.glob("docs/**/*.md"), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY"))]
    words = {str(page.relative_to(ROOT)): words_of_page(page.read_text(encoding="utf-8")) for page in pages}
    return dict(sorted(words.items(), key=lambda item: -item[1]))


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
    """Print one figure for each package and for all, and those of the docs."""
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
    pages = docs()
    reference = sum(words for name, words in pages.items() if name.startswith("docs/reference/"))
    longest = ", ".join(f"{name} {words:,}" for name, words in list(pages.items())[:5])
    print(f"words of pages: {sum(pages.values()) - reference:,}, and {reference:,} in docs/reference ({longest})")


if __name__ == "__main__":
    main()
