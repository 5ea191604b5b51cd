"""The `ncco` command."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

import click

from ncco_server.desk.ending import ENDING
from ncco_server.desk.output import exit_code_of, prepare_streams, report_ignored
from ncco_server.desk.studio import NAMES, command_of, find_studio
from ncco_server.garbage import collect_rarely
from ncco_server.terminal import shows_colours
from ncco_server.version import COMMIT, VERSION

collect_rarely()  # here, because the processes that `ncco serve` spawns import this module first

COMMANDS: Final = {
    "init": "Create a project that works out of the box.",
    "serve": "Run the server; prints the URLs to enter at Vonage.",
    "check": "Report the issues of the flow files, with places and fixes.",
    "explain": "Explain an issue's code, with a wrong and a right example.",
    "validate": "Check an NCCO document (JSON) against every rule.",
    "render": "Print the NCCO of a call, without a server.",
    "place": "Ask the server to place calls: one, or one for each row of a file.",
    "api-key": "Let programs place calls, and use rows of tables, over HTTP.",
    "table": "Show, change, import or export the rows of a table.",
    "calls": "List recorded calls, or explain one with its timeline.",
    "report": "Count the calls in a period: minutes, results, time until a person answered.",
    "replay": "Replay a recorded call and compare the replies.",
    "hooks": "List waiting and parked hooks; retry or delete them.",
    "recordings": "List callers' recordings; save one to a file, fetch it again or delete it.",
    "go-live": "Connect the project to a real phone number, one question at a time.",
    "doctor": "Check everything that real calls need, from the settings to the URLs at Vonage.",
    "release": "Confirm that flows, numbers or defaults were removed on purpose.",
    "forget": "Permanently delete all calls with a phone number.",
    "backup": "Back up the calls, their key and the recordings to one file, while servers run.",
    "restore": "Restore the database from a backup.",
    "db": "Show the version of the database schema, or migrate it.",
}
"""The server's commands with short descriptions, in the order in which a project needs them.

Their modules are `ncco_server.desk.commands.<name>`, with _ for -.
"""


class _Commands(click.Group):
    """Imports a command's module only when it is used, so that `ncco --help` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_studio_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return command_of(cmd_name)
        command: click.Command = importlib.import_module(
            f"ncco_server.desk.commands.{cmd_name.replace('-', '_')}"
        ).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if found := _studio_commands():
            with formatter.section("Commands of the studio"):
                formatter.write_dl(list(found.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and exit with the code that it returns.

        Commands print with colours; `click.echo` removes these if they cannot be shown.
        """
        prepare_streams()
        if sys.unraisablehook is sys.__unraisablehook__:
            sys.unraisablehook = report_ignored
        if threading.excepthook is threading.__excepthook__:
            threading.excepthook = report_ignored
        ctx.color = shows_colours(sys.stdout)
        ctx.exit(exit_code_of(lambda: super(_Commands, self).invoke(ctx)))


def _studio_commands() -> Mapping[str, str]:
    studio = find_studio()
    return studio.COMMANDS if studio is not None else {}


@click.group(
    cls=_Commands,
    commands={name: click.Command(name) for name in (*COMMANDS, *NAMES)},  # so that a misspelt name can be corrected
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  ncco init shop                                     a new project in the folder shop
  ncco serve --dev                                   answer calls on 127.0.0.1:8000
  ncco check                                         list the issues of flows/ and templates/
  ncco validate answer.json                          check one NCCO
  ncco render reception --from 447700900123          show what a caller hears first

Exit codes: 0 fine, 1 issues were found, 2 the command cannot run.""",
)
@click.version_option(f"{VERSION} ({COMMIT[:9]})" if COMMIT else VERSION, prog_name="ncco")
def main() -> None:
    """Answer Vonage voice calls from flow files, and check the files before a phone rings."""


def run() -> None:
    """Run the command, and end the process."""
    try:
        main()
    except SystemExit as ended:
        ENDING.prepare(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise
