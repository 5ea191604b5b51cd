"""`--script` on the server of a project, in this process."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from app.cli.jobs.environment import flow_variables
from app.cli.jobs.flow import show_errors
from app.cli.jobs.naming import source_of
from app.cli.jobs.outside import live_outside
from app.cli.jobs.project import Source, as_named, find
from app.cli.jobs.scenario_projects import find_projects
from app.cli.jobs.server_under_test import make_app
from app.cli.jobs.simulating.screen import Screen
from app.cli.jobs.simulating.scripts import Script, show_issues, show_result
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.model import Project
from app.verify.scenarios.stage import Stage
from app.verify.scenarios.suite import fitted, play


def find_source_of(script: Script, what: str | None, flows: Path | None, templates: Path | None) -> Source:
    """The project that is named, else the one that the file belongs to. Raises CannotRun."""
    if "webhooks" in script.shows:
        raise CannotRun("a script does not show webhooks", "show why or ncco, or make the call yourself")
    if what is not None:
        return source_of(what, flows, templates)[0]
    return find_projects((script.path,), flows, templates)[0].source


async def play_own(script: Script, source: Source, allow: tuple[str, ...], *, live: bool) -> int:
    """Play the script: FINE when it holds. Raises CannotRun."""
    found = find(source, flow_variables())
    if found.project.has_errors:
        show_errors(found)
        return ISSUES
    return await _play(script, found.project, source, allow, live=live)


async def _play(script: Script, project: Project, source: Source, allow: tuple[str, ...], *, live: bool) -> int:
    file, screen, rename = script.file, Screen(), partial(as_named, source=source)
    async with live_outside(is_live=live) as outside:
        stage = Stage(project, make_app, allow, outside=outside)
        ready, issues = fitted(stage, [file])
        is_faulty = show_issues(file, issues)
        held = [await show_result(await play(stage, each), rename, script, screen) for each in script.wanted(ready)]
    return FINE if all(held) and not is_faulty else ISSUES
