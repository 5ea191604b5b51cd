"""Reads the docstrings after the fields of classes from the source. It takes long."""

from __future__ import annotations

import ast
import inspect
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Final, TypeVar

_PARSING: Final = threading.RLock()
"""Python 3.11 counts the depth of a tree for all threads together: a second one raises SystemError."""

T = TypeVar("T")


def field_docs(owner: type[T], base: type[T]) -> Mapping[str, str]:
    """The docs of a class and its bases, from `base` on."""
    found: dict[str, str] = {}
    for each in reversed(owner.__mro__):
        if issubclass(each, base):
            found |= _docstrings(each.__module__).get(each.__name__, {})
    return found


@cache
def _docstrings(module: str) -> Mapping[str, Mapping[str, str]]:
    with _PARSING:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {each.name: dict(_docstrings_in(each)) for each in classes}


def _docstrings_in(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, following in pairwise(definition.body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
