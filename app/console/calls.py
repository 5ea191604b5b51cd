"""Recorded calls: a searchable list, and each call as a conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

from app.console.access import CanChange, CanLook
from app.console.audit import audit
from app.console.conversation import conversation
from app.console.messages import shown
from app.console.pages import render, view_of
from app.console.phone.repetition import CannotRepeat, recorded_of
from app.console.placed import placing_flows
from app.console.polled import PolledRoute
from app.console.state import Console, TheConsole, console_of
from app.engine.session import from_json
from app.errors import StoreError
from app.flow.model import Project
from app.service.call_report import zone_of
from app.service.call_results import RESULTS, CallResult, results_of
from app.service.phone_numbers import dialable, is_number
from app.service.recorded_calls import (
    call_document,
    csv_text,
    duration_text,
    hook_document,
    json_object,
    spoken_in,
    state_of,
)
from app.service.recordings import name_of_caller
from app.service.replay import replay
from app.store import CallFilter, CallRow, RecordingFilter, Records, Timeline, milliseconds

router = APIRouter(route_class=PolledRoute)

PAGE: Final = 50
"""Number of calls per page."""
MOST_EXPORTED: Final = 10_000
"""Maximum number of calls in a CSV or JSON file."""
PERIODS: Final[Mapping[str, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
STATES: Final = {
    "": "all",
    "missed": "missed",
    "message": "left a message",
    "person": "answered by a person",
    "open": "in progress",
    "failed": "something failed",
}
"""The names of the call filters."""
MOST_JUDGED: Final = 5_000
"""Maximum number of calls to examine in a search for a result."""
_ID: Final = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|CON-[0-9a-f-]+")
_CSV_COLUMNS: Final = ("id", "began_at", "from", "to", "flow", "state", "step", "failed", "seconds", "turns", "words")


class CallSearch(BaseModel):
    """The filters of the list of calls, as in the URL's query."""

    q: Annotated[str, Query(max_length=200)] = ""
    """A number or a part of it, the name of a caller or a flow, spoken words, or the start of an ID."""
    flow: Annotated[str, Query(max_length=100)] = ""
    state: Literal["", "open", "missed", "message", "person", "failed"] = ""
    since: Literal["", "today", "hour", "day", "week", "month"] = ""
    before: Annotated[int | None, Query(ge=0, lt=1 << 63)] = None
    """The key of the call after which the page starts."""

    def filter(self, now: datetime, zone: tzinfo) -> CallFilter:
        """The store's filter, with days in a time zone."""
        text = self.q.strip()
        number = re.sub(r"\D", "", text).lstrip("0") if is_number(text) else ""
        today = datetime.combine(now.astimezone(zone).date(), time(), zone)
        begin = today if self.since == "today" else now - PERIODS.get(self.since, timedelta())
        since = milliseconds(begin) if self.since else 0
        return CallFilter(
            number,
            self.flow.strip(),
            since,
            is_open=self.state == "open",
            has_failed=self.state == "failed",
            word="" if number else text,
        )

    def address(self, **changed: object) -> str:
        """The query of this list's URL, with some values replaced."""
        values = {name: value for name, value in (self.model_dump() | changed).items() if value not in ("", None)}
        return f"?{urlencode(values)}" if values else ""


Search: TypeAlias = Annotated[CallSearch, Query()]


async def _find(
    records: Records, search: CallSearch, limit: int, now: datetime, project: Project
) -> list[tuple[CallRow, CallResult | None]]:
    """The calls that match a search, with their results, newest first.

    If the search text is an ID, the calls with that ID, otherwise those that match the filters. The legs of called
    parties have no result. A search for a result looks at the newest `MOST_JUDGED` calls only.
    """
    if _ID.fullmatch(search.q.strip()) and (named := await records.calls_like(search.q.strip(), limit)):
        known = await results_of(records, project.flows, [row.key for row in named], milliseconds(now))
        return [(row, known.get(row.key)) for row in named]
    wanted = search.filter(now, zone_of(project))
    before = search.before
    by_result = search.state if search.state in RESULTS and search.state != "open" else ""
    found: list[tuple[CallRow, CallResult | None]] = []
    judged = 0
    while len(found) < limit and (not by_result or judged < MOST_JUDGED):
        rows = await records.calls(limit, before, wanted)
        meant = await _meant(records, rows, wanted, project)
        known = await results_of(records, project.flows, [row.key for row in meant], milliseconds(now))
        pairs = [(row, known.get(row.key)) for row in meant]
        found += [(row, result) for row, result in pairs if not by_result or (result and result.result == by_result)]
        judged += len(rows)
        if len(rows) < limit:
            break
        before = rows[-1].key
    return found[:limit]


