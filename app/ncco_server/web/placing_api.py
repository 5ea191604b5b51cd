"""The API for programs that place calls, on a port of its own: `POST /calls`, `GET /calls`, `DELETE /calls/{id}`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias, cast

import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException as FrameworkRefusal
from structlog.typing import FilteringBoundLogger

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_server.service.documents import PlacedDocument
from ncco_server.service.library import RELEASED
from ncco_server.service.placing.requests import RefusedRequest, WantedCall, checked
from ncco_server.store import PlacedFilter, PlacedRow, RevisionRow, Store, milliseconds
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.version import VERSION
from ncco_server.web.api_page import add_api_page
from ncco_server.web.methods import HeadMiddleware, allow_header

MAX_BODY: Final = 65_536
BODY_S: Final = 4.0
"""How long a body may take to arrive."""
PARAMS: Final = (
    "The params of the flow. A date is `2026-03-05`, a time of day `09:30`, a point in time `2026-03-05T09:30+01:00`. "
    "Without a UTC offset, a point in time is in the time zone of the flow."
)
ID: Final = "The ID of a call."
REPEATED: Final = "Identifies a repeated request. Each key of the API has its own."
MOST_CALLS: Final = 100
_BEARER: Final = HTTPBearer(auto_error=False, description="A key from `ncco api-key add`.")


def _dated(written: object) -> object:
    """Refuse the number of seconds since 1970, which pydantic accepts even as text."""
    if not isinstance(written, str) or written[4:5] != "-":
        raise ValueError("write a date and time with its offset, such as 2026-03-04T10:00:00+01:00")
    return written


Moment: TypeAlias = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_dated)]


class NewPlacedCall(BaseModel):
    """A request for a call."""

    model_config = ConfigDict(extra="forbid", strict=True)

    flow: str = Field(max_length=200, description="A flow with `outbound`.")
    to: str = Field(max_length=40, description="The number, with its country code.")
    given: dict[str, Any] = Field(default_factory=dict, alias="with", description=PARAMS)
    at: Moment | None = Field(default=None, description="Earliest time to place the call; by default now.")
    expires: int | None = Field(default=None, ge=1, le=2_592_000, description="Seconds after `at`.")


def _unicode(text: str) -> str:
    """A text that may contain names from the request, without what is not Unicode."""
    return text.encode("utf-8", "replace").decode()


Told: TypeAlias = Annotated[str, BeforeValidator(_unicode)]


class ApiRefusal(BaseModel):
    """Why a request was refused."""

    where: Told = Field(description="The field that is wrong, such as `with.name`; empty if it is none of them.")
    problem: Told
    cure: Told = Field(description="What to do about it.")


class RefusalDocument(BaseModel):
    """The body of every reply to a refused request."""

    detail: ApiRefusal
    others: list[ApiRefusal] = Field(default=[], description="What else is wrong with the number and the params.")


REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status.value: {"model": RefusalDocument, "description": meaning}
    for status, meaning in {
        HTTPStatus.BAD_REQUEST: "The body is not JSON.",
        HTTPStatus.UNAUTHORIZED: "The key is missing or wrong.",
        HTTPStatus.FORBIDDEN: "The key places no calls with this flow.",
        HTTPStatus.NOT_FOUND: "This key has not asked for such a call.",
        HTTPStatus.REQUEST_TIMEOUT: f"The body did not arrive within {BODY_S:g} seconds.",
        HTTPStatus.CONFLICT: "The `Idempotency-Key` belongs to another request, or the call has ended by itself.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body is longer than {MAX_BODY} bytes.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "A field is wrong.",
        HTTPStatus.SERVICE_UNAVAILABLE: "The database cannot be used.",
    }.items()
}
COMPARE: Final = "Compare it with the API's description at /docs."
NO_SUCH_CALL: Final = ("there is no such call", "Check the ID.")


class WantedPage(BaseModel):
    """Which calls to list."""

    model_config = ConfigDict(extra="forbid")

    flow: str = Field(default="", description="Only calls with this flow.")
    state: Literal["", "waiting", "calling", "over"] = Field(default="", description="Only calls in this state.")
    outcome: str = Field(default="", description="Only calls with this outcome.")
    before: str = Field(default="", description="The ID of the call after which the page starts.")
    limit: int = Field(default=MOST_CALLS, ge=1, le=MOST_CALLS, description="Maximum number of calls.")


class PlacedPage(BaseModel):
    """Some placed calls, newest first; `next` is the `before` of the next page, or null."""

    calls: list[PlacedDocument]
    next: str | None


class ReleasedFlows:
    """The flows that the servers use. They are loaded again after a server starts to use other flows."""

    def __init__(self, store: Store, handlers: Collection[str] = ()) -> None:
        self._store = store
        self._handlers = handlers
        self._known: RevisionRow | None = None
        self._flows: Mapping[str, Flow] = {}
        self._loading = asyncio.Lock()

    async def current(self) -> Mapping[str, Flow]:
        """By name; none until a server has started. Raises StoreUnavailable."""
        row = await self._store.revision(RELEASED)
        async with self._loading:
            if row is not None and row != self._known:
                project = await asyncio.to_thread(load, orjson.loads(row.sources), handlers=self._handlers)
                self._known, self._flows = row, project.flows
        return self._flows


@dataclass(frozen=True, slots=True)
class ApiState:
    """The shared state of the routes.

    `keys` encrypt sensitive params; `allowed` is NCCO_DIAL_ALLOW.
    """

    store: Store
    flows: ReleasedFlows
    allowed: tuple[str, ...]
    keys: tuple[bytes, ...] = field(repr=False)
    clock: Callable[[], datetime]


class Refused(HTTPException):
    """A request that is refused."""

    def __init__(
        self, status: HTTPStatus, problem: str, cure: str, where: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, ApiRefusal(where=where, problem=problem, cure=cure), headers)


async def _state(request: Request) -> ApiState:
    state: ApiState = request.app.state.api
    return state


Api: TypeAlias = Annotated[ApiState, Depends(_state)]


async def _key(
    request: Request, api: Api, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> ApiKeyRow:
    """Raises Refused if the key is missing or wrong."""
    found = await api.store.api_keys.find(credentials.credentials) if credentials is not None else None
    if found is None:
        _audit(request, "API key refused")
        headers = {"WWW-Authenticate": "Bearer"}
        cure = "Send `Authorization: Bearer KEY`."
        raise Refused(HTTPStatus.UNAUTHORIZED, "the key is missing or wrong", cure, headers=headers)
    return found


Key: TypeAlias = Annotated[ApiKeyRow, Depends(_key)]


def _audit(request: Request, event: str, **values: str) -> None:
    """Log an action, or a refused key, with the client's address."""
    log: FilteringBoundLogger = structlog.get_logger()
    (log.info if values else log.warning)(event, client=request.client.host if request.client else "", **values)


