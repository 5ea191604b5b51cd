"""Webhooks, the faults of the network, and what a reply does. Source: delivery rules; webhook reference, Fallback."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ncco_server.ncco import Issue, check
from ncco_server.ncco.model import UNKNOWN_OPTION
from ncco_server.ncco.signing import Method
from ncco_server.ncco.value_types.addresses import LOCAL_URL
from ncco_studio.simulator.assumptions import DEFAULTS, After, Assumptions
from ncco_studio.simulator.servers import Request, Response

CONNECT_S: Final = 1.0
EVENT_S: Final = 10.0
"""For a reply that is not played."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application's settings in the dashboard, and what is assumed about the platform.

    Attributes:
        fallback_url: "" for none.
        answer_method: also for the fallback. Source: webhook reference, methods.
        signature_secret: "" for unsigned webhooks.
        numbers: the only numbers that phones can be called from; () for any. Unless a party is known by one of them,
            calls to it come back to the application.
    """

    answer_url: str
    event_url: str
    fallback_url: str = ""
    answer_method: Method = "POST"
    event_method: Method = "POST"
    signature_secret: str = ""
    api_key: str = ""
    application_id: str = ""
    numbers: tuple[str, ...] = ()
    region_url: str = "https://api-eu-3.vonage.com"
    assumes: Assumptions = DEFAULTS


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """The faults of one delivery, which always succeeds in the end.

    Attributes:
        late_s: later webhooks may overtake this one if the call does not wait.
        slow_s: the reply's delay, less than the timeout.
        is_doubled: the copy is sent after `again_s`, and its reply ignored.
        loses_reply: which causes a retry.
        is_unsigned: at the first attempt. Source: webhooks guide, internal signing failure.
    """

    late_s: float = 0.0
    slow_s: float = 0.0
    is_doubled: bool = False
    again_s: float = 0.0
    loses_reply: bool = False
    is_unsigned: bool = False

    def __str__(self) -> str:
        effects = {
            f"late by {self.late_s:g} s": self.late_s,
            f"slow by {self.slow_s:g} s": self.slow_s,
            f"sent again {self.again_s:g} s later": self.is_doubled,
            "reply lost": self.loses_reply,
            "not signed": self.is_unsigned,
        }
        return ", ".join(text for text, happened in effects.items() if happened)


NO_FAULT: Final = NetworkFault()


MOST_LATE_S: Final = 20.0
"""For a delivery that the call does not wait for."""
MOST_SLOW_S: Final = 2.0
"""For a reply or a delivery that the call waits for."""


class Chaos:
    """Random network faults for each delivery.

    Args:
        rate: probability of each kind of fault, from 0 to 1.
    """

    def __init__(self, seed: int, rate: float = 0.25) -> None:
        self.seed = seed
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret

    def next_fault(self, *, is_awaited: bool) -> NetworkFault:
        luck = [self._random.random() for _ in range(8)]
        hit = [chance < self._rate for chance in luck]
        return NetworkFault(
            late_s=round(luck[5] * (MOST_SLOW_S if is_awaited else MOST_LATE_S), 3) if hit[0] else 0.0,
            slow_s=round(luck[6] * MOST_SLOW_S, 3) if hit[1] else 0.0,
            is_doubled=hit[2],
            again_s=round(max(luck[7] * 2 - 1, 0) * MOST_LATE_S, 3) if hit[2] else 0.0,
            loses_reply=hit[3],
            is_unsigned=hit[4] and not hit[3],
        )


RETRIED: Final = frozenset({429, 503, 504})
"""Source: support article 115016024247."""
GOOD: Final = range(200, 206)
"""Source: webhooks guide."""
INVALID: Final = "Invalid NCCO."
BAD_STATUS: Final = "Invalid response code."
REASONS: Final = {
    "connect timeout": "Socket timeout.",
    "timeout": "Socket timeout.",
    "closed": "Connection closed.",
    "reset": "Connection reset.",
}
"""It is unverified that a connect timeout has no reason of its own. Source: webhook reference, Fallback."""
REFUSED_TYPES: Final = ("text/html", "application/xml", "text/xml")
"""Refused unread. Source: support article 115016024247."""
LARGE_BYTES: Final = 100_000
_ORDER: Final = frozenset({"N301", "N302", "N303"})


def played_anyway(assumes: Assumptions) -> frozenset[str]:
    """The errors with which the platform still plays an NCCO."""
    order = _ORDER if assumes.wrong_order == "played" else frozenset()
    return order | {UNKNOWN_OPTION} if assumes.unknown_option == "played" else order


def _after_empty(kind: str, assumes: Assumptions) -> After:
    return {"input": assumes.empty_reply_to_input, "notify": assumes.empty_reply_to_notify}.get(kind, "continues")


def _after_array(kind: str, assumes: Assumptions) -> After:
    known = {"input": assumes.empty_array_to_input, "notify": assumes.empty_array_to_notify}
    return known.get(kind, assumes.empty_array_to_connect)


@dataclass(frozen=True, slots=True)
class ReplyResult:
    """The effect of a reply.

    Attributes:
        ncco: None if the current one continues.
        failure: the `reason` of the fallback request, or "".
    """

    ncco: list[dict[str, Any]] | None = None
    failure: str = ""
    is_retried: bool = False
    problem: str = ""
    issues: tuple[Issue, ...] = ()


def read_reply(response: Response, delivery: WebhookDelivery, assumes: Assumptions) -> ReplyResult:
    """An empty reply is an error if the leg has no NCCO yet."""
    if response.failure:
        reason = REASONS[response.failure]
        return ReplyResult(failure=reason, is_retried=True, problem=f"no reply: {response.failure}")
    if response.status not in GOOD:
        is_retried = response.status in RETRIED or (response.status == 500 and assumes.retried_500 == "retried")
        return ReplyResult(failure=BAD_STATUS, is_retried=is_retried, problem=f"the status is {response.status}")
    is_empty = response.status == 204 or not response.body.strip()
    if not delivery.is_played:
        return ReplyResult()
    if is_empty and not delivery.is_answer:
        return ReplyResult(ncco=[] if _after_empty(delivery.kind, assumes) == "ends" else None)
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_refused = kind in REFUSED_TYPES or (kind == "text/plain" and assumes.text_plain == "refused")
    if is_empty or is_refused:
        return ReplyResult(failure=INVALID, problem=f"the reply is {'empty' if is_empty else kind}")
    try:
        document = json.loads(response.body)
    except ValueError:
        return ReplyResult(failure=INVALID, problem="the reply is not JSON")
    if not delivery.is_answer and document in (None, []):
        return ReplyResult(ncco=[] if _after_array(delivery.kind, assumes) == "ends" else None)
    if assumes.large_ncco == "refused" and len(response.body) >= LARGE_BYTES:
        return ReplyResult(failure=INVALID, problem=f"the NCCO has {len(response.body)} bytes")
    issues = tuple(issue for issue in check(document) if issue.code != LOCAL_URL)  # this platform reaches them
    played = _with_input_types(document) if assumes.input_without_type == "played" else document
    errors = (issue for issue in (issues if played is document else check(played)) if issue.is_error)
    error = next((issue for issue in errors if issue.code not in played_anyway(assumes)), None)
    if error is not None:
        return ReplyResult(failure=INVALID, problem=f"{error.code} {error.path}: {error.message}", issues=issues)
    return ReplyResult(ncco=played, issues=issues)


def _with_input_types(document: Any) -> Any:
    """`document` itself if all its inputs have a type.

    Without one, an input takes keys, whose options may stand beside `action`, and speech if it says how.
    """
    if not isinstance(document, list):
        return document
    old = [isinstance(action, dict) and action.get("action") == "input" and "type" not in action for action in document]
    if not any(old):
        return document
    return [_with_type(action) if is_old else action for action, is_old in zip(document, old, strict=True)]


def _with_type(action: Mapping[str, Any]) -> dict[str, Any]:
    keys = {name: action[name] for name in ("maxDigits", "submitOnHash", "timeOut") if name in action}
    others = {name: value for name, value in action.items() if name not in keys}
    return {"dtmf": keys} | others | {"type": ["dtmf", "speech"] if action.get("speech") else ["dtmf"]}


SYNTAX_ERROR: Final = "Syntax error in NCCO. Invalid value type or action."
NOT_RETRIEVED: Final = "failed to retrieve the ncco"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request, sent at `at` seconds of the clock, and its response."""

    at: float
    request: Request
    response: Response
    result: ReplyResult
    fault: str = ""


@dataclass(eq=False, slots=True)
class WebhookDelivery:
    """A webhook in the log.

    Attributes:
        is_played: whether the call waits for the reply and plays it.
        is_answer: whether the leg has no NCCO yet.
        at: when the webhook was due, in seconds of the clock.
        attempts: all but the fallback, which is a separate delivery.
        result: that of the last attempt; None before the first.
    """

    kind: str
    url: str
    method: Method
    fields: Mapping[str, Any]
    leg: str
    is_played: bool = False
    is_answer: bool = False
    skips_chaos: bool = False
    at: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    result: ReplyResult | None = None
    is_over: bool = False

    @property
    def ncco(self) -> list[dict[str, Any]] | None:
        return self.result.ncco if self.result is not None else None
