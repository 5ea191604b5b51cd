"""Runs `ncco` in this process, in an empty folder and without the settings of the person who runs the tests."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ncco_server.desk.commands import main


def ncco(
    *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: str | bytes | None = None
) -> Result:
    """The output and exit code of a command. `env` is added to an environment without settings."""
    own = {name: None for name in os.environ if name.startswith(("NCCO_", "VONAGE_", "FLOW_", "AWS_"))}
    before = Path.cwd()
    os.chdir(cwd)
    try:
        return CliRunner().invoke(
            main, [str(word) for word in words], input=stdin, env=own | {"NO_COLOR": "1"} | dict(env or {})
        )
    finally:
        os.chdir(before)


def json_of(result: Result) -> Any:
    """The JSON that a command printed. If it printed anything else, the failure shows all of it and the exception."""
    try:
        return json.loads(result.stdout)
    except ValueError:
        error = result.exception
        raised = "" if error is None else "".join(traceback.format_exception(error))
        raise AssertionError(f"exit code {result.exit_code}\n{result.output}{raised}") from None
