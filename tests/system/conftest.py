"""The order of the files: those that keep a processor busy with a browser among those that wait for servers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

BROWSERS = Path(__file__).with_name("console")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files with a browser evenly among the others."""
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    busy = [tests for tests in files if tests[0].path.parent == BROWSERS]
    waiting = [tests for tests in files if tests[0].path.parent != BROWSERS]
    placed = sorted([*_spread(busy), *_spread(waiting)], key=lambda each: each[0])
    items[:] = [test for _, tests in placed for test in tests]


def _spread(files: Sequence[list[pytest.Item]]) -> list[tuple[float, list[pytest.Item]]]:
    """Each file with its place between 0 and 1."""
    return [((at + 0.5) / len(files), tests) for at, tests in enumerate(files)]