async def _meant(records: Records, rows: Sequence[CallRow], wanted: CallFilter, project: Project) -> list[CallRow]:
    """The calls that contain the search text in their numbers, the caller's name, flow or spoken words.

    The store also finds it in hidden parts, such as URLs and field names.
    """
    if not rows or not (wanted.word or wanted.number):
        return list(rows)
    word = wanted.word.casefold()
    holding = await records.holding(wanted.word, rows[-1].key, rows[0].key) if word else []
    saying = await run_in_threadpool(
        lambda: {key for key, body in holding if any(word in text.casefold() for text in spoken_in(body))}
    )

    def is_meant(row: CallRow) -> bool:
        document = call_document(row, 0)
        if wanted.number:
            return any(wanted.number in re.sub(r"\D", "", document[end]) for end in ("from", "to"))
        names = (*(document[part] for part in ("from", "to", "flow")), _caller_name(row, project))
        return row.key in saying or any(word in name.casefold() for name in names)

    return [row for row in rows if is_meant(row)]


def _request_of(row: CallRow) -> str:
    """The ID of the placed call that a recorded call belongs to; "" for any other call."""
    return str(json_object(row.session.state).get("call", {}).get("request", ""))


def _caller_name(row: CallRow, project: Project) -> str:
    """The caller's name in the flow; "" if unknown or sensitive."""
    try:
        session = from_json(row.session.state)
    except ValueError:
        return ""
    flow = project.flows.get(session.at or session.flow)
    return name_of_caller(flow, session) if flow else ""


def plain_state(call: CallResult) -> str:
    """The result of a call, in the owner's words."""
    step = call.step.replace("_", " ")
    match call.result:
        case "open":
            return "on the line now"
        case "person":
            spoken = "on the line"
            if call.ended_at is not None and call.person_at is not None:
                spoken = f"spoke {duration_text((call.ended_at - call.person_at) / 1000)}"
            return f"{spoken} with {step}" if step else spoken
        case "message":
            return "left a message"
        case "served":
            return "served by the menu"
        case "lost":
            return "end not known"
    if not call.flow:
        return "no flow takes this number"
    if call.rang:
        return "nobody answered"
    return f"hung up in the {step}" if step.endswith("menu") else f"hung up at “{step}”" if step else "hung up"


def _documents(
    found: Sequence[tuple[CallRow, CallResult | None]], now_ms: int, project: Project
) -> list[dict[str, Any]]:
    documents = [
        (call_document(call, now_ms) | {"name": _caller_name(call, project), "request": _request_of(call)}, result)
        for call, result in found
    ]
    return [
        {
            **each,
            "words": state_of(each),
            "took": duration_text(each["seconds"]),
            "result": result.result if result else "",
            "plain": plain_state(result) if result else "a called party" if each["parent"] else "placed by this line",
        }
        for each, result in documents
    ]


@router.get("/calls")
async def calls(request: Request, console: TheConsole, search: Search, _: CanLook) -> Response:
    """The list, or only its rows if the page polls for changes: all polling pages get the same rows."""
    if not request.headers.get("hx-request"):
        return await _listed(request, search, "calls.html")
    headers = {"HX-Replace-Url": f"/calls{search.address()}"}
    if search.q or not request.state.version:
        return await _listed(request, search, "calls_rows.html", headers)

    async def rows() -> bytes:
        return bytes((await _listed(request, search, "calls_rows.html")).body)

    key = ("calls", search.address(), request.state.version, view_of(request))
    body = await console.lists.get(key, rows)
    return HTMLResponse(body, headers=headers)


async def _listed(
    request: Request, search: CallSearch, template: str, headers: Mapping[str, str] | None = None
) -> Response:
    console = console_of(request)
    now = datetime.now(UTC)
    found = list[tuple[CallRow, CallResult | None]]()
    project = (await console.read_project()).project
    is_memory = console.settings.has_memory_store
    if not is_memory:
        async with console.records() as records:
            found = await _find(records, search, PAGE + 1, now, project)
    page = render(
        request,
        template,
        search=search,
        calls=_documents(found[:PAGE], milliseconds(now), project),
        older=search.address(before=found[PAGE - 1][0].key) if len(found) > PAGE else "",
        states=STATES,
        periods=("today", *PERIODS),
        flows=sorted(project.flows),
        places_calls=bool(placing_flows(project)),
        is_memory=is_memory,
    )
    page.headers.update(headers or {})
    return page


