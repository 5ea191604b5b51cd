"""The one table of rules: every code that `check` can report."""

from __future__ import annotations

from app.ncco.issue import Rule
from app.ncco.rules.advice import ADVICE_RULES
from app.ncco.rules.manner import MANNER_RULES
from app.ncco.rules.option import OPTION_RULES
from app.ncco.rules.order import ORDER_RULES
from app.ncco.rules.shape import SHAPE_RULES
from app.ncco.rules.speech import SPEECH_RULES
from app.ncco.rules.value import VALUE_RULES

RULES: dict[str, Rule] = {
    rule.code: rule
    for rules in (SHAPE_RULES, VALUE_RULES, OPTION_RULES, ORDER_RULES, SPEECH_RULES, ADVICE_RULES, MANNER_RULES)
    for rule in rules
}
"""By code. N1xx: shape, types, ranges. N2xx: between options. N3xx: between actions. N4xx: text. N9xx: warnings."""