async def _body(request: Request, _: Key) -> NewPlacedCall:
    """The body is read only if the key is valid. It is JSON, whatever its Content-Type."""
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    problem = f"the body is longer than {MAX_BODY} bytes"
                    raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem, "Send less.")
    except TimeoutError as error:
        problem = f"the body did not arrive within {BODY_S:g} seconds"
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, problem, "Send it in one go.") from error
    try:
        return NewPlacedCall.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]) from error


async def _own(api: ApiState, id_: str, key: ApiKeyRow) -> PlacedRow | None:
    """Return None even if another key has placed the call."""
    row = await api.store.placed.get(id_)
    return row if row is not None and (row.origin, row.owner) == ("api", key.name) else None


async def _own_call(api: Api, key: Key, id_: Annotated[str, Path(alias="id", description=ID)]) -> PlacedRow:
    """Raises Refused."""
    row = await _own(api, id_, key)
    if row is None:
        raise Refused(HTTPStatus.NOT_FOUND, *NO_SUCH_CALL)
    return row


OwnCall: TypeAlias = Annotated[PlacedRow, Depends(_own_call)]

router = APIRouter(responses=REFUSALS)


@router.post(
    "/calls",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra={
        "requestBody": {
            "content": {"application/json": {"schema": NewPlacedCall.model_json_schema()}},
            "required": True,
        }
    },
)
async def place_call(
    request: Request,
    api: Api,
    key: Key,
    new: Annotated[NewPlacedCall, Depends(_body)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=200, description=REPEATED)],
) -> PlacedDocument:
    """Place a call. The same `Idempotency-Key` and body return the same call; for another body, the reply is 409."""
    if new.flow not in key.flows:
        problem = "this key may not place calls with this flow"
        raise Refused(HTTPStatus.FORBIDDEN, problem, "Use a key that may.")
    wanted = WantedCall(
        flow=new.flow,
        to=new.to,
        values=new.given,
        at=new.at,
        expires_s=new.expires,
        origin="api",
        owner=key.name,
        key=idempotency_key,
    )
    row = checked(wanted, await api.flows.current(), api.allowed, api.clock(), api.keys)
    (stored,) = await api.store.placed.add([row])
    if stored.digest != row.digest:
        raise Refused(HTTPStatus.CONFLICT, "this Idempotency-Key belongs to another request", "Use a new one.")
    if stored.id == row.id:
        _audit(request, "call requested", key=key.name, flow=row.flow, placed=row.id)
    return PlacedDocument.of(stored)


