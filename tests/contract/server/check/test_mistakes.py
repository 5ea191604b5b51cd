"""Mistakes that authors make, and whether `ncco check` finds them in their place.

A mark that is no longer missed fails too: correct the data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import each_case
from tests.support.corpus import Mistake, mistakes_in

pytestmark = pytest.mark.usefixtures("small_heap")
FILES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))


def _cases(file: Path) -> list[Any]:
    return [pytest.param(mistake, id=mistake.name) for mistake in mistakes_in(file)]


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_project_has_no_issue_before_its_mistakes(file: Path) -> None:
    base = mistakes_in(file)[0].base
    assert () == base.issues_of(base.files)


@each_case("mistake", _cases, files=FILES)
def test_a_mistake_misses_only_the_marks_that_are_known(mistake: Mistake) -> None:
    assert mistake.misses == mistake.missed
