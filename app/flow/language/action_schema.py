"""The items of `do`: an action under its name, in one map, or pasted from the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.flow.actions.endpoints import BY_FIELDS, ON_ANSWER
from app.flow.actions.fields import ENDPOINT_TYPES, action_shape, endpoint_shape
from app.flow.language.field_schema import FieldSchemas
from app.flow.language.json_schema import (
    ANYTHING,
    TEXT,
    JsonSchema,
    about,
    choose,
    has,
    listed,
    mapped,
    named,
    offer,
    one_of,
    ref,
)
from app.flow.language.names import Names
from app.flow.played import ACTIONS, KINDS
from app.ncco.actions import ENDPOINT, SHAPES

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
