"""`outbound`: how calls are placed with a flow.

outbound:
  from: "442079460001"           # or randomFromNumber: true
  retry: {on: [timeout, busy], after: 10m, tries: 3, within: office}
  on: {answered: hello, otherwise: {send: not_reached}}

After an outcome in which nobody was reached, only hooks can be sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import time
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from ncco_server.flow.frame import Target
from ncco_server.flow.grammar.forms import TEXT, Duration, Notation, listed, offered
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import HINTS, Reader, Resolver, items, meaning_of
from ncco_server.flow.grammar.targets import Destination
from ncco_server.flow.issues import Fix, did_you_mean, meant_word
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
MOST_TRIES: Final = 10


QUIET_FROM: Final = time(21)
QUIET_UNTIL: Final = time(8)
"""In the called number's zones. Our choice: many countries allow calls from 8 or 9 until 20 or 21."""


@dataclass(frozen=True, slots=True)
class OutboundRetry:
    """When to try again. `within` names the opening hours of all attempts; "" for any time."""

    on: frozenset[str] = frozenset()
    after_s: int = 600
    tries: int = 1
    within: str = ""


@dataclass(frozen=True, slots=True)
class Outbound:
    """How calls are placed with a flow.

    Attributes:
        from_number: in digits; "" for a random number of the application.
        machine_detection: "" for none.
        expires_s: seconds from the wanted time until the call expires; None for never.
        ways: where the call goes after machine detection, by `human`, `machine` and `beep`.
        hooks: sent if nobody was reached, by outcome; `otherwise` is for the rest, except `unknown`.
    """

    place: Place
    answered: Target
    from_number: str = ""
    ringing_timer_s: int = 60
    machine_detection: MachineDetection | Literal[""] = ""
    retry: OutboundRetry = field(default_factory=OutboundRetry)
    expires_s: int | None = None
    quiet: bool = True
    unless: tuple[TableDefinition, ...] | None = None
    ways: Mapping[str, Target] = field(default_factory=dict)
    hooks: Mapping[str, tuple[SentHook, ...]] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[Target, ...]:
        return (self.answered, *self.ways.values())

    def hooks_for(self, outcome: str) -> tuple[SentHook, ...]:
        return self.hooks.get(outcome) or (() if outcome in _APART else self.hooks.get(OTHERWISE, ()))

    def rings_within(self, start: int, end: int) -> bool:
        """Whether any of these minutes of a day, which may go past midnight, is outside the quiet hours."""
        begins, ends = (60 * at.hour + at.minute for at in (QUIET_UNTIL, QUIET_FROM))
        return any(start < ends + day and begins + day < end for day in (0, 24 * 60))

    def refusing(self, number: str) -> tuple[str, ...]:
        return tuple(table.row_of_number(number) for table in self.unless or ())


def _read_retried(node: Node, what: str, reader: Resolver) -> frozenset[str] | None:
    found = []
    for item in items(node):
        text = reader.text(item, what)
        if text is None:
            return None
        if text.value in RETRIED:
            found.append(text.value)
            continue
        near = nearest(text.value, RETRIED) or meaning_of(text.value, HINTS["outbound_outcomes"])
        message = f'"{text.value}" is not an outcome that another attempt may follow'
        reader.report("E293", text.place, message, did_you_mean(near) if near else None)
    return frozenset(found)


class OutboundRetryWords(MapForm):
    """The words of `retry` in `outbound`."""

    hints: ClassVar = HINTS["outbound_retry"]
    cures: ClassVar = {"on": "write e.g. `on: [timeout, busy, unanswered]`"}
    unknown_code: ClassVar = "E292"
    example: ClassVar = "retry: {on: [timeout, busy], after: 10m, tries: 3}"

    on: Annotated[frozenset[str], Notation(_read_retried, listed({"enum": list(RETRIED)}))]
    """Outcomes after which to try again: timeout, busy, unanswered, rejected, failed, machine, unknown."""
    after: Annotated[int, Duration("10s", "24h", "m")] = 600_000
    """How long to wait before the next attempt, 10s to 24h."""
    tries: Annotated[int, WholeNumber(1, MOST_TRIES)] = 3
    """Maximum number of attempts, 1 to 10."""
    within: Annotated[Text | None, Notation(lambda node, what, reader: reader.text(node, what), TEXT)] = None
    """Opening hours in which attempts may be made, including the first."""


