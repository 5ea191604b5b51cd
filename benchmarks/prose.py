"""Prints how much prose the code has, per 100 lines, and how many words the docs have: `python -m benchmarks.prose`.

A text below an attribute is a docstring. Lines of docstrings are no lines of code. Words of the docs are those that
people have written: without code, comments, and what `make docs` and `make bench` write.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "app" / "ncco_server"
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


def main() -> None:
    """Print one figure for each package and for all, and those of the docs."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        first, *others = path.relative_to(PACKAGE).parts
        found.setdefault(first if others else "modules", Counter()).update(counted(path.read_text(encoding="utf-8")))
    rates = {name: 100 * each["words"] / max(1, each["code"]) for name, each in found.items()}
    whole = sum(found.values(), Counter[str]())
    shown = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
    rate = 100 * whole["words"] / whole["code"]
    print(f"words of docstrings and comments per 100 lines of code: {rate:.0f} ({shown})")
    pages = docs()
    reference = sum(words for name, words in pages.items() if name.startswith("docs/reference/"))
    longest = ", ".join(f"{name} {words:,}" for name, words in list(pages.items())[:5])
    print(f"words of pages: {sum(pages.values()) - reference:,}, and {reference:,} in docs/reference ({longest})")


if __name__ == "__main__":
    main()
