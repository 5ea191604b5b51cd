"""The webhook routes. Whatever fails, the caller hears an NCCO, or Vonage gets a status that it understands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

import orjson
from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ncco_server.engine import CallData
from ncco_server.errors import MissingSignature, SignatureError, StoreUnavailable, UnknownWait
from ncco_server.ncco.statuses import STEERING
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
from ncco_server.service.agents import AgentHandBack, AgentLine, AgentReply
from ncco_server.service.delivery import JOIN_SILENTLY, Reply
from ncco_server.service.functions import reply_due
from ncco_server.store.database import is_store_wait
from ncco_server.vonage.signatures import Refusal
from ncco_server.web.log import log_webhook
from ncco_server.web.openapi import body_of, reference
from ncco_server.web.webhook_http import BodyTooLarge, WebhookRequest, WebhookResponse, error_body, error_response

_CLOCK: Final = "Check that the clock of this host is right (NTP): signatures are valid for five minutes."
_COMPARE: Final = "Compare VONAGE_SIGNATURE_SECRET with the API settings of the Vonage dashboard."
_FOREIGN: Final = "If it should be Vonage's, find out what replaces the Authorization header on the way."
CURES: Final[Mapping[str, str]] = {
    Refusal.NO_HEADER: "Switch on signed webhooks for the application in the Vonage dashboard. If they are on, a "
    "proxy or tunnel in front of this server drops the Authorization header: make it forward it.",
    Refusal.NOT_LOCAL: "Set VONAGE_SIGNATURE_SECRET: in development mode, unsigned webhooks are accepted only from "
    "this machine, without a proxy or tunnel.",
    Refusal.SEVERAL: "Find out what adds a header on the way: a proxy must forward only Vonage's header.",
    Refusal.NOT_BEARER: "Vonage sends `Authorization: Bearer ..`: find out which proxy or tunnel replaces it, perhaps "
    "with its own login, and switch that off for /webhooks/.",
    Refusal.MALFORMED: f"The token is cut off or not Vonage's. {_FOREIGN}",
    Refusal.ALGORITHM: f"Vonage signs webhooks with HS256, so the token is not Vonage's. {_FOREIGN}",
    Refusal.SIGNATURE: _COMPARE,
    Refusal.OWN_SIGNATURE: _COMPARE,
    Refusal.ISSUER: f"The token is not Vonage's. {_FOREIGN}",
    Refusal.API_KEY: "Compare VONAGE_API_KEY with the Vonage dashboard, or leave it unset.",
    Refusal.APPLICATION: "Compare VONAGE_APPLICATION_ID with the Vonage dashboard, or leave it unset.",
    Refusal.ISSUED_AT: f"The token is not Vonage's. {_FOREIGN}",
    Refusal.TOO_OLD: _CLOCK,
    Refusal.TOO_NEW: _CLOCK,
    Refusal.NOT_VALID_NOW: _CLOCK,
    Refusal.PAYLOAD: "Find out what changes the body or the query on the way: a proxy must forward both unchanged.",
}
_SEND_AGAIN: Final = "Send it again; the server's log has the details."
_OWN_URLS: Final = "This server writes callback URLs into its NCCOs; they cannot be made up."


class Failure(NamedTuple):
    """A failure, with the response to send if no NCCO is played.

    Attributes:
        outcome: its name in the log and the metrics.
        is_playable: a caller on the line hears the failsafe NCCO instead.
        is_fault: the server is at fault, and logs the stack.
    """

    outcome: str
    status: int
    problem: str
    cure: str = ""
    is_playable: bool = False
    is_fault: bool = False


def failure_of(error: Exception, request: WebhookRequest, path: str) -> Failure:
    """`path` is the route's template (`/webhooks/input/{wait}`)."""
    limit = _within(request)
    is_last = path == "/webhooks/fallback"  # the last chance to play an NCCO; elsewhere Vonage retries after a 503
    match error:
        case MissingSignature():  # Vonage rarely forgets the signature, and retries after a 503
            return Failure("unsigned", 503, f"not signed: {error}", CURES[error.reason])
        case SignatureError():
            return Failure("wrong-signature", 401, f"wrong signature: {error}", CURES[error.reason])
        case UnknownWait():
            return Failure("unknown-wait", 404, str(error), _OWN_URLS, is_playable=is_last)
        case StoreUnavailable():
            return Failure("no-store", 503, f"the store is unavailable: {error}", is_playable=is_last)
        case BodyTooLarge():
            problem = f"the body is larger than {request.config.settings.body_limit} bytes"
            return Failure("too-large", 413, problem, "Send less, or raise NCCO_BODY_LIMIT.", is_playable=True)
        case TimeoutError() if is_store_wait(error.__context__):  # Python before 3.11.3 sets no cause
            return Failure("no-store", 503, f"the store is unavailable: no answer {limit}", is_playable=is_last)
        case TimeoutError() if not request.is_read:
            return Failure("too-slow", 408, f"the body did not arrive {limit}", "Send it in one go.", is_playable=True)
        case TimeoutError():
            return Failure("late", 503, f"no answer {limit}", is_playable=is_last, is_fault=True)
    return Failure("failed", 503, "internal error", is_playable=True, is_fault=True)


