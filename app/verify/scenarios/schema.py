"""The JSON Schema of scenario files, as editors read them; made from the models that read them."""

from __future__ import annotations

from typing import Any

from app.flow.language.json_schema import TEXT, JsonSchema, defined
from app.flow.language.names import Names
from app.flow.language.schema import resolved
from app.verify.scenarios.model import DEFAULTS, Call, Defaults, Expect, Scenario
from app.verify.scenarios.script import KINDS, Alternative, Message, Party, Speech, Spoken
from app.verify.scenarios.values import SECONDS


def scenario_schema() -> JsonSchema:
    """Draft 7, with a description where a word does not explain itself."""
    alone = [kind.word for kind in KINDS if kind.is_alone]
    definitions = {
        "call": Call.editor_schema(),
        "expect": Expect.editor_schema(),
        "script": {"type": "array", "items": defined("step")},
        "step": {"anyOf": [{"enum": alone}, *(kind.editor_schema() for kind in KINDS if kind.words())]},
        "speech": {"anyOf": [TEXT, Speech.editor_schema()]},
        "alternatives": _listed("alternative"),
        "alternative": {"anyOf": [TEXT, Alternative.editor_schema()]},
        "dial": {"anyOf": [TEXT, Party.editor_schema()]},
        "presses": _listed("pressed"),
        "pressed": {"anyOf": [TEXT, Spoken.editor_schema()]},
        "record": {"anyOf": [SECONDS.schema, Message.editor_schema()]},
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Scenarios: scripted calls, and what must be heard in them",
        "type": "object",
        "properties": {DEFAULTS: Defaults.editor_schema() | {"description": "what all scenarios of this file share"}},
        "additionalProperties": Scenario.editor_schema(),
        "definitions": definitions,
    }
    found: dict[str, Any] = resolved(schema, Names())
    return found


def _listed(name: str) -> JsonSchema:
    return {"anyOf": [defined(name), {"type": "array", "items": defined(name), "minItems": 1}]}
