"""The phone: call a flow or an NCCO in the browser, be the caller, and see what decided."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field, PlainValidator

from app.console import language
from app.console.access import CanChange, CanLook
from app.console.audit import audit
from app.console.editor import ask
from app.console.pages import render
from app.console.phone_call import PhoneCall
from app.console.phone_source import PASTED, PhoneText, Playable, dialled_in, read_source
from app.console.phone_transcript import bubbles_of, explain, hooks_of, marked
from app.console.phone_world import ChosenAnswers, World
from app.console.project import CannotSave, ProjectFolder, ReadProject, digest_of
from app.console.sessions import ConsoleSession
from app.console.state import TheConsole, console_of
from app.console.trial_messages import keep_messages
from app.errors import AppError, StoreError
from app.flow.files import MAX_BYTES
from app.service.phone_numbers import digits_of
from app.verify.kept_call import CannotKeep
from app.verify.played_call import CannotDo, Done
from app.verify.scenarios.answers import lookups_of
from app.verify.scenarios.model import FROM, YEARS, ScenarioCall
from app.verify.scenarios.runner import CannotPlace
from app.verify.scenarios.script import NotAStep, ScriptStep, step_of

router = APIRouter()

OUTCOMES: Final[Mapping[str, str]] = {
    "completed": "answers",
    "busy": "is busy",
    "timeout": "does not answer",
    "machine": "is a machine",
    "rejected": "rejects the call",
    "failed": "cannot be reached",
}
"""What a dialled party can do, in words."""
KEYS: Final = (
    ("1", ""), ("2", "ABC"), ("3", "DEF"), ("4", "GHI"), ("5", "JKL"), ("6", "MNO"),
    ("7", "PQRS"), ("8", "TUV"), ("9", "WXYZ"), ("*", ""), ("0", "+"), ("#", ""),
)  # fmt: skip
MOST_CHARACTERS: Final = 2_000
"""Of a step that somebody does."""


def _own_call(request: Request, session: CanLook, id_: str) -> PhoneCall:
    calls = console_of(request).phone_calls
    call = calls.find(id_, session.id)
    if call is None:
        raise HTTPException(404, "this call is no longer here; call again")
    return call


OwnCall: TypeAlias = Annotated[PhoneCall, Depends(_own_call)]
"""The call that the path names, of this session."""


class CallRequest(PhoneText):
    """A call to place.

    Attributes:
        flow, to, caller: which flow of the text (its first where it has none of this name, since the form is filled in
            later than the text), the called number ("" for that of the flow), who calls; numbers as people write them.
        made_at: when, in the time zone of the flow unless it names an offset; None: now.
        is_live: really ask for lookups. Only of a saved text (`text` is None), and with the right to change.
        again: the id of a call whose steps are repeated; "" for none.
    """

    flow: str = Field("", max_length=200)
    to: str = Field("", max_length=200)
    caller: str = Field(FROM, max_length=200)
    made_at: datetime | None = None
    is_live: bool = False
    world: World = World()
    again: str = ""


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
    """The page, with a file of the project, the file of a flow, or the file of the flow for any number."""
    read = await asyncio.to_thread(console.project.current)
    flows = read.project.flows
    preferred = sorted(flows.values(), key=lambda each: (not each.default, not each.is_startable, each.name))
    known = [flows[flow].place.file] if flow in flows else [each.place.file for each in preferred]
    shown = file if file in read.texts else next(iter([*known, *sorted(read.texts)]), PASTED[0])
    playable = await asyncio.to_thread(read_source, console.project, PhoneText(file=shown))
    return render(
        request,
        "phone.html",
        **_opened(console.project, session, read, shown),
        files=sorted(read.texts),
        line=line,
        keys=KEYS,
        **_setup_values(playable, session),
    )


def _opened(folder: ProjectFolder, session: ConsoleSession, read: ReadProject, file: str) -> Mapping[str, str]:
    """A file for the editor, with its digest, and why it cannot be saved.

    The reason is "" if it can be saved, and in a session that may only look. A file outside the project is empty.
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
    """A file of the project as it is on disk now."""
    read = await asyncio.to_thread(console.project.current)
    if file not in read.texts:
        raise HTTPException(404, f"{file} is not a file of this project")
    return _opened(console.project, session, read, file)


class SaveRequest(BaseModel):
    """A text to write; `digest`: of the text that was opened."""

    file: str
    text: str = Field(max_length=MAX_BYTES)
    digest: str


