"""The words of the command: help, version, usage errors, and that they wait for nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner

from app.cli import COMMANDS, main
from tests.docs.commands_page import commands

HEAVY = {
    *("fastapi", "starlette", "pydantic", "uvicorn", "jinja2", "yaml", "sqlalchemy", "httpx", "orjson", "asyncio"),
    *("app.ncco", "app.flow", "app.engine", "app.store", "app.web", "app.simulator", "app.verify"),
}
NAMES = list(COMMANDS)


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_shows_examples_and_exit_codes(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"])

    assert 0 == shown.exit_code
    assert f"  ncco {name}" in shown.output.partition("Examples:")[2]
    assert "Exit codes: 0 " in shown.output


def test_help_lists_the_commands_in_the_order_in_which_a_project_needs_them() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output.partition("Commands:\n")[2].partition("\n\n")[0]

    assert NAMES == re.findall(r"^  (\w+)", listed, re.MULTILINE)
    assert ["init", "serve", "check"] == NAMES[:3]


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, _, command in commands()])
def test_every_option_says_what_it_does(command: click.Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]

    assert [] == [option.name for option in options if not option.help]


def test_version_is_that_of_the_package() -> None:
    assert f"ncco, version {version('ncco-server')}\n" == CliRunner().invoke(main, ["--version"]).output


@pytest.mark.parametrize("words", [["frobnicate"], ["check", "--format", "xml"], ["validate"], ["schema", "flows"], []])
def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    shown = CliRunner().invoke(main, words)

    assert 2 == shown.exit_code
    assert "Usage: " in shown.output


def test_the_command_imports_no_room_before_its_work_begins() -> None:
    code = f"import sys, app.cli; print(sorted({HEAVY} & set(sys.modules)))"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "[]" == shown.strip()


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_imports_no_room_either(words: list[str]) -> None:
    code = f"import atexit, sys; atexit.register(lambda: print('imported:', sorted({HEAVY} & set(sys.modules)))); "

    shown = subprocess.run(
        [sys.executable, "-c", f"{code}from app.cli import main; main({words})"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "imported: []" == shown.splitlines()[-1]
