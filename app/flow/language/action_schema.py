"""JSON Schema of the items of `do`: an action under its name, in one map, or pasted from the NCCO reference."""

from __future__ import annotations

from typing import Final

from app.flow.actions.connect import BY_FIELDS, ON_ANSWER
from app.flow.actions.fields import (
    ENDPOINT_TYPES,
    Field,
    ListField,
    LocalField,
    MapField,
    ScalarField,
    SingleField,
    SpeechField,
    action_shape,
    endpoint_shape,
)
from app.flow.actions.item import ACTIONS, KINDS
from app.flow.language.json_schema import (
    ANYTHING,
    FLAG,
    TEXT,
    JsonSchema,
    about,
    choose,
    computed,
    has,
    listed,
    mapped,
    named,
    number,
    offered,
    one_of,
    ref,
)
from app.ncco.actions import ENDPOINT, SHAPES
from app.ncco.model import Nested, Option
from app.ncco.model import Shape as NccoShape

_BOUNDS: Final[tuple[str, ...]] = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OURS: Final = {
    "checkpoint": "Tells the server that the call has come this far; named in `on`, it decides how the call goes on.",
    "ncco": "A file of templates/ that gives a whole list of actions as JSON.",
}
ABOUT: Final = {word: SHAPES[word].about for word in ACTIONS} | _OURS
"""What each item of `do` is."""

FILE: Final = mapped(
    {"template": about(offered("templates"), "A file of templates/ that is filled in for each call.")},
    required=["template"],
)
"""`{template: greeting.j2}`."""


def per_locale(inner: JsonSchema) -> JsonSchema:
    """A map with one value for each locale."""
    return named(inner, offered="locales") | {"minProperties": 1}


def _record(record: MapField, known: NccoShape | None) -> dict[str, JsonSchema]:
    """Each field by its name; `known` is what `app.ncco` knows of the same object."""
    found: dict[str, JsonSchema] = {}
    for name, shape in record.fields.items():
        option = known.options.get(name) if known else None
        found[name] = _field(shape, option)
        if option is not None:
            default = {} if option.default is None else {"default": option.default}
            found[name] = about(found[name] | default, option.describe())
    return found


def _field(shape: Field, option: Option | None = None) -> JsonSchema:
    """What a field may hold; anything where its shape is a new one."""
    match shape:
        case ScalarField(type=type_):
            if type_.words:
                return computed(one_of(type_.words))
            if type_.kind == "number":
                schema = option.kind.json_schema() if option else {}
                bounds = {keyword: schema[keyword] for keyword in _BOUNDS if keyword in schema}
                return computed(number("integer" if type_.name == "int" else "number", bounds))
            return computed(FLAG) if type_.name == "bool" else TEXT
        case SpeechField():
            return {"anyOf": [TEXT, FILE]}
        case LocalField(inner=inner):
            schema = _field(inner, option)
            return {"anyOf": [schema, per_locale(schema)]}
        case ListField(item=item):
            return listed(_field(item))
        case SingleField(item=item):
            schema = _field(item, option)
            return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1, "maxItems": 1}]}
        case MapField():
            nested = option.kind.shape if option and isinstance(option.kind, Nested) else None
            return mapped(_record(shape, nested))
    return ANYTHING


def action_definitions() -> dict[str, JsonSchema]:
    """Each action, each endpoint and the item itself, by name."""
    found = {f"{word}_item": _item(word) for word in KINDS}
    for word in ACTIONS:
        action = about({"const": word}, ABOUT[word])
        found[f"{word}_pasted"] = mapped({"action": action, **options_of(word)}, required=["action"])
    found |= {f"{kind}_target": _target(kind) for kind in ENDPOINT_TYPES}
    return found | {"item": _any_item(), "target_of_connect": _any_target()}


def options_of(word: str) -> dict[str, JsonSchema]:
    """The fields of an action by name."""
    found = _record(action_shape(word), SHAPES[word])
    if word == "connect":
        found |= options_around()
        found["endpoint"] = about(listed(ref("target_of_connect")), "Where the call is connected to.")
    if word == "talk":
        found["template"] = about(offered("templates"), "A file of templates/ that says what is said.")
    if word == "transfer":
        found["conversation_id"] = found["conversationId"]
    return found


def _any_item() -> JsonSchema:
    """An item is recognised by the first of these words; `record` beside a `conversation` is a field of it."""
    pasted = [(_is("action", word), ref(f"{word}_pasted")) for word in ACTIONS]
    cases = [(has("action"), choose(pasted, {"properties": {"action": one_of(ACTIONS)}}))]
    first = sorted(KINDS, key=lambda word: word != "conversation")
    cases += [(has(word), ref(f"{word}_item")) for word in first]
    words = {word: about({}, ABOUT[word]) for word in KINDS}
    nameless = mapped(words) | {"minProperties": 1}
    return {"type": "object", "properties": words, **choose(cases, nameless)}


def _item(word: str) -> JsonSchema:
    """What is written under the name of an action: the main value, or a map of fields."""
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
    """A number, an address, an endpoint with its `type`, or one with fields of `connect` around it."""
    websocket = {"type": "object", "properties": {"uri": {"pattern": "^wss?:"}}, "required": ["uri"]}
    untyped = mapped({"type": about(one_of(ENDPOINT_TYPES), "What is called.")}, required=["type"])
    cases = [
        (has("endpoint"), mapped({**options_around(), "endpoint": listed({"type": "object"})})),
        *((_is("type", kind), ref(f"{kind}_target")) for kind in ENDPOINT_TYPES),
        (has("type"), untyped),
        *((has(*sorted(fields)), ref(f"{kind}_target")) for kind, fields in BY_FIELDS),
        (websocket, ref("websocket_target")),
        (has("uri"), ref("sip_target")),
    ]
    return {"if": {"type": "object"}, "then": choose(cases, untyped), "else": TEXT}


def options_around() -> dict[str, JsonSchema]:
    """The fields of `connect` without where it leads."""
    fields = _record(action_shape("connect"), SHAPES["connect"])
    return {name: schema for name, schema in fields.items() if name != "endpoint"} | {ON_ANSWER: _answering()}


def _target(kind: str) -> JsonSchema:
    fields = _record(endpoint_shape(kind), ENDPOINT.shapes[kind])
    if ON_ANSWER in fields:
        fields[ON_ANSWER] = _answering()
    kind_is = about({"const": kind}, ENDPOINT.shapes[kind].about)
    return mapped({**options_around(), **fields, "type": kind_is})


def _answering() -> JsonSchema:
    """What the called party of a phone hears first: a flow of ours, or another server's NCCO."""
    record, known = endpoint_shape("phone").fields[ON_ANSWER], ENDPOINT.shapes["phone"].options[ON_ANSWER]
    plain = _field(record, known)
    run = about(offered("flows"), "The flow that the called party hears before it is joined.")
    tones = {name: schema for name, schema in plain["properties"].items() if name != "url"}
    ours = mapped({"run": run, "with": named(ANYTHING), **tones}, required=["run"])
    return about({"if": has("run"), "then": ours, "else": plain}, known.describe())


def _is(word: str, value: str) -> JsonSchema:
    return {"type": "object", "properties": {word: {"const": value}}, "required": [word]}
