"""Scenario files. Each scenario is a call, a script for the caller, and expectations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from math import inf, nextafter
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

from ncco_server.flow.grammar.forms import TEXT, Notation, ref
from ncco_server.flow.grammar.map_form import SetByCode, written_as
from ncco_server.flow.grammar.reader import Reader, items
from ncco_server.flow.issues import FlowIssue, by_place
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq
from ncco_server.flow.source import read_yaml
from ncco_server.ncco.value_types import JsonSchema
from ncco_server.sample_calls import FROM, YEARS
from ncco_studio.schema import file_schema
from ncco_studio.simulator.assumptions import After
from ncco_studio.verify.faults import FAULTS, LIMITS
from ncco_studio.verify.scenarios.answers import GivenAnswers, read_given
from ncco_studio.verify.scenarios.script import EXPECTING, KINDS, ScriptStep, read_script
from ncco_studio.verify.scenarios.values import (
    ANY_MAP,
    EXCERPTS,
    TEXT_MAP,
    Excerpt,
    ScenarioModel,
    ScenarioReader,
    UpperLimit,
    json_of,
    listed,
    named,
    read_as,
    read_json,
    read_seconds,
    read_word,
)

AT: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
"""A Wednesday morning."""
DEFAULTS: Final = "defaults"

_SCRIPT: Final = "write `script:` below it, and one step per line"
_IN_CALLS: Final = tuple(name for name, each in FAULTS.items() if each.in_call)
_SHOWN: Final = 60
"""In characters of a name in a message."""
_NUMBER: Final = r"(\d{1,6}(?:\.\d{1,3})?)"
_LIMIT: Final = re.compile(rf"([<>]=?)\s*{_NUMBER}")
_BETWEEN: Final = re.compile(rf"{_NUMBER}\s*\.\.\s*{_NUMBER}")
_ABOUT: Final = re.compile(f"{_NUMBER}s?")
_ABOUT_S: Final = 0.5


class Range(NamedTuple):
    """Numbers from `low` to `high`; `written` is the text in the file."""

    low: float
    high: float
    written: str


class ExpectedHook(NamedTuple):
    """An expected hook. `json`: what its body must contain; None for any body."""

    place: Place
    name: str
    json: Any = None


class ExpectedVariable(NamedTuple):
    """The expected final value of a variable, or a part of it."""

    place: Place
    value: Any
    node: Node | None = None


def _moment(text: str) -> datetime | None:
    """Without a time zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if moment.year in YEARS else None


_read_time = read_as(
    _moment,
    f"write it as 2026-12-24T10:00, or with a time zone as 2026-12-24T10:00+01:00, from {YEARS[0]} to {YEARS[-1]}",
)


class HoursByHand(ScenarioModel):
    """What somebody has decided for opening hours."""

    short: ClassVar = "state"

    state: Literal["open", "closed"]
    """whether they are open"""
    reason: str = ""
    """why, which callers hear as the name of a holiday"""
    until: Annotated[datetime | None, Notation(_read_time, TEXT)] = None
    """when this ends; by default, a day after the call began"""

    def as_written(self) -> Any:
        """See `ScenarioModel`; the state alone becomes its word."""
        found = super().as_written()
        return self.state if found.keys() == {"state"} else found


