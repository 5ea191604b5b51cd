"""`ncco learn`: what recorded calls show about Vonage, beside the assumptions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import click

from ncco_server.cli import options
from ncco_server.cli.database import asynchronous, server_store
from ncco_server.cli.environment import assumed_platform
from ncco_server.cli.output import FINE, ISSUES, columns, print_json, print_result
from ncco_server.service.learned import SeenValues, counted, seen_in
from ncco_server.simulator.assumptions import assumptions


@click.command(
    "learn",
    epilog="""\b
Examples:
  ncco learn                              what the newest 1,000 calls show
  ncco learn --calls 20000                more calls
  ncco learn --format yaml > platform.yaml
                                          what differs, as a file for NCCO_PLATFORM

Only webhooks that the server has stored are read; the command says nothing about who called and what was said. What
three quarters of at least five calls show counts. Exit codes: 0 nothing differs from what is assumed, 1 something
does, 2 no database can be read.""",
)
@click.option("--calls", type=click.IntRange(1), default=1000, show_default=True, help="How many calls are looked at.")
@options.output("text", "json", "yaml")
@asynchronous
async def command(*, calls: int, form: str) -> int:
    """Show what recorded calls say about Vonage, and where that differs from what is assumed."""
    assumed = asdict(assumed_platform())
    async with server_store().records() as records:
        found = counted([seen async for seen in seen_in(records, calls, datetime.now(UTC))])
    differing = [each for each in found if each.most_seen not in (None, assumed[each.name])]
    if form == "json":
        print_json([_document(each, assumed[each.name]) for each in found])
    elif form == "yaml":
        today = date.today()  # noqa: DTZ011 - the date at the user's place, for a comment
        print_result(f"# What recorded calls have shown by {today}, where it differs from what is assumed.\n")
        for each in differing:
            print_result(f"{each.name}: {each.most_seen}  # {_times(each)}; assumed: {assumed[each.name]}\n")
    elif not found:
        click.echo("No recorded call shows anything about Vonage yet.")
    else:
        rows = [(each.name, str(assumed[each.name]), str(each.most_seen or "-"), _times(each)) for each in found]
        click.echo("\n".join(columns([("assumption", "assumed", "seen", "times"), *rows])))
    return ISSUES if differing else FINE


def _times(seen: SeenValues) -> str:
    of = sum(seen.counts.values())
    return ", ".join(f"{value} {times} of {of}" for value, times in sorted(seen.counts.items()))


def _document(seen: SeenValues, assumed: Any) -> dict[str, Any]:
    source = assumptions()[seen.name].basis.source
    return {
        "name": seen.name,
        "assumed": assumed,
        "seen": seen.most_seen,
        "counts": dict(seen.counts),
        "source": source,
    }
