"""Places, reads and controls calls through Vonage's Voice API. Source: specification 1.10.0; Outbound REST.

    created = await api.create_call(NewCall(to="447700900123", from_="442079460001", answer_url="https://..."))
    await api.hang_up(created.uuid)

A call exists only in its own region.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import httpx
from pydantic import ConfigDict, Field, ValidationError

from ncco_server.errors import VonageApiError
from ncco_server.vonage.application_token import ApplicationTokens, token_url
from ncco_server.vonage.applications import MAX_REPLY_BYTES, ApiDocument, beginning_of

NEW_CALLS_A_SECOND: Final = 3
"""An application's placed calls and dials of `connect`. Source: delivery rules, Capacity."""
OTHERS_A_SECOND: Final = 15
"""Source: delivery rules, Capacity."""
_SECOND_S: Final = 1.2
"""Requests take different times to arrive: on a busy machine, 12% of new calls were refused (429) with 1.05, and none
with 1.2.
"""


class Pace:
    """At most `most` requests in any second, within this process. `clock` is monotonic."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._times: list[float] = []

    def wait_s(self) -> float:
        """Reserve the next free slot."""
        now = self._clock()
        earliest = max(now, self._times[-self._most] + _SECOND_S) if len(self._times) >= self._most else now
        self._times = [each for each in (*self._times, earliest) if each > now - _SECOND_S]
        return earliest - now


RequestOutcome: TypeAlias = Literal["not_sent", "refused", "unknown"]
"""What a failed request did.

- `not_sent`: nothing, for a reason unrelated to the request, which can be sent again.
- `refused`: nothing, and Vonage would refuse it again.
- `unknown`: perhaps what was requested.
"""

CONNECT_S: Final = 3.0
"""Each for resolving the name, connecting, and the TLS handshake."""
REPLY_S: Final = 10.0
"""For the start of the reply, and each pause in it."""
WITHIN_S: Final = 12.0
"""Without the wait for the request's turn; longer than connecting can take."""
MAX_CHARACTERS: Final = 300
TOO_EARLY_S: Final = (0.5, 0.5, 0.5, 0.5)
"""The waits before a hang-up is repeated.

Source: support article 10359615124380 (400 within 1 to 2 s after the 201).
"""
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_LATER: Final = "Try again later."
_CURES: Final[Mapping[int, str]] = {
    401: "Check that VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY belong to one application, and restart the server.",
    403: "Check in the Vonage dashboard that the application may place calls from this number.",
    404: "Nothing: the call is over.",
    429: "Nothing: try again in a second.",
}


class VoiceApiError(VonageApiError):
    """A request to the Voice API failed.

    Attributes:
        status: None if there was no reply.
        retry_after: the header, or "".
    """

    def __init__(
        self,
        message: str,
        cure: str,
        outcome: RequestOutcome,
        status: int | None = None,
        *,
        retry_after: str = "",
    ) -> None:
        super().__init__(
            message, cure, status, setting="VONAGE_PRIVATE_KEY" if status == HTTPStatus.UNAUTHORIZED else ""
        )
        self.outcome: RequestOutcome = outcome
        self.retry_after = retry_after


_Reply = TypeVar("_Reply", bound=ApiDocument)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCall:
    """A call to place, with `ncco` or `answer_url`; timers are in seconds.

    Attributes:
        to, from_: digits with the country code; `from_` is "" for any number of the application.
        event_url: "" for the application's event URL.
        machine_detection: None for no detection.
        advanced_machine_detection: used instead; has `behavior`, `mode` and `beep_timeout`.
    """

    to: str
    from_: str = ""
    ncco: Sequence[Mapping[str, Any]] | None = None
    answer_url: str = ""
    event_url: str = ""
    event_method: Literal["GET", "POST"] = "POST"
    machine_detection: Literal["continue", "hangup"] | None = None
    advanced_machine_detection: Mapping[str, Any] | None = None
    ringing_timer: int = 60
    length_timer: int = 7_200

    @property
    def body(self) -> dict[str, Any]:
        own = ("machine_detection", "advanced_machine_detection", "ringing_timer", "length_timer", "ncco")
        document = {name: value for name in own if (value := getattr(self, name)) is not None}
        document["to"] = [{"type": "phone", "number": self.to}]
        shown = {"type": "phone", "number": self.from_}
        document |= {"from": shown} if self.from_ else {"random_from_number": True}
        if self.answer_url:
            document |= {"answer_url": [self.answer_url], "answer_method": "POST"}
        if self.event_url:
            document |= {"event_url": [self.event_url], "event_method": self.event_method}
        return document


