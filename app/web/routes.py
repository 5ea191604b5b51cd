"""The webhook routes: which there are, and what each asks of the service."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from app.ncco.webhooks import StatusWebhook, Webhook
from app.service.delivery import Delivery, Reply
from app.web.calls import Calls

Serving = Coroutine[Any, None, Reply]
Serve = Callable[[Calls, Delivery, str], Serving]

PREFIX: Final = "webhooks"
STEERING: Final = frozenset({"busy", "timeout", "unanswered", "rejected", "failed", "disconnected", "machine", "human"})
"""Statuses of a connect whose reply Vonage plays. Source: webhook reference; connect with synchronous events."""


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of URL.

    Attributes:
        name: for logs and metrics.
        parameter: what stands behind the last slash, in the words of the API's documentation; "" when nothing does.
        summary: what it is for, for the API's documentation.
        serve: asks the service; its last argument is what stood behind the last slash.
        plays: whether Vonage plays the reply, so that a caller must hear something whatever happens; None: only for
            some statuses.
        is_called: whether who hears the reply was called, and is not to hear what is said to callers.
        needs_store: whether it must be refused while the store is away, so that Vonage asks again.
    """

    name: str
    parameter: str
    summary: str
    serve: Serve
    plays: bool | None
    needs_store: bool = True
    is_called: bool = False

    @property
    def path(self) -> str:
        """As the API's documentation writes it."""
        return f"/{PREFIX}/{self.name}" + (f"/{{{self.parameter}}}" if self.parameter else "")

    def is_played(self, webhook: Webhook | None) -> bool:
        """Whether Vonage plays the reply to this webhook (None: it could not be read)."""
        if self.plays is not None:
            return self.plays
        return isinstance(webhook, StatusWebhook) and webhook.status in STEERING


def _answer(calls: Calls, delivery: Delivery, _: str) -> Serving:
    return calls.answer(delivery)


def _answer_flow(calls: Calls, delivery: Delivery, flow: str) -> Serving:
    return calls.answer(delivery, flow)


def _fallback(calls: Calls, delivery: Delivery, _: str) -> Serving:
    return calls.fallback(delivery)


def _event(calls: Calls, delivery: Delivery, _: str) -> Serving:
    return calls.event(delivery)


def _input(calls: Calls, delivery: Delivery, wait: str) -> Serving:
    return calls.resume("input", wait, delivery)


def _notify(calls: Calls, delivery: Delivery, wait: str) -> Serving:
    return calls.resume("notify", wait, delivery)


def _on_answer(calls: Calls, delivery: Delivery, wait: str) -> Serving:
    return calls.resume("onanswer", wait, delivery)


def _wait_event(calls: Calls, delivery: Delivery, wait: str) -> Serving:
    return calls.resume("event", wait, delivery)


ROUTES: Final = (
    Route("answer", "", "The NCCO of a call, by the called number", _answer, plays=True),
    Route("answer", "flow", "The NCCO of a call, by the name of its flow", _answer_flow, plays=True),
    Route("fallback", "", "The NCCO when a reply of ours failed", _fallback, plays=True, needs_store=False),
    Route("event", "", "Every event of the application", _event, plays=False),
    Route("event", "wait", "What becomes of a connect, a recording or a transcription", _wait_event, plays=None),
    Route("input", "wait", "What the caller pressed or said", _input, plays=True),
    Route("notify", "wait", "A call has come to a checkpoint", _notify, plays=True),
    Route("onanswer", "wait", "What a party that was called hears first", _on_answer, plays=True, is_called=True),
)

RTC: Final = "rtc"
"""Events of Vonage's other voice interface, which an application may be told to send as well; none concerns us."""

_BY_NAME: Final = {(route.name, bool(route.parameter)): route for route in ROUTES}

_AS_WE_WRITE_IT: Final = {route.path: route for route in ROUTES if not route.parameter}


def find(path: str) -> tuple[Route, str] | None:
    """The route of a path and what stands behind its last slash. Doubled and trailing slashes do not count."""
    known = _AS_WE_WRITE_IT.get(path)
    if known is not None:
        return known, ""
    parts = [part for part in path.split("/") if part]
    if len(parts) == 3:
        route, argument = _BY_NAME.get((parts[1], True)), parts[2]
    elif len(parts) == 2:
        route, argument = _BY_NAME.get((parts[1], False)), ""
    else:
        return None
    return None if route is None else (route, argument)


def is_rtc(path: str) -> bool:
    """Whether a path is that of the events nobody needs."""
    return path.strip("/") == f"{PREFIX}/{RTC}"
