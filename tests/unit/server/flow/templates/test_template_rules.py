from __future__ import annotations

from typing import Any

from ncco_server.flow.issues import RULES, RUNNING_RULES
from ncco_server.ncco.value_types import TYPES, Escape
from tests.support.cases import each_case
from tests.unit.server.flow.templates.cases import NAMES, names, refusal, value

BROKEN: dict[str, tuple[str, Escape, str, dict[str, Any]]] = {
    "E391": ("Hello {{ call.custom_data.nobody }}", "talk", "text", NAMES),
    "E392": ("https://{{ env.TEAM }}", "url", "url", names(env={"TEAM": ""})),
    "E393": ("{{ ticket }}", "number", "text", names(ticket="call me")),
    "E394": ("{{ ticket }}", "talk", "text", names(ticket="x" * 10_001)),
    "E395": ("{{ call.custom_data.name - 1 }}", "talk", "text", NAMES),
    "E396": (
        "{% for a in [1, 2, 3, 4, 5, 6] %}" + "{% if ticket | spell == '' %}{% endif %}" * 4 + "{% endfor %}",
        "talk",
        "text",
        names(ticket="x" * 3_300),
    ),
}
"""A value, its place and type, and a call in which it breaks the rule."""


@each_case("code", BROKEN)
def test_every_rule_of_a_running_call_has_an_example_that_breaks_it(code: str) -> None:
    source, escape, type_name, known = BROKEN[code]

    assert code == refusal(value(source, escape, TYPES[type_name]), known)[:4]
    assert code in RUNNING_RULES
    assert code not in RULES
