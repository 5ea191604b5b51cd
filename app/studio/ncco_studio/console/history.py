"""What people change: every action passes through `record`, which logs, records and offers to undo it; and the page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple

import orjson
import structlog
from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from ncco_server.errors import StoreError
from ncco_server.service.phone_numbers import readable
from ncco_server.store import ChangeRow, milliseconds
from ncco_server.store.changes import AFTER_ALL, new_id
from ncco_studio.console.access import FORMS, CanChange
from ncco_studio.console.audit import audit
from ncco_studio.console.pages import render, wants_page
from ncco_studio.console.state import TheConsole, console_of

router = APIRouter()

PAGE: Final = 50
MOST_DIFFERENCES: Final = 100
MOST_LINES: Final = 500
MOST_CHARACTERS: Final = 2_000
"""Of a value or a line of a file."""
MOST_IN_HEADER: Final = 2_000
"""Characters; proxies refuse long headers."""
_NUMBER: Final = re.compile(r"\+\d[\d ().-]{5,}\d")
_NOBODY: Final = ("", "change", "listen")
"""The names of sessions without a name of their own."""


class UndoRequest(NamedTuple):
    """The form that takes a change back: where it is sent, and its fields."""

    address: str
    values: Mapping[str, str] = {}


class Change(NamedTuple):
    """What somebody has changed.

    Attributes:
        event: its name in the log.
        said: for people, as a sentence.
        address: the page that shows it.
        differences: what has changed, the value before, and after; "" for none. Sensitive values are left out.
        lines: of the files, as in `FileChange.lines`.
        keep_ms: how long its row may be kept; 0 for as long as calls.
    """

    event: str
    said: str
    address: str
    undo: UndoRequest | None = None
    differences: Sequence[tuple[str, str, str]] = ()
    lines: Sequence[str] = ()
    keep_ms: int = 0


async def record(request: Request, change: Change, response: Response | None = None, **logged: Any) -> Response:
    """Log and record a change; reply with the sentence that says it, and the request that takes it back.

    A form leads to the page of the change, which says it there; a script gets JSON. A `response` gets it as an event.
    """
    audit(request, change.event, **logged)
    id_ = await _stored(request, change)
    offered = {"said": _as_said(change.said, console_of(request).line), "undo": change.undo}
    if response is not None:
        event = json.dumps({"changed": offered})
        is_short = not id_ or len(event) <= MOST_IN_HEADER
        response.headers["HX-Trigger"] = event if is_short else json.dumps({"changed": {"id": id_}})
        return response
    address = f"{change.address}{'&' if '?' in change.address else '?'}change={id_}" if id_ else change.address
    if "hx-request" in request.headers:
        return Response(headers={"HX-Redirect": address})
    is_form = wants_page(request) or request.headers.get("content-type", "").startswith(FORMS)
    return RedirectResponse(address, 303) if is_form else JSONResponse(offered)


def _as_said(text: str, line: str) -> str:
    """Show numbers as on all pages. They are stored with their country codes, so that `ncco forget` finds them."""
    return _NUMBER.sub(lambda found: readable(re.sub(r"\D", "", found[0]), line), text)


def check_undo(*, is_possible: bool) -> None:
    """Raises HTTPException."""
    if not is_possible:
        raise HTTPException(409, "Nothing is undone: this has changed since. Look at it, and decide again.")


async def _stored(request: Request, change: Change) -> str:
    """Return the ID; "" if it cannot be recorded, which must not undo what is done."""
    console = console_of(request)
    if console.settings.has_memory_store:
        return ""
    row = row_of(change, request.state.session.by, milliseconds(datetime.now(UTC)))
    try:
        await (await console.opened_store()).changes.add(row)
    except StoreError as error:
        structlog.get_logger().warning("change not recorded", event_name=change.event, problem=str(error))
        return ""
    return row.id


def row_of(change: Change, by: str, at: int) -> ChangeRow:
    differences = [[text[:MOST_CHARACTERS] for text in each] for each in change.differences[:MOST_DIFFERENCES]]
    lines = [line[:MOST_CHARACTERS] for line in change.lines[:MOST_LINES]]
    return ChangeRow(
        new_id(at),
        at,
        by,
        change.said,
        change.address,
        orjson.dumps({"differences": differences, "lines": lines}).decode(),
        orjson.dumps([*change.undo]).decode() if change.undo else "",
        at + change.keep_ms if change.keep_ms else None,
    )


@router.get("/history")
async def history(
    request: Request, console: TheConsole, _: CanChange, before: Annotated[str, Query(pattern="^[0-9a-f]{28}$|^$")] = ""
) -> Response:
    """List who changed what. Only people who may change things see it, since it contains what they see."""
    now = milliseconds(datetime.now(UTC))
    rows = await (await console.opened_store()).changes.list(PAGE + 1, now, before or AFTER_ALL)
    return render(
        request,
        "history.html",
        changes=[_shown(row, console.line) for row in rows[:PAGE]],
        older=rows[PAGE - 1].id if len(rows) > PAGE else "",
    )


def _shown(row: ChangeRow, line: str) -> dict[str, Any]:
    by = "" if row.changed_by in _NOBODY else row.changed_by
    said = _as_said(row.said, line)
    return {**row._asdict(), **orjson.loads(row.details), "said": said, "by": by}


@router.get("/history/{id_}")
async def recorded(console: TheConsole, id_: Annotated[str, Path(pattern="^[0-9a-f]{28}$")], _: CanChange) -> Any:
    """What `record` offers, for the page to which a form has led."""
    row = await (await console.opened_store()).changes.get(id_, milliseconds(datetime.now(UTC)))
    if row is None:
        raise HTTPException(404, "This change is no longer kept.")
    return {"said": _as_said(row.said, console.line), "undo": orjson.loads(row.undo) if row.undo else None}
