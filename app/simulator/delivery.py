"""Delivers an application's webhooks with signatures, a retry and the fallback, and validates the replies.

`Chaos` adds random network faults, which are the same for the same seed.

Source: delivery rules; webhook reference, Fallback.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from app.ncco import Issue, check
from app.simulator import payloads
from app.simulator.parties import AfterConnect
from app.simulator.scheduler import Process, Scheduler, Steps, first_of, pause
from app.simulator.servers import (
    Method,
    Request,
    Response,
    Server,
    authorization,
    compact_json,
    payload_hash,
    with_query,
)

if TYPE_CHECKING:
    from app.simulator.legs import Leg

CONNECT_S: Final = 1.0
ANSWER_S: Final = 5.0
EVENT_S: Final = 10.0
"""Time limits in seconds for a connection, a reply that is played, and any other reply. Source: delivery rules."""
RETRY_AFTER_S: Final = 1.0
"""Seconds before the only retry. Source: delivery rules; older articles mention two retries."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application's settings in the dashboard, and what Vonage does where its documents disagree.

    Attributes:
        answer_url: the URL that is requested for the first NCCO.
        event_url: the URL for all other webhooks that have no URL of their own.
        fallback_url: the URL that is requested if another request for an NCCO fails; "" for none.
        answer_method: also used for the fallback. Source: webhook reference, methods (answer and fallback GET, event
            POST).
        signature_secret: the account's signature secret; "" to send unsigned webhooks.
        numbers: the application's numbers. Only these can be used to call phones; () for any number.
        region_url: the URL of the REST API, as given in webhooks.
        after_connect: what follows a `connect` whose called party hangs up.
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
    after_connect: AfterConnect = "continues"


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """The faults of one delivery. It always succeeds in the end, by a retry or the fallback.

    Attributes:
        late_s: seconds before the webhook is sent; later webhooks may overtake it, unless the call waits for its reply.
        slow_s: how many seconds late the reply is; less than the timeout.
        is_doubled: whether the webhook is repeated `again_s` seconds later; the second reply is ignored.
        loses_reply: whether the server receives the webhook but its reply is lost, which causes a timeout and a retry.
        loses_every_reply: whether the retry times out too. Then the fallback is requested, which succeeds.
        is_unsigned: whether the first attempt has no signature. Source: webhooks guide (internal signing failure).
    """

    late_s: float = 0.0
    slow_s: float = 0.0
    is_doubled: bool = False
    again_s: float = 0.0
    loses_reply: bool = False
    loses_every_reply: bool = False
    is_unsigned: bool = False

    @property
    def of_retry(self) -> NetworkFault:
        """The faults of the retry."""
        return NetworkFault(loses_reply=True) if self.loses_every_reply else NO_FAULT


NO_FAULT: Final = NetworkFault()


MOST_LATE_S: Final = 20.0
"""Maximum delay in seconds of a delivery if the call does not wait for its reply."""
MOST_SLOW_S: Final = 2.0
"""Maximum delay in seconds of a delivery if the call waits for its reply, and of any reply."""


class Chaos:
    """Random network faults for each delivery.

    Args:
        seed: seed of the random numbers.
        rate: probability of each kind of fault, from 0 to 1.
        fallback_rate: probability that a delivery that the call waits for loses every reply; if it is more than 0, the
            application needs a fallback URL.
    """

    def __init__(self, seed: int, rate: float = 0.25, fallback_rate: float = 0.0) -> None:
        self.seed = seed
        self._rate = rate
        self._fallback_rate = fallback_rate
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret

    def next_fault(self, *, is_awaited: bool) -> NetworkFault:
        """The faults of the next delivery.

        Args:
            is_awaited: whether the call waits for the delivery's reply.
        """
        luck = [self._random.random() for _ in range(8)]
        hit = [chance < self._rate for chance in luck]
        loses_every = is_awaited and self._fallback_rate > 0 and self._random.random() < self._fallback_rate
        return NetworkFault(
            late_s=round(luck[5] * (MOST_SLOW_S if is_awaited else MOST_LATE_S), 3) if hit[0] else 0.0,
            slow_s=round(luck[6] * MOST_SLOW_S, 3) if hit[1] else 0.0,
            is_doubled=hit[2],
            again_s=round(max(luck[7] * 2 - 1, 0) * MOST_LATE_S, 3) if hit[2] else 0.0,
            loses_reply=hit[3] or loses_every,
            loses_every_reply=loses_every,
            is_unsigned=hit[4] and not hit[3] and not loses_every,
        )


RETRIED: Final = frozenset({429, 503, 504})
"""A request is sent again after these statuses. Source: support article 115016024247."""
GOOD: Final = range(200, 206)
"""The statuses of a successful reply. Source: webhooks guide, 200 to 205."""
INVALID: Final = "Invalid NCCO."
BAD_STATUS: Final = "Invalid response code."
REASONS: Final = {
    "connect timeout": "Socket timeout.",
    "timeout": "Socket timeout.",
    "closed": "Connection closed.",
    "reset": "Connection reset.",
}
"""The `reason` of a fallback request, by failure. It is unverified that a connect timeout has no reason of its own.

Source: webhook reference, Fallback.
"""
REFUSED_TYPES: Final = ("text/html", "application/xml", "text/xml")
"""A reply with one of these content types is refused unread. Source: support article 115016024247."""
PLAYED_ANYWAY: Final = frozenset({"N301", "N302", "N303"})
"""An NCCO with these errors, which are about the order of its actions, is still played (unverified).

Source: webhook reference, Error: a refused NCCO has an "invalid value type or action".
"""


