"""The one table of rules of the flow language: every code that a check can report."""

from __future__ import annotations

from app.flow.rules.expressions import EXPRESSION_RULES
from app.flow.rules.hooks import HOOK_RULES
from app.flow.rules.hours import HOUR_RULES
from app.flow.rules.locales import LOCALE_RULES
from app.flow.rules.lookups import LOOKUP_RULES
from app.flow.rules.ncco import NCCO_RULES
from app.flow.rules.prompts import PROMPT_RULES
from app.flow.rules.rule import Rule
from app.flow.rules.structure import STRUCTURE_RULES
from app.flow.rules.text import TEXT_RULES
from app.flow.rules.usage import USAGE_RULES

__all__ = ["RULES", "Rule"]

RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        *TEXT_RULES,
        *STRUCTURE_RULES,
        *EXPRESSION_RULES,
        *NCCO_RULES,
        *LOCALE_RULES,
        *PROMPT_RULES,
        *HOUR_RULES,
        *LOOKUP_RULES,
        *HOOK_RULES,
        *USAGE_RULES,
    )
}
"""By code. E1xx: YAML text. E2xx: structure. E3xx: expressions, templates, types. E4xx: NCCO rules. W: warnings."""
