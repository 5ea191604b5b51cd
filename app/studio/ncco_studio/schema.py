"""The JSON Schema of flow files, for editors. Every loadable file is valid; expressions and names are not checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from ncco_server.flow.actions.connect import BY_FIELDS, ON_ANSWER
from ncco_server.flow.actions.item import ACTIONS, ITEM_WORDS
from ncco_server.flow.files import is_flow_file
from ncco_server.flow.grammar.fields import ENDPOINT_TYPES, action_fields, endpoint_fields
from ncco_server.flow.grammar.forms import (
    ANYTHING,
    FILE,
    FLAG,
    TEXT,
    about,
    choose,
    has,
    listed,
    mapped,
    named,
    offer,
    offered,
    one_of,
    per_locale,
    ref,
)
from ncco_server.flow.grammar.locales import Locale
from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import items
from ncco_server.flow.grammar.targets import FORMS
from ncco_server.flow.grammar.variables import TYPE, Declaration
from ncco_server.flow.hours.declaration import SCHEMAS as HOURS_SCHEMAS
from ncco_server.flow.hours.declaration import HoursWords
from ncco_server.flow.language.choice import ChoiceDefinition
from ncco_server.flow.language.defaults import Defaults, ErrorLine
from ncco_server.flow.language.flow import FlowWords
from ncco_server.flow.language.hooks import EVENTS, STEP_EVENTS, HookDefinition
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.outbound import Outbound
from ncco_server.flow.language.outcomes import OUTCOMES
from ncco_server.flow.language.refusals import CallerRefusal
from ncco_server.flow.language.retry import FAILURES, RetryWords, Then
from ncco_server.flow.language.returns import OPTIONAL
from ncco_server.flow.language.saves import SaveWords
from ncco_server.flow.language.shared import SharedWords
from ncco_server.flow.language.step import EXITS, StepWords
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.flow.nodes import Map, Node, Text, text_of
from ncco_server.flow.source import read_yaml
from ncco_server.ncco.actions import ENDPOINT, SHAPES
from ncco_server.ncco.value_types import TYPES, JsonSchema

OfferedNames: TypeAlias = Mapping[str, Iterable[str]]

_SECTIONS: Final = {
    "steps": "steps",
    "vars": "variables",
    "params": "variables",
    "lookups": "lookups",
    "hooks": "hooks",
    "results": "results",
    "locales": "locales",
}
"""The kind of name that the keys of a section are."""
_PLACEHOLDERS: Final = frozenset({"offered", "more", "offered_words"})
"""Our own keys in a schema, replaced with standard ones in the end."""
_HOSTS: Final = "The hosts allowed in the URL; any other host makes the answer invalid."


_SHORT_TYPE: Final = {"type": ["object", "string"], "if": {"type": "string"}, "then": one_of(TYPES)}


def flow_schema(names: OfferedNames | None = None) -> JsonSchema:
    """Editors suggest the `names`. Others are allowed, because a file may be newer than the schema."""
    schema = {
        "description": "A flow of ncco-server, or parts shared by its flows.",
        "type": "object",
        "if": has("shared"),
        "then": ref("shared_file"),
        "else": ref("flow_file"),
        "definitions": definitions(),
    }
    return file_schema("Flow", schema, names or {})


def project_names(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """What flow files define, by kind, from the texts of a project (path → text). Unreadable files are left out."""
    found = {kind: set[str]() for kind in ("flows", "outcomes", "templates", *_SECTIONS.values())}
    for path, text in texts.items():
        root = read_yaml(path, text)[0] if is_flow_file(path) else None
        if path.startswith("templates/"):
            found["templates"].add(path.removeprefix("templates/"))
        if isinstance(root, Map):
            found["flows"] |= {*filter(None, [text_of(root.get("flow"))])}
            found["outcomes"] |= {text_of(item) for item in items(root.get("outcomes")) if isinstance(item, Text)}
            for section, kind in _SECTIONS.items():
                found[kind] |= _keys(root.get(section))
            found["variables"] |= {*_collected_in(root.get("steps"))}
    return {kind: sorted(names) for kind, names in found.items()}


def _keys(node: Node | None) -> set[str]:
    return {*node.keys()} if isinstance(node, Map) else set()


def _collected_in(steps: Node | None) -> Iterator[str]:
    for step in steps.entries if isinstance(steps, Map) else ():
        collect = step.value.get("collect") if isinstance(step.value, Map) else None
        into = collect.get("into") if isinstance(collect, Map) else None
        if isinstance(into, Text):
            yield into.value


def file_schema(title: str, schema: JsonSchema, names: OfferedNames = MappingProxyType({})) -> JsonSchema:
    """The JSON Schema (draft 7) of a kind of file."""
    return dict(_resolved({"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **schema}, names))


@cache
def definitions() -> dict[str, JsonSchema]:
    phrases = listed(TEXT)
    return {
        "flow_file": FlowWords.json_schema(),
        "shared_file": SharedWords.json_schema(),
        **action_definitions(),
        "step": StepWords.json_schema(),
        "goto": _goto(),
        "choices": named(ChoiceDefinition.json_schema()),
        "phrases": {"if": {"type": "object"}, "then": per_locale(phrases), "else": phrases},
        "on": _on(),
        "retry": RetryWords.json_schema(),
        "prompts": _prompts(),
        "then": {"if": {"anyOf": [*map(has, FAILURES)]}, "then": Then.json_schema(), "else": ref("goto")},
        "sets": named(ANYTHING, offered="variables"),
        "asked": _named_or_list("lookups"),
        "sent": _named_or_list("hooks"),
        "later": _later(),
        "defaults": _defaults(),
        "outbound": Outbound.json_schema(),
        "vars": named(Declaration.json_schema() | _SHORT_TYPE),
        "params": named({"if": {"type": "object"}, "then": Declaration.json_schema(), "else": TYPE}),
        "returned": _returned(),
        "lookups": named(LookupDefinition.json_schema()),
        "hooks": named(HookDefinition.json_schema()),
        "results": named(TEXT),
        "tables": named(TableDefinition.json_schema()),
        "save": SaveWords.json_schema(),
        "refuse": listed(CallerRefusal.json_schema()),
        "hours": named(HoursWords.json_schema()),
        **{name: model.json_schema() for name, model in HOURS_SCHEMAS.items()},
        "locales": named(Locale.json_schema()),
        "events": _events(EVENTS),
        "step_events": _events(STEP_EVENTS),
    }


def _events(known: Mapping[str, str]) -> JsonSchema:
    return mapped({event: about(ref("later"), meaning) for event, meaning in known.items()})


def _goto() -> JsonSchema:
    forms = {word: form.json_schema() for word, form in FORMS.items()}
    words = {word: about({}, schema["properties"][word]["description"]) for word, schema in forms.items()}
    found = choose(((has(word), schema) for word, schema in forms.items()), mapped(words, required=["goto"]))
    return {"anyOf": [offered("steps", "end", "return"), {"type": "object", "properties": words, **found}]}


def _on() -> JsonSchema:
    models: tuple[type[MapForm], ...] = (ErrorLine, *(kind.on_words for kind in EXITS if kind.on_words is not None))
    lines = {word: about(ref("goto"), meaning) for word, meaning in OUTCOMES.items()}
    lines |= {word: schema for model in models for word, schema in model.json_schema()["properties"].items()}
    own = named(ref("goto"), offered="outcomes")
    return {**own, "properties": lines, "minProperties": 1}


def _prompts() -> JsonSchema:
    item = {"anyOf": [has("talk"), has("stream"), has("action")]}
    cases = [(item, ref("item")), (has("template"), FILE)]
    local = per_locale(listed({"anyOf": [TEXT, FILE, ref("item")]}))
    prompt = {"if": {"type": "object"}, "then": choose(cases, local), "else": TEXT}
    return {"if": {"type": "array"}, "then": {"type": "array", "items": prompt}, "else": prompt}


def _named_or_list(kind: str) -> JsonSchema:
    return listed({"anyOf": [offered(kind), named(named(ANYTHING), offered=kind)]})


def _later() -> JsonSchema:
    hooks = named(named(ANYTHING), offered="hooks")
    return listed({"anyOf": [offered("hooks"), {**hooks, "properties": {"save": listed(ref("save"))}}]})


def _defaults() -> JsonSchema:
    schema = Defaults.json_schema()
    options: dict[str, JsonSchema] = {}
    for word in ACTIONS:
        fields = options_around() if word == "connect" else options_of(word)
        options[word] = about(mapped(fields), f"Options that every {word} has unless it says otherwise.")
    return {**schema, "properties": {**options, **schema["properties"]}}


def _returned() -> JsonSchema:
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
    return choose(cases, one_of((*TYPES, *OPTIONAL)))


def _resolved(schema: Any, names: OfferedNames) -> Any:
    """Nested alternatives become one list: editors suggest nothing from the inner ones."""
    if isinstance(schema, list):
        return [_resolved(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _resolved(value, names) for key, value in schema.items() if key not in _PLACEHOLDERS}
    if isinstance(kind := schema.get("offered"), str):
        found |= offer((*names.get(kind, ()), *schema["more"]))
    if isinstance(kind := schema.get("offered_words"), str):
        found["properties"] = dict.fromkeys(names.get(kind, ()), found["additionalProperties"]) | found["properties"]
    if isinstance(found.get("anyOf"), list):
        nested = (each["anyOf"] if {*each} == {"anyOf"} else [each] for each in found["anyOf"])
        found["anyOf"] = [*chain.from_iterable(nested)]
    return found


_OURS: Final = {
    "checkpoint": "Reports to the server that the call got this far; a line for it in `on` decides how the call "
    "continues.",
    "ncco": "A file in templates/ that produces a whole list of actions as JSON.",
}
ABOUT: Final = {word: SHAPES[word].about for word in ACTIONS} | _OURS


def action_definitions() -> dict[str, JsonSchema]:
    found = {f"{word}_item": _item(word) for word in ITEM_WORDS}
    for word in ACTIONS:
        action = about({"const": word}, ABOUT[word])
        found[f"{word}_pasted"] = mapped({"action": action, **options_of(word)}, required=["action"])
    found |= {f"{kind}_target": _target(kind) for kind in ENDPOINT_TYPES}
    return found | {"item": _any_item(), "target_of_connect": _any_target()}


def options_of(word: str) -> dict[str, JsonSchema]:
    found = action_fields(word).schemas()
    if word == "connect":
        found |= options_around()
        found["endpoint"] = about(listed(ref("target_of_connect")), "Where the call is connected to.")
    if word == "talk":
        found["template"] = about(offered("templates"), "A file in templates/ with the text to say.")
    if word == "transfer":
        found["conversation_id"] = found["conversationId"]
    return found


def _any_item() -> JsonSchema:
    """The first of these words decides an item's kind. `record` beside a `conversation` is its field."""
    pasted = [(_has_value("action", word), ref(f"{word}_pasted")) for word in ACTIONS]
    cases = [(has("action"), choose(pasted, {"properties": {"action": one_of(ACTIONS)}}))]
    first = sorted(ITEM_WORDS, key=lambda word: word != "conversation")
    cases += [(has(word), ref(f"{word}_item")) for word in first]
    words = {word: about({}, ABOUT[word]) for word in ITEM_WORDS}
    nameless = mapped(words) | {"minProperties": 1}
    action = about({}, "An action as in the NCCO reference, with its fields next to it.")
    return {"type": "object", "properties": {**words, "action": action}, **choose(cases, nameless)}


