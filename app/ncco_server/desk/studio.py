"""What the studio adds to the command `ncco` if it is installed beside the server.

The studio is the distribution `ncco-studio`. Its entry point names a module with the functions of `Studio`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import click

from ncco_server.desk.output import CannotRun
from ncco_server.terminal import shows_colours
from ncco_server.version import VERSION

if TYPE_CHECKING:
    from ncco_server.desk.findings import Finding
    from ncco_server.flow.issues import FlowIssue, FlowRule
    from ncco_server.flow.model import Flow, Project
    from ncco_server.settings import Settings
    from ncco_server.settings.fields import VoiceAccess

GROUP: Final = "ncco_server.studio"
"""The group of the entry point."""
INSTALL: Final = (
    "install it beside the server: pip install ./app/studio in a copy of the repository, or the wheel ncco_studio-*.whl"
)
NAMES: Final = ("agent", "console", "graph", "prove", "schema", "simulate", "test", "vonage")
"""The studio's commands, so that the server's `ncco` can say where they are."""


class RunningConsole(Protocol):
    """The console beside a server, in a process of its own.

    Attributes:
        url: its address; in development without passwords, a link.
        port: the port on which it listens.
        figures: the socket of the server's figures, which its pages show.
        voice_access: how the server places calls that ring in the console; None if they do not ring there.
    """

    url: str
    port: int
    figures: socket
    voice_access: VoiceAccess | None

    def start(self, server_url: str) -> None: ...


class Studio(Protocol):
    """The module of the entry point. Its functions import what they need, so that loading it is quick."""

    @property
    def COMMANDS(self) -> Mapping[str, str]:  # noqa: N802 - a constant of a module
        ...

    def load_command(self, name: str) -> click.Command: ...

    def rules(self) -> Mapping[str, FlowRule]:
        """The codes of faults and of issues of scenarios, for `ncco explain`."""

    def code_pages(self) -> Mapping[str, str]:
        """The address of each code's page on this machine."""

    def play_handlers(self, project: Project, env: Mapping[str, str]) -> tuple[list[FlowIssue], dict[str, str]]:
        """The issues that calls of handlers in Python meet; and the lines that no play has reached, by file."""

    def editor_files(self, files: Mapping[str, str]) -> dict[str, str]:
        """The settings and schemas that editors need for a new project with these files."""

    def demo_files(self) -> dict[str, str]:
        """The flows and scenarios of the practice of `ncco init --demo`."""

    def play_demo(self, folder: Path, now: datetime) -> int:
        """Store simulated calls of the weeks before `now`; return their number."""

    def check_proof(self, settings: Settings, flows: Mapping[str, Flow]) -> Iterable[Finding]: ...

    def console_beside(
        self, settings: Settings, *, dev: bool, say: Callable[[str], None]
    ) -> AbstractContextManager[RunningConsole | None]:
        """Run the console of a server that has not started yet; None if its port cannot be used, which it says."""


@cache
def find_studio() -> Studio | None:
    """None if the studio is not installed. Raises CannotRun if it has another version than the server."""
    found = next(iter(entry_points(group=GROUP)), None)
    if found is not None and found.dist is not None and found.dist.version != VERSION:
        raise CannotRun(
            f"ncco-studio {found.dist.version} is installed beside ncco-server {VERSION}",
            "install both packages in the same version",
        )
    return cast(Studio, found.load()) if found is not None else None


def code_pages() -> Mapping[str, str]:
    """The addresses of codes, for links in a terminal; {} elsewhere."""
    studio = find_studio()
    return studio.code_pages() if studio is not None and shows_colours(sys.stdout) else {}


def command_of(name: str) -> click.Command | None:
    """A command of the studio; if the studio is missing, one that says so. None for any other name."""
    studio = find_studio()
    if studio is not None:
        return studio.load_command(name) if name in studio.COMMANDS else None
    return _missing(name) if name in NAMES else None


def _missing(name: str) -> click.Command:
    def refuse(**_: Any) -> None:
        raise CannotRun(f"`ncco {name}` is a command of the studio, which is not installed", INSTALL)

    settings = {"ignore_unknown_options": True, "help_option_names": []}
    rest = click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(name, callback=refuse, params=[rest], context_settings=settings)
