"""`ncco prove` on the projects in `corpus.yaml`, which extends the corpus of `tests/contract/prove`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contract.prove.test_flows import errors_of, flows_of
from tests.support.cases import each_case

DATA = Path(__file__).with_name("corpus.yaml")


@each_case("project", flows_of("defective", DATA))
def test_a_defect_is_found(project: dict[str, Any], tmp_path: Path) -> None:
    assert project["found"] in errors_of(project, tmp_path)


@each_case("project", flows_of("sound", DATA))
def test_a_sound_project_has_no_error(project: dict[str, Any], tmp_path: Path) -> None:
    assert [] == errors_of(project, tmp_path)