@router.post("/phone/save")
async def save_text(
    request: Request, console: TheConsole, session: CanChange, wanted: SaveRequest
) -> Mapping[str, str]:
    """Write a file of the project, also one with errors; `problem` then says which flows are called; "" without any.

    A text that takes too long to read is not written.
    """
    folder = console.project
    await ask(request, session, language.read_alone, file=wanted.file, text=wanted.text)
    try:
        await asyncio.to_thread(folder.save, wanted.file, wanted.text, wanted.digest, session.name)
    except CannotSave as error:
        audit(request, "file not saved", is_refused=True, file=wanted.file, problem=str(error))
        raise HTTPException(409, f"{error}; {error.cure}") from error
    audit(request, "file saved", file=wanted.file)
    read = await asyncio.to_thread(folder.current)
    return {"file": wanted.file, "digest": digest_of(wanted.text), "problem": read.unreleased(wanted.file)}


@router.post("/phone/setup")
async def setup(request: Request, session: CanLook, source: PhoneText) -> Response:
    """What can be called in a text, whom it dials, what it looks up, and its issues."""
    playable = await _read(request, session, source)
    return render(request, "phone_setup.html", **_setup_values(playable, session))


@router.post("/phone/picture")
async def picture(request: Request, session: CanLook, source: PhoneText) -> Response:
    """The picture of the flow of a text, or why it has none; empty while the text has errors."""
    drawn = await ask(request, session, language.picture, source=source.model_dump())
    return Response(drawn, media_type="text/html")


async def _read(request: Request, session: ConsoleSession, source: PhoneText) -> Playable:
    """What a text is. Of one that may be unsaved, the subprocess finds out first whether it takes too long.

    Raises HTTPException.
    """
    console = console_of(request)
    if source.text is not None:
        await ask(request, session, language.read, source=PhoneText(file=source.file, text=source.text).model_dump())
    return await asyncio.to_thread(read_source, console.project, source)


def _not_live(session: ConsoleSession, source: PhoneText) -> str:
    """Why a text cannot ask for its lookups; "" if it can."""
    if session.role != "change":
        return "Real services are asked with the password that may change things only."
    if source.text is not None or source.file in PASTED:
        return "Only a saved file of the project asks real services. Save this text first."
    return ""


def _setup_values(playable: Playable, session: ConsoleSession) -> dict[str, object]:
    definitions = lookups_of(playable.project.flows.values()) if playable.project is not None else {}
    return {
        "playable": playable,
        "lookups": {name: definition for (_, name), definition in definitions.items()},
        "dialled": dialled_in(playable.project) if playable.project is not None else [],
        "outcomes": OUTCOMES,
        "caller": FROM,
        "not_live": _not_live(session, playable.source),
    }


@router.post("/phone/calls")
async def place(request: Request, console: TheConsole, session: CanLook, wanted: CallRequest) -> Response:
    """Call; a text with errors gets its issues instead. With `again` the inputs of another call are repeated."""
    if wanted.is_live and (problem := _not_live(session, wanted)):
        audit(request, "services not asked", is_refused=True, file=wanted.file)
        raise HTTPException(403, problem)
    calls = console.phone_calls
    former = calls.find(wanted.again, session.id)
    if former is not None:
        wanted.step, wanted.made_at = former.playable.source.step, wanted.made_at or former.made_at
    playable = await _read(request, session, wanted)
    if not playable.is_ready:
        return render(request, "phone_issues.html", playable=playable)
    if wanted.is_live:
        audit(request, "services asked", file=wanted.file)
    call = await _placed(request, session, wanted, playable)
    await calls.add(call)
    steps: Sequence[Done] = ()
    if former is not None:
        async with former.lock:
            call.former, steps = await asyncio.to_thread(bubbles_of, former), tuple(former.done)

    async def begin() -> None:
        await call.play(0)
        await call.repeat(steps)

    return await _played(request, call, begin)


async def _placed(request: Request, session: ConsoleSession, wanted: CallRequest, playable: Playable) -> PhoneCall:
    """The call that was asked for. Raises HTTPException."""
    console = console_of(request)
    server = console.phone_server
    if server is None:
        raise HTTPException(503, "this console places no calls")
    calls = console.phone_calls
    made_at = wanted.made_at or datetime.now(UTC)
    if made_at.year not in YEARS:
        raise HTTPException(422, f"calls are made in the years {YEARS[0]} to {YEARS[-1]}")
    zone = playable.zone
    made_at = made_at.astimezone(zone) if made_at.tzinfo else made_at.replace(tzinfo=zone)
    definitions = lookups_of(playable.project.flows.values()) if playable.project is not None else {}
    answers = ChosenAnswers(definitions, wanted.world, calls.client if wanted.is_live else None)
    names = [each.name for each in playable.startable]
    flow = "" if wanted.to or not names else wanted.flow if wanted.flow in names else names[0]
    line = next((number for each in playable.startable for number in each.numbers), "")
    to = digits_of(wanted.to.strip(), line)
    caller = digits_of(wanted.caller.strip(), to or line)
    called = ScenarioCall(to=to, from_=caller, made_at=made_at, flow=flow)
    try:
        call = await calls.thread.run(server.place(playable, called, answers))
    except CannotPlace as error:
        raise HTTPException(422, f"{error}; {error.cure}") from error
    except AppError as error:
        raise HTTPException(422, f"the call cannot be placed: {error}") from error
    call.owner = session.id
    return call


