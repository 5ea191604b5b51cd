"""The API for programs that place calls, on a port of its own: `POST /calls`, `GET /calls`, `DELETE /calls/{id}`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
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
from ncco_server.service.library import RELEASED
from ncco_server.service.placing.requests import RefusedRequest, WantedCall, checked
from ncco_server.store import AttemptRow, PlacedFilter, PlacedRow, RevisionRow, Store, milliseconds, moment_of
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.version import VERSION
from ncco_server.web.api_page import add_api_page
from ncco_server.web.methods import HeadMiddleware, allow_header

MAX_BODY: Final = 65_536
BODY_S: Final = 4.0
"""How long a body may take to arrive, in seconds."""
PARAMS: Final = (
    "The params of the flow. A date is `2026-03-05`, a time of day `09:30`, a point in time `2026-03-05T09:30+01:00`. "
    "Without a UTC offset, a point in time is in the time zone of the flow."
)
MOST_CALLS: Final = 100
"""Maximum number of calls per page."""
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


class PlacedAttempt(BaseModel):
    """An attempt, which makes at most one phone call."""

    number: int
    state: str
    outcome: str
    problem: str
    uuid: str = Field(description="Vonage's ID of the leg; empty until known.")
    placed_at: datetime
    answered_at: datetime | None
    over_at: datetime | None


class PlacedDocument(BaseModel):
    """A placed call."""

    id: str
    flow: str
    to: str
    state: Literal["waiting", "calling", "over"]
    outcome: str = Field(description="answered, Vonage's last status, cancelled, expired or unknown; empty until over.")
    problem: str
    tries: int
    batch: str
    wanted_at: datetime
    due_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    attempts: list[PlacedAttempt] | None = None


class ApiRefusal(BaseModel):
    """Why a request was refused."""

    where: str = Field(description="The field that is wrong, such as `with.name`; empty if it is none of them.")
    problem: str
    cure: str = Field(description="What to do about it.")


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


class WantedPage(BaseModel):
    """Which calls to list: at most `limit`, starting after the call with the ID `before`."""

    model_config = ConfigDict(extra="forbid")

    flow: str = ""
    state: Literal["", "waiting", "calling", "over"] = ""
    outcome: str = ""
    before: str = ""
    limit: int = Field(default=MOST_CALLS, ge=1, le=MOST_CALLS)


class PlacedPage(BaseModel):
    """Some placed calls, newest first; `next` is the `before` of the next page, or null."""

    calls: list[PlacedDocument]
    next: str | None


class ReleasedFlows:
    """The flows that the servers use. They are loaded again after a server starts to use other flows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: RevisionRow | None = None
        self._flows: Mapping[str, Flow] = {}
        self._loading = asyncio.Lock()

    async def current(self) -> Mapping[str, Flow]:
        """The flows by name; none until a server has started. Raises StoreUnavailable."""
        row = await self._store.revision(RELEASED)
        async with self._loading:
            if row is not None and row != self._known:
                project = await asyncio.to_thread(load, orjson.loads(row.sources))
                self._known, self._flows = row, project.flows
        return self._flows


@dataclass(frozen=True, slots=True)
class ApiState:
    """The shared state of the routes.

    Attributes:
        store: open while the API runs.
        flows: the flows that the servers of this database use.
        allowed: the setting `NCCO_DIAL_ALLOW`.
        keys: the server's keys, which encrypt sensitive params.
        clock: returns the current time, in UTC.
    """

    store: Store
    flows: ReleasedFlows
    allowed: tuple[str, ...]
    keys: tuple[bytes, ...] = field(repr=False)
    clock: Callable[[], datetime]


async def _key(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> ApiKeyRow:
    """The API key of a request. Raises HTTPException if the key is missing or wrong."""
    state: ApiState = request.app.state.api
    found = await state.store.api_keys.find(credentials.credentials) if credentials is not None else None
    if found is None:
        _audit(request, "API key refused")
        detail = {"problem": "the key is missing or wrong", "cure": "Send `Authorization: Bearer KEY`."}
        raise HTTPException(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})
    return found


