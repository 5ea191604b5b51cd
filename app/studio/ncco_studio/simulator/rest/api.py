"""The REST API of a virtual Vonage: `/v1/calls`, and the routes of an account.

    api = calls_api(Platform(vonage, Access(application_id, public_key, vonage.clock)))

Source: Voice API specification; Outbound REST.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from ncco_server.ncco import Issue, check
from ncco_server.ncco.durations import repeated
from ncco_server.ncco.signing import Method
from ncco_studio.simulator import payloads
from ncco_studio.simulator.body_limit import limited
from ncco_studio.simulator.delivery import Application
from ncco_studio.simulator.input import listen_for_keys
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.access import (
    MAX_BODY_BYTES,
    NEW_CALLS_PER_SECOND,
    OTHERS_PER_SECOND,
    TOO_LARGE,
    Access,
    ProblemError,
    RateLimit,
    refused,
)
from ncco_studio.simulator.rest.models import (
    CreateCall,
    ListedCalls,
    ListenForDtmf,
    PlayStream,
    PlayTalk,
    SendDtmf,
    TransferCall,
    UpdateCall,
)
from ncco_studio.simulator.scheduler import Process, Routine, first_of
from ncco_studio.simulator.transcript import HeardKind

COUNTRY: Final = "GB"
ROUTER = APIRouter()


def _vonage(request: Request) -> Vonage:
    """Any secret is right, and any key unless the application has one."""
    vonage: Vonage = request.app.state.platform.vonage
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        key = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        key = ""
    if scheme.lower() != "basic" or not key or key != (vonage.application.api_key or key):
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "Send the API key and secret of the account.")
    return vonage


Account = Annotated[Vonage, Depends(_vonage)]


@ROUTER.get("/v2/applications/{application_id}")
async def get_application(vonage: Account, application_id: str) -> dict[str, Any]:
    own = _known(vonage, application_id)
    webhooks = {
        "answer_url": _url(own.answer_url, own.answer_method),
        "fallback_answer_url": _url(own.fallback_url, own.answer_method),
        "event_url": _url(own.event_url, own.event_method),
    }
    voice = {"webhooks": {name: url for name, url in webhooks.items() if url}, "signed_callbacks": True}
    return {"id": application_id, "name": "Virtual Vonage", "capabilities": {"voice": voice}}


@ROUTER.put("/v2/applications/{application_id}")
async def put_application(
    vonage: Account, application_id: str, document: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    webhooks = document.get("capabilities", {}).get("voice", {}).get("webhooks", {})
    answer, event = webhooks.get("answer_url") or {}, webhooks.get("event_url") or {}
    changed = replace(
        _known(vonage, application_id),
        answer_url=answer.get("address", ""),
        answer_method=_method(answer, "GET"),
        fallback_url=(webhooks.get("fallback_answer_url") or {}).get("address", ""),
        event_url=event.get("address", ""),
        event_method=_method(event, "POST"),
    )
    vonage.configure(changed)
    return await get_application(vonage, application_id)


@ROUTER.get("/account/numbers")
async def get_numbers(vonage: Account) -> dict[str, Any]:
    numbers = [{"country": COUNTRY, "msisdn": number} for number in vonage.application.numbers]
    return {"count": len(numbers), "numbers": numbers}


def _known(vonage: Vonage, application_id: str) -> Application:
    if application_id != vonage.application.application_id:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no application {application_id}.")
    return vonage.application


def _url(address: str, method: Method) -> dict[str, str]:
    return {"address": address, "http_method": method} if address else {}


def _method(url: Mapping[str, Any], default: Method) -> Method:
    methods: Mapping[Any, Method] = {"GET": "GET", "POST": "POST"}
    return methods.get(url.get("http_method"), default)


NOT_BEFORE_MS: Final = 1000
"""The age from which a call can be changed. Source: support article 10359615124380 (1 to 2 s)."""
PARAMETERS: Final = {
    "endpoint": "to", "from": "from.number", "timeout": "ringing_timer", "machineDetection": "machine_detection",
    "advancedMachineDetection": "advanced_machine_detection",
}  # fmt: skip
"""Option of a `connect` action → parameter."""


@dataclass(slots=True)
class Platform:
    """The shared state of the routes.

    Attributes:
        in_step: opened around each request, so that virtual time can catch up.
        running: processes that requests have started, by leg and name.
    """

    vonage: Vonage
    access: Access
    in_step: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    creations: RateLimit = field(default_factory=lambda: RateLimit(NEW_CALLS_PER_SECOND))
    others: RateLimit = field(default_factory=lambda: RateLimit(OTHERS_PER_SECOND))
    running: dict[tuple[str, str], Process[None]] = field(default_factory=dict)

    def known(self, uuid: str) -> Leg:
        """Find a leg, even if it is over. Raises ProblemError.

        Real webhooks have UUIDs without dashes; the reference has dashes.
        """
        leg = self.vonage.legs.get(uuid.replace("-", "").lower())
        if leg is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no call {uuid}.")
        return leg

    def leg(self, uuid: str) -> Leg:
        """Raise ProblemError if the leg is unknown, over, or has only just begun."""
        leg = self.known(uuid)
        if leg.is_over:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"The call {uuid} is over.")
        is_early = self.vonage.clock.ms - leg.started_ms < NOT_BEFORE_MS
        if is_early and self.vonage.assumes.early_control == "refused":
            detail = "The call has just begun: wait one to two seconds before you change it."
            raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
        return leg

    def begin(self, leg: Leg, name: str, steps: Routine[None]) -> None:
        self.stop(leg, name)
        self.running = {key: each for key, each in self.running.items() if not each.is_over}
        self.running[leg.uuid, name] = process = self.vonage.scheduler.spawn(steps)
        leg.processes.append(process)

    def stop(self, leg: Leg, name: str) -> None:
        process = self.running.pop((leg.uuid, name), None)
        if process is not None:
            process.cancel()


def _playing(leg: Leg, kind: HeardKind, text: str, once_s: float, loop: int) -> Routine[None]:
    seconds = repeated(once_s, loop)
    number = leg.note(kind, text, seconds)
    try:
        yield from first_of(leg.over, within=seconds)
    finally:
        leg.cut(number)


def calls_api(platform: Platform) -> FastAPI:
    app = FastAPI(title="A virtual Vonage", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.platform = platform
    app.include_router(_ROUTER)
    app.include_router(ROUTER)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, refused)
    return app


class AuthorizedRoute(APIRoute):
    """Verifies the token before it reads the body, and limits the body's size."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_authorized(request: Request) -> Response:
            platform: Platform = request.app.state.platform
            platform.access.require(request.headers.get("authorization", ""))
            error = ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
            return await handle(Request(request.scope, limited(request.receive, MAX_BODY_BYTES, error)))

        return handle_authorized


