"""The call that a hook places.

hooks:
  call_back:
    place: {flow: callback, to: "{{ call.from }}", after: 30m}    # or `at`; without either, as soon as possible
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from ncco_server.flow.frame import Assignment
from ncco_server.flow.grammar.forms import TEXT, Duration, Notation
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import HINTS, Resolver
from ncco_server.flow.grammar.targets import FlowName, GivenParams, any_flow, read_given
from ncco_server.flow.issues import Fix
from ncco_server.flow.language.outgoing import plain_json
from ncco_server.flow.nodes import Node
from ncco_server.flow.templates.values import Value
from ncco_server.ncco.value_types import TYPES, Kind, PlainText

_STORED: Final = "stored until the call is placed"


class Moment(PlainText):
    """A point in time as text: ISO 8601 with a UTC offset."""

    name = "moment"
    described = "a point in time with its UTC offset, such as 2026-12-24T10:00+00:00"
    sample = "2026-12-24T10:00+00:00"

    def cast(self, value: object) -> str:
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ValueError(f"{self.described} is needed")
        return moment.isoformat()


def _form(kind: Kind) -> Notation:
    def read(node: Node, what: str, reader: Resolver) -> Value | None:
        value = reader.value(node, kind, "kept", what)
        if value is not None:
            reader.refuse_secrets(value, _STORED)
        return value

    return Notation(read, TEXT)


class PlaceWords(MapForm):
    """The map under `place` of a hook."""

    hints: ClassVar = HINTS["place"]
    cures: ClassVar = {
        "flow": "write the flow that the called person hears: `flow: callback`",
        "to": Fix('write `to: "{{ call.from }}"`', "add", 'to: "{{ call.from }}"'),
    }
    example: ClassVar = 'place: {flow: callback, to: "{{ call.from }}"}'

    flow: FlowName
    """The flow that the person who is called hears. It must have `outbound`."""
    to: Annotated[Value, _form(TYPES["phone"])]
    """The number to call, with its country code."""
    given: GivenParams | None = written_as("with", default=None)
    """The params of the flow."""
    moment: Annotated[Value | None, _form(Moment())] = written_as("at", default=None)
    """When the call is placed, such as `"{{ hours.office.next_open }}"`; by default as soon as possible."""
    after: Annotated[int | None, Duration("1s", "30d", "m")] = None
    """How long after the hook the call is placed, instead of `at`."""


@dataclass(frozen=True, slots=True)
class Placing:
    """The call that a hook places. Without `at` and `after_ms`, it is placed as soon as possible."""

    flow: str
    to: Value
    given: tuple[Assignment, ...] = ()
    at: Value | None = None
    after_ms: int | None = None

    @property
    def values(self) -> tuple[Value, ...]:
        computed = (self.to, self.at, *(assignment.value for assignment in self.given))
        return tuple(value for value in computed if value is not None)

    def render(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """The call as JSON: `flow`, `to`, `with`, and `at` (ISO 8601; "" for as soon as possible).

        Raises RenderError, or ValueError without values of the call.
        """
        at = self.at.render(names) if self.at is not None else ""
        if self.after_ms is not None:
            at = (names["now"] + timedelta(milliseconds=self.after_ms)).isoformat()
        given = {assignment.name: plain_json(assignment.value.render(names)) for assignment in self.given}
        return {"flow": self.flow, "to": self.to.render(names), "with": given, "at": at}


def _read_placing(node: Node, what: str, reader: Resolver) -> Placing | None:
    """Report E272 for an unknown flow, E587 for one without `outbound`, E588 for two times."""
    words = PlaceWords.read(node, what, reader)
    if words is None:
        return None
    if words.moment is not None and words.after is not None:
        reader.report("E588", words.at("after"), "the call has two times: `at` and `after`")
    name = words.flow.value
    place = words.flow.place
    signature = reader.flows.get(name)
    if (signature is None and not reader.has_all_flows) or (signature is not None and not signature.is_whole):
        signature = any_flow(name, words.given, place)
    if signature is None:
        reader.unknown("E272", words.flow, sorted(reader.flows), f'there is no flow "{name}"')
        return None
    if not signature.is_placed:
        reader.report("E587", place, f'the flow "{name}" has no `outbound`')
    given = read_given(words.given, signature.params, ("flow", name), place, reader)
    for assignment in given:
        if signature.params[assignment.name].variable.sensitive:  # E226 refuses the others
            reader.refuse_secrets(assignment.value, _STORED)
    return Placing(name, words.to, given, words.moment, words.after)


PlacedFlow: TypeAlias = Annotated[Placing, Notation(_read_placing, PlaceWords.json_schema())]
