"""The people that a virtual Vonage calls, from a file: whether they pick up, and what they press and say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Final

from ncco_server.flow.grammar.reader import Reader, items
from ncco_server.flow.issues import FlowIssue, by_place
from ncco_server.flow.nodes import Entry
from ncco_server.flow.source import read_yaml
from ncco_server.ncco.value_types import JsonSchema, digits_in
from ncco_studio.schema import file_schema
from ncco_studio.simulator.parties import ENDLESS, Behaviour, PartyOutcome
from ncco_studio.verify.scenarios.script import PRESSES, Spoken, acts_of
from ncco_studio.verify.scenarios.values import SECONDS, ScenarioModel, ScenarioReader, named

_HOW: Final = 'write `people: {"447700900123": {after: 6s, presses: 1}}`'


class CalledPerson(ScenarioModel):
    """What a called person does in one call."""

    short: ClassVar = "outcome"

    after: Annotated[float, SECONDS] = 4.0
    """how long it rings before the person does something"""
    picks_up: bool = True
    """`false`: it rings until the caller gives up"""
    outcome: PartyOutcome = "answered"
    """instead of `picks_up`: any result of a call"""
    presses: Annotated[tuple[str | Spoken, ...], PRESSES] = ()
    """the person's input each time that the call waits for it: keys, `{speak: text}`, or "" for silence"""
    talks: Annotated[float, SECONDS] = 30.0
    """how long the person stays on the line after that"""

    @property
    def behaviour(self) -> Behaviour:
        if not self.picks_up:
            return Behaviour("timeout", ENDLESS)
        return Behaviour(self.outcome, self.after, self.talks, script=acts_of(self.presses))


def _read_person(entry: Entry, reader: Reader) -> tuple[Behaviour, ...] | None:
    """Return None with an error."""
    what = f'"{entry.key.value}"'
    found = [CalledPerson.read(item, what, reader) for item in items(entry.value)]
    for person in found:
        if person is not None and person.written.get("picks_up") and person.written.get("outcome"):
            reader.report("S102", person.at("outcome"), "`picks_up` is written too", "delete one of the two")
    return tuple(person.behaviour for person in found if person is not None)


class People(ScenarioModel):
    """A file of people."""

    cures: ClassVar = {"people": _HOW}

    people: Annotated[
        Mapping[str, tuple[Behaviour, ...]],
        named(
            _read_person,
            _HOW,
            {"anyOf": [CalledPerson.json_schema(), {"type": "array", "items": CalledPerson.json_schema()}]},
        ),
    ]
    """by number: what the person does; in a list, call by call, and the last entry repeats"""


def read_people(file: str, text: str) -> tuple[dict[str, tuple[Behaviour, ...]], list[FlowIssue]]:
    """Behaviours by address (phone numbers as digits), and issues sorted by place."""
    node, found = read_yaml(file, text)
    reader = ScenarioReader(issues=[replace(issue, cure=_HOW) if issue.code == "E120" else issue for issue in found])
    people = People.read(node, "a file of people", reader) if node is not None else None
    by_address = people.people if people is not None else {}
    return {digits_in(name): each for name, each in by_address.items()}, sorted(reader.issues, key=by_place)


def people_schema() -> JsonSchema:
    return file_schema("People that `ncco vonage` calls", People.json_schema())
