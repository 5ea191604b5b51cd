"""Values with braces: literal texts, texts with `{{ }}`, and template files."""

from __future__ import annotations

from app.flow.templates.compiled import compile_file, compile_value
from app.flow.templates.values import Computed, Escape, Literal, Native

__all__ = ["Computed", "Escape", "Literal", "Native", "compile_file", "compile_value"]