def _audit(request: Request, event: str, **values: str) -> None:
    """Log an action, or a refused key, with the client's address."""
    log: FilteringBoundLogger = structlog.get_logger()
    (log.info if values else log.warning)(event, client=request.client.host if request.client else "", **values)


Key: TypeAlias = Annotated[ApiKeyRow, Depends(_key)]
Id: TypeAlias = Annotated[str, Path(alias="id")]


def placing_api(store: Store, allowed: tuple[str, ...], keys: tuple[bytes, ...]) -> FastAPI:
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
    )
    app.state.api = ApiState(store, ReleasedFlows(store), allowed, keys, lambda: datetime.now(UTC))
    app.add_middleware(HeadMiddleware)
    app.add_exception_handler(StoreUnavailable, _unavailable)
    app.add_exception_handler(RefusedRequest, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(FrameworkRefusal, _http_error)
    add_api_page(app)
    app.routes.extend(_calls().routes)
    return app


@cache
def _calls() -> APIRouter:
    """The routes of all applications of this process."""
    body = {"content": {"application/json": {"schema": NewPlacedCall.model_json_schema()}}, "required": True}
    router = APIRouter(responses=REFUSALS)
    router.post("/calls", status_code=HTTPStatus.ACCEPTED, openapi_extra={"requestBody": body})(place_call)
    router.get("/calls")(list_calls)
    router.get("/calls/{id}")(get_call)
    router.delete("/calls/{id}")(cancel_call)
    return router


async def _body(request: Request, _: Key) -> NewPlacedCall:
    """The body of a request, which is read only if the key is valid. It is JSON, whatever its Content-Type."""
    try:
        async with asyncio.timeout(BODY_S):
            body = await _read(request)
    except TimeoutError as error:
        detail = {"problem": f"the body did not arrive within {BODY_S:g} seconds", "cure": "Send it in one go."}
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail) from error
    try:
        return NewPlacedCall.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]) from error


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            detail = {"problem": f"the body is longer than {MAX_BODY} bytes", "cure": "Send less."}
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return body


def _problem(status: int, problem: str, cure: str, where: str = "") -> JSONResponse:
    """The reply to a refused request."""
    return JSONResponse({"detail": _detail(problem, cure, where)}, status)


def _detail(problem: str, cure: str, where: str) -> dict[str, str]:
    """An `ApiRefusal`. Its texts may contain names from the request, which may not be Unicode."""
    texts = {"where": where, "problem": problem, "cure": cure}
    return {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), "Send it again.")


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """The reply to a refusal by a route or by the framework. The framework's refusals only have a sentence."""
    refusal = cast(FrameworkRefusal, error)
    detail: Any = refusal.detail
    known = detail if isinstance(detail, dict) else {"problem": str(detail), "cure": COMPARE}
    response = _problem(refusal.status_code, **known)
    is_method = refusal.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    response.headers.update(allow_header(request) if is_method else refusal.headers or {})
    return response


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """The reply to an invalid body or query. It leaves out the values, because JSON cannot represent all of them."""
    first = cast(RequestValidationError, error).errors()[0]
    is_json = first["type"] != "json_invalid"
    where = ".".join(str(part) for part in first["loc"][1:])
    return _problem(
        HTTPStatus.UNPROCESSABLE_ENTITY if is_json else HTTPStatus.BAD_REQUEST, first["msg"], COMPARE, where
    )


async def _refused(_: Request, error: Exception) -> JSONResponse:
    first, *others = (_detail(fault.message, fault.cure, fault.where) for fault in cast(RefusedRequest, error).faults)
    document = {"detail": first} | ({"others": others} if others else {})
    return JSONResponse(document, HTTPStatus.UNPROCESSABLE_ENTITY)


