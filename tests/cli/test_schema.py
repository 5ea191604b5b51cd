"""`ncco schema`: schemas that accept what is valid and refuse what is not."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from tests.cli.projects import SHOP, TYPO, ncco, write_project
from tests.unit.flow.schema.editor_yaml import as_editor_reads


def test_the_schema_of_the_ncco_accepts_a_valid_one_and_refuses_a_wrong_one() -> None:
    schema = json.loads(ncco("schema", "ncco").stdout)
    validator = jsonschema.Draft202012Validator(schema)

    assert validator.is_valid([{"action": "talk", "text": "Hello"}])
    assert not validator.is_valid([{"action": "say", "text": "Hello"}])


def test_the_schema_of_flows_accepts_a_valid_one_and_refuses_a_wrong_one() -> None:
    validator = jsonschema.Draft7Validator(json.loads(ncco("schema", "flow").stdout))

    assert validator.is_valid(as_editor_reads(SHOP))
    assert not validator.is_valid(as_editor_reads(SHOP.replace("retry:", "retries:")))


def test_names_of_the_project_are_offered_unless_plain(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert '"menu",\n' in ncco("schema", "flow").stdout
    assert '"menu",\n' not in ncco("schema", "flow", "--plain").stdout


def test_names_of_a_project_with_faults_are_offered_too(tmp_path: Path) -> None:
    write_project(tmp_path / "a", shop=TYPO)

    assert '"menu",\n' in ncco("schema", "flow", "--flows", "a/flows").stdout


def test_outside_of_a_project_it_goes_without_names() -> None:
    assert ncco("schema", "flow", "--plain").stdout == ncco("schema", "flow").stdout