@router.get("/calls")
async def list_calls(api: Api, key: Key, page: Annotated[WantedPage, Query()]) -> PlacedPage:
    """List the calls that this key has placed, newest first."""
    if page.before and await _own(api, page.before, key) is None:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, *NO_SUCH_CALL, "before")
    wanted = PlacedFilter(flow=page.flow, state=page.state, outcome=page.outcome, owner=key.name, origin="api")
    rows = await api.store.placed.list(page.limit, page.before, wanted)
    following = rows[-1].id if len(rows) == page.limit else None
    return PlacedPage(calls=[PlacedDocument.of(row) for row in rows], next=following)


@router.get("/calls/{id}")
async def get_call(api: Api, call: OwnCall) -> PlacedDocument:
    """Get a call that this key has placed, with its attempts."""
    return PlacedDocument.of(call, await api.store.placed.attempts(call.id))


@router.delete("/calls/{id}")
async def cancel_call(request: Request, api: Api, key: Key, call: OwnCall) -> PlacedDocument:
    """Cancel a waiting call, or hang up a call in progress.

    The reply is 409 if the call has ended by itself. A cancelled call can be cancelled again, which changes nothing.
    """
    before = await api.store.placed.cancel(call.id, milliseconds(api.clock()))
    if before is not None and before.state == "over" and before.outcome != "cancelled":
        raise Refused(HTTPStatus.CONFLICT, "the call is over", "Nothing is left to cancel.")
    if before is not None and before.can_be_cancelled:
        _audit(request, "placed call cancelled", key=key.name, placed=call.id)
    return PlacedDocument.of(await _own_call(api, key, call.id))


def placing_api(
    store: Store, allowed: tuple[str, ...], keys: tuple[bytes, ...], handlers: Collection[str] = ()
) -> FastAPI:
    """Make the application, which opens and closes the store."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with store:
            yield

    app = FastAPI(
        title="Placed calls",
        description="Every request needs a key from `ncco api-key add`: `Authorization: Bearer KEY`.",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={
            StoreUnavailable: _unavailable,
            RefusedRequest: _refused,
            RequestValidationError: _invalid,
            FrameworkRefusal: _http_error,
        },
    )
    app.state.api = ApiState(store, ReleasedFlows(store, handlers), allowed, keys, lambda: datetime.now(UTC))
    app.add_middleware(HeadMiddleware)
    add_api_page(app)
    app.include_router(router)
    return app


def _reply(status: int, *faults: ApiRefusal, headers: Mapping[str, str] | None = None) -> JSONResponse:
    document = RefusalDocument(detail=faults[0], others=list(faults[1:]))
    return JSONResponse(document.model_dump(exclude_defaults=True), status, headers)


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    refusal = ApiRefusal(where="", problem=str(error), cure="Send it again.")
    return _reply(HTTPStatus.SERVICE_UNAVAILABLE, refusal)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    faults = cast(RefusedRequest, error).faults
    refusals = (ApiRefusal(where=fault.where, problem=fault.message, cure=fault.cure) for fault in faults)
    return _reply(HTTPStatus.UNPROCESSABLE_ENTITY, *refusals)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """The values are left out, because JSON cannot represent all of them."""
    first = cast(RequestValidationError, error).errors()[0]
    status = HTTPStatus.BAD_REQUEST if first["type"] == "json_invalid" else HTTPStatus.UNPROCESSABLE_ENTITY
    where = ".".join(str(part) for part in first["loc"][1:])
    return _reply(status, ApiRefusal(where=where, problem=first["msg"], cure=COMPARE))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """The framework's refusals only have a sentence."""
    refused = cast(FrameworkRefusal, error)
    detail: Any = refused.detail
    refusal = detail if isinstance(detail, ApiRefusal) else ApiRefusal(where="", problem=str(detail), cure=COMPARE)
    is_method = refused.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    return _reply(refused.status_code, refusal, headers=allow_header(request) if is_method else refused.headers)
