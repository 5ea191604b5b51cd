"""`locales`: the languages that a flow speaks.

locales:
  en: {language: en-GB, style: 2}           # the first is the default
  fr: {language: fr-FR, premium: true}
  cy: {language: cy-GB, speech: en-GB}      # speaks Welsh, listens in English

Where a text, a stream, a phrase or a prompt differs, a map with one value for each locale stands in its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.flow.fields import Fields, read_fields
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.reader import Reader
from app.flow.types import TYPES
from app.ncco.actions import SHAPES
from app.ncco.languages import IS_RECOGNISED, VOICES
from app.ncco.suggest import nearest
from app.ncco.types import BCP47

VOICE = ("language", "style", "premium")
"""The options of a talk that a locale may set. Source: NCCO reference, Talk."""

WORDS = (*VOICE, "speech")
_HINTS = {"lang": "write `language`", "code": "write `language`", "voice": "write `style`"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_TAKEN = frozenset({"template", "action", *SHAPES["talk"].options, *SHAPES["stream"].options})
_CODE = re.compile(r"[A-Za-z]{2}|[A-Za-z]{2,3}[-_][A-Za-z]{2,4}")
_HEARD_BY_DEFAULT = "en-US"
"""Source: NCCO reference, Input, Speech recognition settings (language)."""


@dataclass(frozen=True, slots=True)
class Locale:
    """One language that a flow speaks.

    Attributes:
        name: as the flow calls it.
        language: in which it speaks, a BCP-47 code.
        options: options of every talk by name, `language` among them.
        speech: in which it listens, where that is written.
        places: where each of its words stands; "" is the name.
    """

    name: str
    language: str
    options: Mapping[str, Any] = field(default_factory=dict)
    speech: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)

    def at(self, *words: str) -> Place:
        """Where the first of these words stands that is written; else where the name does."""
        return next((self.places[word] for word in words if word in self.places), self.places[""])

    @property
    def is_heard(self) -> bool:
        """Whether speech can be recognised in it."""
        return bool(self.speech) or self.language.lower() in IS_RECOGNISED

    @property
    def hears(self) -> str:
        """The language in which callers are listened to: Vonage's own default where it does not know this one."""
        return self.speech or (self.language if self.is_heard else _HEARD_BY_DEFAULT)


def read_locales(node: Node, reader: Reader) -> Mapping[str, Locale]:
    """The map under `locales`. What is faulty is declared all the same."""
    found = reader.map(node, "`locales`", "write `locales: {en: {language: en-GB}, fr: {language: fr-FR}}`")
    if found is None:
        return _meant_locales(node)
    if not found.entries:
        reader.report("E204", found.place, "`locales` is empty", "write `locales: {en: {language: en-GB}}`")
    read = [_read_locale(entry, reader) for entry in found.entries]
    return {locale.name: locale for locale in read}


def _meant_locales(node: Node) -> Mapping[str, Locale]:
    """What a list of languages is probably meant to declare."""
    codes = [item for item in node.items if isinstance(item, Text)] if isinstance(node, Seq) else []
    named = {base(code.value): code for code in codes}
    return {
        name: Locale(name, code.value, {"language": code.value}, places={"": code.place})
        for name, code in named.items()
    }


def _read_locale(entry: Entry, reader: Reader) -> Locale:
    name = entry.key
    _check_name(name, reader)
    guess = _language_for(name.value)
    assumed = {"language": guess} if guess in VOICES else {}
    if not isinstance(entry.value, Map):
        written = entry.value.value if isinstance(entry.value, Text) else ""
        assumed = {"language": written} if written in VOICES else assumed
        cure = f"write `{name.value}: {{language: {assumed.get('language', 'en-GB')}}}`"
        reader.report("E201", entry.value.place, f'the locale "{name.value}" is not a map', cure)
        return Locale(name.value, assumed.get("language", _HEARD_BY_DEFAULT), assumed, places={"": name.place})
    what = f'the locale "{name.value}"'
    fields = read_fields(entry.value, WORDS, what, reader, place=name.place, hints=_HINTS)
    fields.need("language", f"add `language` with a code such as {assumed.get('language', 'en-GB')}", reader)
    options = assumed | {word: value for word, value in _read_options(fields, reader) if value is not None}
    places = {word: value.place for word, value in fields.values.items()}
    language = str(options.get("language", _HEARD_BY_DEFAULT))
    speech = _read_code(fields, "speech", reader) or ""
    return Locale(name.value, language, options, speech, {"": name.place, **places})


def _check_name(name: Text, reader: Reader) -> None:
    if name.value in _TAKEN:
        message = f'a locale cannot be named "{name.value}": that is an option of talk or stream'
        reader.report("E206", name.place, message, "name it by its language, e.g. en")
    elif not _NAME.fullmatch(name.value):
        cure = "use letters, digits, _ and -, a letter first, e.g. en or en-GB"
        reader.report("E205", name.place, f'a locale cannot be named "{name.value}"', cure)


