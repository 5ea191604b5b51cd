"""Every command, in every format that it has, and every page of the console, with every kind of broken project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import click
import pytest
import yaml

from ncco_server.desk.commands import main
from tests.support.command import ncco
from tests.system.cli.test_every_command import COMMANDS, LONG
from tests.system.server.security.route_table import RouteTable
from tests.unit.studio.console.conftest import logged_in, make_console

PROJECTS: Final[dict[str, dict[str, Any]]] = yaml.load(
    Path(__file__).with_name("broken_projects.yaml").read_bytes(), yaml.CSafeLoader
)
ARGUMENTS: Final = {
    "explain": ["E101"],
    "place": ["447700900123"],
    "render": ["shop"],
    "simulate": ["shop"],
    "schema": ["flow"],
    "validate": ["answer.json"],
    "replay": ["none"],
    "forget": ["--number", "447700900123", "--yes"],
    "backup": ["saved.zip"],
}
"""For commands that need some."""
NAMED: Final = ("graph", "prove", "check")
"""Commands that take the name of a flow too, or of a file."""
ELSEWHERE: Final = LONG | {"init", "restore", "api-key", "console"}
"""Commands that read no project, or write into it."""
SCENARIO: Final = "nobody speaks: {flow: shop, script: [hangup]}"


def written(project: dict[str, Any], folder: Path) -> dict[str, str]:
    """The environment of commands in the folder."""
    files = {name: text for name, text in project.items() if name != "python"}
    if files:
        files = {"tests/scenarios/any.yaml": SCENARIO, "answer.json": "[]"} | files
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return {"NCCO_PYTHON_FLOWS": project["python"]} if "python" in project else {}


def runs() -> Iterator[list[str]]:
    """Each command, once for each of its formats."""
    for words, command in COMMANDS.items():
        if words[0] in ELSEWHERE:
            continue
        formats = [param for param in command.params if "--format" in param.opts]
        kinds = [["--format", form] for param in formats for form in getattr(param.type, "choices", ())] or [[]]
        for kind in kinds:
            yield [*words, *ARGUMENTS.get(words[0], []), *kind]
        if words[0] in NAMED:
            yield [*words, "flows/shop.yaml" if words[0] == "check" else "shop"]


def assert_readable(form: str, text: str) -> None:
    """Standard output holds nothing but the format that was asked for."""
    if form == "json" and text.strip():
        json.loads(text)
    elif form in ("junit", "svg") and text.strip():
        ElementTree.fromstring(text)  # noqa: S314 - our own output
    elif form != "text":
        assert "when" not in text, text[:500]


def share(request: pytest.FixtureRequest, name: str) -> slice:
    """By day a project gets every sixth command or page, its neighbours the others; with `--night` it gets all."""
    return slice(None) if request.config.getoption("--night") else slice([*PROJECTS].index(name) % 6, None, 6)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PROJECTS)
def test_a_command_says_what_is_wrong_with_a_project(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    env = written(PROJECTS[name], tmp_path)

    for words in [*runs()][share(request, name)]:
        result = ncco(*words, cwd=tmp_path, env=env, stdin="hangup\n")
        error = result.exception
        assert error is None or isinstance(error, SystemExit), (words, error)
        assert result.exit_code in (0, 1, 2), words
        assert "Traceback" not in result.output, (words, result.output)
        assert "Exception ignored" not in result.output, (words, result.output)
        assert_readable(words[-1] if "--format" in words else "text", result.stdout)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name, project in PROJECTS.items() if project])
async def test_every_page_of_the_console_opens(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    env = written(PROJECTS[name], tmp_path)
    listed = env.get("NCCO_PYTHON_FLOWS")
    console = make_console(tmp_path, **({"python_flows": (listed,)} if listed else {}))
    known = {"name": ["shop", "other"], "flow": ["shop", "other"], "path": ["flows/shop.yaml", "flows/shop.py"]}
    async with await logged_in(console) as client:
        pages = [each for each in RouteTable(console, known).usual() if each.method == "GET"]
        for page in pages[share(request, name)]:
            if "stream" in page.route or "events" in page.route:
                continue
            response = await page.send(client, headers={"Accept": "text/html"})
            assert response.status_code < 500, (str(page), response.text[:500])


def test_every_command_is_tried_or_named_elsewhere() -> None:
    assert isinstance(main, click.Group)
    assert {words[0] for words in COMMANDS} == {words[0] for words in runs()} | ELSEWHERE
