"""Spoken text: its length, and whether its SSML can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from app.ncco.issue import Issue
from app.ncco.rules.advice import EMPTY_TEXT, LOOSE_TAG, UNKNOWN_TAG
from app.ncco.rules.speech import DOCTYPE, NOT_WELL_FORMED, TAGS_WITHOUT_SPEAK, TEXT_TOO_LONG
from app.ncco.shown import listed, shown

LONGEST = 1500
"""Characters of a talk text, tags not counted. Source: NCCO reference, Talk (text)."""

TAGS = frozenset({"speak", "break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub"})
"""Source: Text-To-Speech guide, customizing spoken text."""

SILENT = frozenset({"speak", "p", "s", "lang", "emphasis", "prosody", "phoneme", "say-as", "voice"})
"""Tags that make no sound by themselves; a break is a pause, and sub says its alias."""

OTHER_TAGS = frozenset({"audio", "mark", "voice", "w", "amazon:effect", "google:style", "desc", "par", "seq", "media"})
"""Tags of other SSML dialects: they mean SSML, but are not in Vonage's list."""

_ROOT = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:speak[\s>/]|!DOCTYPE)", re.DOTALL)
_NAMES = "|".join(sorted((re.escape(name) for name in TAGS | OTHER_TAGS), key=len, reverse=True))
_TAG = re.compile(rf"</?({_NAMES})(?=[\s/>])[^<>]*>", re.IGNORECASE)


class _DoctypeFound(Exception):
    """A document type declaration has begun."""


@dataclass(slots=True)
class _Reading:
    """What is found while SSML is parsed."""

    characters: int = 0
    is_blank: bool = True
    names: dict[str, None] = field(default_factory=dict)

    def start(self, name: str, _: object) -> None:
        self.names[name] = None

    def text(self, characters: str) -> None:
        self.characters += len(characters)
        self.is_blank = self.is_blank and characters.isspace()


def look_at_text(text: str, path: str) -> Iterator[Issue]:
    """What is wrong with a spoken text, plain or SSML. `text` must be encodable."""
    if "<" not in text:
        yield from _too_long(len(text), path)
    elif _ROOT.match(text):
        yield from _look_at_ssml(text, path)
    else:
        yield from _look_at_plain(text, path)


def is_ssml(text: str) -> bool:
    """Whether the text is enclosed in a speak element."""
    return "<" in text and _ROOT.match(text) is not None


def _too_long(characters: int, path: str) -> Iterator[Issue]:
    if characters > LONGEST:
        yield TEXT_TOO_LONG.at(path, f"The text has {characters} characters; {LONGEST} is the most.")


def _look_at_plain(text: str, path: str) -> Iterator[Issue]:
    tags = list(dict.fromkeys(found[1].lower() for found in _TAG.finditer(text)))
    yield from _too_long(len(_TAG.sub("", text)), path)
    if tags == ["speak"]:
        yield TAGS_WITHOUT_SPEAK.at(path, "The speak element does not enclose the whole text, or is in capitals.")
    elif tags:
        names = listed([f"<{tag}>" for tag in tags], "and")
        yield TAGS_WITHOUT_SPEAK.at(path, f"The text does not begin with <speak>, but has tags: {names}.")
    else:
        yield LOOSE_TAG.at(path, "A plain text holds <.")


def _look_at_ssml(text: str, path: str) -> Iterator[Issue]:
    reading = _Reading()
    try:
        _parse(text, reading)
    except _DoctypeFound:
        yield DOCTYPE.at(path, "The SSML declares a document type.")
    except expat.ExpatError as fault:
        yield NOT_WELL_FORMED.at(path, _located(text, fault), _xml_cure(text, fault))
    else:
        yield from _too_long(reading.characters, path)
        if reading.is_blank and reading.names.keys() <= SILENT:
            yield EMPTY_TEXT.at(path, "The SSML holds nothing to say.")
        unknown = [name for name in reading.names if name not in TAGS]
        if unknown:
            names = listed([f"<{name}>" for name in unknown], "and")
            yield UNKNOWN_TAG.at(path, f"Vonage's list of tags lacks {names}.")


def _parse(text: str, reading: _Reading) -> None:
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = reading.start
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.Parse(text.strip().encode(), True)


def _refuse_doctype(*_: object) -> None:
    raise _DoctypeFound


def _located(text: str, fault: expat.ExpatError) -> str:
    lines = text.strip().encode().split(b"\n")
    rest = lines[fault.lineno - 1][fault.offset :].decode(errors="replace") if fault.lineno <= len(lines) else ""
    reason = expat.errors.messages[fault.code]
    return f"The SSML breaks at {shown(rest[:40])}: {reason}." if rest else f"The SSML is cut short: {reason}."


_BARE_AMPERSAND = re.compile(r"&(?!#\d+;|#x[0-9a-fA-F]+;|amp;|lt;|gt;|quot;|apos;)")
_UNENDED_BREAK = re.compile(r"<break\b[^<>]*(?<!/)>(?!\s*</break)")


def _xml_cure(text: str, fault: expat.ExpatError) -> str | None:
    if _BARE_AMPERSAND.search(text):
        return "Write & as &amp;."
    if fault.code == expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH] and _UNENDED_BREAK.search(text):
        return "End the tag in itself: <break ... />."
    return None
