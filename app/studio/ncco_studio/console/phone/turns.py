"""The turns of a call on the phone: why each was played, with its webhook."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from ncco_server.desk.recorded_calls import answers_in, functions_in
from ncco_server.desk.transcript import place_of, trace_of
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.verify.played_call import PlayedCall
from ncco_studio.verify.played_lines import replies_of

LONGEST_BODY: Final = 20_000
"""Characters of a displayed body or NCCO."""


def explain(call: PlayedCall, number: int, base_url: str) -> dict[str, Any]:
    """The reasons for a turn, for its page. `base_url` is that of the real server, for curl. Raises IndexError."""
    turns = replies_of(call.leg, call.turns)
    played = turns[number]
    inputs: Mapping[str, Any] = json.loads(played.turn.inputs) if played.turn is not None else {}
    session = call.session
    trace = trace_of(played.turn.trace) if played.turn is not None else ()
    is_last = number == len(turns) - 1
    variables = session.variables if session is not None and is_last else {}
    ends = turns[number + 1].delivery.at if not is_last else float("inf")
    others = [
        each for each in call.leg.log if each.attempts and not each.is_played and played.delivery.at <= each.at < ends
    ]
    return {
        "lines": [(line, place_of(line.where)) for line in trace],
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
