"""Makes docs/reference/commands.md, generated from the commands: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import click

from ncco_server.desk.commands import COMMANDS, main
from ncco_studio import extension
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "commands.md"
WIDTH: Final = 100

SHARED: Final = {"flows", "templates", "event_url", "fallback_url", "method", "signature_secret"}
"""Options that the page's introduction explains."""

INTRODUCTION: Final = """# Commands

<!-- written by make docs -->

What `--help` prints, without its examples and exit codes. Results go to standard output, everything else to standard
error. Exit codes: **0** fine, **1** something is wrong, **2** cannot run, **130** stopped with Ctrl-C, **141** the
reader of the output has closed it. Commands that read a project accept the first two options below. `simulate` and
`test`, when they call a server at a URL, accept the others.

| option | meaning |
|---|---|
| `--flows PATH` | the project folder, or its folder of flow files [`NCCO_FLOWS`, else `flows`] |
| `--templates PATH` | the project's folder of templates [`NCCO_TEMPLATES`, else next to the flows] |
| `--event-url`, `--fallback-url` | the server's other URLs [none] |
| `--public-url` | the base URL that the server writes into its NCCOs, if it runs elsewhere [none] |
| `--method` | the HTTP method for its answer and fallback URLs: `GET` or `POST` [GET] |
| `--signature-secret` | the secret that signs the webhooks [`VONAGE_SIGNATURE_SECRET`, else they are unsigned] |
"""


_EXIT_CODES: Final = re.compile(r"\s*\bExit codes:.*", re.DOTALL)


def page() -> str:
    """The page of commands: a heading for each command, with the output of its `--help`."""
    return "\n".join([INTRODUCTION, *(_section(name, command) for name, _, command in commands())])


def commands() -> Iterator[tuple[str, str, click.Command]]:
    """Every command as users type it, with its short help; a command comes before its subcommands."""
    for name, short in {**COMMANDS, **extension.COMMANDS}.items():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        yield f"ncco {name}", short, command
        for inner_name, inner in (command.commands if isinstance(command, click.Group) else {}).items():
            yield f"ncco {name} {inner_name}", inner.short_help or "", inner


def _section(name: str, command: click.Command) -> str:
    with click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH) as context:
        formatter = context.make_formatter()
        command.format_help_text(context, formatter)
        options = (each for each in command.params if isinstance(each, click.Option) and each.name not in SHARED)
        rows = [record for option in options if (record := option.get_help_record(context)) is not None]
        if rows:
            with formatter.section("Options"):
                formatter.write_dl(rows)
        command.format_epilog(context, formatter)
        usage = " ".join([name, *command.collect_usage_pieces(context)])
    paragraphs = formatter.getvalue().strip("\n").split("\n\n")
    shown = (_EXIT_CODES.sub("", each) for each in paragraphs if not each.strip().startswith("Examples:"))
    text = "\n\n".join(each for each in shown if each.strip())
    return f"## `{name}`\n\n```text\n{usage}\n\n{text}\n```\n"
