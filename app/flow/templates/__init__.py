"""Values with braces: literal texts, texts with `{{ }}`, and template files."""

from __future__ import annotations

from app.flow.templates.values import Computed, Escape, Literal, compile_file, compile_value

__all__ = ["Computed", "Escape", "Literal", "compile_file", "compile_value"]
