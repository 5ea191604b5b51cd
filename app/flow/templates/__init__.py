"""Templates and conditions: the texts of a flow that are computed for each call."""

from __future__ import annotations

from app.flow.templates.compiler import compile_expression, compile_file, compile_value
from app.flow.templates.filters import LANGUAGE
from app.flow.templates.values import Computed, Escape, Expression, Literal, Native

__all__ = [
    "LANGUAGE",
    "Computed",
    "Escape",
    "Expression",
    "Literal",
    "Native",
    "compile_expression",
    "compile_file",
    "compile_value",
]
