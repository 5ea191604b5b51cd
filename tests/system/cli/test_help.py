"""The command line: help, version and usage errors, and that none of them imports slow modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from ncco_server.desk.studio import NAMES, Studio
from ncco_studio import extension
from tests.support.cases import each_case
from tests.system.docs.commands_page import commands

ROOT = Path(__file__).parents[3]
HEAVY = {
    *("fastapi", "starlette", "pydantic", "uvicorn", "jinja2", "yaml", "sqlalchemy", "httpx", "orjson", "asyncio"),
    *(
        "ncco_server.ncco",
        "ncco_server.flow",
        "ncco_server.engine",
        "ncco_server.store",
        "ncco_server.web",
        "ncco_studio.simulator",
        "ncco_studio.verify",
    ),
}


@each_case("command", [pytest.param(command, id=name) for name, _, command in commands()])
def test_every_option_says_what_it_does(command: click.Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]

    assert [] == [option.name for option in options if not option.help]


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_imports_no_package(words: list[str]) -> None:
    code = f"import atexit, sys; atexit.register(lambda: print('imported:', sorted({HEAVY} & set(sys.modules)))); "

    shown = subprocess.run(
        [sys.executable, "-c", f"{code}from ncco_server.desk.commands import main; main({words})"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "imported: []" == shown.splitlines()[-1]


def test_the_server_knows_the_names_of_the_commands_of_the_studio() -> None:
    studio: Studio = extension

    assert {*NAMES} == studio.COMMANDS.keys()
