"""What the text under a field of a model says of it, read when somebody asks: a start of the command needs none."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise


def told(model: type, field: str) -> str:
    """The sentences under a field, in the class or in one that it inherits from; "" when there are none."""
    return next((texts[field] for texts in map(_texts, model.__mro__) if field in texts), "")


@cache
def _texts(owner: type) -> dict[str, str]:
    """The text under each annotated field of one class; {} where its source is not at hand."""
    try:
        source = textwrap.dedent(inspect.getsource(owner))
    except (OSError, TypeError):
        return {}
    (definition,) = ast.parse(source).body
    lines = definition.body if isinstance(definition, ast.ClassDef) else []
    return {name: text for name, text in map(_under, pairwise(lines)) if text}


def _under(pair: tuple[ast.stmt, ast.stmt]) -> tuple[str, str]:
    """The field of the first statement and the text of the second, as far as they are that."""
    line, below = pair
    if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
        return "", ""
    if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
        return line.target.id, ""
    return line.target.id, " ".join(str(below.value.value).split())
