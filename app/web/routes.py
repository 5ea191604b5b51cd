"""The webhook routes. Vonage calls them by POST or GET, as the application is configured."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response

from app.web.responses import WebhookResponse
from app.web.webhook import WebhookRequest, WebhookRoute

_NCCO: Final = {"type": "array", "items": {"type": "object"}}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "An NCCO, or an empty reply, after which the call goes on as it is",
        "content": {"application/json": {"schema": _NCCO}},
    },
    401: {"description": "The signature is wrong"},
    503: {"description": "Not signed, or the store is away: send it again"},
}
_BODY: Final = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=WebhookRoute, responses=_RESPONSES)
rtc_router = APIRouter(prefix="/webhooks", include_in_schema=False)


@router.post("/answer", openapi_extra=_BODY)
@router.get("/answer")
async def answer(request: WebhookRequest) -> WebhookResponse:
    """The NCCO of a call, by the called number."""
    return WebhookResponse(await request.calls.answer(request.webhook))


@router.post("/answer/{flow}", openapi_extra=_BODY)
@router.get("/answer/{flow}")
async def answer_flow(request: WebhookRequest, flow: str) -> WebhookResponse:
    """The NCCO of a call, by the name of its flow."""
    return WebhookResponse(await request.calls.answer(request.webhook, flow))


@router.post("/fallback", openapi_extra=_BODY)
@router.get("/fallback")
async def fallback(request: WebhookRequest) -> WebhookResponse:
    """The NCCO after one of our replies failed."""
    return WebhookResponse(await request.calls.fallback(request.webhook))


@router.post("/event", openapi_extra=_BODY)
@router.get("/event")
async def event(request: WebhookRequest) -> WebhookResponse:
    """Record an event of the application."""
    return WebhookResponse(await request.calls.event(request.webhook))


@router.post("/event/{wait}", openapi_extra=_BODY)
@router.get("/event/{wait}")
async def action_event(request: WebhookRequest, wait: str) -> WebhookResponse:
    """What happened to a connect, a recording or a transcription."""
    return WebhookResponse(await request.calls.resume("event", wait, request.webhook))


@router.post("/input/{wait}", openapi_extra=_BODY)
@router.get("/input/{wait}")
async def input_webhook(request: WebhookRequest, wait: str) -> WebhookResponse:
    """What the caller pressed or said: resume the call that waits for it."""
    return WebhookResponse(await request.calls.resume("input", wait, request.webhook))


@router.post("/notify/{wait}", openapi_extra=_BODY)
@router.get("/notify/{wait}")
async def notify(request: WebhookRequest, wait: str) -> WebhookResponse:
    """A call has reached a checkpoint."""
    return WebhookResponse(await request.calls.resume("notify", wait, request.webhook))


@router.post("/onanswer/{wait}", openapi_extra=_BODY)
@router.get("/onanswer/{wait}")
async def on_answer(request: WebhookRequest, wait: str) -> WebhookResponse:
    """What a party that was called hears before it is connected."""
    return WebhookResponse(await request.calls.resume("onanswer", wait, request.webhook))


@rtc_router.post("/rtc")
@rtc_router.get("/rtc")
async def rtc() -> Response:
    """Ignore events of Vonage's other voice interface, which an application may be configured to send here too."""
    return Response(status_code=204)
