"""The JSON Schema of flow files, for editors: derived from the models of the flow language.

A file that loads is valid, as an editor reads it. What expressions, templates and names mean is left to the checks.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from app.flow.actions.item import ACTIONS
from app.flow.hours.declaration import SCHEMAS as HOURS_SCHEMAS
from app.flow.hours.declaration import HoursWords
from app.flow.language.action_schema import FILE, action_definitions, options_around, options_of, per_locale
from app.flow.language.base import FlowModel
from app.flow.language.exits import Arm, Else, HoldOutcomes
from app.flow.language.flow import FlowWords, Limits
from app.flow.language.hooks import EVENTS, HookDefinition
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
    offer,
    offered,
    one_of,
    ref,
)
from app.flow.language.locales import Locale
from app.flow.language.lookups import LookupDefinition
from app.flow.language.menu import Choice
from app.flow.language.names import Names
from app.flow.language.outcomes import OUTCOMES
from app.flow.language.retry import FAILURES, RetryWords, Then
from app.flow.language.returns import OPTIONAL
from app.flow.language.shared import DefaultWords, ErrorLine, SharedWords
from app.flow.language.step import EXITS, StepWords
from app.flow.language.targets import FORMS
from app.flow.language.variables import DECLARABLE, TYPE, Declaration

_OURS: Final = frozenset({"defined", "offered", "more", "offered_words"})
"""Our own keys in a schema, which are replaced by standard ones at the end."""
_HOSTS: Final = "The hosts that the URL may have; an answer with another one does not count."


_SHORT_TYPE: Final = {"type": ["object", "string"], "if": {"type": "string"}, "then": one_of(DECLARABLE)}
"""A variable may be written as its type alone."""


def flow_schema(names: Names | None = None) -> JsonSchema:
    """The JSON Schema (draft-07) of flow files.

    With `names` an editor offers them; others are no fault, since a file may be newer than the schema.
    """
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Flow",
        "description": "A flow of ncco-server, or parts that its flows share.",
        "type": "object",
        "if": has("shared"),
        "then": ref("shared_file"),
        "else": ref("flow_file"),
        "definitions": _definitions(),
    }
    return dict(resolved(schema, names or Names()))


def _definitions() -> dict[str, JsonSchema]:
    """Each part by its name."""
    phrases = listed(TEXT)
    lines = {"if": has("else"), "then": Else.editor_schema(), "else": Arm.editor_schema()}
    return {
        "flow_file": FlowWords.editor_schema(),
        "shared_file": SharedWords.editor_schema(),
        **action_definitions(),
        "step": StepWords.editor_schema(),
        "goto": _goto(),
        "choices": named(Choice.editor_schema()),
        "phrases": {"if": {"type": "object"}, "then": per_locale(phrases), "else": phrases},
        **{kind.word: kind.editor_schema() for kind in EXITS if issubclass(kind, FlowModel)},
        "branch": {"type": "array", "items": lines, "contains": has("else")},
        "on": _on(),
        "retry": RetryWords.editor_schema(),
        "prompts": _prompts(),
        "then": {"if": {"anyOf": [*map(has, FAILURES)]}, "then": Then.editor_schema(), "else": ref("goto")},
        "sets": named(ANYTHING, offered="variables"),
        "asked": _several("lookups"),
        "sent": _several("hooks"),
        "defaults": _defaults(),
        "limits": Limits.editor_schema(),
        "vars": named(Declaration.editor_schema() | _SHORT_TYPE),
        "params": named({"if": {"type": "object"}, "then": Declaration.editor_schema(), "else": TYPE}),
        "returned": _returned(),
        "lookups": named(LookupDefinition.editor_schema()),
        "hooks": named(HookDefinition.editor_schema()),
        "hours": named(HoursWords.editor_schema()),
        **{name: model.editor_schema() for name, model in HOURS_SCHEMAS.items()},
        "locales": named(Locale.editor_schema()),
        "events": mapped({event: about(ref("sent"), meaning) for event, meaning in EVENTS.items()}),
    }


def _goto() -> JsonSchema:
    """A step, or one of the forms of a target that are maps."""
    forms = {word: form.editor_schema() for word, form in FORMS.items()}
    words = {word: about({}, schema["properties"][word]["description"]) for word, schema in forms.items()}
    found = choose(((has(word), schema) for word, schema in forms.items()), mapped(words, required=["goto"]))
    return {"anyOf": [offered("steps", "end", "return"), {"type": "object", "properties": words, **found}]}


def _on() -> JsonSchema:
    """Lines by outcome; checkpoints and the outcomes of flows have names of their own."""
    models = (ErrorLine, HoldOutcomes)
    lines = {word: about(ref("goto"), meaning) for word, meaning in OUTCOMES.items()}
    lines |= {word: schema for model in models for word, schema in model.editor_schema()["properties"].items()}
    own = named(ref("goto"), offered="outcomes")
    return {**own, "properties": lines, "minProperties": 1}


def _prompts() -> JsonSchema:
    """A list of prompts or one: a text, a file, an item of `do` that is heard, or one of these for each locale."""
    item = {"anyOf": [has("talk"), has("stream"), has("action")]}
    cases = [(item, ref("item")), (has("template"), FILE)]
    local = per_locale(listed({"anyOf": [TEXT, FILE, ref("item")]}))
    prompt = {"if": {"type": "object"}, "then": choose(cases, local), "else": TEXT}
    return {"if": {"type": "array"}, "then": {"type": "array", "items": prompt}, "else": prompt}


def _several(kind: str) -> JsonSchema:
    """A name, `name: {param: value}`, or a list of these."""
    one: JsonSchema = {"anyOf": [offered(kind), named(named(ANYTHING), offered=kind)]}
    return listed(one)


def _defaults() -> JsonSchema:
    """The words of `defaults`, and the options of each action."""
    schema = DefaultWords.editor_schema()
    options: dict[str, JsonSchema] = {}
    for word in ACTIONS:
        fields = options_around() if word == "connect" else options_of(word)
        options[word] = about(mapped(fields), f"Options that every {word} has unless it says otherwise.")
    return {**schema, "properties": {**options, **schema["properties"]}}


def _returned() -> JsonSchema:
    """The type of a field of an answer: a word, a list, a map of fields, a sensitive type, or a URL of some hosts."""
    fields = {
        "type": ref("returned"),
        "sensitive": about(FLAG, "true: its value is never stored."),
    }
    urls = one_of(("url", "url?"))
    is_described = has("type", "sensitive") | {"properties": {"sensitive": FLAG}}
    of_hosts = fields | {"type": urls, "hosts": about({"type": "array", "items": TEXT}, _HOSTS)}
    is_of_hosts = has("type", "hosts") | {"properties": {"type": urls}}
    cases = [
        (is_of_hosts, mapped(of_hosts, required=("type", "hosts"))),
        (is_described, mapped(fields, required=fields)),
        ({"type": "object"}, named(ref("returned"))),
        ({"type": "array"}, {"items": {"if": {"type": "object"}, "then": ref("returned"), "else": ANYTHING}}),
    ]
    return choose(cases, one_of((*DECLARABLE, *OPTIONAL)))


def resolved(schema: Any, names: Names) -> Any:
    """A schema with references in the place of what is defined elsewhere, and with the names that are offered.

    Alternatives within alternatives become one list: an editor offers nothing from deeper ones.
    """
    if isinstance(schema, list):
        return [resolved(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: resolved(value, names) for key, value in schema.items() if key not in _OURS}
    if isinstance(kind := schema.get("offered"), str):
        found |= offer((*getattr(names, kind), *schema["more"]))
    if isinstance(kind := schema.get("offered_words"), str):
        found["properties"] = dict.fromkeys(getattr(names, kind), found["additionalProperties"]) | found["properties"]
    if isinstance(name := schema.get("defined"), str):
        found |= ref(name)
    if isinstance(found.get("anyOf"), list):
        nested = (each["anyOf"] if {*each} == {"anyOf"} else [each] for each in found["anyOf"])
        found["anyOf"] = [*chain.from_iterable(nested)]
    return found
