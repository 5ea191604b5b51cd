"""Who calls: a number in any form of `from`, or nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.contract.server.http.serving import serving
from tests.support import loopback
from tests.support.cases import each_case
from tests.support.command import json_of, ncco
from tests.support.server import Server

BLOCKED = "447700900123"
FILES = {
    "shared.yaml": "shared: true\ntables: {blocked: {key: {number: phone}}}\nrefuse: {table: blocked, run: sorry}\n",
    "sorry.yaml": "flow: sorry\nentry: true\nstart: a\nsteps: {a: {do: [{talk: Goodbye.}], goto: end}}\n",
    "person.yaml": """\
flow: person
entry: true
start: a
steps:
  a: {do: [{talk: "{{ call.person }}, {{ call.is_hidden }}."}], goto: end}
""",
}


class Called:
    """A server that takes no calls of one number."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.url = f"sqlite:///{folder}/calls.db"
        self._calls = 0

    def hear(self, caller: Mapping[str, object], flow: str = "") -> str:
        self._calls += 1
        leg = f"leg-{self._calls}"
        facts = {"to": "442079460000", "uuid": leg, "conversation_uuid": f"CON-{leg}", **caller}
        reply = loopback.post(f"{self.server.url}/webhooks/answer{flow}", json=facts)
        assert 200 == reply.status_code
        return str(reply.json()[0]["text"])


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Called]:
    folder = tmp_path_factory.mktemp("callers")
    (folder / "flows").mkdir()
    for name, text in FILES.items():
        (folder / "flows" / name).write_text(text)
    url = f"sqlite:///{folder}/calls.db"
    assert 0 == ncco("db", "upgrade", cwd=folder, env={"NCCO_DATABASE_URL": url}).exit_code
    with serving(folder, "--dev", NCCO_DATABASE_URL=url) as server:
        row = ncco("table", "blocked", "set", BLOCKED, cwd=folder, env={"NCCO_DATABASE_URL": url})
        assert 0 == row.exit_code, row.output
        yield Called(server, folder)


FORMS = each_case(
    "caller",
    [
        {"from": "447700900123"},
        {"from": 447700900123},
        {"from": "+447700900123"},
        {"from": "00447700900123"},
        {"from": "+44 7700 900123"},
        {"from": "+44-7700-900123"},
        {"from": "tel:+447700900123"},
        {"from": "sip:447700900123@198.51.100.1"},
        {"from": "sip:+447700900123@pbx.example.com:5060;user=phone"},
        {"from": "<sips:00447700900123@pbx.example.com>"},
        {"from": "07700 900123"},
        {"from_user": "447700900123"},
    ],
)


@FORMS
def test_a_blocked_number_is_refused_in_every_form(called: Called, caller: dict[str, object]) -> None:
    assert "Goodbye." == called.hear(caller)


@each_case(
    "caller",
    [
        {"from": "447700900124"},
        {"from": "sip:447700900124@447700900123.example.com"},
        {"from": "wss://example.com/447700900123"},
        {"from": "anonymous"},
        {"from": ""},
        {"from_user": "ada"},
        {},
    ],
)
def test_everybody_else_is_heard(called: Called, caller: dict[str, object]) -> None:
    assert "Hello." == called.hear(caller)


@FORMS
def test_a_table_counts_the_caller_as_the_person_that_is_refused(called: Called, caller: dict[str, object]) -> None:
    number = {name: str(value).replace("900123", "900125") for name, value in caller.items()}
    assert "447700900125, false." == called.hear(number, "/person")


WITHHELD = [
    "",
    "anonymous",
    "Anonymous",
    "UNKNOWN",
    "restricted",
    "Private",
    "unavailable",
    "266696687",
    "+266696687",
    "sip:anonymous@anonymous.invalid",
]


@each_case("caller", [*WITHHELD, "sip:ada@example.com", "ada", "12345", "٤٤٧٧٠٠٩٠٠١٢٣", "+"])
def test_a_caller_without_a_number_is_hidden(called: Called, caller: str) -> None:
    assert ", true." == called.hear({"from": caller}, "/person")


def test_withheld_callers_have_no_name_in_any_list(called: Called) -> None:
    for caller in WITHHELD:
        called.hear({"from": caller})
    listed = ncco("calls", "--format", "json", cwd=called.folder, env={"NCCO_DATABASE_URL": called.url})
    assert [""] * len(WITHHELD) == [call["from"] for call in json_of(listed)["calls"][: len(WITHHELD)]]
