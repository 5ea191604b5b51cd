"""The tables of filters and spoken values say what happens."""

from __future__ import annotations

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from ncco_server.engine import CallData
from ncco_server.flow.loader import load
from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.scope import scope_types
from ncco_server.flow.templates.compiler import compile_value
from ncco_server.flow.templates.filters import FILTERS
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.value_types import DATETIME, TYPES, record
from tests.support.cases import each_case
from tests.support.tracked import text_of
from tests.system.docs.flow_blocks import as_project
from tests.unit.server.engine.scripted_call import LEG, ScriptedCall

CALL = CallData(to="442079460000", from_number="447700900123", from_user="anna", uuid=LEG)
STEP = """\
set: {{topic: refund-now, account: "1200", tries: 3, answers: [tea, milk, rum]}}
do:
  - talk: {text}
goto: end
"""


@each_case("name", FILTERS)
def test_the_example_of_a_filter_can_be_spoken(name: str) -> None:
    example = FILTERS[name].example
    project = load(as_project(STEP.format(text=json.dumps(f"Said: {example}."))))
    assert [] == [str(issue) for issue in project.issues if issue.is_error]

    call = ScriptedCall(project.flows["page"], call=CALL)

    assert f"| {name}" in example
    assert [] == [line for line in call.turn.trace if line.did == "failed"]
    assert call.said[0].removeprefix("Said: ").strip(". ")


_ROW = re.compile(r"^\| (?P<written>`.+`) \| (?P<english>.+) \| (?P<german>.+) \|$", re.MULTILINE)
SECTION = text_of("docs/reference/text.md").partition("## Spoken values")[2].partition("`spoken` also accepts")[0]
ROWS = [(row["written"].replace(r"\|", "|"), row["english"], row["german"]) for row in _ROW.finditer(SECTION)]
CASES = [
    (written.replace("...", "hours.office.next_open"), language, english if told == "the same" else told)
    for row, english, german in ROWS
    for written in re.findall("`(.+?)`", row)
    for language, told in (("en-GB", english), ("de-DE", german))
]
SCOPE = scope_types({}).with_name("hours", record({"office": record({"next_open": DATETIME})}))
NAMES = {
    "hours": {"office": {"next_open": datetime(2026, 3, 5, 9, tzinfo=ZoneInfo("Europe/London"))}},
    "call": {"from": "447700900123"},
}


def test_the_table_of_spoken_values_is_found() -> None:
    assert 24 == len(CASES)


@each_case(("written", "language", "told"), CASES)
def test_the_page_shows_the_spoken_texts(written: str, language: str, told: str) -> None:
    text = Text(f"{{{{ {written} }}}}", Place("docs/reference/text.md", 1, 1))
    value, issues = compile_value(text, TYPES["text"], "talk", SCOPE, Templates(), language=language)

    assert [] == issues
    assert value is not None
    assert told == value.render(NAMES)
