"""The JSON Schema of a flow file or of shared parts."""

from __future__ import annotations

from typing import Final

from app.flow.flows import WORDS as FLOW_WORDS
from app.flow.language.json_schema import FLAG, TEXT, JsonSchema, about, has, listed, mapped, named, offer, ref
from app.flow.language.limits import Limits
from app.flow.language.schema import schema_of
from app.flow.schema.actions import ActionSchemas
from app.flow.schema.names import Names
from app.flow.schema.sections import section_definitions
from app.flow.schema.steps import described, step_definitions
from app.flow.shared import WORDS as SHARED_WORDS

_DECLARED: Final = {
    "locales": "The languages that are spoken; the first is the default.",
    "hours": "Opening hours by name.",
    "lookups": "What is asked from outside, by name.",
    "hooks": "Whom to tell, by name.",
}
FLOW: Final = {
    "flow": "Its name: a to z, digits, - and _.",
    "numbers": "Calls to these numbers start here; in quotes, with the country code.",
    "default": "true: calls to any number that no flow lists start here.",
    "entry": "true: the address /webhooks/answer/NAME starts it.",
    "start": "The first step.",
    "params": "What it takes from a flow that runs it, each with its type.",
    "outcomes": "What may come of it for a flow that runs it.",
    "returns": "What it gives back to a flow that runs it, each with its type.",
    "limits": "What `ncco prove` holds it to.",
    "defaults": "What every step inherits; a step may say otherwise.",
    "vars": "What the call remembers, each with its type.",
    **_DECLARED,
    "events": "Whom to tell of what Vonage reports later, in every step.",
    "steps": "The steps of the call, by name.",
}
SHARED: Final = {
    "shared": "true: this file holds parts for all flows.",
    **_DECLARED,
    "defaults": "What every step of every flow inherits.",
}


def flow_schema(names: Names | None = None) -> JsonSchema:
    """The JSON Schema (draft-07) of flow files.

    A file that loads is valid, as an editor reads it. What expressions, templates and names mean is left to the
    checks. With `names` an editor offers them; others are no fault, since a file may be newer than the schema.
    """
    known = names or Names()
    sections = {name: ref(name) for name in ("locales", "hours", "lookups", "hooks", "defaults")}
    flow = mapped(described(FLOW_WORDS, FLOW, sections | _own(known)), required=["flow", "start", "steps"])
    shared = mapped(described(SHARED_WORDS, SHARED, sections | {"shared": FLAG}), required=["shared"])
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Flow",
        "description": "A flow of ncco-server, or parts that its flows share.",
        "type": "object",
        "if": has("shared"),
        "then": ref("shared_file"),
        "else": ref("flow_file"),
        "definitions": {
            "flow_file": flow,
            "shared_file": shared,
            **ActionSchemas(known).definitions(),
            **step_definitions(known),
            **section_definitions(known),
        },
    }


def _own(names: Names) -> dict[str, JsonSchema]:
    """What only a flow has."""
    return {
        "flow": TEXT,
        "numbers": {"type": "array", "items": TEXT},
        "default": FLAG,
        "entry": FLAG,
        "start": offer(names.steps),
        "params": ref("params"),
        "outcomes": listed(TEXT),
        "returns": ref("params"),
        "vars": ref("vars"),
        "limits": schema_of(Limits),
        "events": about(ref("events"), FLOW["events"]),
        "steps": named(ref("step")),
    }
