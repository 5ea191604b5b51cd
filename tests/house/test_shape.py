"""The sizes that the code keeps to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.tracked import text_of, tracked_files

LONGEST_FILE = 300
LONGEST_FUNCTION = 40

CODE = tuple(name for name in tracked_files() if name.startswith("app/") and name.endswith(".py"))


def long_functions(name: str) -> Iterator[str]:
    """The functions of a file that are longer than they may be, docstring not counted."""
    for node in ast.walk(ast.parse(text_of(name))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            lines = (node.end_lineno or 0) - first.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{name}: {node.name} has {lines} lines"


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {name: len(text_of(name).splitlines()) for name in CODE}

    assert {} == {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_no_function_is_longer_than_40_lines() -> None:
    assert [] == [line for name in CODE for line in long_functions(name)]
