"""Delivers webhooks: signed, retried, then to the fallback; and judges the replies.

Chaos is bad luck on the network, drawn from a seed: the same seed gives the same faults.

Source: delivery rules; webhook reference, Fallback.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from app.ncco import Issue, check
from app.simulator import payloads
from app.simulator.application import Application
from app.simulator.legs import Ids
from app.simulator.scheduler import Process, Scheduler, Steps, pause
from app.simulator.servers import (
    Method,
    Request,
    Response,
    Server,
    authorization,
    encoded,
    payload_hash,
    with_query,
)


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


SYNTAX_ERROR = "Syntax error in NCCO. Invalid value type or action."
NOT_RETRIEVED = "failed to retrieve the ncco"


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook that is to be delivered.

    Attributes:
        kind: answer, onanswer, event, input, notify, record, transcription, transfer, error or fallback.
        fields: what it says.
        call: the leg of the inbound call that it belongs to.
        is_played: whether the call waits for the reply, and plays an NCCO in it.
        is_answer: whether nothing runs yet that could go on.
        conversation: for an error event.
        is_spared: whether chaos leaves it alone.
    """

    kind: str
    url: str
    method: Method
    fields: Mapping[str, Any]
    call: str
    is_played: bool = False
    is_answer: bool = False
    conversation: str = ""
    is_spared: bool = False


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


@dataclass(slots=True)
class WebhookDelivery:
    """A webhook, how it was delivered, and its result. A line of the log.

    Attributes:
        at: seconds of the clock when it was due.
        attempts: every request; that of the fallback is a delivery of its own.
        result: of the last attempt; None while there is none.
        is_over: whether no further attempt will be made.
    """

    at: float
    message: Message
    attempts: list[Attempt] = field(default_factory=list)
    result: ReplyResult | None = None
    is_over: bool = False

    @property
    def kind(self) -> str:
        """Which webhook it is."""
        return self.message.kind

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it says."""
        return self.message.fields

    @property
    def ncco(self) -> list[dict[str, Any]] | None:
        """What is played because of it; None when it changes nothing."""
        return self.result.ncco if self.result is not None else None


class Deliveries:
    """Delivers, and keeps the log."""

    def __init__(
        self, scheduler: Scheduler, server: Server, application: Application, ids: Ids, chaos: Chaos | None
    ) -> None:
        self._scheduler = scheduler
        self._server = server
        self._application = application
        self._ids = ids
        self._chaos = chaos
        self.log: list[WebhookDelivery] = []

    def send(self, message: Message) -> Process[ReplyResult] | None:
        """Deliver without waiting; without a URL nothing is sent (None), and an error event is only logged."""
        if message.url:
            return self._scheduler.spawn(self._attempts(message))
        if message.kind == "error":
            self.log.append(WebhookDelivery(self._scheduler.clock.ms / 1000, message, is_over=True))
        return None

    def ask(self, message: Message) -> Process[ReplyResult]:
        """Deliver something whose reply is played; the process comes to what is played in the end.

        It runs by itself: a party that hangs up meanwhile does not take the request back.
        """
        return self._scheduler.spawn(self._instruction(message))

    def _instruction(self, message: Message) -> Steps[ReplyResult]:
        """Source: webhook reference, Fallback: after it, an answered call ends and a running NCCO continues."""
        if not message.url:
            return ReplyResult()
        result = yield from self._attempts(message)
        if result.failure and self._application.fallback_url:
            if result.failure == INVALID:
                self._report(message, SYNTAX_ERROR)
            result = yield from self._attempts(self._fallback_of(message, result.failure))
        if result.failure:
            self._report(message, SYNTAX_ERROR if result.failure == INVALID else NOT_RETRIEVED)
        return result

    def _fallback_of(self, message: Message, reason: str) -> Message:
        fields = payloads.fallback(message.fields, message.url, "answer" if message.is_answer else "event", reason)
        url, method = self._application.fallback_url, self._application.answer_method
        return replace(message, kind="fallback", url=url, method=method, fields=fields)

    def _report(self, message: Message, reason: str) -> None:
        """The error event: of each NCCO with a fault, and when nothing has helped (the latter unverified in detail).

        Source: webhook reference, Answer (reply) and Error.
        """
        fields = payloads.error(reason, message.conversation, self._scheduler.clock.now)
        own = self._application
        self.send(Message("error", own.event_url, own.event_method, fields, message.call))

    def _attempts(self, message: Message) -> Steps[ReplyResult]:
        delivery = WebhookDelivery(self._scheduler.clock.ms / 1000, message)
        self.log.append(delivery)
        fault = self._next_fault(message)
        if fault.late_s:
            yield from pause(fault.late_s)
        result = yield from self._attempt(delivery, fault)
        for _ in range(self._application.retries if result.is_retried else 0):
            yield from pause(self._application.retry_after_s)
            result = yield from self._attempt(delivery, fault.of_retry)
            if not result.is_retried:
                break
        delivery.is_over = True
        return result

    def _next_fault(self, message: Message) -> NetworkFault:
        """A fallback is never disturbed: it is what recovers from all other faults."""
        if self._chaos is None or message.kind == "fallback" or message.is_spared:
            return NO_FAULT
        return self._chaos.next_fault(is_awaited=message.is_played)

    def _attempt(self, delivery: WebhookDelivery, fault: NetworkFault) -> Steps[ReplyResult]:
        message, sent_at = delivery.message, self._scheduler.clock.ms / 1000
        request = self._request(message, is_signed=not fault.is_unsigned)
        response: Response = yield request
        if fault.is_doubled:
            self._scheduler.spawn(_again(request, fault.again_s))
        if fault.slow_s:
            yield from pause(fault.slow_s)
        if fault.loses_reply:
            yield from pause(request.answer_s)
            response = Response(0, failure="timeout", seconds=request.answer_s)
        result = read_reply(response, self._application, is_played=message.is_played, is_answer=message.is_answer)
        delivery.attempts.append(Attempt(sent_at, request, response, result, _described(fault)))
        delivery.result = result
        return result

    def _request(self, message: Message, *, is_signed: bool) -> Request:
        own = self._application
        is_post = message.method == "POST"
        url = message.url if is_post else with_query(message.url, message.fields)
        body = encoded(message.fields) if is_post else b""
        headers = {"user-agent": "Apache-HttpAsyncClient/4.1 (simulated)"}
        if is_post:
            headers["content-type"] = "application/json"
        if is_signed and own.signature_secret:
            hashed = payload_hash(message.method, url, body)
            accounts = {"api_key": own.api_key, "application_id": own.application_id}
            headers |= authorization(own.signature_secret, self._server.now, self._ids.dashed(), hashed, **accounts)
        is_awaited = message.is_played and message.kind != "fallback"
        answer_s = own.answer_s if message.is_played else own.event_s
        return Request(message.method, url, headers, body, own.connect_s, answer_s, is_awaited)


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
