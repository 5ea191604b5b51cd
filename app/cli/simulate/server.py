"""The server that is called, the call, and what can be seen of both."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from app.cli.server_under_test import make_app
from app.engine import Session
from app.engine.session import from_json
from app.flow.model import Asked, Flow, Project, Step
from app.flow.phrases import fold
from app.flow.report import printable
from app.service.calls import CallService, LookUp
from app.service.library import Library
from app.service.policy import Policy
from app.settings.values import DEFAULT as SORRY
from app.settings.values import read_failsafe
from app.simulator import (
    Application,
    AsgiServer,
    Chaos,
    Delivery,
    Durations,
    HttpServer,
    Parties,
    PhoneCall,
    VirtualClock,
    Vonage,
    Waited,
)
from app.store import HookRow, Timeline, open_store
from app.verify.scenarios.distant import require_reached
from app.verify.scenarios.model import CallFacts
from app.verify.scenarios.result import Decided
from app.verify.scenarios.stage import BROKEN, KEY, MOST_HOOKS, Outside, application_of, call_facts
from app.verify.scenarios.telling import Rename, decision

MOST_SHOWN = 8
"""Phrases that a hint lists."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What a caller can do at an input.

    Attributes:
        keys: what can be pressed, each with the choice that it means; "" where that is unknown.
        phrases: what can be said; () with `listens` for anything.
        digits: how many keys are expected, in words; "" when `keys` says it.
        listens: whether speech is taken.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    phrases: tuple[str, ...] = ()
    digits: str = ""
    listens: bool = False

    @property
    def shown(self) -> str:
        """In words: `press 1 (sales) or 2 (support), or say sales or support`."""
        keys = [f"{key} ({name})" if name else key for key, name in self.keys.items()]
        press = f"press {_or(keys)}" if keys else self.digits
        say = f"say {_or(self.phrases)}" if self.phrases else "say something" if self.listens else ""
        return printable(", or ".join(way for way in (press, say) if way))


def _or(words: list[str] | tuple[str, ...]) -> str:
    shown = [*words[:MOST_SHOWN], "..."] if len(words) > MOST_SHOWN else list(words)
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown)


class Insight(Protocol):
    """Looks into a server while it is called."""

    def ways(self, waited: Waited) -> Ways:
        """What the caller can do now."""

    def why(self) -> list[str]:
        """What decided in the last turn, a line each."""

    def decisions(self) -> list[tuple[float, str]]:
        """What has decided since this was asked last: seconds of the clock, and a line each."""

    async def news(self) -> list[tuple[float, str]]:
        """What else the server did since this was asked last: seconds of the clock; hooks and warnings."""


class Outward:
    """What the protocol shows of a server at a URL."""

    def __init__(self, call: PhoneCall) -> None:
        self._call = call
        self._told = 0

    def ways(self, waited: Waited) -> Ways:
        """See `Insight`; the action says it."""
        return ways_of(waited)

    def why(self) -> list[str]:
        """See `Insight`: which reply is played."""
        return [text for _, text in self._replies()][-1:]

    def decisions(self) -> list[tuple[float, str]]:
        """See `Insight`."""
        replies = self._replies()
        new, self._told = replies[self._told :], len(replies)
        return new

    def _replies(self) -> list[tuple[float, str]]:
        return [(delivery.at, told) for delivery in self._call.log if (told := reply_told(delivery))]

    async def news(self) -> list[tuple[float, str]]:
        """See `Insight`; nothing more can be seen."""
        return []


def ways_of(waited: Waited) -> Ways:
    """What an input action takes, as far as the NCCO says it."""
    dtmf: Mapping[str, Any] = waited.action.get("dtmf") or {}
    speech: Mapping[str, Any] = waited.action.get("speech") or {}
    most = int(dtmf.get("maxDigits", 4))
    end = ", # ends them" if dtmf.get("submitOnHash") else ""
    digits = "press a key" if most == 1 else f"press up to {most} keys{end}"
    return Ways(
        phrases=tuple(str(phrase) for phrase in speech.get("context") or ()),
        digits=digits if "dtmf" in waited.takes else "",
        listens="speech" in waited.takes,
    )


def reply_told(delivery: Delivery) -> str:
    """What a reply has brought about; "" for nothing."""
    if not delivery.message.is_played or delivery.verdict is None:
        return ""
    request, response = delivery.attempts[-1].request, delivery.attempts[-1].response
    where = f"{request.method} {request.url.partition('?')[0]}"
    if delivery.verdict.failure:
        return printable(f"{delivery.kind} webhook ({where}): {delivery.verdict.failure} {delivery.verdict.problem}")
    if delivery.ncco is None:
        return printable(f"{delivery.kind} webhook ({where}): status {response.status} changes nothing")
    actions = ", ".join(str(action.get("action")) for action in delivery.ncco) or "nothing"
    return printable(f"{delivery.kind} webhook ({where}): status {response.status} brings {actions}")


