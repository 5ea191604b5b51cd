"""Rules on what an NCCO is made of: actions, options, types, counts."""

from __future__ import annotations

from app.ncco.issue import Rule

NOT_AN_ARRAY = Rule(
    "N101",
    "error",
    "The document is not an array of actions.",
    'Send a JSON array of actions, e.g. [{"action": "talk", "text": "Hello"}].',
    "NCCO reference, introduction",
)
NOT_AN_ACTION = Rule(
    "N102",
    "error",
    "An entry of the array is not an object.",
    'Write each action as an object with the key "action", e.g. {"action": "talk", "text": "Hello"}.',
    "NCCO reference, NCCO actions",
)
ACTION_MISSING = Rule(
    "N103",
    "error",
    "An entry does not say which action it is.",
    'Add "action" with one of record, conversation, connect, talk, stream, input, notify, wait, transfer.',
    "NCCO reference, NCCO actions",
)
UNKNOWN_ACTION = Rule(
    "N104",
    "error",
    "There is no such action.",
    "Use record, conversation, connect, talk, stream, input, notify, wait or transfer.",
    "NCCO reference, NCCO actions",
)
UNKNOWN_OPTION = Rule(
    "N105",
    "error",
    "There is no such option here.",
    "Use the options of the reference, spelled as there.",
    "NCCO reference, the action's table",
)
MISSING_OPTION = Rule(
    "N106",
    "error",
    "A required option is missing.",
    "Add it.",
    "NCCO reference, the action's table, column Required",
)
WRONG_TYPE = Rule(
    "N107",
    "error",
    "A value is of the wrong JSON type.",
    "Write a value of the type that the option takes.",
    "NCCO reference, the action's table",
)
NEEDS_ARRAY = Rule(
    "N110",
    "error",
    "A single value stands where an array is due.",
    "Put the value in square brackets.",
    "NCCO reference, NCCO actions (eventUrl MUST be an array) and the action's table",
)
WRONG_COUNT = Rule(
    "N111",
    "error",
    "An array has too few or too many entries.",
    "Give as many entries as the option takes.",
    "NCCO reference, the action's table",
)
ENDPOINT_TYPE_MISSING = Rule(
    "N120",
    "error",
    "An endpoint does not say what type it is.",
    'Add "type" with one of phone, app, websocket, sip, vbc.',
    "NCCO reference, Endpoint Types and Values",
)
UNKNOWN_ENDPOINT_TYPE = Rule(
    "N121",
    "error",
    "There is no such endpoint type.",
    "Use phone, app, websocket, sip or vbc.",
    "NCCO reference, Endpoint Types and Values",
)
NOT_JSON = Rule(
    "N125",
    "error",
    "A value cannot be written as JSON in UTF-8.",
    "Leave out NaN, Infinity, halves of surrogate pairs, keys that are no text and nesting of over 200 levels.",
    "NCCO reference, introduction (the JSON objects must be valid)",
)

SHAPE_RULES = (
    NOT_AN_ARRAY,
    NOT_AN_ACTION,
    ACTION_MISSING,
    UNKNOWN_ACTION,
    UNKNOWN_OPTION,
    MISSING_OPTION,
    WRONG_TYPE,
    NEEDS_ARRAY,
    WRONG_COUNT,
    ENDPOINT_TYPE_MISSING,
    UNKNOWN_ENDPOINT_TYPE,
    NOT_JSON,
)
