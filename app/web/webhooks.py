"""The webhook routes, which Vonage calls by POST or GET: each webhook is verified, read, answered, counted and logged.

Whatever fails, a caller hears an NCCO, or Vonage gets a status that it understands.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.errors import MissingSignature, SignatureError, StoreUnavailable, UnknownWait, WrongSignature
from app.ncco.webhooks import StatusWebhook, Webhook, repaired
from app.service.calls import CallService
from app.service.delivery import JOIN_SILENTLY, Delivery, Reply
from app.settings import Settings
from app.store.database import is_store_wait
from app.vonage.signatures import Refusal, Verifier, verify_payload
from app.web.log import log_webhook
from app.web.metrics import Metrics

if TYPE_CHECKING:
    from app.web.otel import Telemetry

DEADLINE_S: Final = 4.0
"""Vonage waits 5 seconds for the whole reply. Source: delivery rules, socket timeout."""

REFUSED_BODY_S: Final = 0.25
"""Seconds for the body of a request whose signature is missing or wrong. A client that is still sending when the
connection closes may never see the response."""

DISCARDED_LIMITS: Final = 16
"""A body that is too large is read and discarded up to this many times the limit, so that the client sees the
response."""

_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")

DEPTH_LIMIT: Final = 64
"""Levels of nesting in a JSON body. Our choice: real webhooks have four; deep nesting is an attack on the parser."""
FIELD_LIMIT: Final = 1000
"""Fields of a form or a query."""
_FORM: Final = re.compile(rb"[\w.+%~*\[\]-]+=")

PROBLEM_LIMIT: Final = 200
"""Characters of the `ncco-problem` header."""

_NOT_PRINTABLE: Final = re.compile(r"[^ -~]+")

REPLACING_STATUSES: Final = frozenset(
    {"busy", "timeout", "unanswered", "rejected", "failed", "disconnected", "machine", "human"}
)
"""Statuses of a connect whose reply Vonage plays. Source: webhook reference; connect with synchronous events."""

_SIGN: Final = "Switch signed webhooks on for the application in the Vonage dashboard."
_COMPARE: Final = "Compare VONAGE_SIGNATURE_SECRET with the API settings of the Vonage dashboard."
_CLOCK: Final = "Check that the clock of this host is right (NTP): signatures are valid for five minutes."
_CURES: Final[Mapping[str, str]] = {
    Refusal.API_KEY: "Compare VONAGE_API_KEY with the Vonage dashboard, or leave it unset.",
    Refusal.APPLICATION: "Compare VONAGE_APPLICATION_ID with the Vonage dashboard, or leave it unset.",
    Refusal.TOO_OLD: _CLOCK,
    Refusal.TOO_NEW: _CLOCK,
    Refusal.NOT_VALID_NOW: _CLOCK,
    Refusal.PAYLOAD: "Find out what changes the body or the query on the way: a proxy must pass on both unchanged.",
    Refusal.SEVERAL: "Find out what adds a header on the way: a proxy must pass on Vonage's header alone.",
}
"""By reason; for any other reason the secret is the likeliest cause."""
_SEND_AGAIN: Final = "Send it again; the server's log says more."
_OWN_URLS: Final = "Callback URLs are written by this server into its NCCOs; they cannot be made up."


@dataclass
class WebhookConfig:
    """What every webhook request needs, kept in `app.state.webhooks`.

    Attributes:
        settings: checked.
        calls: serves the calls.
        metrics: counts every webhook.
        log: gets one line for every webhook.
        dev: development: callback URLs start with the address of the request unless there is a public one.
        deadline_s: seconds until a caller hears the failsafe NCCO.
        clock: the time, aware, UTC.
        telemetry: traces webhooks, lookups and hooks; None: they are not traced.
        verifier: checks signatures; replaced when the secret changes. None: webhooks are not signed.
    """

    settings: Settings
    calls: CallService
    metrics: Metrics
    log: FilteringBoundLogger
    dev: bool = False
    deadline_s: float = DEADLINE_S
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    telemetry: Telemetry | None = None
    verifier: Verifier | None = field(init=False)

    def __post_init__(self) -> None:
        self.verifier = self.settings.verifier()

    def base_url(self, request: Request) -> str:
        """Where callback URLs start. The Host header, which any client can forge, is used in development only."""
        if self.dev and not self.settings.public_url:
            host = request.headers.get("host", "")
            if _HOST.fullmatch(host):
                return f"{request.scope['scheme']}://{host}"
        return self.settings.base_url


class WebhookRequest(Request):
    """A request to a webhook route.

    Attributes:
        delivery: the webhook, once it has been verified and parsed.
        is_read: whether the whole body has been read.
        config: the configuration of the application.
        calls: serves the calls.
    """

    delivery: Delivery | None = None

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.is_read = self.scope["method"] == "GET"
        self.config: WebhookConfig = self.scope["app"].state.webhooks
        self.calls: CallService = self.config.calls

    @property
    def webhook(self) -> Delivery:
        """The webhook. For endpoints only: they run after it has been parsed."""
        assert self.delivery is not None  # noqa: S101 - for the type
        return self.delivery

    async def receive_webhook(self) -> None:
        """Verify, read and parse. Raises SignatureError, if possible before the body is read, and BodyTooLarge."""
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
                    raise WrongSignature(Refusal.SEVERAL)  # a proxy may have looked at another one
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
        self.delivery = Delivery(
            method, payload, fields, config.base_url(self), now, problem, came_at, query={} if is_get else written[0]
        )

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
            elif size > limit * DISCARDED_LIMITS:
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


Fields: TypeAlias = tuple[dict[str, Any], str]
"""The fields of a webhook, and why there are none ("" when they could be read)."""


def read_query(query: bytes) -> Fields:
    """The fields of a query string: percent-decoded, with empty values.

    The last value of a repeated name counts, since Vonage appends its parameters to those of the configured URL.
    """
    try:
        text = query.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=FIELD_LIMIT)), ""
    except ValueError:
        return {}, f"the query has more than {FIELD_LIMIT} fields"


def read_fields(body: bytes, content_type: bytes) -> Fields:
    """The fields of a body, which is a JSON object or a form.

    A body that begins like a form is read as one, unless the content type is JSON; any other body is read as JSON.
    """
    if not body or body.isspace():
        return {}, "the body is empty"
    if content_type.startswith(b"multipart/"):
        return {}, "the body is multipart, where JSON or a form is expected"
    is_form = b"json" not in content_type and _FORM.match(body) is not None
    return _read_form(body) if is_form else _read_json(body)


def _read_form(body: bytes) -> Fields:
    fields, problem = read_query(body.strip())
    return fields, problem.replace("query", "form")


def _read_json(body: bytes) -> Fields:
    if body.count(b"[") + body.count(b"{") > DEPTH_LIMIT and _is_deep(body):
        return {}, f"the body is nested deeper than {DEPTH_LIMIT} levels"
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        value = repaired(body.decode("utf-8-sig", "replace"))
        if value is None:
            return {}, f"the body is not JSON: {fault.msg} at byte {fault.pos}"
    if not isinstance(value, dict):
        return {}, f"the body is a JSON {_NAMES[type(value)]}, where an object is expected"
    return value, ""


_NAMES: Final = {list: "array", str: "text", bool: "truth value", int: "number", float: "number", type(None): "null"}


def _is_deep(body: bytes) -> bool:
    """Whether brackets outside of texts are open deeper than allowed; linear, without recursion."""
    depth = 0
    for bracket in re.finditer(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', body, re.DOTALL):
        match bracket[0]:
            case b"[" | b"{":
                depth += 1
                if depth > DEPTH_LIMIT:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False


class WebhookResponse(Response):
    """The response to a webhook.

    Attributes:
        reply: what the service decided, for the log and the metrics.
        error: the exception behind it, for the log; never sent.
    """

    media_type = "application/json"
    background = None

    def __init__(
        self,
        reply: Reply,
        status_code: int = 200,
        content: bytes | None = None,
        *,
        error: BaseException | None = None,
        closes: bool = False,
    ) -> None:
        """Send `content`, or the NCCO of the reply. `closes` ends the connection after it."""
        self.reply = reply
        self.error = error
        self.status_code = status_code
        self.body: bytes = content if content is not None else reply.ncco or b""
        self.raw_headers = [(b"content-length", b"%d" % len(self.body))]
        if self.body:
            self.raw_headers.append((b"content-type", b"application/json"))
        if closes:
            self.raw_headers.append((b"connection", b"close"))
        if reply.problem:
            problem = _NOT_PRINTABLE.sub(" ", reply.problem)[:PROBLEM_LIMIT].strip()
            self.raw_headers.append((b"ncco-problem", problem.encode("ascii")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def error_response(status: int, error: str, cure: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as JSON: what is wrong, and what to do."""
    return Response(_error_body(error, cure), status, headers, "application/json")


def _error_body(error: str, cure: str) -> bytes:
    return orjson.dumps({"error": error, "cure": cure})


class BodyTooLarge(Exception):
    """The body is larger than the limit."""


class Failure(NamedTuple):
    """What to send where no NCCO is played, and what the log and the metrics call it.

    Attributes:
        outcome: for the log and the metrics.
        status: of HTTP.
        problem, cure: the body.
        is_playable: whether a caller who is waiting hears the failsafe NCCO instead.
        is_fault: whether it is an error of the server, whose stack the log shows.
    """

    outcome: str
    status: int
    problem: str
    cure: str = _SEND_AGAIN
    is_playable: bool = False
    is_fault: bool = False


def failure_of(error: Exception, request: WebhookRequest, path: str) -> Failure:
    """What an exception means; `path` is that of the route, with its parameter (`/webhooks/input/{wait}`)."""
    limit = f"within {request.config.deadline_s:g} seconds"
    is_last = path == "/webhooks/fallback"  # the last chance to play an NCCO; elsewhere Vonage tries again after a 503
    match error:
        case MissingSignature():  # Vonage may rarely forget to sign, and sends it again after a 503
            return Failure("unsigned", 503, f"not signed: {error}", _SIGN)
        case SignatureError():
            return Failure("wrong-signature", 401, f"wrong signature: {error}", _CURES.get(error.reason, _COMPARE))
        case UnknownWait() if path.endswith("/{wait}"):
            return Failure("unknown-wait", 404, str(error), _OWN_URLS)
        case StoreUnavailable():
            return Failure("no-store", 503, f"the store is away: {error}", is_playable=is_last)
        case BodyTooLarge():
            problem = f"the body is larger than {request.config.settings.body_limit} bytes"
            return Failure("too-large", 413, problem, "Send less, or raise NCCO_BODY_LIMIT.", is_playable=True)
        case TimeoutError() if is_store_wait(error.__context__):  # no cause before Python 3.11.3
            return Failure("no-store", 503, f"the store is away: no answer of it {limit}", is_playable=is_last)
        case TimeoutError() if not request.is_read:
            return Failure("too-slow", 408, f"the body did not come {limit}", "Send it in one go.", is_playable=True)
        case TimeoutError():
            return Failure("failed", 503, f"no answer {limit}", is_playable=True, is_fault=True)
    return Failure("failed", 503, "internal error", is_playable=True, is_fault=True)


