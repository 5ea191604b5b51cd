"""What the APIs for programs share: their application and port, keys, limits, and replies to refused requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias, cast

import orjson
import structlog
from fastapi import Depends, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException as FrameworkRefusal
from structlog.typing import FilteringBoundLogger

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.service.placing.requests import RefusedRequest
from ncco_server.service.released import NO_PROJECT, RELEASED
from ncco_server.service.tables import MOST_FAULTS, RefusedRows
from ncco_server.store import RevisionRow, Store
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.suggest import near_or_all, nearest
from ncco_server.web.methods import allow_header
from ncco_server.wording import as_sentence

MAX_BODY: Final = 65_536
BODY_S: Final = 4.0
_BEARER: Final = HTTPBearer(auto_error=False, description="A key from `ncco api-key add`.")


def _unicode(text: str) -> str:
    """Drop what is not Unicode in the request's names."""
    return text.encode("utf-8", "replace").decode()


Told: TypeAlias = Annotated[str, BeforeValidator(_unicode)]


class ApiRefusal(BaseModel):
    """Why a request was refused."""

    where: Told = Field(description="The field that is wrong, such as `with.name`; empty if it is none of them.")
    problem: Told
    fix: Told = Field(description="What to do about it.")


class RefusalDocument(BaseModel):
    """The body of every reply to a refused request."""

    detail: ApiRefusal
    others: list[ApiRefusal] = Field(
        default=[], description="What else is wrong: other fields, params, rows or columns."
    )


REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status.value: {"model": RefusalDocument, "description": meaning}
    for status, meaning in {
        HTTPStatus.BAD_REQUEST: "The body is not JSON.",
        HTTPStatus.UNAUTHORIZED: "The key is missing or wrong.",
        HTTPStatus.FORBIDDEN: "The key may not use this flow, or this table.",
        HTTPStatus.NOT_FOUND: "This key has not asked for such a call, or there is no such table or row.",
        HTTPStatus.REQUEST_TIMEOUT: f"The body did not arrive within {BODY_S:g} seconds.",
        HTTPStatus.CONFLICT: "The `Idempotency-Key` belongs to another request, or the call has ended by itself.",
        HTTPStatus.PRECONDITION_FAILED: "The row is not as `If-Match` or `If-None-Match` require.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body is longer than {MAX_BODY} bytes.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "A field is wrong.",
        HTTPStatus.SERVICE_UNAVAILABLE: "The database cannot be used.",
    }.items()
}
COMPARE: Final = "Compare it with the API's description at /docs."
_MOMENT: Final = "Write a date and time with its offset, such as 2026-03-04T10:00:00+01:00."
_FIXES: Final = {
    "datetime_from_date_parsing": _MOMENT,
    "datetime_parsing": _MOMENT,
    "dict_type": "Send a JSON object.",
    "greater_than_equal": "Write {ge} or more.",
    "int_parsing": "Write a whole number.",
    "int_type": "Write a whole number of seconds, without quotes.",
    "json_invalid": "Send JSON.",
    "less_than_equal": "Write {le} or less.",
    "list_type": "Send a JSON array.",
    "literal_error": "Write {expected}.",
    "missing": "Send it.",
    "model_type": "Send a JSON object.",
    "string_too_long": "Write at most {max_length} characters.",
    "string_too_short": "Write at least {min_length} characters.",
    "string_type": "Write text, in quotes.",
    "timezone_aware": _MOMENT,
    "too_long": "Send at most {max_length}, and the rest in further requests.",
    "value_error": _MOMENT,
}
"""By the type of pydantic's error."""
_UNKNOWN: Final = "extra_forbidden"


class ReleasedProject:
    """The project that the servers use, loaded again once a server uses another one."""

    def __init__(self, store: Store, handlers: Collection[str] = ()) -> None:
        self._store = store
        self._handlers = handlers
        self._known: RevisionRow | None = None
        self._project = NO_PROJECT
        self._loading = asyncio.Lock()

    async def current(self) -> Project:
        """Empty until a server has started. Raises StoreUnavailable."""
        row = await self._store.revision(RELEASED)
        async with self._loading:
            if row is not None and row != self._known:
                project = await asyncio.to_thread(load, orjson.loads(row.sources), handlers=self._handlers)
                self._known, self._project = row, project
        return self._project


@dataclass(frozen=True, slots=True)
class ApiState:
    """The shared state of the routes.

    Attributes:
        store: open while the API runs.
        project: that of this database's servers.
        allowed: the setting `NCCO_DIAL_ALLOW`.
        keys: the server's keys, which encrypt sensitive params.
        clock: returns the current time, in UTC.
    """

    store: Store
    project: ReleasedProject
    allowed: tuple[str, ...]
    keys: tuple[bytes, ...] = field(repr=False)
    clock: Callable[[], datetime]


