"""`ncco hooks`: the webhooks of ours that are not sent yet."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.work import hand_over


@click.group(
    "hooks",
    invoke_without_command=True,
    short_help="Show the hooks that wait or are parked; try them again.",
    epilog="""\b
Examples:
  ncco hooks                                what waits, and what was given up
  ncco hooks --format json                  the same for a program
  ncco hooks retry msg_0c6f...              try one again, now
  ncco hooks retry --all                    try all of them again, now
  ncco hooks drop msg_0c6f...               forget one that was given up

It works beside a running server, on the database that NCCO_DATABASE_URL names. Exit codes: 0 nothing is
parked, 1 something is, 2 there is no database.""",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many to show.")
@options.output("text", "json")
@click.pass_context
def command(context: click.Context, limit: int, form: str) -> None:
    """Show the hooks that are not sent yet: those that wait for their next try, and those that were given up."""
    if context.invoked_subcommand is None:
        hand_over("hooks", limit=limit, form=form)


@command.command("retry", short_help="Try hooks again, now.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_", is_flag=True, help="All of them.")
def retry(ids: tuple[str, ...], all_: bool) -> None:
    """Try hooks again, now: parked ones with all their tries, waiting ones before their time.

    A running server sends them within a second; else they go out when it starts. Exit codes: 0 they will be tried,
    1 one of them is not there or waits for an earlier one of its call, 2 there is no database.
    """
    hand_over("hooks_retry", ids=_named(ids, all_))


@command.command("drop", short_help="Forget hooks that were given up.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_", is_flag=True, help="All that are parked.")
def drop(ids: tuple[str, ...], all_: bool) -> None:
    """Forget hooks that were given up: nobody will be told what they say. Those that wait stay.

    Exit codes: 0 they are gone, 1 one of them is not there or not parked, 2 there is no database.
    """
    hand_over("hooks_drop", ids=_named(ids, all_))


def _named(ids: tuple[str, ...], all_: bool) -> tuple[str, ...] | None:
    """The ids, None for all. Raises UsageError unless it is one or the other."""
    if all_ == bool(ids):
        raise click.UsageError("name the hooks, or write --all")
    return None if all_ else ids
