"""A call as a conversation: bubbles of what is said and done, and for each turn what decided, with its webhook."""

from __future__ import annotations

import json
import shlex
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final, Literal, NamedTuple

from app.engine import TraceLine
from app.flow.nodes import Place
from app.simulator.delivery import WebhookDelivery
from app.simulator.durations import plain
from app.simulator.legs import Heard
from app.store import TurnRow
from app.verify.played_call import PlayedCall
from app.verify.scenarios.result import DECIDING, OF_OTHERS, trace_of

_DONE: Final = frozenset({"pressed", "spoke"})
_TEXTS: Final[Mapping[str, str]] = {
    "ringing": "{} rings",
    "tone": "ringback tone {}",
    "music": "hold music {}",
    "stream": "audio {}",
    "beep": "beep",
    "keys": "sends {}",
    "joined": "{} joins the call",
    "left": "{} leaves the call",
    "voice": "{} speaks",
    "pressed": "{}",
    "hung up": "The caller hangs up.",
    "ended": "The call is over.",
}
MOST_STEPS: Final = 4
"""Steps that a turn names, when it goes through several of them."""
MOST_SHOWN: Final = 20_000
"""Characters of a body or an NCCO that are shown."""


def place_of(where: str) -> Place | None:
    """`flows/acme.yaml:12` as a place; None for ""."""
    file, _, line = where.rpartition(":")
    return Place(file, int(line), 1) if file and line.isdigit() else None


@dataclass(frozen=True, slots=True)
class Bubble:
    """One entry of the conversation.

    Attributes:
        key: the same whenever this entry is shown again.
        at, seconds: when it begins, in seconds since the answer, and how long it takes; None: without an end.
        kind: `said`, `sound`, `did`, `note`, `turn`, `other` (what a dialled party hears or does), `diverged`.
        text: as a person reads it.
        language: of what is said, such as `en-GB`.
        is_cut: whether the caller has interrupted it.
        is_lost: whether nothing listened to what the caller did.
        place: for a turn, the line that decided.
        is_failure: whether something went wrong.
        was: what the call before said here instead; "" if nothing has changed.
        is_new: whether the call before said nothing here.
    """

    key: str
    at: float
    kind: Literal["said", "sound", "did", "note", "turn", "other", "diverged"]
    text: str
    seconds: float | None = 0.0
    language: str = ""
    is_cut: bool = False
    is_lost: bool = False
    place: Place | None = None
    is_failure: bool = False
    was: str = ""
    is_new: bool = False


class PlayedReply(NamedTuple):
    """A webhook whose reply is played, and the turn of the flow that made the reply (None: no flow did)."""

    delivery: WebhookDelivery
    turn: TurnRow | None
    at: float

    @property
    def trace(self) -> Sequence[TraceLine]:
        """What the turn did and why."""
        return trace_of(self.turn) if self.turn is not None else ()


def turns_of(call: PlayedCall) -> list[PlayedReply]:
    """The turns of a call, each with its webhook, by time."""
    left = list(call.turns)
    found = []
    for delivery in call.leg.log:
        if not delivery.attempts or not delivery.is_played:
            continue
        body = delivery.attempts[-1].response.body
        turn = next((each for each in left if each.ncco == body), None)
        if turn is not None:
            left.remove(turn)
        found.append(PlayedReply(delivery, turn, delivery.at - call.leg.zero_ms / 1000))
    return found


def bubbles_of(call: PlayedCall) -> list[Bubble]:
    """The conversation so far."""
    heard = call.leg.transcript
    times = [_ms(each.at) for each in heard]

    def position(at: float) -> int:
        """The index in the transcript before which something at `at` stands: behind what was done at that moment."""
        first = bisect_left(times, _ms(at))
        same = range(first, bisect_right(times, _ms(at)))
        return max((index + 1 for index in same if heard[index].kind in _DONE), default=first)

    placed = [
        (index, 1, replace(_heard(f"h{index}", each), is_lost=index in call.lost)) for index, each in enumerate(heard)
    ]
    placed += [(position(played.at), 0, _turn(f"t{number}", played)) for number, played in enumerate(turns_of(call))]
    for number, other in enumerate(call.leg.dialled):
        shift = call.leg.at - other.at
        for index, each in enumerate(other.transcript):
            if each.kind in OF_OTHERS:
                bubble = _heard(f"o{number}-{index}", replace(each, at=round(each.at + shift, 3)))
                placed.append((position(bubble.at), 2, replace(bubble, kind="other")))
    if call.diverged is not None:
        at, message = call.diverged
        placed.append((position(at), 3, Bubble("diverged", at, "diverged", message)))
    return [bubble for _, _, bubble in sorted(placed, key=lambda each: each[:2])]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _heard(key: str, heard: Heard) -> Bubble:
    bubble = Bubble(key, heard.at, "note", "", heard.seconds)
    match heard.kind:
        case "talk":
            language = str((heard.action or {}).get("language", "en-US"))
            text = plain(heard.text)
            return replace(bubble, kind="said", text=text, language=language, is_cut=heard.is_cut)
        case "spoke":
            return replace(bubble, kind="did", text=heard.text or f"speaks for {heard.seconds or 0:g} s")
        case "pressed":
            return replace(bubble, kind="did", text=heard.text)
    text = _TEXTS[heard.kind].format(heard.text).strip()
    is_sound = heard.kind in ("stream", "tone", "music", "beep", "ringing")
    return replace(bubble, kind="sound" if is_sound else "note", text=text, is_cut=heard.is_cut)


