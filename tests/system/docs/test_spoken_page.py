"""The table of spoken filters shows what they say."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.scope import scope_types
from ncco_server.flow.templates.compiler import compile_value
from ncco_server.flow.templates.parsing import Templates
from ncco_server.ncco.value_types import DATETIME, TYPES, record
from tests.support.cases import each_case
from tests.support.tracked import text_of

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
CALL = {
    "hours": {"office": {"next_open": datetime(2026, 3, 5, 9, tzinfo=ZoneInfo("Europe/London"))}},
    "call": {"from": "447700900123"},
}


def test_the_table_is_found() -> None:
    assert 24 == len(CASES)


@each_case(("written", "language", "told"), CASES)
def test_the_page_shows_the_spoken_texts(written: str, language: str, told: str) -> None:
    text = Text(f"{{{{ {written} }}}}", Place("docs/reference/text.md", 1, 1))
    value, issues = compile_value(text, TYPES["text"], "talk", SCOPE, Templates(), language=language)

    assert [] == issues
    assert value is not None
    assert told == value.render(CALL)