async def _in_step(request: Request) -> AsyncIterator[Platform]:
    platform: Platform = request.app.state.platform
    async with platform.in_step():
        is_new = request.method == "POST"
        (platform.creations if is_new else platform.others).count(platform.vonage.clock.ms)
        yield platform


InStep: TypeAlias = Annotated[Platform, Depends(_in_step)]
Reply: TypeAlias = dict[str, Any]
_ROUTER = APIRouter(prefix="/v1/calls", route_class=AuthorizedRoute)


@_ROUTER.post("", status_code=HTTPStatus.CREATED)
async def create(platform: InStep, body: CreateCall) -> Reply:
    """The call starts to ring after the reply is sent."""
    vonage = platform.vonage
    invalid = {_parameter(issue): issue.message for issue in check([body.connect]) if issue.is_error}
    if invalid:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "Some parameters are wrong.", invalid)
    leg = vonage.place(body.outbound(vonage.event_target))
    names = {"uuid": leg.uuid, "conversation_uuid": leg.conversation.uuid}
    return {**names, "status": "started", "direction": "outbound"}


def _parameter(issue: Issue) -> str:
    """`/0/endpoint/0/number` is `to[0].number`."""
    _, _, option, *deeper = f"{issue.path}".split("/")
    name = PARAMETERS.get(option, option)
    return name + "".join(f"[{each}]" if each.isdigit() else f".{each}" for each in deeper)


