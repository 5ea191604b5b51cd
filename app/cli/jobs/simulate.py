"""`ncco simulate`: a call in the terminal, played by a person or by a script."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click

from app.cli.jobs.addresses import START_IT, Address, Method, address_of, is_url, refuse_at_home
from app.cli.jobs.server_settings import server_settings
from app.cli.jobs.simulating.line import Network
from app.cli.jobs.simulating.saving import check_path
from app.cli.jobs.simulating.scripted import find_source_of, play_at, play_own
from app.cli.jobs.simulating.scripts import Script
from app.cli.jobs.simulating.simulation import Simulation, Wishes, say_live
from app.cli.jobs.simulating.targets import find_called
from app.cli.jobs.simulating.words import NOWHERE
from app.cli.work import FINE, ISSUES, CannotRun
from app.verify.scenarios.distant import NoServer
from app.verify.scenarios.model import CallFacts


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
    method: Method | None,
    signature_secret: str,
    flows: Path | None,
    templates: Path | None,
) -> int:
    """Make the call. ISSUES when the server did something wrong in it, its flows have errors or a script differs.

    Raises CannotRun.
    """
    address = address_of(what or "" if is_url(what) else "", event_url, fallback_url, method, signature_secret)
    if not is_url(what):
        refuse_at_home(event_url, fallback_url, method, signature_secret)
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
    script: Script, what: str | None, address: Address, flows: Path | None, templates: Path | None, *, live: bool
) -> int:
    """The scenarios on the server at `address` when `what` is a URL, else on that of a project."""
    if is_url(what):
        return asyncio.run(play_at(script, address))
    if live:
        say_live()
    source = find_source_of(script, what, flows, templates)
    return asyncio.run(play_own(script, source, server_settings().dial_allow, live=live))
