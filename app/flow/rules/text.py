"""Rules of the flow language: text."""

from __future__ import annotations

from app.flow.rules.rule import Rule

TEXT_RULES: tuple[Rule, ...] = ()
