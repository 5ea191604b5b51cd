"""`ncco schema`: a schema that accepts what is valid and refuses what is not."""

from __future__ import annotations

import json

import jsonschema

from tests.cli.projects import ncco


def test_the_schema_of_the_ncco_accepts_a_valid_one_and_refuses_a_wrong_one() -> None:
    schema = json.loads(ncco("schema", "ncco").stdout)
    validator = jsonschema.Draft202012Validator(schema)

    assert validator.is_valid([{"action": "talk", "text": "Hello"}])
    assert not validator.is_valid([{"action": "say", "text": "Hello"}])
