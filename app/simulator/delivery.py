"""Delivers the webhooks of an application: signed, retried, then to the fallback; and judges the replies.

Chaos is bad luck on the network, drawn from a seed: the same seed gives the same faults.

Source: delivery rules; webhook reference, Fallback.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from app.ncco import Issue, check
from app.simulator import payloads
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

STEERING: Final = frozenset({"timeout", "failed", "rejected", "unanswered", "busy"})
"""Statuses of a synchronous connect whose reply is played. Source: webhook reference, Connect events."""


@dataclass(frozen=True, slots=True)
class Application:
    """What the dashboard knows of an application, and which reading of the documents the platform follows.

    Attributes:
        answer_url: asked for the first NCCO. event_url: gets everything else that has no URL of its own.
        fallback_url: asked when a request that expects an NCCO has failed; "" for none.
        answer_method: also of the fallback. Source: webhook reference, methods (answer and fallback GET, event POST).
        signature_secret: of the account; "" sends unsigned webhooks.
        numbers: of this application; a connect to a phone from any other fails. (): every number is ours.
        connect_s, answer_s, event_s: time-outs in seconds. Source: delivery rules.
        retries: how often a failed request is sent again: 1 by the current support article, 2 by former ones.
        retry_after_s: seconds before it is; unverified but for one blog.
        empty_array: what `[]` in reply to an event does: nothing, or it replaces the NCCO and so ends the call.
        object_reply: what an object such as {"status": "ok"} in reply to an event is: an invalid NCCO, or nothing.
        steering: statuses of a synchronous connect whose reply counts.
        completed_after: failures of a dial that a `completed` follows; declined calls get none. Unverified in detail.
        speech_when_off: what `speech` holds when an input asked for keys alone: an empty list of results, or the error
            "Speech was not enabled". Both were seen.
        records_block: whether a record with an end condition is waited for. Source: NCCO reference, Record; its own
            table and introduction disagree.
        detection_s: seconds until machine detection knows who answered.
        recording_s, transcription_s: seconds from the end of a recording to its webhook, and from there to its text.
        region_url: the REST host that webhooks name.
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
    connect_s: float = 1.0
    answer_s: float = 5.0
    event_s: float = 10.0
    retries: int = 1
    retry_after_s: float = 1.0
    empty_array: Literal["ignore", "replace"] = "ignore"
    object_reply: Literal["invalid", "ignore"] = "invalid"
    steering: frozenset[str] = STEERING
    completed_after: frozenset[str] = frozenset({"busy", "cancelled", "timeout"})
    speech_when_off: Literal["results", "error"] = "results"
    records_block: bool = True
    detection_s: float = 5.0
    recording_s: float = 0.64
    transcription_s: float = 10.0
    region_url: str = "https://api-eu-3.vonage.com"


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """What happens to one delivery. It always gets through in the end: by its retry, or by the fallback.

    Attributes:
        late_s: seconds until it is sent at all. Later ones may overtake it, unless the call waits for its reply.
        slow_s: seconds that the reply takes longer; less than the time-out.
        is_doubled: sent twice, the second time `again_s` seconds after the first; the reply to that is lost.
        loses_reply: the server gets it, the platform not the reply: a time-out, and a retry.
        loses_every_reply: the retry is a time-out as well, so that the fallback is asked; that gets through.
        is_unsigned: sent without its signature at first. Source: webhooks guide (internal signing failure).
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
        """What happens to the same delivery when it is sent again."""
        return NetworkFault(loses_reply=True) if self.loses_every_reply else NO_FAULT


NO_FAULT: Final = NetworkFault()


class Chaos:
    """Network faults of a seed, delivery by delivery.

    Args:
        seed: which ones.
        rate: how likely each kind is for a delivery, 0 to 1.
        fallback_rate: how likely it is that a delivery which the call waits for loses every reply; an application
            needs a fallback URL then.
        late_s: most seconds that a notification is late. slow_s: that an awaited one is late or slow.
    """

    def __init__(
        self, seed: int, rate: float = 0.25, late_s: float = 20.0, slow_s: float = 2.0, fallback_rate: float = 0.0
    ) -> None:
        self.seed = seed
        self._rate = rate
        self._late_s = late_s
        self._slow_s = slow_s
        self._fallback_rate = fallback_rate
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret

    def next_fault(self, *, is_awaited: bool) -> NetworkFault:
        """What happens to the next delivery.

        Args:
            is_awaited: whether the call waits for its reply.
        """
        luck = [self._random.random() for _ in range(8)]
        hit = [chance < self._rate for chance in luck]
        loses_every = is_awaited and self._fallback_rate > 0 and self._random.random() < self._fallback_rate
        return NetworkFault(
            late_s=round(luck[5] * (self._slow_s if is_awaited else self._late_s), 3) if hit[0] else 0.0,
            slow_s=round(luck[6] * self._slow_s, 3) if hit[1] else 0.0,
            is_doubled=hit[2],
            again_s=round(max(luck[7] * 2 - 1, 0) * self._late_s, 3) if hit[2] else 0.0,
            loses_reply=hit[3] or loses_every,
            loses_every_reply=loses_every,
            is_unsigned=hit[4] and not hit[3] and not loses_every,
        )


RETRIED: Final = frozenset({429, 503, 504})
"""Statuses after which a request is sent again. Source: support article 115016024247."""
GOOD: Final = range(200, 206)
"""Source: webhooks guide, 200 to 205."""
INVALID: Final = "Invalid NCCO."
BAD_STATUS: Final = "Invalid response code."
REASONS: Final = {
    "connect timeout": "Socket timeout.",
    "timeout": "Socket timeout.",
    "closed": "Connection closed.",
    "reset": "Connection reset.",
}
"""`reason` of a fallback by what failed; that a connect time-out has no word of its own is unverified.

