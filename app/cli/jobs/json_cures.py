"""What to write instead where a text is not JSON, as far as what stands there tells."""

from __future__ import annotations

import re
from typing import Final

_ENDED: Final = 'the text ends too early: close what is open with ], } or "'
_ONE_LIST: Final = "an NCCO is one list: put all actions between the same square brackets"
_DOTS: Final = "leave the dots out: they stand for something that is not shown"
_WORDS: Final = {
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "None": "null",
    "undefined": "null",
    "NULL": "null",
    "nil": "null",
}
"""Words of other languages, and what JSON writes."""
_STARTS: Final[tuple[tuple[str, str], ...]] = (
    ("```", "leave out the lines that begin with ```: they are Markdown, around the JSON"),
    ("'", "write double quotes: JSON knows no others"),
    ("`", "write double quotes: JSON knows no others"),
    ("\u201c", "write straight double quotes, as a plain text editor does"),
    ("\u201d", "write straight double quotes, as a plain text editor does"),
    ("\u201e", "write straight double quotes, as a plain text editor does"),
    ("//", "delete the comment: JSON has none"),
    ("/*", "delete the comment: JSON has none"),
    ("#", "delete the comment: JSON has none"),
    ("<", 'this is HTML or XML; an NCCO is JSON: [{"action": ...}]'),
    (";", "write a comma"),
    ("=", "write a colon between a name and its value"),
    ("+", "leave the + out"),
    ("...", _DOTS),
    ("\u2026", _DOTS),
    ("- ", 'this is YAML; an NCCO is JSON: [{"action": ...}]'),
    (".", "write a 0 in front of the point"),
    (",", "delete the comma, or write what is missing in front of it"),
)
_BLANKS: Final = re.compile(r"[^\S \t\r\n]|[\u200b\u2060\ufeff]")
"""White space that JSON does not take for any."""
_ZERO: Final = re.compile(r"(?<![\d.])0$")
_NAME: Final = re.compile(r"[A-Za-z_$][\w$-]*")
_WANTED: Final = ("Expecting value", "Expecting property name")
_SAID: Final = (
    ("Expecting ',' delimiter", "write a comma in front of it"),
    ("Expecting ':' delimiter", "write a colon behind the name"),
    ("Invalid control character", "write \\n for a new line within a text, \\t for a tab"),
    ("Invalid \\", "write \\\\ for a backslash"),
    ("Unterminated string", "close the text with a double quote"),
)
"""How messages of the parser begin."""


def cure_of(text: str, offset: int, message: str) -> str | None:
    """The cure where the parser stopped with `message`; None when what was meant cannot be told."""
    rest = text[offset:]
    if not text.strip():
        return None
    if not rest.strip():
        return _ENDED
    if message == "Extra data":
        return _extra(rest)
    return _of_foreign(text[:offset], rest) or _of_start(text, offset, message)


def _of_foreign(before: str, rest: str) -> str | None:
    """The cure for what other languages and web pages write; None for what looks like JSON."""
    if blank := _BLANKS.match(rest):
        return f"write an ordinary blank; this one is U+{ord(blank[0]):04X}, as web pages have it"
    if not before.strip() and _NAME.match(rest) and "[" in rest:
        return "leave out what stands in front of the [: an NCCO is JSON, and no code around it"
    if _ZERO.search(before) and rest[0].isalnum():
        return "write the number without a 0 in front" if rest[0].isdigit() else "write the number in decimal digits"
    return None


def _of_start(text: str, offset: int, message: str) -> str | None:
    """The cure by what stands where the parser stopped, else by its message."""
    rest = text[offset:]
    found = _known(rest)
    name = _NAME.match(rest)
    if name is not None and text[:offset].endswith('"'):
        return 'write \\" for a quote within a text'
    if name is not None and message.startswith(_WANTED):
        found = _of_word(name[0], rest[name.end() :])
    return found or next((cure for start, cure in _SAID if message.startswith(start)), None)


def _known(rest: str) -> str | None:
    return next((cure for start, cure in _STARTS if rest.startswith(start)), None)


def _of_word(word: str, behind: str) -> str:
    if behind.lstrip().startswith((":", "=")):
        return f'write the name in double quotes: "{word}"'
    return f"write {_WORDS[word]}" if word in _WORDS else f'write texts in double quotes: "{word}"'


def _extra(rest: str) -> str:
    """What stands behind a whole value: another one, or what ends a line of code."""
    if rest.startswith(("[", "{", ",")):
        return _ONE_LIST
    if rest.startswith(";"):
        return "delete the semicolon"
    return _known(rest) or "delete what stands behind the end of the list"
