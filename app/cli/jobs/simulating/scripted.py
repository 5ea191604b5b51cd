"""`--script` on the server of a project, in this process, or on one at a URL."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from app.cli.jobs.addresses import Address
from app.cli.jobs.environment import flow_variables
from app.cli.jobs.naming import source_of
from app.cli.jobs.outside import live_outside
from app.cli.jobs.project import Source, as_named, find, show_errors
from app.cli.jobs.scenario_projects import find_projects, numbers_at_hand
from app.cli.jobs.server_under_test import make_app
from app.cli.jobs.simulating.scripts import Script, play_script
from app.cli.work import ISSUES
from app.verify.scenarios.distant import DistantStage
from app.verify.scenarios.stage import Stage


def find_source_of(script: Script, what: str | None, flows: Path | None, templates: Path | None) -> Source:
    """The project that is named, else the one that the file belongs to. Raises CannotRun."""
    if what is not None:
        return source_of(what, flows, templates)[0]
    return find_projects((script.path,), flows, templates)[0].source


async def play_own(script: Script, source: Source, allow: tuple[str, ...], *, live: bool) -> int:
    """Play the script: FINE when it holds. Raises CannotRun."""
    found = find(source, flow_variables())
    if found.has_errors:
        show_errors(found)
        return ISSUES
    async with live_outside(is_live=live) as outside:
        stage = Stage(found.project, make_app, allow, outside=outside, chaos=script.chaos)
        return await play_script(stage, script, partial(as_named, source=source))


async def play_at(script: Script, address: Address) -> int:
    """Play the script on a server at a URL: FINE when it holds. Raises CannotRun, NoServer."""
    stage = DistantStage(address.application, chaos=script.chaos, numbers=numbers_at_hand([script.path]))
    return await play_script(stage, script, str)
