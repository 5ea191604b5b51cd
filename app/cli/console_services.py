"""What the console gets of `web`, and of commands."""

from __future__ import annotations

from app.cli.console_subprocess import prove_flow
from app.cli.server_under_test import make_app
from app.console.services import Served, Services


def console_services(served: Served | None = None) -> Services:
    """The services of the console, beside the server that is `served`."""
    return Services(make_app, prove_flow, served or Served())
