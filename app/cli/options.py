"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])

flows = click.option(
    "--flows",
    type=click.Path(path_type=Path),
    help="Project folder, or folder of the flow files [NCCO_FLOWS, else flows].",
)
templates = click.option(
    "--templates",
    type=click.Path(path_type=Path),
    help="Folder of the templates [NCCO_TEMPLATES, else beside the flows].",
)


def output(*formats: str) -> Callable[[Command], Command]:
    """`--format`, the first format being the default."""
    return click.option(
        "--format", "form", type=click.Choice(formats), default=formats[0], show_default=True, help="How to print it."
    )


def server(command: Command) -> Command:
    """What is said of a server at a URL, beside its answer URL."""
    for option in reversed(_SERVER):
        command = option(command)
    return command


_SERVER = (
    click.option("--event-url", default="", help="Of a server at a URL: where events go [nowhere]."),
    click.option("--fallback-url", default="", help="Of a server at a URL: what is asked when it fails [nothing]."),
    click.option(
        "--method",
        type=click.Choice(("GET", "POST"), case_sensitive=False),
        metavar="[GET|POST]",
        help="Of a server at a URL: how its answer and fallback URL are asked [GET].",
    ),
    click.option(
        "--signature-secret",
        default="",
        help="Of a server at a URL: what webhooks are signed with [VONAGE_SIGNATURE_SECRET, else nothing].",
    ),
)
chaos = click.option(
    "--chaos", type=click.IntRange(0), metavar="SEED", help="Play on an unlucky network: late, twice, lost."
)
