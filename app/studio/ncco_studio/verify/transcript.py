"""Words a call's transcript alike for terminals, reports and pages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ncco_server.engine import TraceLine
from ncco_server.ncco.durations import plain
from ncco_server.service.told import summary
from ncco_server.store import TurnRow
from ncco_server.terminal import printable
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.transcript import Heard, HeardKind
from ncco_studio.verify.scenarios.result import DECIDING, Decided, failsafe_in, trace_of

SHOWN_STEPS: Final = 4
_DONE: Final = frozenset({"pressed", "spoke", "hung up"})
"""What the caller does comes before its effects."""
_OF_OTHERS: Final = frozenset({"talk", "stream", "beep", "pressed", "spoke", "keys"})
"""Shown of a called party before it is connected."""
_VERB_WIDTH: Final = 10

HeardAs: TypeAlias = Literal["said", "sound", "did", "note"]
"""Speech from the server, another sound, an action of the caller, or a note."""


class _Wording(NamedTuple):
    """The wording of an entry; `{}` in `alone` stands for the text of the entry."""

    heard_as: HeardAs
    verb: str
    noun: str
    alone: str


_WORDS: Final[Mapping[HeardKind, _Wording]] = {
    "ringing": _Wording("sound", "rings", "{}", "{} rings"),
    "talk": _Wording("said", "hears", '"{}"', "{}"),
    "stream": _Wording("sound", "hears", "{}", "audio {}"),
    "tone": _Wording("sound", "hears", "{}", "ringback tone {}"),
    "music": _Wording("sound", "hears", "{}", "hold music {}"),
    "beep": _Wording("sound", "hears", "a beep", "beep"),
    "voice": _Wording("note", "hears", '"{}"', "another party says “{}”"),
    "pressed": _Wording("did", "presses", "{}", "{}"),
    "spoke": _Wording("did", "says", '"{}"', "{}"),
    "keys": _Wording("note", "sends", "{}", "sends {}"),
    "joined": _Wording("note", "joined by", "{}", "{} joins the call"),
    "left": _Wording("note", "left by", "{}", "{} leaves the call"),
    "hung up": _Wording("note", "hangs up", "", "The caller hangs up."),
    "ended": _Wording("note", "is over", "", "The call is over."),
}
_WORDLESS: Final[Mapping[HeardKind, tuple[str, str]]] = {
    "talk": ("", ""),
    "voice": ("something, for {:g} s", "another party speaks for {:g} s"),
    "spoke": ("something, for {:g} s", "speaks for {:g} s"),
}
"""`noun` and `alone` for speech without a text; `{}` stands for its duration in seconds."""


def heard_as(heard: Heard) -> HeardAs:
    return _WORDS[heard.kind].heard_as


def sentence_of(heard: Heard) -> str:
    """Remove SSML tags from prompts."""
    if not heard.text and heard.kind in _WORDLESS:
        return _WORDLESS[heard.kind][1].format(heard.seconds or 0)
    text = plain(heard.text) if heard.kind == "talk" else heard.text
    return _WORDS[heard.kind].alone.format(text).strip()


def line_of(heard: Heard) -> str:
    noun = _WORDS[heard.kind].noun
    if not heard.text and heard.kind in _WORDLESS:
        noun = _WORDLESS[heard.kind][0].format(heard.seconds or 0)
    cut = " (cut short)" if heard.is_cut and heard.kind in ("talk", "stream") else ""
    return f"{line_start(heard.at, _WORDS[heard.kind].verb)}{noun.format(one_line(heard.text))}{cut}".rstrip()


def line_start(at: float, verb: str) -> str:
    return f"{at:7.1f} s  {verb:<{_VERB_WIDTH}}"


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def heard_by_others(leg: Leg) -> Iterator[tuple[str, Heard]]:
    """What called parties hear and do before being connected: a key, and the entry on the caller's clock."""
    for number, other in enumerate(leg.dialled):
        for index, heard in enumerate(other.transcript):
            if heard.kind in _OF_OTHERS:
                yield f"o{number}-{index}", replace(heard, at=round(heard.at + leg.at - other.at, 3))


