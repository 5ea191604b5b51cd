"""`ncco replay`: a recorded call once more."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "replay",
    short_help="Play a recorded call again, and compare what goes out.",
    epilog="""\b
Examples:
  ncco replay 3f9a1c77                     each turn: the same bytes, or the first difference
  ncco replay 3f9a1c77 --format json       the same for a program

It only reads the database that NCCO_DATABASE_URL names, asks no look-up and sends nothing. Exit codes: 0 what could
be played again is the same, 1 something differs or there is no such call, 2 there is no database that can be read.""",
)
@click.argument("session")
@options.output("text", "json")
def command(*, session: str, form: str) -> None:
    """Play the turns of a call again, and compare what goes out. SESSION is its leg's uuid, or how that begins.

    The flow is that of the revision which the call began with; times, webhooks and the answers of look-ups are those
    that were recorded, settings those of now. A turn that needs what was sensitive, and so was not kept, ends it.
    Callback URLs are compared without their signature.
    """
    hand_over("replay", session=session, form=form)
