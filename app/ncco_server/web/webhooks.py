"""The webhook routes. Whatever fails, the caller hears an NCCO, or Vonage gets a status that it understands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from time import perf_counter
from typing import Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ncco_server.errors import SignatureError
from ncco_server.ncco.webhooks import (
    AnswerWebhook,
    ErrorWebhook,
    FallbackWebhook,
    InputWebhook,
    NotifyWebhook,
    PaymentWebhook,
    RecordWebhook,
    StatusWebhook,
    TranscriptionWebhook,
    TransferWebhook,
    Webhook,
)
from ncco_server.service.delivery import Reply
from ncco_server.web.log import log_webhook
from ncco_server.web.openapi import body_of, reference
from ncco_server.web.webhook_failures import failure_response
from ncco_server.web.webhook_http import WebhookRequest, WebhookResponse, error_response

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])


class WebhookRoute(APIRoute):
    """A route whose endpoint gets a verified `WebhookRequest` and returns a `WebhookResponse`.

    Endpoints only have path parameters, so FastAPI has nothing else to parse.
    """

    @cached_property
    def kind(self) -> str:
        return self.path.split("/")[2]

    @cached_property
    def begins_call(self) -> bool:
        return self.kind == "answer" or self.path == "/webhooks/placed/{attempt}"

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count and log after the response, when an error no longer affects the caller."""
        if scope["method"] not in (self.methods or ()):
            allowed = ", ".join(sorted(_methods_of(self.path)))
            refused = error_response(405, "method not allowed", "See the Allow header.", {"allow": allowed})
            await refused(scope, receive, send)
            return
        started = perf_counter()
        request = WebhookRequest(scope, receive)
        response = await self._response(request)
        await response(scope, receive, send)
        if isinstance(response, WebhookResponse):
            self._record(request, response, perf_counter() - started)

    async def _response(self, request: WebhookRequest) -> Response:
        config = request.config
        try:
            async with asyncio.timeout(config.deadline_s):
                await request.receive_webhook()
                response: WebhookResponse = await self.endpoint(request, **request.scope["path_params"])
                _require_playable(response.reply, must_play=self.begins_call)
        except ClientDisconnect:
            config.log.debug("client gone", route=self.kind)
            return Response(status_code=400)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            cancelled = RuntimeError("what it waited for was cancelled").with_traceback(error.__traceback__)
            return failure_response(cancelled, request, self.path)
        except Exception as error:  # noqa: BLE001 - a caller is on the line, who must get a reply
            if isinstance(error, SignatureError):
                config.metrics.refused_signatures.labels(error.reason).inc()
            return failure_response(error, request, self.path)
        return response

    def _record(self, request: WebhookRequest, response: WebhookResponse, seconds: float) -> None:
        config = request.config
        kind = self.kind
        config.metrics.webhook(kind, response.reply, response.status_code, seconds)
        log_webhook(
            config.write_line,
            response.reply,
            route=kind,
            method=request.method,
            status=response.status_code,
            seconds=seconds,
            delivery=request.delivery,
            error=response.error,
            cure=response.cure,
            shows_values=config.dev,
            shows_call=config.settings.log == "pretty",
        )


def _methods_of(path: str) -> set[str]:
    """A path with GET and POST has a route for each."""
    same = [route for route in router.routes if isinstance(route, APIRoute) and route.path == path]
    return set[str]().union(*(each.methods or () for each in same))


def _require_playable(reply: Reply, *, must_play: bool) -> None:
    """Raise ValueError if Vonage could not play the reply, or it is empty despite `must_play`.

    The service validates what it renders; a stored NCCO is parsed here.
    """
    ncco = reply.ncco
    if ncco is None:
        if must_play:
            raise ValueError("the webhook that begins a call got no NCCO")
    elif ncco[:1] != b"[" or ncco[-1:] != b"]":
        raise ValueError("a reply is not an NCCO")
    elif reply.is_repeat:
        orjson.loads(ncco)  # a flow may end the call at once


_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "An NCCO, or an empty reply, which leaves the call as it is",
        "content": {"application/json": {"schema": reference("NCCO")}},
    },
    401: {"description": "The signature is wrong"},
    503: {"description": "Not signed, or the store is unavailable: send it again"},
    "default": {"description": "An error: what is wrong, and how to fix it"},
}