class ScenarioCall(ScenarioModel):
    """A call to make."""

    to: str = ""
    """the number that is called"""
    from_: str = written_as("from", default=FROM)
    """the caller: a number (in quotes) or a SIP URI"""
    flow: str = ""
    """the flow that takes the call; by default, the one that the scenario's file is named after"""
    query: Annotated[Mapping[str, str], TEXT_MAP] = field(default_factory=dict)
    """the query of the answer URL: params of the flow, and `direction`"""
    sip: Annotated[Mapping[str, str], TEXT_MAP] = field(default_factory=dict)
    """SIP headers by name"""
    user: str = ""
    """the user of a Client SDK application"""
    custom_data: Annotated[Any, Notation(read_json, {})] = None
    """the data that a Client SDK application sends"""
    endpoint_type: Literal["phone", "sip", "app", "vbc", "websocket"] | None = None
    """the endpoint type of the caller, if the other fields do not imply it"""
    uuid: str = ""
    """the ID of the caller's leg, from which handlers draw random numbers; by default, one is made up"""
    places: str = written_as("place", default="")
    """the flow that the server places the call with; it needs `outbound`, and `to` is then the number to call"""
    values: Annotated[Mapping[str, Any], Notation(read_json, ANY_MAP)] = written_as("with", default_factory=dict)
    """the params of the flow under `place`"""
    made_at: Annotated[datetime, Notation(_read_time, TEXT)] = written_as("at", default=AT)
    """when the call is made or, with `place`, requested, such as 2026-12-24T10:00; UTC without a time zone"""
    by_hand: Annotated[
        Mapping[str, HoursByHand],
        named(
            lambda entry, reader: HoursByHand.read(
                entry.value, f'the opening hours "{entry.key.value}"', reader, place=entry.key.place
            ),
            "write `by_hand: {salon: closed}`",
            HoursByHand.json_schema(),
        ),
    ] = field(default_factory=dict)
    """opening hours that somebody has closed or opened by hand, such as {salon: closed}"""


def _range(written: str) -> Range | None:
    """Read `<40`, `>10`, `30..40`, or `35`, which allows half a second more or less."""
    if found := _LIMIT.fullmatch(written):
        limit = float(found[2])
        ends = {
            "<": (-inf, nextafter(limit, -inf)),
            "<=": (-inf, limit),
            ">": (nextafter(limit, inf), inf),
            ">=": (limit, inf),
        }
        return Range(*ends[found[1]], written)
    if (found := _BETWEEN.fullmatch(written)) and float(found[1]) <= float(found[2]):
        return Range(float(found[1]), float(found[2]), written)
    if found := _ABOUT.fullmatch(written):
        return Range(float(found[1]) - _ABOUT_S, float(found[1]) + _ABOUT_S, written)
    return None


_read_range = read_as(_range, 'write "<40", ">10", 30..40 or 35')


def _read_hooks(node: Node, what: str, reader: Reader) -> tuple[ExpectedHook, ...]:
    """Read names, or `{name: a part of its body}`."""
    found: list[ExpectedHook] = []
    for item in items(node):
        if isinstance(item, Map):
            found += [ExpectedHook(entry.key.place, entry.key.value, json_of(entry.value)) for entry in item.entries]
        elif text := reader.text(item, "a hook"):
            found.append(ExpectedHook(text.place, text.value))
    return tuple(found)


def _read_without(node: Node, what: str, reader: Reader) -> dict[str, UpperLimit]:
    """Read `dead_end`, a list of such words, or `{silence: 20s}`."""
    found: dict[str, UpperLimit] = {}
    for item in items(node):
        if isinstance(item, Map):
            for entry in item.entries:
                if entry.key.value not in LIMITS:
                    reader.unknown("S102", entry.key, LIMITS, f'{what} does not count "{entry.key.value}"')
                elif (most := read_seconds(entry.value, f"`{entry.key.value}`", reader)) is not None:
                    found[entry.key.value] = UpperLimit(most, entry.key.place)
        elif word := read_word(item, _IN_CALLS, what, reader):
            found[word] = UpperLimit(LIMITS.get(word, 0), item.place)
    return found


def _read_action(node: Node, what: str, reader: Reader) -> Any:
    """Read some fields of an NCCO action, or only its name."""
    if isinstance(node, Seq):
        reader.report("S101", node.place, "an action is a list", "write `- {action: talk, ..}`")
        return None
    return json_of(node) if isinstance(node, Map) else {"action": node.value}


def _read_attempts(node: Node, what: str, reader: Reader) -> dict[datetime, str]:
    """Convert the times to UTC."""
    found: dict[datetime, str] = {}
    for entry in reader.entries(node, what, "write `attempts: {2026-03-04T10:00: busy}`"):
        at = _read_time(entry.key, "the time of an attempt", reader)
        outcome = reader.text(entry.value, "the outcome of an attempt")
        if at is not None and outcome is not None:
            found[at.astimezone(UTC)] = outcome.value
    return found


