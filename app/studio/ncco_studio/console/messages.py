"""Messages from callers: listening, marking as done, deleting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from ncco_server.desk.documents import RecordingDocument
from ncco_server.desk.exports import recording_pages
from ncco_server.errors import StoreError
from ncco_server.service.overview import BOXES, Box
from ncco_server.service.phone_numbers import readable
from ncco_server.service.recording_files import in_thread, size_of
from ncco_server.store import RecordingRow, milliseconds
from ncco_studio.console.access import CanChange, CanLook
from ncco_studio.console.audit import audit
from ncco_studio.console.download import audio_response, csv_response
from ncco_studio.console.history import Change, UndoRequest, check_undo, record
from ncco_studio.console.pages import render
from ncco_studio.console.polled import PolledRoute
from ncco_studio.console.state import Console, TheConsole

router = APIRouter(route_class=PolledRoute)

PAGE: Final = 50
MOST_WORDS: Final = 500
"""Characters of a transcript on the *Messages* page; the call's page shows all."""
Action: TypeAlias = Literal["done", "to-do", "delete", "restore", "fetch"]
_SAID: Final[Mapping[Action, tuple[str, Action | None]]] = {
    "done": ("is done", "to-do"),
    "to-do": ("is back under To do", None),
    "delete": ("is deleted", "restore"),
    "restore": ("is restored", None),
    "fetch": ("is fetched again", None),
}
"""What is said of a message after an action, and which one takes it back."""
Use: TypeAlias = Literal["heard", "downloaded"]
MessageId: TypeAlias = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


def shown(row: RecordingRow, *, is_short: bool = False) -> dict[str, Any]:
    """If `is_short`, show only the first words of the transcript."""
    words = " ".join(row.transcript.split()) if is_short else row.transcript
    number = readable(row.from_number, row.to_number) or "Withheld number"
    length = None if row.duration_ms is None else divmod(round(row.duration_ms / 1000), 60)
    told = {
        "who": row.caller_name or number,
        "number": number if row.caller_name else "",
        "about": row.about or readable(row.to_number, row.to_number),
        "at": row.started_at or row.created_at,
        "lasts": "{}:{:02}".format(*length) if length else "",
        "state": row.state,  # also of a deleted message, which can still be played
        "words": f"{words[:MOST_WORDS]}…" if is_short and len(words) > MOST_WORDS else words,
        "is_new": row.heard_at is None and row.done_at is None,
    }
    return dict(RecordingDocument.of(row, milliseconds(datetime.now(UTC)))) | told


@router.get("/messages")
async def messages(
    request: Request,
    console: TheConsole,
    _: CanLook,
    box: Box = "new",
    before: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
) -> Response:
    """Show the list of messages, or only its rows if the page polls for changes."""
    values = await inbox_values(console, box, before)
    return render(request, "messages_rows.html" if request.headers.get("hx-request") else "messages.html", **values)


async def inbox_values(console: Console, box: Box = "new", before: str = "", few: int = 0) -> dict[str, Any]:
    """The values for `messages_rows.html`; with `few`, only the newest messages. Raises StoreError."""
    inbox = await console.overview.inbox(box, few or PAGE, before)
    if inbox is None:
        raise HTTPException(404, "The messages before this page were deleted. Choose the newest ones.")
    return {
        "box": box,
        "before": before,
        "few": few,
        "messages": [shown(row, is_short=True) for row in inbox.messages],
        "older": inbox.older,
        "counts": inbox.counts,
    }


TITLES: Final = {
    **{"at": "When", "from": "Caller", "caller_name": "Name", "about": "For", "length_s": "Length, seconds"},
    **{"words": "Message", "done_at": "Done", "done_by": "Done by"},
}


@router.get("/messages.csv")
async def messages_csv(request: Request, console: TheConsole, _: CanLook, box: Box = "new") -> Response:
    recordings = (await console.opened_store()).recordings
    pages = recording_pages(recordings, BOXES[box], _cells, milliseconds(datetime.now(UTC)))
    zone = (await console.read_project()).project.zone_of()
    return await csv_response(request, "messages", TITLES, pages, zone, name="messages", box=box)


