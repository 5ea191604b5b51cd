"""Shared by the tests of conditions and templates: a scope, a call, and issues as one line each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ncco_server.errors import RenderError
from ncco_server.flow.issues import FlowIssue, by_place
from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.scope import Variable, scope_types
from ncco_server.flow.templates.compiler import compile_expression, compile_file, compile_value
from ncco_server.flow.templates.parsing import Templates
from ncco_server.flow.templates.values import Expression, Value
from ncco_server.ncco.value_types import TYPES, Escape, Kind, Word

PLACE = Place("flows/test.yaml", 1, 1)
FILES = {
    "greeting.j2": "Hello {{ call.from }}.\n{% include 'part.j2' %}\n",
    "part.j2": "Your ticket is {{ ticket }}.",
    "faulty.j2": "Hello\n  {{ call.fron }}\n{% if vip %}Sir",
    "around.j2": "{% include 'round.j2' %}",
    "round.j2": "{% include 'around.j2' %}",
    "speech.j2": "<speak>Hello {{ ticket }}</speak>",
    "plain.j2": "Good morning.",
    "queue.json.j2": '[{"action": "talk", "text": "Ticket {{ ticket }}"}]',
    "long.j2": "x" * 100_001,
}
"""The template files of the tests."""


def variable(
    name: str, type_name: str, default: Any, *, sensitive: bool = False, words: tuple[str, ...] = ()
) -> Variable:
    return Variable(name, Word(words) if words else TYPES[type_name], default, PLACE, sensitive)


VARIABLES = {
    found.name: found
    for found in (
        variable("tries", "int", 0),
        variable("vip", "bool", default=False),
        variable("tier", "text", "gold", words=("gold", "standard")),
        variable("ticket", "text", ""),
        variable("music", "url", "https://example.com/music.mp3"),
        variable("items", "list", []),
        variable("info", "map", {}),
        variable("balance", "number", 0),
        variable("pin", "text", "", sensitive=True),
    )
}
SCOPE = scope_types(VARIABLES, {"CRM_URL", "TEAM"})
CALL: Mapping[str, Any] = {
    "to": "442079460000",
    "from": "447700900123",
    "is_hidden": False,
    "from_user": "",
    "uuid": "aaaa",
    "conversation_uuid": "CON-1",
    "region_url": "https://api-eu-3.vonage.com",
    "endpoint_type": "phone",
    "direction": "inbound",
    "sip": {"X-Tenant": "blue"},
    "custom_data": {"name": "Ann", "age": 41, "vip": True, "gone": None, "list": ["a", "b"], "deep": {"key": "found"}},
}
NAMES: dict[str, Any] = {
    "call": CALL,
    "input": {"digits": "1", "text": "sales please", "confidence": 0.75},
    "env": {"CRM_URL": "https://crm.example.com", "TEAM": "blue"},
    "now": datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
    "locale": "en",
    "tries": 2,
    "vip": True,
    "tier": "gold",
    "ticket": "T-17",
    "music": "https://example.com/music.mp3",
    "items": ["red", "blue"],
    "info": {"items": "an entry", "count": 3},
    "balance": 1.5,
    "pin": "1234",
}


def names(**changed: Any) -> dict[str, Any]:
    """The names of a call, with some values changed."""
    return {**NAMES, **changed}


def custom(value: Any) -> dict[str, Any]:
    """A call whose `call.custom_data.x` is `value`."""
    return names(call={**CALL, "custom_data": {"x": value}})


def line(issue: FlowIssue, source: str) -> str:
    """An issue as `code «what it points at»`."""
    text = source.split("\n")[issue.place.line - 1]
    marked = text[issue.place.column - 1 :][: issue.place.length]
    return f"{issue.code} «{marked}»"


def read(source: str) -> tuple[Expression | None, list[FlowIssue]]:
    return compile_expression(Text(source, PLACE), SCOPE)


def expression(source: str) -> Expression:
    """An expression without errors."""
    found, issues = read(source)
    assert found is not None, issues
    return found


def holds(source: str, known: Mapping[str, Any] = NAMES) -> bool:
    """Whether an expression is true."""
    result = expression(source).evaluate(known)
    assert isinstance(result, bool)
    return result


def make(
    source: str, escape: Escape = "talk", type_: Kind = TYPES["text"], templates: Mapping[str, str] | None = None
) -> tuple[Value | None, list[FlowIssue]]:
    return compile_value(Text(source, PLACE._replace(length=len(source))), type_, escape, SCOPE, Templates(templates))


def value(
    source: str, escape: Escape = "talk", type_: Kind = TYPES["text"], templates: Mapping[str, str] | None = None
) -> Value:
    """A value without errors."""
    found, issues = make(source, escape, type_, templates)
    assert found is not None, issues
    return found


def rendered(
    source: str, escape: Escape = "talk", known: Mapping[str, Any] = NAMES, type_: Kind = TYPES["text"]
) -> Any:
    """The rendered value in a call."""
    return value(source, escape, type_).render(known)


def value_faults(
    source: str, escape: Escape = "talk", type_: Kind = TYPES["text"], templates: Mapping[str, str] | None = None
) -> list[str]:
    """Every issue of a value; those in a template file begin with its path."""
    files = {f"templates/{name}": text for name, text in (templates or {}).items()}
    return [
        f"{issue.place.file} {line(issue, files[issue.place.file])}"
        if issue.place.file in files
        else line(issue, source)
        for issue in sorted(make(source, escape, type_, templates)[1], key=by_place)
    ]


def file_value(
    name: str, templates: Mapping[str, str], escape: Escape = "talk"
) -> tuple[Value | None, list[FlowIssue]]:
    return compile_file(Text(name, PLACE), TYPES["text"], escape, SCOPE, Templates(templates))


def refusal(found: Value | Expression, known: Mapping[str, Any] = NAMES) -> str:
    """The error that a value or an expression gives in a call, as `code where: message`."""
    try:
        result = found.evaluate(known) if isinstance(found, Expression) else found.render(known)
    except RenderError as error:
        return f"{error.code} {error}"
    raise AssertionError(f"{result!r} instead of an error")


def in_places(beside: str, name: str) -> list[tuple[Escape, Kind, str, list[str]]]:
    """The cases of a table by place, such as `url url`: the escaping, the type, the source, and what is expected."""
    places = yaml.load(Path(beside).with_suffix(".yaml").read_bytes(), yaml.CSafeLoader)[name]
    return [
        (escape, TYPES[type_name], str(source), expected)
        for (escape, type_name), rows in ((place.split(), rows) for place, rows in places.items())
        for source, *expected in rows
    ]
