"""Options that several commands share, and their values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import click

from ncco_server.desk.output import keep_for_results
from ncco_server.desk.project import Source
from ncco_server.flow.model import Project
from ncco_server.flow.zones import find_zone
from ncco_server.sample_calls import YEARS

Command = TypeVar("Command", bound=Callable[..., object])

SHOWN: Final = 20
"""Newest calls or recordings listed by default."""


flows = click.option(
    "--flows",
    type=click.Path(path_type=Path),
    help="Project folder, its folder of flow files, or a Python file [NCCO_FLOWS, else flows].",
)
templates = click.option(
    "--templates",
    type=click.Path(path_type=Path),
    help="Template folder [NCCO_TEMPLATES, else next to the flows].",
)
chaos = click.option(
    "--chaos",
    type=click.IntRange(0),
    metavar="SEED",
    help="Play on an unreliable network: webhooks are late, repeated or lost.",
)
limit = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=SHOWN, show_default=True, help="How many to show."
)


def output(*formats: str, by_terminal: bool = False) -> Callable[[Command], Command]:
    """The first format of `--format` is the default, or JSON elsewhere than on a terminal if it is `by_terminal`.

    In all formats but text, a program reads the output.
    """
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats),
        default=None if by_terminal else formats[0],
        show_default="text on a terminal, else json" if by_terminal else True,
        callback=_read_format,
        help="The output format.",
    )


def _read_format(_: click.Context, __: click.Parameter, form: str | None) -> str:
    form = form or ("text" if sys.stdout.isatty() else "json")
    if form != "text":
        keep_for_results()
    return form


def named_values(
    cure: str = "leave one out",
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, str]]:
    """Return a callback for an option with NAME=VALUE. `cure` says what to do if a name is given twice."""

    def read(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
        values = dict[str, str]()
        for each in given:
            name, equals, value = each.partition("=")
            if not equals or not name:
                raise click.BadParameter(f"{each} is not NAME=VALUE")
            if name in values:
                raise click.BadParameter(f"{name} is given twice; {cure}")
            values[name] = value
        return values

    return read


def read_day(_: click.Context, __: click.Parameter, text: str | None) -> date | None:
    """Return None if no date is given. Raises BadParameter."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a date; write one such as 2026-12-25") from None


def read_time(_: click.Context, __: click.Parameter, text: str | None) -> datetime:
    """Read a point in time, in UTC without a time zone. The default is now. Raises BadParameter."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        cure = "write it as 2026-12-25T10:00, or with a time zone as 2026-12-25T10:00+01:00"
        raise click.BadParameter(f"{text} is not a valid time; {cure}") from None
    if time.year not in YEARS:
        raise click.BadParameter(
            f"{text} is too far in the past or the future; use a year from {YEARS[0]} to {YEARS[-1]}"
        )
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def zone_of_line() -> tzinfo:
    """See `Project.zone_of`. UTC if there are no flow files here."""
    project = _project_of(Source.here(None, None))
    return project.zone_of() if project else UTC


def number_of_line(source: Source | None = None) -> str:
    """See `phone_numbers.line_of`. The default is the project here."""
    from ncco_server.service.phone_numbers import line_of  # noqa: PLC0415 - `ncco check` loads nothing of the service

    project = _project_of(source or Source.here(None, None))
    return line_of(project.flows.values()) if project else ""


def _project_of(source: Source) -> Project | None:
    """Return None if there are no flow files."""
    return source.load().project if source.exists else None


def read_zone(_: click.Context, __: click.Parameter, name: str) -> tzinfo:
    """Read a name of the time zone database. Raises BadParameter."""
    zone = find_zone(name) if name else zone_of_line()
    if zone is None:
        raise click.BadParameter(f"{name} is not a time zone; write one such as Europe/London")
    return zone


zone = click.option(
    "--timezone",
    "zone",
    default="",
    callback=read_zone,
    help="Time zone of times in text [that of the opening hours; UTC if there is none, or more than one].",
)


def read_url(_: click.Context, __: click.Parameter, url: str) -> str:
    """Return "" if no URL is given. Raises BadParameter."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        is_good = False
    if url and not is_good:
        cure = "write one such as https://calls.example.com/answer"
        raise click.BadParameter(f"{url!r} is not the URL of a server; {cure}")
    return url