def _read_options(fields: Fields, reader: Reader) -> Iterator[tuple[str, Any]]:
    yield "language", _read_code(fields, "language", reader)
    style, premium = fields.get("style"), fields.get("premium")
    if style is not None:
        yield "style", reader.literal(style, TYPES["int"], "`style`")
    if premium is not None:
        yield "premium", reader.flag(premium, "`premium`")


def _read_code(fields: Fields, word: str, reader: Reader) -> str | None:
    """A BCP-47 code; E203 for anything else."""
    node = fields.get(word)
    text = reader.text(node, f"`{word}`") if node else None
    if text is None:
        return None
    if BCP47.fullmatch(text.value):
        return text.value
    hyphened = text.value.strip().replace("_", "-")
    shown = hyphened if BCP47.fullmatch(hyphened) else "en-GB"
    cure = f"write the code of a language, such as {shown}"
    reader.report("E203", text.place, f'`{word}` cannot be "{text.value}"', cure)
    return None


def base(language: str) -> str:
    """The language without its region: `en` of `en-GB`."""
    return language.lower().partition("-")[0]


def speaks_several(locales: Mapping[str, Locale]) -> bool:
    """Whether the locales are more than regions of one language."""
    return len({base(locale.language) for locale in locales.values()}) > 1


def within(reader: Reader, locale: Locale) -> Reader:
    """A reader for what is said in one locale. Its reports go where those of `reader` go."""
    return replace(reader, language=locale.language)


def stands_for_locales(node: Node, reader: Reader, options: Collection[str]) -> bool:
    """Whether a map is meant to hold one value for each locale, and not `options`."""
    keys = node.keys() if isinstance(node, Map) else ()
    if not keys or any(key in options for key in keys):
        return False
    if any(key in reader.locales for key in keys) or all(map(_CODE.fullmatch, keys)):
        return True
    return bool(reader.locales) and len(keys) > 1 and not any(nearest(key, options) for key in keys)


def mixes_locales(node: Map, reader: Reader, options: Collection[str]) -> bool:
    """Whether a map holds locales beside `options`; E563 then."""
    keys = [entry.key for entry in node.entries]
    local = next((key for key in keys if key.value in reader.locales), None)
    if local is None or not any(key.value in options for key in keys):
        return False
    reader.report("E563", local.place, f'the locale "{local.value}" stands among options')
    return True


def split(node: Map, what: str, reader: Reader) -> dict[str, Node] | None:
    """What a map holds for each locale, in the order of `locales`.

    None, once it is reported, when a locale is missing (E560), when a key is none (E561), or when the flow has none
    (E562).

    Args:
        node: the map.
        what: what differs from locale to locale, for messages.
        reader: knows the locales.
    """
    if not reader.locales:
        reader.report(
            "E562", node.place, f"{what} is written by locale, and this flow has no `locales`", _lacking(node)
        )
        return None
    strange = [entry.key for entry in node.entries if entry.key.value not in reader.locales]
    for key in strange:
        report_unknown(key, f'{what}: this flow has no locale "{key.value}"', reader)
    found = {name: value for name in reader.locales if (value := node.get(name)) is not None}
    missing = [name for name in reader.locales if name not in found]
    if strange:
        return None
    for name in missing:
        reader.report("E560", node.place, f'{what} lacks the locale "{name}"', f"add `{name}: ..` to this map")
    return None if missing else found


def _lacking(node: Map) -> str:
    """The `locales` that a map is written for."""
    shown = ", ".join(f"{key}: {{language: {_language_for(key)}}}" for key in node.keys())  # noqa: SIM118 - a Map
    return f"add `locales: {{{shown}}}` at the top of the flow"


def _language_for(key: str) -> str:
    """A language that a locale of this name probably speaks."""
    code = key.replace("_", "-").lower()
    known = [voice for voice in VOICES if code in {voice.lower(), base(voice)}]
    usual = [voice for voice in known if voice in {"en-GB", f"{code}-{code.upper()}"}]
    return next(iter(usual or known), code)


def report_unknown(key: Text, message: str, reader: Reader) -> None:
    """E561 with the locale that is meant."""
    meant = _meant(key.value, reader.locales)
    cure = f'did you mean "{meant}"?' if meant else f"known are: {', '.join(reader.locales)}"
    reader.report("E561", key.place, message, cure)


def _meant(key: str, locales: Mapping[str, Locale]) -> str | None:
    """The locale that a strange name is probably meant for: the same language, or a slip of the pen."""
    code = key.replace("_", "-").lower()
    same = [name for name, locale in locales.items() if code in {name.lower(), locale.language.lower()}]
    alike = [name for name, locale in locales.items() if base(code) in {name.lower(), base(locale.language)}]
    return next(iter(same or alike), None) or nearest(key, locales)
