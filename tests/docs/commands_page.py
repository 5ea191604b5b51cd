"""Writes docs/reference/commands.md from the commands themselves: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from app.cli import COMMANDS, main
from tests.house.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "commands.md"
WIDTH: Final = 100

INTRODUCTION: Final = """# Commands

<!-- written by make docs -->

Commands print for people, and most of them with `--format json` for programs; `--help` prints what is written here.
Results go to standard output, remarks to standard error. All end with **0** when all is
fine, **1** when faults were found, **2** when the command could not run; with **130** when Ctrl-C ends one before it is
done, and **141** when nothing reads its output any more.
"""


def page() -> str:
    """The page of the commands: a heading for each, with what its `--help` tells."""
    return "\n".join([INTRODUCTION, *(_section(name, short, command) for name, short, command in commands())])


def commands() -> Iterator[tuple[str, str, click.Command]]:
    """Every command by what one writes, with its short help; those of a command behind it."""
    for name, short in COMMANDS.items():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        yield f"ncco {name}", short, command
        for inner_name, inner in (command.commands if isinstance(command, click.Group) else {}).items():
            yield f"ncco {name} {inner_name}", inner.short_help or "", inner


def _section(name: str, short: str, command: click.Command) -> str:
    return f"## `{name}`\n\n{short}\n\n```text\n{told(name, command)}\n```\n"


def told(name: str, command: click.Command) -> str:
    """What `--help` prints on a wide terminal."""
    settings = {"help_option_names": ["-h", "--help"], "terminal_width": WIDTH, "max_content_width": WIDTH}
    with click.Context(command, info_name=name, **settings) as context:  # type: ignore[arg-type]  # names of settings
        return command.get_help(context)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
