"""What a flow and a shared file declare alike: locales, opening hours, look-ups, hooks, defaults; and variables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.flow.defaults import WORDS as DEFAULT_WORDS
from app.flow.hours.days import DAYS
from app.flow.hours.holidays import WORDS as REGION_WORDS
from app.flow.hours.reading import WORDS as HOURS_WORDS
from app.flow.language.events import Events
from app.flow.language.hooks import HookDefinition
from app.flow.language.json_schema import (
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
from app.flow.language.lookups import LookupDefinition
from app.flow.language.schema import schema_of
from app.flow.locales import WORDS as LOCALE_WORDS
from app.flow.played import ACTIONS
from app.flow.schema.actions import ActionSchemas, confidence
from app.flow.schema.names import Names
from app.flow.schema.steps import described
from app.flow.variables import DECLARABLE
from app.flow.variables import WORDS as VARIABLE_WORDS

VARIABLE: Final = {
    "type": f"{', '.join(DECLARABLE)}, or a list of allowed words.",
    "default": "What it is at the beginning.",
    "sensitive": "true: the value is written nowhere, and forgotten after the turn that received it.",
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
        "lookups": named(schema_of(LookupDefinition)),
        "hooks": named(schema_of(HookDefinition)),
        "hours": named(mapped(described(HOURS_WORDS, HOURS, _hours()), required=["timezone", "week"])),
        "locales": named(mapped(described(LOCALE_WORDS, LOCALE, _LOCALE), required=["language"])),
        "events": schema_of(Events),
    }


_TYPE: Final[JsonSchema] = {"anyOf": [one_of(DECLARABLE), {"type": ["array", "object"]}]}
_VARIABLE: Final[dict[str, JsonSchema]] = {"type": _TYPE, "default": ANYTHING, "sensitive": FLAG}
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
