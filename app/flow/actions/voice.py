"""The voice of a talk: its own, that of the locale, or the flow's default; the innermost that is written wins.

A talk that writes its own `language` is spoken in it in every locale. A style belongs to the language that it is
written with, so neither `style` nor `premium` is inherited from `defaults` that name another language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.flow.actions.fields import action_shape
from app.flow.actions.values import Given, Localised, localised
from app.flow.language.locales import VOICE, Locale, speaks_several
from app.flow.model import Value
from app.flow.nodes import Entry, Text
from app.flow.reader import Reader
from app.ncco.actions import SHAPES

_UNWRITTEN = {name: option.default for name, option in SHAPES["talk"].options.items()}
"""What Vonage takes for an option that is not written."""

_NOT_SAID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^<>]*>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Voice:
    """What a talk is read with.

    Attributes:
        reader: knows the language that values are said in.
        inherited: the fields of `defaults` that still count.
        fields: the voice of each locale.
    """

    reader: Reader
    inherited: tuple[Entry, ...]
    fields: Mapping[str, Value]


def voice_of(own: tuple[Entry, ...], inherited: tuple[Entry, ...], reader: Reader) -> Voice:
    """The voice of a talk with these fields."""
    written = {entry.key.value for entry in own}
    if "language" in written:
        return Voice(_speaking(_literal("language", own), reader), inherited, {})
    if not reader.locales:
        return Voice(_speaking(_literal("language", inherited), reader), inherited, {})
    fields = {word: _by_locale(word, inherited, reader) for word in VOICE if word not in written}
    kept = tuple(entry for entry in inherited if entry.key.value not in VOICE)
    return Voice(reader, kept, {word: value for word, value in fields.items() if value is not None})


def _literal(word: str, entries: tuple[Entry, ...]) -> str:
    """What a field always is; "" when it is missing or computed."""
    node = next((entry.value for entry in entries if entry.key.value == word), None)
    return node.value if isinstance(node, Text) and "{" not in node.value else ""


def _speaking(language: str, reader: Reader) -> Reader:
    """The reader for a talk that is spoken in one language, whatever the locale."""
    if not language or (language == reader.language and not reader.locales):
        return reader
    locales = {name: locale.model_copy(update={"language": language}) for name, locale in reader.locales.items()}
    return replace(reader, language=language, locales=locales)


def _by_locale(word: str, inherited: tuple[Entry, ...], reader: Reader) -> Value | None:
    """One option of the voice in each locale; None when nobody writes it."""
    locales: Mapping[str, Locale] = reader.locales
    default = _inherited(word, inherited, reader)
    spoken = _literal("language", inherited).lower()
    heirs = {
        name: default
        for name, locale in locales.items()
        if default is not None and word not in locale.options and spoken in {"", locale.language.lower()}
    }
    if not heirs and not any(word in locale.options for locale in locales.values()):
        return None
    found = {name: heirs.get(name) or _of(locale, word) for name, locale in locales.items()}
    return localised(found, next(iter(found.values())).place)


def _inherited(word: str, inherited: tuple[Entry, ...], reader: Reader) -> Value | None:
    node = next((entry.value for entry in inherited if entry.key.value == word), None)
    return None if node is None else action_shape("talk").fields[word].read(node, reader, f"`{word}` of talk")


def _of(locale: Locale, word: str) -> Value:
    """An option of a locale, at its place."""
    return Given(locale.options.get(word, _UNWRITTEN[word]), locale.place_of(word))


def check_translated(own: tuple[Entry, ...], text: Value | None, reader: Reader) -> None:
    """W565 for words that are said in every language of the flow."""
    written = next((entry.value for entry in own if entry.key.value == "text"), None)
    if text is None or not isinstance(written, Text) or not speaks_several(reader.locales):
        return
    each = text.by_locale.values() if isinstance(text, Localised) else (text,)
    if any("locale" in value.used_names for value in each):
        return
    if any(sign.isalpha() for sign in _NOT_SAID.sub("", written.value)):
        names = ", ".join(reader.locales)
        message = f"this text is said as it is in every locale: {names}"
        shown = ", ".join(f'{name}: ".."' for name in reader.locales)
        cure = f"write `{{{shown}}}` in its place, or give the talk a `language` of its own"
        reader.report("W565", written.place, message, cure)
