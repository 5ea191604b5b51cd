"""Plays the calls of one person, in a subprocess of that person.

Arguments and results are plain values, which pass between the processes as JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final, Literal, TypeAlias

from ncco_server.desk.transcript import CallLine
from ncco_server.errors import AppError
from ncco_server.flow.hours.calendar import ByHand
from ncco_server.flow.language.agents import Agent
from ncco_server.sample_calls import YEARS
from ncco_server.service.hand_hours import HandHours
from ncco_server.service.phone_numbers import read_called, read_caller
from ncco_studio.console.phone.call import PhoneCall, PhoneServer
from ncco_studio.console.phone.turns import explain, hooks_of
from ncco_studio.console.phone.world import CallRequest, ChosenAnswers, StoredRows, World
from ncco_studio.editor.project import project_in
from ncco_studio.editor.source import PASTED, Playable, read_source
from ncco_studio.verify.played_call import CannotDo, FinishedStep, outcomes_of
from ncco_studio.verify.played_lines import call_lines
from ncco_studio.verify.scenarios.answers import lookups_of
from ncco_studio.verify.scenarios.model import HoursByHand, ScenarioCall
from ncco_studio.verify.scenarios.script import step_of

Json: TypeAlias = dict[str, Any]

_INPUTS: Final[Mapping[str, str]] = {"bool": "checkbox", "number": "number", "list": "json", "map": "json"}
"""How a value is entered, by the family of its type; other values are texts."""
NO_CALL: Final = "this call no longer exists; call again"
OWN_CALLS: Final = 3
"""Another call of a person ends the oldest."""
MOST_PROBLEMS: Final = 5
"""Problems of a call on the page."""


class NotPlayed(AppError):
    """A request of the page was refused."""


class CallIsGone(NotPlayed):
    """The call, or its turn, does not exist any more."""


class PhonePlayer:
    """The calls of one person, kept between requests."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._calls: dict[str, PhoneCall] = {}
        self._ask: Callable[[Any], Any] = lambda _: None

    def play(self, ask: Callable[[Any], Any], method: str, values: Mapping[str, Any]) -> Json:
        """Call a method; return the page's new state, or `not_played` with the status and the reason.

        `ask` gets stored rows from the console; see `StoredRows`.
        """
        self._ask = ask
        try:
            shown: Json = self._runner.run(getattr(self, method)(**values))
            return shown
        except AppError as refusal:
            why = f"{refusal}; {refusal.cure}" if refusal.cure else str(refusal)
            return {"not_played": [404 if isinstance(refusal, CallIsGone) else 422, why]}

    def close(self) -> None:
        for call in self._calls.values():
            self._runner.run(call.close())
        self._runner.close()

    def _call(self, id_: str) -> PhoneCall:
        if id_ not in self._calls:
            raise CallIsGone(NO_CALL)
        return self._calls[id_]

    async def place(
        self,
        *,
        folder: Json,
        wanted: Json,
        dial_allow: Sequence[str],
        by_hand: Sequence[Any],
    ) -> Json:
        """Place the call of a `CallRequest`.

        `by_hand` has the items of `HandHours`.
        """
        call = CallRequest(**wanted)
        made_at = call.made_at
        former = self._calls.get(call.again)
        if former is not None:
            call.step = former.playable.source.step
            made_at = made_at or former.made_at
        project = project_in(folder)
        playable = read_source(project, call)
        if not playable.is_ready:
            for error in playable.errors[:1]:
                raise NotPlayed(f"this text cannot be called yet: line {error.place.line}: {error.message}", error.cure)
            raise NotPlayed("no call can start in this text", "give its flow `numbers` or `default: true`")
        own = {name: value for name, value in call.env.items() if value}
        server = PhoneServer(project.flows, tuple(dial_allow), own)
        definitions = lookups_of(playable.project.flows.values() if playable.project is not None else ())
        answers = ChosenAnswers(definitions, call.world)
        called = _called(playable, call, made_at or datetime.now(UTC))
        hours = {(file, name): [ByHand(*each) for each in decided] for (file, name), decided in by_hand}
        called = replace(called, by_hand=_decided_at(called.made_at, playable, hours))
        is_saved = call.text is None and call.file not in PASTED
        rows = StoredRows(self._ask, is_saved=is_saved)
        placed = await server.place(playable, called, answers, rows, hours)
        await self._add(placed)
        steps: Sequence[FinishedStep] = ()
        if former is not None:
            steps = tuple(former.finished_steps)

        async def begin() -> None:
            await placed.play(0)
            await placed.repeat(steps)

        return await _played(placed, begin)

    async def _add(self, call: PhoneCall) -> None:
        self._calls[call.id] = call
        for id_ in list(self._calls)[:-OWN_CALLS]:
            await self._calls.pop(id_).close()

    async def step(self, *, id_: str, step: Any, at: float | None) -> Json:
        """Without a step, let time pass up to a second of the call; None for the next wait for the caller."""
        call = self._call(id_)
        return await _played(call, partial(call.play, at) if step is None else partial(call.do, step_of(step), at))

    async def change_world(self, *, id_: str, world: Json) -> Json:
        call = self._call(id_)
        return await _played(call, partial(call.change, World(**world)))

    async def explain(self, *, id_: str, number: int, base_url: str) -> Json:
        call = self._call(id_)
        try:
            why: Json = plain(explain(call, number, base_url))
        except IndexError:
            raise CallIsGone(f"this call does not have a turn {number}") from None
        return why

    async def keep(self, *, id_: str, folder: Json) -> Json:
        call = self._call(id_)
        if not call.playable.is_saved(project_in(folder)):
            cure = "save it in a project file, or replay the call with the saved version"
            raise NotPlayed("this call was made with text that is not saved", cure)
        return call.keep()


