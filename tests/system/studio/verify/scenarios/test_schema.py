"""The JSON Schema accepts every scenario of the project, and rejects what the reader rejects."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import yaml

from ncco_studio.verify.scenarios.files import files_of
from ncco_studio.verify.scenarios.model import scenario_schema
from tests.support.cases import each_case

VALIDATOR = jsonschema.Draft7Validator(scenario_schema())
FILES = [path for folder in (Path(), *Path("examples").iterdir()) for path in files_of(folder)]


def as_editor_reads(text: str) -> object:
    """The file as an editor reads it: dates stay text."""
    loader = yaml.BaseLoader
    return yaml.load(text, loader)  # noqa: S506 - texts only


@each_case("file", [*FILES, Path("app/ncco_server/desk/commands/skeleton/tests/scenarios/main.yaml")], ids=str)
def test_every_scenario_file_is_valid(file: Path) -> None:
    assert [] == [error.message for error in VALIDATOR.iter_errors(as_editor_reads(file.read_text()))]
