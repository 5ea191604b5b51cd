"""Spoken text: its length, and whether its SSML can be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from ncco_server.issue import Issue, fault, listed, shown

MAX_TALK_CHARACTERS = 1500
"""Without tags. Source: NCCO reference, Talk (text)."""

TAGS = frozenset({"speak", "break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub"})
"""Source: Text-To-Speech guide, customizing spoken text."""

SILENT = frozenset({"speak", "p", "s", "lang", "emphasis", "prosody", "phoneme", "say-as", "voice"})
"""They make no sound of their own, unlike break, which is a pause, and sub, which speaks its alias."""

OTHER_TAGS = frozenset({"audio", "mark", "voice", "w", "amazon:effect", "google:style", "desc", "par", "seq", "media"})
"""Vonage does not list these. A text with one of them is probably meant as SSML."""

_ROOT = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:speak[\s>/]|!DOCTYPE)", re.DOTALL)
_TIME = re.compile(r"\+?(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
_UNITS = ("s", "ms")
"""Of a break's time. Source: Text-To-Speech guide, break (time)."""
_BREAK = frozenset({"time", "strength"})
"""The attributes of a break. Source: Text-To-Speech guide, break."""
_FEWEST_MS = 20
"""Such a number without a unit is meant in milliseconds."""
_NAMES = "|".join(sorted((re.escape(name) for name in TAGS | OTHER_TAGS), key=len, reverse=True))
_TAG = re.compile(rf"</?({_NAMES})(?=[\s/>])[^<>]*>", re.IGNORECASE)


class _DoctypeFound(Exception):
    """The SSML has a document type."""


