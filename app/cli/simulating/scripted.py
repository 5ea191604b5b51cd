"""`--script` on the server of a project, in this process, or on one at a URL."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from app.cli.output import ISSUES
from app.cli.project import Source, load_without_errors, path_of, source_of
from app.cli.scenario_files import find_scenarios, first_numbers
from app.cli.server_under_test import live_outside, make_app
from app.cli.simulating.scripts import Script, play_script
from app.simulator import Application
from app.verify.scenarios.distant import DistantStage
from app.verify.scenarios.stage import Stage


def find_source_of(script: Script, what: str | None, flows: Path | None, templates: Path | None) -> Source:
    """The project that is named, else the one that the file belongs to. Raises CannotRun."""
    if what is not None:
        return source_of(what, flows, templates)[0]
    return next(iter(find_scenarios((script.path,), flows, templates)))


async def play_own(script: Script, source: Source, allow: tuple[str, ...], *, live: bool) -> int:
    """Play the script: FINE when it holds. Raises CannotRun."""
    found = load_without_errors(source)
    if found is None:
        return ISSUES
    async with live_outside(is_live=live) as outside:
        stage = Stage(found.project, make_app, allow, outside=outside, chaos=script.chaos)
        return await play_script(stage, script, partial(path_of, source=source))


async def play_at(script: Script, address: Application) -> int:
    """Play the script on a server at a URL: FINE when it holds. Raises CannotRun, NoServer."""
    stage = DistantStage(address, chaos=script.chaos, numbers=first_numbers([script.path]))
    return await play_script(stage, script, str)
