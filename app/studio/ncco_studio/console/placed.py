"""Calls that the server places: a searchable list, each call with its attempts, and a form to request a call."""

from __future__ import annotations

import re
import secrets
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Form, HTTPException, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from ncco_server.flow.model import Flow, Project
from ncco_server.service.delivery import session_id
from ncco_server.service.documents import PlacedAttempt, PlacedDocument
from ncco_server.service.phone_numbers import line_of, readable
from ncco_server.service.placing.attempts import why_later
from ncco_server.service.placing.requests import RefusedRequest, WantedCall, checked
from ncco_server.settings.secrets import wait_keys
from ncco_server.store import AttemptRow, PlacedFilter, PlacedRow, milliseconds
from ncco_studio.console.access import CanChange, CanLook
from ncco_studio.console.change.fields import group_title
from ncco_studio.console.history import Change, UndoRequest, check_undo, record
from ncco_studio.console.pages import render
from ncco_studio.console.polled import ListSearch, PolledRoute, list_page
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.console.state import TheConsole, console_of
from ncco_studio.console.tables import in_zone, tables_of_number

router = APIRouter(route_class=PolledRoute)

PAGE: Final = 50
ASKED_BY: Final = {
    "api": "by the program",
    "cli": "on the command line",
    "hook": "by another call",
    "console": "in the console",
}
STATES: Final = {"waiting": "waiting", "calling": "being called now"}
OUTCOMES: Final = {
    "answered": "answered",
    "machine": "a mailbox answered",
    "timeout": "nobody picked up",
    "unanswered": "not answered",
    "busy": "busy",
    "rejected": "declined",
    "failed": "could not be called",
    "expired": "too late to call",
    "refused": "must not be called",
    "cancelled": "cancelled",
    "unknown": "unknown: check by hand",
}
ATTEMPT_STATES: Final = {"placing": "being requested", "placed": "ringing", "answered": "on the line"}
RESULTS: Final = {
    **{"answered": "person", "machine": "message"},
    **dict.fromkeys(("expired", "refused", "cancelled"), "other"),
}
"""The colour of each outcome, as the result of an incoming call with that colour; all others are `missed`."""

PlacedId: TypeAlias = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class PlacedSearch(ListSearch):
    """The filters of the list, as in the URL's query."""

    q: Annotated[str, Query(max_length=40)] = ""
    """A number or a part of it."""
    flow: Annotated[str, Query(max_length=200)] = ""
    state: Annotated[str, Query(max_length=20)] = ""
    """A state or an outcome."""
    before: Annotated[str, Query(max_length=32)] = ""
    """The ID of the call after which the page starts."""

    @property
    def filter(self) -> PlacedFilter:
        return PlacedFilter(
            flow=self.flow,
            state=self.state if self.state in STATES else "",
            outcome=self.state if self.state in OUTCOMES else "",
            number=re.sub(r"\D", "", self.q).lstrip("0"),
        )


Search: TypeAlias = Annotated[PlacedSearch, Query()]


@router.get("/calls/placed")
async def placed_calls(request: Request, search: Search, _: CanLook) -> Response:
    """Show the list, or only its rows if the page polls for changes. All polling pages get the same rows."""
    return await list_page(request, f"/calls/placed{search.address()}", "placed", partial(_listed, request, search))


async def _listed(request: Request, search: PlacedSearch, template: str) -> Response:
    console = console_of(request)
    project = (await console.read_project()).project
    placed = (await console.opened_store()).placed
    if search.before and await placed.get(search.before) is None:
        raise HTTPException(404, "The calls before this page were deleted. Choose the newest ones.")
    found = await placed.list(PAGE + 1, search.before, search.filter)
    control = await placed.control()
    now = datetime.now(UTC)
    return render(
        request,
        template,
        search=search,
        calls=[_shown(row, now, project, is_paused=control.paused_at is not None) for row in found[:PAGE]],
        older=search.address(before=found[PAGE - 1].id) if len(found) > PAGE else "",
        active=await placed.count_active(),
        held=control if control.is_held(milliseconds(now)) else None,
        paused=control if control.paused_at is not None else None,
        flows=[flow.name for flow in placing_flows(project)],
        states=STATES | OUTCOMES,
    )


def placing_flows(project: Project) -> list[Flow]:
    return sorted((flow for flow in project.flows.values() if flow.outbound is not None), key=lambda flow: flow.name)