@dataclass(slots=True)
class _Content:
    parser: expat.XMLParserType
    characters: int = 0
    is_blank: bool = True
    starts: dict[str, int] = field(default_factory=dict)
    """Tag → its first offset in bytes."""
    open: list[tuple[str, int]] = field(default_factory=list)
    """Each with its offset in bytes."""
    breaks: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """What is wrong in a break → the message, the time that is meant, and the first offset in bytes of such a tag."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        self.starts.setdefault(name, at)
        self.open.append((name, at))
        if name == "break":
            self._read_break(attributes, at)

    def _read_break(self, attributes: Mapping[str, str], at: int) -> None:
        if attributes and attributes.keys().isdisjoint(_BREAK):
            other = min(attributes)
            message = f"A break has no attribute {other}, so it has its default length."
            self.breaks.setdefault(other, (message, "1s", at))
        time = attributes.get("time", "")
        if (found := _TIME.fullmatch(time.strip())) and found[2].lower() not in _UNITS:
            meant = f"{found[1]}{'ms' if float(found[1]) >= _FEWEST_MS else 's'}"
            message = f"A break of {shown(time)} has no unit that Vonage knows: s or ms."
            self.breaks.setdefault(time, (message, meant, at))

    def end(self, _: str) -> None:
        self.open.pop()

    def text(self, characters: str) -> None:
        self.characters += len(characters)
        self.is_blank = self.is_blank and characters.isspace()


def is_plain(text: str) -> bool:
    """Whether every voice can speak a text: it has no tags or unusual characters, and is not too long."""
    return "<" not in text and len(text) <= MAX_TALK_CHARACTERS and text.isprintable() and bool(text.strip())


def check_text(text: str) -> Iterator[Issue]:
    """The text must be encodable as UTF-8."""
    if "<" not in text:
        yield from _check_length(len(text))
    elif is_ssml(text):
        blanks = len(text) - len(text.lstrip())
        for issue in _check_ssml(text.strip()):
            yield issue if issue.span is None else replace(issue, span=(blanks + issue.span[0], issue.span[1]))
    else:
        yield from _check_plain(text)


def is_ssml(text: str) -> bool:
    return _ROOT.match(text) is not None


def _check_length(characters: int) -> Iterator[Issue]:
    if characters > MAX_TALK_CHARACTERS:
        yield fault("N401", f"The text has {characters} characters; {MAX_TALK_CHARACTERS} is the limit.")


def _check_plain(text: str) -> Iterator[Issue]:
    found = list(_TAG.finditer(text))
    tags = list(dict.fromkeys(tag[1].lower() for tag in found))
    yield from _check_length(len(_TAG.sub("", text)))
    if not tags:
        yield replace(fault("N915", "A plain text contains <."), span=(text.index("<"), 1))
        return
    message = "The speak element does not enclose the whole text, or is in capitals."
    if tags != ["speak"]:
        names = listed([f"<{tag}>" for tag in tags], "and")
        message = f"The text does not begin with <speak>, but has tags: {names}."
    yield replace(fault("N402", message), span=(found[0].start(), len(found[0][0])))


def _check_ssml(text: str) -> Iterator[Issue]:
    parser = expat.ParserCreate("UTF-8")
    found = _Content(parser)
    parser.buffer_text = True
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    data = text.encode()
    try:
        parser.Parse(data, True)
    except _DoctypeFound:
        yield fault("N404", "The SSML declares a document type.")
    except expat.ExpatError as error:
        yield _broken(text, data, error, found)
    else:
        yield from _check_length(found.characters)
        if found.is_blank and found.starts.keys() <= SILENT:
            yield fault("N914", "The SSML contains nothing to say.")
        unknown = [name for name in found.starts if name not in TAGS]
        if unknown:
            names = listed([f"<{name}>" for name in unknown], "and")
            start = _characters(data, found.starts[unknown[0]])
            yield replace(
                fault("N916", f"Vonage's list of tags does not include {names}."), span=(start, len(unknown[0]) + 1)
            )
        for wrong, (message, meant, at) in found.breaks.items():
            start = _characters(data, at)
            span = (max(start, text.find(wrong, start)), len(wrong))
            yield replace(fault("N916", message, f'Write <break time="{meant}"/>.'), span=span)


def _refuse_doctype(*_: object) -> None:
    raise _DoctypeFound


def _broken(text: str, data: bytes, error: expat.ExpatError, found: _Content) -> Issue:
    at = min(found.parser.ErrorByteIndex, len(data))
    if ampersand := _BARE_AMPERSAND.search(text):
        message = "& begins an entity in SSML."
        cure = "Write & as &amp;."
        if ampersand[1]:
            message = f"XML has no entity {ampersand[0]}."
            cure = "Write the character itself."
        return replace(fault("N403", message, cure), span=(ampersand.start(), len(ampersand[0])))
    reason = expat.errors.messages[error.code]
    rest = data[at:].decode(errors="replace")
    start = _characters(data, at)
    if not rest:
        end = f"Write </{found.open[-1][0]}> at the end."
        return replace(fault("N403", f"The SSML is cut short: {reason}.", end), span=(start, 1))
    closing = _CLOSING.match(text, max(start - len("</"), 0))
    if closing is None:
        return replace(fault("N403", f"The SSML breaks at {shown(rest[:40])}: {reason}."), span=(start, 1))
    name, opens = found.open[-1]
    meant = f"</{name}>"
    if closing[1] not in dict(found.open):
        cure = "Delete it." if meant in text[closing.end() :] else f"Write {meant}."
        return replace(fault("N403", f"{closing[0]} closes no tag.", cure), span=(closing.start(), len(closing[0])))
    cure = f"Write {meant} before {closing[0]}."
    if _UNENDED_BREAK.search(text):
        cure = "Close the tag itself: <break ... />."
    return replace(fault("N403", f"<{name}> is not closed.", cure), span=(_characters(data, opens), len(name) + 1))


def _characters(data: bytes, at: int) -> int:
    return len(data[:at].decode(errors="ignore"))


_CLOSING = re.compile(r"</([^<>\s]+)\s*>")
_BARE_AMPERSAND = re.compile(r"&(?!#\d+;|#x[0-9a-fA-F]+;|amp;|lt;|gt;|quot;|apos;)(\w+;)?")
_UNENDED_BREAK = re.compile(r"<break\b[^<>]*(?<!/)>(?!\s*</break)")
