"""What the caller of a stored call heard: no webhook reports it, but some prove a part, and times limit the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ncco_server.desk.recorded_calls import TimelineEntry, entries_of
from ncco_server.ncco import RECORD_ENDS
from ncco_server.ncco.durations import Durations, repeated
from ncco_server.ncco.statuses import OVER
from ncco_server.service.masks import encrypted_options
from ncco_server.service.told import digits_of, words_of
from ncco_server.store import SessionRow, Timeline, TurnRow

Hearing: TypeAlias = Literal["heard", "cut", "begun", "unsure", "not"]
"""`begun`: it is not known whether it was heard to its end."""
_NOTES: Final[Mapping[Hearing, tuple[str, str]]] = {
    "heard": ("", ""),
    "cut": ("heard in part", ""),
    "begun": ("heard at least in part", ""),
    "unsure": ("may have been heard", "may have been reached"),
    "not": ("not heard", "not reached"),
}
"""Of a sound, and of any other action."""
_SOUNDS: Final = frozenset({"talk", "stream"})
_ESTIMATES: Final = Durations()
_TOLERANCE: Final = 1.6
"""A voice may be this many times faster or slower than our estimate."""


class Seconds(NamedTuple):
    """A time or a length that is not known exactly; `likely` is infinite if there is no estimate."""

    least: float
    likely: float
    most: float

    def plus(self, length: Seconds) -> Seconds:
        return Seconds(self.least + length.least, self.likely + length.likely, self.most + length.most)


_NOTHING: Final = Seconds(0, 0, 0)
_UNKNOWN: Final = Seconds(0, inf, inf)
_START: Final = Seconds(0, 0, 1.5)
"""From a reply to its first sound. Our estimate."""


class Sent(NamedTuple):
    """An action that was sent. It began about `at` seconds into the call; None if unknown, or if it was not reached."""

    action: Mapping[str, Any]
    hearing: Hearing
    at: float | None = None

    @property
    def is_heard(self) -> bool:
        """Whether it certainly was, at least in part."""
        return self.hearing in ("heard", "cut", "begun")

    @property
    def note(self) -> str:
        """Empty ("") if it was heard."""
        return _NOTES[self.hearing][self.action.get("action") not in _SOUNDS]


def sent_in(timeline: Timeline, now_ms: int) -> dict[int, list[Sent]]:
    entries = list(entries_of(timeline))
    found: dict[int, list[Sent]] = {}
    ended = _end_of(timeline, entries, now_ms / 1000)
    later: list[TimelineEntry] = []
    for entry in reversed(entries):
        if entry.turn is not None and entry.ncco is not None:
            reply = _Reply(timeline.call.session, entry.turn, entry.ncco, later, ended)
            found[entry.turn.number] = list(reply.sent())
            ended = _time_of(entry)._replace(most=entry.turn.created_at / 1000)
            later = []
        later.insert(0, entry)
    return found


def _end_of(timeline: Timeline, entries: Sequence[TimelineEntry], now: float) -> Seconds:
    leg = timeline.call.session.leg
    for entry in entries:
        if entry.webhook.leg == leg and entry.webhook.kind.removeprefix("event-") in OVER:
            return _time_of(entry)
    last = max((each.webhook.received_at / 1000 for each in entries if each.webhook.kind != "lost"), default=now)
    return Seconds(last, inf, max(last, now))


def _time_of(entry: TimelineEntry) -> Seconds:
    """When its cause happened. A webhook may come late, and clocks may differ."""
    received = entry.webhook.received_at / 1000
    stamp = _seconds(entry.fields.get("end_time" if entry.webhook.kind == "record" else "timestamp"), received)
    return Seconds(min(stamp, received), min(stamp, received), received)


def _seconds(written: object, default: float) -> float:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return default
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class _Reply:
    """An NCCO, until it `ended` with the call or with the next NCCO. `later` are the webhooks up to then."""

    def __init__(
        self,
        session: SessionRow,
        turn: TurnRow,
        ncco: Sequence[Mapping[str, Any]],
        later: Sequence[TimelineEntry],
        ended: Seconds,
    ) -> None:
        self._session = session
        self._turn = turn
        self._ncco = ncco
        self._later = later
        self._ended = ended
        proven = list(self._proven())
        self._proofs = dict(proven)
        replacing = (index for index, each in proven if each.turn is not None and each.ncco is not None)
        self._replaced_at = next(replacing, len(ncco))
        self._is_refused = any(each.webhook.kind in ("error", "fallback") for each in later)

    def _proven(self) -> Iterator[tuple[int, TimelineEntry]]:
        """The actions that webhooks show to be reached, each with its webhooks."""
        left = list(enumerate(self._ncco))
        waits: dict[int, int] = {}
        for entry in self._later:
            row = entry.webhook
            if row.turn != self._turn.number or entry.is_again:
                continue
            if row.wait not in waits:
                kind = row.kind.partition("-")[0]
                if kind == "event" and row.leg not in ("", self._session.leg):
                    kind = "connect"
                index = next((index for index, action in left if kind in _reports_of(action)), None)
                if index is None:
                    continue
                waits[row.wait] = index
                left = [each for each in left if each[0] > index]
            yield waits[row.wait], entry

    def sent(self) -> Iterator[Sent]:
        proven = max(self._proofs, default=-1)
        start = self._turn.created_at / 1000
        begin = Seconds(start, start, start).plus(_START)
        interruptible = inf
        for index, action in enumerate(self._ncco):
            name = action.get("action")
            proof = self._proofs.get(index)
            if name not in _SOUNDS:
                begin = begin._replace(least=min(begin.least, interruptible))
            elif action.get("bargeIn"):
                interruptible = min(begin.least, interruptible)
            end = begin.plus(_length_of(action))
            is_passed = index < proven and (interruptible == inf or _is_silence(self._proofs[proven]))
            hearing = "heard" if proof is not None or is_passed else self._hearing(index, begin, end)
            at = begin.likely - self._session.created_at / 1000
            yield Sent(action, hearing, at if hearing != "not" and isfinite(at) else None)
            if name in ("input", "record"):
                interruptible = inf
            if proof is not None and name != "connect" and _waits(action):
                end = _time_of(proof)
            begin = end

    def _hearing(self, index: int, begin: Seconds, end: Seconds) -> Hearing:
        if index > self._replaced_at or begin.least >= self._ended.most:
            return "not"
        if begin.most >= self._ended.least or self._is_refused:
            return "unsure"
        if self._ncco[index].get("action") not in _SOUNDS or end.most <= self._ended.least:
            return "heard"
        return "cut" if end.least > self._ended.most else "begun"


def _reports_of(action: Mapping[str, Any]) -> tuple[object, ...]:
    """A conversation may be recorded, which a `record` webhook reports too."""
    return (action.get("action"), "record" if action.get("record") else "")


def _is_silence(entry: TimelineEntry) -> bool:
    """Whether an input ended by itself, which it does only after all prompts."""
    return entry.webhook.kind.startswith("input") and not digits_of(entry.fields) and not words_of(entry.fields)


def _waits(action: Mapping[str, Any]) -> bool:
    if action.get("action") == "record":
        return any(action.get(name) is not None for name in RECORD_ENDS)
    return action.get("mode") != "asynchronous"


def _length_of(action: Mapping[str, Any]) -> Seconds:
    match action.get("action"):
        case "talk" if "text" not in encrypted_options(action):
            language = str(action.get("language", "en-US"))
            lasts = repeated(_ESTIMATES.talk(str(action.get("text")), language), int(action.get("loop", 1)))
            return Seconds(inf, inf, inf) if lasts is None else Seconds(lasts / _TOLERANCE, lasts, lasts * _TOLERANCE)
        case "wait":
            seconds = min(max(float(action.get("timeout", 10)), 0.1), 7200)
            return Seconds(seconds, seconds, seconds)
        case "stream" if action.get("loop") == 0:
            return Seconds(inf, inf, inf)
        case "notify":
            return _NOTHING
        case _ if not _waits(action):
            return _NOTHING
    return _UNKNOWN