EVENTS: Final = (StatusWebhook, RecordWebhook, TranscriptionWebhook, TransferWebhook, ErrorWebhook, PaymentWebhook)
ACTION_EVENTS: Final = (StatusWebhook, RecordWebhook, TranscriptionWebhook, InputWebhook, ErrorWebhook)
"""`EVENTS` are sent to the application's event URL, and `ACTION_EVENTS` to the event URL of an action."""

CHECK_PATH: Final = "/webhooks/check"
CHALLENGE_LIMIT: Final = 64

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=WebhookRoute, responses=_RESPONSES)
rtc_router = APIRouter(prefix="/webhooks", include_in_schema=False)


def webhook(path: str, *models: type[Webhook]) -> Callable[[Endpoint], Endpoint]:
    """Serve POST with a body of one of these models, and GET."""

    def register(endpoint: Endpoint) -> Endpoint:
        router.post(path, openapi_extra=body_of(*models))(endpoint)
        return router.get(path)(endpoint)

    return register


# Routes are tried in this order: the most frequent first.


@webhook("/answer", AnswerWebhook)
async def answer(request: WebhookRequest) -> WebhookResponse:
    """Reply with the first NCCO of a call. The called number determines the flow."""
    return WebhookResponse(await request.calls.answer(request.verified))


@webhook("/input/{wait}", InputWebhook)
async def input_webhook(request: WebhookRequest, wait: str) -> WebhookResponse:
    """Resume the call that is waiting for this input."""
    return WebhookResponse(await request.calls.resume("input", wait, request.verified))


@webhook("/event", *EVENTS)
async def event(request: WebhookRequest) -> WebhookResponse:
    """Record an event of the application."""
    return WebhookResponse(await request.calls.event(request.verified))


@webhook("/event/{wait}", *ACTION_EVENTS)
async def action_event(request: WebhookRequest, wait: str) -> WebhookResponse:
    """Handle an event of a dialled party, a recording or a transcription."""
    return WebhookResponse(await request.calls.resume("event", wait, request.verified))


@webhook("/notify/{wait}", NotifyWebhook)
async def notify(request: WebhookRequest, wait: str) -> WebhookResponse:
    """Resume a call that reached a checkpoint."""
    return WebhookResponse(await request.calls.resume("notify", wait, request.verified))


@webhook("/onanswer/{wait}", AnswerWebhook)
async def on_answer(request: WebhookRequest, wait: str) -> WebhookResponse:
    """Reply with the NCCO that a called party hears before being connected."""
    return WebhookResponse(await request.calls.resume("onanswer", wait, request.verified))


@webhook("/answer/{flow}", AnswerWebhook)
async def answer_flow(request: WebhookRequest, flow: str) -> WebhookResponse:
    """Reply with the first NCCO of a call. The URL names the flow."""
    return WebhookResponse(await request.calls.answer(request.verified, flow))


@webhook("/placed/{attempt}", AnswerWebhook)
async def placed_answer(request: WebhookRequest, attempt: str) -> WebhookResponse:
    """Reply with the first NCCO of a call that this server placed."""
    return WebhookResponse(await request.calls.placed_answer(attempt, request.verified))


@webhook("/placed/{attempt}/event", StatusWebhook)
async def placed_event(request: WebhookRequest, attempt: str) -> WebhookResponse:
    """Handle an event of a call that this server placed."""
    return WebhookResponse(await request.calls.placed_event(attempt, request.verified))


@webhook("/fallback", FallbackWebhook)
async def fallback(request: WebhookRequest) -> WebhookResponse:
    """Reply with an NCCO after one of our replies failed."""
    return WebhookResponse(await request.calls.fallback(request.verified))


@router.post(CHECK_PATH.removeprefix(router.prefix), include_in_schema=False)
async def check(request: WebhookRequest) -> WebhookResponse:
    """Return the text of a signed request, which proves to `ncco doctor` that webhooks reach this server unchanged."""
    challenge = str(request.verified.fields.get("challenge", ""))[:CHALLENGE_LIMIT]
    return WebhookResponse(Reply(None, "check", "checked"), content=orjson.dumps({"challenge": challenge}))


@rtc_router.api_route("/rtc", methods=["GET", "POST"])
async def rtc() -> Response:
    """Ignore events of Vonage's other voice interface, which an application may be configured to send here."""
    return Response(status_code=204)