class Order:
    """Finds the position of an event that a transcript does not contain."""

    def __init__(self, transcript: Sequence[Heard]) -> None:
        self._transcript = transcript
        self._moments = [_moment(heard.at) for heard in transcript]

    def index_at(self, at: float) -> int:
        """The index after the caller's actions at this time."""
        first = bisect_left(self._moments, _moment(at))
        same = range(first, bisect_right(self._moments, _moment(at)))
        return max((index + 1 for index in same if self._transcript[index].kind in _DONE), default=first)


def _moment(at: float) -> int:
    """In hundredths of a second: rounding can make equal times differ by less."""
    return round(at * 100)


class PlayedReply(NamedTuple):
    """A webhook whose reply is played, and the turn behind it (None if no flow produced it)."""

    delivery: WebhookDelivery
    turn: TurnRow | None
    at: float

    @property
    def trace(self) -> Sequence[TraceLine]:
        return trace_of(self.turn.trace) if self.turn is not None else ()

    @property
    def decided(self) -> TraceLine | None:
        trace = self.trace
        return next((line for line in trace if line.did in DECIDING), trace[0] if trace else None)

    @property
    def is_failure(self) -> bool:
        """Whether the failsafe is played, or Vonage could not use the reply."""
        result = self.delivery.result
        return bool(self._failure or (result is not None and result.failure))

    @property
    def _failure(self) -> str:
        found = failsafe_in(self.trace)
        return found.because if found is not None else ""

    @property
    def sentence(self) -> str:
        """For example, `pressed 2 → support`."""
        return f"{cause_of(self.delivery)} → {self._effect}"

    @property
    def _effect(self) -> str:
        result = self.delivery.result
        decided = self.decided
        entered = [line.step for line in self.trace if line.did == "entered"]
        if self._failure:
            return f"the caller hears the failsafe, because {self._failure}"
        if result is not None and result.failure:
            return f"{result.failure} {result.problem}".strip()
        if entered:
            return " → ".join(entered[-SHOWN_STEPS:])
        if decided is None:
            return actions_of(self.delivery) or "the NCCO continues"
        if decided.attempt:
            return f"{decided.step} again, try {decided.attempt + 1} of {decided.attempts}"
        return decided.what or decided.step


def replies_of(leg: Leg, turns: Sequence[TurnRow]) -> list[PlayedReply]:
    left = list(turns)
    found = []
    for delivery in leg.log:
        if not delivery.attempts or not delivery.is_played:
            continue
        body = delivery.attempts[-1].response.body
        turn = next((each for each in left if each.ncco == body), None)
        if turn is not None:
            left.remove(turn)
        found.append(PlayedReply(delivery, turn, delivery.at - leg.zero_ms / 1000))
    return found


def actions_of(delivery: WebhookDelivery) -> str:
    return ", ".join(str(action.get("action")) for action in delivery.ncco or ())


def cause_of(delivery: WebhookDelivery) -> str:
    """For example, `pressed 2`, `silence`, `447700900111 is busy`."""
    fields: Mapping[str, Any] = delivery.fields
    if delivery.kind == "answer":
        return "called"
    if delivery.kind == "input":
        return summary(delivery.kind, fields)
    if delivery.kind == "event":
        return f"{fields.get('to', '')}: {fields.get('status', '')}".strip(": ")
    if delivery.kind == "fallback":
        return f"fallback, since {fields.get('reason', 'the reply was bad')}"
    return delivery.kind


def decision(line: Decided) -> str:
    step = f' step "{line.step}",' if line.step else ""
    verb = {"failed": "failed with ", "refused": "refused "}.get(line.did, "")
    return printable(
        f"{line.shown or 'the server'}:{step} {verb}{line.what}{f': {line.because}' if line.because else ''}"
    )


def webhook_line(delivery: WebhookDelivery, answered_s: float) -> str:
    """`answered_s` is when the call was answered, in seconds."""
    attempt = delivery.attempts[-1]
    came = "" if delivery.ncco is None else f": {actions_of(delivery)}"
    failure = f" {attempt.result.failure}" if attempt.result.failure else ""
    fault = f"  ({attempt.fault})" if attempt.fault else ""
    status = attempt.response.status or attempt.response.failure
    what = line_start(delivery.at - answered_s, str(delivery.fields.get("status") or delivery.kind))
    url = attempt.request.url.partition("?")[0]
    return printable(f"{what}{attempt.request.method} {url}  {status}{came}{failure}{fault}")