async def _played(request: Request, call: PhoneCall, playing: Callable[[], Awaitable[None]]) -> Response:
    """Let a call go on in the thread of the calls, and show it, with the reason if the act was not possible."""
    console = console_of(request)
    calls = console.phone_calls
    refused = ""
    async with call.lock:
        try:
            await calls.thread.run(call.guarded(playing))
        except CannotDo as error:
            refused = str(error)
        if console.dev and (files := console.settings.recording_files) is not None:
            with suppress(OSError, StoreError):  # a message of a trial call may be missing
                await keep_messages(call, console.store, files)
        return await asyncio.to_thread(_shown, request, call, refused)


def _shown(request: Request, call: PhoneCall, refused: str) -> Response:
    """The call as it is now. It takes seconds for a long one."""
    can_keep = call.playable.can_be_kept and request.state.session.role == "change"
    return render(
        request,
        "phone_call.html",
        call=call,
        bubbles=marked(bubbles_of(call), call.former),
        where=call.where,
        ways=call.ways(),
        hooks=list(hooks_of(call)),
        outcomes=OUTCOMES,
        refused=refused,
        can_keep=can_keep,
        not_kept=call.blocked() if can_keep else "",
    )


def _read_step(value: object) -> ScriptStep:
    if len(str(value)) > MOST_CHARACTERS:
        raise ValueError(f"a step has at most {MOST_CHARACTERS} characters")
    try:
        return step_of(value)
    except NotAStep as error:
        raise ValueError(str(error)) from error


class StepRequest(BaseModel):
    """What the caller or a dialled party does, as in a script; `at`: at which second of the call, None for now."""

    step: Annotated[ScriptStep, PlainValidator(_read_step)]
    at: float | None = Field(None, ge=0, le=1e6)


@router.post("/phone/calls/{id_}/steps")
async def do_step(request: Request, call: OwnCall, wanted: StepRequest) -> Response:
    """Press, speak, be silent, leave a message, hang up, or decide what the dialled party does."""
    return await _played(request, call, partial(call.do, wanted.step, wanted.at))


class AdvanceRequest(BaseModel):
    """Play on to a second of the call; None: to where the caller is waited for."""

    at: float | None = Field(None, ge=0, le=1e6)


@router.post("/phone/calls/{id_}/advance")
async def advance(request: Request, call: OwnCall, wanted: AdvanceRequest) -> Response:
    """Let time pass."""
    return await _played(request, call, partial(call.play, wanted.at))


@router.post("/phone/calls/{id_}/world")
async def change_world(request: Request, call: OwnCall, world: World) -> Response:
    """Change who answers and what lookups answer, from now on."""
    return await _played(request, call, partial(call.change, world))


@router.get("/phone/calls/{id_}/turns/{number}")
async def turn(request: Request, console: TheConsole, call: OwnCall, number: int) -> Response:
    """Why a turn did what it did, with its webhook and NCCO."""
    async with call.lock:
        try:
            explanation = explain(call, number, console.settings.base_url)
        except IndexError:
            raise HTTPException(404, f"this call has no turn {number}") from None
    return render(request, "phone_turn.html", why=explanation)


@router.post("/phone/calls/{id_}/keep")
async def keep(request: Request, console: TheConsole, _: CanChange, call: OwnCall) -> Mapping[str, str]:
    """Write the call into tests/scenarios/, to be played by `ncco test`."""
    if not await asyncio.to_thread(call.playable.is_saved, console.project):
        cure = "save it in a file of the project, or play the call again with what is saved"
        raise HTTPException(409, f"this call was made with a text that is not saved; {cure}")
    async with call.lock:
        try:
            kept = await asyncio.to_thread(call.keep)
        except CannotKeep as error:
            raise HTTPException(409, f"{error}; {error.cure}") from error
    audit(request, "scenario kept", file=str(kept.path))
    return {"path": str(kept.path), "name": kept.name, "command": kept.command}
