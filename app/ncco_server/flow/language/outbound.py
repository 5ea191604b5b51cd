"""`outbound`: how calls are placed with a flow.

outbound:
  from: "442079460001"           # or randomFromNumber: true
  retry: {on: [timeout, busy], after: 10m, tries: 3, within: office}
  on: {answered: hello, otherwise: {send: not_reached}}

After an outcome in which nobody was reached, only hooks can be sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import time
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from ncco_server.flow.frame import Target
from ncco_server.flow.grammar.forms import TEXT, Duration, Notation, listed, offered
from ncco_server.flow.grammar.map_form import MapForm, SetByCode, written_as
from ncco_server.flow.grammar.reader import UNWRITTEN, Reader, Resolver, items
from ncco_server.flow.grammar.targets import Destination
from ncco_server.flow.issues import did_you_mean, meant_word
from ncco_server.flow.language.hooks import SentHook, SentHooks
from ncco_server.flow.language.tables import TableDefinition, read_table_of_numbers
from ncco_server.flow.nodes import Node, Place, Text
from ncco_server.ncco.statuses import DETECTIONS, DIAL_FAILURES
from ncco_server.ncco.value_types import TYPES, WholeNumber
from ncco_server.suggest import nearest

MachineDetection: TypeAlias = Literal["continue", "hangup", "detect", "detect_beep"]

UNKNOWN: Final = "unknown"
EXPIRED: Final = "expired"
REFUSED: Final = "refused"
OTHERWISE: Final = "otherwise"
RETRIED: Final = (*DIAL_FAILURES, "machine", UNKNOWN)
_APART: Final = frozenset({UNKNOWN, REFUSED})
"""`otherwise` does not include them: the phone may have rung, or must not ring."""
_NOT_REACHED: Final = (*DIAL_FAILURES, EXPIRED, UNKNOWN, REFUSED, OTHERWISE)
MOST_TRIES: Final = 10
QUIET_FROM: Final = time(21)
QUIET_UNTIL: Final = time(8)
"""In the called number's zones. Our choice: many countries allow calls from 8 or 9 until 20 or 21."""


def _read_retried(node: Node, what: str, reader: Resolver) -> frozenset[str] | None:
    found = []
    for item in items(node):
        text = reader.text(item, what)
        if text is None:
            return None
        if text.value in RETRIED:
            found.append(text.value)
            continue
        near = nearest(text.value, RETRIED)
        message = f'"{text.value}" is not an outcome that another attempt may follow'
        reader.report(
            "E203", text.place, message, did_you_mean(near) if near else f"write one of: {', '.join(sorted(RETRIED))}"
        )
    return frozenset(found)


def _read_within(node: Node, what: str, reader: Reader) -> str | None:
    text = reader.text(node, what)
    return text.value if text else None


class OutboundRetry(MapForm):
    """When to try again."""

    cures: ClassVar = {"on": "write e.g. `on: [timeout, busy, unanswered]`"}
    unknown_code: ClassVar = "E202"
    example: ClassVar = "retry: {on: [timeout, busy], after: 10m, tries: 3}"

    on: Annotated[frozenset[str], Notation(_read_retried, listed({"enum": list(RETRIED)}))]
    """Outcomes after which to try again: timeout, busy, unanswered, rejected, failed, machine, unknown."""
    after_ms: Annotated[int, Duration("10s", "24h")] = written_as("after", default=600_000)
    """How long to wait before the next attempt, 10s to 24h."""
    tries: Annotated[int, WholeNumber(1, MOST_TRIES)] = 3
    """Maximum number of attempts, 1 to 10."""
    within: Annotated[str | None, Notation(_read_within, TEXT)] = None
    """Opening hours in which attempts may be made, including the first."""


