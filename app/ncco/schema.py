"""The JSON Schema of an NCCO, for editors. It is made of the same knowledge as `check`."""

from __future__ import annotations

from app.ncco.kinds.kind import JsonSchema
from app.ncco.models.actions import SHAPES
from app.ncco.models.calls import ENDPOINT


def json_schema() -> JsonSchema:
    """The JSON Schema (draft 2020-12) of an NCCO document.

    A document that `check` finds no error in is valid. The rules between options and between actions, and what is
    inside a text, are left to `check`. Definitions are named after the actions (`talk`) and endpoints
    (`phone_endpoint`).
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
