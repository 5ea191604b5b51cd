"""The route class of all webhooks: it verifies, reads, parses, limits the time, handles failures, and records.

Whatever fails behind it, a caller hears an NCCO.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope
from structlog.typing import FilteringBoundLogger

from app.errors import SignatureError, WrongSignature
from app.service.calls import CallService
from app.service.delivery import Delivery
from app.settings import Settings
from app.vonage.signatures import SEVERAL, Verifier, require_payload
from app.web.failures import BodyTooLarge, Failures
from app.web.log import log_webhook
from app.web.metrics import Metrics
from app.web.payloads import read_fields, read_query
from app.web.responses import WebhookResponse

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
        host = request.headers.get("host", "")
        if self.dev and not self.settings.public_url and _HOST.fullmatch(host):
            return f"{request.scope['scheme']}://{host}"
        return self.settings.base_url


class WebhookRoute(APIRoute):
    """A route whose endpoint gets a verified `WebhookRequest` and returns a `WebhookResponse`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI calls."""
        call_endpoint = super().get_route_handler()
        path = self.path

        async def handle(request: Request) -> Response:
            return await WebhookRequest(request.scope, request.receive, path).handle(call_endpoint)

        return handle


class WebhookRequest(Request):
    """A request to a webhook route.

    Attributes:
        route_path: with its parameter (`/webhooks/input/{wait}`).
        delivery: the webhook, once it has been verified and parsed.
        is_read: whether the whole body has come.
    """

    def __init__(self, scope: Scope, receive: Receive, route_path: str) -> None:
        super().__init__(scope, receive)
        self.route_path = route_path
        self.delivery: Delivery | None = None
        self.is_read = self.method == "GET"
        self._config: WebhookConfig = self.app.state.webhooks

    @property
    def calls(self) -> CallService:
        """Serves the calls."""
        service: CallService = self.app.state.calls
        return service

    @property
    def webhook(self) -> Delivery:
        """The verified webhook. Only for endpoints, which run after it has been parsed."""
        if self.delivery is None:
            raise RuntimeError("the webhook has not been parsed yet")
        return self.delivery

    async def handle(self, call_endpoint: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
        """The response, whatever happens."""
        config, started = self._config, perf_counter()
        try:
            async with asyncio.timeout(config.deadline_s):
                await self._receive_webhook()
                response = _checked(await call_endpoint(self), self.route_path)
        except ClientDisconnect:
            config.log.debug("client gone", route=self._route)
            return Response(status_code=400)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            cancelled = RuntimeError("what it waited for was cancelled").with_traceback(error.__traceback__)
            response = self._failed(cancelled)
        except Exception as error:  # noqa: BLE001 - the one broad except: a caller is on the line
            if isinstance(error, SignatureError):
                config.metrics.signature_refused(error.reason)
            response = self._failed(error)
        response.background = BackgroundTask(self._record, response, started)
        return response

    @property
    def _route(self) -> str:
        return self.route_path.split("/")[2]

    def _failed(self, error: Exception) -> WebhookResponse:
        return self._config.failures.response(error, self.route_path, self.delivery, is_read=self.is_read)

    async def _record(self, response: WebhookResponse, started: float) -> None:
        """Count and log the webhook, once the response has been sent."""
        seconds = perf_counter() - started
        config, route = self._config, self._route
        config.metrics.webhook(response, seconds, route)
        if config.telemetry is not None:
            config.telemetry.webhook(response, seconds, route)
        request = {"route": route, "method": self.method}
        log_webhook(config.log, request, response, seconds, self.delivery, shows_values=config.dev)

    async def _receive_webhook(self) -> None:
        """Verify, read and parse. Raises SignatureError before the body of a stranger is read, BodyTooLarge."""
        config = self._config
        is_get, now = self.method == "GET", config.clock()
        claims = None
        if config.verifier is not None:
            try:
                claims = _admit(config.verifier, self, now)
            except SignatureError:
                await self._discard_body()
                raise
        body = await self._read_body()
        came_at = perf_counter()
        query: bytes = self.scope["query_string"]
        payload = query if is_get else body
        if claims is not None:
            require_payload(claims, self.method, payload)
        if is_get or (query and not body and claims is None):  # no hash covers the query of a POST
            fields, problem = read_query(query)
        else:
            fields, problem = read_fields(body, self.headers.get("content-type", "").lower().encode("latin-1"))
        base_url = config.base_url(self)
        written = {} if is_get or not query else read_query(query)[0]
        self.delivery = Delivery(self.method, payload, fields, base_url, now, problem, came_at, query=written)

    async def _read_body(self) -> bytes:
        """The whole body. Raises BodyTooLarge, ClientDisconnect."""
        if self.is_read:
            return b""
        limit, size, chunks = self._config.settings.body_limit, 0, []
        async for chunk in self.stream():
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


def _admit(verifier: Verifier, request: Request, now: datetime) -> Any:
    """The claims of the signature, checked as far as possible without the body. Raises SignatureError."""
    headers = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(headers) > 1:
        raise WrongSignature(SEVERAL)  # a proxy may have looked at another one
    return verifier.admit(verifier.token(headers[0] if headers else None), now.timestamp())


def _checked(response: Response, path: str) -> WebhookResponse:
    """The response of an endpoint. Raises ValueError or TypeError for one that Vonage could not play.

    The service validates the actions of what it renders; a stored NCCO is parsed here.
    """
    if not isinstance(response, WebhookResponse):
        raise TypeError(f"the endpoint returned {type(response).__name__}, not a WebhookResponse")
    ncco = response.reply.ncco
    if ncco is None:
        if path.startswith("/webhooks/answer"):
            raise ValueError("an answer webhook got no NCCO")
    elif not (ncco[:1] == b"[" and ncco[-1:] == b"]" and (not response.reply.is_repeat or orjson.loads(ncco))):
        raise ValueError("a reply is not an NCCO")
    return response
