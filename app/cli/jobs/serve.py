"""`ncco serve`: everything that can be wrong is said before the first webhook; then the server runs until a signal."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from app.cli.jobs.environment import folders
from app.cli.jobs.greeting import greeting
from app.cli.jobs.project import Findings, Source, find
from app.cli.jobs.released import last_released
from app.cli.jobs.server_settings import refused
from app.cli.terminal import takes_colour
from app.cli.work import FINE, ISSUES, CannotRun
from app.errors import SettingsError, StoreUnusable
from app.flow.model import Project
from app.flow.report import printable, report
from app.service.removals import CURE, removals
from app.settings import Settings, load_settings
from app.store import open_store
from app.web.server import serve

_ONE_WRITER: Final = """\
note: workers on one SQLite file wait for each other: each commit locks it for all of them. Two workers answer some 1.1
  times as many calls as one, and the slowest callers wait longer (python -m benchmarks.workers measures it); one
  worker is the better choice. Several workers and several hosts: NCCO_DATABASE_URL=postgresql://..."""

_AS_BEFORE: Final = """\
the flows have errors, so calls go on with those that were last taken over, at {}; mend the errors, and the running
  server takes the flows over"""

_REMOVED: Final = """\
the flows lack what callers can reach, so calls go on with those that were last taken over, at {}
{}cure: {}"""


def run(
    *,
    dev: bool,
    workers: int,
    host: str | None,
    port: int | None,
    flows: Path | None,
    templates: Path | None,
) -> int:
    """Serve until SIGINT or SIGTERM: FINE. ISSUES when the flows have errors. Raises CannotRun."""
    try:
        if flows is not None and templates is None:
            flows, templates = folders(flows, None)
        settings = _safe_settings(dev, host=host, port=port, flows=flows, templates=templates)
        _advise(settings.database_url, workers)
        found = find(Source(settings.flows, settings.templates), settings.policy().env)
        _show_issues(found)
        project = _in_use(settings, found, dev=dev)
        if project is None:
            _say("the server does not start while its flows have errors")
            return ISSUES
        _serve(settings, project, dev=dev, workers=workers)
    except SettingsError as error:
        raise refused(error) from error
    except StoreUnusable as error:
        raise CannotRun(f"the store cannot be used: {error.message}", error.cure) from error
    return FINE


def _safe_settings(dev: bool, **words: Any) -> Settings:
    """The settings, fit to serve with. Raises SettingsError."""
    settings = load_settings(**words)
    settings.require_safe(dev)
    return settings


def _advise(database_url: str, workers: int) -> None:
    """Say what several workers are worth on this database. Raises CannotRun when calls would get lost."""
    kind = database_url.partition(":")[0].lower()
    if workers > 1 and kind == "memory":
        cure = "let them share a file: NCCO_DATABASE_URL=sqlite:///ncco.db"
        raise CannotRun(f"memory:// is the memory of one process, and --workers {workers} are {workers}", cure)
    if workers > 1 and kind == "sqlite":
        _say(_ONE_WRITER)


def _say(text: str, *, is_line: bool = True) -> None:
    """Tell a person on standard error; that nobody can be told, as on a full disk, costs no call."""
    with suppress(OSError):
        click.echo(text, nl=is_line, err=True, color=takes_colour())


def _database(url: str) -> str:
    """Where calls are kept, before the server opens it: a file that is new holds none of the calls that are on."""
    store = open_store(url)
    if not store.is_durable:
        return "the memory of this process, which ends with it"
    if store.path is not None:
        return f"{printable(str(store.path.absolute()))}{'' if store.path.exists() else ', a new database'}"
    return store.label


def _show_issues(found: Findings) -> None:
    shown = report(found.issues, found.texts, "text", takes_colour())
    _say(shown, is_line=False)


def _in_use(settings: Settings, found: Findings, *, dev: bool) -> Project | None:
    """What callers hear: the flows on disk, or those that were last good here; None when there are none.

    The last good ones stay in use while the flows on disk have errors, or lack something that callers can reach. In
    development nobody calls, and the author is there to correct the flows.
    """
    before = None if dev else asyncio.run(last_released(settings.database_url, found.project))
    if before is None:
        return None if found.has_errors else found.project
    at = f"{before.at:%Y-%m-%d %H:%M} UTC"
    if found.has_errors:
        _say(_AS_BEFORE.format(at))
        return before.project
    removed = removals(before.project, found.project)
    if not removed:
        return found.project
    _say(_REMOVED.format(at, "".join(f"  {place.file}:{place.line}: {message}\n" for place, message in removed), CURE))
    return before.project


def _serve(settings: Settings, project: Project, *, dev: bool, workers: int) -> None:
    database = _database(settings.database_url)

    def greet(host: str, port: int) -> None:
        bound = settings.model_copy(update={"host": host, "port": port})
        _say(greeting(bound, project.flows.values(), dev=dev, database=database))

    with suppress(KeyboardInterrupt):  # Ctrl-C before the server has its own way with signals
        serve(settings, dev=dev, workers=workers, ready=greet)
