"""`ncco simulate`: a call in the terminal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from app.cli import options
from app.cli.environment import server_settings
from app.cli.output import FINE, ISSUES, CannotRun
from app.cli.server_under_test import START_IT, Method, is_url, refuse_remote_options, remote_application
from app.cli.simulating.line import Network
from app.cli.simulating.saving import check_path
from app.cli.simulating.scripted import find_source_of, play_at, play_own
from app.cli.simulating.scripts import Script
from app.cli.simulating.simulation import Simulation, Wishes, say_live
from app.cli.simulating.targets import find_called
from app.cli.simulating.words import NOWHERE
from app.simulator import Application
from app.verify.scenarios.distant import NoServer
from app.verify.scenarios.model import CallFacts

HIDDEN: Final = frozenset({"", "anonymous", "unknown", "restricted", "private", "unavailable"})
"""What stands for the number of a caller who does not show it."""


def _number(_: click.Context, __: click.Parameter, number: str | None) -> str:
    """The digits of a number; the sign and the blanks that people write are left out."""
    digits = re.sub(r"[\s().-]", "", number or "").removeprefix("+")
    if number is not None and not (digits.isascii() and digits.isdigit()):
        raise click.BadParameter(f"{number} is no telephone number; write digits, such as 447700900123")
    return digits


def _caller(context: click.Context, parameter: click.Parameter, caller: str | None) -> str:
    """A number; `sip:` and what follows; "", anonymous and the like for somebody whose number is hidden."""
    text = (caller or "").strip()
    if text.lower() in HIDDEN or text.lower().startswith(("sip:", "sips:")):
        return text
    return _number(context, parameter, caller)


def _variables(_: click.Context, __: click.Parameter, written: tuple[str, ...]) -> Mapping[str, str]:
    found = {}
    for each in written:
        name, is_given, value = each.partition("=")
        if not is_given or not name.isidentifier():
            raise click.BadParameter(f"{each} is no NAME=VALUE")
        found[name] = value
    return found


def _streams(_: click.Context, __: click.Parameter, written: tuple[str, ...]) -> Mapping[str, float]:
    found = {}
    for each in written:
        url, _is_given, seconds = each.rpartition("=")
        if not url or not re.fullmatch(r"\d{1,5}(\.\d{1,3})?s?", seconds):
            raise click.BadParameter(f"{each} is no URL=SECONDS")
        found[url] = float(seconds.removesuffix("s"))
    return found


def _refuse_unheeded(context: click.Context, script: Path | None) -> None:
    """Refuse options that would change nothing. Raises UsageError."""
    unheeded = ("words",) if script is None else ("to", "caller", "at", "env", "streams")
    why = "is for --script" if script is None else "is for a call by hand: a scenario says it itself"
    for option in context.command.params:
        if option.name in unheeded and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} {why}")


@click.command(
    "simulate",
    epilog="""\b
Examples:
  ncco simulate                                  call the project in this folder
  ncco simulate pin --from 447700900123          call the flow pin
  ncco simulate examples/shop --at 2026-12-25T10:00
  ncco simulate --script tests/scenarios/reception.yaml -k "busy sales"
  ncco simulate --save tests/scenarios/calls.yaml      and keep it as a scenario
  ncco simulate --chaos 7                        on an unlucky network
  printf '2\\nbusy\\n' | ncco simulate --show why        the call of a script, and what decided
  ncco simulate https://calls.example.com/answer --event-url https://calls.example.com/event

In the call, ? lists what can be typed. Nobody is waited for: a call of two hours takes as long as you type.
Exit codes: 0 the call was played, 1 the server did something wrong in it, its flows have errors or a script differs,
2 nobody can be called.""",
)
@click.argument("what", required=False, metavar="[FLOW|PROJECT|URL]")
@click.option("--to", default=None, callback=_number, help="The number called [the flow's first number].")
@click.option(
    "--from",
    "caller",
    default="447700900123",
    show_default=True,
    callback=_caller,
    help="The caller: a number, sip:..., or anonymous.",
)
@click.option(
    "--at", default=None, callback=options.read_time, help="When the call is made, UTC without a time zone [now]."
)
@click.option("--script", type=click.Path(path_type=Path), default=None, help="Play the scenarios of a file.")
@click.option("-k", "words", default="", metavar="WORDS", help="With --script: only scenarios that hold these words.")
@click.option("--save", type=click.Path(path_type=Path), default=None, help="Add the call to a file of scenarios.")
@click.option(
    "--show",
    "shows",
    type=click.Choice(("why", "ncco", "webhooks")),
    multiple=True,
    help="Show all along what decided, the NCCOs or the webhooks; repeat it for more.",
)
@click.option("--live", is_flag=True, help="Ask look-ups and send hooks for real, with the variables FLOW_...")
@click.option("--real-time", is_flag=True, help="Play at the speed of speech; typing interrupts.")
@click.option(
    "--env", multiple=True, metavar="NAME=VALUE", callback=_variables, help="A variable that flows read as env.NAME."
)
@click.option(
    "--stream",
    "streams",
    multiple=True,
    metavar="URL=SECONDS",
    callback=_streams,
    help="How long an audio file lasts [30 seconds].",
)
@options.chaos
@options.remote_server
@options.flows
@options.templates
@click.pass_context
def command(
    context: click.Context,
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
    method: Method | None,
    signature_secret: str,
    flows: Path | None,
    templates: Path | None,
) -> int:
    """Call a flow, a project, or the answer URL of any webhook server, and be the caller.

    Without an argument the project in this folder is called. Nobody outside is asked or told anything: at a terminal
    you answer look-ups yourself, elsewhere their defaults hold.
    """
    _refuse_unheeded(context, script)
    address = remote_application(what or "" if is_url(what) else "", event_url, fallback_url, method, signature_secret)
    if not is_url(what):
        refuse_remote_options(event_url, fallback_url, method, signature_secret)
    elif live or env:
        raise CannotRun("--live and --env are for flows", "leave them out; a server at a URL asks whom it asks")
    if script is not None and save is not None:
        raise CannotRun("--save and --script exclude each other", "leave one of them out")
    facts = CallFacts(NOWHERE, to, caller, at=at)
    try:
        if script is not None:
            scenarios = Script(script, words, real_time, shows, chaos)
            return _run_script(scenarios, what, address, flows, templates, live=live)
        if save is not None:
            check_path(save)
        called = None if is_url(what) else find_called(what, facts, flows, templates)
        if called is None and not is_url(what):
            return ISSUES
        wishes = Wishes(facts, save, shows, live, real_time, env, Network(chaos, streams))
        return asyncio.run(Simulation(called, address, wishes).run())
    except NoServer as error:
        raise CannotRun(str(error), START_IT) from error
    except KeyboardInterrupt:
        click.echo("\nthe call was left")
        return FINE


def _run_script(
    script: Script, what: str | None, address: Application, flows: Path | None, templates: Path | None, *, live: bool
) -> int:
    """The scenarios on the server at `address` when `what` is a URL, else on that of a project."""
    if is_url(what):
        return asyncio.run(play_at(script, address))
    if live:
        say_live()
    source = find_source_of(script, what, flows, templates)
    return asyncio.run(play_own(script, source, server_settings().dial_allow, live=live))