class CreatedCall(ApiDocument):
    """The reply to a new call."""

    uuid: Annotated[str, Field(pattern=f"^{_ID.pattern}$")]
    conversation_uuid: str = ""
    status: str = ""
    direction: str = ""


class CallDetails(CreatedCall):
    """Vonage's data about a call; "" for what Vonage does not know (yet).

    Attributes:
        start_time, end_time: UTC as `2026-03-04 09:15:27`. Source: Outbound REST, GET (no zone).
        duration: seconds.
        price, rate: in EUR.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    start_time: str = ""
    end_time: str = ""
    duration: str = ""
    price: str = ""
    rate: str = ""
    network: str = ""


class InvalidParameter(ApiDocument):
    """A parameter that Vonage refuses."""

    name: str = ""
    reason: str = ""


class Problem(ApiDocument):
    """The body of a refusal. Source: RFC 7807; Outbound REST, Errors."""

    title: str = ""
    detail: str = ""
    invalid_parameters: tuple[InvalidParameter, ...] = ()

    @property
    def explanation(self) -> str:
        wrong = (
            f"{invalid_parameter.name}: {invalid_parameter.reason}" for invalid_parameter in self.invalid_parameters
        )
        return "; ".join(filter(None, (self.detail, *wrong)))


@dataclass(eq=False, repr=False)
class VoiceApi:
    """The Voice API of one application. Its methods raise VoiceApiError.

    `region_url` comes from the call's answer webhook; "" means `base_url`. Source: Outbound REST, Region trap.

    Attributes:
        client: must not follow redirects, which could send the token to another host.
        base_url: `https://api.nexmo.com`, or a stand-in, which then also gets the token; without a trailing slash.
        clock: in UTC with a time zone.
    """

    client: httpx.AsyncClient
    base_url: str
    tokens: ApplicationTokens
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    new_calls: Pace = field(default_factory=lambda: Pace(NEW_CALLS_A_SECOND), init=False)
    others: Pace = field(default_factory=lambda: Pace(OTHERS_A_SECOND), init=False)

    async def create_call(self, new: NewCall) -> CreatedCall:
        """Webhooks can arrive before it returns."""
        return _read(CreatedCall, await self._request("POST", "", body=new.body))

    async def call(self, uuid: str, region_url: str = "") -> CallDetails:
        return _read(CallDetails, await self._request("GET", _path(uuid), region_url))

    async def hang_up(self, uuid: str, repeats_s: Sequence[float] = TOO_EARLY_S) -> None:
        """Repeat the request after these waits if the call has just begun, which Vonage refuses."""
        waits_s = iter(repeats_s)
        while True:
            try:
                await self._request("PUT", _path(uuid), body={"action": "hangup"})
                return
            except VoiceApiError as error:
                wait_s = next(waits_s, None)
                if error.status != HTTPStatus.BAD_REQUEST or wait_s is None:
                    raise
            await self.sleep(wait_s)

    async def transfer(self, uuid: str, ncco: Sequence[Mapping[str, Any]] | str) -> None:
        """Play another NCCO, or the one at a URL."""
        source = {"url": [ncco]} if isinstance(ncco, str) else {"ncco": ncco}
        body = {"action": "transfer", "destination": {"type": "ncco"} | source}
        await self._request("PUT", _path(uuid), body=body)

    async def press(self, uuid: str, digits: str) -> None:
        """Play DTMF tones: 0 to 9, * and #, and `p` for a pause."""
        await self._request("PUT", _path(uuid, "/dtmf"), body={"digits": digits})

    async def _request(
        self, method: str, path: str, region_url: str = "", body: Mapping[str, Any] | None = None
    ) -> bytes:
        base = token_url(region_url or self.base_url, self.base_url)
        if base is None:
            message = "the call's region is not a Vonage address"
            raise VoiceApiError(message, "Set NCCO_VONAGE_API_URL if a proxy is in between.", "not_sent")
        where = f"{base.scheme}://{base.netloc.decode()}"
        prefix = "" if region_url else base.path.rstrip("/")
        url = httpx.URL(f"{where}{prefix}/v1/calls{path}")
        pace = self.new_calls if method == "POST" else self.others
        await self.sleep(pace.wait_s())
        try:
            async with asyncio.timeout(WITHIN_S):
                status, headers, reply = await self._reply(method, url, body)
        except (TimeoutError, httpx.HTTPError) as error:
            raise _lost(where, error) from error
        if not httpx.codes.is_success(status):
            raise _refusal(status, headers.get("retry-after", ""), reply)
        return reply

    async def _reply(
        self, method: str, url: httpx.URL, body: Mapping[str, Any] | None
    ) -> tuple[int, httpx.Headers, bytes]:
        """Read little more than `MAX_REPLY_BYTES`, over a new connection.

        If an idle one were closed meanwhile, it would be unclear whether the request arrived.
        """
        headers = {
            "authorization": f"Bearer {self.tokens.make(self.clock())}",
            "accept": "application/json",
            "accept-encoding": "identity",
            "connection": "close",
        }
        request = self.client.build_request(
            method, url, json=body, headers=headers, timeout=httpx.Timeout(REPLY_S, connect=CONNECT_S)
        )
        response = await self.client.send(request, stream=True, follow_redirects=False)
        try:
            received = await beginning_of(response.aiter_raw(), MAX_REPLY_BYTES)
        finally:
            await response.aclose()
        return response.status_code, response.headers, received


