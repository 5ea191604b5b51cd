"""`ncco simulate`: a person plays a call in the terminal."""

from __future__ import annotations

import asyncio
import json
import secrets
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from ncco_server.desk import options
from ncco_server.desk.output import FINE, ISSUES, CannotRun
from ncco_server.desk.project import Source, flow_of_file, source_of
from ncco_server.errors import AppError
from ncco_server.flow.files import project_of
from ncco_server.flow.model import Project
from ncco_server.sample_calls import FROM
from ncco_server.service.phone_numbers import line_of, read_called, read_caller
from ncco_server.terminal import printable
from ncco_studio.commands.server_under_test import (
    after_connect,
    is_url,
    local_stage,
    refuse_remote,
    remote_options,
    remote_stage,
)
from ncco_studio.commands.simulate.conversation import TerminalCall
from ncco_studio.commands.simulate.prompts import Prompt, PromptedLookups
from ncco_studio.commands.simulate.screen import Screen
from ncco_studio.simulator.assumptions import After
from ncco_studio.simulator.parties import ENDLESS, Behaviour, Parties, PartyOutcome
from ncco_studio.verify.kept_call import check_path, keep
from ncco_studio.verify.played_call import PlayedCall
from ncco_studio.verify.scenarios.model import ScenarioCall
from ncco_studio.verify.scenarios.observed_call import CallConditions, ObservedCall
from ncco_studio.verify.scenarios.placing import ANSWERS
from ncco_studio.verify.scenarios.script import OUTCOMES
from ncco_studio.verify.scenarios.stage import LocalStage, RemoteStage, Stage, with_number

PATIENCE_S: Final = 24 * 3600.0
"""For a webhook. A person may have to type the result of a lookup."""
SEED: Final = "ncco simulate"
"""Makes the call IDs on our own server reproducible."""


def _called_at(context: click.Context, parameter: click.Parameter, what: str | None) -> str | None:
    return options.read_url(context, parameter, what) if what is not None and is_url(what) else what