def _within(request: WebhookRequest) -> str:
    return f"within {request.config.deadline_s:g} seconds"


def failure_response(error: Exception, request: WebhookRequest, path: str) -> WebhookResponse:
    """Close the connection unless the whole body has arrived."""
    failure = failure_of(error, request, path)
    delivery = request.delivery
    route = path.split("/")[2]
    fault = error if failure.is_fault else None
    if failure.outcome == "no-store" and failure.is_playable and delivery is not None:
        try:
            return WebhookResponse(request.calls.without_store(delivery, None, failure.problem))
        except Exception as broken:  # noqa: BLE001 - as in `WebhookRoute`: a caller is on the line
            return failure_response(broken, request, path)
    closes = not request.is_read
    webhook = delivery.webhook if delivery is not None else None
    call = delivery.call if delivery is not None else CallData()
    if not (failure.is_playable and plays_reply(path, webhook)):
        reply = Reply(None, route, failure.outcome, "", "", call, problem=failure.problem)
        body = error_body(failure.problem, failure.cure or _SEND_AGAIN)
        return WebhookResponse(
            reply, failure.status, body, failure=failure.outcome, cure=failure.cure, error=fault, closes=closes
        )
    is_called = route == "onanswer" or (delivery is not None and delivery.failed_url.is_called)
    ncco = JOIN_SILENTLY if is_called else request.calls.failsafe
    reply = Reply(ncco, route, "failsafe", "", "", call, is_failsafe=True, problem=failure.problem)
    return WebhookResponse(reply, failure=failure.outcome, error=fault, closes=closes)


_AGENT: Final = "agent"
"""The kind of the routes for agents, whose requests Vonage does not sign."""


def plays_reply(path: str, webhook: Webhook | None) -> bool:
    if path in {"/webhooks/event/{wait}", "/webhooks/placed/{attempt}/event"}:
        return isinstance(webhook, StatusWebhook) and webhook.status in STEERING
    return path != "/webhooks/event" and not path.startswith(f"/webhooks/{_AGENT}/")


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
            due = asyncio.get_running_loop().time() + config.deadline_s
            reply_due.set(due)
            async with asyncio.timeout_at(due):
                await (request.receive_from_agent() if self.kind == _AGENT else request.receive_webhook())
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
        return response.with_reason() if config.dev else response

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
            shows_call=config.dev and config.settings.log == "pretty",
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


_AGENT_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    204: {"description": "Stored"},
    404: {"description": "This server did not make the URL"},
    409: {"description": "The agent has handed back something else"},
    410: {"description": "The call no longer waits for this agent"},
    422: {"description": "An unknown name or a wrong type: `fix` says what is allowed"},
    429: {"description": "A line came less than a second ago: see Retry-After"},
}


@router.post("/agent/{wait}", status_code=204, responses=_AGENT_RESPONSES, openapi_extra=body_of(AgentHandBack))
async def hand_back(request: WebhookRequest, wait: str) -> WebhookResponse:
    """Store what an agent hands back. It decides when its websocket is closed. Needs no signature."""
    return _to_agent(await request.calls.hand_back(wait, request.verified))


@router.post("/agent/{wait}/said", status_code=204, responses=_AGENT_RESPONSES, openapi_extra=body_of(AgentLine))
async def said(request: WebhookRequest, wait: str) -> WebhookResponse:
    """Store what an agent or the caller has said. Needs no signature."""
    return _to_agent(await request.calls.said(wait, request.verified))


def _to_agent(found: AgentReply) -> WebhookResponse:
    session = found.session
    at = (session.flow, session.step) if session is not None else ("", "")
    problem = found.problem if found.status != 422 else "what the agent has sent does not fit"  # it may be anything
    reply = Reply(None, _AGENT, found.outcome, *at, found.call, problem=problem)
    content = error_body(found.problem, found.cure) if found.problem else None
    response = WebhookResponse(reply, found.status, content)
    if found.retry_after_s:
        response.headers["retry-after"] = str(found.retry_after_s)
    return response


@router.post(CHECK_PATH.removeprefix(router.prefix), include_in_schema=False)
async def check(request: WebhookRequest) -> WebhookResponse:
    """Return the text of a signed request, which proves to `ncco doctor` that webhooks reach this server unchanged."""
    challenge = str(request.verified.fields.get("challenge", ""))[:CHALLENGE_LIMIT]
    return WebhookResponse(Reply(None, "check", "checked"), content=orjson.dumps({"challenge": challenge}))


@rtc_router.api_route("/rtc", methods=["GET", "POST"])
async def rtc() -> Response:
    """Ignore events of Vonage's other voice interface, which an application may be configured to send here."""
    return Response(status_code=204)
