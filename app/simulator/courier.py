"""Delivers webhooks: signed, retried, to the fallback when they fail.

Source: delivery rules; webhook reference, Fallback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.simulator import payloads
from app.simulator.application import Application
from app.simulator.chaos import CALM, Chaos, Disturbance
from app.simulator.ids import Ids
from app.simulator.kernel import Ask, Kernel, Process, Steps, pause
from app.simulator.replies import INVALID, Verdict, judge
from app.simulator.requests import Method, Request, Response, Server, encoded, in_time, with_query
from app.simulator.signing import authorization, payload_hash

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
        verdict: what the platform makes of it.
        disturbance: what chaos did to it, in words; "" for nothing.
    """

    at: float
    request: Request
    response: Response
    verdict: Verdict
    disturbance: str = ""


@dataclass(slots=True)
class Delivery:
    """A webhook, how it was delivered, and what came of it. A line of the log.

    Attributes:
        at: seconds of the clock when it was due.
        attempts: every request; that of the fallback is a delivery of its own.
        verdict: of the last attempt; None while there is none.
        is_over: whether no further attempt will be made.
    """

    at: float
    message: Message
    attempts: list[Attempt] = field(default_factory=list)
    verdict: Verdict | None = None
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
        return self.verdict.ncco if self.verdict is not None else None


class Courier:
    """Delivers, and keeps the log."""

    def __init__(self, kernel: Kernel, server: Server, application: Application, ids: Ids, chaos: Chaos | None) -> None:
        self._kernel = kernel
        self._server = server
        self._application = application
        self._ids = ids
        self._chaos = chaos
        self.log: list[Delivery] = []

    def tell(self, message: Message) -> Process[Verdict] | None:
        """Deliver without waiting; nothing is done if it fails, or without a URL (None): an error is logged then."""
        if message.url:
            return self._kernel.spawn(self._attempts(message))
        if message.kind == "error":
            self.log.append(Delivery(self._kernel.clock.ms / 1000, message, is_over=True))
        return None

    def ask(self, message: Message) -> Process[Verdict]:
        """Deliver something whose reply is played; the process comes to what is played in the end.

        It runs by itself: a party that hangs up meanwhile does not take the request back.
        """
        return self._kernel.spawn(self._instruction(message))

    def _instruction(self, message: Message) -> Steps[Verdict]:
        """Source: webhook reference, Fallback: after it, an answered call ends and a running NCCO goes on."""
        if not message.url:
            return Verdict()
        verdict = yield from self._attempts(message)
        if verdict.failure and self._application.fallback_url:
            if verdict.failure == INVALID:
                self._report(message, SYNTAX_ERROR)
            verdict = yield from self._attempts(self._fallback_of(message, verdict.failure))
        if verdict.failure:
            self._report(message, SYNTAX_ERROR if verdict.failure == INVALID else NOT_RETRIEVED)
        return verdict

    def _fallback_of(self, message: Message, reason: str) -> Message:
        fields = payloads.fallback(message.fields, message.url, "answer" if message.is_answer else "event", reason)
        url, method = self._application.fallback_url, self._application.answer_method
        return replace(message, kind="fallback", url=url, method=method, fields=fields)

    def _report(self, message: Message, reason: str) -> None:
        """The error event: of each NCCO with a fault, and when nothing has helped (the latter unverified in detail).

        Source: webhook reference, Answer (reply) and Error.
        """
        fields = payloads.error(reason, message.conversation, self._kernel.clock.now)
        own = self._application
        self.tell(Message("error", own.event_url, own.event_method, fields, message.call))

    def _attempts(self, message: Message) -> Steps[Verdict]:
        delivery = Delivery(self._kernel.clock.ms / 1000, message)
        self.log.append(delivery)
        luck = self._luck(message)
        if luck.late_s:
            yield from pause(luck.late_s)
        verdict = yield from self._attempt(delivery, luck)
        for _ in range(self._application.retries if verdict.is_retried else 0):
            yield from pause(self._application.retry_after_s)
            verdict = yield from self._attempt(delivery, luck.of_retry)
            if not verdict.is_retried:
                break
        delivery.is_over = True
        return verdict

    def _luck(self, message: Message) -> Disturbance:
        """Nothing befalls a fallback: it is what cures the rest."""
        if self._chaos is None or message.kind == "fallback" or message.is_spared:
            return CALM
        return self._chaos.next_disturbance(is_awaited=message.is_played)

    def _attempt(self, delivery: Delivery, luck: Disturbance) -> Steps[Verdict]:
        message, sent_at = delivery.message, self._kernel.clock.ms / 1000
        request = self._request(message, is_signed=not luck.is_unsigned)
        response: Response = yield Ask(request)
        if luck.is_doubled:
            self._kernel.spawn(_again(request, luck.again_s))
        if luck.slow_s:
            yield from pause(luck.slow_s)
        if luck.loses_reply:
            yield from pause(request.answer_s)
            response = Response(0, failure="timeout", seconds=request.answer_s)
        verdict = judge(response, self._application, is_played=message.is_played, is_answer=message.is_answer)
        delivery.attempts.append(Attempt(sent_at, request, response, verdict, _told(luck)))
        delivery.verdict = verdict
        return verdict

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
    """Send the very same request again; nobody listens to its reply."""
    yield from pause(seconds)
    yield Ask(request)


async def deliver(server: Server, request: Request) -> Response:
    """What the platform gets of a server: its response if that is in time."""
    return in_time(request, await server.deliver(request))


def _told(luck: Disturbance) -> str:
    said = {
        f"late by {luck.late_s:g} s": luck.late_s,
        f"slow by {luck.slow_s:g} s": luck.slow_s,
        f"sent again {luck.again_s:g} s later": luck.is_doubled,
        "reply lost": luck.loses_reply,
        "and so are all others": luck.loses_every_reply,
        "not signed": luck.is_unsigned,
    }
    return ", ".join(text for text, happened in said.items() if happened)
