"""What simulated calls assume about the platform, from NCCO_PLATFORM and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from ncco_server.desk.environment import variables
from ncco_studio.simulator.assumptions import After, Assumptions
from ncco_studio.verify.platform_file import settings_in

Command = TypeVar("Command", bound=Callable[..., object])


def assumed_platform(folder: Path = Path()) -> Assumptions:
    """What NCCO_PLATFORM's file says about the platform, else the defaults. Raises CannotRun, SettingsError."""
    return Assumptions(**seen_platform(folder))


def seen_platform(folder: Path = Path()) -> Mapping[str, Any]:
    """The settings in NCCO_PLATFORM's file; {} without one. Raises CannotRun, SettingsError."""
    name = variables(folder).get("NCCO_PLATFORM", "")
    return settings_in(folder / name) if name else {}


def after_connect(command: Command) -> Command:
    option = click.option(
        "--after-connect",
        type=click.Choice(get_args(After)),
        help="What happens to a call when a connected party hangs up [as in NCCO_PLATFORM, else continues].",
    )
    return option(command)
