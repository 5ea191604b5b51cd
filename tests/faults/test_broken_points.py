"""Whatever breaks, a caller hears something: each place that waits or speaks to the outside is broken in turn.

The places are found in the source (`points.py`). Here each is broken in one way, while one of the webhooks that pass it
is answered; `benchmarks/faults.py` breaks each in every way with every webhook. The server runs on SQLite; what is
PostgreSQL's own is broken on a server of PostgreSQL.
"""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.faults.broken_server import report_of
from tests.faults.explained import PATTERNS, unexplained
from tests.faults.importing import ROOMS, ROOT, all_points
from tests.faults.points import OUTSIDE, PURE, breakable, imported
from tests.store import postgres_server

SOURCES = sorted(path for room in ROOMS for path in ROOT.joinpath(*room.split(".")).rglob("*.py"))


@pytest.fixture(scope="module")
def on_sqlite() -> dict[str, Any]:
    return report_of(ways=1)


@pytest.fixture(scope="module")
def on_postgres() -> dict[str, Any]:
    reason = postgres_server.why_not()
    if reason:
        pytest.skip(reason)
    return report_of(ways=1, server=postgres_server.shared_server().url("postgres"))


def test_whatever_breaks_a_caller_hears_something_and_the_server_heals(on_sqlite: dict[str, Any]) -> None:
    assert [] == on_sqlite["problems"]


def test_whatever_breaks_at_postgres_a_caller_hears_something_and_the_server_heals(on_postgres: dict[str, Any]) -> None:
    assert [] == on_postgres["problems"]


def test_what_is_broken_is_really_passed(on_sqlite: dict[str, Any], on_postgres: dict[str, Any]) -> None:
    assert 200 < on_sqlite["runs"]
    assert 0.8 < on_sqlite["struck"] / on_sqlite["runs"]
    assert 20 < on_postgres["runs"]
    assert 0.8 < on_postgres["struck"] / on_postgres["runs"]


def test_every_point_is_passed_by_a_webhook_or_has_its_reason(
    on_sqlite: dict[str, Any], on_postgres: dict[str, Any]
) -> None:
    assert [] == unexplained(on_sqlite["points"], on_sqlite["reached"].keys() | on_postgres["reached"].keys())


def test_every_reason_stands_for_a_point_that_there_is() -> None:
    names = [point.name for point in all_points()]

    assert [] == [pattern for pattern in PATTERNS if not any(fnmatchcase(name, pattern) for name in names)]


@pytest.mark.parametrize("room", ["service/calls", "store/store", "store/postgres", "vonage/signatures"])
def test_a_new_place_that_no_webhook_passes_is_named(room: str) -> None:
    source = "class New:\n    async def ask(self):\n        return await self.other.ask()\n"
    names = [point.name for point in breakable(f"app/{room}.py", source)[1]]

    assert [f"app/{room}.py:New.ask: await self.other.ask()"] == unexplained(names, ())


def test_every_library_is_known_to_speak_to_the_outside_or_not_to() -> None:
    tops = {top for path in SOURCES for top in imported(ast.parse(path.read_text(encoding="utf-8"))).values()}

    assert set() == tops - OUTSIDE - PURE
    assert set() == OUTSIDE & PURE


SOURCE = """
import sqlite3
import json
from app.flow.loader import load_files

class Store:
    async def read(self, path):
        async with self.lock as held:
            async for row in self.rows():
                await self.keep(json.loads(row))
        self.connection.execute("x").fetchall()
        return await gather(*[item async for item in held]), load_files(path), ", ".join(path)

def connect():
    return sqlite3.connect("x")
"""


def test_points_are_found_by_what_they_do() -> None:
    _, points = breakable("app/store/some.py", SOURCE)
    names = {point.name.removeprefix("app/store/some.py:") for point in points}

    assert {
        "Store.read: enter self.lock",
        "Store.read: exit self.lock",
        "Store.read: next self.rows()",
        "Store.read: await self.keep(json.loads(row))",
        "Store.read: data self.connection.execute('x').fetchall()",
        "Store.read: data self.connection.execute('x')",
        "Store.read: await gather(*[item async for item in held])",
        "Store.read: next held",
        "Store.read: data load_files(path)",
        "connect: call sqlite3.connect('x')",
    } == names
