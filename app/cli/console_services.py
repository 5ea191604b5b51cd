"""What the console uses from `web` and from commands."""

from __future__ import annotations

from app.cli.console_subprocess import play, prove_flow
from app.console.services import Served, Services


def console_services(served: Served | None = None) -> Services:
    """The services of the console for this server."""
    return Services(play, prove_flow, served or Served())
