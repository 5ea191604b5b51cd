"""The JSON Schema of scenario files, as editors read them; made from the words that the reader knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from app.verify.scenarios.expecting import ENDS
from app.verify.scenarios.expecting import WORDS as EXPECT_WORDS
from app.verify.scenarios.faults import FAULTS
from app.verify.scenarios.reading import CALL_WORDS, DEFAULTS, ENDPOINTS, WORDS
from app.verify.scenarios.script import (
    ALONE,
    DIAL_WORDS,
    OUTCOMES,
    READERS,
    RECORD_WORDS,
    SPEAK_WORDS,
    TIMED,
)

Schema: TypeAlias = dict[str, Any]

TEXT: Final[Schema] = {"type": ["string", "number", "boolean"]}
"""An editor reads YAML its own way: what is text to us may look like a number to it."""
TEXTS: Final[Schema] = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
SECONDS: Final[Schema] = {"type": ["number", "string"], "description": "seconds, such as 12, 12s, 500ms or 2m"}
ANY_MAP: Final[Schema] = {"type": "object"}
CONFIDENCE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
OTHER: Final[Schema] = {
    "anyOf": [TEXT, {"type": "object", "properties": {"text": TEXT, "confidence": CONFIDENCE}, "required": ["text"]}]
}

CALL: Final[Mapping[str, Schema]] = {
    "to": TEXT | {"description": "the number that is called"},
    "from": TEXT | {"description": "who calls: a number, in quotes, or a SIP URI"},
    "flow": TEXT | {"description": "the flow that takes the call"},
    "sip": ANY_MAP | {"description": "SIP headers by name"},
    "user": TEXT | {"description": "the user of a Client SDK application"},
    "custom_data": {"description": "what a Client SDK application sends along"},
    "endpoint_type": {"enum": list(ENDPOINTS), "description": "what the call comes from, where that does not tell"},
    "at": TEXT | {"description": "when the call is made, such as 2026-12-24T10:00; UTC without a time zone"},
}
SPEAK: Final[Mapping[str, Schema]] = {
    "text": TEXT,
    "confidence": CONFIDENCE,
    "alternatives": {"anyOf": [OTHER, {"type": "array", "items": OTHER}]},
    "error": TEXT,
}
PRESSED: Final[Schema] = {
    "anyOf": [
        TEXT,
        {"type": "object", "properties": {"speak": TEXT}, "required": ["speak"], "additionalProperties": False},
    ]
}
DIAL: Final[Mapping[str, Schema]] = {
    "to": TEXT,
    "outcome": {"enum": list(OUTCOMES)},
    "rings": SECONDS,
    "talks": SECONDS,
    "hangs_up": {"enum": ["caller", "party"]},
    "hears": TEXTS,
    "presses": {"anyOf": [PRESSED, {"type": "array", "items": PRESSED, "minItems": 1}]},
}
RECORD: Final[Mapping[str, Schema]] = {"seconds": SECONDS, "key": TEXT}
EXPECT: Final[Mapping[str, Schema]] = {
    "end": {"enum": list(ENDS)},
    "seconds": {"type": ["number", "string"], "description": '<40, ">10", 30..40 or 35'},
    "hooks": {"description": "every hook that is sent, in this order: its name, or {name: a part of its body}"},
    "variables": ANY_MAP,
    "said": TEXTS,
    "without": {"description": "what must not befall the caller, such as dead_end or {silence: 20s}"},
    "ncco": {"description": "actions that are played, in this order: a name, or some of its fields"},
}


def _map(words: Iterable[str], known: Mapping[str, Schema]) -> Schema:
    """A map that has these words and no other."""
    return {"type": "object", "properties": {word: known[word] for word in words}, "additionalProperties": False}


STEPS: Final[Mapping[str, Schema]] = {
    "hear": TEXTS | {"description": "what must be heard next; a part of it is enough"},
    "press": TEXT | {"description": "keys"},
    "speak": {"anyOf": [TEXT, _map(SPEAK_WORDS, SPEAK)]},
    "dial": {"anyOf": [TEXT, _map(DIAL_WORDS, DIAL)], "description": "who is dialled next, and what comes of it"},
    "record": {"anyOf": [SECONDS, _map(RECORD_WORDS, RECORD)]},
    "wait": SECONDS,
    "until": TEXT | {"description": "nothing is done until this is heard; a part of it is enough"},
    "hangup": TEXT | {"description": "now, or how many seconds after the call was answered"},
    "event": ANY_MAP | {"description": "the fields of a webhook"},
    "fault": {"enum": list(FAULTS), "description": "what befalls the next webhook whose reply is played"},
}
"""Steps that have a value."""


def _step() -> Schema:
    """One line of a script: a word alone, or a map with one step, some with a time."""
    maps = [_one_step(word) for word in READERS if word in STEPS]
    return {"anyOf": [{"enum": list(ALONE)}, *maps]}


def _one_step(word: str) -> Schema:
    properties = {word: STEPS[word]} | ({"at": SECONDS} if word in TIMED else {})
    return {"type": "object", "properties": properties, "required": [word], "additionalProperties": False}


def scenario_schema() -> Schema:
    """Draft 7, with a description where a word does not tell by itself."""
    known: dict[str, Schema] = {
        **CALL,
        "call": _map(CALL_WORDS, CALL),
        "given": ANY_MAP | {"description": "what look-ups answer, by name"},
        "env": ANY_MAP | {"description": "variables that the flows read as env.NAME"},
        "dial_allow": TEXTS | {"description": "prefixes of computed numbers that may be dialled"},
        "streams": ANY_MAP
        | {"description": "how long audio files last, by URL, such as 12s", "additionalProperties": SECONDS},
        "expect": _map(EXPECT_WORDS, EXPECT),
        "script": {"type": "array", "items": {"$ref": "#/definitions/step"}},
    }
    shared = [word for word in WORDS if word != "script"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Scenarios: scripted calls, and what must be heard in them",
        "type": "object",
        "properties": {DEFAULTS: _map(shared, known) | {"description": "what all scenarios of this file share"}},
        "additionalProperties": _map(WORDS, known) | {"required": ["script"]},
        "definitions": {"step": _step()},
    }
