"""The call that a hook places.

hooks:
  call_back:
    place: {flow: callback, to: "{{ call.from }}", after: 30m}    # or `at`; without either, as soon as possible
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from ncco_server.flow.frame import Assignment
from ncco_server.flow.grammar.forms import TEXT, Duration, Notation
from ncco_server.flow.grammar.map_form import MapForm, SetByCode, written_as
from ncco_server.flow.grammar.reader import Resolver
from ncco_server.flow.grammar.targets import FlowName, GivenParams, any_flow, read_given
from ncco_server.flow.language.outgoing import plain_json
from ncco_server.flow.nodes import Node
from ncco_server.flow.templates.values import Value
from ncco_server.ncco.value_types import TYPES, Kind, PlainText, duration_ms

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
            is_delay = duration_ms(str(value)) is not None
            computed = f'write a computed time, such as "{{{{ hours.office.next_open }}}}", or {self.described}'
            raise ValueError(f"write `after: {value}` for a delay" if is_delay else computed)
        return moment.isoformat()


def _form(kind: Kind) -> Notation:
    def read(node: Node, what: str, reader: Resolver) -> Value | None:
        value = reader.value(node, kind, "kept", what)
        if value is not None:
            reader.refuse_secrets(value, _STORED)
        return value

    return Notation(read, TEXT)


class Placing(MapForm):
    """The call that a hook places. Without `at` and `after`, it is placed as soon as possible."""

    cures: ClassVar = {
        "flow": "write the flow that the called person hears: `flow: callback`",
        "to": 'write `to: "{{ call.from }}"`',
    }
    example: ClassVar = 'place: {flow: callback, to: "{{ call.from }}"}'

    flow: FlowName
    """The flow that the person who is called hears. It must have `outbound`."""
    to: Annotated[Value, _form(TYPES["phone"])]
    """The number to call, with its country code."""
    params: GivenParams | None = written_as("with", default=None)
    """The params of the flow."""
    moment: Annotated[Value | None, _form(Moment())] = written_as("at", default=None)
    """When the call is placed, such as `"{{ hours.office.next_open }}"`; by default as soon as possible."""
    after_ms: Annotated[int | None, Duration("1s", "30d")] = written_as("after", default=None)
    """How long after the hook the call is placed, instead of `at`."""
    given: SetByCode[tuple[Assignment, ...]] = ()

    @property
    def values(self) -> tuple[Value, ...]:
        computed = (self.to, self.moment, *(assignment.value for assignment in self.given))
        return tuple(value for value in computed if value is not None)

    def render(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """The call as JSON: `flow`, `to`, `with`, and `at` (ISO 8601; "" for as soon as possible).

        Raises RenderError, or ValueError without values of the call.
        """
        at = self.moment.render(names) if self.moment is not None else ""
        if self.after_ms is not None:
            at = (names["now"] + timedelta(milliseconds=self.after_ms)).isoformat()
        given = {assignment.name: plain_json(assignment.value.render(names)) for assignment in self.given}
        return {"flow": self.flow.value, "to": self.to.render(names), "with": given, "at": at}


def _read_placing(node: Node, what: str, reader: Resolver) -> Placing | None:
    """Report E272 for an unknown flow, E587 for one without `outbound`, E403 for two times."""
    placing = Placing.read(node, what, reader)
    if placing is None:
        return None
    if placing.moment is not None and placing.after_ms is not None:
        reader.report("E403", placing.at("after"), "the call has two times: `at` and `after`", "delete `at` or `after`")
    name = placing.flow.value
    place = placing.flow.place
    signature = reader.flows.get(name)
    if (signature is None and not reader.has_all_flows) or (signature is not None and not signature.is_whole):
        signature = any_flow(name, placing.params, place)
    if signature is None:
        reader.unknown("E272", placing.flow, sorted(reader.flows), f'there is no flow "{name}"')
        return None
    if not signature.is_placed:
        reader.report("E587", place, f'the flow "{name}" has no `outbound`')
        signature = any_flow(name, placing.params, place)  # perhaps another flow is meant
    local = replace(reader, issues=[])
    given = read_given(placing.params, signature.params, ("flow", name), place, local)
    reader.issues.extend(
        replace(issue, cure="leave it out") if issue.code == "E226" else issue for issue in local.issues
    )
    for assignment in given:
        if signature.params[assignment.name].variable.sensitive:  # E226 refuses the others
            reader.refuse_secrets(assignment.value, _STORED)
    return replace(placing, given=given)


PlacedFlow: TypeAlias = Annotated[Placing, Notation(_read_placing, Placing.json_schema())]
