"""The docstrings below the fields of models, read from the source when they are first asked for.

pydantic's `use_attribute_docstrings` reads them whenever the class is imported: a fifth of the start of `ncco check`.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from pydantic import BaseModel

_Docs = Mapping[str, str]


@cache
def field_docs(model: type[BaseModel]) -> _Docs:
    """The docstrings of a model by field, those of the models that it extends included. Empty without the source."""
    own = model.__mro__[: model.__mro__.index(BaseModel)]
    return {
        name: text for each in reversed(own) for name, text in _docs_of(each.__module__).get(each.__name__, {}).items()
    }


@cache
def _docs_of(module: str) -> Mapping[str, _Docs]:
    """The docstrings of the fields of each class of a module."""
    try:
        source = inspect.getsource(sys.modules[module])
    except OSError:
        return {}
    return {each.name: _docs_in(each) for each in ast.parse(source).body if isinstance(each, ast.ClassDef)}


def _docs_in(written: ast.ClassDef) -> _Docs:
    found = {}
    for line, below in pairwise(written.body):
        match line, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = inspect.cleandoc(text)
    return found
