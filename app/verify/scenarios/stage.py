"""Where scenarios are played: one project, its real server in this process, and a store in memory."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any, Final, Protocol

from app.engine.session import from_json
from app.flow.model import Flow, Project
from app.service.calls import CallService, LookUp
from app.service.library import Library
from app.service.policy import Policy
from app.settings.values import DEFAULT as SORRY
from app.settings.values import read_failsafe
from app.simulator import Application, AsgiServer, Chaos, Durations, PhoneCall, VirtualClock, Vonage
from app.simulator.servers import App
from app.store import HookRow
from app.verify.scenarios.answers import Answers, Declared
from app.verify.scenarios.caller import Caller
from app.verify.scenarios.complaints import complaints
from app.verify.scenarios.dialled import parties_of, scripted_dials
from app.verify.scenarios.faults import AwayStore, FaultyServer, Kind
from app.verify.scenarios.fitting import Fitting
from app.verify.scenarios.model import AT, CallFacts, Disturb, Scenario
from app.verify.scenarios.reader import Reader
from app.verify.scenarios.result import Decided, Record, Result

BASE: Final = "https://ncco.example"
"""Where the server under test would be reached; nobody is asked for it."""
KEY: Final = b"scenarios sign the callbacks of calls that nobody makes"
"""The same in every run, so that the same call has the same NCCOs."""
BROKEN: Final = "the server: error: "
"""Begins what the server under test logs of a fault of its own."""
MOST_HOOKS: Final = 10_000
_ENV: Final = re.compile(r"\benv\.(\w+)")


class MakeApp(Protocol):
    """Makes the server under test; it is handed in, since this room must not know the web room."""

    def __call__(self, service: CallService, clock: Callable[[], datetime], log: list[str]) -> App:
        """An ASGI application that serves `service` by `clock`, and adds its warnings and errors to `log`."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The world outside of scenarios, for those who want it.

    Attributes:
        env: variables of flows, as the server gets them.
        look_ups: asks what a scenario gives no answer to.
        post: sends a hook; why it could not, "" when it could.
    """

    env: Mapping[str, str]
    look_ups: Callable[[], LookUp]
    post: Callable[[HookRow], Awaitable[str]]


class Stage:
    """Plays the scenarios of one project, one after another.

    Args:
        project: without errors.
        make_app: see there.
        dial_allow: prefixes of computed numbers that may be dialled, where a scenario does not say.
        outside: None: nobody outside is asked or told anything; every variable that a scenario does not give has a
            stand-in, and every look-up without an answer its default.
        chaos: a seed of bad luck on the network, the same for each scenario. How long a call lasts and which hooks go
            is not judged then, and scenarios that order their own faults have no other. None: nothing goes wrong.
    """

    def __init__(
        self,
        project: Project,
        make_app: MakeApp,
        dial_allow: tuple[str, ...] = (),
        *,
        outside: Outside | None = None,
        chaos: int | None = None,
    ) -> None:
        self.flows: tuple[Flow, ...] = tuple(project.flows.values())
        self._declared = Declared(self.flows)
        self._fitting = Fitting(self.flows, self._declared)
        self._project = project
        self._make_app = make_app
        self._dial_allow = dial_allow
        self._outside = outside
        self._chaos = chaos
        self._env = stand_ins(self.flows) if outside is None else outside.env
        self._clock = VirtualClock(AT)
        self._played: dict[str, int] = {}
        self._servers: dict[tuple[str, ...], _Server] = {}

    def fit(self, scenario: Scenario, reader: Reader) -> Scenario:
        """See `Fitting`."""
        return self._fitting.fit(scenario, reader)

    async def play(self, scenario: Scenario) -> Result:
        """Play one scenario from ringing to the last webhook."""
        began = time.perf_counter()
        luck = chaos_of(self._chaos, scenario)
        if luck is not None:
            scenario = replace(scenario, expect=replace(scenario.expect, seconds=None, hooks=None))
        result = Result(scenario)
        server = await self._server(scenario.dial_allow)
        clock = self._clock = VirtualClock(scenario.call.at)
        server.env.clear()
        server.env.update({**self._env, **scenario.env})
        answers = Answers(scenario.given, self._declared, self._outside.look_ups() if self._outside else None)
        server.service.look_ups = lambda: answers.ask
        direct = AsgiServer(server.app, clock)
        platform = FaultyServer(direct, server.store)
        first = first_faults(scenario)
        platform.ordered += first
        parties = parties_of(scripted_dials(scenario.script))
        application = application_of(scenario.call)
        lasting, seed = Durations(scenario.streams), self._seed(scenario)
        vonage = Vonage(application, platform, clock, parties, durations=lasting, chaos=luck, seed=seed)
        known, logged = len(server.store.opened), len(server.log)
        call = await vonage.call(**call_facts(scenario.call, self.flows))
        caller = Caller(call, result, platform, parties)
        await caller.play(scenario.script[len(first) :])
        await vonage.run()
        result.take(call, clock)
        result.records = await server.records(known)
        result.decided = tuple(_decided(result.records, answered_ms(call, clock, scenario.call.at)))
        result.hooks = await server.take_hooks()
        raised = (f"the server has raised {type(fault).__name__}: {fault}" for fault in direct.faults)
        result.broken = (*raised, *(line for line in server.log[logged:] if line.startswith(BROKEN)))
        result.notes = (*server.log[logged:], *complaints(call), *_unanswered(answers))
        if self._outside is not None:
            problems = [(hook.name, await self._outside.post(hook)) for hook in result.hooks]
            result.notes += tuple(f"the hook {name} was not sent: {problem}" for name, problem in problems if problem)
        result.took_s = time.perf_counter() - began
        return result

    def _seed(self, scenario: Scenario) -> str:
        """Of the ids of its calls: the same in every run, and another one each time that it is played in this one."""
        name = f"{scenario.place.file}:{scenario.name}"
        self._played[name] = self._played.get(name, 0) + 1
        return f"{self._played[name]}:{name}"

    async def _server(self, dial_allow: tuple[str, ...] | None) -> _Server:
        """One for each list of prefixes that a scenario has: the server takes it for good."""
        allowed = self._dial_allow if dial_allow is None else dial_allow
        if allowed not in self._servers:
            self._servers[allowed] = await _Server.started(
                self._project, self._make_app, allowed, lambda: self._clock.now
            )
        return self._servers[allowed]


class _Server:
    """The real server, with a store in memory. It holds no hook longer than a scenario lasts, and sends none."""

    def __init__(self, service: CallService, store: AwayStore, env: dict[str, str]) -> None:
        self.service = service
        self.store = store
        self.env = env
        self.log: list[str] = []
        self.app: App

    @classmethod
    async def started(
        cls, project: Project, make_app: MakeApp, dial_allow: tuple[str, ...], clock: Callable[[], datetime]
    ) -> _Server:
        """One that serves the project."""
        store, env = AwayStore(), dict[str, str]()
        policy = Policy(keys=(KEY,), failsafe=read_failsafe(SORRY), env=env, dial_allow=dial_allow)
        server = cls(CallService(store, Library(store, lambda: project), policy), store, env)
        server.app = make_app(server.service, clock, server.log)
        await store.open()
        await server.service.library.reload()
        return server

    async def records(self, known: int) -> tuple[Record, ...]:
        """The sessions behind the first `known` ones."""
        records = self.store.records()
        await records.open()
        found = []
        for id_ in self.store.opened[known:]:
            timeline = await records.timeline(id_)
            if timeline is not None:
                session = from_json(timeline.call.session.state)
                statuses = await self.store.statuses(id_, session.turn)
                found.append(Record(session, timeline.turns, statuses))
        return tuple(found)

    async def take_hooks(self) -> tuple[HookRow, ...]:
        """What would be sent, in the order of writing; it is forgotten then."""
        rows = await self.store.hooks(MOST_HOOKS)
        for row in rows:
            await self.store.hook_sent(row.id, row.created_at)
        return tuple(sorted(rows, key=lambda row: row.created_at))


def chaos_of(seed: int | None, scenario: Scenario) -> Chaos | None:
    """The bad luck of a call; none for a scenario that orders its own faults."""
    orders = any(isinstance(step, Disturb) for step in scenario.script)
    return None if seed is None or orders else Chaos(seed)


def first_faults(scenario: Scenario) -> list[Kind]:
    """Those that befall the webhook which the call begins with."""
    first = takewhile(lambda step: isinstance(step, Disturb), scenario.script)
    return [step.fault for step in first if isinstance(step, Disturb)]


def stand_ins(flows: Iterable[Flow]) -> dict[str, str]:
    """A value for every variable that flows read: an address that leads nowhere."""
    texts = {path: text for flow in flows for path, text in flow.sources.items()}
    names = {name for text in texts.values() for name in _ENV.findall(text)}
    return {name: f"https://{name.lower().replace('_', '-')}.example" for name in names}


def application_of(call: CallFacts) -> Application:
    """The URLs of the server under test, as they are entered at Vonage."""
    path = f"/{call.flow}" if call.flow else ""
    return Application(
        answer_url=f"{BASE}/webhooks/answer{path}",
        event_url=f"{BASE}/webhooks/event",
        fallback_url=f"{BASE}/webhooks/fallback",
    )


def call_facts(call: CallFacts, flows: Iterable[Flow]) -> dict[str, Any]:
    """What `Vonage.call` is told."""
    numbers = next((flow.numbers for flow in flows if flow.name == call.flow and flow.numbers), ("442079460000",))
    is_sip = bool(call.sip) or call.from_.lower().startswith(("sip:", "sips:"))
    kind = call.endpoint_type or ("app" if call.user or call.custom_data is not None else "sip" if is_sip else "phone")
    return {
        "to": call.to or numbers[0],
        "from_": None if call.user else call.from_,
        "endpoint_type": kind,
        "from_user": call.user,
        "sip_headers": call.sip,
        "custom_data": call.custom_data,
    }


def answered_ms(call: PhoneCall, clock: VirtualClock, start: datetime) -> int:
    """When the call was answered, in milliseconds since 1970."""
    return int(start.timestamp() * 1000) + clock.ms - round(call.at * 1000)


def _decided(records: Iterable[Record], zero_ms: int) -> Iterable[Decided]:
    found = [
        Decided(
            (turn.created_at - zero_ms) / 1000,
            turn.number,
            line["did"],
            line["step"],
            line["what"],
            line.get("where", ""),
            line.get("because", ""),
            tuple(line.get("others", ())),
        )
        for record in records
        for turn in record.turns
        for line in json.loads(turn.trace)
    ]
    return sorted(found, key=lambda decided: decided.at)


def _unanswered(answers: Answers) -> Iterable[str]:
    for name in dict.fromkeys(answers.unanswered):
        yield f'the look-up "{name}" had no answer, so its default held; `given: {{{name}: ..}}` gives one'
    for name, problem in answers.misfits.items():
        yield f'the answer of the look-up "{name}" does not fit, so its default held: {problem}'