PATIENCE_S: Final = 24 * 3600.0
"""Real seconds that a webhook may take: a person may be asked for the answer of a look-up."""
MOST_CALLS: Final = 100
"""Calls of the server that are looked at: the caller's, and those of parties that it dials."""
TOLD: Final = ("decided", "failed", "refused")


@dataclass(frozen=True, slots=True)
class Own:
    """What the server is made of.

    Attributes:
        project: without errors.
        env: variables of flows. dial_allow: prefixes of computed numbers that may be dialled.
        look_up: answers look-ups.
        rename: a file of a flow, as the person can open it.
        outside: where hooks go; None: nowhere.
    """

    project: Project
    env: Mapping[str, str]
    dial_allow: tuple[str, ...]
    look_up: LookUp
    rename: Rename = str
    outside: Outside | None = None


class Inside:
    """The server, and a look into it. See `Insight`.

    Attributes:
        app: what answers webhooks.
        hooks: the names of all that was sent, or would have been.
        is_failsafe: whether nothing of a flow could be played.
    """

    app: ASGIApp
    _clock: VirtualClock

    def __init__(self, own: Own) -> None:
        self._own = own
        self._store = open_store("memory://")
        self._calls: list[Timeline] = []  # oldest first
        self._log: list[str] = []
        self._logged = self._decided = 0
        self._start_s = 0.0
        self.hooks: list[str] = []

    async def start(self, clock: VirtualClock) -> None:
        """Load the flows, and make the application."""
        own, self._clock, self._start_s = self._own, clock, clock.at(0).timestamp()
        policy = Policy(keys=(KEY,), failsafe=read_failsafe(SORRY), env=own.env, dial_allow=own.dial_allow)
        service = CallService(self._store, Library(self._store, lambda: own.project), policy)
        service.look_ups = lambda: own.look_up
        answer = make_app(service, clock, self._log, deadline_s=PATIENCE_S)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answer(scope, receive, send)
            await self._look()

        self.app = app
        await self._store.open()
        await service.library.reload()

    @property
    def is_failsafe(self) -> bool:
        """Whether the caller has heard the failsafe."""
        return any(line.did == "failed" and line.what == "failsafe" for line in self._lines())

    @property
    def is_broken(self) -> bool:
        """Whether the server has failed by a fault of its own."""
        return any(line.startswith(BROKEN) for line in self._log)

    def ways(self, waited: Waited) -> Ways:
        """What the step asks for; what the action takes, where no step is known."""
        session = self._session()
        step = self._step(session) if session else None
        asked = step.exit.asked if step is not None else None
        if session is None or asked is None:
            return ways_of(waited)
        return _ways(asked.in_locale(session.locale), ways_of(waited).phrases)

    def why(self) -> list[str]:
        """What the last turn was made of."""
        lines = self._lines()
        return [self._shown(line) for line in lines if line.turn == lines[-1].turn and line.did in TOLD]

    def decisions(self) -> list[tuple[float, str]]:
        """What has decided since."""
        lines = self._lines()
        new, self._decided = lines[self._decided :], len(lines)
        return [(line.at, self._shown(line)) for line in new if line.did in TOLD]

    async def news(self) -> list[tuple[float, str]]:
        """Hooks, and what the server warns of."""
        new, self._logged = self._log[self._logged :], len(self._log)
        told = [(self._clock().timestamp() - self._start_s, printable(line)) for line in new]
        for hook in sorted(await self._store.hooks(MOST_HOOKS), key=lambda row: row.created_at):
            self.hooks.append(hook.name)
            told.append((self._seconds(hook.created_at), printable(await self._sent(hook))))
            await self._store.hook_sent(hook.id, hook.created_at)
        return told

    async def _look(self) -> None:
        """Read what the store holds now."""
        records = self._store.records()
        await records.open()
        found = [await records.timeline(call.session.id) for call in reversed(await records.calls(MOST_CALLS))]
        self._calls = [timeline for timeline in found if timeline is not None]

    async def _sent(self, hook: HookRow) -> str:
        if hook.problem:
            return f"hook {hook.name} cannot be sent: {hook.problem}"
        body = hook.body.decode(errors="replace")
        if self._own.outside is None:
            return f"hook {hook.name} to {hook.url} (not sent): {body}"
        problem = await self._own.outside.post(hook)
        return f"hook {hook.name} to {hook.url} {f'was not sent: {problem}' if problem else 'was sent'}: {body}"

    def _session(self) -> Session | None:
        """Of the caller, whose call came first."""
        return from_json(self._calls[0].call.session.state) if self._calls else None

    def _step(self, session: Session) -> Step | None:
        flow: Flow | None = self._own.project.flows.get(session.at or session.flow)
        return flow.steps.get(session.step) if flow is not None else None

    def _lines(self) -> list[Decided]:
        """The trace of every turn, in the order of time. Seconds of the clock; the store cuts milliseconds off."""
        turns = [turn for call in self._calls for turn in call.turns]
        return [
            Decided(
                self._seconds(turn.created_at), number, line["did"], line["step"], line["what"],
                line.get("where", ""), line.get("because", ""), tuple(line.get("others", ())),
            )
            for number, turn in enumerate(sorted(turns, key=lambda turn: turn.created_at))
            for line in json.loads(turn.trace)
        ]  # fmt: skip

    def _seconds(self, at_ms: int) -> float:
        """A time of the store as seconds of the clock; what it has cut off is added."""
        return (at_ms + 1) / 1000 - self._start_s

    def _shown(self, line: Decided) -> str:
        return decision(line, self._own.rename)


