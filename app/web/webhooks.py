"""The webhook routes, which Vonage calls by POST or GET: each webhook is verified, read, answered, counted and logged.

Whatever fails, a caller hears an NCCO.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.errors import SignatureError, WrongSignature
from app.service.calls import CallService
from app.service.delivery import Delivery
from app.settings import Settings
from app.vonage.signatures import SEVERAL, Verifier, verify_payload
from app.web.log import log_webhook
from app.web.metrics import Metrics
from app.web.payloads import read_fields, read_query
from app.web.responses import BodyTooLarge, Failures, WebhookResponse

if TYPE_CHECKING:
    from app.web.otel import Telemetry

DEADLINE_S: Final = 4.0
"""Vonage waits 5 seconds for the whole reply. Source: delivery rules, socket timeout."""

REFUSED_BODY_S: Final = 0.25
"""Seconds for the body of a request whose signature is missing or wrong. A client that is still sending when the
connection closes may never see the response."""

EXCESS: Final = 16
"""How many times the body limit is read and thrown away, so that the client sees the response."""

_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")


@dataclass
class WebhookConfig:
    """What every webhook request needs, kept in `app.state.webhooks`.

    Attributes:
        settings: checked.
        calls: serves the calls.
        metrics: counts every webhook.
        log: gets one line for every webhook.
        failures: makes the responses to webhooks that failed.
        dev: development: callback URLs start with the address of the request unless there is a public one.
        deadline_s: seconds until a caller hears the failsafe NCCO.
        clock: the time, aware, UTC.
        telemetry: traces webhooks, lookups and hooks; None: nobody does.
        verifier: checks signatures; replaced when the secret changes. None: webhooks are not signed.
    """

    settings: Settings
    calls: CallService
    metrics: Metrics
    log: FilteringBoundLogger
    failures: Failures
    dev: bool = False
    deadline_s: float = DEADLINE_S
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    telemetry: Telemetry | None = None
    verifier: Verifier | None = field(init=False)

    def __post_init__(self) -> None:
        self.verifier = self.settings.verifier()

    def base_url(self, request: Request) -> str:
        """Where callback URLs start. The Host header counts in development only, where anybody can be the client."""
        if self.dev and not self.settings.public_url:
            host = request.headers.get("host", "")
            if _HOST.fullmatch(host):
                return f"{request.scope['scheme']}://{host}"
        return self.settings.base_url


class WebhookRequest(Request):
    """A request to a webhook route.

    Attributes:
        webhook: verified and parsed; only endpoints, which run after that, may look at it.
        is_received: whether it is there.
        is_read: whether the whole body has come.
        config: of the application.
        calls: serves the calls.
    """

    webhook: Delivery
    is_received = False

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.is_read = self.scope["method"] == "GET"
        self.config: WebhookConfig = self.scope["app"].state.webhooks
        self.calls: CallService = self.config.calls

    @property
    def delivery(self) -> Delivery | None:
        """The webhook, once it has been verified and parsed."""
        return self.webhook if self.is_received else None

    async def receive_webhook(self) -> None:
        """Verify, read and parse. Raises SignatureError before the body of a stranger is read, BodyTooLarge."""
        config, scope = self.config, self.scope
        now, method, query = config.clock(), scope["method"], scope["query_string"]
        claims, content_type = None, b""
        tokens = []
        for name, value in scope["headers"]:
            if name == b"authorization":
                tokens.append(value)
            elif name == b"content-type":
                content_type = content_type or value
        if config.verifier is not None:
            try:
                if len(tokens) > 1:
                    raise WrongSignature(SEVERAL)  # a proxy may have looked at another one
                token = config.verifier.token(tokens[0] if tokens else None)
                claims = config.verifier.verify_token(token, now.timestamp())
            except SignatureError:
                await self._discard_body()
                raise
        body = await self._read_body()
        came_at = perf_counter()
        is_get = method == "GET"
        payload = query if is_get else body
        if claims is not None:
            verify_payload(claims, method, payload)
        written = read_query(query) if query else ({}, "")
        if is_get or (query and not body and claims is None):  # no hash covers the query of a POST
            fields, problem = written
        else:
            fields, problem = read_fields(body, content_type.lower())
        base_url = config.base_url(self)
        self.webhook = Delivery(
            method, payload, fields, base_url, now, problem, came_at, query={} if is_get else written[0]
        )
        self.is_received = True

    async def _read_body(self) -> bytes:
        """The whole body. Raises BodyTooLarge, ClientDisconnect."""
        if self.is_read:
            return b""
        limit, size, chunks = self.config.settings.body_limit, 0, []
        is_whole = False
        while not is_whole:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            is_whole = not message.get("more_body", False)
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            elif size > limit * EXCESS:
                raise BodyTooLarge
        if size > limit:
            raise BodyTooLarge
        self.is_read = True
        return b"".join(chunks)

    async def _discard_body(self) -> None:
        """Read the body of a request that is refused already, if it is there or comes at once."""
        try:
            async with asyncio.timeout(REFUSED_BODY_S):
                await self._read_body()
        except (TimeoutError, BodyTooLarge, ClientDisconnect):
            return


class WebhookRoute(APIRoute):
    """A route whose endpoint gets a verified `WebhookRequest` and returns a `WebhookResponse`.

    The parameters of the path are the only ones that an endpoint has; nothing else is left for FastAPI to read.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.kind = path.split("/")[2]
        self.app = self.serve

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, whatever happens; then count and log the webhook: a fault there costs no caller a reply."""
        started = perf_counter()
        request = WebhookRequest(scope, receive)
        response = await self._response(request)
        await response(scope, receive, send)
        if isinstance(response, WebhookResponse):
            seconds, config = perf_counter() - started, request.config
            config.metrics.webhook(response, seconds, self.kind)
            if config.telemetry is not None:
                config.telemetry.webhook(response, seconds, self.kind)
            about = {"route": self.kind, "method": scope["method"]}
            log_webhook(config.log, about, response, seconds, request.delivery, shows_values=config.dev)

    async def _response(self, request: WebhookRequest) -> Response:
        config = request.config
        try:
            async with asyncio.timeout(config.deadline_s):
                await request.receive_webhook()
                response: WebhookResponse = await self.endpoint(request, **request.scope["path_params"])
                _require_playable(response, self.path)
        except ClientDisconnect:
            config.log.debug("client gone", route=self.kind)
            return Response(status_code=400)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            cancelled = RuntimeError("what it waited for was cancelled").with_traceback(error.__traceback__)
            return self._failed(request, cancelled)
        except Exception as error:  # noqa: BLE001 - the one broad except: a caller is on the line
            if isinstance(error, SignatureError):
                config.metrics.signature_refused(error.reason)
            return self._failed(request, error)
        return response

    def _failed(self, request: WebhookRequest, error: Exception) -> WebhookResponse:
        return request.config.failures.response(error, self.path, request.delivery, is_read=request.is_read)


def _require_playable(response: WebhookResponse, path: str) -> None:
    """Raise ValueError for a response that Vonage could not play.

    The service validates the actions of what it renders; a stored NCCO is parsed here.
    """
    ncco = response.reply.ncco
    if ncco is None:
        if path.startswith("/webhooks/answer"):
            raise ValueError("an answer webhook got no NCCO")
    elif not (ncco[:1] == b"[" and ncco[-1:] == b"]" and (not response.reply.is_repeat or orjson.loads(ncco))):
        raise ValueError("a reply is not an NCCO")


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

# Routes are tried in this order, a POST before its GET: the most frequent webhooks come first.


@router.get("/answer")
@router.post("/answer", openapi_extra=_BODY)
async def answer(request: WebhookRequest) -> WebhookResponse:
    """The NCCO of a call, by the called number."""
    return WebhookResponse(await request.calls.answer(request.webhook))


@router.get("/input/{wait}")
@router.post("/input/{wait}", openapi_extra=_BODY)
async def input_webhook(request: WebhookRequest, wait: str) -> WebhookResponse:
    """What the caller pressed or said: resume the call that waits for it."""
    return WebhookResponse(await request.calls.resume("input", wait, request.webhook))


@router.get("/event")
@router.post("/event", openapi_extra=_BODY)
async def event(request: WebhookRequest) -> WebhookResponse:
    """Record an event of the application."""
    return WebhookResponse(await request.calls.event(request.webhook))


@router.get("/event/{wait}")
@router.post("/event/{wait}", openapi_extra=_BODY)
async def action_event(request: WebhookRequest, wait: str) -> WebhookResponse:
    """What happened to a connect, a recording or a transcription."""
    return WebhookResponse(await request.calls.resume("event", wait, request.webhook))


@router.get("/notify/{wait}")
@router.post("/notify/{wait}", openapi_extra=_BODY)
async def notify(request: WebhookRequest, wait: str) -> WebhookResponse:
    """A call has reached a checkpoint."""
    return WebhookResponse(await request.calls.resume("notify", wait, request.webhook))


@router.get("/onanswer/{wait}")
@router.post("/onanswer/{wait}", openapi_extra=_BODY)
async def on_answer(request: WebhookRequest, wait: str) -> WebhookResponse:
    """What a party that was called hears before it is connected."""
    return WebhookResponse(await request.calls.resume("onanswer", wait, request.webhook))


@router.get("/answer/{flow}")
@router.post("/answer/{flow}", openapi_extra=_BODY)
async def answer_flow(request: WebhookRequest, flow: str) -> WebhookResponse:
    """The NCCO of a call, by the name of its flow."""
    return WebhookResponse(await request.calls.answer(request.webhook, flow))


@router.get("/fallback")
@router.post("/fallback", openapi_extra=_BODY)
async def fallback(request: WebhookRequest) -> WebhookResponse:
    """The NCCO after one of our replies failed."""
    return WebhookResponse(await request.calls.fallback(request.webhook))


@rtc_router.get("/rtc")
@rtc_router.post("/rtc")
async def rtc() -> Response:
    """Ignore events of Vonage's other voice interface, which an application may be configured to send here too."""
    return Response(status_code=204)