class Refused(HTTPException):
    """A request that is refused."""

    def __init__(
        self, status: HTTPStatus, problem: str, cure: str, where: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, ApiRefusal(where=where, problem=problem, fix=cure), headers)


def not_for_key(problem: str, name: str, allowed: Iterable[str]) -> Refused:
    near = nearest(name, allowed)
    cure = f"Did you mean {near}? Otherwise, use a key that may." if near else "Use a key that may."
    return Refused(HTTPStatus.FORBIDDEN, problem, cure)


async def _state(request: Request) -> ApiState:
    state: ApiState = request.app.state.api
    return state


Api: TypeAlias = Annotated[ApiState, Depends(_state)]


async def _key(
    request: Request, api: Api, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> ApiKeyRow:
    """Raise Refused if the key is missing or wrong."""
    found = await api.store.api_keys.find(credentials.credentials) if credentials is not None else None
    if found is None:
        audit(request, "API key refused")
        headers = {"WWW-Authenticate": "Bearer"}
        cure = "Send `Authorization: Bearer KEY`."
        raise Refused(HTTPStatus.UNAUTHORIZED, "the key is missing or wrong", cure, headers=headers)
    return found


Key: TypeAlias = Annotated[ApiKeyRow, Depends(_key)]


def audit(request: Request, event: str, **values: str) -> None:
    """Log an action, or a refused key, with the client's address."""
    log: FilteringBoundLogger = structlog.get_logger()
    (log.info if values else log.warning)(event, client=request.client.host if request.client else "", **values)


async def read_body(request: Request, model: TypeAdapter[Any]) -> Any:
    """Read JSON, whatever the Content-Type. Raises Refused, RequestValidationError."""
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
        return model.validate_json(body)
    except ValidationError as error:
        fields = {"fields": model.json_schema().get("properties", {})}
        faults = [
            {**fault, "loc": ("body", *fault["loc"]), "ctx": fault.get("ctx", {}) | fields} for fault in error.errors()
        ]
        raise RequestValidationError(faults) from error


def json_body(model: TypeAdapter[Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": model.json_schema()}}, "required": True}}


def _reply(status: int, *faults: ApiRefusal, headers: Mapping[str, str] | None = None) -> JSONResponse:
    document = RefusalDocument(detail=faults[0], others=list(faults[1:]))
    return JSONResponse(document.model_dump(exclude_defaults=True), status, headers)


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    refusal = ApiRefusal(where="", problem=str(error), fix="Send it again.")
    return _reply(HTTPStatus.SERVICE_UNAVAILABLE, refusal)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    faults = cast("RefusedRequest | RefusedRows", error).faults
    refusals = (ApiRefusal(where=fault.where, problem=fault.problem, fix=fault.cure) for fault in faults)
    return _reply(HTTPStatus.UNPROCESSABLE_ENTITY, *refusals)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Leave out the values, not all of which JSON can represent."""
    faults = sorted(cast(RequestValidationError, error).errors(), key=lambda fault: fault["type"] != _UNKNOWN)
    is_json = faults[0]["type"] != "json_invalid"
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_json else HTTPStatus.BAD_REQUEST
    return _reply(status, *map(_refusal, faults[:MOST_FAULTS]))


def _refusal(fault: Mapping[str, Any]) -> ApiRefusal:
    where = ".".join(str(part) for part in fault["loc"][1:])
    known = fault.get("ctx", {})
    if fault["type"] == _UNKNOWN and "fields" in known:
        cure = as_sentence(near_or_all(where, known["fields"]))
        return ApiRefusal(where=where, problem="there is no such field", fix=cure if cure.endswith("?") else f"{cure}.")
    problem = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    return ApiRefusal(where=where, problem=problem, fix=_FIXES.get(fault["type"], COMPARE).format_map(known))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """The framework's own refusals only have a sentence."""
    refused = cast(FrameworkRefusal, error)
    detail: Any = refused.detail
    refusal = detail if isinstance(detail, ApiRefusal) else ApiRefusal(where="", problem=str(detail), fix=COMPARE)
    is_method = refused.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    return _reply(refused.status_code, refusal, headers=allow_header(request) if is_method else refused.headers)


HANDLERS: Final[dict[Any, Any]] = {
    StoreUnavailable: _unavailable,
    RefusedRequest: _refused,
    RefusedRows: _refused,
    RequestValidationError: _invalid,
    FrameworkRefusal: _http_error,
}