def _ways(asked: Asked, written: tuple[str, ...]) -> Ways:
    """The keys and phrases of a menu, these as far as known as they are written, or what a data entry takes."""
    as_written = {fold(phrase): phrase for phrase in written}
    firsts: dict[str, str] = {}
    for phrase, name in asked.phrases.items():
        firsts.setdefault(name, as_written.get(phrase, phrase))
    digits = ""
    if asked.lengths is not None:
        low, high = asked.lengths
        digits = f"press {low} keys" if low == high else f"press {low} to {high} keys, then #"
    return Ways(asked.keys, tuple(firsts.values()), digits, listens=asked.free_speech or bool(firsts))


SEED: Final = "ncco simulate"
"""Of the ids of every call to a server of our own: the same call is the same in every run."""


@dataclass(frozen=True, slots=True)
class Network:
    """What is outside of the server.

    Attributes:
        chaos: a seed of bad luck; None: nothing goes wrong.
        streams: seconds of audio files, by URL.
    """

    chaos: int | None = None
    streams: Mapping[str, float] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, Any]:
        """For `Vonage`."""
        luck = None if self.chaos is None else Chaos(self.chaos)
        return {"chaos": luck, "durations": Durations(self.streams)}


@dataclass(slots=True)
class Line:
    """A call that has been placed.

    Attributes:
        clock: virtual time.
        vonage: the platform.
        call: what the caller experiences.
        insight: what can be seen of the server.
        inside: the server itself when it is in this process.
    """

    clock: VirtualClock
    vonage: Vonage
    call: PhoneCall
    insight: Insight
    inside: Inside | None = None

    @property
    def zero_s(self) -> float:
        """When the call was answered, in seconds of the clock."""
        return self.clock.ms / 1000 - self.call.at

    @property
    def is_failsafe(self) -> bool:
        """Whether the caller heard nothing of what the server is there for."""
        is_silent = not any(delivery.ncco for delivery in self.call.log)
        return is_silent or (self.inside is not None and self.inside.is_failsafe)


@asynccontextmanager
async def own_line(own: Own, facts: CallFacts, flows: Iterable[Flow], network: Network) -> AsyncIterator[Line]:
    """A line to the server of a project, in this process."""
    clock, inside = VirtualClock(facts.at), Inside(own)
    await inside.start(clock)
    server = AsgiServer(inside.app, clock, patience_s=24 * 3600.0)
    # Others may remember the calls of --live by their ids.
    seed = SEED if own.outside is None else secrets.token_hex(16)
    vonage = Vonage(application_of(facts), server, clock, Parties(other=None), **network.words, seed=seed)
    call = await vonage.call(**call_facts(facts, flows))
    yield Line(clock, vonage, call, inside, inside)


@asynccontextmanager
async def outer_line(address: Application, facts: CallFacts, network: Network) -> AsyncIterator[Line]:
    """A line to a server at a URL, which may remember calls: each has ids of its own. Raises NoServer."""
    clock = VirtualClock(facts.at)
    async with HttpServer() as http:
        seed = secrets.token_hex(16)
        vonage = Vonage(address, http, clock, Parties(other=None), **network.words, seed=seed)
        call = await vonage.call(**call_facts(facts, ()))
        require_reached(call)
        yield Line(clock, vonage, call, Outward(call))
