"""Mistakes that authors make, and whether `ncco check` finds them in their place.

A mark that is no longer missed fails too: correct the data.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import each_case
from tests.support.corpus import Mistake, mistakes_in

pytestmark = [
    pytest.mark.usefixtures("small_heap"),
    pytest.mark.filterwarnings(  # one mistake is a coroutine that nobody awaits
        "ignore:coroutine 'find_car' was never awaited:RuntimeWarning",
        "ignore:Exception ignored in. <coroutine object find_car:pytest.PytestUnraisableExceptionWarning",
    ),
]
FILES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))
MOST_BY_DAY = 4


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Python warns when it collects a coroutine, which must not be in another test."""
    yield
    gc.collect()


def _cases(file: Path) -> list[Any]:
    return [pytest.param(mistake, id=mistake.name) for mistake in mistakes_in(file)]


def _usual_cases(file: Path) -> list[Any]:
    """MOST_BY_DAY, evenly spread, of a project with handlers: playing their calls takes up to three seconds each."""
    cases = _cases(file)
    return cases[:: ceil(len(cases) / MOST_BY_DAY) if mistakes_in(file)[0].base.handlers else 1]


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_project_has_no_issue_before_its_mistakes(file: Path) -> None:
    base = mistakes_in(file)[0].base
    assert () == base.issues_of(base.files)


@pytest.mark.timeout(900)  # on a busy machine
@each_case("mistake", _usual_cases, files=FILES)
def test_a_mistake_misses_only_the_marks_that_are_known(mistake: Mistake) -> None:
    assert mistake.misses == mistake.missed


@pytest.mark.usefixtures("night")
@pytest.mark.timeout(3600)
@each_case("mistake", _cases, files=[file for file in FILES if mistakes_in(file)[0].base.handlers])
def test_every_mistake_in_a_handler_misses_only_the_marks_that_are_known(mistake: Mistake) -> None:
    assert mistake.misses == mistake.missed
