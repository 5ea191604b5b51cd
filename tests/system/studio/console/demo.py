"""The practice of `ncco init --demo`, with a server and its console."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.fork_server import NCCO, run
from tests.support.server import running
from tests.system.studio.console.server import link_of


@contextmanager
def running_demo(home: Path) -> Iterator[str]:
    """Make the practice in a new folder of `home`, and run its server. Yields a link that opens the console once."""
    folder = home / "practice"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    run([NCCO, "init", folder, "--demo"], cwd=home, env=environment, capture_output=True, check=True)
    settings = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0", "NCCO_DATABASE_URL": "sqlite:///ncco.db"}
    with running(folder, {}, settings, "--dev") as server:
        yield link_of(server)
