"""Rules on text that is spoken."""

from __future__ import annotations

from app.ncco.issue import Rule

TEXT_TOO_LONG = Rule(
    "N401",
    "error",
    "A text is longer than 1,500 characters, tags not counted.",
    "Split it over several talk actions.",
    "NCCO reference, Talk (text)",
)
TAGS_WITHOUT_SPEAK = Rule(
    "N402",
    "error",
    "SSML tags stand outside a speak element.",
    "Enclose the whole text: <speak> ... </speak>.",
    "NCCO reference, Talk (text)",
)
NOT_WELL_FORMED = Rule(
    "N403",
    "error",
    "SSML is not well-formed XML.",
    "Close every tag, quote every attribute, and write & as &amp; and < as &lt;.",
    "NCCO reference, Talk (SSML tags are XML-based)",
)
DOCTYPE = Rule(
    "N404",
    "error",
    "SSML declares a document type.",
    "Leave out <!DOCTYPE ...>; write characters as they are, or as &#8211;.",
    "our own choice: entities of one's own can grow without end",
)

SPEECH_RULES = (TEXT_TOO_LONG, TAGS_WITHOUT_SPEAK, NOT_WELL_FORMED, DOCTYPE)