Source: webhook reference, Fallback.
"""
REFUSED_TYPES: Final = ("text/html", "application/xml", "text/xml")
"""Content types of which no NCCO is read. Source: support article 115016024247."""
PLAYED_ANYWAY: Final = frozenset({"N301", "N302", "N303"})
"""Faults in the order of actions, which leave an NCCO well-formed (unverified).

Source: webhook reference, Error: what is refused has an "invalid value type or action".
"""


@dataclass(frozen=True, slots=True)
class ReplyResult:
    """What a reply comes to.

    Attributes:
        ncco: what is played from now on; None: what is running continues.
        failure: `reason` of the fallback; "" when nothing failed.
        is_retried: whether the same request is sent again.
        problem: the fault in one sentence.
        issues: of the NCCO, errors and warnings.
    """

    ncco: list[dict[str, Any]] | None = None
    failure: str = ""
    is_retried: bool = False
    problem: str = ""
    issues: tuple[Issue, ...] = ()


def read_reply(response: Response, application: Application, *, is_played: bool, is_answer: bool) -> ReplyResult:
    """What a reply comes to.

    Args:
        response: what came.
        application: how disputed replies are read.
        is_played: whether an NCCO in it counts; of other requests only the status does.
        is_answer: whether nothing is running yet, so that nothing can go on.
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
    if not is_answer and _changes_nothing(document, application):
        return ReplyResult()
    issues = tuple(check(document))
    error = next((issue for issue in issues if issue.is_error and issue.code not in PLAYED_ANYWAY), None)
    if error is not None:
        return ReplyResult(failure=INVALID, problem=f"{error.code} {error.path}: {error.message}", issues=issues)
    return ReplyResult(ncco=document, issues=issues)


def _changes_nothing(document: Any, application: Application) -> bool:
    """Whether a reply to an event lets the call continue. What `[]` and objects do is disputed."""
    if isinstance(document, dict):
        return application.object_reply == "ignore"
    return document is None or (document == [] and application.empty_array == "ignore")