class NotReached(MapForm):
    """The hooks for an outcome in which nobody was reached."""

    hints: ClassVar = HINTS["outbound_hooks"]
    unknown_code: ClassVar = "E292"
    cures: ClassVar = {"send": "write the hook to send: `{send: hook}`"}
    example: ClassVar = "{send: hook}"

    send: SentHooks
    """The hooks to send."""

    @classmethod
    def read(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        if isinstance(node, Text) and isinstance(reader, Resolver) and node.value in reader.hooks:
            written = f"{{send: {node.value}}}"
            fix = Fix(f"write `{written}`", "characters", written)
            reader.report("E201", node.place, f"{what} is a text", fix)
            return None
        return super().read(node, what, reader, place=place, **made)


class OutboundWays(MapForm):
    """The words of `on` in `outbound`."""

    hints: ClassVar = {**HINTS["outbound_outcomes"], **HINTS["outbound_on"]}
    unknown_code: ClassVar = "E292"
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


def _read_unless(node: Node, what: str, reader: Resolver) -> tuple[TableDefinition, ...]:
    found = [read_table_of_numbers(item, what, reader) for item in items(node)]
    return tuple(table for table in found if table is not None)


class OutboundWords(MapForm):
    """The words of `outbound`."""

    hints: ClassVar = HINTS["outbound"]
    unknown_code: ClassVar = "E292"
    example: ClassVar = 'outbound: {from: "442079460000", on: {otherwise: {send: hook}}}'
    definition: ClassVar = "outbound"

    from_: Annotated[str | None, TYPES["phone"]] = written_as("from", default=None)
    """The number that the person who is called sees: one of the application's, in quotes."""
    random_from_number: bool | None = written_as("randomFromNumber", default=None)
    """true: a random number of the application, instead of `from`."""
    ringing_timer: Annotated[int, Duration("1s", "120s", "s")] = 60_000
    """How long to let the phone ring, 1s to 120s."""
    machine_detection: MachineDetection | None = None
    """What happens if a machine answers; detect and detect_beep are charged extra."""
    retry: OutboundRetryWords | None = None
    """When to try again."""
    expires: Annotated[int | None, Duration("10s", "30d", "h")] = None
    """How long after the wanted time the call may still be placed."""
    quiet: bool = True
    """false: calls may be placed between 21:00 and 08:00 in the called number's local time."""
    unless: Annotated[tuple[TableDefinition, ...] | None, Notation(_read_unless, listed(offered("tables")))] = None
    """Tables of numbers that must not be called, such as do_not_call; [] if every number may be called."""
    on: OutboundWays | None = None
    """Where the call goes, and the hooks to send if nobody was reached."""


_REPORTED: Final[Mapping[MachineDetection | None, frozenset[str]]] = {
    None: frozenset(),
    "hangup": frozenset(),
    "continue": frozenset(DETECTIONS) - {"beep"},
    "detect": frozenset(DETECTIONS) - {"beep"},
    "detect_beep": frozenset(DETECTIONS),
}
"""Results that can redirect a call, by mode. Source: webhook reference, Machine detection (`continue`, `mode`)."""


def read_outbound(words: OutboundWords, start: str, reader: Resolver, hours: Set[str]) -> Outbound | None:
    """None after an error. `hours` are the opening hours that the flow may use."""
    place = words.written.place
    before = len(reader.issues)
    if words.written.is_whole and ("from" in words.written.values) == (words.random_from_number is True):
        message = "`outbound` needs exactly one number to show to the called person"
        reader.report("E294", place, message, 'write `from: "442079460000"`, or `randomFromNumber: true`, not both')
    retry = words.retry
    within = retry.within if retry is not None else None
    if within is not None and within.value not in hours:
        known = f"there are: {', '.join(sorted(hours))}" if hours else "declare them under `hours`"
        cure = meant_word(within.value, hours, known)
        reader.report("E295", within.place, f'there are no opening hours "{within.value}"', cure)
    if retry is not None and words.expires is not None and words.expires <= retry.after:
        at = words.written.values["expires"].place
        reader.report("W296", at, "the call expires before another attempt", "write a longer time than that of `after`")
    ways = words.on
    targets = {name: target for name in DETECTIONS if ways and (target := getattr(ways, name)) is not None}
    reported = _REPORTED[words.machine_detection]
    unreported = {name: ways.at(name) for name in targets if name not in reported} if ways is not None else {}
    wanted = "detect_beep" if "beep" in unreported else "continue"
    for at in unreported.values():
        message = "this result is never reported with this `machine_detection`"
        reader.report("W296", at, message, f"write `machine_detection: {wanted}`")
    if retry is not None and "machine" in retry.on and words.machine_detection != "hangup":
        message = "no other attempt follows `machine`: the call goes on when a machine answers"
        written = next(
            item for item in items(retry.written.get("on")) if isinstance(item, Text) and item.value == "machine"
        )
        reader.report("W296", written.place, message, "write `machine_detection: hangup`, or delete `machine`")
    if ways is not None and ways.refused is not None and not words.unless:
        message = "`refused` is never reported without `unless`"
        reader.report("W296", ways.at("refused"), message, "add `unless: do_not_call`, or delete the line")
    reached = (*DIAL_FAILURES, EXPIRED, UNKNOWN, REFUSED, OTHERWISE)
    lines = {name: line for name in reached if ways is not None and (line := getattr(ways, name)) is not None}
    is_each_named = words.machine_detection != "hangup" and {*DIAL_FAILURES, EXPIRED} <= lines.keys()
    if OTHERWISE not in lines and not is_each_named:
        message = "no hook is sent if the called person is not reached"
        reader.report("W297", words.at("on"), message, "add `otherwise: {send: hook}` to `on`")
    if any(issue.is_error for issue in reader.issues[before:]):
        return None
    answered = ways.answered if ways is not None else None
    return Outbound(
        place=place,
        answered=answered or Target(start, place),
        from_number=words.from_ or "",
        ringing_timer_s=words.ringing_timer // 1000,
        machine_detection=words.machine_detection or "",
        retry=_retry_of(retry),
        expires_s=None if words.expires is None else words.expires // 1000,
        quiet=words.quiet,
        unless=words.unless,
        ways=targets,
        hooks={name: line.send for name, line in lines.items()},
    )


def _retry_of(words: OutboundRetryWords | None) -> OutboundRetry:
    if words is None:
        return OutboundRetry()
    return OutboundRetry(words.on, words.after // 1000, words.tries, words.within.value if words.within else "")