def _turn(key: str, played: PlayedReply) -> Bubble:
    """The line that says what happened: `pressed 2 → support`."""
    trace, result = played.trace, played.delivery.result
    deciding = next((line for line in trace if line.did in DECIDING), trace[0] if trace else None)
    entered = [line.step for line in trace if line.did == "entered"]
    failure = next((line.because for line in trace if line.did == "failed" and line.what == "failsafe"), "")
    if failure:
        leads = f"the caller hears the failsafe, because {failure}"
    elif result is not None and result.failure:
        leads = f"{result.failure} {result.problem}".strip()
    elif entered:
        leads = " → ".join(entered[-MOST_STEPS:])
    elif deciding is not None:
        leads = _again(deciding)
    else:
        ncco = played.delivery.ncco
        leads = ", ".join(str(action.get("action")) for action in ncco) if ncco else "the NCCO goes on"
    return Bubble(
        key,
        played.at,
        "turn",
        f"{cause_of(played.delivery)} → {leads}",
        place=place_of(deciding.where) if deciding is not None else None,
        is_failure=bool(failure or (result is not None and result.failure)),
    )


def _again(line: TraceLine) -> str:
    """What a decision that enters no step does."""
    if line.attempt:
        return f"{line.step} again, try {line.attempt + 1} of {line.attempts}"
    return line.what or line.step


def cause_of(delivery: WebhookDelivery) -> str:
    """What a webhook reports, in words: `pressed 2`, `silent`, `447700900111 is busy`."""
    fields = delivery.fields
    if delivery.kind == "answer":
        return "called"
    if delivery.kind == "input":
        digits = (fields.get("dtmf") or {}).get("digits")
        speech = fields.get("speech") or {}
        results = speech.get("results") or ()
        if digits:
            return f"pressed {digits}"
        if results:
            return f"said “{results[0].get('text', '')}”"
        return f"speech error {speech['error']}" if speech.get("error") else "silent"
    if delivery.kind == "event":
        return f"{fields.get('to', '')}: {fields.get('status', '')}".strip(": ")
    if delivery.kind == "fallback":
        return f"fallback, since {fields.get('reason', 'the reply was bad')}"
    return delivery.kind


def marked(now: Sequence[Bubble], before: Sequence[Bubble]) -> list[Bubble]:
    """The bubbles with what differs from the call before, as far as that was played."""
    found = list(now)
    old, new = ([(each.kind, each.text) for each in side] for side in (before, now))
    for tag, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal" or first == len(old):
            continue
        was = [each.text for each in before[first:last] if each.kind in ("said", "sound", "turn")]
        for offset, index in enumerate(range(start, end)):
            if found[index].kind in ("said", "sound", "turn"):
                text = was[offset] if offset < len(was) else ""
                found[index] = replace(found[index], was=text, is_new=not text)
    return found


class Exchange(NamedTuple):
    """One request and its reply, as shown."""

    name: str
    at: float
    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: str
    status: str
    reply: str
    curl: str


class Explanation(NamedTuple):
    """Why a turn did what it did.

    Attributes:
        lines: of its trace, each with its place.
        lookups, variables: values by name, as JSON.
        ms: real milliseconds in which the flow answered; None: no flow did.
        webhook: that caused it. others: further webhooks up to the next turn.
    """

    lines: Sequence[tuple[TraceLine, Place | None]]
    lookups: Sequence[tuple[str, str]]
    variables: Sequence[tuple[str, str]]
    ms: float | None
    webhook: Exchange
    others: Sequence[Exchange]


def explain(call: PlayedCall, number: int, base_url: str) -> Explanation:
    """A turn by its number. Raises IndexError. `base_url`: where the real server is, for curl."""
    turns = turns_of(call)
    played = turns[number]
    inputs: Mapping[str, Any] = json.loads(played.turn.inputs) if played.turn is not None else {}
    session = call.session
    is_last = number == len(turns) - 1
    variables = session.variables if session is not None and is_last else {}
    ends = turns[number + 1].delivery.at if not is_last else float("inf")
    others = [
        each for each in call.leg.log if each.attempts and not each.is_played and played.delivery.at <= each.at < ends
    ]
    return Explanation(
        [(line, place_of(line.where)) for line in played.trace],
        [(name, shown(answer)) for name, answer in inputs.get("lookups", {}).items()],
        [(name, shown(value)) for name, value in variables.items()],
        inputs["us"] / 1000 if "us" in inputs else None,
        _exchange(call, played.delivery, base_url),
        [_exchange(call, each, base_url) for each in others],
    )


def hooks_of(call: PlayedCall) -> Iterator[tuple[str, str, str]]:
    """The hooks that would have been sent: name, URL and body."""
    for hook in call.result.hooks:
        yield hook.name, hook.problem or hook.url, _pretty(hook.body)


def _exchange(call: PlayedCall, delivery: WebhookDelivery, base_url: str) -> Exchange:
    request, response = delivery.attempts[-1].request, delivery.attempts[-1].response
    own = call.leg.platform.application.answer_url.partition("/webhooks")[0]
    url = request.url.replace(own, base_url, 1) if request.url.startswith(f"{own}/webhooks") else request.url
    body = request.body.decode(errors="replace")
    words = ["curl", "-X", request.method, url]
    words += [part for name, value in request.headers.items() for part in ("-H", f"{name}: {value}")]
    words += ["-d", body] if body else []
    return Exchange(
        str(delivery.fields.get("status") or delivery.kind),
        delivery.at - call.leg.zero_ms / 1000,
        request.method,
        url,
        sorted(request.headers.items()),
        _pretty(request.body),
        str(response.status or response.failure),
        _pretty(response.body),
        shlex.join(words),
    )


def _pretty(body: bytes) -> str:
    """A body as indented JSON, if it is JSON."""
    text = body.decode(errors="replace")
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\n… {len(text) - MOST_SHOWN:,} characters more"


def shown(value: object) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False)
