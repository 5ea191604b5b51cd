"""Rules of the flow language: expressions."""

from __future__ import annotations

from app.flow.rules.rule import Rule

EXPRESSION_RULES: tuple[Rule, ...] = ()
