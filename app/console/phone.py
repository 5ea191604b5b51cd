"""The phone: call a flow or an NCCO in the browser, be the caller, and see what decided."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from app.console.access import CanChange, CanLook
from app.console.audit import audit
from app.console.editor import ask
from app.console.pages import render
from app.console.phone_call import (
    IDLE_S,
    MOST_CALLS,
    ChosenAnswers,
    PhoneCall,
    RealAnswers,
    Refused,
    World,
    lookups_of,
)
from app.console.phone_source import PASTED, Playable, Text, dialled_in, read_source
from app.console.phone_thread import PhoneThread
from app.console.phone_transcript import bubbles_of, explain, hooks_of, marked
from app.console.project import CannotSave, ProjectFolder, ReadProject, digest_of
from app.console.services import Act, CannotPlace, Placing, Services
from app.console.sessions import ConsoleSession
from app.errors import AppError
from app.flow.files import MAX_BYTES
from app.service.lookups import LookupClient
from app.settings import Settings

router = APIRouter()

OWN_CALLS: Final = 3
"""Calls at once of one session; a further one ends the oldest."""
YEARS: Final = range(2000, 2101)
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
CALLER: Final = "447700900123"
"""The default calling number, which is reserved for fiction."""


class PhoneCalls:
    """The calls in progress.

    Attributes:
        by_id: those of all sessions.
        thread: where they are played.
    """

    def __init__(self, settings: Settings) -> None:
        self.by_id: dict[str, PhoneCall] = {}
        self.thread = PhoneThread()
        self._settings = settings
        self._client: LookupClient | None = None

    @property
    def client(self) -> LookupClient:
        """Asks for lookups as the server does; use it in the thread."""
        if self._client is None:
            settings = self._settings
            folder = settings.flows.resolve().parent
            self._client = LookupClient(settings.lookup_budget_ms, settings.private_hosts, folder)
        return self._client

    async def close(self) -> None:
        """Stop the thread."""
        if self._client is not None:
            await self.thread.run(self._client.close())
        await self.thread.close()

    async def add(self, call: PhoneCall) -> None:
        """Keep a call, and end idle ones, its owner's oldest, and, of too many, an unused one of who has most."""
        self.by_id[call.id] = call
        now = time.monotonic()
        own = [each for each in self.by_id.values() if each.owner == call.owner]
        idle = [each for each in self.by_id.values() if now - each.touched > IDLE_S]
        for each in {*idle, *own[:-OWN_CALLS]}:
            await self._end(each)
        if len(self.by_id) > MOST_CALLS:
            held = Counter(each.owner for each in self.by_id.values())
            await self._end(max(self.by_id.values(), key=lambda each: (held[each.owner], now - each.touched)))

    async def _end(self, call: PhoneCall) -> None:
        del self.by_id[call.id]
        await self.thread.run(call.line.close())

    def find(self, id_: str, owner: str) -> PhoneCall:
        """A call of a session. Raises HTTPException (404) for any other, too."""
        call = self.by_id.get(id_)
        if call is None or call.owner != owner or time.monotonic() - call.touched > IDLE_S:
            raise HTTPException(404, "this call is no longer here; call again")
        call.touched = time.monotonic()
        return call


def _own_call(request: Request, session: CanLook, id_: str) -> PhoneCall:
    calls: PhoneCalls = request.app.state.phone_calls
    return calls.find(id_, session.id)


OwnCall: TypeAlias = Annotated[PhoneCall, Depends(_own_call)]
"""The call that the path names, of this session."""


class CallRequest(Text):
    """A call to place.

    Attributes:
        flow, to, caller: which flow ("" where the number decides), the called number ("" for its first), who calls.
        made_at: when; None: now.
        is_live: really ask for lookups. Only of a saved text (`text` is None), and with the right to change.
        again: the id of a call whose inputs are repeated; "" for none.
    """

    flow: str = Field("", max_length=200)
    to: str = Field("", max_length=200, pattern=r"^\+?[\w .@:-]*$")
    caller: str = Field(CALLER, max_length=200)
    made_at: AwareDatetime | None = None
    is_live: bool = False
    world: World = World()
    again: str = ""


