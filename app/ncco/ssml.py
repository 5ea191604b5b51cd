"""Spoken text: its length, and whether its SSML can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from app.ncco.issue import Issue, fault, listed, shown

LONGEST = 1500
"""Characters of a talk text, tags not counted. Source: NCCO reference, Talk (text)."""

TAGS = frozenset({"speak", "break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub"})
"""Source: Text-To-Speech guide, customizing spoken text."""

SILENT = frozenset({"speak", "p", "s", "lang", "emphasis", "prosody", "phoneme", "say-as", "voice"})
"""Tags that make no sound by themselves; a break is a pause, and sub says its alias."""

OTHER_TAGS = frozenset({"audio", "mark", "voice", "w", "amazon:effect", "google:style", "desc", "par", "seq", "media"})
"""Tags of other SSML dialects: they show that SSML is meant, but are not in Vonage's list."""

_ROOT = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:speak[\s>/]|!DOCTYPE)", re.DOTALL)
_NAMES = "|".join(sorted((re.escape(name) for name in TAGS | OTHER_TAGS), key=len, reverse=True))
_TAG = re.compile(rf"</?({_NAMES})(?=[\s/>])[^<>]*>", re.IGNORECASE)


class _DoctypeFound(Exception):
    """A document type declaration has begun."""


@dataclass(slots=True)
class _Content:
    """What is found while SSML is parsed."""

    characters: int = 0
    is_blank: bool = True
    names: dict[str, None] = field(default_factory=dict)

    def start(self, name: str, _: object) -> None:
        self.names[name] = None

    def text(self, characters: str) -> None:
        self.characters += len(characters)
        self.is_blank = self.is_blank and characters.isspace()


def check_text(text: str) -> Iterator[Issue]:
    """What is wrong with a spoken text, plain or SSML. `text` must be encodable."""
    if "<" not in text:
        yield from _check_length(len(text))
    elif is_ssml(text):
        yield from _check_ssml(text)
    else:
        yield from _check_plain(text)


def is_ssml(text: str) -> bool:
    """Whether the text is enclosed in a speak element."""
    return "<" in text and _ROOT.match(text) is not None


def _check_length(characters: int) -> Iterator[Issue]:
    if characters > LONGEST:
        yield fault("N401", f"The text has {characters} characters; {LONGEST} is the most.")


def _check_plain(text: str) -> Iterator[Issue]:
    tags = list(dict.fromkeys(found[1].lower() for found in _TAG.finditer(text)))
    yield from _check_length(len(_TAG.sub("", text)))
    if tags == ["speak"]:
        yield fault("N402", "The speak element does not enclose the whole text, or is in capitals.")
    elif tags:
        names = listed([f"<{tag}>" for tag in tags], "and")
        yield fault("N402", f"The text does not begin with <speak>, but has tags: {names}.")
    else:
        yield fault("N915", "A plain text holds <.")


def _check_ssml(text: str) -> Iterator[Issue]:
    found = _Content()
    try:
        _parse(text, found)
    except _DoctypeFound:
        yield fault("N404", "The SSML declares a document type.")
    except expat.ExpatError as error:
        yield fault("N403", _located(text, error), _xml_cure(text, error))
    else:
        yield from _check_length(found.characters)
        if found.is_blank and found.names.keys() <= SILENT:
            yield fault("N914", "The SSML holds nothing to say.")
        unknown = [name for name in found.names if name not in TAGS]
        if unknown:
            names = listed([f"<{name}>" for name in unknown], "and")
            yield fault("N916", f"Vonage's list of tags lacks {names}.")


def _parse(text: str, found: _Content) -> None:
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = found.start
    parser.CharacterDataHandler = found.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.Parse(text.strip().encode(), True)


def _refuse_doctype(*_: object) -> None:
    raise _DoctypeFound


def _located(text: str, error: expat.ExpatError) -> str:
    lines = text.strip().encode().split(b"\n")
    rest = lines[error.lineno - 1][error.offset :].decode(errors="replace") if error.lineno <= len(lines) else ""
    reason = expat.errors.messages[error.code]
    return f"The SSML breaks at {shown(rest[:40])}: {reason}." if rest else f"The SSML is cut short: {reason}."


_BARE_AMPERSAND = re.compile(r"&(?!#\d+;|#x[0-9a-fA-F]+;|amp;|lt;|gt;|quot;|apos;)")
_UNENDED_BREAK = re.compile(r"<break\b[^<>]*(?<!/)>(?!\s*</break)")


def _xml_cure(text: str, error: expat.ExpatError) -> str | None:
    if _BARE_AMPERSAND.search(text):
        return "Write & as &amp;."
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH] and _UNENDED_BREAK.search(text):
        return "End the tag in itself: <break ... />."
    return None
