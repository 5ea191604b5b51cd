"""The JSON Schema of scenario files, as editors read them; made from the models that read them."""

from __future__ import annotations

from typing import Any

from app.flow.language.json_schema import TEXT, JsonSchema, defined
from app.flow.language.names import Names
from app.flow.language.schema import resolved, schema_of
from app.verify.scenarios.model import DEFAULTS, Call, Defaults, Expect, Scenario
from app.verify.scenarios.script import KINDS, Alternative, Message, Party, Speech, Spoken
from app.verify.scenarios.values import SECONDS


def scenario_schema() -> JsonSchema:
    """Draft 7, with a description where a word does not explain itself."""
    alone = [kind.word for kind in KINDS if kind.is_alone]
    definitions = {
        "call": schema_of(Call),
        "expect": schema_of(Expect),
        "script": {"type": "array", "items": defined("step")},
        "step": {"anyOf": [{"enum": alone}, *(schema_of(kind) for kind in KINDS if kind.words())]},
        "speech": {"anyOf": [TEXT, schema_of(Speech)]},
        "alternatives": _listed("alternative"),
        "alternative": {"anyOf": [TEXT, schema_of(Alternative)]},
        "dial": {"anyOf": [TEXT, schema_of(Party)]},
        "presses": _listed("pressed"),
        "pressed": {"anyOf": [TEXT, schema_of(Spoken)]},
        "record": {"anyOf": [SECONDS.schema, schema_of(Message)]},
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Scenarios: scripted calls, and what must be heard in them",
        "type": "object",
        "properties": {DEFAULTS: schema_of(Defaults) | {"description": "what all scenarios of this file share"}},
        "additionalProperties": schema_of(Scenario),
        "definitions": definitions,
    }
    found: dict[str, Any] = resolved(schema, Names())
    return found


def _listed(name: str) -> JsonSchema:
    return {"anyOf": [defined(name), {"type": "array", "items": defined(name), "minItems": 1}]}
