"""The `ncco` command: one file a command, and under `jobs/` what it does.

A command's file knows its words and nothing else, so that `ncco --help` is there at once; what does the work is
imported when the work begins.
"""

from __future__ import annotations

import click

from app.cli import (
    bundle,
    calls,
    check,
    db,
    explain,
    forget,
    graph,
    hooks,
    hours,
    init,
    prove,
    render,
    replay,
    schema,
    serve,
    simulate,
    test,
    validate,
)

COMMANDS = (
    init.command,
    serve.command,
    check.command,
    explain.command,
    graph.command,
    schema.command,
    validate.command,
    render.command,
    simulate.command,
    test.command,
    prove.command,
    calls.command,
    replay.command,
    hooks.command,
    bundle.command,
    hours.command,
    forget.command,
    db.command,
)


class _InOrder(click.Group):
    """A group whose help lists the commands in the order in which a project needs them, as COMMANDS has it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, as they were added."""
        return list(self.commands)


@click.group(
    cls=_InOrder,
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


for _command in COMMANDS:
    main.add_command(_command)
