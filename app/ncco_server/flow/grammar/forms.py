"""The forms of the parts of a flow file: a form reads one part, and describes it to editors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ncco_server.flow.grammar.json_schema import TEXT
from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.issues import Fix
from ncco_server.flow.nodes import Node
from ncco_server.value_types import JsonSchema, Kind, meant_durations, milliseconds


@runtime_checkable
class Form(Protocol):
    """How one part of a flow file is written."""

    def read(self, node: Any, what: str, reader: Any) -> Any:
        """Return None after reporting errors. `what` names the node in messages.

        `reader` is a `Reader`, or a `Resolver` for a part that names something.
        """

    def json_schema(self) -> JsonSchema: ...


@dataclass(frozen=True, slots=True, eq=False)
class Notation:
    """A form whose function `read` returns the value, or None after reporting an error."""

    read: Callable[[Any, str, Any], Any]
    schema: Mapping[str, Any]

    def json_schema(self) -> JsonSchema:
        return dict(self.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Unread:
    """A form for parts that stay nodes, to be read when more of the file is known."""

    schema: Mapping[str, Any]

    def read(self, node: Node, what: str, reader: Reader) -> Node:
        return node

    def json_schema(self) -> JsonSchema:
        return dict(self.schema)


@dataclass(frozen=True, slots=True)
class Coded:
    """The form of a value that has an error code of its own."""

    kind: Kind
    code: str

    def read(self, node: Node, what: str, reader: Reader) -> Any:
        return reader.literal(node, self.kind, what, code=self.code)

    def json_schema(self) -> JsonSchema:
        return self.kind.json_schema()


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration, read as milliseconds; E534 for anything else.

    `unit` is the likeliest for a number without one.
    """

    low: str
    high: str
    unit: str

    def read(self, node: Node, what: str, reader: Reader) -> int | None:
        text = reader.text(node, what)
        if text is None:
            return None
        found = self._fitting(text.value)
        if found is not None:
            return found
        meant = [each for each in meant_durations(text.value, self.unit) if self._fitting(each) is not None]
        cure: str | Fix = f"write a duration from {self.low} to {self.high}"
        if meant:
            meant = [*dict.fromkeys(meant)]
            cure = f"write {' or '.join(meant)}"
            cure = Fix(cure, "word", meant[0]) if len(meant) == 1 else cure
        reader.report("E534", text.place, f'{what} cannot be "{text.value}"', cure)
        return None

    def _fitting(self, text: str) -> int | None:
        found = milliseconds(text)
        low, high = milliseconds(self.low) or 0, milliseconds(self.high) or 0
        return found if found is not None and low <= found <= high else None

    def json_schema(self) -> JsonSchema:
        return dict(TEXT)
