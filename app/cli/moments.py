"""Points in time as people write them behind an option."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import click

YEARS: Final = range(2000, 2101)
"""When calls are made, as in `app.verify.scenarios.reading`: `--help` imports nothing as large as that."""


def read_moment(text: str) -> datetime:
    """The moment that is meant; without a time zone it is UTC. Raises BadParameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        cure = "write it as 2026-12-25T10:00, or with a time zone as 2026-12-25T10:00+01:00"
        raise click.BadParameter(f"{text} is no point in time; {cure}") from None
    if moment.year not in YEARS:
        raise click.BadParameter(f"{text} is too far away; take a year from {YEARS[0]} to {YEARS[-1]}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