def _path(uuid: str, part: str = "") -> str:
    """Raise VoiceApiError if the ID could change the path."""
    if not _ID.fullmatch(uuid):
        raise VoiceApiError("this is not the ID of a call", "Use the uuid of a webhook or of a new call.", "refused")
    return f"/{uuid}{part}"


def _lost(where: str, error: TimeoutError | httpx.HTTPError) -> VoiceApiError:
    outcome: RequestOutcome = "not_sent" if isinstance(error, _UNSENT) else "unknown"
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return VoiceApiError(f"{where} does not reply in time", _LATER, outcome)
    reason = str(error) or type(error).__name__
    if outcome == "not_sent":
        return VoiceApiError(f"{where} cannot be reached: {reason}", f"Allow this machine to reach {where}.", outcome)
    return VoiceApiError(f"the connection to {where} was lost: {reason}", _LATER, outcome)


def _refusal(status: int, retry_after: str, reply: bytes) -> VoiceApiError:
    try:
        problem = Problem.model_validate_json(reply)
    except ValidationError:
        problem = Problem()
    explanation = ": ".join(filter(None, map(_on_one_line, (problem.title, problem.explanation))))
    message = f"Vonage refuses the request: status {status}{explanation and f' ({explanation})'}"
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            outcome: RequestOutcome = "not_sent"
        case _ if httpx.codes.is_client_error(status):
            outcome = "refused"
        case _:
            outcome = "unknown"
    cure = _CURES.get(status, _LATER)
    return VoiceApiError(message, cure, outcome, status, retry_after=retry_after)


def _read(kind: type[_Reply], reply: bytes) -> _Reply:
    """Without a readable reply, the request's effect is unknown."""
    try:
        return kind.model_validate_json(reply)
    except ValidationError as error:
        raise VoiceApiError("Vonage's API does not reply with a call", _LATER, "unknown", HTTPStatus.OK) from error


def _on_one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:MAX_CHARACTERS]).strip()
