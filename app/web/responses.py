"""Responses to webhooks: NCCOs, empty replies, errors as JSON, and what is sent when a webhook failed.

A failed webhook gets a status that Vonage understands, or an NCCO, since a caller is waiting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from app.errors import MissingSignature, SignatureError, StoreUnavailable, UnknownWait
from app.ncco.webhooks import StatusWebhook
from app.service.delivery import JOIN_SILENTLY, Delivery, Reply
from app.store.database import is_of_store
from app.vonage import signatures

PROBLEM_LIMIT: Final = 200
"""Characters of the `ncco-problem` header."""

_NOT_PRINTABLE: Final = re.compile(r"[^ -~]+")

STEERING: Final = frozenset({"busy", "timeout", "unanswered", "rejected", "failed", "disconnected", "machine", "human"})
"""Statuses of a connect whose reply Vonage plays. Source: webhook reference; connect with synchronous events."""

_SIGN: Final = "Switch signed webhooks on for the application in the Vonage dashboard."
_COMPARE: Final = "Compare VONAGE_SIGNATURE_SECRET with the API settings of the Vonage dashboard."
_CLOCK: Final = "Check that the clock of this host is right (NTP): signatures are valid for five minutes."
_CURES: Final[Mapping[str, str]] = {
    signatures.API_KEY: "Compare VONAGE_API_KEY with the Vonage dashboard, or leave it unset.",
    signatures.APPLICATION: "Compare VONAGE_APPLICATION_ID with the Vonage dashboard, or leave it unset.",
    signatures.TOO_OLD: _CLOCK,
    signatures.TOO_NEW: _CLOCK,
    signatures.NOT_VALID_NOW: _CLOCK,
    signatures.PAYLOAD: "Find out what changes the body or the query on the way: a proxy must pass on both unchanged.",
    signatures.SEVERAL: "Find out what adds a header on the way: a proxy must pass on Vonage's header alone.",
}
"""By reason; for any other reason the secret is the likeliest cause."""
_SEE_LOG: Final = "Send it again; the log says more."
_OWN_URLS: Final = "Callback URLs are written by this server into its NCCOs; they cannot be made up."


class WebhookResponse(Response):
    """The response to a webhook.

    Attributes:
        reply: what the service decided, for the log and the metrics.
        error: the fault of ours behind it, for the log; never sent.
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
            self.raw_headers.append((b"ncco-problem", header_text(reply.problem).encode("ascii")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def error_response(status: int, error: str, cure: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as JSON."""
    return Response(error_body(error, cure), status, headers, "application/json")


def error_body(error: str, cure: str) -> bytes:
    """The body of every error: what is wrong, and what to do."""
    return orjson.dumps({"error": error, "cure": cure})


def header_text(text: str) -> str:
    """A text as a header may hold it."""
    return _NOT_PRINTABLE.sub(" ", text)[:PROBLEM_LIMIT].strip()


class BodyTooLarge(Exception):
    """The body is larger than the limit."""


class _Failure(NamedTuple):
    """What to send where no NCCO is played, and what the log and the metrics call it.

    Attributes:
        outcome: for the log and the metrics.
        status: of HTTP.
        problem, cure: the body.
        is_playable: whether a caller who is waiting hears the failsafe NCCO instead.
        is_fault: whether it is our own fault, whose stack the log shows.
    """

    outcome: str
    status: int
    problem: str
    cure: str
    is_playable: bool = False
    is_fault: bool = False


class Failures:
    """Turns exceptions into responses.

    Args:
        failsafe: an NCCO as JSON.
        body_limit: bytes.
        deadline_s: seconds.
    """

    def __init__(self, failsafe: bytes, body_limit: int, deadline_s: float) -> None:
        self._failsafe = failsafe
        self._body_limit = body_limit
        self._deadline_s = deadline_s

    def response(self, error: Exception, path: str, delivery: Delivery | None, *, is_read: bool) -> WebhookResponse:
        """The response to a webhook that ended in `error`.

        Args:
            error: what was raised.
            path: of the route, with its parameter (`/webhooks/input/{wait}`).
            delivery: the webhook, once it has been parsed.
            is_read: whether the whole body has come; otherwise the connection is closed.
        """
        failure = self._classify(error, path, is_read=is_read)
        route, fault = path.split("/")[2], error if failure.is_fault else None
        if not (failure.is_playable and plays_reply(path, delivery)):
            reply = Reply(None, route, failure.outcome, problem=failure.problem)
            body = error_body(failure.problem, failure.cure)
            return WebhookResponse(reply, failure.status, body, error=fault, closes=not is_read)
        webhook = delivery.webhook if delivery is not None else None
        leg, conversation = (getattr(webhook, name, None) or "" for name in ("uuid", "conversation_uuid"))
        ncco = JOIN_SILENTLY if route == "onanswer" else self._failsafe  # who was called is connected without a word
        reply = Reply(ncco, route, "failsafe", "", "", leg, conversation, is_failsafe=True, problem=failure.problem)
        return WebhookResponse(reply, error=fault, closes=not is_read)

    def _classify(self, error: Exception, path: str, *, is_read: bool) -> _Failure:
        match error:
            case SignatureError():
                return _unsigned(error)
            case UnknownWait() if path.endswith("/{wait}"):
                return _Failure("unknown-wait", 404, str(error), _OWN_URLS)
            case StoreUnavailable():
                return _without_store(str(error), path)
            case BodyTooLarge():
                problem = f"the body is larger than {self._body_limit} bytes"
                return _Failure("too-large", 413, problem, "Send less, or raise NCCO_BODY_LIMIT.", is_playable=True)
            case TimeoutError():
                return self._late(error, path, is_read=is_read)
        return _Failure("failed", 503, "internal error", _SEE_LOG, is_playable=True, is_fault=True)

    def _late(self, error: TimeoutError, path: str, *, is_read: bool) -> _Failure:
        limit = f"within {self._deadline_s:g} seconds"
        if is_of_store(error.__cause__):
            return _without_store(f"no answer of it {limit}", path)
        if is_read:
            return _Failure("failed", 503, f"no answer {limit}", _SEE_LOG, is_playable=True, is_fault=True)
        return _Failure("too-slow", 408, f"the body did not come {limit}", "Send it in one go.", is_playable=True)


def _unsigned(error: SignatureError) -> _Failure:
    if isinstance(error, MissingSignature):  # Vonage may rarely forget to sign, and sends it again after a 503
        return _Failure("unsigned", 503, f"not signed: {error}", _SIGN)
    return _Failure("wrong-signature", 401, f"wrong signature: {error}", _CURES.get(error.reason, _COMPARE))


def _without_store(problem: str, path: str) -> _Failure:
    """503, so that Vonage asks again; on the fallback URL, which is the last chance, the failsafe NCCO."""
    is_last = path == "/webhooks/fallback"
    cure = "Send it again; the server's log says more."
    return _Failure("no-store", 503, f"the store is away: {problem}", cure, is_playable=is_last)


def plays_reply(path: str, delivery: Delivery | None) -> bool:
    """Whether Vonage plays the reply, so that a caller must hear something whatever happens."""
    if path == "/webhooks/event/{wait}":
        webhook = delivery.webhook if delivery is not None else None
        return isinstance(webhook, StatusWebhook) and webhook.status in STEERING
    return path != "/webhooks/event"
