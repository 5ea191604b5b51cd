"""JSON Schema of the items of `do`: an action under its name, in one map, or pasted from the NCCO reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.flow.actions.connect import BY_FIELDS, ON_ANSWER
from app.flow.actions.fields import (
    ENDPOINT_TYPES,
    Field,
    JsonField,
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
    offer,
    one_of,
    ref,
)
from app.flow.language.names import Names
from app.ncco.actions import ENDPOINT, SHAPES
from app.ncco.model import Nested, Option
from app.ncco.model import Shape as NccoShape

_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


@dataclass(frozen=True, slots=True)
class FieldSchemas:
    """Makes the schemas of fields for a project with these names."""

    names: Names

    def record(self, record: MapField, known: NccoShape | None) -> dict[str, JsonSchema]:
        """Each field by its name; `known` is what `app.ncco` knows of the same object."""
        options = known.options if known else {}
        return {name: self._field(shape, options.get(name)) for name, shape in record.fields.items()}

    def _field(self, shape: Field, option: Option | None) -> JsonSchema:
        schema = self.shape(shape, option)
        if option is None:
            return schema
        default = {} if option.default is None else {"default": option.default}
        return about(schema | default, option.describe())

    def shape(self, shape: Field, option: Option | None = None) -> JsonSchema:
        """What a field may hold; anything where its shape is a new one."""
        make: Callable[..., JsonSchema] | None = _MAKERS.get(type(shape))
        return make(self, shape, option) if make else ANYTHING

    def scalar(self, shape: ScalarField, option: Option | None) -> JsonSchema:
        """A text, number, word or flag."""
        kind = shape.type.name
        if kind == "words":
            return computed(one_of(shape.type.words))
        if kind in {"int", "number"}:
            return computed(number("integer" if kind == "int" else "number", _bounds(option)))
        return computed(FLAG) if kind == "bool" else TEXT

    def speech(self, shape: SpeechField, option: Option | None) -> JsonSchema:
        """A text, or the file that holds it."""
        return {"anyOf": [TEXT, file_schema(self.names)]}

    def local(self, shape: LocalField, option: Option | None) -> JsonSchema:
        """A value, or a map with one for each locale."""
        inner = self.shape(shape.inner, option)
        return {"anyOf": [inner, per_locale(inner, self.names)]}

    def many(self, shape: ListField, option: Option | None) -> JsonSchema:
        """A list, or one value."""
        return listed(self.shape(shape.item))

    def one(self, shape: SingleField, option: Option | None) -> JsonSchema:
        """One value, or a list of one."""
        item = self.shape(shape.item, option)
        return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": 1}]}

    def nested(self, shape: MapField, option: Option | None) -> JsonSchema:
        """A map of fields."""
        known = option.kind.shape if option and isinstance(option.kind, Nested) else None
        return mapped(self.record(shape, known))

    def free(self, shape: JsonField, option: Option | None) -> JsonSchema:
        """Any JSON."""
        return ANYTHING


def file_schema(names: Names) -> JsonSchema:
    """`{template: greeting.j2}`."""
    name = about(offer(names.templates), "A file of templates/ that is filled in for each call.")
    return mapped({"template": name}, required=["template"])


def per_locale(inner: JsonSchema, names: Names) -> JsonSchema:
    """A map with one value for each locale."""
    return {"type": "object", "properties": dict.fromkeys(names.locales, inner), "additionalProperties": inner} | {
        "minProperties": 1
    }


def _bounds(option: Option | None) -> Mapping[str, Any]:
    schema = option.kind.json_schema() if option else {}
    return {keyword: schema[keyword] for keyword in _BOUNDS if keyword in schema}


_MAKERS: Final[Mapping[type[Any], Callable[..., JsonSchema]]] = {
    ScalarField: FieldSchemas.scalar,
    SpeechField: FieldSchemas.speech,
    LocalField: FieldSchemas.local,
    ListField: FieldSchemas.many,
    SingleField: FieldSchemas.one,
    MapField: FieldSchemas.nested,
    JsonField: FieldSchemas.free,
}


_OURS: Final = {
    "checkpoint": "Tells the server that the call has come this far; named in `on`, it decides how the call goes on.",
    "ncco": "A file of templates/ that gives a whole list of actions as JSON.",
}
ABOUT: Final = {word: SHAPES[word].about for word in ACTIONS} | _OURS
"""What each item of `do` is."""


@dataclass(frozen=True, slots=True)
class ActionSchemas:
    """Makes the schemas of items for a project with these names."""

    names: Names

    @property
    def fields(self) -> FieldSchemas:
        """Makes those of fields."""
        return FieldSchemas(self.names)

    def definitions(self) -> dict[str, JsonSchema]:
        """Each action, each endpoint and the item itself, by name."""
        found = {f"{word}_item": self._item(word) for word in KINDS}
        found |= {f"{word}_pasted": self._pasted(word) for word in ACTIONS}
        found |= {f"{kind}_target": self._target(kind) for kind in ENDPOINT_TYPES}
        return found | {"item": self._any_item(), "target_of_connect": self._any_target()}

    def options(self, word: str) -> dict[str, JsonSchema]:
        """The fields of an action by name."""
        found = self.fields.record(action_shape(word), SHAPES[word])
        if word == "connect":
            found |= self.options_around()
            found["endpoint"] = about(listed(ref("target_of_connect")), "Where the call is connected to.")
        if word == "talk":
            found["template"] = about(offer(self.names.templates), "A file of templates/ that says what is said.")
        if word == "transfer":
            found["conversation_id"] = found["conversationId"]
        return found

    def _any_item(self) -> JsonSchema:
        """An item is recognised by the first of these words; `record` beside a `conversation` is a field of it."""
        cases = [(has("action"), choose(((_is_action(word), ref(f"{word}_pasted")) for word in ACTIONS), _no_action()))]
        first = sorted(KINDS, key=lambda word: word != "conversation")
        cases += [(has(word), ref(f"{word}_item")) for word in first]
        words = {word: about({}, ABOUT[word]) for word in KINDS}
        nameless = mapped(words) | {"minProperties": 1}
        return {"type": "object", "properties": words, **choose(cases, nameless)}

    def _item(self, word: str) -> JsonSchema:
        if word == "checkpoint":
            return mapped({word: about(TEXT, ABOUT[word])})
        if word == "ncco":
            return mapped({word: about(offer(self.names.templates), ABOUT[word])})
        options = self.options(word)
        return mapped({**options, word: about(self._main(word, options), ABOUT[word])})

    def _main(self, word: str, options: dict[str, JsonSchema]) -> JsonSchema:
        """What is written under the name: the main value, or a map of fields."""
        fields = mapped(options)
        if word == "record":
            return {"anyOf": [{"enum": [True, "true"]}, fields]}
        if not SHAPES[word].main:
            return fields
        main = options[SHAPES[word].main]
        plain = {key: value for key, value in main.items() if key not in ("description", "default")}
        return {"anyOf": [plain, fields]}

    def _pasted(self, word: str) -> JsonSchema:
        return mapped({"action": about({"const": word}, ABOUT[word]), **self.options(word)}, required=["action"])

    def _any_target(self) -> JsonSchema:
        """A number, an address, an endpoint with its `type`, or one with fields of `connect` around it."""
        kinds = [(_is_type(kind), ref(f"{kind}_target")) for kind in ENDPOINT_TYPES]
        wrapped = {**self.options_around(), "endpoint": listed({"type": "object"})}
        untyped = mapped({"type": about(one_of(ENDPOINT_TYPES), "What is called.")}, required=["type"])
        told = [(has("type"), untyped), *((has(*sorted(fields)), ref(f"{kind}_target")) for kind, fields in BY_FIELDS)]
        by_address = [(_is_websocket(), ref("websocket_target")), (has("uri"), ref("sip_target"))]
        endpoint = choose([(has("endpoint"), mapped(wrapped)), *kinds, *told, *by_address], untyped)
        return {"if": {"type": "object"}, "then": endpoint, "else": TEXT}

    def options_around(self) -> dict[str, JsonSchema]:
        """The fields of `connect` without where it leads."""
        fields = self.fields.record(action_shape("connect"), SHAPES["connect"])
        fields[ON_ANSWER] = self._answering()
        return {name: schema for name, schema in fields.items() if name != "endpoint"}

    def _target(self, kind: str) -> JsonSchema:
        shape = ENDPOINT.shapes[kind]
        fields = self.fields.record(endpoint_shape(kind), shape)
        if ON_ANSWER in fields:
            fields[ON_ANSWER] = self._answering()
        kind_is = about({"const": kind}, shape.about)
        return mapped({**self.options_around(), **fields, "type": kind_is})

    def _answering(self) -> JsonSchema:
        """What the called party of a phone hears first: a flow of ours, or another server's NCCO."""
        record, known = endpoint_shape("phone").fields[ON_ANSWER], ENDPOINT.shapes["phone"].options[ON_ANSWER]
        plain = self.fields.shape(record, known)
        run = about(offer(self.names.flows), "The flow that the called party hears before it is joined.")
        tones = {name: schema for name, schema in plain["properties"].items() if name != "url"}
        ours = mapped({"run": run, "with": named(ANYTHING), **tones}, required=["run"])
        return about({"if": has("run"), "then": ours, "else": plain}, known.describe())


def _is_action(word: str) -> JsonSchema:
    return {"type": "object", "properties": {"action": {"const": word}}, "required": ["action"]}


def _no_action() -> JsonSchema:
    return {"properties": {"action": one_of(ACTIONS)}}


def _is_type(kind: str) -> JsonSchema:
    return {"type": "object", "properties": {"type": {"const": kind}}, "required": ["type"]}


def _is_websocket() -> JsonSchema:
    return {"type": "object", "properties": {"uri": {"pattern": "^wss?:"}}, "required": ["uri"]}
