"""Plays webhooks against the server while one point of it is broken, in a process that loads it so.

python -m tests.faults.broken_server WAYS SERVER TEXT PART

WAYS 0: all of them. SERVER: the URL of a database of a PostgreSQL server; "": a file of SQLite. Only runs are played
whose names hold TEXT; of these the PART `3/16` is the third of sixteen.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from typing import Any

from tests.faults.importing import ROOT, make_breakable


def report_of(ways: int, server: str = "", only: str = "", part: str = "1/1") -> dict[str, Any]:
    """What came of it; see `broken_calls.Report`. Raises AssertionError when it could not be played."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.broken_server", str(ways), server, only, part]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stderr[-3000:]
    report: dict[str, Any] = json.loads(played.stdout)
    return report


if __name__ == "__main__":
    FAULTS = make_breakable()
    import_module("tests.faults.broken_calls").main(FAULTS, sys.argv[1:])
