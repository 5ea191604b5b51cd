"""Whatever breaks, a caller hears something: each place that waits or speaks to the outside is broken in turn.

The places are found in the source (`points.py`). Here each is broken in one way, while one of the webhooks that pass it
is answered; `benchmarks/faults.py` breaks each in every way with every webhook.
"""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from tests.faults.broken_server import report_of
from tests.faults.importing import ROOMS, ROOT, all_points
from tests.faults.points import OUTSIDE, PURE, breakable, imported

REASONS: dict[str, list[str]] = yaml.safe_load((ROOT / "tests/faults/unreached.yaml").read_text(encoding="utf-8"))
PATTERNS = [f"{pattern}*" for patterns in REASONS.values() for pattern in patterns]
SOURCES = sorted(path for room in ROOMS for path in ROOT.joinpath(*room.split(".")).rglob("*.py"))


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return report_of(ways=1)


def is_explained(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in PATTERNS)


def test_whatever_breaks_a_caller_hears_something_and_the_server_heals(report: dict[str, Any]) -> None:
    assert [] == report["problems"]


def test_what_is_broken_is_really_passed(report: dict[str, Any]) -> None:
    assert 200 < report["runs"]
    assert 0.8 < report["struck"] / report["runs"]


def test_every_point_is_passed_by_a_webhook_or_has_its_reason(report: dict[str, Any]) -> None:
    assert [] == [name for name in report["points"] if name not in report["reached"] and not is_explained(name)]


def test_every_reason_stands_for_a_point_that_there_is() -> None:
    names = [point.name for point in all_points()]

    assert [] == [pattern for pattern in PATTERNS if not any(fnmatchcase(name, pattern) for name in names)]


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
