"""The *Phone* page: call a flow or an NCCO in the browser, act as the caller, and see each decision."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, PlainValidator

from ncco_server.flow.files import MAX_FILE_BYTES
from ncco_server.sample_calls import FROM
from ncco_studio.console.access import CanChange, CanLook
from ncco_studio.console.change.draft import FileChange, diff_lines, save
from ncco_studio.console.editor import ask, check_size
from ncco_studio.console.history import Change, record
from ncco_studio.console.pages import render, view_of
from ncco_studio.console.phone.incoming import PREFIX, Choice, IncomingCalls
from ncco_studio.console.phone.world import CallRequest, World
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.console.state import TheConsole, console_of
from ncco_studio.console.stored_rows import rows_for_call
from ncco_studio.editor import language
from ncco_studio.editor.project import CannotSave, ProjectFolder, ReadProject, digest_of
from ncco_studio.editor.source import PASTED, PhoneText, Playable, dialled_in, read_source
from ncco_studio.verify.played_call import FOR_PHONES
from ncco_studio.verify.scenarios.answers import lookups_of
from ncco_studio.verify.scenarios.fitting import env_names
from ncco_studio.verify.scenarios.script import NotAStep, step_of

router = APIRouter()

KEYS: Final = (
    ("1", ""), ("2", "ABC"), ("3", "DEF"), ("4", "GHI"), ("5", "JKL"), ("6", "MNO"),
    ("7", "PQRS"), ("8", "TUV"), ("9", "WXYZ"), ("*", ""), ("0", "+"), ("#", ""),
)  # fmt: skip
MOST_CHARACTERS: Final = 2_000


@router.get("/phone")
async def phone(
    request: Request,
    console: TheConsole,
    session: CanLook,
    *,
    file: str = "",
    flow: str = "",
    line: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Show a file: the given one, that of a given flow, or that of a flow that calls reach."""
    read = await console.read_project()
    flows = read.project.flows
    preferred = sorted(
        flows.values(), key=lambda each: (not each.default, not each.numbers, not each.is_startable, each.name)
    )
    known = [flows[flow].place.file] if flow in flows else [each.place.file for each in preferred]
    shown = file if file in read.texts else next(iter([*known, *sorted(read.texts)]), PASTED[0])
    playable = await asyncio.to_thread(read_source, console.project, PhoneText(file=shown))
    return render(
        request,
        "phone.html",
        **_opened(console.project, session, read, shown),
        files=sorted(read.texts),
        lines=[each for each in preferred if each.is_startable],
        line=line,
        keys=KEYS,
        **_setup_values(playable),
    )


def _opened(folder: ProjectFolder, session: ConsoleSession, read: ReadProject, file: str) -> Mapping[str, str]:
    """Return why the file cannot be saved, or ""; it is also "" in a session without the right to change.

    A file outside the project is empty.
    """
    text = read.texts.get(file)
    is_checked = text is not None and session.role == "change"
    return {
        "file": file,
        "text": text or "",
        "digest": digest_of(text or ""),
        "blocked": folder.blocked(file) if is_checked else "",
    }


@router.get("/phone/text")
async def text_of(console: TheConsole, session: CanLook, file: str) -> Mapping[str, str]:
    read = await console.read_project()
    if file not in read.texts:
        raise HTTPException(404, f"{file} is not a file in this project")
    return _opened(console.project, session, read, file)


class SaveRequest(BaseModel):
    """A text to save. `digest` is that of the text that was opened."""

    file: str
    text: str = Field(max_length=MAX_FILE_BYTES)
    digest: str


@router.post("/phone/diff")
async def diff(request: Request, console: TheConsole, _: CanChange, wanted: SaveRequest) -> Response:
    before = (await console.read_project()).texts.get(wanted.file, "")
    return render(request, "phone_diff.html", lines=diff_lines(before, wanted.text))


@router.post("/phone/save")
async def save_text(request: Request, console: TheConsole, session: CanChange, wanted: SaveRequest) -> Response:
    """Save a file of the project, even with errors. In that case, `problem` says which flows answer calls.

    A text that takes too long to read is not saved.
    """
    await check_size(request, session, wanted.file, wanted.text)
    read = await console.read_project()
    draft = FileChange.between(read, wanted.file, read.texts.get(wanted.file, ""), wanted.text)
    try:
        change = await asyncio.to_thread(save, request, draft, wanted.text, wanted.digest)
    except CannotSave as error:
        raise HTTPException(409, f"{error}; {error.cure}") from error
    problem = console.project.latest.unreleased(wanted.file)
    saved = {"file": wanted.file, "digest": digest_of(wanted.text), "problem": problem}
    offered = {"said": change.said, "undo": change.undo}
    return await record(request, change, JSONResponse(saved | offered), file=wanted.file)


@router.post("/phone/setup")
async def setup(request: Request, console: TheConsole, session: CanLook, source: PhoneText) -> Response:
    """Show the flows that can be called, the dialled addresses, the lookups and the issues of a text."""
    await _check_time(request, session, source)
    playable = await asyncio.to_thread(read_source, console.project, source)
    return render(request, "phone_setup.html", **_setup_values(playable))


@router.post("/phone/picture")
async def picture(request: Request, session: CanLook, source: PhoneText) -> Response:
    """Send the reason if there is no picture; nothing while the text has errors."""
    for_owners = view_of(request) == "owner"
    drawn = await ask(request, session, language.picture, source=source.model_dump(), for_owners=for_owners)
    return Response(drawn, media_type="text/html")