def _item(word: str) -> JsonSchema:
    if word in _OURS:
        return mapped({word: about(TEXT if word == "checkpoint" else offered("templates"), ABOUT[word])})
    options = options_of(word)
    main: JsonSchema = mapped(options)
    if word == "record":
        main = {"anyOf": [{"enum": [True, "true"]}, main]}
    elif SHAPES[word].main:
        plain = options[SHAPES[word].main]
        main = {"anyOf": [{key: value for key, value in plain.items() if key not in ("description", "default")}, main]}
    return mapped({**options, word: about(main, ABOUT[word])})


def _any_target() -> JsonSchema:
    websocket = {"type": "object", "properties": {"uri": {"pattern": "^wss?:"}}, "required": ["uri"]}
    untyped = mapped({"type": about(one_of(ENDPOINT_TYPES), "What is called.")}, required=["type"])
    cases = [
        (has("endpoint"), mapped({**options_around(), "endpoint": listed({"type": "object"})})),
        *((_has_value("type", kind), ref(f"{kind}_target")) for kind in ENDPOINT_TYPES),
        (has("type"), untyped),
        *((has(*sorted(fields)), ref(f"{kind}_target")) for kind, fields in BY_FIELDS),
        (websocket, ref("websocket_target")),
        (has("uri"), ref("sip_target")),
    ]
    return {"if": {"type": "object"}, "then": choose(cases, untyped), "else": TEXT}


def options_around() -> dict[str, JsonSchema]:
    fields = action_fields("connect").schemas()
    return {name: schema for name, schema in fields.items() if name != "endpoint"} | {ON_ANSWER: _on_answer()}


def _target(kind: str) -> JsonSchema:
    fields = endpoint_fields(kind).schemas()
    if ON_ANSWER in fields:
        fields[ON_ANSWER] = _on_answer()
    kind_is = about({"const": kind}, ENDPOINT.shapes[kind].about)
    return mapped({**options_around(), **fields, "type": kind_is})


def _on_answer() -> JsonSchema:
    phone = endpoint_fields("phone")
    plain = phone.fields[ON_ANSWER].json_schema()
    run = about(offered("flows"), "The flow that the called party hears before being connected.")
    tones = {name: schema for name, schema in plain["properties"].items() if name != "url"}
    given = about(named(ANYTHING), "The params of that flow.")
    ours = mapped({"run": run, "with": given, **tones}, required=["run"])
    return about({"if": has("run"), "then": ours, "else": plain}, phone.options[ON_ANSWER].description)


def _has_value(word: str, value: str) -> JsonSchema:
    return {"type": "object", "properties": {word: {"const": value}}, "required": [word]}