SYNTAX_ERROR: Final = "Syntax error in NCCO. Invalid value type or action."
NOT_RETRIEVED: Final = "failed to retrieve the ncco"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of a delivery and what came back.

    Attributes:
        at: seconds of the clock when it was sent.
        result: the platform's reading of it.
        fault: what chaos did to it, in words; "" for nothing.
    """

    at: float
    request: Request
    response: Response
    result: ReplyResult
    fault: str = ""


@dataclass(eq=False, slots=True)
class WebhookDelivery:
    """A webhook, how it was delivered, and its result. A line of the log.

    Attributes:
        kind: answer, onanswer, event, input, notify, record, transcription, transfer, error or fallback.
        fields: what it says.
        leg: whom it is about.
        is_played: whether the call waits for the reply, and plays an NCCO in it.
        is_answer: whether nothing runs yet that could go on.
        is_spared: whether chaos leaves it alone.
        at: seconds of the clock when it was due.
        attempts: every request; that of the fallback is a delivery of its own.
        result: of the last attempt; None while there is none.
        is_over: whether no further attempt will be made.
    """

    kind: str
    url: str
    method: Method
    fields: Mapping[str, Any]
    leg: Leg
    is_played: bool = False
    is_answer: bool = False
    is_spared: bool = False
    at: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    result: ReplyResult | None = None
    is_over: bool = False

    @property
    def ncco(self) -> list[dict[str, Any]] | None:
        """What is played because of it; None when it changes nothing."""
        return self.result.ncco if self.result is not None else None


class Deliveries:
    """Delivers, and keeps the log."""

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
        """Deliver without waiting; without a URL nothing is sent, and an error event is only logged."""
        if delivery.url:
            self._scheduler.spawn(self._attempts(delivery))
        else:
            delivery.is_over = True
            if delivery.kind == "error":
                self._begin(delivery)

    def ask(self, delivery: WebhookDelivery) -> Process[ReplyResult]:
        """Deliver something whose reply is played; the process comes to what is played in the end.

        It runs by itself: a party that hangs up meanwhile does not take the request back.
        """
        return self._scheduler.spawn(self._instruction(delivery))

    def _instruction(self, delivery: WebhookDelivery) -> Steps[ReplyResult]:
        """Source: webhook reference, Fallback: after it, an answered call ends and a running NCCO continues."""
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
        """The error event: of each NCCO with a fault, and when nothing has helped (the latter unverified in detail).

        Source: webhook reference, Answer (reply) and Error.
        """
        own, leg = self._application, delivery.leg
        self.send(WebhookDelivery("error", own.event_url, own.event_method, payloads.error(leg, reason), leg))

    def _begin(self, delivery: WebhookDelivery) -> None:
        delivery.at = self._scheduler.clock.ms / 1000
        self.log.append(delivery)

    def _attempts(self, delivery: WebhookDelivery) -> Steps[ReplyResult]:
        self._begin(delivery)
        fault = self._next_fault(delivery)
        if fault.late_s:
            yield from pause(fault.late_s)
        result = yield from self._attempt(delivery, fault)
        for _ in range(self._application.retries):
            if not result.is_retried:
                break
            yield from pause(self._application.retry_after_s)
            result = yield from self._attempt(delivery, fault.of_retry)
        delivery.is_over = True
        return result

    def _next_fault(self, delivery: WebhookDelivery) -> NetworkFault:
        """A fallback is never disturbed: it is what recovers from all other faults."""
        if self._chaos is None or delivery.kind == "fallback" or delivery.is_spared:
            return NO_FAULT
        return self._chaos.next_fault(is_awaited=delivery.is_played)

    def _attempt(self, delivery: WebhookDelivery, fault: NetworkFault) -> Steps[ReplyResult]:
        sent_at = self._scheduler.clock.ms / 1000
        request = self._request(delivery, is_signed=not fault.is_unsigned)
        response: Response = yield request
        if fault.is_doubled:
            self._scheduler.spawn(_again(request, fault.again_s))
        if fault.slow_s:
            yield from pause(fault.slow_s)
        if fault.loses_reply:
            yield from pause(request.answer_s)
            response = Response(0, failure="timeout", seconds=request.answer_s)
        result = read_reply(response, self._application, is_played=delivery.is_played, is_answer=delivery.is_answer)
        delivery.attempts.append(Attempt(sent_at, request, response, result, _described(fault)))
        delivery.result = result
        return result

    def _request(self, delivery: WebhookDelivery, *, is_signed: bool) -> Request:
        own, method, url, body = self._application, delivery.method, delivery.url, b""
        headers = {"user-agent": "Apache-HttpAsyncClient/4.1 (simulated)"}
        if method == "POST":
            body = compact_json(delivery.fields).encode()
            headers["content-type"] = "application/json"
        else:
            url = with_query(url, delivery.fields)
        if is_signed and own.signature_secret:
            hashed, jti = payload_hash(method, url, body), str(next(self._ids))
            accounts = {"api_key": own.api_key, "application_id": own.application_id}
            headers |= authorization(own.signature_secret, self._server.now, jti, hashed, **accounts)
        is_awaited = delivery.is_played and delivery.kind != "fallback"
        answer_s = own.answer_s if delivery.is_played else own.event_s
        return Request(method, url, headers, body, own.connect_s, answer_s, is_awaited)


def replacement(asking: Process[ReplyResult]) -> Steps[list[dict[str, Any]] | None]:
    """The NCCO that a reply brings, once it is there; None when it changes nothing."""
    yield from first_of(asking.done)
    return asking.result.ncco if asking.result is not None else None


def _again(request: Request, seconds: float) -> Steps[None]:
    """Send the very same request again; its reply is ignored."""
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