@router.get("/phone")
async def phone(
    request: Request,
    session: CanLook,
    file: str = "",
    flow: str = "",
    line: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The page, with a file of the project, the file of a flow, or the file of the flow for any number."""
    read = await asyncio.to_thread(request.app.state.project.current)
    flows = read.project.flows
    preferred = sorted(flows.values(), key=lambda each: (not each.default, not each.is_startable, each.name))
    known = [flows[flow].place.file] if flow in flows else [each.place.file for each in preferred]
    shown = file if file in read.texts else next(iter([*known, *sorted(read.texts)]), PASTED[0])
    playable = await asyncio.to_thread(read_source, request.app.state.project, Text(file=shown))
    return render(
        request,
        "phone.html",
        **_opened(request.app.state.project, session, read, shown),
        files=sorted(read.texts),
        line=line,
        keys=KEYS,
        **_setup_values(playable, session),
    )


def _opened(folder: ProjectFolder, session: ConsoleSession, read: ReadProject, file: str) -> Mapping[str, str]:
    """A file for the editor, with its digest, and why it cannot be saved ("" if it can, or by nobody who only looks).

    A file that is not in the project is empty.
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
async def text_of(request: Request, session: CanLook, file: str) -> Mapping[str, str]:
    """A file of the project as it is on disk now."""
    read = await asyncio.to_thread(request.app.state.project.current)
    if file not in read.texts:
        raise HTTPException(404, f"{file} is no file of this project")
    return _opened(request.app.state.project, session, read, file)


class SaveRequest(BaseModel):
    """A text to write; `digest`: of the text that was opened."""

    file: str
    text: str = Field(max_length=MAX_BYTES)
    digest: str


@router.post("/phone/save")
async def save_text(request: Request, _: CanChange, wanted: SaveRequest) -> Mapping[str, str]:
    """Write a file of the project, also one with errors; `problem` then says which flows are called; "" without any."""
    folder: ProjectFolder = request.app.state.project
    try:
        await asyncio.to_thread(folder.save, wanted.file, wanted.text, wanted.digest)
    except CannotSave as error:
        audit(request, "file not saved", is_refused=True, file=wanted.file, problem=str(error))
        raise HTTPException(409, f"{error}; {error.cure}") from error
    audit(request, "file saved", file=wanted.file)
    read = await asyncio.to_thread(folder.current)
    return {"file": wanted.file, "digest": digest_of(wanted.text), "problem": read.unreleased(wanted.file)}


@router.post("/phone/setup")
async def setup(request: Request, session: CanLook, source: Text) -> Response:
    """What can be called in a text, whom it dials, what it looks up, and its issues."""
    playable = await _read(request, session, source)
    return render(request, "phone_setup.html", **_setup_values(playable, session))


@router.post("/phone/picture")
async def picture(request: Request, session: CanLook, source: Text) -> Response:
    """The picture of the flow of a text, or why it has none; empty while the text has errors."""
    drawn = await ask(request, session, "picture", source=source.model_dump())
    return Response(drawn, media_type="text/html")


async def _read(request: Request, session: ConsoleSession, source: Text) -> Playable:
    """What a text is. Of one that may be unsaved, the subprocess finds out first whether it takes too long.

    Raises HTTPException.
    """
    if source.text is not None:
        await ask(request, session, "read", source=Text(file=source.file, text=source.text).model_dump())
    return await asyncio.to_thread(read_source, request.app.state.project, source)


def _not_live(session: ConsoleSession, source: Text) -> str:
    """Why a text cannot ask for its lookups; "" if it can."""
    if session.role != "change":
        return "Real services are asked with the password that may change things only."
    if source.text is not None or source.file in PASTED:
        return "Only a saved file of the project asks real services. Save this text first."
    return ""


def _setup_values(playable: Playable, session: ConsoleSession) -> dict[str, object]:
    definitions = lookups_of(playable.project) if playable.project is not None else {}
    return {
        "playable": playable,
        "lookups": {name: definition for (_, name), definition in definitions.items()},
        "dialled": dialled_in(playable.project) if playable.project is not None else [],
        "outcomes": OUTCOMES,
        "caller": CALLER,
        "not_live": _not_live(session, playable.source),
    }


@router.post("/phone/calls")
async def place(request: Request, session: CanLook, wanted: CallRequest) -> Response:
    """Call; a text with errors gets its issues instead. With `again` the inputs of another call are repeated."""
    if wanted.is_live and (problem := _not_live(session, wanted)):
        audit(request, "services not asked", is_refused=True, file=wanted.file)
        raise HTTPException(403, problem)
    before = request.app.state.phone_calls.by_id.get(wanted.again)
    before = before if before is not None and before.owner == session.id else None
    wanted.step = before.playable.source.step if before is not None else wanted.step
    playable = await _read(request, session, wanted)
    if not playable.is_ready:
        return render(request, "phone_issues.html", playable=playable)
    made_at = wanted.made_at or datetime.now(UTC)
    if before is not None and wanted.made_at is None:
        made_at = before.made_at
    if made_at.year not in YEARS:
        raise HTTPException(422, f"calls are made in the years {YEARS[0]} to {YEARS[-1]}")
    if wanted.is_live:
        audit(request, "services asked", file=wanted.file)
    call = await _placed(request, session.id, wanted, playable, made_at)
    await request.app.state.phone_calls.add(call)
    async with call.lock:
        await _play(request, call, call.play(0))
        if before is not None:
            async with before.lock:
                call.former, acts = tuple(bubbles_of(before)), list(before.acts)
            await _play(request, call, call.replay(acts))
        return await _shown(request, call)


async def _placed(
    request: Request, owner: str, wanted: CallRequest, playable: Playable, made_at: datetime
) -> PhoneCall:
    """The call that was asked for. Raises HTTPException."""
    definitions = lookups_of(playable.project) if playable.project is not None else {}
    answers = ChosenAnswers(definitions, wanted.world)
    if wanted.is_live:
        answers = RealAnswers(definitions, wanted.world, client=request.app.state.phone_calls.client)
    flow = "" if wanted.to or not playable.startable else wanted.flow or playable.startable[0].name
    placing = Placing(wanted.to, wanted.caller, made_at, flow, wanted.is_live)
    services: Services = request.app.state.services
    player, thread = services.player, request.app.state.phone_calls.thread
    if player is None:
        raise HTTPException(503, "this console places no calls")
    try:
        if playable.project is None:
            line = await thread.run(player.place_ncco(playable.ncco, placing))
        else:
            folder = request.app.state.project.flows
            line = await thread.run(player.place(playable.project, placing, answers.of_turn, folder))
    except CannotPlace as error:
        raise HTTPException(422, str(error)) from error
    except AppError as error:
        raise HTTPException(422, f"the call cannot be placed: {error}") from error
    return PhoneCall(line, owner, answers, playable, made_at)


async def _play(request: Request, call: PhoneCall, playing: Coroutine[Any, Any, None]) -> None:
    """Let a call go on, in the thread of the calls. Raises Refused."""
    calls: PhoneCalls = request.app.state.phone_calls
    await calls.thread.run(call.guarded(playing))


async def _shown(request: Request, call: PhoneCall, refused: str = "") -> Response:
    """The call as it is now; `refused`: why the last act was not done. It takes seconds for a long call."""
    return await asyncio.to_thread(_rendered, request, call, refused)


def _rendered(request: Request, call: PhoneCall, refused: str) -> Response:
    moment, bubbles = call.moment, bubbles_of(call)
    can_keep = call.playable.can_be_kept and request.state.session.role == "change"
    return render(
        request,
        "phone_call.html",
        call=call,
        bubbles=marked(bubbles, call.former) if call.former else bubbles,
        where=call.where,
        ways=call.line.ways(moment, call.observed.session),
        hooks=list(hooks_of(call)),
        outcomes=OUTCOMES,
        refused=refused,
        can_keep=can_keep,
        not_kept=call.line.blocked() if can_keep else "",
    )


class ActRequest(BaseModel):
    """What the caller does; `at`: at which second of the call, None for now."""

    act: Act
    at: float | None = Field(None, ge=0, le=1e6)


@router.post("/phone/calls/{id_}/act")
async def act(request: Request, call: OwnCall, wanted: ActRequest) -> Response:
    """Press, speak, be silent, leave a message, hang up, or decide what the dialled party does."""
    async with call.lock:
        try:
            await _play(request, call, call.do(wanted.act, wanted.at))
        except Refused as refused:
            return await _shown(request, call, str(refused))
        return await _shown(request, call)


class AdvanceRequest(BaseModel):
    """Play on to a second of the call; None: to where the caller is waited for."""

    at: float | None = Field(None, ge=0, le=1e6)


@router.post("/phone/calls/{id_}/advance")
async def advance(request: Request, call: OwnCall, wanted: AdvanceRequest) -> Response:
    """Let time pass."""
    async with call.lock:
        await _play(request, call, call.play(wanted.at))
        return await _shown(request, call)


@router.post("/phone/calls/{id_}/world")
async def change_world(request: Request, call: OwnCall, world: World) -> Response:
    """Change who answers and what lookups answer, from now on."""
    async with call.lock:
        call.answers.world = world
        await _play(request, call, call.play(call.leg.at))
        return await _shown(request, call)


@router.get("/phone/calls/{id_}/turns/{number}")
async def turn(request: Request, call: OwnCall, number: int) -> Response:
    """Why a turn did what it did, with its webhook and NCCO."""
    async with call.lock:
        try:
            explanation = explain(call, number, request.app.state.settings.base_url)
        except IndexError:
            raise HTTPException(404, f"this call has no turn {number}") from None
    return render(request, "phone_turn.html", why=explanation)


@router.post("/phone/calls/{id_}/keep")
async def keep(request: Request, _: CanChange, call: OwnCall) -> Mapping[str, str]:
    """Write the call into tests/scenarios/, to be played by `ncco test`."""
    if not await asyncio.to_thread(call.playable.is_saved, request.app.state.project):
        cure = "save it in a file of the project, or play the call again with what is saved"
        raise HTTPException(409, f"this call was made with a text that is not saved; {cure}")
    async with call.lock:
        try:
            kept = await asyncio.to_thread(call.line.keep, call.answers.given, call.observed)
        except CannotPlace as error:
            raise HTTPException(409, str(error)) from error
    audit(request, "scenario kept", file=str(kept.path))
    return {"path": str(kept.path), "name": kept.name, "command": kept.command}
