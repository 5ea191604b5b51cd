"""`ncco lsp`: the language server, which an editor starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from ncco_server.desk.environment import flow_variables, lookup_budget_ms, python_flows, python_lookups
from ncco_server.desk.output import FINE, CannotRun


@click.command(
    "lsp",
    epilog="""\b
Examples:
  ncco lsp                 the command to name in an editor's settings

Exit codes: 0 the editor ended it, 2 it cannot run.
How to set up VS Code and Neovim: docs/how-to/editor.md""",
)
def command() -> int:
    """Run the language server for an editor, on standard input and output.

    It checks flows, templates and scenario files while you type, and offers fixes. It completes and explains words, and
    finds, renames and lists steps, lookups, hooks and flows. Unsaved text never runs functions or reaches the network.
    """
    if find_spec("pygls") is None:
        cure = 'run `pip install "./app/studio[lsp]"` in a copy of the repository, or add [lsp] to the wheel'
        raise CannotRun("the language server is not installed", cure)
    if sys.stdin.isatty():
        raise CannotRun("an editor starts this, not a person", "set up your editor as docs/how-to/editor.md says")
    from ncco_studio.lsp.features import make_server  # noqa: PLC0415 - an optional extra

    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # stray output must not be taken for a message
        make_server(_settings_of).start_io(stdout=replies)
    return FINE


def _settings_of(project: Path) -> Mapping[str, Any]:
    """Read `.env` in a project; see `OpenProject.folder`."""
    try:
        return {
            "env": dict.fromkeys(flow_variables(project), ""),
            "modules": python_lookups(project),
            "handlers": python_flows(project),
            "budget_ms": lookup_budget_ms(project),
        }
    except CannotRun:  # `ncco check` reports an unreadable `.env`
        return {"env": {}, "modules": (), "handlers": (), "budget_ms": None}