def failure_response(error: Exception, request: WebhookRequest, path: str) -> WebhookResponse:
    """The response to a webhook that ended in `error`. The connection is closed unless its whole body has come."""
    failure, delivery = failure_of(error, request, path), request.delivery
    route, fault, closes = path.split("/")[2], error if failure.is_fault else None, not request.is_read
    webhook = delivery.webhook if delivery is not None else None
    if not (failure.is_playable and plays_reply(path, webhook)):
        reply = Reply(None, route, failure.outcome, problem=failure.problem)
        body = _error_body(failure.problem, failure.cure)
        return WebhookResponse(reply, failure.status, body, error=fault, closes=closes)
    leg, conversation = (getattr(webhook, name, None) or "" for name in ("uuid", "conversation_uuid"))
    ncco = JOIN_SILENTLY if route == "onanswer" else request.calls.failsafe  # the called party hears nothing first
    reply = Reply(ncco, route, "failsafe", "", "", leg, conversation, is_failsafe=True, problem=failure.problem)
    return WebhookResponse(reply, error=fault, closes=closes)


def plays_reply(path: str, webhook: Webhook | None) -> bool:
    """Whether Vonage plays the reply, so that a caller must hear something whatever happens."""
    if path == "/webhooks/event/{wait}":
        return isinstance(webhook, StatusWebhook) and webhook.status in REPLACING_STATUSES
    return path != "/webhooks/event"


class WebhookRoute(APIRoute):
    """A route whose endpoint gets a verified `WebhookRequest` and returns a `WebhookResponse`.

    The parameters of the path are the only ones that an endpoint has; nothing else is left for FastAPI to read.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.kind = path.split("/")[2]
        self.app = self.serve

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a response in any case; then count and log the webhook, where an error no longer affects the caller."""
        started = perf_counter()
        request = WebhookRequest(scope, receive)
        response = await self._response(request)
        await response(scope, receive, send)
        if isinstance(response, WebhookResponse):
            seconds, config = perf_counter() - started, request.config
            reply, status, error = response.reply, response.status_code, response.error
            config.metrics.webhook(self.kind, reply, status, seconds)
            if config.telemetry is not None:
                config.telemetry.webhook(self.kind, reply, status, seconds, error)
            about = {"route": self.kind, "method": scope["method"]}
            log_webhook(
                config.log,
                about,
                reply,
                status=status,
                seconds=seconds,
                delivery=request.delivery,
                error=error,
                shows_values=config.dev,
                shows_call=config.settings.log == "pretty",
            )

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
            return failure_response(cancelled, request, self.path)
        except Exception as error:  # noqa: BLE001 - the one broad except: a caller is on the line
            if isinstance(error, SignatureError):
                config.metrics.refused_signatures.labels(error.reason).inc()
            return failure_response(error, request, self.path)
        return response


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