def _shown(row: PlacedRow, now: datetime, project: Project, *, is_paused: bool) -> dict[str, Any]:
    """Leave out the params."""
    call = PlacedDocument.of(row)
    is_later = call.due_at is not None and call.due_at > now
    return dict(call) | {
        "title": group_title(row.flow),
        "line": line_of(project.flows.values(), project.flows.get(row.flow)),
        "asked_by": _asked_by(row),
        "result": {"calling": "open", "waiting": "waiting"}.get(row.state) or RESULTS.get(row.outcome, "missed"),
        "plain": _plain(row, is_later=is_later, is_paused=is_paused),
        "due_at": call.due_at if is_later else None,
        "problem": row.problem or _problem(row, project),
        "is_cancelled": row.cancelled_at is not None,
    }


def _asked_by(row: PlacedRow) -> str:
    how = ASKED_BY.get(row.origin, "")
    if row.origin == "console" and row.owner:
        return f"{how} by {row.owner}"
    return f"{how} {row.owner}".strip()


def _plain(row: PlacedRow, *, is_later: bool, is_paused: bool) -> str:
    if row.state == "calling":
        return "being hung up" if row.cancelled_at is not None else "being called now"
    if row.state == "over":
        return OUTCOMES.get(row.outcome, row.outcome)
    tried = "nobody reached yet, " if row.tries else ""
    if is_later:
        return f"{tried}next call" if row.tries else "waits until"
    return f"{tried}waits while placing is paused" if is_paused else f"{tried}waits for its turn"


def _problem(row: PlacedRow, project: Project) -> str:
    """Return why this server leaves a waiting call to others, or ""."""
    flow = project.flows.get(row.flow)
    is_here = flow is not None and flow.outbound is not None
    return "" if row.state != "waiting" or is_here else "waits for a server with this line: here it places no calls"


@router.get("/calls/placed/new")
async def new_call(request: Request, console: TheConsole, _: CanChange, flow: str = "") -> Response:
    project = (await console.read_project()).project
    flows = placing_flows(project)
    chosen = next((each for each in flows if each.name == flow or len(flows) == 1), None)
    return _form(request, project, chosen, {"key": secrets.token_hex(16)}, {})


def _form(
    request: Request,
    project: Project,
    flow: Flow | None,
    typed: Mapping[str, str],
    faults: Mapping[str, RefusedRequest],
) -> Response:
    return render(
        request,
        "placed_new.html",
        422 if faults else 200,
        flows={flow.name: group_title(flow.name) for flow in placing_flows(project)},
        flow=flow,
        title=group_title(flow.name) if flow is not None else "",
        zone=project.zone_of(),
        typed=defaultdict(str, typed),
        faults={name: f"{fault.problem}. {fault.cure}" for name, fault in faults.items()},
    )


@router.post("/calls/placed")
async def place_call(request: Request, console: TheConsole, session: CanChange) -> Response:
    """Request a call, or show the form again with its errors. A form that is sent twice requests only one call."""
    form = await request.form()
    typed = {name: str(value) for name, value in form.items()}
    project = (await console.read_project()).project
    flow = next((flow for flow in placing_flows(project) if flow.name == typed.get("flow")), None)
    if flow is None:
        fault = {"flow": RefusedRequest("flow", "this line places no calls", "Choose another one.")}
        return _form(request, project, None, typed, fault)
    try:
        wanted = _wanted(flow, typed, session, project.zone_of(), is_virtual=console.incoming is not None)
        row = checked(
            wanted, project.flows, console.settings.dial_allow, datetime.now(UTC), wait_keys(console.settings)
        )
    except RefusedRequest as error:
        return _form(request, project, flow, typed, {fault.where: fault for fault in error.faults})
    (stored,) = await (await console.opened_store()).placed.add([row])
    if stored.digest != row.digest:
        message = "this form has already placed another call"
        fault = {"form": RefusedRequest("form", message, "Check it, and send it again.")}
        return _form(request, project, flow, typed | {"key": secrets.token_hex(16)}, fault)
    address = f"/calls/placed/{stored.id}"
    if stored.id != row.id:
        return RedirectResponse(address, 303)
    said = f"A call to {readable(row.number)} is requested."
    change = Change("call requested", said, address, UndoRequest(f"{address}/cancel"))
    return await record(request, change, flow=flow.name, placed=row.id)


def _wanted(
    flow: Flow, typed: Mapping[str, str], session: ConsoleSession, zone: ZoneInfo, *, is_virtual: bool
) -> WantedCall:
    """Leave out an empty field of a param with a default. Raises RefusedRequest."""
    values = {name.removeprefix("with."): text for name, text in typed.items() if name.startswith("with.")}
    values = {
        name: in_zone(text, flow.params[name].type, zone) if name in flow.params else text
        for name, text in values.items()
        if text or name not in flow.params or not flow.params[name].has_default
    }
    return WantedCall(
        flow=flow.name,
        to=typed.get("to", ""),
        values=values,
        at=_moment(typed.get("at", ""), zone),
        expires_s=None,
        origin="console",
        owner=session.name,
        key=typed.get("key", ""),
        keeps_hours=not is_virtual,
    )


