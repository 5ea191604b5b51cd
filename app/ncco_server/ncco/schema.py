"""The JSON Schema of an NCCO, for editors."""

from __future__ import annotations

from ncco_server.ncco.actions import ENDPOINT, SHAPES
from ncco_server.ncco.value_types import JsonSchema


def json_schema() -> JsonSchema:
    """The JSON Schema (draft 2020-12) of an NCCO document.

    Every document in which `check` finds no error is valid. The schema does not express the rules about options
    together or about the order of actions, and does not check the contents of texts. Definitions are named after the
    actions (`talk`) and endpoints (`phone_endpoint`).
    """
    endpoints = {shape.title.replace(" ", "_"): shape.json_schema() for shape in ENDPOINT.shapes.values()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "NCCO",
        "description": "A Nexmo Call Control Object: the actions of a Vonage voice call, in order.",
        "type": "array",
        "items": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in SHAPES]},
        "$defs": {name: shape.json_schema() for name, shape in SHAPES.items()} | endpoints,
    }
