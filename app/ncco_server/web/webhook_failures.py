"""The response to a webhook that failed: an NCCO if a caller must hear something, otherwise an HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ncco_server.engine import CallData
from ncco_server.errors import MissingSignature, SignatureError, StoreUnavailable, UnknownWait
from ncco_server.ncco.statuses import STEERING
from ncco_server.ncco.webhooks import StatusWebhook, Webhook
from ncco_server.service.delivery import JOIN_SILENTLY, Reply
from ncco_server.store.database import is_store_wait
from ncco_server.vonage.signatures import Refusal
from ncco_server.web.webhook_http import BodyTooLarge, WebhookRequest, WebhookResponse, error_body

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
        case UnknownWait() if "/{" in path:
            return Failure("unknown-wait", 404, str(error), _OWN_URLS)
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
            return WebhookResponse(request.calls.without_store(delivery, None, f"no answer {_within(request)}"))
        except Exception as broken:  # noqa: BLE001 - as in `WebhookRoute`: a caller is on the line
            return failure_response(broken, request, path)
    closes = not request.is_read
    webhook = delivery.webhook if delivery is not None else None
    call = delivery.call if delivery is not None else CallData()
    leg = (call.uuid, call.conversation_uuid)
    if not (failure.is_playable and plays_reply(path, webhook)):
        reply = Reply(None, route, failure.outcome, "", "", *leg, problem=failure.problem)
        body = error_body(failure.problem, failure.cure or _SEND_AGAIN)
        return WebhookResponse(
            reply, failure.status, body, failure=failure.outcome, cure=failure.cure, error=fault, closes=closes
        )
    is_called = route == "onanswer" or (delivery is not None and delivery.failed_url.is_called)
    ncco = JOIN_SILENTLY if is_called else request.calls.failsafe
    reply = Reply(ncco, route, "failsafe", "", "", *leg, is_failsafe=True, problem=failure.problem)
    return WebhookResponse(reply, failure=failure.outcome, error=fault, closes=closes)


def plays_reply(path: str, webhook: Webhook | None) -> bool:
    if path in {"/webhooks/event/{wait}", "/webhooks/placed/{attempt}/event"}:
        return isinstance(webhook, StatusWebhook) and webhook.status in STEERING
    return path != "/webhooks/event"