async def place_call(
    request: Request,
    key: Key,
    new: Annotated[NewPlacedCall, Depends(_body)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
) -> PlacedDocument:
    """Place a call. The same `Idempotency-Key` and body return the same call; for another body, the reply is 409."""
    state: ApiState = request.app.state.api
    if new.flow not in key.flows:
        detail = {"problem": "this key may not place calls with this flow", "cure": "Use a key that may."}
        raise HTTPException(HTTPStatus.FORBIDDEN, detail)
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
    row = checked(wanted, await state.flows.current(), state.allowed, state.clock(), state.keys)
    (stored,) = await state.store.placed.add([row])
    if stored.digest != row.digest:
        detail = {"problem": "this Idempotency-Key belongs to another request", "cure": "Use a new one."}
        raise HTTPException(HTTPStatus.CONFLICT, detail)
    if stored.id == row.id:
        _audit(request, "call requested", key=key.name, flow=row.flow, placed=row.id)
    return _document(stored)


async def get_call(request: Request, id_: Id, key: Key) -> PlacedDocument:
    """Get a call that this key has placed, with its attempts."""
    state: ApiState = request.app.state.api
    row = await _own(state, id_, key)
    return _document(row, await state.store.placed.attempts(id_))


async def list_calls(request: Request, key: Key, page: Annotated[WantedPage, Query()]) -> PlacedPage:
    """List the calls that this key has placed, newest first."""
    api: ApiState = request.app.state.api
    if page.before:
        await _own(api, page.before, key, HTTPStatus.UNPROCESSABLE_ENTITY, "before")
    wanted = PlacedFilter(flow=page.flow, state=page.state, outcome=page.outcome, owner=key.name, origin="api")
    rows = await api.store.placed.list(page.limit, page.before, wanted)
    return PlacedPage(calls=[_document(row) for row in rows], next=rows[-1].id if len(rows) == page.limit else None)


async def cancel_call(request: Request, id_: Id, key: Key) -> PlacedDocument:
    """Cancel a waiting call, or hang up a call in progress.

    The reply is 409 if the call has ended by itself. A cancelled call can be cancelled again, which changes nothing.
    """
    state: ApiState = request.app.state.api
    await _own(state, id_, key)
    before = await state.store.placed.cancel(id_, milliseconds(state.clock()))
    if before is not None and before.state == "over" and before.outcome != "cancelled":
        raise HTTPException(HTTPStatus.CONFLICT, {"problem": "the call is over", "cure": "Nothing is left to cancel."})
    if before is not None and before.can_be_cancelled:
        _audit(request, "placed call cancelled", key=key.name, placed=id_)
    return _document(await _own(state, id_, key))


async def _own(
    state: ApiState, id_: str, key: ApiKeyRow, status: HTTPStatus = HTTPStatus.NOT_FOUND, where: str = ""
) -> PlacedRow:
    """A call that this key has placed. Raises HTTPException if there is none, even if another key has placed it."""
    row = await state.store.placed.get(id_)
    if row is None or (row.origin, row.owner) != ("api", key.name):
        raise HTTPException(status, {"where": where, "problem": "there is no such call", "cure": "Check the ID."})
    return row


def _document(row: PlacedRow, attempts: list[AttemptRow] | None = None) -> PlacedDocument:
    return PlacedDocument(
        id=row.id,
        flow=row.flow,
        to=row.number,
        state=row.state,
        outcome=row.outcome,
        problem=row.problem,
        tries=row.tries,
        batch=row.batch,
        wanted_at=moment_of(row.wanted_at),
        due_at=_moment(row.due_at),
        expires_at=_moment(row.expires_at),
        created_at=moment_of(row.created_at),
        attempts=None if attempts is None else [_attempt(attempt) for attempt in attempts],
    )


def _attempt(row: AttemptRow) -> PlacedAttempt:
    return PlacedAttempt(
        number=row.number,
        state=row.state,
        outcome=row.outcome,
        problem=row.problem,
        uuid=row.leg,
        placed_at=moment_of(row.placing_at),
        answered_at=_moment(row.answered_at),
        over_at=_moment(row.over_at),
    )


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_of(ms)
