"""What a flow and a shared file declare alike: locales, opening hours, look-ups, hooks, defaults; and variables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.flow.defaults import WORDS as DEFAULT_WORDS
from app.flow.events import EVENTS
from app.flow.hooks.reading import WORDS as HOOK_WORDS
from app.flow.hours.days import DAYS
from app.flow.hours.holidays import WORDS as REGION_WORDS
from app.flow.hours.reading import WORDS as HOURS_WORDS
from app.flow.locales import WORDS as LOCALE_WORDS
from app.flow.lookups.reading import WORDS as LOOKUP_WORDS
from app.flow.played import ACTIONS
from app.flow.schema.actions import ActionSchemas, confidence
from app.flow.schema.names import Names
from app.flow.schema.pieces import (
    ANYTHING,
    FLAG,
    TEXT,
    JsonSchema,
    about,
    choose,
    has,
    listed,
    mapped,
    named,
    number,
    one_of,
    ref,
)
from app.flow.schema.steps import described
from app.flow.variables import DECLARABLE
from app.flow.variables import WORDS as VARIABLE_WORDS

VARIABLE: Final = {
    "type": f"{', '.join(DECLARABLE)}, or a list of allowed words.",
    "default": "What it is at the beginning.",
    "sensitive": "true: the value is written nowhere, and forgotten after the turn that received it.",
}
LOOKUP: Final = {
    "get": "The URL that is asked; values are escaped for their place.",
    "post": "The URL that a body is sent to.",
    "python": "package.module:function, plain or async.",
    "json": "The body, as JSON.",
    "with": "What the function is given, by name.",
    "headers": "Header lines; keys come from `env`.",
    "params": "What a step gives to it.",
    "timeout": "How long it may take, 700ms or 2s.",
    "returns": "Each field of the answer with its type.",
    "default": "What holds when it is slow, down, or answers something else.",
    "cache": "How long the same answer is good for, 30s or 5m.",
}
HOOK: Final = {
    "post": "The URL that is told.",
    "json": "The body, as JSON.",
    "headers": LOOKUP["headers"],
    "params": "What is given where it is sent.",
}
HOURS: Final = {
    "timezone": "Where the hours hold: Europe/London.",
    "week": "Days with their hours: mon-fri: 09:00-17:30.",
    "holidays": "Days that are closed: {country: GB}, dates, or a list of both.",
    "override": "Single dates whose hours win over week and holidays.",
}
REGION: Final = {
    "country": "Two letters: GB.",
    "subdivision": "A part of the country: ENG.",
    "language": "In which the holidays are named.",
}
LOCALE: Final = {
    "language": "In which it is spoken: en-GB.",
    "style": "The voice.",
    "premium": "true: the better voice, which costs more.",
    "speech": "The language that is listened for, where it is another one.",
}


def section_definitions(names: Names) -> dict[str, JsonSchema]:
    """Each part by its name."""
    return {
        "defaults": mapped(_defaults(names)),
        "vars": named(mapped(described(VARIABLE_WORDS, VARIABLE, _VARIABLE), required=["type"])),
        "params": named({"if": {"type": "object"}, "then": mapped(_variable()), "else": _TYPE}),
        "returned": _returned(),
        "lookups": named(mapped(described(LOOKUP_WORDS, LOOKUP, _LOOKUP), required=["returns"])),
        "hooks": named(mapped(described(HOOK_WORDS, HOOK, _HOOK), required=["post"])),
        "hours": named(mapped(described(HOURS_WORDS, HOURS, _hours()), required=["timezone", "week"])),
        "locales": named(mapped(described(LOCALE_WORDS, LOCALE, _LOCALE), required=["language"])),
        "events": mapped({event: about(ref("sent"), "A hook, or a list of them.") for event in EVENTS}),
    }


_TYPE: Final[JsonSchema] = {"anyOf": [one_of(DECLARABLE), {"type": ["array", "object"]}]}
_VARIABLE: Final[dict[str, JsonSchema]] = {"type": _TYPE, "default": ANYTHING, "sensitive": FLAG}
_OBJECT: Final = named(ANYTHING)
_LOOKUP: Final[dict[str, JsonSchema]] = {
    **dict.fromkeys(("get", "post", "python", "timeout", "cache"), TEXT),
    "json": ANYTHING,
    "with": _OBJECT,
    "headers": named(TEXT),
    "params": ref("params"),
    "returns": named(ref("returned")),
    "default": _OBJECT,
}
_HOOK: Final[dict[str, JsonSchema]] = {
    "post": TEXT,
    "json": ANYTHING,
    "headers": named(TEXT),
    "params": ref("params"),
}
_LOCALE: Final[dict[str, JsonSchema]] = {
    "language": TEXT,
    "style": number("integer", {"minimum": 0}),
    "premium": FLAG,
    "speech": TEXT,
}


_HOSTS: Final = "The hosts that the URL may have; an answer with another one does not count."


def _returned() -> JsonSchema:
    """The type of a field of an answer: a word, a list, a map of fields, a sensitive type, or a URL of some hosts."""
    fields = {"type": ref("returned"), "sensitive": about(FLAG, VARIABLE["sensitive"])}
    is_described = has("type", "sensitive") | {"properties": {"sensitive": FLAG}}
    of_hosts = fields | {"type": one_of(("url",)), "hosts": about({"type": "array", "items": TEXT}, _HOSTS)}
    is_of_hosts = has("type", "hosts") | {"properties": {"type": one_of(("url",))}}
    cases = [
        (is_of_hosts, mapped(of_hosts, required=("type", "hosts"))),
        (is_described, mapped(fields, required=fields)),
        ({"type": "object"}, named(ref("returned"))),
        ({"type": "array"}, {"items": {"if": {"type": "object"}, "then": ref("returned"), "else": ANYTHING}}),
    ]
    return choose(cases, one_of(DECLARABLE))


def _variable() -> dict[str, JsonSchema]:
    return described(VARIABLE_WORDS, VARIABLE, _VARIABLE)


def _defaults(names: Names) -> dict[str, JsonSchema]:
    actions = ActionSchemas(names)
    texts = {word: f"Options that every {word} has unless it says otherwise." for word in ACTIONS}
    words = {
        "retry": "What every menu and data entry does when the caller says nothing that fits.",
        "choices": "Choices that are added to every menu.",
        "min_confidence": "From 0 to 1: what the recogniser is less sure of does not count.",
        "on": "error: where a value leads that cannot be computed.",
    }
    shapes = {
        **{word: mapped(_inherited(word, actions)) for word in ACTIONS},
        "retry": ref("retry"),
        "choices": ref("choices"),
        "min_confidence": confidence(),
        "on": mapped({"error": ref("goto")}),
    }
    return described(DEFAULT_WORDS, texts | words, shapes)


def _inherited(word: str, actions: ActionSchemas) -> dict[str, JsonSchema]:
    return actions.options_around() if word == "connect" else actions.options(word)


def _hours() -> dict[str, JsonSchema]:
    spans = listed(TEXT)
    day = about(spans, "09:00-12:00, a list of these, or closed.")
    region = mapped(described(REGION_WORDS, REGION, dict.fromkeys(REGION_WORDS, TEXT)), required=["country"])
    dates = named(TEXT)
    one: JsonSchema = {
        "if": {"required": ["country"], "type": "object"},
        "then": region,
        "else": {"anyOf": [TEXT, dates]},
    }
    special = mapped({"hours": spans, "name": TEXT}, required=["hours"])
    override = named({"if": {"type": "object"}, "then": special, "else": spans})
    return {
        "timezone": TEXT,
        "week": named(day, names=_days()),
        "holidays": {"anyOf": [one, {"type": "array", "items": one}]},
        "override": override,
    }


def _days() -> Iterable[str]:
    return (*DAYS, "mon-fri", "sat,sun")
