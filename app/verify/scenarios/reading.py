"""Scenario files: YAML text → scenarios, and every fault in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from app.flow.issues import Issue, by_place
from app.flow.nodes import Entry, Node, Place
from app.flow.source import read_yaml
from app.verify.scenarios.answers import read_given
from app.verify.scenarios.expecting import over, read_expect
from app.verify.scenarios.model import CallFacts, Expect, Scenario
from app.verify.scenarios.reader import Reader, items, json_of
from app.verify.scenarios.script import read_script

DEFAULTS: Final = "defaults"
CALL_WORDS: Final = ("to", "from", "flow", "sip", "user", "custom_data", "endpoint_type", "at")
ENDPOINTS: Final = ("phone", "sip", "app", "vbc", "websocket")
"""Source: webhook reference, Answer (endpoint_type)."""
WORDS: Final = ("call", *CALL_WORDS, "given", "env", "dial_allow", "streams", "script", "expect")
YEARS: Final = range(2000, 2101)
"""When calls are made: opening hours and what is said of them need some room in the calendar on both sides."""

_EMPTY: Final = "write a scenario, or delete the file"
_HINTS: Final = {
    "steps": "write `script`",
    "lookups": "write `given`",
    "answers": "write `given`",
    "hear": "write it as a line of `script`",
    "then": "write `expect`",
    "number": "write `to`",
    "caller": "write `from`",
    "now": "write `at`",
    "when": "write `at`",
}


def read_scenarios(file: str, text: str) -> tuple[tuple[Scenario, ...], list[Issue]]:
    """The scenarios of a file, and its issues sorted by place. `file` is the path to show. Never raises.

    A scenario with an error is left out, and so is every one that shares it.
    """
    node, found = read_yaml(file, text)
    issues = [replace(issue, cure=_EMPTY) if issue.code == "E120" else issue for issue in found]
    reader = Reader(issues)
    scenarios = _read_file(node, reader) if node is not None else ()
    return scenarios, sorted(issues, key=by_place)


def _read_file(node: Node, reader: Reader) -> tuple[Scenario, ...]:
    cure = "write `name of the scenario:` and indented below it `script:`"
    found = reader.map(node, "a scenario file", cure)
    if found is None:
        return ()
    shared = next((entry for entry in found.entries if entry.key.value == DEFAULTS), None)
    base = _read_scenario(shared, None, reader) if shared else None
    is_broken = shared is not None and base is None
    named = [entry for entry in found.entries if entry.key.value != DEFAULTS]
    if not named:
        reader.report("S103", found.place, "the file has no scenario", cure)
    read = [_read_scenario(entry, base, reader) for entry in named]
    return () if is_broken else tuple(scenario for scenario in read if scenario is not None)


def _read_scenario(entry: Entry, base: Scenario | None, reader: Reader) -> Scenario | None:
    """One scenario over what its file shares; the shared part itself has no script."""
    name = entry.key
    is_shared = name.value == DEFAULTS
    what = "`defaults`" if is_shared else f'the scenario "{_short(name.value)}"'
    node = reader.map(entry.value, what, "write `script:` below it, and one step a line")
    if node is None:
        return None
    before = len(reader.issues)
    words = tuple(word for word in WORDS if word != "script") if is_shared else WORDS
    fields = reader.fields(node, words, what, _HINTS)
    start = base or Scenario("", name.place, CallFacts(name.place))
    read = Scenario(
        name.value,
        name.place,
        _read_call(fields, start.call, name.place, reader),
        read_script(fields["script"].value, reader) if "script" in fields else (),
        over(read_expect(fields["expect"].value, reader) if "expect" in fields else Expect(), start.expect),
        {**start.given, **(read_given(fields["given"].value, reader) if "given" in fields else {})},
        {**start.env, **_texts(fields, "env", reader)},
        _allowed(fields, reader) if "dial_allow" in fields else start.dial_allow,
        {**start.streams, **_streams(fields, reader)},
    )
    if len(reader.issues) > before:
        return None
    if not is_shared and "script" not in fields:
        reader.report("S103", name.place, f"{what} has no `script`", "add `script: [..]`; a call may end at once: []")
        return None
    if not is_shared and not _expects(read) and not any(issue.is_error for issue in reader.issues):
        reader.report("S111", name.place, f"{what} expects nothing, so it can hardly fail")
    return read


def _expects(scenario: Scenario) -> bool:
    """Whether anything but the course of the call is looked at."""
    expect = scenario.expect
    found = (expect.end, expect.seconds, expect.variables, expect.said, expect.ncco, expect.without)
    looks = any(type(step).__name__ in ("Hear", "Until", "Dial", "End", "Record") for step in scenario.script)
    return looks or any(found) or expect.hooks is not None


def _read_call(fields: Mapping[str, Entry], start: CallFacts, place: Place, reader: Reader) -> CallFacts:
    """The facts under `call` and beside it."""
    inner = reader.map(fields["call"].value, "`call`", 'write `call: {to: "44.."}`') if "call" in fields else None
    told = reader.fields(inner, CALL_WORDS, "`call`", _HINTS) if inner else {}
    for word in told.keys() & fields.keys():
        reader.report("S102", fields[word].key.place, f"`{word}` stands under `call` too", "delete one of the two")
    facts = {**{word: fields[word] for word in CALL_WORDS if word in fields}, **told}
    changes: dict[str, Any] = {"place": place}
    for word, name in (("to", "to"), ("from", "from_"), ("flow", "flow"), ("user", "user")):
        text = reader.text(facts[word].value, f"`{word}`") if word in facts else None
        changes |= {name: text.value} if text else {}
    if "sip" in facts:
        changes["sip"] = _texts(facts, "sip", reader)
    if "custom_data" in facts:
        changes["custom_data"] = json_of(facts["custom_data"].value)
    if "endpoint_type" in facts:
        changes["endpoint_type"] = reader.word(facts["endpoint_type"].value, ENDPOINTS, "`endpoint_type`") or ""
    if "at" in facts and (at := _moment(facts["at"].value, reader)):
        changes["at"] = at
    return replace(start, **changes)


def _moment(node: Node, reader: Reader) -> datetime | None:
    """A point in time; without a time zone it is UTC."""
    text = reader.text(node, "`at`")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.value)
    except ValueError:
        cure = "write it as 2026-12-24T10:00, or with a time zone as 2026-12-24T10:00+01:00"
        reader.report("S104", text.place, f'`at` cannot be "{text.value}"', cure)
        return None
    if moment.year not in YEARS:
        message = f'`at` cannot be "{text.value}", which is too far away'
        reader.report("S104", text.place, message, f"take a year from {YEARS[0]} to {YEARS[-1]}")
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _texts(fields: Mapping[str, Entry], word: str, reader: Reader) -> dict[str, str]:
    if word not in fields:
        return {}
    node = reader.map(fields[word].value, f"`{word}`", f"write `{word}: {{name: text}}`")
    entries = node.entries if node else ()
    read = {entry.key.value: reader.text(entry.value, f"`{entry.key.value}`") for entry in entries}
    return {name: text.value for name, text in read.items() if text is not None}


def _allowed(fields: Mapping[str, Entry], reader: Reader) -> tuple[str, ...]:
    found: list[str] = []
    for node in items(fields["dial_allow"].value):
        text = reader.text(node, "`dial_allow`")
        if text and not (text.value.isdigit() or text.value.startswith(("sip:", "sips:"))):
            cure = 'write digits, such as "44", or "sip:" for SIP addresses'
            reader.report("S104", text.place, f'"{text.value}" is no prefix', cure)
        elif text:
            found.append(text.value)
    return tuple(found)


def _streams(fields: Mapping[str, Entry], reader: Reader) -> dict[str, float]:
    """How long audio files last, by URL."""
    if "streams" not in fields:
        return {}
    node = reader.map(fields["streams"].value, "`streams`", 'write `streams: {"https://example.com/a.mp3": 12s}`')
    entries = node.entries if node else ()
    read = {entry.key.value: reader.seconds(entry.value, "the length of a stream") for entry in entries}
    return {url: seconds for url, seconds in read.items() if seconds is not None}


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"
