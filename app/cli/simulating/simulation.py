"""One simulated call by a person, to a flow of a project or to a server at a URL."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from app.cli.environment import server_settings
from app.cli.output import FINE, ISSUES
from app.cli.server_under_test import live_outside
from app.cli.simulating.asking import Person, was_answered
from app.cli.simulating.conversation import Conversation
from app.cli.simulating.line import Line, Network, outer_line, own_line
from app.cli.simulating.own_server import Own
from app.cli.simulating.pace import Pace
from app.cli.simulating.prompts import Prompt, find_prompt
from app.cli.simulating.saving import append, check_path, free_name, name_of
from app.cli.simulating.screen import Screen
from app.cli.simulating.targets import Called
from app.cli.simulating.words import NOWHERE
from app.cli.simulating.writing import Played, written
from app.errors import AppError
from app.flow.report import printable
from app.simulator import Application
from app.verify.scenarios.files import project_of
from app.verify.scenarios.fitting import ANY_NUMBER
from app.verify.scenarios.model import CallFacts
from app.verify.scenarios.stage import stand_ins


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person has said on the command line besides whom to call.

    Attributes:
        facts: of the call. save: the file that keeps it; None for none. shows: what is printed all along.
        live: whether look-ups and hooks go outside. is_real_time: whether a second of the call takes a second.
        env: variables of flows. network: what is between the caller and the server.
    """

    facts: CallFacts
    save: Path | None
    shows: tuple[str, ...]
    live: bool
    is_real_time: bool
    env: Mapping[str, str]
    network: Network


class Simulation:
    """One call by a person, to a project or to a URL."""

    def __init__(self, called: Called | None, address: Application, wishes: Wishes) -> None:
        self._called = called
        self._address = address
        self._wishes = wishes
        self._prompt: Prompt = find_prompt()
        self._screen = Screen(wishes.shows)
        self._given: Mapping[str, list[Any]] = {}

    async def run(self) -> int:
        """FINE when the server did nothing wrong."""
        async with self._line() as line:
            save = str(self._wishes.save) if self._wishes.save is not None else ""
            pace = Pace(is_real=self._wishes.is_real_time)
            talk = Conversation(line, self._prompt, self._screen, pace, save)
            try:
                await talk.hold()
            except AppError as error:
                self._screen.say(f"the call cannot go on: {printable(str(error))}", "red")
                return ISSUES
            if talk.save:
                self._keep(line, talk)
            if line.is_failsafe:
                self._screen.say("nothing of a flow could be played" if line.inside else "no NCCO was played", "red")
            is_broken = line.inside is not None and line.inside.is_broken
            return ISSUES if self._screen.faults or line.is_failsafe or is_broken else FINE

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Line]:
        wishes, called = self._wishes, self._called
        if called is None:
            facts = CallFacts(NOWHERE, wishes.facts.to or ANY_NUMBER, wishes.facts.from_, at=wishes.facts.at)
            self._greet(self._address.answer_url, facts)
            async with outer_line(self._address, facts, wishes.network) as line:
                yield line
            return
        flow = called.facts.flow or called.fitted.flow
        self._greet(f"flow {flow}" if flow else "", called.fitted)
        if wishes.live:
            say_live()
        async with live_outside(is_live=wishes.live) as outside:
            person = Person(called.flows, self._prompt, self._screen, outside.look_ups() if outside else None)
            self._given = person.given
            env = {**(outside.env if outside else stand_ins(called.flows)), **wishes.env}
            own = Own(called.project, env, server_settings().dial_allow, person.ask, called.rename, outside)
            async with own_line(own, called.fitted, called.flows, wishes.network) as line:
                person.line = line
                yield line

    def _greet(self, whom: str, facts: CallFacts) -> None:
        where = f"{whom} at " if whom else ""
        at = facts.at.isoformat(" ", "minutes")
        self._screen.say(printable(f"{facts.from_} calls {where}{facts.to}, {at}"), "bold")
        if self._wishes.network.chaos is not None:
            self._screen.say(
                f"on an unlucky network, seed {self._wishes.network.chaos}; --show webhooks tells of it", "dim"
            )

    def _keep(self, line: Line, talk: Conversation) -> None:
        """Write the call as a scenario. Raises CannotRun."""
        wishes, path = self._wishes, Path(talk.save)
        check_path(path)
        facts = self._called.kept if self._called is not None else wishes.facts
        given = {name: answers for name, answers in self._given.items() if was_answered(answers)}
        script = talk.recorder.script
        played = Played(facts, script, given, wishes.env, wishes.network.streams, _expected(line))
        name = free_name(path, name_of(script))
        append(path, name, written(name, played))
        self._screen.say(f'written to {path} as "{name}"; play it again with: {self._replay(path)}', "green")

    def _replay(self, path: Path) -> str:
        """The command that plays a kept call again."""
        file = shlex.quote(str(path))
        if self._called is None:
            return f"ncco test {file} --url {shlex.quote(self._address.answer_url)}"
        flows, home = self._called.source.flows, project_of(path)
        is_at_home = home is not None and (home / "flows").resolve() == flows.resolve()
        return f"ncco test {file}" if is_at_home else f"ncco test {file} --flows {shlex.quote(str(flows))}"


def say_live() -> None:
    """Say on standard error that this call reaches others."""
    click.echo("live: look-ups are asked, and hooks are sent", err=True)


def _expected(line: Line) -> dict[str, Any]:
    """What a scenario expects of a call that came as this one did."""
    ended = "failsafe" if line.is_failsafe else "hangup" if line.call.ended_by == "user" else "completed"
    return {"end": ended, **({"hooks": line.inside.hooks} if line.inside is not None and line.inside.hooks else {})}
