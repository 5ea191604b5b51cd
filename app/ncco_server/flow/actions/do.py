"""`do`: the items that a step plays.

`ncco: queue.json.j2` takes a whole action list from templates/, for what the flow language cannot express. Values there
are JSON-escaped, so a caller's words cannot add an action or a field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ncco_server.errors import RenderError
from ncco_server.flow.action import OWN_CHECKPOINTS, Action, checkpoint, observer
from ncco_server.flow.actions.connect import address_of, read_connect
from ncco_server.flow.actions.item import ACTIONS, Item, parse_item, refuse_fields
from ncco_server.flow.actions.ncco_action import read_action
from ncco_server.flow.actions.part import Part
from ncco_server.flow.effects import Effect, Phase
from ncco_server.flow.frame import Draft, Frame
from ncco_server.flow.grammar.fields import in_every_locale
from ncco_server.flow.grammar.reader import Reader, Resolver
from ncco_server.flow.nodes import Map, Node, Place, Text
from ncco_server.flow.templates.compiler import compile_file
from ncco_server.flow.templates.values import Computed, Value
from ncco_server.flow.values import leaves
from ncco_server.ncco import RULES as NCCO_RULES
from ncco_server.ncco.statuses import DIAL_OUTCOMES
from ncco_server.ncco.value_types import TYPES


@dataclass(frozen=True, slots=True)
class Document:
    """An action list from a file."""

    input_cure: ClassVar = "write a menu with `choices` instead"

    place: Place
    value: Value
    is_opening: bool = False
    source: str = ""
    """The text of the list's files, whose author wrote every address in it, so it may be dialled."""

    @property
    def actions(self) -> tuple[()]:
        """They are known only during a call."""
        return ()

    @property
    def targets(self) -> tuple[()]:
        return ()

    def effects(self, phase: Phase) -> Iterator[Effect]:
        if not self.value.is_literal:
            yield Effect("play", phase, self.value, "ncco")

    def render(self, frame: Frame) -> list[Draft]:
        """Raises RenderError (E401 if the template does not produce a list of actions)."""
        if self.is_opening and frame.position:
            return []
        return self.drafts(self.value.render(frame.names), frame.names)

    def drafts(self, text: str, names: Mapping[str, Any]) -> list[Draft]:
        """Raises RenderError (E401)."""
        return [self.draft_of(action, names) for action in self.parse(text)]

    def parse(self, text: str) -> list[dict[str, Any]]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.error(f"it is not JSON: {error}") from error
        if not isinstance(found, list):
            raise self.error("it is not a JSON array", NCCO_RULES["N101"].fix)
        if not all(isinstance(action, dict) for action in found):
            raise self.error("an entry of the array is not an action", NCCO_RULES["N102"].fix)
        return found

    def error(self, message: str, cure: str = "") -> RenderError:
        return RenderError("E401", f"the action list cannot be played: {message}", str(self.place), cure=cure)

    def draft_of(self, action: dict[str, Any], names: Mapping[str, Any]) -> Draft:
        word = str(action.get("action"))
        has_url = "eventUrl" in action
        if word == "input" and not has_url and action.get("mode") != "asynchronous":
            raise self.error("its `input` has no `eventUrl`", self.input_cure)
        callback = observer(
            word,
            has_url=has_url,
            records=action.get("record") is True,
            is_asynchronous=action.get("mode") == "asynchronous",
        )
        return Draft(action, callback, self._dials(action))

    def _dials(self, action: Mapping[str, Any]) -> str:
        """The number or address to check against the allow-list; "" if the author wrote it out."""
        address = _address(action)
        is_written = any(f"{quote}{address}{quote}" in self.source for quote in "\"'")
        return "" if self.value.is_literal or is_written else address


def _address(action: Mapping[str, Any]) -> str:
    endpoint = action.get("endpoint")
    first = endpoint[0] if isinstance(endpoint, list) and endpoint else endpoint
    return address_of(first) if isinstance(first, dict) else ""


def read_document(item: Item, reader: Resolver) -> Document | None:
    name = item.main
    if not isinstance(name, Text):
        message = "`ncco` takes the name of a file in templates/"
        reader.report("E404", item.place, message, "write `ncco: queue.json.j2`")
        return None
    refuse_fields(item, "a file name", reader)
    value = in_every_locale(item.place, reader, lambda local: _read_file(name, local))
    if value is None:
        return None
    included = (leaf.template.files for leaf in leaves(value) if isinstance(leaf, Computed))
    source = "\n".join(reader.templates.get(file, "") for file in sorted({name.value}.union(*included)))
    return Document(item.place, value, source=source)


def _read_file(name: Text, reader: Resolver) -> Value | None:
    value, issues = compile_file(name, TYPES["text"], "json", reader.scope, reader.templates, language=reader.language)
    reader.issues.extend(issues)
    return value


_RESERVED = frozenset({*DIAL_OUTCOMES, *OWN_CHECKPOINTS, "cancelled", "otherwise", "error", "record"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def read_checkpoint(item: Item, reader: Reader) -> Action | None:
    name = item.main
    if not isinstance(name, Text):
        reader.report("E404", item.place, "a checkpoint has only a name", "write `checkpoint: heard_terms`")
        return None
    refuse_fields(item, "a name", reader)
    if not _NAME.fullmatch(name.value):
        message = f'a checkpoint cannot be named "{name.value}"'
        reader.report("E403", name.place, message, "use letters, digits, _ and -")
        return None
    if name.value in _RESERVED:
        message = f'"{name.value}" is already the name of an outcome'
        reader.report("E403", name.place, message, "give the checkpoint another name")
        return None
    return checkpoint(name.value, item.place, steers=False)


READERS: Final[Mapping[str, Callable[[Item, Resolver], Part | None]]] = {
    **dict.fromkeys(ACTIONS, read_action),
    "connect": read_connect,
    "checkpoint": read_checkpoint,
    "ncco": read_document,
}


def read_items(node: Node, reader: Resolver) -> tuple[Item, ...]:
    if isinstance(node, Map | Text):
        cure = 'write a list: begin each action with a dash, `- talk: "…"`'
        reader.report("E201", node.place, f"`do` is {'a map' if isinstance(node, Map) else 'a text'}", cure)
        return ()
    items = (parse_item(item, reader) for item in node.items)
    return tuple(item for item in items if item is not None)


def read_do(node: Node, reader: Resolver) -> tuple[Part, ...]:
    return read_parts(read_items(node, reader), reader)


def read_parts(items: Iterable[Item], reader: Resolver) -> tuple[Part, ...]:
    parts = [READERS[item.word](item.inherit(reader.inherited), reader) for item in items]
    return tuple(part for part in parts if part is not None)
