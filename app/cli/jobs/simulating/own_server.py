"""The real server in this process, with a store in memory, for one call; and what can be seen of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.cli.jobs.server_under_test import make_app
from app.cli.jobs.simulating.insight import Ways, ways_of
from app.engine import Session
from app.engine.session import from_json
from app.flow.model import Asked, Flow, Project, Step
from app.flow.phrases import fold
from app.flow.report import printable
from app.service.calls import CallService, LookUp
from app.service.library import Library
from app.service.policy import Policy
from app.settings.failsafe import DEFAULT as SORRY
from app.settings.failsafe import read_failsafe
from app.simulator import VirtualClock, Waited
from app.store import HookRow, Timeline, open_store
from app.verify.scenarios.result import Decided
from app.verify.scenarios.stage import BROKEN, KEY, MOST_HOOKS, Outside
from app.verify.scenarios.telling import Rename, decision

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