@dataclass(frozen=True, slots=True)
class ReplyResult:
    """The effect of a reply.

    Attributes:
        ncco: the NCCO to play now; None if the current one continues.
        failure: the `reason` of the fallback request; "" if the reply is valid.
        is_retried: whether the same request is sent again.
        problem: what is wrong, in one sentence, or "".
        issues: the errors and warnings of the NCCO.
    """

    ncco: list[dict[str, Any]] | None = None
    failure: str = ""
    is_retried: bool = False
    problem: str = ""
    issues: tuple[Issue, ...] = ()


def read_reply(response: Response, *, is_played: bool, is_answer: bool) -> ReplyResult:
    """Validate a reply.

    Args:
        response: the reply.
        is_played: whether an NCCO in the reply is played; if not, only the reply's status matters.
        is_answer: whether the leg has no NCCO yet, in which case an empty reply is an error.
    """
    if response.failure:
        reason = REASONS[response.failure]
        return ReplyResult(failure=reason, is_retried=True, problem=f"no reply: {response.failure}")
    if response.status not in GOOD:
        problem = f"the status is {response.status}"
        return ReplyResult(failure=BAD_STATUS, is_retried=response.status in RETRIED, problem=problem)
    is_empty = response.status == 204 or not response.body.strip()
    if not is_played or (is_empty and not is_answer):
        return ReplyResult()
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if is_empty or kind in REFUSED_TYPES:
        return ReplyResult(failure=INVALID, problem=f"the reply is {'empty' if is_empty else kind}")
    try:
        document = json.loads(response.body)
    except ValueError:
        return ReplyResult(failure=INVALID, problem="the reply is not JSON")
    if not is_answer and document in (None, []):  # Vonage's own sample replies `[]` to an event; its effect is unclear
        return ReplyResult()
    issues = tuple(check(document))
    error = next((issue for issue in issues if issue.is_error and issue.code not in PLAYED_ANYWAY), None)
    if error is not None:
        return ReplyResult(failure=INVALID, problem=f"{error.code} {error.path}: {error.message}", issues=issues)
    return ReplyResult(ncco=document, issues=issues)