def _read_table(entry: Entry, reader: Reader) -> tuple[Place, tuple[Map, ...]]:
    what = f'a row of the table "{entry.key.value}"'
    rows = (reader.map(item, what, "write `- {number: ..}`") for item in items(entry.value))
    return entry.key.place, tuple(row for row in rows if row is not None)


Rows: TypeAlias = Mapping[str, tuple[Place, tuple[Map, ...]]]
"""By table: the place of the table's name, and the rows, each with values of the key and of columns by name."""
_ROWS = named(
    _read_table,
    'write `tables: {customers: [{number: "447700900123", name: Ada}]}`',
    {"anyOf": [ANY_MAP, {"type": "array", "items": ANY_MAP}]},
)
_HOOKS = {"description": "every hook sent, in order: its name, or {name: a part of its body}"}
_RANGE = {"type": ["number", "string"], "description": '<40, ">10", 30..40 or 35'}


class Expect(ScenarioModel):
    """Expectations about the finished call; only those listed are checked."""

    example: ClassVar = "expect: {end: completed}"

    end: Literal["hangup", "completed", "failsafe", "not_reached"] | None = None
    """how it ended: the caller hung up, it ended by itself, nothing in the flow could be played, or nobody answered"""
    attempts: Annotated[Mapping[datetime, str] | None, Notation(_read_attempts, ANY_MAP)] = None
    """the attempts of a placed call: minute and outcome of each attempt, such as {2026-03-04T10:00: busy}"""
    result: str = ""
    """what became of the call: a result of a flow, or person, message, served, missed or answered"""
    seconds: Annotated[Range | None, Notation(_read_range, _RANGE)] = None
    hooks: Annotated[tuple[ExpectedHook, ...] | None, Notation(_read_hooks, _HOOKS)] = None
    variables: Annotated[
        Mapping[str, ExpectedVariable],
        named(
            lambda entry, _: ExpectedVariable(entry.key.place, json_of(entry.value), entry.value),
            "write `variables: {name: value}`",
        ),
    ] = field(default_factory=dict)
    tables: Annotated[Rows, _ROWS] = field(default_factory=dict)
    """all rows of tables at the end, by table; columns may be left out"""
    said: Annotated[tuple[Excerpt, ...], EXCERPTS] = ()
    """what must be heard, in this order"""
    ncco: Annotated[tuple[Any, ...], listed(_read_action, {})] = ()
    """actions that must be played, in this order: the name or some fields of each action"""
    without: Annotated[Mapping[str, UpperLimit], Notation(_read_without, {})] = field(default_factory=dict)
    """what must not happen to the caller, such as dead_end or {silence: 20s}"""


_read_prefix = read_as(
    lambda text: text if text.isdigit() or text.startswith(("sip:", "sips:")) else None,
    'write digits, such as "44", or "sip:" for SIP addresses',
)


class ScenarioDefaults(ScenarioCall):
    """The fields that scenarios of a file can share under `defaults`."""

    given: Annotated[Mapping[str, GivenAnswers], named(read_given, "write `given: {lookup: {field: value}}`")] = field(
        default_factory=dict
    )
    """the answers of lookups, by name"""
    tables: Annotated[Rows, _ROWS] = field(default_factory=dict)
    """the rows of tables when the call begins, by table; all others are empty"""
    env: Annotated[Mapping[str, str], TEXT_MAP] = field(default_factory=dict)
    """environment variables, which the flows read as env.NAME"""
    dial_allow: Annotated[tuple[str, ...] | None, listed(_read_prefix, TEXT)] = None
    """prefixes of computed numbers that may be dialled; by default those of the settings"""
    after_connect: After | None = None
    """whether Vonage continues or ends the call when a connected party hangs up, instead of what is assumed"""
    expect: Expect = Expect()
    """expectations about the finished call"""


class Scenario(ScenarioDefaults):
    """One scripted call. `name` is a sentence."""

    cures: ClassVar = {"script": "add `script: [..]`; a call may end at once: []"}

    script: Annotated[tuple[ScriptStep, ...], Notation(read_script, ref("script"))] = ()
    """what happens, one step per line"""
    name: SetByCode[str] = ""

    @property
    def expects_something(self) -> bool:
        """Whether the scenario can fail."""
        return bool(self.expect.as_written()) or any(isinstance(step, EXPECTING) for step in self.script)


