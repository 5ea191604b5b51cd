"""The API for placed calls: `POST /calls`, `GET /calls`, `DELETE /calls/{id}`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from ncco_server.service.documents import PlacedDocument
from ncco_server.service.placing.requests import WantedCall, checked
from ncco_server.store import PlacedFilter, PlacedRow, milliseconds
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.web.programs import REFUSALS, Api, ApiState, Key, Refused, audit, json_body, not_for_key, read_body

PARAMS: Final = (
    "The params of the flow. A date is `2026-03-05`, a time of day `09:30`, a point in time `2026-03-05T09:30+01:00`. "
    "Without a UTC offset, a point in time is in the time zone of the flow."
)
ID: Final = "The ID of a call."
REPEATED: Final = "Identifies a repeated request. Each key of the API has its own."
MOST_CALLS: Final = 100
"""Limits a page."""


def _dated(written: object) -> object:
    """Refuse the seconds since 1970, which pydantic accepts even as text."""
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


NO_SUCH_CALL: Final = ("there is no such call", "Check the ID.")


NEW_CALL: Final = TypeAdapter(NewPlacedCall)


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


async def _body(request: Request, _: Key) -> NewPlacedCall:
    """Read JSON, whatever the Content-Type, only if the key is valid."""
    body: NewPlacedCall = await read_body(request, NEW_CALL)
    return body


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
    openapi_extra=json_body(NEW_CALL),
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
        raise not_for_key("this key may not place calls with this flow", new.flow, key.flows)
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
    row = checked(wanted, (await api.project.current()).flows, api.allowed, api.clock(), api.keys)
    (stored,) = await api.store.placed.add([row])
    if stored.digest != row.digest:
        raise Refused(HTTPStatus.CONFLICT, "this Idempotency-Key belongs to another request", "Use a new one.")
    if stored.id == row.id:
        audit(request, "call requested", key=key.name, flow=row.flow, placed=row.id)
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
        audit(request, "placed call cancelled", key=key.name, placed=call.id)
    return PlacedDocument.of(await _own_call(api, key, call.id))
