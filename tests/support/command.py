"""Runs `ncco` in this process, in an empty folder and without the settings of the person who runs the tests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from ncco_server.cli import main


def ncco(
    *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: str | bytes | None = None
) -> Result:
    """What a command printed and how it ended. `env` is added to an environment without settings."""
    own = {name: None for name in os.environ if name.startswith(("NCCO_", "VONAGE_", "FLOW_", "AWS_"))}
    before = Path.cwd()
    os.chdir(cwd)
    try:
        return CliRunner().invoke(
            main, [str(word) for word in words], input=stdin, env=own | {"NO_COLOR": "1"} | dict(env or {})
        )
    finally:
        os.chdir(before)
