"""The texts that the talks of a step speak in one locale, each with the language of its voice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.flow.nodes import Entry, Map, Node, Place, Text
from app.flow.templates.tree import Located, TemplateFile

_INCLUDED = re.compile(r"""\{%[-+]?\s*include\s+["']([^"']+)["']""")
_COMPUTED = re.compile(r"\{[{%]")
_DEEPEST = 10


@dataclass(frozen=True, slots=True)
class SpokenText:
    """One text that a caller hears.

    Attributes:
        text: as written, braces and tags included.
        language: the code of its voice, e.g. `en-GB`; "" when that is not known.
        is_inherited: it comes from the flow's defaults, so other menus say it too.
    """

    text: Located
    language: str = ""
    is_inherited: bool = False

    def words(self, start: int, end: int) -> str:
        """The characters from `start` to `end` on one line."""
        return " ".join(self.text.value[start:end].split())

    def place(self, start: int, end: int) -> Place:
        """Where they are in the file, cut at the end of the first line."""
        first = self.text.at(start)
        places = (self.text.at(offset) for offset in range(end - 1, start - 1, -1))
        last = next(place for place in places if place.line == first.line)
        return first._replace(length=max(1, last.column - first.column + 1))


@dataclass(frozen=True, slots=True)
class Voice:
    """What decides the language of a text.

    Attributes:
        locale: the name of the locale; "" in a flow without any.
        locales: of the flow, by name.
        inherited: the flow's default fields of a talk.
        templates: template file name → text.
    """

    locale: str
    locales: Mapping[str, Any]
    inherited: Map | None
    templates: Mapping[str, str]

    def language(self, written: Node | None, *, is_for_all: bool = False) -> str:
        """The code of a voice: its own, that of the locale, the flow's; "" when it is not known.

        A text that is said in each of several languages is none of any: that it is, is another issue (W565).
        """
        if written is not None:
            return written.value if isinstance(written, Text) and not _COMPUTED.search(written.value) else ""
        if self.locale:
            return "" if is_for_all and len(self.locales) > 1 else str(self.locales[self.locale].language)
        default = self.inherited.get("language") if self.inherited else None
        return self.language(default) if default is not None else ""


def spoken_in(items: Iterable[Map], voice: Voice, *, is_inherited: bool) -> Iterator[SpokenText]:
    """What the talks among items of `do` without errors say."""
    for item in items:
        talk = _talk(item)
        if talk is not None:
            text, beside = talk
            written = beside.get("language")
            language = voice.language(written, is_for_all=_local(text, voice.locale) is text)
            for each in _texts(_local(text, voice.locale), voice.templates):
                yield SpokenText(each, language, is_inherited)


def _talk(item: Map) -> tuple[Node | None, Map] | None:
    """The text of a talk, and the map in which its other fields stand; None for another action."""
    main = item.get("talk")
    if main is None:
        action = item.get("action")
        is_talk = isinstance(action, Text) and action.value == "talk"
        return (_text_of(item), item) if is_talk else None
    if isinstance(main, Map) and (main.get("text") or main.get("template")):
        return _text_of(main), Map((*item.entries, *main.entries), item.place)
    return main, item


def _text_of(fields: Map) -> Node | None:
    """The text among the fields of a talk; a file's name stands in a map, as it does elsewhere."""
    file = fields.get("template")
    return fields.get("text") if file is None else Map((Entry(Text("template", file.place), file),), file.place)


def _local(node: Node | None, locale: str) -> Node | None:
    """What a value is in one locale."""
    return node.get(locale) if isinstance(node, Map) and node.get("template") is None else node


def _texts(node: Node | None, templates: Mapping[str, str]) -> Iterator[Located]:
    """A text, or that of a file, with the files that it includes."""
    file = node.get("template") if isinstance(node, Map) else None
    text = TemplateFile(file.value, templates[file.value]) if isinstance(file, Text) else node
    found: tuple[Located, ...] = (text,) if isinstance(text, Text | TemplateFile) else ()
    for each in found:
        yield each
        yield from _included(each.value, templates, 0)


def _included(text: str, templates: Mapping[str, str], depth: int) -> Iterator[Located]:
    """The files that a text includes, and those that they include."""
    names = _INCLUDED.findall(text) if "include" in text and depth < _DEEPEST else ()
    for name in names:
        yield TemplateFile(name, templates[name])
        yield from _included(templates[name], templates, depth + 1)
