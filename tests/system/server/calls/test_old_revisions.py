"""Calls whose flow of 2,000 steps was edited meanwhile, on a server that has not loaded the old one yet."""

from __future__ import annotations

import json
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.command import ncco
from tests.support.server import Server, running
from tests.support.webhooks import callback, facts, keys, send

STEPS: Final = 2_000
CALLERS: Final = 4
FLOW: Final = """flow: long
default: true
vars: {{team: {{type: text, default: nobody}}, floors: {{type: list, default: [ground, first]}}}}
defaults: {{retry: {{noinput: ["Sorry?"], then: sorry}}, on: {{error: sorry}}}}
start: s0
steps:
{menus}  sorry: {{do: [{{talk: "Goodbye from the {{{{ floors[0] }}}} floor."}}], goto: end}}
"""
MENU: Final = """  s{number}:
    do: [{{talk: "{text} {number}, {{{{ team }}}}."}}]
    choices: {{next: {{dtmf: 1, set: {{team: team-{number}}}, goto: s{following}}}, bye: {{dtmf: 2, goto: sorry}}}}
"""
TOKEN: Final = re.compile(r"(?<=/webhooks/input/)[^\"]+")


def project(text: str, steps: int = STEPS) -> dict[str, str]:
    """A flow of menus, each of which leads to the next."""
    menus = "".join(MENU.format(number=each, following=(each + 1) % steps, text=text) for each in range(steps))
    return {"flows/long.yaml": FLOW.format(menus=menus)}


def answered(server: Server, leg: str) -> Any:
    return send(server.url, "/webhooks/answer", **facts(leg, to="442079460001"))


def pressed(server: Server, ncco: Any, digits: str) -> Any:
    return send(server.url, callback(ncco), **keys(digits), uuid="leg")


def lengthen_old_revision(database: Path) -> None:
    """Give the stored flow 2,000 steps, which begin with the same ones: to check it when it is new takes seconds."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        sources = json.dumps(project("Old")).encode()
        changed = connection.execute(
            "UPDATE revisions SET sources = ? WHERE instr(CAST(sources AS TEXT), 'Old 1,')", (sources,)
        )
        assert 1 <= changed.rowcount


def without_tokens(reply: Any) -> str:
    return TOKEN.sub("..", str(reply))


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of two servers."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    return tmp_path / "old", tmp_path / "new"


def test_all_callers_on_an_old_revision_of_2000_steps_hear_it_at_once(homes: tuple[Path, Path]) -> None:
    database = homes[0] / "calls.db"
    settings = {"NCCO_DATABASE_URL": f"sqlite:///{database}"}
    with (
        running(homes[1], project("New", 2), settings) as after,
        running(homes[0], project("Old", 3), settings) as before,
    ):
        calls = [answered(before, f"leg-{number}") for number in range(CALLERS + 1)]
        expected = without_tokens(pressed(before, calls.pop(), "1"))
        lengthen_old_revision(database)
        with ThreadPoolExecutor(CALLERS) as callers:
            replies = list(callers.map(lambda call: pressed(after, call, "1"), calls))
        last = pressed(after, replies[0], "2")
        new = answered(after, "leg-new")
        replayed = ncco("replay", "leg-0", cwd=homes[1], env=settings)

    assert [expected] * CALLERS == [without_tokens(reply) for reply in replies]
    assert "Old 1, team-0." == replies[0][0]["text"]
    assert "Goodbye from the ground floor." == last[0]["text"]
    assert "New 0, nobody." == new[0]["text"]
    assert (0, 3) == (replayed.exit_code, replayed.output.count("the same bytes"))
