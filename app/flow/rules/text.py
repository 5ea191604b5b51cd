"""Rules of the flow language: YAML text (E1xx)."""

from __future__ import annotations

from app.flow.rules.rule import Rule

TEXT_RULES: tuple[Rule, ...] = (
    Rule("E101", "error", "YAML cannot be read", "write one `key: value` a line, indented with spaces"),
    Rule("E102", "error", "a key is written twice", "keep one of them, or give one another name"),
    Rule("E120", "error", "the file is empty", "write a flow, or delete the file"),
)