class NotReached(MapForm):
    """The hooks for an outcome in which nobody was reached."""

    unknown_code: ClassVar = "E202"
    cures: ClassVar = {"send": "write the hook to send: `{send: hook}`"}
    example: ClassVar = "{send: hook}"

    send: SentHooks
    """The hooks to send."""

    @classmethod
    def read(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        if isinstance(node, Text) and isinstance(reader, Resolver) and reader.hooks:
            hooks = [node.value] if node.value in reader.hooks else [*reader.hooks]
            written = " or ".join(f"{{send: {hook}}}" for hook in hooks)
            fix = f"write `{written}`" if len(hooks) == 1 else f"write {written}"
            reader.report("E201", node.place, f"{what} is a text", fix)
            return None
        return super().read(node, what, reader, place=place, **made)


class OutboundWays(MapForm):
    """The words of `on` in `outbound`."""

    unknown_code: ClassVar = "E202"
    example: ClassVar = "on: {answered: step, otherwise: {send: hook}}"

    answered: Destination | None = None
    """Where the call starts if somebody answers; by default at `start`."""
    human: Destination | None = None
    """Machine detection found a person."""
    machine: Destination | None = None
    """Machine detection found a machine."""
    beep: Destination | None = None
    """A machine has played its beep."""
    timeout: NotReached | None = None
    """It rang too long."""
    busy: NotReached | None = None
    """The person who was called is on the phone."""
    unanswered: NotReached | None = None
    """Nobody answered, or the call was declined."""
    rejected: NotReached | None = None
    """The call was refused before it rang."""
    failed: NotReached | None = None
    """The call could not be connected or placed."""
    expired: NotReached | None = None
    """The call could not be placed in time."""
    unknown: NotReached | None = None
    """Nobody knows whether the phone rang, because a request was lost or a server stopped."""
    refused: NotReached | None = None
    """The number is in a table under `unless`, so it was not called."""
    otherwise: NotReached | None = None
    """After the last attempt: every outcome that does not have its own line, except unknown and refused."""


_ONE_ATTEMPT: Final = OutboundRetry(written=UNWRITTEN, on=frozenset(), tries=1)


def _read_unless(node: Node, what: str, reader: Resolver) -> tuple[TableDefinition, ...]:
    found = [read_table_of_numbers(item, what, reader) for item in items(node)]
    return tuple(table for table in found if table is not None)


class Outbound(MapForm):
    """How calls are placed with a flow.

    Attributes:
        start: where they begin, unless `on` says where.
        from_number: in digits; "" for a random number of the application.
        expires_ms: from the wanted time; None for never.
    """

    unknown_code: ClassVar = "E202"
    example: ClassVar = 'outbound: {from: "442079460000", on: {otherwise: {send: hook}}}'
    definition: ClassVar = "outbound"

    start: SetByCode[Target]
    from_number: Annotated[str, TYPES["phone"]] = written_as("from", default="")
    """The number that the person who is called sees: one of the application's, in quotes."""
    random_from_number: bool | None = written_as("randomFromNumber", default=None)
    """true: a random number of the application, instead of `from`."""
    ringing_timer_ms: Annotated[int, Duration("1s", "120s")] = written_as("ringing_timer", default=60_000)
    """How long to let the phone ring, 1s to 120s."""
    machine_detection: MachineDetection | None = None
    """What happens if a machine answers; detect and detect_beep are charged extra."""
    retry: OutboundRetry = _ONE_ATTEMPT
    """When to try again."""
    expires_ms: Annotated[int | None, Duration("10s", "30d")] = written_as("expires", default=None)
    """How long after the wanted time the call may still be placed."""
    quiet: bool = True
    """false: calls may be placed between 21:00 and 08:00 in the called number's local time."""
    unless: Annotated[tuple[TableDefinition, ...] | None, Notation(_read_unless, listed(offered("tables")))] = None
    """Tables of numbers that must not be called, such as do_not_call; [] if every number may be called."""
    on: OutboundWays | None = None
    """Where the call goes, and the hooks to send if nobody was reached."""

    @property
    def answered(self) -> Target:
        return (self.on and self.on.answered) or self.start

    @cached_property
    def ways(self) -> Mapping[str, Target]:
        """Where the call goes after machine detection, by `human`, `machine` and `beep`."""
        return {name: target for name in DETECTIONS if (target := getattr(self.on, name, None)) is not None}

    @cached_property
    def hooks(self) -> Mapping[str, tuple[SentHook, ...]]:
        """Sent if nobody was reached, by outcome; `otherwise` is for the rest, except `unknown`."""
        lines = {name: getattr(self.on, name, None) for name in _NOT_REACHED}
        return {name: line.send for name, line in lines.items() if line is not None}

    @property
    def targets(self) -> tuple[Target, ...]:
        return (self.answered, *self.ways.values())

    def hooks_for(self, outcome: str) -> tuple[SentHook, ...]:
        return self.hooks.get(outcome) or (() if outcome in _APART else self.hooks.get(OTHERWISE, ()))

    def refusing(self, number: str) -> tuple[str, ...]:
        return tuple(table.row_of_number(number) for table in self.unless or ())


_REPORTED: Final[Mapping[MachineDetection | None, frozenset[str]]] = {
    None: frozenset(),
    "hangup": frozenset(),
    "continue": frozenset(DETECTIONS) - {"beep"},
    "detect": frozenset(DETECTIONS) - {"beep"},
    "detect_beep": frozenset(DETECTIONS),
}
"""Results that can redirect a call, by mode. Source: webhook reference, Machine detection (`continue`, `mode`)."""


def check_outbound(outbound: Outbound, reader: Reader, hours: Set[str]) -> None:
    """`hours` are the opening hours that the flow may use."""
    written = outbound.written
    if written.is_whole and ("from" in written.values) == (outbound.random_from_number is True):
        message = "`outbound` needs exactly one number to show to the called person"
        cure = 'write `from: "442079460000"`, or `randomFromNumber: true`, not both'
        reader.report("E294", outbound.place, message, cure)
    retry = outbound.retry
    if retry.within is not None and retry.within not in hours:
        known = f"there are: {', '.join(sorted(hours))}" if hours else "declare them under `hours`"
        message = f'there are no opening hours "{retry.within}"'
        reader.report("E303", retry.written.values["within"].place, message, meant_word(retry.within, hours, known))
    if retry is not _ONE_ATTEMPT and outbound.expires_ms is not None and outbound.expires_ms <= retry.after_ms:
        at = written.values["expires"].place
        reader.report("W296", at, "the call expires before another attempt", "write a longer time than that of `after`")
    ways = outbound.on
    if ways is not None:
        unreported = [name for name in outbound.ways if name not in _REPORTED[outbound.machine_detection]]
        wanted = "detect_beep" if "beep" in unreported else "continue"
        for name in unreported:
            message = "this result is never reported with this `machine_detection`"
            reader.report("W296", ways.at(name), message, f"write `machine_detection: {wanted}`")
    if "machine" in retry.on and outbound.machine_detection != "hangup":
        message = "no other attempt follows `machine`: the call goes on when a machine answers"
        on = items(retry.written.get("on"))
        machine = next(item for item in on if isinstance(item, Text) and item.value == "machine")
        reader.report("W296", machine.place, message, "write `machine_detection: hangup`, or delete `machine`")
    if ways is not None and ways.refused is not None and not outbound.unless:
        message = "`refused` is never reported without `unless`"
        reader.report("W296", ways.at("refused"), message, "add `unless: do_not_call`, or delete the line")