async def _exported(console: Console, search: CallSearch) -> list[dict[str, Any]]:
    """The calls for a CSV or JSON file. Raises StoreError."""
    now = datetime.now(UTC)
    project = (await console.read_project()).project
    async with console.records() as records:
        found = await _find(records, search, MOST_EXPORTED, now, project)
        return _documents(found, milliseconds(now), project)


@router.get("/calls.json")
async def calls_json(console: TheConsole, search: Search, _: CanLook) -> Response:
    """The calls of the list as a JSON file."""
    return JSONResponse({"calls": await _exported(console, search)})


@router.get("/calls.csv")
async def calls_csv(console: TheConsole, search: Search, _: CanLook) -> Response:
    """The calls of the list as a CSV file. Cells that a spreadsheet could read as formulas begin with an apostrophe."""
    text = csv_text(_CSV_COLUMNS, await _exported(console, search))
    headers = {"content-disposition": "attachment; filename=calls.csv"}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/calls/{name:path}/keep")
async def keep_call(request: Request, console: TheConsole, name: str, session: CanChange) -> Response:
    """Write a call into tests/scenarios/, for `ncco test`; 422 with the reason if that is impossible."""
    async with console.records() as records:
        timeline = await records.timeline(name)
    if timeline is None:
        raise HTTPException(404, "there is no such call")
    try:
        call = recorded_of(timeline)
        values = {"folder": console.project.as_values(), "dial_allow": console.settings.policy().dial_allow}
        kept = await console.phone_calls.ask(request, session, "keep_recorded", recorded=call, **values)
    except CannotRepeat as error:
        return render(request, "call_kept.html", 422, problem=str(error), kept=None)
    except HTTPException as error:
        return render(request, "call_kept.html", error.status_code, problem=error.detail, kept=None)
    audit(request, "scenario kept", file=kept["path"])
    return render(request, "call_kept.html", problem="", kept=kept)


@router.get("/calls/{name:path}")
async def call(request: Request, console: TheConsole, name: str, session: CanLook, replayed: bool = False) -> Response:
    """One call as a conversation; with `replayed`, compared with today's flow."""
    now_ms = milliseconds(datetime.now(UTC))
    try:
        async with console.records() as records:
            found = await records.calls_like(name, 2)
            timeline = await records.timeline(found[0].session.id) if len(found) == 1 else None
            project = (await console.read_project()).project
            results = await results_of(records, project.flows, [row.key for row in found], now_ms)
    except StoreError as error:
        return render(request, "call_missing.html", 503, name=name, problem=str(error))
    if timeline is None:
        problem = "several calls begin with this" if found else "there is no such call"
        return render(request, "call_missing.html", 404, name=name, problem=problem)
    (document,) = _documents([(timeline.call, results.get(timeline.call.key))], now_ms, project)
    recordings = (await console.opened_store()).recordings
    kept = await recordings.list(PAGE, wanted=RecordingFilter(session=timeline.call.session.id))
    return render(
        request,
        "call.html",
        call=document,
        call_back=dialable(document["from"]),
        entries=conversation(timeline),
        recordings={row.uuid: shown(row) for row in kept},
        hooks=[hook_document(hook) for hook in timeline.hooks],
        turns=await run_in_threadpool(_replayed, console, timeline) if replayed else None,
        has_key=bool(console.settings.private_key.get_secret_value()),
        may_change=session.role == "change",
        can_keep=session.role == "change" and bool(timeline.call.session.flow),
    )


def _replayed(console: Console, timeline: Timeline) -> dict[str, Any]:
    """The turns that today's flow plays for the recorded inputs, or why they cannot be played."""
    name = timeline.call.session.flow
    flow = console.project.current().project.flows.get(name)
    if flow is None:
        return {"problem": f"the flow {name} is no longer in the project, or has errors", "turns": []}
    turns = list(replay(timeline, flow, console.settings.policy()))
    return {"problem": "", "turns": turns}