SYNTAX_ERROR: Final = "Syntax error in NCCO. Invalid value type or action."
NOT_RETRIEVED: Final = "failed to retrieve the ncco"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request of a delivery, and the response.

    Attributes:
        at: when it was sent, in seconds of the clock.
        result: what the response does.
        fault: the added faults as text; "" for none.
    """

    at: float
    request: Request
    response: Response
    result: ReplyResult
    fault: str = ""


@dataclass(eq=False, slots=True)
class WebhookDelivery:
    """A webhook in the log, with its attempts and its result.

    Attributes:
        kind: answer, onanswer, event, input, notify, record, transcription, transfer, error or fallback.
        fields: the fields of the webhook.
        leg: the leg that the webhook is about.
        is_played: whether the call waits for the reply, and plays the NCCO in it.
        is_answer: whether the leg has no NCCO yet.
        skips_chaos: whether the delivery gets no random faults.
        at: when the webhook was due, in seconds of the clock.
        attempts: the requests; the fallback is a separate delivery.
        result: the result of the last attempt; None before the first.
        is_over: whether there will be no more attempts.
    """

    kind: str
    url: str
    method: Method
    fields: Mapping[str, Any]
    leg: Leg
    is_played: bool = False
    is_answer: bool = False
    skips_chaos: bool = False
    at: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    result: ReplyResult | None = None
    is_over: bool = False

    @property
    def ncco(self) -> list[dict[str, Any]] | None:
        """The NCCO in the reply if it is played, or None."""
        return self.result.ncco if self.result is not None else None


class Deliveries:
    """Delivers webhooks and logs them."""

    def __init__(
        self, scheduler: Scheduler, server: Server, application: Application, ids: Iterator[UUID], chaos: Chaos | None
    ) -> None:
        self._scheduler = scheduler
        self._server = server
        self._application = application
        self._ids = ids
        self._chaos = chaos
        self.log: list[WebhookDelivery] = []

    def send(self, delivery: WebhookDelivery) -> None:
        """Deliver a webhook without waiting. Without a URL, nothing is sent, but an error event is logged anyway."""
        if delivery.url:
            self._scheduler.spawn(self._attempts(delivery))
        else:
            delivery.is_over = True
            if delivery.kind == "error":
                self._begin(delivery)

    def ask(self, delivery: WebhookDelivery) -> Process[ReplyResult]:
        """Deliver a webhook whose reply is played. The result of the process is the final reply.

        The process does not depend on the leg: a hang-up does not cancel the request.
        """
        return self._scheduler.spawn(self._deliver_or_fall_back(delivery))

    def _deliver_or_fall_back(self, delivery: WebhookDelivery) -> Steps[ReplyResult]:
        """Deliver a webhook; if that fails, request the fallback.

        If both fail, a new call ends, and a running NCCO continues.

        Source: webhook reference, Fallback.
        """
        if not delivery.url:
            return ReplyResult()
        own = self._application
        result = yield from self._attempts(delivery)
        if result.failure and own.fallback_url:
            if result.failure == INVALID:
                self._report(delivery, SYNTAX_ERROR)
            kind = "answer" if delivery.is_answer else "event"
            fields = payloads.fallback(delivery.fields, delivery.url, kind, result.failure)
            result = yield from self._attempts(
                WebhookDelivery(
                    "fallback", own.fallback_url, own.answer_method, fields, delivery.leg,
                    is_played=True, is_answer=delivery.is_answer,
                )
            )  # fmt: skip
        if result.failure:
            self._report(delivery, SYNTAX_ERROR if result.failure == INVALID else NOT_RETRIEVED)
        return result

    def _report(self, delivery: WebhookDelivery, reason: str) -> None:
        """Send the error event for an invalid NCCO or a failed fallback (unverified in detail for the fallback).

        Source: webhook reference, Answer (reply) and Error.
        """
        leg = delivery.leg
        self.send(WebhookDelivery("error", *leg.root.target, payloads.error(leg, reason), leg))

    def _begin(self, delivery: WebhookDelivery) -> None:
        delivery.at = self._scheduler.clock.ms / 1000
        self.log.append(delivery)
        delivery.leg.log.append(delivery)

    def _attempts(self, delivery: WebhookDelivery) -> Steps[ReplyResult]:
        self._begin(delivery)
        fault = self._next_fault(delivery)
        if fault.late_s:
            yield from pause(fault.late_s)
        result = yield from self._attempt(delivery, fault)
        if result.is_retried:
            yield from pause(RETRY_AFTER_S)
            result = yield from self._attempt(delivery, fault.of_retry)
        delivery.is_over = True
        return result

    def _next_fault(self, delivery: WebhookDelivery) -> NetworkFault:
        """The faults to add. A fallback gets none, because it must succeed after another delivery has failed."""
        if self._chaos is None or delivery.kind == "fallback" or delivery.skips_chaos:
            return NO_FAULT
        return self._chaos.next_fault(is_awaited=delivery.is_played)

    def _attempt(self, delivery: WebhookDelivery, fault: NetworkFault) -> Steps[ReplyResult]:
        sent_at = self._scheduler.clock.ms / 1000
        request = self._request(delivery, is_signed=not fault.is_unsigned)
        response: Response = yield request
        if fault.is_doubled:
            self._scheduler.spawn(_resend(request, fault.again_s))
        if fault.slow_s:
            yield from pause(fault.slow_s)
        if fault.loses_reply:
            yield from pause(request.answer_s)
            response = Response(0, failure="timeout", seconds=request.answer_s)
        result = read_reply(response, is_played=delivery.is_played, is_answer=delivery.is_answer)
        delivery.attempts.append(Attempt(sent_at, request, response, result, _described(fault)))
        delivery.result = result
        return result

    def _request(self, delivery: WebhookDelivery, *, is_signed: bool) -> Request:
        own = self._application
        method = delivery.method
        url = delivery.url
        body = b""
        headers = {"user-agent": "Apache-HttpAsyncClient/4.1 (simulated)"}
        if method == "POST":
            body = compact_json(delivery.fields).encode()
            headers["content-type"] = "application/json"
        else:
            url = with_query(url, delivery.fields)
        if is_signed and own.signature_secret:
            hashed = payload_hash(method, url, body)
            jti = str(next(self._ids))
            accounts = {"api_key": own.api_key, "application_id": own.application_id}
            headers |= authorization(own.signature_secret, self._server.now, jti, hashed, **accounts)
        is_awaited = delivery.is_played and delivery.kind != "fallback"
        answer_s = ANSWER_S if delivery.is_played else EVENT_S
        return Request(method, url, headers, body, CONNECT_S, answer_s, is_awaited)


def replacement(asking: Process[ReplyResult]) -> Steps[list[dict[str, Any]] | None]:
    """Wait for the reply; returns the NCCO in it, or None if the current one continues."""
    yield from first_of(asking.done)
    return asking.result.ncco if asking.result is not None else None


def _resend(request: Request, seconds: float) -> Steps[None]:
    """Send the same request again, and ignore the reply."""
    yield from pause(seconds)
    yield request


def _described(fault: NetworkFault) -> str:
    effects = {
        f"late by {fault.late_s:g} s": fault.late_s,
        f"slow by {fault.slow_s:g} s": fault.slow_s,
        f"sent again {fault.again_s:g} s later": fault.is_doubled,
        "reply lost": fault.loses_reply,
        "and so are all others": fault.loses_every_reply,
        "not signed": fault.is_unsigned,
    }
    return ", ".join(text for text, happened in effects.items() if happened)