async def _check_time(request: Request, session: ConsoleSession, source: PhoneText) -> None:
    """Let the subprocess check whether a text that may be unsaved takes too long. Raises HTTPException."""
    if source.text is not None:
        await ask(request, session, language.read, source=PhoneText(file=source.file, text=source.text).model_dump())


def _setup_values(playable: Playable) -> dict[str, object]:
    definitions = lookups_of(playable.project.flows.values() if playable.project is not None else ())
    return {
        "playable": playable,
        "lookups": {name: definition for (_, name), definition in definitions.lookups.items()},
        "dialled": dialled_in(playable.project) if playable.project is not None else [],
        "outcomes": {each: language.WAYS[each] for each in FOR_PHONES},
        "env": env_names(each for flow in playable.startable for each in (flow, *flow.subs.values())),
        "caller": FROM,
    }


@router.post("/phone/calls")
async def place(request: Request, console: TheConsole, session: CanLook, wanted: CallRequest) -> Response:
    await _check_time(request, session, wanted)
    return await _played(
        request,
        session,
        "place",
        folder=console.project.as_values(),
        wanted=wanted.model_dump(mode="json"),
        dial_allow=console.settings.dial_allow,
        by_hand=[*(await console.hand_hours(datetime.now(UTC))).items()],
    )


async def _played(request: Request, session: ConsoleSession, method: str, **values: Any) -> Response:
    """If the step was not possible, the reason is shown too."""
    console = console_of(request)
    if values.get("id_", "").startswith(PREFIX):
        return await _incoming(request, session, values["id_"], values.get("step"))
    rows = partial(rows_for_call, console, session)
    call = await console.phone_calls.ask(request, session, method, answer=rows, **values)
    can_keep = call["can_be_kept"] and session.role == "change"
    return _show(request, call, can_keep=can_keep)


def _show(request: Request, call: Mapping[str, Any], *, can_keep: bool = False, incoming: str = "") -> Response:
    """`incoming` is the uuid of a call that the server has placed. What `call` does not have is blank."""
    values = {"can_keep": can_keep, "incoming": incoming}
    return render(request, "phone_call.html", call=defaultdict(str, call), outcomes=language.WAYS, **values)


async def _incoming(request: Request, session: ConsoleSession, id_: str, step: Any) -> Response:
    calls = _calls_of(request)
    if step is not None and session.role != "change":
        raise HTTPException(403, "To answer calls that the server places, log in with a password that allows changes.")
    call = await (calls.show(id_) if step is None else calls.do(id_, step))
    return _show(request, call, incoming=id_.removeprefix(PREFIX))


def _calls_of(request: Request) -> IncomingCalls:
    """Raise HTTPException."""
    calls = console_of(request).incoming
    if calls is None:
        raise HTTPException(404, "calls that the server places do not ring here")
    return calls


@router.get("/phone/ringing")
async def ringing(request: Request, _: CanLook) -> Response:
    return render(request, "phone_ringing.html", ringing=_calls_of(request).ringing())


@router.post("/phone/ringing/{uuid}/{choice}")
async def choose(request: Request, _: CanChange, uuid: str, choice: Choice) -> Response:
    """Answer a ringing call, which opens the phone, or do something else with it."""
    calls = _calls_of(request)
    await calls.choose(uuid, choice)
    response = render(request, "phone_ringing.html", ringing=calls.ringing())
    if choice in ("answer", "mailbox"):
        response.headers["HX-Redirect"] = f"/phone?{urlencode({'call': f'{PREFIX}{uuid}'})}"
    return response


def _read_step(value: object) -> object:
    if len(str(value)) > MOST_CHARACTERS:
        raise ValueError(f"a step has at most {MOST_CHARACTERS} characters")
    try:
        step_of(value)
    except NotAStep as error:
        raise ValueError(str(error)) from error
    return value


class StepRequest(BaseModel):
    """A step of the caller or a called party, as in a script, `at` a time in seconds since the answer; None for now.

    Without a step, the call goes on until `at`; None for the next wait for the caller.
    """

    step: Annotated[Any, PlainValidator(_read_step)] = None
    at: float | None = Field(None, ge=0, le=1e6)


@router.post("/phone/calls/{id_}/steps")
@router.post("/phone/calls/{id_}/advance")
async def do_step(request: Request, session: CanLook, id_: str, wanted: StepRequest) -> Response:
    """Press, speak, be silent, leave a message, hang up, decide what the called party does, or let time pass."""
    return await _played(request, session, "step", id_=id_, step=wanted.step, at=wanted.at)


@router.post("/phone/calls/{id_}/world")
async def change_world(request: Request, session: CanLook, id_: str, world: World) -> Response:
    """Change the called parties and the results of lookups from now on."""
    return await _played(request, session, "change_world", id_=id_, world=world.model_dump())


@router.get("/phone/calls/{id_}/turns/{number}")
async def turn(request: Request, console: TheConsole, session: CanLook, id_: str, number: int) -> Response:
    base_url = console.settings.base_url
    why = await console.phone_calls.ask(request, session, "explain", id_=id_, number=number, base_url=base_url)
    return render(request, "phone_turn.html", why=why)


@router.post("/phone/calls/{id_}/keep")
async def keep(request: Request, console: TheConsole, session: CanChange, id_: str) -> Response:
    """Save the call in tests/scenarios/ for `ncco test`."""
    kept = await console.phone_calls.ask(request, session, "keep", id_=id_, folder=console.project.as_values())
    change = Change("scenario kept", f"{kept['path']} is saved.", "/phone")
    return await record(request, change, JSONResponse(kept), file=kept["path"])