def _moment(text: str, zone: tzinfo) -> datetime | None:
    """Return None if the field is empty. Raises RefusedRequest."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            raise ValueError(text)
        return moment.replace(tzinfo=zone)
    except ValueError as error:
        raise RefusedRequest("at", "is not a date and a time", "Choose both, or leave the field empty.") from error


def _known(row: PlacedRow | None) -> PlacedRow:
    """Raises HTTPException."""
    if row is None:
        raise HTTPException(404, "there is no such call")
    return row


@router.get("/calls/placed/{id_}")
async def placed_call(request: Request, console: TheConsole, id_: PlacedId, _: CanLook) -> Response:
    placed = (await console.opened_store()).placed
    row = _known(await placed.get(id_))
    control = await placed.control()
    project = (await console.read_project()).project
    now = datetime.now(UTC)
    flow = project.flows.get(row.flow)
    return render(
        request,
        "placed_call.html",
        call=_shown(row, now, project, is_paused=control.paused_at is not None),
        real_phone=why_later(flow, row.number, now) if flow is not None and flow.outbound is not None else "",
        params=_public_params(row, flow),
        flow=flow,
        attempts=[_shown_attempt(attempt) for attempt in await placed.attempts(id_)],
        person=row.number,
        tables=await tables_of_number(console, project, row.number),
    )


def _public_params(row: PlacedRow, flow: Flow | None) -> dict[str, Any]:
    """Leave out sensitive params; return none if the flow no longer exists."""
    stored = orjson.loads(row.params) if row.params and flow is not None else {}
    known = flow.params if flow is not None else {}
    return {name: value for name, value in stored.items() if name in known and not known[name].sensitive}


def _shown_attempt(attempt: AttemptRow) -> dict[str, Any]:
    is_over = attempt.state == "over"
    return dict(PlacedAttempt.of(attempt)) | {
        "plain": OUTCOMES.get(attempt.outcome, attempt.outcome) if is_over else ATTEMPT_STATES[attempt.state],
        "result": RESULTS.get(attempt.outcome, "missed") if is_over else "open",
        "call": session_id(attempt.leg, None) if attempt.leg and attempt.answered_at is not None else "",
    }


@router.post("/calls/placed/{id_}/cancel")
async def cancel_call(request: Request, console: TheConsole, id_: PlacedId, _: CanChange) -> Response:
    """Cancel a waiting call; the server hangs up one that is in progress."""
    before = _known(await (await console.opened_store()).placed.cancel(id_, milliseconds(datetime.now(UTC))))
    address = f"/calls/placed/{id_}"
    if not before.can_be_cancelled:
        return RedirectResponse(address, 303)
    change = Change("placed call cancelled", "A call that was requested is cancelled.", address)
    return await record(request, change, placed=id_)


@router.post("/calls/placed/{id_}/now")
async def call_now(request: Request, console: TheConsole, id_: PlacedId, _: CanChange) -> Response:
    """Make a waiting call due now, at any hour. Only where the phone in the console rings, and no real one."""
    if console.incoming is None:
        raise HTTPException(409, "only calls that ring in the console can be placed at any hour")
    placed = (await console.opened_store()).placed
    row = _known(await placed.get(id_))
    now = milliseconds(datetime.now(UTC))
    await placed.postpone([(row, now, "")], now)
    return RedirectResponse(f"/calls/placed/{id_}", 303)


@router.post("/calls/placed/pause")
async def pause(
    request: Request, console: TheConsole, session: CanChange, reason: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Place no calls, on any host, until somebody resumes."""
    now = milliseconds(datetime.now(UTC))
    await (await console.opened_store()).placed.pause(now, session.shown_name, reason.strip())
    why = f": {reason.strip()}" if reason.strip() else ""
    undo = UndoRequest("/calls/placed/resume", {"at": str(now)})
    change = Change("placing paused", f"No calls are placed{why}.", "/calls/placed", undo)
    return await record(request, change, reason=reason.strip())


@router.post("/calls/placed/resume")
async def resume(request: Request, console: TheConsole, _: CanChange, at: Annotated[int, Form()] = 0) -> Response:
    """End the pause that began at `at` (0: any)."""
    placed = (await console.opened_store()).placed
    check_undo(is_possible=at in (0, (await placed.control()).paused_at))
    await placed.resume()
    return await record(request, Change("placing resumed", "Calls are placed again.", "/calls/placed"))