@_ROUTER.get("")
async def list_calls(platform: InStep, wanted: Annotated[ListedCalls, Query()], request: Request) -> Reply:
    found = list(_found(platform.vonage, wanted))
    if wanted.order == "desc":
        found.reverse()
    size = wanted.page_size
    index = wanted.record_index
    query = {name: value for name, value in request.query_params.items() if name != "record_index"}

    def link(first: int) -> Reply:
        return {"href": f"{request.url.replace(query=urlencode({**query, 'record_index': first}))}"}

    links = {"self": link(index), "first": link(0), "last": link(max(len(found) - 1, 0) // size * size)}
    links |= {"prev": link(max(index - size, 0))} if index else {}
    links |= {"next": link(index + size)} if index + size < len(found) else {}
    calls = [_shown(leg, request) for leg in found[index : index + size]]
    pages = {"count": len(found), "page_size": size, "record_index": index}
    return {**pages, "_links": links, "_embedded": {"calls": calls}}


def _found(vonage: Vonage, wanted: ListedCalls) -> Iterator[Leg]:
    for leg in vonage.legs.values():
        begun = vonage.clock.at(leg.started_ms)
        fits = (
            wanted.status in (None, leg.status)
            and wanted.conversation_uuid in (None, leg.conversation.uuid)
            and (wanted.date_start is None or begun >= _aware(wanted.date_start))
            and (wanted.date_end is None or begun <= _aware(wanted.date_end))
        )
        if fits:
            yield leg


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@_ROUTER.get("/{uuid}")
async def get_call(platform: InStep, uuid: str, request: Request) -> Reply:
    """Show a call, even if it is over."""
    return _shown(platform.known(uuid), request)


def _shown(leg: Leg, request: Request) -> Reply:
    """Links are absolute for Vonage's SDK for Node.

    Times have no zone; times, rate, price and duration are missing until the call is completed.
    """
    identity = leg.identity
    document: Reply = {"_links": {"self": {"href": f"{request.base_url}v1/calls/{leg.uuid}"}}}
    document |= {"uuid": leg.uuid, "conversation_uuid": leg.conversation.uuid}
    document |= {"to": _endpoint(identity.endpoint_type, identity.to), "from": _endpoint("phone", identity.from_ or "")}
    document |= {"status": leg.status, "direction": identity.direction}
    if leg.status == "completed":
        over = payloads.completed(leg)
        times = {name: str(over[name])[:19].replace("T", " ") for name in ("start_time", "end_time")}
        document |= {"rate": over["rate"], "price": over["price"], "duration": over["duration"], **times}
        document["network"] = "23410"
    return document


ADDRESS_NAMES: Final = {"phone": "number", "app": "user", "vbc": "extension"}


def _endpoint(kind: str, address: str) -> Reply:
    return {"type": kind, ADDRESS_NAMES.get(kind, "uri"): address}


@_ROUTER.put("/{uuid}", status_code=HTTPStatus.NO_CONTENT, response_class=Response)
async def update(platform: InStep, uuid: str, body: UpdateCall) -> None:
    leg = platform.leg(uuid)
    vonage = platform.vonage
    if isinstance(body, TransferCall):
        if leg.conversation.name and vonage.assumes.transfer_in_conversation == "refused":
            raise ProblemError(HTTPStatus.BAD_REQUEST, "The call is in a named conversation.")
        where = body.destination
        url = (where.url or [""])[0]
        vonage.replace(leg, where.ncco if where.ncco is not None else (url, vonage.assumes.transfer_method))
    elif body.action == "hangup":
        vonage.hang_up(leg)
    elif body.action in ("mute", "unmute"):
        leg.is_muted = body.action == "mute"
    else:
        leg.is_earmuffed = body.action == "earmuff"


@_ROUTER.put("/{uuid}/talk")
async def play_talk(platform: InStep, uuid: str, body: PlayTalk) -> Reply:
    leg = platform.leg(uuid)
    once_s = platform.vonage.durations.talk(body.text, body.language)
    platform.begin(leg, "talk", _playing(leg, "talk", body.text, once_s, body.loop))
    return _message("Talk started", leg)


@_ROUTER.put("/{uuid}/stream")
async def play_stream(platform: InStep, uuid: str, body: PlayStream) -> Reply:
    leg = platform.leg(uuid)
    url = body.stream_url[0]
    platform.begin(leg, "stream", _playing(leg, "stream", url, platform.vonage.durations.stream(url), body.loop))
    return _message("Stream started", leg)


@_ROUTER.put("/{uuid}/dtmf")
async def send_dtmf(platform: InStep, uuid: str, body: SendDtmf) -> Reply:
    leg = platform.leg(uuid)
    leg.play_keys(body.digits)
    return _message("DTMF sent", leg)


@_ROUTER.put("/{uuid}/input/dtmf")
async def listen_for_dtmf(platform: InStep, uuid: str, body: ListenForDtmf) -> Reply:
    """Send each key that the party presses from now on to a URL."""
    leg = platform.leg(uuid)
    platform.begin(leg, "input/dtmf", listen_for_keys(platform.vonage, leg, (body.event_url[0], "POST")))
    return _message("DTMF listener started", leg)


@_ROUTER.delete("/{uuid}/talk")
@_ROUTER.delete("/{uuid}/stream")
@_ROUTER.delete("/{uuid}/input/dtmf")
async def stop(platform: InStep, uuid: str, request: Request) -> Reply:
    leg = platform.leg(uuid)
    what = request.url.path.rpartition(f"{uuid}/")[2]
    platform.stop(leg, what)
    return _message(f"{_STOPPED[what]} stopped", leg)


_STOPPED: Final = {"talk": "Talk", "stream": "Stream", "input/dtmf": "DTMF listener"}


def _message(message: str, leg: Leg) -> Reply:
    return {"message": message, "uuid": leg.uuid}
