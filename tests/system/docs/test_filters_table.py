"""The table of filters matches their declarations, and a caller hears every example."""

from __future__ import annotations

import json

from ncco_server.engine import CallData
from ncco_server.flow.loader import load
from ncco_server.flow.templates.filters import FILTERS
from tests.support.cases import each_case
from tests.system.docs.filters_table import PAGE, page
from tests.system.docs.flow_blocks import as_project
from tests.unit.server.engine.scripted_call import LEG, ScriptedCall

CALL = CallData(to="442079460000", from_number="447700900123", from_user="anna", uuid=LEG)
STEP = """\
set: {{topic: refund-now, account: "1200", tries: 3, answers: [tea, milk, rum]}}
do:
  - talk: {text}
goto: end
"""


def test_the_table_has_the_current_filters() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"


@each_case("name", FILTERS)
def test_the_example_of_a_filter_can_be_spoken(name: str) -> None:
    example = FILTERS[name].example
    project = load(as_project(STEP.format(text=json.dumps(f"Said: {example}."))))
    assert [] == [str(issue) for issue in project.issues if issue.is_error]

    call = ScriptedCall(project.flows["page"], call=CALL)

    assert f"| {name}" in example
    assert [] == [line for line in call.turn.trace if line.did == "failed"]
    assert call.said[0].removeprefix("Said: ").strip(". ")
