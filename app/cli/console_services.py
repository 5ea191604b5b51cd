"""Functions of `web` and of commands for the console."""

from __future__ import annotations

from app.cli.console_subprocess import play, prove_flow
from app.console.services import Served, Services


def console_services(served: Served | None = None) -> Services:
    """The console's services, for the `served` server."""
    return Services(play, prove_flow, served or Served())