def _cells(row: RecordingRow, _: int) -> dict[str, Any]:
    length_s = None if row.duration_ms is None else round(row.duration_ms / 1000)
    return shown(row) | {"from": readable(row.from_number, row.to_number) or "withheld", "length_s": length_s}


@router.get("/messages/count")
async def count(console: TheConsole, _: CanLook) -> Response:
    """Return "" if the number of new messages is unknown."""
    try:
        counts = await (await console.opened_store()).recordings.count()
    except StoreError:
        return Response(status_code=204)
    return HTMLResponse(f'<span class="badge count">{counts.new:,}</span>' if counts.new else "")


@router.get("/messages/{id_}/audio")
async def audio(
    request: Request, console: TheConsole, id_: MessageId, session: CanLook, use: Use = "heard"
) -> Response:
    """Send the audio of a message, or a part of it, and mark the message as heard."""
    recordings = (await console.opened_store()).recordings
    files = console.recording_files
    row = await recordings.get(id_)
    if row is None or row.state != "kept" or files is None:
        raise HTTPException(404, "This message has no audio.")
    try:
        file = await in_thread(files.open, id_)
        size = await in_thread(size_of, file)
    except FileNotFoundError as error:
        problem = "The audio of this message is lost on the server; Vonage may still have it."
        raise HTTPException(410, problem) from error
    except OSError as error:
        raise HTTPException(503, f"This message cannot be played now: {error}.") from error
    if row.heard_at is None:
        await recordings.mark_heard(id_, milliseconds(datetime.now(UTC)), session.by)
    part = request.headers.get("range", "bytes=0-")[:100]
    where: dict[str, Any] = {} if part.startswith("bytes=0-") else {"part": part}  # the player continues or skips
    audit(request, f"message {use}", message=id_, **where)
    disposition = f"{'attachment' if use == 'downloaded' else 'inline'}; filename={row.file_name}"
    headers = {"content-disposition": disposition, "cache-control": "private, no-store"}
    return audio_response(file, size, request.headers.get("range", ""), row.content_type, headers)


@router.post("/messages/{id_}/{action}")
async def change(
    request: Request,
    console: TheConsole,
    id_: MessageId,
    action: Action,
    session: CanChange,
    *,
    at: Annotated[int, Form()] = 0,
) -> Response:
    """Mark a message as done, delete it (which can be undone for a day), or undo what was done `at` (0: any time)."""
    recordings = (await console.opened_store()).recordings
    now = milliseconds(datetime.now(UTC))
    by = session.by
    row = await recordings.get(id_)
    if at and row:
        check_undo(is_possible=at == (row.done_at if action == "to-do" else row.deleted_at))
    match action:
        case "done" | "to-do":
            is_there = await recordings.mark_done(id_, now if action == "done" else None, by)
        case "delete" | "restore":
            is_there = await recordings.mark_deleted(id_, now if action == "delete" else None, by)
        case "fetch":
            is_there = await _fetch_again(console, id_)
    if not is_there or row is None:
        raise HTTPException(404, "This message was deleted for good.")
    return await record(request, change_of(action, row, now), message=id_)


def change_of(action: Action, row: RecordingRow, at: int) -> Change:
    """Its address has the message's ID, so that `ncco forget` finds it."""
    said, opposite = _SAID[action]
    undo = UndoRequest(f"/messages/{row.id}/{opposite}", {"at": str(at)}) if opposite else None
    box = {"done": "done", "delete": "deleted"}.get(action, "new")
    who = row.caller_name or readable(row.from_number) or "a withheld number"
    address = f"/messages?box={box}&message={row.id}"
    return Change(f"message: {action}", f"The message from {who} {said}.", address, undo)


async def _fetch_again(console: Console, id_: str) -> bool:
    try:
        return await console.overview.fetch_again(id_, console.recording_files, datetime.now(UTC))
    except OSError as error:
        raise HTTPException(503, f"This message cannot be fetched now: {error}.") from error
