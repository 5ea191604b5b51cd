"""`locales`: the languages that a flow speaks.

locales:
  en: {language: en-GB, style: 2}           # the first is the default
  cy: {language: cy-GB, speech: en-GB}      # speaks Welsh, listens in English
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, TypeAlias

from ncco_server.flow.grammar.forms import TEXT, Notation
from ncco_server.flow.grammar.map_form import MapForm, SetByCode
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver
from ncco_server.flow.issues import did_you_mean
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.ncco.actions import SHAPES
from ncco_server.ncco.languages import RECOGNISED_CODES
from ncco_server.ncco.types import BCP47
from ncco_server.suggest import nearest

VOICE = ("language", "style", "premium")
"""What a locale may set of a talk. Source: NCCO reference, Talk."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_TAKEN = frozenset({"template", "action", *SHAPES["talk"].options, *SHAPES["stream"].options})
_CODE = re.compile(r"[A-Za-z]{2}|[A-Za-z]{2,3}[-_][A-Za-z]{2,4}")
_EXAMPLE = "write `locales: {en: {language: en-GB}, fr: {language: fr-FR}}`"
_DEFAULT_LANGUAGE = "en-US"
"""Source: NCCO reference, Input, Speech recognition settings (language)."""


def _read_code(node: Node, what: str, reader: Reader) -> str | None:
    text = reader.text(node, what)
    if text is None or BCP47.fullmatch(text.value):
        return text.value if text else None
    reader.report("E203", text.place, f'{what} cannot be "{text.value}"', "write a language code, such as en-GB")
    return None


LanguageCode: TypeAlias = Annotated[str, Notation(_read_code, TEXT)]


class Locale(MapForm):
    """A language that a flow speaks. If `language` is invalid, the locale's name suggests one."""

    cures: ClassVar = {"language": "add `language` with a code such as en-GB"}

    name: SetByCode[str]
    language: LanguageCode = ""
    """The language of the voice, such as en-GB."""
    style: int | None = None
    """The number of the voice."""
    premium: bool | None = None
    """true: use the better voice, which costs more."""
    speech: LanguageCode = ""
    """The language of speech recognition, if it is a different one."""

    @property
    def options(self) -> Mapping[str, Any]:
        return {word: value for word in VOICE if (value := getattr(self, word)) is not None}

    def place_of(self, *words: str) -> Place:
        """The first written one of these words, or else the locale's name."""
        return next((self.written.values[word].place for word in words if word in self.written.values), self.place)

    @property
    def is_recognised(self) -> bool:
        return bool(self.speech) or self.language.lower() in RECOGNISED_CODES

    @property
    def speech_language(self) -> str:
        """Vonage's default if Vonage cannot recognise this locale's language."""
        return self.speech or (self.language if self.is_recognised else _DEFAULT_LANGUAGE)


def read_locales(node: Node, what: str, reader: Reader) -> Mapping[str, Locale]:
    """An invalid locale is still declared. A list of languages, which is an error, declares a locale for each."""
    entries = reader.entries(node, what, _EXAMPLE)
    if isinstance(node, Map) and not entries:
        reader.report("E204", node.place, "`locales` is empty", "write `locales: {en: {language: en-GB}}`")
    read = [_read_locale(entry, reader) for entry in entries]
    if isinstance(node, Seq):
        read = [
            _assume_locale(base_language(item.value), item.place, item.value)
            for item in node.items
            if isinstance(item, Text)
        ]
    return {locale.name: locale for locale in read if locale is not None}


def _assume_locale(name: str, place: Place, language: str) -> Locale:
    return Locale(name=name, language=language, written=Fields(f'the locale "{name}"', place, {}, {}))


def _read_locale(entry: Entry, reader: Reader) -> Locale | None:
    name = entry.key.value
    place = entry.key.place
    what = f'the locale "{entry.key.value}"'
    cure = "use letters, digits, _ and -, beginning with a letter, e.g. en or en-GB"
    taken_cure = "name it after its language, e.g. en"
    reader.check_name(entry.key, "a locale", _NAME, cure, taken=_TAKEN, taken_cure=taken_cure)
    found = reader.map(entry.value, what, f"write `{name}: {{language: en-GB}}`")
    if found is None:
        return _assume_locale(name, place, _DEFAULT_LANGUAGE)
    fields = Locale.read_words(found, what, reader, place=place)
    locale = Locale.build(fields, reader, name=name)
    if locale is None or locale.language:
        return locale
    return replace(locale, language=_DEFAULT_LANGUAGE)


def base_language(language: str) -> str:
    return language.lower().partition("-")[0]


def speaks_several(locales: Mapping[str, Locale]) -> bool:
    return len({base_language(locale.language) for locale in locales.values()}) > 1


def in_locale(reader: Resolver, locale: Locale) -> Resolver:
    """The result adds its issues to the list of `reader`."""
    return replace(reader, language=locale.language)


def stands_for_locales(node: Node, reader: Resolver, options: Collection[str]) -> bool:
    keys = node.keys() if isinstance(node, Map) else ()
    if not keys or any(key in options for key in keys):
        return False
    if any(key in reader.locales for key in keys) or all(map(_CODE.fullmatch, keys)):
        return True
    return bool(reader.locales) and len(keys) > 1 and not any(nearest(key, options) for key in keys)


def mixes_locales(node: Map, reader: Resolver, options: Collection[str]) -> bool:
    keys = [entry.key for entry in node.entries]
    local = next((key for key in keys if key.value in reader.locales), None)
    if local is None or not any(key.value in options for key in keys):
        return False
    reader.report(
        "E403",
        local.place,
        f'the locale "{local.value}" is among the options',
        "put the locales under an option such as `text`",
    )
    return True


def split(node: Map, what: str, reader: Resolver) -> dict[str, Node] | None:
    """In the order of `locales`; None after reporting errors."""
    if not reader.locales:
        reader.report("E562", node.place, f"{what} is written per locale, but this flow has no `locales`")
        return None
    strange = [entry.key for entry in node.entries if entry.key.value not in reader.locales]
    free = [name for name in reader.locales if node.get(name) is None]
    for key in strange:
        report_unknown(key, f'{what}: this flow has no locale "{key.value}"', reader, free)
    found = {name: value for name in reader.locales if (value := node.get(name)) is not None}
    missing = [] if strange else free
    for name in missing:
        reader.report("E560", node.place, f'{what} lacks the locale "{name}"', f"add `{name}: ..` to this map")
    return None if strange or missing else found


def report_unknown(key: Text, message: str, reader: Resolver, free: Collection[str] | None = None) -> None:
    """`free` are the locales that are not written beside it."""
    names = [*(reader.locales if free is None else free)]
    code = base_language(key.value.replace("_", "-"))
    alike = (name for name, locale in reader.locales.items() if code in {name.lower(), base_language(locale.language)})
    meant = next(alike, None) or nearest(key.value, reader.locales) or (names[0] if len(names) == 1 else None)
    others = f"write one of: {', '.join(names)}" if names else "delete it, or add it to `locales`"
    cure = did_you_mean(meant) if meant else others
    reader.report("E561", key.place, message, cure)
