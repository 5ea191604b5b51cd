"""`ncco simulate`: a call in the terminal, played by a person or by a script."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from app.cli.jobs.addresses import START_IT, Address, Method, address_of, is_url, refuse_at_home
from app.cli.jobs.outside import live_outside
from app.cli.jobs.server_settings import server_settings
from app.cli.jobs.simulating.asking import Person, was_answered
from app.cli.jobs.simulating.conversation import Conversation
from app.cli.jobs.simulating.line import Line, Network, outer_line, own_line
from app.cli.jobs.simulating.own_server import Own
from app.cli.jobs.simulating.pace import Pace
from app.cli.jobs.simulating.prompts import Prompt, find_prompt
from app.cli.jobs.simulating.saving import append, check_path, free_name, name_of
from app.cli.jobs.simulating.screen import Screen
from app.cli.jobs.simulating.scripted import find_source_of, play_at, play_own
from app.cli.jobs.simulating.scripts import Script
from app.cli.jobs.simulating.targets import Called, find_called
from app.cli.jobs.simulating.words import NOWHERE
from app.cli.jobs.simulating.writing import Played, written
from app.cli.work import FINE, ISSUES, CannotRun
from app.errors import AppError
from app.flow.report import printable
from app.verify.scenarios.distant import NoServer
from app.verify.scenarios.files import project_of
from app.verify.scenarios.fitting import ANY_NUMBER
from app.verify.scenarios.model import CallFacts
from app.verify.scenarios.stage import stand_ins


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the person has said on the command line besides whom to call."""

    facts: CallFacts
    save: Path | None
    shows: tuple[str, ...]
    live: bool
    is_real_time: bool
    env: Mapping[str, str]
    network: Network
    flows: Path | None
    templates: Path | None


@dataclass(slots=True)
class _Kept:
    """What a scenario needs to know of a call besides its script."""

    given: Mapping[str, list[Any]] = field(default_factory=dict)


def run(
    *,
    what: str | None,
    to: str,
    caller: str,
    at: datetime,
    script: Path | None,
    words: str,
    save: Path | None,
    shows: tuple[str, ...],
    live: bool,
    real_time: bool,
    env: Mapping[str, str],
    streams: Mapping[str, float],
    chaos: int | None,
    event_url: str,
    fallback_url: str,
    method: Method,
    signature_secret: str,
    flows: Path | None,
    templates: Path | None,
) -> int:
    """Make the call. ISSUES when the server did something wrong in it, its flows have errors or a script differs.

    Raises CannotRun.
    """
    address = address_of(what or "" if is_url(what) else "", event_url, fallback_url, method, signature_secret)
    if not is_url(what):
        refuse_at_home({"--event-url": event_url, "--fallback-url": fallback_url})
    elif live or env:
        raise CannotRun("--live and --env are for flows", "leave them out; a server at a URL asks whom it asks")
    wishes = _Wishes(
        CallFacts(NOWHERE, to, caller, at=at),
        save,
        shows,
        live,
        real_time,
        env,
        Network(chaos, streams),
        flows,
        templates,
    )
    try:
        if script is not None:
            return _run_script(Script(script, words, real_time, shows, chaos), what, address, wishes)
        return _run_call(what, address, wishes)
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error
    except KeyboardInterrupt:
        click.echo("\nthe call was left")
        return FINE


def _run_script(script: Script, what: str | None, address: Address, wishes: _Wishes) -> int:
    if wishes.save is not None:
        raise CannotRun("--save and --script exclude each other", "leave one of them out")
    if is_url(what):
        return asyncio.run(play_at(script, address))
    if wishes.live:
        _say_live()
    source = find_source_of(script, what, wishes.flows, wishes.templates)
    return asyncio.run(play_own(script, source, server_settings().dial_allow, live=wishes.live))


def _say_live() -> None:
    click.echo("live: look-ups are asked, and hooks are sent", err=True)


def _run_call(what: str | None, address: Address, wishes: _Wishes) -> int:
    if wishes.save is not None:
        check_path(wishes.save)
    called = None if is_url(what) else find_called(what, wishes.facts, wishes.flows, wishes.templates)
    if called is None and not is_url(what):
        return ISSUES
    return asyncio.run(_Simulation(called, address, wishes).run())


class _Simulation:
    """One call by a person, to a project or to a URL."""

    def __init__(self, called: Called | None, address: Address, wishes: _Wishes) -> None:
        self._called = called
        self._address = address
        self._wishes = wishes
        self._prompt: Prompt = find_prompt()
        self._screen = Screen(wishes.shows)
        self._kept = _Kept()

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
            _say_live()
        async with live_outside(is_live=wishes.live) as outside:
            person = Person(called.flows, self._prompt, self._screen, outside.look_ups() if outside else None)
            self._kept.given = person.given
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
        given = {name: answers for name, answers in self._kept.given.items() if was_answered(answers)}
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


def _expected(line: Line) -> dict[str, Any]:
    """What a scenario expects of a call that came as this one did."""
    ended = "failsafe" if line.is_failsafe else "hangup" if line.call.ended_by == "user" else "completed"
    return {"end": ended, **({"hooks": line.inside.hooks} if line.inside is not None and line.inside.hooks else {})}
