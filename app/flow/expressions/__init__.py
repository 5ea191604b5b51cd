"""Bare expressions of the flow language: the text of `if`, `until` and `check`, and what stands in braces."""

from __future__ import annotations

from app.flow.expressions.compiled import Expression, compile_expression
from app.flow.expressions.speech import LANGUAGE

__all__ = ["LANGUAGE", "Expression", "compile_expression"]
