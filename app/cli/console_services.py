"""What the console gets of `web`, and of commands."""

from __future__ import annotations

from app.cli.console_subprocess import play, prove_flow
from app.console.services import Served, Services


def console_services(served: Served | None = None) -> Services:
    """The services of the console, beside the server that is `served`."""
    return Services(play, prove_flow, served or Served())
