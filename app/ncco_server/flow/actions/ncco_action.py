"""Reads the NCCO actions except `connect`, and chooses the voice of a talk.

The voice comes from the talk, else the locale, else the flow's defaults. A style belongs to its language, so a locale
inherits neither `style` nor `premium` from `defaults` with another language. A talk inherits them, as all its options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ncco_server.flow.action import Action, literal, may_be_true, observer
from ncco_server.flow.actions.item import Item, gather, has_duplicate, rename
from ncco_server.flow.grammar.fields import JsonField, ListField, LocalField, action_fields
from ncco_server.flow.grammar.forms import Form
from ncco_server.flow.grammar.locales import VOICE, Locale, mixes_locales, speaks_several, stands_for_locales
from ncco_server.flow.grammar.reader import Reader, Resolver
from ncco_server.flow.nodes import Entry, Map, Node, Seq, Text
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import Constant, Localised, localised
from ncco_server.ncco.actions import SHAPES

_UNWRITTEN = {name: option.default for name, option in SHAPES["talk"].options.items()}
"""Vonage's defaults."""

_NOT_SAID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^<>]*>", re.DOTALL)


def read_talk(item: Item, own: tuple[Entry, ...], reader: Resolver) -> Action:
    written = {entry.key.value for entry in own}
    inherited = item.inherited
    voice = dict[str, Value]()
    speaking = reader
    if "language" in written or not reader.locales:
        speaking = _speaking(_written_language(own if "language" in written else inherited), reader)
    else:
        voice = {
            word: value for word in VOICE if word not in written and (value := _by_locale(word, inherited, reader))
        }
        inherited = tuple(entry for entry in inherited if entry.key.value not in VOICE)
    fields = gather(own, inherited, item.place)
    values = {**action_fields("talk").read_fields(fields, speaking, "talk"), **voice}
    if voice:
        check_translated(own, values.get("text"), reader)
    return Action("talk", item.place, values)


def _written_language(entries: tuple[Entry, ...]) -> str:
    node = next((entry.value for entry in entries if entry.key.value == "language"), None)
    return node.value if isinstance(node, Text) and "{" not in node.value else ""


def _speaking(language: str, reader: Resolver) -> Resolver:
    if not language or (language == reader.language and not reader.locales):
        return reader
    locales = {name: replace(locale, language=language) for name, locale in reader.locales.items()}
    return replace(reader, language=language, locales=locales)


def _by_locale(word: str, inherited: tuple[Entry, ...], reader: Resolver) -> Value | None:
    locales: Mapping[str, Locale] = reader.locales
    node = next((entry.value for entry in inherited if entry.key.value == word), None)
    default = action_fields("talk").fields[word].read(node, f"`{word}` of talk", reader) if node else None
    spoken = _written_language(inherited).lower()
    found: dict[str, Value] = {}
    is_written = False
    for name, locale in locales.items():
        inherits = default is not None and word not in locale.options and spoken in {"", locale.language.lower()}
        is_written = is_written or inherits or word in locale.options
        own = Constant(locale.options.get(word, _UNWRITTEN[word]), locale.place_of(word))
        found[name] = default if inherits and default is not None else own
    return localised(found, next(iter(found.values())).place) if is_written else None


def check_translated(own: tuple[Entry, ...], text: Value | None, reader: Resolver) -> None:
    written = next((entry.value for entry in own if entry.key.value == "text"), None)
    if text is None or not isinstance(written, Text) or not speaks_several(reader.locales):
        return
    each = text.by_locale.values() if isinstance(text, Localised) else (text,)
    if any("locale" in value.used_names for value in each):
        return
    if any(sign.isalpha() for sign in _NOT_SAID.sub("", written.value)):
        names = ", ".join(reader.locales)
        message = f"this text is spoken as written in every locale: {names}"
        shown = ", ".join(f'{name}: ".."' for name in reader.locales)
        cure = f"write `{{{shown}}}` in its place, or give the talk its own `language`"
        reader.report("W565", written.place, message, cure)


def read_action(item: Item, reader: Resolver) -> Action | None:
    own = _own_fields(item, reader)
    if own is None:
        return None
    if item.word == "talk":
        return read_talk(item, own, reader)
    written = gather(rename(own), rename(item.inherited), item.place)
    values = action_fields(item.word).read_fields(written, reader, item.word)
    callback = observer(
        item.word,
        has_url="eventUrl" in values,
        records=may_be_true(values, "record"),
        is_asynchronous=literal(values, "mode") == "asynchronous",
    )
    return Action(item.word, item.place, values, callback)


def _own_fields(item: Item, reader: Resolver) -> tuple[Entry, ...] | None:
    main = item.main
    name = SHAPES[item.word].main
    word = item.word
    fields = action_fields(word).fields
    options = frozenset({"template", *fields})
    field = fields.get(name)
    if main is None:
        return _with_template_as_text(item, item.beside, reader)
    if isinstance(main, Map) and isinstance(field, LocalField) and mixes_locales(main, reader, options):
        return None
    if isinstance(main, Map) and _is_map_of_fields(main, word, reader):
        if has_duplicate(item, options, is_map=True, reader=reader):
            return None
        return _with_template_as_text(item, (*main.entries, *item.beside), reader)
    if field is None and isinstance(main, Text) and main.value == "true":
        return item.beside
    if field is None or not _may_stand_alone(main, field):
        shown = "a map" if isinstance(main, Map) else "a list" if isinstance(main, Seq) else "a text"
        first = name if name in fields else next(iter(fields))
        sample = getattr(getattr(fields[first], "kind", None), "sample", "..")
        reader.report("E404", main.place, f"`{word}` cannot take {shown}", f"write `{word}: {{{first}: {sample}}}`")
        return None
    if has_duplicate(item, (name,), is_map=False, reader=reader):
        return None
    return (Entry(Text(name, item.place), main), *item.beside)


def _with_template_as_text(item: Item, entries: tuple[Entry, ...], reader: Reader) -> tuple[Entry, ...]:
    """In a talk, `template: x` becomes the `text`."""
    file = next((entry for entry in entries if entry.key.value == "template"), None)
    if item.word != "talk" or file is None:
        return entries
    if any(entry.key.value == "text" for entry in entries):
        reader.report("E403", file.key.place, "a talk has both `text` and `template`", "keep one of the two")
        return tuple(entry for entry in entries if entry is not file)
    text = Entry(file.key._replace(value="text"), Map((file,), file.key.place))
    return tuple(text if entry is file else entry for entry in entries)


def _is_map_of_fields(main: Map, word: str, reader: Resolver) -> bool:
    """Whether a map under the action's name contains the action's fields; otherwise it is the main value."""
    fields = action_fields(word).fields
    if word == "notify":
        return bool(main.entries) and set(main.keys()) <= set(fields)
    is_local = isinstance(fields.get(SHAPES[word].main), LocalField)
    if is_local and stands_for_locales(main, reader, frozenset({"template", *fields})):
        return False
    return not (word == "talk" and main.keys() == ("template",))


def _may_stand_alone(main: Node, field: Form) -> bool:
    inner = field.inner if isinstance(field, LocalField) else field
    if isinstance(inner, JsonField):
        return isinstance(main, Map | Seq)
    if isinstance(main, Seq):
        return isinstance(inner, ListField)
    return isinstance(main, Text) or isinstance(field, LocalField)
