"""Every command takes hostile words, in a project and in an empty folder, without a traceback. `pytest --night`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from ncco_server.desk.commands import main
from tests.support.command import ncco
from tests.system.server.security.route_table import HOSTILE_TEXTS

FLOW: Final = """\
flow: shop
default: true
start: hello
steps:
  hello: {do: [{talk: "Hello."}], goto: end}
"""
LONG: Final = frozenset({"serve", "vonage", "go-live"})
"""Commands that run until they are stopped, or ask questions: only their help is tried."""


def commands(group: click.Group, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that is not a group, with its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)
        elif command is not None:
            yield (*words, name), command


def hostile(command: click.Command) -> Iterator[list[str]]:
    """The arguments of a command: one hostile value each, for an argument or an option."""
    needed = [param for param in command.params if param.required and isinstance(param, click.Argument)]
    for param in command.params:
        for text in HOSTILE_TEXTS:
            value = text.replace("\0", "")  # command lines cannot contain it
            others = ["none" for each in needed if each is not param]
            if isinstance(param, click.Argument):
                yield ["--", value, *others]
            elif isinstance(param, click.Option) and not param.is_flag:
                yield [f"{param.opts[0]}={value}" if param.opts[0].startswith("--") else param.opts[0] + value, *others]
    for option in (each for each in command.params if isinstance(each, click.Option) and each.is_flag):
        yield [option.opts[0], *("none" for _ in needed)]


COMMANDS: Final = dict(commands(main))


@pytest.fixture(params=[True, False], ids=["in a project", "in an empty folder"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder in which commands run."""
    if not request.config.getoption("--night"):
        pytest.skip("takes minutes: --night")
    if request.param:
        (tmp_path / "flows").mkdir()
        (tmp_path / "flows" / "shop.yaml").write_text(FLOW)
    return tmp_path


@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_ends_with_a_sentence_whatever_its_arguments(home: Path, words: tuple[str, ...]) -> None:
    failed = []
    tried = [["--help"], [], *hostile(COMMANDS[words])] if words[0] not in LONG else [["--help"]]
    for more in tried:
        result = ncco(*words, *more, cwd=home, stdin="")
        is_exit = result.exception is None or isinstance(result.exception, SystemExit)
        if not is_exit or result.exit_code not in (0, 1, 2, 3):
            failed.append(f"{' '.join([*words, *more])[:120]!r}: {result.exit_code} {result.exception!r:.200}")
    assert [] == failed
