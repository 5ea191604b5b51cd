"""The `ncco` command: one module per command, imported when it is called."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from app.cli.output import exit_code_of

COMMANDS: Final = {
    "init": "Write a new project that works at once.",
    "serve": "Run the server; prints the URLs to enter at Vonage.",
    "check": "Show every fault of the flow files, with its place and its cure.",
    "explain": "Explain the code of an issue, with a wrong and a right example.",
    "graph": "Draw flows: steps, and the ways from one to the next.",
    "schema": "Print the JSON Schema of flow files, of scenarios, or of the NCCO.",
    "validate": "Check an NCCO document (JSON) against every rule.",
    "render": "Print the NCCO of a call, without a server.",
    "simulate": "Call a flow, or any webhook server, in the terminal: hear, press, speak.",
    "test": "Play the scenarios of a project, and count the outcomes that they take.",
    "prove": "Walk every way through flows, and show the shortest call in which something goes wrong.",
    "calls": "Show recorded calls; of one what came in, what went out, and why.",
    "replay": "Play a recorded call again, and compare what goes out.",
    "hooks": "Show the hooks that wait or are parked; try them again.",
    "bundle": "Write static NCCOs for the fallback URL, for when the server is away.",
    "hours": "Show when opening hours are open, with holidays, gaps and overlaps.",
    "forget": "Delete every call of a phone number, for good.",
    "db": "Show the database's schema, or bring it to the newest.",
}
"""What each command does, in the order in which a project needs them. Its module is `app.cli.<name>`."""


class _Commands(click.Group):
    """Imports the module of a command when the command is called, so that `ncco --help` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"app.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, which returns its exit code, and end with that code."""
        ctx.exit(exit_code_of(lambda: super(_Commands, self).invoke(ctx)))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  ncco init shop                                     a new project in the folder shop
  ncco serve --dev                                   answer calls on 127.0.0.1:8000
  ncco check                                         every fault in flows/ and templates/
  ncco validate answer.json                          one NCCO against the rules
  ncco render reception --from 447700900123          what a caller hears first

Exit codes: 0 fine, 1 faults were found, 2 the command cannot run.""",
)
@click.version_option(package_name="ncco-server", prog_name="ncco")
def main() -> None:
    """Answer Vonage voice calls from flow files, and check the files before a phone rings."""
