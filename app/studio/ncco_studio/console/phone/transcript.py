"""A call as a conversation: bubbles for speech and actions, and for each turn the decision with its webhook."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Final, Literal

from ncco_server.desk.recorded_calls import answers_in, functions_in
from ncco_server.flow.nodes import Place
from ncco_server.service.phone_numbers import readable
from ncco_studio.console.conversation import done_by_party, place_of
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.transcript import Heard, Waited
from ncco_studio.verify.played_call import PlayedCall
from ncco_studio.verify.transcript import Order, PlayedReply, heard_as, heard_by_others, replies_of, sentence_of

_PLAIN_SOUNDS: Final[Mapping[str, str]] = {
    "tone": "ringing tone",
    "music": "music",
    "stream": "a recorded announcement",
}
"""What owners see in place of the URL of an audio file."""
_PARTIES: Final = ("ringing", "joined", "left")
"""Entries whose text is a URL."""
LONGEST_BODY: Final = 20_000
"""Characters of a displayed body or NCCO."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One entry of the conversation.

    Attributes:
        key: identifies this entry in later responses.
        at, seconds: its start in seconds since the answer, and its duration; None if endless.
        kind: `said`, `sound`, `did`, `note`, `turn`, `other` (what a dialled party hears or does), `diverged`.
        plain: for owners, without technical words; "" for turns of interest only to developers.
        is_lost: whether nothing listened to the caller's input.
        place: for a turn, the line that decided.
        was: the text in the call that was repeated; "" if it is the same.
        is_new: whether the call that was repeated had no entry here.
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
    plain: str = ""


def bubbles_of(call: PlayedCall) -> list[Bubble]:
    transcript = call.leg.transcript
    line = call.session.call.to if call.session is not None else ""
    order = Order(transcript)
    placed = [
        (index, 1, replace(_heard(f"h{index}", each, line), is_lost=index in call.lost))
        for index, each in enumerate(transcript)
    ]
    placed += [
        (order.index_at(reply.at), 0, _turn(f"t{number}", reply, line))
        for number, reply in enumerate(replies_of(call.leg, call.turns))
    ]
    placed += [
        (order.index_at(heard.at), 2, replace(_heard(key, heard, line), kind="other"))
        for key, heard in heard_by_others(call.leg)
    ]
    if call.diverged is not None:
        at, message = call.diverged
        placed.append((order.index_at(at), 3, Bubble("diverged", at, "diverged", message, plain=message)))
    return [bubble for _, _, bubble in sorted(placed, key=lambda each: each[:2])]


def _heard(key: str, heard: Heard, line: str) -> Bubble:
    kind = heard_as(heard)
    language = str((heard.action or {}).get("language", "en-US")) if kind == "said" else ""
    national = replace(heard, text=readable(heard.text, line)) if heard.kind in _PARTIES else heard
    text = sentence_of(national)
    plain = _PLAIN_SOUNDS.get(heard.kind) or text
    return Bubble(key, heard.at, kind, text, heard.seconds, language, is_cut=heard.is_cut, plain=plain)


def _turn(key: str, reply: PlayedReply, line: str) -> Bubble:
    decided = reply.decided
    place = place_of(decided.where) if decided is not None else None
    plain = done_by_party(reply.delivery.fields, line)
    return Bubble(key, reply.at, "turn", reply.sentence, place=place, is_failure=reply.is_failure, plain=plain)


def language_awaited(waited: Waited | None) -> str:
    """The language of the speech that a call waits for, such as `en-GB`; "" if it waits for none."""
    if waited is None or "speech" not in waited.takes:
        return ""
    return str((waited.action.get("speech") or {}).get("language", "en-US"))


def bubbles_of_leg(leg: Leg) -> list[Bubble]:
    return [_heard(f"h{index}", each, leg.identity.to) for index, each in enumerate(leg.transcript)]


def marked(now: Sequence[Bubble], before: Sequence[Bubble]) -> list[Bubble]:
    """Mark differences from the repeated call, as far as that call was played."""
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


def explain(call: PlayedCall, number: int, base_url: str) -> dict[str, Any]:
    """The reasons for a turn, for its page. `base_url` is that of the real server, for curl. Raises IndexError."""
    turns = replies_of(call.leg, call.turns)
    played = turns[number]
    inputs: Mapping[str, Any] = json.loads(played.turn.inputs) if played.turn is not None else {}
    session = call.session
    is_last = number == len(turns) - 1
    variables = session.variables if session is not None and is_last else {}
    ends = turns[number + 1].delivery.at if not is_last else float("inf")
    others = [
        each for each in call.leg.log if each.attempts and not each.is_played and played.delivery.at <= each.at < ends
    ]
    return {
        "lines": [(line, place_of(line.where)) for line in played.trace],
        "lookups": [
            *((each.name, shown(each.value)) for each in answers_in(inputs)),
            *((each.name, shown(each.value)) for each in functions_in(inputs)),
        ],
        "variables": [(name, shown(value)) for name, value in variables.items()],
        "ms": inputs["us"] / 1000 if "us" in inputs else None,  # if no flow replied
        "webhook": _exchange(call, played.delivery, base_url),
        "others": [_exchange(call, other, base_url) for other in others],
    }


def hooks_of(call: PlayedCall) -> Iterator[tuple[str, str, str]]:
    for hook in call.result.hooks:
        yield hook.name, hook.problem or hook.url, _pretty(hook.body)


def _exchange(call: PlayedCall, delivery: WebhookDelivery, base_url: str) -> dict[str, Any]:
    request, response = delivery.attempts[-1].request, delivery.attempts[-1].response
    own = call.placed.vonage.application.answer_url.partition("/webhooks")[0]
    url = request.url.replace(own, base_url, 1) if request.url.startswith(f"{own}/webhooks") else request.url
    body = request.body.decode(errors="replace")
    words = ["curl", "-X", request.method, url]
    words += [part for name, value in request.headers.items() for part in ("-H", f"{name}: {value}")]
    words += ["-d", body] if body else []
    return {
        "name": str(delivery.fields.get("status") or delivery.kind),
        "at": delivery.at - call.leg.zero_ms / 1000,
        "method": request.method,
        "url": url,
        "headers": sorted(request.headers.items()),
        "body": _pretty(request.body),
        "status": str(response.status or response.failure),
        "reply": _pretty(response.body),
        "curl": shlex.join(words),
    }


def _pretty(body: bytes) -> str:
    text = body.decode(errors="replace")
    with suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    more = len(text) - LONGEST_BODY
    return text if more <= 0 else f"{text[:LONGEST_BODY]}\n… {more:,} characters more"


def shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
