"""What the console uses from `web` and from commands."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from ncco_studio.commands.console_subprocess import play, prove_flow
from ncco_studio.console.services import Served, Services


def console_services(served: Served | None = None) -> Services:
    return Services(play, prove_flow, served or Served(), program_of(sys.argv[0]))


def program_of(script: str) -> str:
    """The path of the running script, unless a shell finds it by its name."""
    path, found = Path(script), shutil.which("ncco")
    is_found = found is not None and path.exists() and path.samefile(found)
    return "ncco" if is_found or path.name != "ncco" else shlex.quote(script)