@cache
def _player() -> PhonePlayer:
    return PhonePlayer()


def play(ask: Callable[[Any], Any], method: str, values: Mapping[str, Any]) -> Json:
    """See `PhonePlayer.play`. Each subprocess belongs to one person."""
    return _player().play(ask, method, values)


def _decided_at(made_at: datetime, playable: Playable, by_hand: HandHours) -> dict[str, HoursByHand]:
    """What was decided for a moment, by the name of the opening hours."""
    found = dict[str, HoursByHand]()
    calendars = playable.project.calendars if playable.project is not None else {}
    for name, calendar in calendars.items():
        decided = calendar.with_hand(by_hand.get(calendar.key, ())).decided(made_at)
        if decided is not None:
            until = datetime.fromtimestamp(decided.end, UTC)
            state: Literal["open", "closed"] = "open" if decided.is_open else "closed"
            found[name] = HoursByHand(state=state, reason=decided.reason, until=until)
    return found


def _called(playable: Playable, call: CallRequest, made_at: datetime) -> ScenarioCall:
    """Read numbers in any notation. Raises NotPlayed."""
    if made_at.year not in YEARS:
        raise NotPlayed(f"enter a year from {YEARS[0]} to {YEARS[-1]}")
    zone = playable.zone
    made_at = made_at.astimezone(zone) if made_at.tzinfo else made_at.replace(tzinfo=zone)
    names = [each.name for each in playable.startable]
    flow = "" if call.to or not names else call.flow if call.flow in names else names[0]
    line = next((number for each in playable.startable for number in each.numbers), "")
    to = _read(read_called, call.to, line)
    return ScenarioCall(to=to, from_=_read(read_caller, call.caller, to or line), made_at=made_at, flow=flow)


def _read(read: Callable[[str, str], str], number: str, line: str) -> str:
    try:
        return read(number.strip(), line)
    except ValueError as error:
        raise NotPlayed(f"{number}: {error}") from error


async def _played(call: PhoneCall, playing: Callable[[], Awaitable[None]]) -> Json:
    """Show the reason if the step was not possible."""
    refused = ""
    try:
        await call.guarded(playing)
    except CannotDo as error:
        refused = str(error)
    return _shown(call, refused)


def _shown(call: PhoneCall, refused: str) -> Json:
    decided = call.decided
    dialled = call.moment.waited if call.moment.kind == "dial" else None
    zone = f" in {call.made_at.tzinfo}" if call.playable.project is not None else ""
    return {
        "id": call.id,
        "at": call.leg.at,
        "next_at": call.next_at,
        "moment": call.moment.kind,
        "line": call.line,
        "is_over": call.leg.is_over,
        "made_at": f"{call.made_at:%A} {call.made_at.day} {call.made_at:%B %Y, %H:%M}{zone}",
        "position": plain(call.position),
        "accepted_input": plain(call.accepted_input()),
        "lines": shown_lines(call_lines(call)),
        "stopped": call.stopped,
        "ended": call.result.ended,
        "problems": call.problems[:MOST_PROBLEMS],
        "has_only_silence": call.has_only_silence,
        "decided": None if decided is None else {"to": decided.to, "outcome": decided.outcome},
        "outcomes": () if dialled is None else outcomes_of(dialled),
        "agent": None if call.agent is None else _form_of(call.agent),
        "hooks": list(hooks_of(call)),
        "refused": refused,
        "can_be_kept": call.playable.can_be_kept,
        "not_kept": call.blocked() if call.playable.can_be_kept else "",
    }


def _form_of(agent: Agent) -> Json:
    """What an agent may hand back, and a form for the values."""
    fields = [
        {"name": name, "words": kind.words, "type": _INPUTS.get(kind.family, "text"), "hint": kind.described}
        for name, kind in agent.returned.fields.items()
    ]
    return {"allowed": agent.allowed, "fields": fields}


def shown_lines(lines: Sequence[CallLine]) -> list[Json]:
    return [plain(line) | {"sentence": line.sentence} for line in lines]


def plain(value: Any) -> Any:
    """Convert to JSON types; dataclasses and named tuples become maps."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: plain(each) for name, each in zip(value._fields, value, strict=True)}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value