def _custom_data(_: click.Context, __: click.Parameter, text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        raise click.BadParameter(f"""{text} is not JSON; write it as '{{"order": 17}}'""") from None


@click.command(
    "simulate",
    epilog="""\b
Examples:
  ncco simulate                                  call the project in this folder
  ncco simulate pin --from 447700900123          call the flow pin
  ncco simulate shop --user anna --custom-data '{"order": 17}'
  ncco simulate examples/hours --at 2026-12-25T10:00
  ncco simulate --save tests/scenarios/calls.yaml      saves the call as a scenario
  ncco simulate reminder --place --with name=Ada --phone busy --phone answered      let the server call
  ncco simulate --chaos 7                        on an unreliable network
  printf '2\\ndial busy\\n' | ncco simulate --show why        a scripted call, with what decided it
  ncco simulate https://calls.example.com/answer --event-url https://calls.example.com/event

During the call, type ? for help. The call does not run in real time: two hours pass as fast as you type.
Exit codes: 0 the call was played, 1 the server did something wrong or its flows have errors, 2 there is nothing
to call.""",
)
@click.argument("what", type=options.FLOW, required=False, metavar="[FLOW|PROJECT|URL]", callback=_called_at)
@click.option("--to", default="", help="The called number or app user [the flow's first number].")
@click.option(
    "--from",
    "caller",
    default=FROM,
    show_default=True,
    help="The caller: a number, sip:..., or anonymous.",
)
@click.option("--place", is_flag=True, help="Let the server call: FLOW has `outbound`, and --to is called.")
@click.option(
    "--with",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.named_values(),
    help="With --place: a param of the flow.",
)
@click.option(
    "--phone",
    type=click.Choice(OUTCOMES),
    multiple=True,
    help="With --place: what the called phone does at each attempt; the last one repeats [answered].",
)
@click.option("--user", default="", help="The app user who calls, instead of a number.")
@click.option("--custom-data", callback=_custom_data, metavar="JSON", help="Custom data from the caller's app.")
@click.option("--at", callback=options.read_time, help="When the call is made; UTC if no time zone is given [now].")
@click.option("--save", type=click.Path(path_type=Path), help="Add the call to a scenario file.")
@click.option(
    "--show",
    "shows",
    type=click.Choice(("why", "ncco", "webhooks")),
    multiple=True,
    help="Always show the decisions (why), the NCCOs or the webhooks; can be repeated.",
)
@click.option("--live", is_flag=True, help="Really make lookups and send hooks, with the FLOW_... variables.")
@click.option(
    "--env",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.named_values(str.isidentifier),
    help="A variable that flows read as env.NAME.",
)
@options.chaos
@after_connect
@remote_options
@options.flows
@options.templates
def command(
    *,
    what: str | None,
    to: str,
    caller: str,
    place: bool,
    given: Mapping[str, str],
    phone: tuple[PartyOutcome, ...],
    user: str,
    custom_data: Any,
    at: datetime,
    save: Path | None,
    shows: tuple[str, ...],
    live: bool,
    env: Mapping[str, str],
    chaos: int | None,
    after_connect: After | None,
    flows: Path | None,
    templates: Path | None,
    **remote: Any,
) -> int:
    """Call a flow, a project, or the answer URL of any webhook server, and be the caller.

    Without an argument, the project in this folder is called. No lookups are made and no hooks are sent: at a terminal
    you answer lookups yourself, elsewhere their defaults apply.
    """
    if live:
        click.echo("live: lookups are made and hooks are sent", err=True)
    server: AbstractAsyncContextManager[Stage]
    source = None
    name = ""
    line = ""
    if is_url(what):
        if live or env:
            raise CannotRun("--live and --env are for flows", "leave them out; a server at a URL makes its own lookups")
        server = nullcontext(remote_stage(what or "", remote, chaos=chaos))
    else:
        refuse_remote(remote)
        source, name = source_of(what, flows, templates)
        loaded = source.load_flow(name)
        name = name or flow_of_file(loaded) or (_only_placed(loaded.project) if place else "")
        line = line_of(loaded.project.flows.values(), loaded.project.flows.get(name) if place else None)
        server = local_stage(loaded.project, source.path_of, is_live=live, chaos=chaos, deadline_s=PATIENCE_S)
    to = options.as_number(read_called, to, "--to", line)
    caller = options.as_number(read_caller, caller, "--from", to or line)
    call = ScenarioCall(to=to, from_=caller, user=user, custom_data=custom_data, made_at=at, flow=name)
    met = CallConditions(Parties(other=None), {}, chaos, after_connect=after_connect)
    if place:
        call = ScenarioCall(places=name, to=to or FROM, values=given, made_at=at)
        behaviours = tuple([Behaviour(outcome, talks_s=ENDLESS) for outcome in phone]) or (ANSWERS,)
        met = replace(met, parties=Parties({call.to: behaviours}, other=None), phone=behaviours)
    elif given or phone:
        raise CannotRun("--with and --phone are for calls that the server places", "add --place")
    screen = Screen(shows)

    async def run() -> int:
        async with server as stage:
            return await Simulation(stage, source, call, met, env, screen).run(save)

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        click.echo("\nyou left the call")
        return FINE


def _only_placed(project: Project) -> str:
    """Raises CannotRun unless exactly one flow has `outbound`."""
    names = sorted(flow.name for flow in project.flows.values() if flow.outbound is not None)
    if len(names) != 1:
        cure = f"name one of: {', '.join(names)}" if names else "add `outbound` to a flow"
        raise CannotRun("it is unclear which flow places the call", cure)
    return names[0]


@dataclass(slots=True)
class Simulation:
    """One call, played by a person.

    Attributes:
        source: the project; None for a server at a URL.
        call: as given on the command line.
        env: the variables of the flows.
    """

    stage: Stage
    source: Source | None
    call: ScenarioCall
    met: CallConditions
    env: Mapping[str, str]
    screen: Screen

    async def run(self, save: Path | None) -> int:
        """FINE if the server did nothing wrong. Raises CannotPlace, CannotKeep, NoServer."""
        if save is not None:
            check_path(save)
        prompt = Prompt()
        fitted = with_number(self.stage, self.call, "`ncco simulate {}`")
        stage = self.stage if isinstance(self.stage, LocalStage) else None
        outside = stage.outside if stage is not None else None
        look_ups = outside.look_ups if outside is not None else None
        lookups = PromptedLookups(self.stage.flows, prompt, self.screen, look_ups)
        self._announce(fitted)
        async with self._placed(fitted, lookups) as placed:
            call = PlayedCall(placed, self.stage.flows)
            for moment, outcome in await placed.attempts():
                self.screen.say(f"{moment:%Y-%m-%d %H:%M} UTC: {outcome or 'answered'}")
            talk = TerminalCall(call, prompt, self.screen, stage)
            talk.save = str(save or "")
            lookups.show_news = talk.show_news
            lookups.call = call
            try:
                await talk.hold()
            except AppError as error:
                self.screen.say_problem(error, "the call cannot continue: ")
                return ISSUES
            if fitted.places:
                call.result.attempts = await placed.attempts()
        if talk.save:
            self._save(Path(talk.save), fitted, call, lookups)
        if call.result.ended == "failsafe":
            self.screen.say("nothing in a flow could be played" if self.source else "no NCCO was played", "red")
        is_faulty = call.result.ended == "failsafe" or call.result.broken or any(placed.problems)
        return ISSUES if is_faulty else FINE

    def _announce(self, call: ScenarioCall) -> None:
        flow = self.call.flow or call.flow
        at = call.made_at.isoformat(" ", "minutes")
        whom = f"flow {flow}" if flow else ""
        if isinstance(self.stage, RemoteStage):
            whom = self.stage.application.answer_url
        if call.places:
            self.screen.say(printable(f"flow {call.places} calls {call.to}, {at}"), "bold")
            return
        self.screen.say(
            printable(f"{call.user or call.from_} calls {f'{whom} at ' if whom else ''}{call.to}, {at}"), "bold"
        )
        if self.met.chaos is not None:
            self.screen.say(f"on an unreliable network, seed {self.met.chaos}; --show webhooks shows it", "dim")

    @asynccontextmanager
    async def _placed(self, call: ScenarioCall, lookups: PromptedLookups) -> AsyncIterator[ObservedCall]:
        if isinstance(self.stage, RemoteStage):
            async with self.stage.ring(call, self.met) as line:
                yield line
            return
        # Servers of lookups may remember calls by ID.
        seed = secrets.token_hex(16) if self.stage.outside is not None else SEED
        yield await self.stage.ring(
            call, self.met, look_ups=lookups.of_turn, env=self.env, seed=seed, patience_s=PATIENCE_S, rows=()
        )

    def _save(self, path: Path, fitted: ScenarioCall, played: PlayedCall, lookups: PromptedLookups) -> None:
        """Raises CannotKeep."""
        check_path(path)
        is_named = self.source is None or self.call.flow or self.call.to
        name = keep(path, self.call if is_named else fitted, played, lookups.as_given(), env=self.env)
        self.screen.say(f'written to {path} as "{name}"; play it again with: {self._replay_command(path)}', "green")

    def _replay_command(self, path: Path) -> str:
        words = ["ncco", "test", str(path)]
        if isinstance(self.stage, RemoteStage):
            words += ["--url", self.stage.application.answer_url]
        elif self.source is not None and project_of(path) != self.source.flows.resolve().parent:
            words += ["--flows", str(self.source.flows)]
        return shlex.join(words)
