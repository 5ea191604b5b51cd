"""The practice of `ncco init --demo`, with a server and its console."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.fork_server import NCCO, run
from tests.support.server import Server, running

_HOURS: Final = re.compile(r"week: .*\n +holidays: .*")


@contextmanager
def running_demo(home: Path, *, is_always_open: bool = False) -> Iterator[Server]:
    """Make the practice in a new folder of `home`, and run its server with the console.

    Its calls have come in its own hours. If `is_always_open`, it is open from now on, whatever the time is.
    """
    folder = home / "practice"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    run([NCCO, "init", folder, "--demo"], cwd=home, env=environment, capture_output=True, check=True)
    if is_always_open:
        shared = folder / "flows/shared.yaml"
        always = _HOURS.sub("week: {mon-sun: 00:00-24:00}", shared.read_text(encoding="utf-8"))
        shared.write_text(always, encoding="utf-8")
    settings = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0", "NCCO_DATABASE_URL": "sqlite:///ncco.db"}
    with running(folder, {}, settings, "--dev") as server:
        yield server