_MERGED: Final[Mapping[str, Any]] = {
    "given": {},
    "tables": {},
    "env": {},
    "expect": {"variables": {}, "tables": {}, "without": None},
}
"""Fields that a scenario merges with `defaults` entry by entry; None: the lists are concatenated."""


def read_scenarios(file: str, text: str) -> tuple[tuple[Scenario, ...], list[FlowIssue]]:
    """Return the issues sorted by place; never raise. `file` is the path to show.

    Scenarios with an error are left out; with an error in `defaults`, all are.
    """
    node, found = read_yaml(file, text, nullable="given")  # a function may return null, and a server may send it
    cure = "write a scenario, or delete the file"
    reader = ScenarioReader(issues=[replace(issue, cure=cure) if issue.code == "E120" else issue for issue in found])
    scenarios = _read_file(node, reader) if node is not None else ()
    return scenarios, sorted(reader.issues, key=by_place)


def _read_file(node: Node, reader: Reader) -> tuple[Scenario, ...]:
    cure = "write `name of the scenario:` and, indented below it, `script:`"
    found = reader.map(node, "a scenario file", cure)
    if found is None:
        return ()
    before = len(reader.issues)
    shared = Map((), found.place)
    if (written := found.get(DEFAULTS)) is not None:
        shared = reader.map(written, "`defaults`", _SCRIPT) or shared
        ScenarioDefaults.read(shared, "`defaults`", reader)
    is_broken = len(reader.issues) > before or (written is not None and not isinstance(written, Map))
    if is_broken:
        shared = Map((), found.place)
    named = [entry for entry in found.entries if entry.key.value != DEFAULTS]
    if not named:
        reader.report("S103", found.place, "the file does not contain a scenario", cure)
    read = [_read_scenario(entry, shared, reader) for entry in named]
    return () if is_broken else tuple(scenario for scenario in read if scenario is not None)


def _read_scenario(entry: Entry, shared: Map, reader: Reader) -> Scenario | None:
    """Return None if the scenario has an error."""
    before = len(reader.issues)
    name = entry.key
    what = f'the scenario "{name.value[:_SHOWN]}"'
    own = reader.map(entry.value, what, _SCRIPT)
    if own is None:
        return None
    words = Scenario.read_words(_merged(own, shared, _MERGED), what, reader, place=name.place)
    read = Scenario.build(words, reader, name=name.value)
    if read is None or len(reader.issues) > before:
        return None
    if isinstance(words.get("script"), Seq) and not read.expects_something:
        reader.report("S111", name.place, f"{what} expects nothing, so it can hardly fail")
    return read


def _merged(own: Map, shared: Map, within: Mapping[str, Any]) -> Map:
    """The map's own entries replace shared ones.

    Only fields in `within` are merged entry by entry or concatenated.
    """
    mine = {entry.key.value: entry for entry in own.entries}
    found = dict(mine)
    for entry in shared.entries:
        word = entry.key.value
        theirs = entry.value
        if word not in mine:
            found[word] = entry
        elif word in within and within[word] is None:
            found[word] = Entry(mine[word].key, Seq((*items(theirs), *items(mine[word].value)), mine[word].value.place))
        elif word in within and isinstance(ours := mine[word].value, Map) and isinstance(theirs, Map):
            found[word] = Entry(mine[word].key, _merged(ours, theirs, within[word]))
    return Map(tuple(found.values()), own.place)


def scenario_schema() -> JsonSchema:
    alone = [kind.word for kind in KINDS if kind.is_alone()]
    definitions = {
        "script": {"type": "array", "items": ref("step")},
        "step": {"anyOf": [{"enum": alone}, *(kind.json_schema() for kind in KINDS if kind.words())]},
    }
    schema = {
        "type": "object",
        "properties": {
            DEFAULTS: ScenarioDefaults.json_schema() | {"description": "shared by all scenarios of this file"}
        },
        "additionalProperties": Scenario.json_schema(),
        "definitions": definitions,
    }
    return file_schema("Scenarios: scripted calls, and what callers must hear", schema)
