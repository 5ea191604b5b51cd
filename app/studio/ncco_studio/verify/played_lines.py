"""The lines of a played call, from what its parties heard and did, the webhooks, and the turns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from ncco_server.desk.transcript import DECIDING, CallLine, LineKind, done_by_party, place_of, why_of, why_text
from ncco_server.ncco.durations import plain
from ncco_server.service.phone_numbers import readable
from ncco_server.store import TurnRow
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.transcript import Heard, HeardKind
from ncco_studio.verify.played_call import PlayedCall
from ncco_studio.verify.scenarios.result import Result

_DONE: Final = frozenset({"pressed", "spoke", "hung up"})
"""What the caller does comes before its effects."""
_OF_OTHERS: Final = frozenset({"talk", "stream", "beep", "pressed", "spoke", "keys"})
"""Shown of a called party before it is connected."""
_PARTIES: Final = frozenset({"ringing", "joined", "left"})
"""Their text is a number."""


_LOST: Final = "lost: the call is not listening, because this prompt cannot be interrupted"


class _Wording(NamedTuple):
    kind: LineKind
    verb: str
    text: str = "{}"
    plain: str = ""
    """For owners, in place of the URL of an audio file."""


_WORDS: Final[Mapping[HeardKind, _Wording]] = {
    "ringing": _Wording("sound", "rings"),
    "talk": _Wording("said", "hears"),
    "stream": _Wording("sound", "hears", "audio {}", "a recorded announcement"),
    "tone": _Wording("sound", "hears", "ringback tone {}", "ringing tone"),
    "music": _Wording("sound", "hears", "hold music {}", "music"),
    "beep": _Wording("sound", "hears", "a beep"),
    "voice": _Wording("note", "hears", "another party: “{}”"),
    "agent": _Wording("said", "agent"),
    "pressed": _Wording("did", "presses"),
    "spoke": _Wording("did", "says"),
    "keys": _Wording("note", "sends"),
    "joined": _Wording("note", "joined by"),
    "left": _Wording("note", "left by"),
    "hung up": _Wording("note", "hangs up", ""),
    "ended": _Wording("note", "is over", ""),
}
_WORDLESS: Final[Mapping[HeardKind, _Wording]] = {
    "voice": _Wording("note", "hears", "another party for {:g} s"),
    "agent": _Wording("note", "hears", "an agent for {:.1f} s"),
    "spoke": _Wording("did", "speaks", "for {:g} s"),
}


def heard_line(heard: Heard, key: str = "", line: str = "") -> CallLine:
    """Numbers are written as on the called `line`. SSML tags of prompts are left out."""
    is_prompt = heard.kind in ("talk", "stream")
    if not heard.text and heard.kind in _WORDLESS:
        words = _WORDLESS[heard.kind]
        text = words.text.format(heard.seconds or 0)
    else:
        words = _WORDS[heard.kind]
        text = plain(heard.text) if heard.kind == "talk" else heard.text
        text = words.text.format(readable(text, line) if heard.kind in _PARTIES and line else text).strip()
    shown = CallLine(
        words.kind,
        words.verb,
        text,
        heard.at,
        f"cut short after {heard.seconds or 0:.1f} s" if heard.is_cut and is_prompt else "",
        key=key,
        seconds=heard.seconds,
        is_cut=heard.is_cut,
        language=str((heard.action or {}).get("language", "en-US")) if words.kind == "said" else "",
    )
    return replace(shown, plain=words.plain or shown.sentence)


def webhook_line(delivery: WebhookDelivery, answered_s: float) -> CallLine:
    """`answered_s` is when the call was answered, in seconds."""
    attempt = delivery.attempts[-1]
    came = "" if delivery.ncco is None else ": " + ", ".join(str(action.get("action")) for action in delivery.ncco)
    status = attempt.response.status or attempt.response.failure
    url = attempt.request.url.partition("?")[0]
    problem = f" {attempt.result.failure} {attempt.result.problem}".rstrip()
    return CallLine(
        kind="webhook",
        verb=str(delivery.fields.get("status") or delivery.kind),
        text=f"{attempt.request.method} {url} {status}{came}{problem}",
        at=delivery.at - answered_s,
        note=attempt.fault,
        has_failed=bool(attempt.result.failure),
    )


class PlayedReply(NamedTuple):
    """A webhook whose reply is played, and the turn behind it (None if no flow produced it)."""

    delivery: WebhookDelivery
    turn: TurnRow | None
    at: float


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


def _reply_lines(number: int, reply: PlayedReply, leg: Leg) -> Iterator[CallLine]:
    """Why the call continued as it did; or the webhook, if no flow says why or a called party caused it."""
    key = f"t{number}"
    why = list(why_of(reply.turn)) if reply.turn is not None else []
    result = reply.delivery.result
    done = done_by_party(reply.delivery.fields, leg.identity.to)
    lines = why
    if done or not why or (result is not None and result.failure):
        lines = [replace(webhook_line(reply.delivery, leg.zero_ms / 1000), plain=done), *why]
    for index, line in enumerate(lines):
        turn = str(number) if index == len(lines) - 1 else ""
        yield replace(line, at=reply.at, key=f"{key}-{index}" if index else key, webhook=turn)


def leg_lines(leg: Leg) -> list[CallLine]:
    return [heard_line(heard, f"h{index}", leg.identity.to) for index, heard in enumerate(leg.transcript)]


def call_lines(call: PlayedCall) -> list[CallLine]:
    leg = call.leg
    order = Order(leg.transcript)
    placed = []
    for index, line in enumerate(leg_lines(leg)):
        shown = replace(line, note=_LOST) if index in call.lost else line
        placed.append((index, 1, shown))
    for index, reply in enumerate(replies_of(leg, call.turns)):
        placed += [(order.index_at(reply.at), 0, line) for line in _reply_lines(index, reply, leg)]
    for key, heard in heard_by_others(leg):
        line = replace(heard_line(heard, key, leg.identity.to), kind="note", is_of_party=True)
        placed.append((order.index_at(heard.at), 2, line))
    if call.diverged is not None:
        at, why = call.diverged
        text = f"{why} Continue by hand."
        line = CallLine("note", "differs", text, at, plain=text, key="diverged", has_failed=True)
        placed.append((order.index_at(at), 3, line))
    return [line for _, _, line in sorted(placed, key=lambda each: each[:2])]


def result_lines(result: Result) -> list[CallLine]:
    """The lines of a played scenario: what the caller heard and did, and the decisions."""
    order = Order(result.transcript)
    placed = [(index, 1, heard_line(each)) for index, each in enumerate(result.transcript)]
    for line in result.decided:
        if line.did in DECIDING or line.did == "asked":
            text = why_text(line, "lookup" if line.did == "asked" else "")
            why = CallLine("why", "why", text, line.at, place=place_of(line.shown))
            placed.append((order.index_at(line.at), 0, why))
    return [line for _, _, line in sorted(placed, key=lambda each: each[:2])]


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
