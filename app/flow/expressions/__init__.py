"""Bare expressions of the flow language: the text of `if`, `until` and `check`, and what stands in braces."""

from __future__ import annotations

from app.flow.expressions.compiled import Expression, compile_expression

__all__ = ["Expression", "compile_expression"]
