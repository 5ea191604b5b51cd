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
