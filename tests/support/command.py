"""Runs `ncco` in this process. tests/conftest.py removes the settings of the person who runs the tests."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any
from unittest.mock import patch

from click.testing import CliRunner, Result

from ncco_server.desk.commands import main


def ncco(
    *words: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: str | bytes | None = None,
) -> Result:
    """The output and exit code of a command in `cwd`, or else in the current folder. `env` is added to the settings.

    Later tests cannot import the project's modules.
    """
    with chdir(cwd or "."), patch.object(sys, "path", [*sys.path]):
        return CliRunner().invoke(
            main, [str(word) for word in words], input=stdin, env={"NO_COLOR": "1", **(env or {})}
        )


def json_of(result: Result) -> Any:
    """The JSON that a command printed. If it printed anything else, the failure shows all of it and the exception."""
    try:
        return json.loads(result.stdout)
    except ValueError:
        error = result.exception
        raised = "" if error is None else "".join(traceback.format_exception(error))
        raise AssertionError(f"exit code {result.exit_code}\n{result.output}{raised}") from None
