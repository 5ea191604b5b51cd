"""Rules of the flow language: structure."""

from __future__ import annotations

from app.flow.rules.rule import Rule

STRUCTURE_RULES: tuple[Rule, ...] = ()
