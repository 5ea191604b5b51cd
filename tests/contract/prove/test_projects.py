"""`ncco prove` of the projects in `corpus.yaml`: each defect is found at its step, and a sound one has no error."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.contract.prove.test_flows import errors_of, flows_of
from tests.support.cases import each_case


@each_case("project", partial(flows_of, "defective", "corpus"))
def test_a_defect_is_found(project: dict[str, Any], tmp_path: Path) -> None:
    assert project["found"] in errors_of(project, tmp_path)


@each_case("project", partial(flows_of, "sound", "corpus"))
def test_a_sound_project_has_no_error(project: dict[str, Any], tmp_path: Path) -> None:
    assert [] == errors_of(project, tmp_path)
