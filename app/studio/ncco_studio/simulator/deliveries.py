"""Delivers an application's webhooks with signatures, a retry and the fallback.

Source: delivery rules; webhook reference, Fallback.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urljoin
from uuid import UUID

from ncco_server.ncco.signing import authorization, compact_json, payload_hash
from ncco_studio.simulator import payloads
from ncco_studio.simulator.delivery import (
    CONNECT_S,
    EVENT_S,
    INVALID,
    NO_FAULT,
    NOT_RETRIEVED,
    REASONS,
    SYNTAX_ERROR,
    Application,
    Attempt,
    Chaos,
    NetworkFault,
    ReplyResult,
    WebhookDelivery,
    read_reply,
)
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.scheduler import Process, Routine, Scheduler, first_of, pause
from ncco_studio.simulator.servers import (
    Request,
    Response,
    Server,
    with_query,
)

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Deliveries:
    """Delivers webhooks and logs them."""

    def __init__(
        self, scheduler: Scheduler, server: Server, application: Application, ids: Iterator[UUID], chaos: Chaos | None
    ) -> None:
        self._scheduler = scheduler
        self._server = server
        self.application = application
        self._ids = ids
        self._chaos = chaos
        self.log: list[WebhookDelivery] = []

    def send(self, delivery: WebhookDelivery, leg: Leg) -> None:
        """Do not wait. Without a URL, only an error event is logged."""
        if delivery.url:
            self._scheduler.spawn(self._attempts(delivery, leg))
        else:
            delivery.is_over = True
            if delivery.kind == "error":
                self._begin(delivery, leg)

    def ask(self, delivery: WebhookDelivery, leg: Leg) -> Process[ReplyResult]:
        """The process returns the final reply. A hang-up does not cancel it."""
        return self._scheduler.spawn(self._deliver_or_fall_back(delivery, leg))

    def _deliver_or_fall_back(self, delivery: WebhookDelivery, leg: Leg) -> Routine[ReplyResult]:
        """If the fallback fails too, a new call ends, and a running NCCO continues."""
        if not delivery.url:
            return ReplyResult()
        own = self.application
        result = yield from self._attempts(delivery, leg)
        asks_fallback = own.fallback_url and (delivery.is_answer or own.assumes.fallback_after_event == "sent")
        if result.failure and asks_fallback:
            if result.failure == INVALID:
                self._report(leg, SYNTAX_ERROR)
            kind = "answer" if delivery.is_answer else "event"
            fields = payloads.fallback(delivery.fields, delivery.url, kind, result.failure)
            result = yield from self._attempts(
                WebhookDelivery(
                    "fallback", own.fallback_url, own.answer_method, fields, delivery.leg,
                    is_played=True, is_answer=delivery.is_answer,
                ),
                leg,
            )  # fmt: skip
        if not result.failure:
            return result
        self._report(leg, SYNTAX_ERROR if result.failure == INVALID else NOT_RETRIEVED)
        is_lost = result.failure in REASONS.values()
        follows = own.assumes.no_reply if is_lost else own.assumes.failed_reply
        return replace(result, ncco=[]) if follows == "ends" and not delivery.is_answer else result

    def _report(self, leg: Leg, reason: str) -> None:
        """It is unverified for a failed fallback. Source: webhook reference, Answer (reply) and Error."""
        if reason == SYNTAX_ERROR and self.application.assumes.invalid_ncco_event == "not_sent":
            return
        self.send(WebhookDelivery("error", *leg.root.target, payloads.error(leg, reason), leg.uuid), leg)

    def _begin(self, delivery: WebhookDelivery, leg: Leg) -> None:
        delivery.at = self._scheduler.clock.ms / 1000
        self.log.append(delivery)
        leg.log.append(delivery)

    def _attempts(self, delivery: WebhookDelivery, leg: Leg) -> Routine[ReplyResult]:
        self._begin(delivery, leg)
        fault = self._next_fault(delivery)
        if fault.late_s:
            yield from pause(fault.late_s)
        assumes = self.application.assumes
        jti = next(self._ids)
        result = yield from self._attempt(delivery, fault, jti)
        for _ in range(assumes.retries):
            if not result.is_retried:
                break
            yield from pause(assumes.retry_after_s)
            jti = next(self._ids) if assumes.repeated_jti == "new" else jti
            result = yield from self._attempt(delivery, NO_FAULT, jti)
        delivery.is_over = True
        return result

    def _next_fault(self, delivery: WebhookDelivery) -> NetworkFault:
        """A fallback must succeed."""
        if self._chaos is None or delivery.kind == "fallback" or delivery.skips_chaos:
            return NO_FAULT
        return self._chaos.next_fault(is_awaited=delivery.is_played)

    def _attempt(self, delivery: WebhookDelivery, fault: NetworkFault, jti: UUID) -> Routine[ReplyResult]:
        sent_at = self._scheduler.clock.ms / 1000
        assumes = self.application.assumes
        request = self._request(delivery, jti, is_signed=not fault.is_unsigned)
        response: Response = yield request
        if assumes.redirects == "followed" and response.status in REDIRECTS and "location" in response.headers:
            response = yield replace(request, url=urljoin(request.url, response.headers["location"]))
        if fault.is_doubled:
            self._scheduler.spawn(_resend(request, fault.again_s))
        if fault.slow_s:
            yield from pause(fault.slow_s)
        if fault.loses_reply:
            yield from pause(request.answer_s)
            response = Response(0, failure="timeout", seconds=request.answer_s)
        result = read_reply(response, delivery, assumes)
        delivery.attempts.append(Attempt(sent_at, request, response, result, str(fault)))
        delivery.result = result
        return result

    def _request(self, delivery: WebhookDelivery, jti: UUID, *, is_signed: bool) -> Request:
        own = self.application
        assumes = own.assumes
        method = delivery.method
        url = delivery.url
        body = b""
        headers = {"user-agent": "Apache-HttpAsyncClient/4.1 (simulated)"}
        if method == "POST":
            body = compact_json(delivery.fields).encode()
            headers["content-type"] = "application/json"
        else:
            url = with_query(url, delivery.fields, null="" if assumes.null_in_get == "empty" else None)
            is_signed = is_signed and assumes.get_signature == "signed"
        if is_signed and own.signature_secret:
            hashed = payload_hash(method, url, body)
            accounts = {"api_key": own.api_key, "application_id": own.application_id}
            headers |= authorization(own.signature_secret, self._server.now, str(jti), hashed, **accounts)
        is_awaited = delivery.is_played and delivery.kind != "fallback"
        answer_s = assumes.answer_timeout_s if delivery.is_played else EVENT_S
        return Request(method, url, headers, body, CONNECT_S, answer_s, is_awaited)


def replacement(asking: Process[ReplyResult]) -> Routine[list[dict[str, Any]] | None]:
    """None if the current NCCO continues."""
    yield from first_of(asking.done)
    return asking.result.ncco if asking.result is not None else None


def _resend(request: Request, seconds: float) -> Routine[None]:
    yield from pause(seconds)
    yield request
