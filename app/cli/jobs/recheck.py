"""`ncco check --watch`: checks, and checks again whenever a file of the project is saved, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from watchfiles import watch

from app.cli.jobs.check import check_once, sources
from app.cli.jobs.project import Source
from app.cli.terminal import takes_colour
from app.cli.work import CANNOT_RUN, CannotRun
from app.flow.report import Format, printable
from app.flow.stamps import Stamps, stamps

LOOK_MS: Final = 1_000
"""How often to look at the files when the system gives no notice, as for a folder that comes back."""
SETTLE_MS: Final = 100
"""How long files must be quiet, so that a save of many files is checked once."""
SHOWN: Final = 3
"""How many changed files are named."""
VARIABLES: Final = Path(".env")


def run(paths: tuple[Path, ...], flows: Path | None, templates: Path | None, form: Format) -> int:
    """Check until Ctrl-C, then end with the code of the last check. What was printed before stays on the screen.

    Raises CannotRun when nothing can be read at the start; later on that is said and waited out.
    """
    meant = sources(paths, flows, templates)
    folders = tuple(dict.fromkeys(folder for source in meant for folder in (source.flows, source.templates)))
    seen = stamps(folders, [VARIABLES])
    code, shown = check_once(meant, form)
    click.echo(shown, nl=False, color=takes_colour())
    click.echo(f"\nwatching {', '.join(map(str, folders))}; Ctrl-C ends", err=True)
    try:
        while True:
            before, seen = seen, _changed(folders, seen)
            click.echo(f"\nchanged: {_listed(before, seen)}", err=True)
            code, shown = _check_again(meant, form)
            click.echo(shown, nl=False, color=takes_colour())
    except KeyboardInterrupt:
        return code


def _check_again(meant: Sequence[Source], form: Format) -> tuple[int, str]:
    try:
        return check_once(meant, form)
    except CannotRun as error:
        error.show()
        return CANNOT_RUN, ""


def _changed(folders: Sequence[Path], seen: Stamps) -> Stamps:
    """Wait until the files are others than those `seen`, and give them."""
    while (found := stamps(folders, [VARIABLES])) == seen:
        _doze([folder for folder in folders if folder.is_dir()])
    return found


def _doze(there: Sequence[Path]) -> None:
    """Wait for a notice of the system, at most a second."""
    try:
        next(watch(*there, step=SETTLE_MS, rust_timeout=LOOK_MS, yield_on_timeout=True))
    except OSError:  # a folder has gone, or the system gives no notices
        time.sleep(LOOK_MS / 1000)


def _listed(before: Stamps, after: Stamps) -> str:
    files = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    more = len(files) - SHOWN
    return ", ".join(printable(file) for file in files[:SHOWN]) + (f" and {more} more" if more > 0 else "")
