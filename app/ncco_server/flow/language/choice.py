"""A choice of a menu: what the caller presses or says, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, ClassVar, Final, TypeAlias

from ncco_server.flow.grammar.forms import Notation, listed, ref
from ncco_server.flow.grammar.locales import speaks_several, split
from ncco_server.flow.grammar.map_form import MapForm, SetByCode, written_as
from ncco_server.flow.grammar.reader import Reader, Resolver, has_braces, items
from ncco_server.flow.grammar.targets import Destination, NewValues
from ncco_server.flow.language.retry import FAILURES
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.phrases import fold
from ncco_server.ncco.value_types import Number

Confidence: TypeAlias = Annotated[float, Number(0, 1)]

_KEY: Final = re.compile(r"[0-9]{1,20}|[*#]")
_KEY_SCHEMA: Final = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^([0-9]{1,20}|[*#])$"}]
}
_NAME: Final = re.compile(r"\w[\w-]*")
_TAKEN: Final = frozenset({"noinput", "nomatch", "asr_error", "error", "collected", "end"})


def _read_texts(node: Node, what: str, reader: Reader) -> list[Text]:
    if isinstance(node, Seq) and not node.items:
        reader.report("E203", node.place, f"{what} is an empty list", "list what a caller can press or say")
    return [text for item in items(node) if (text := reader.text(item, what)) is not None]


def _read_keys(node: Node, what: str, reader: Reader) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in _read_texts(node, what, reader):
        if _KEY.fullmatch(text.value):
            found[text.value] = None
        else:
            reader.report(
                "E203", text.place, f'"{text.value}" cannot be pressed', 'write digits, "*" or "#", or a list of them'
            )
    return tuple(found)


def _read_speech(node: Node, what: str, reader: Resolver) -> dict[str, dict[str, str]]:
    """Folded phrases by locale ("" for every locale) and phrase as written."""
    by_locale = (split(node, what, reader) or {}) if isinstance(node, Map) else {"": node}
    return {locale: _read_phrases(each, what, reader) for locale, each in by_locale.items()}


def _read_phrases(node: Node, what: str, reader: Reader) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in _read_texts(node, what, reader):
        folded = fold(text.value)
        if has_braces(text):
            reader.report(
                "E203", text.place, "a phrase cannot be computed", "write words as people say them, without braces"
            )
        elif text.value in ("true", "false") and not text.quoted:
            reader.report("E203", text.place, f"{text.value} is not a phrase", "list what callers say")
        elif not folded:
            reader.report(
                "E203",
                text.place,
                f'"{text.value}" contains no words',
                "write words as people say them, without braces",
            )
        else:
            found[text.value] = folded
    return found


class ChoiceDefinition(MapForm):
    """One thing that the caller can press or say."""

    is_named: ClassVar = True
    cures: ClassVar = {"goto": "add `goto: end`"}

    name: SetByCode[str]
    keys: Annotated[tuple[str, ...], Notation(_read_keys, listed(_KEY_SCHEMA))] = written_as("dtmf", default=())
    """Digits, "*" or "#", or a list of them."""
    said: Annotated[Mapping[str, Mapping[str, str]], Notation(_read_speech, ref("phrases"))] = written_as(
        "speech", default_factory=dict
    )
    """Phrases that the caller may say."""
    sets: NewValues = written_as("set", default=())
    """The variables that change when the caller makes this choice."""
    target: Destination = written_as("goto")
    """Where the call goes."""

    @cached_property
    def phrases(self) -> Mapping[str, str]:
        return {phrase: folded for phrases in self.said.values() for phrase, folded in phrases.items()}

    @property
    def is_local(self) -> bool:
        return bool(self.said) and "" not in self.said

    def said_in(self, locale: str) -> Mapping[str, str]:
        return self.said[locale] if locale and locale in self.said else self.phrases

    def need_in(self, locale: str) -> str:
        ways = (" or ".join(self.keys), ", ".join(f'"{phrase}"' for phrase in self.said_in(locale)))
        return f"{self.name}: needs {' or '.join(way for way in ways if way)}"

    def place_of(self, word: str, value: str) -> Place:
        """The last place if a phrase is written twice."""
        node = self.written.get(word)
        nodes = [entry.value for entry in node.entries] if isinstance(node, Map) else [node]
        texts = (item for each in nodes for item in items(each) if isinstance(item, Text))
        return [text.place for text in texts if value == (fold(text.value) if word == "speech" else text.value)][-1]


def read_menu(node: Node, what: str, reader: Resolver) -> Menu | None:
    found = reader.map(node, what, "write one choice per line: `sales: {dtmf: 1, speech: [sales], goto: sales}`")
    if found is None:
        return None
    read = [_read_choice(entry, reader) for entry in found.entries]
    return {choice.name: choice for choice in read if choice is not None}


Menu: TypeAlias = Annotated[Mapping[str, ChoiceDefinition], Notation(read_menu, ref("choices"))]


def _read_choice(entry: Entry, reader: Resolver) -> ChoiceDefinition | None:
    name = entry.key.value
    place = entry.key.place
    what = f'the choice "{name}"'
    taken_cure = "give the choice another name"
    if name in FAILURES:
        taken_cure = f"write it under `retry`: `retry: {{{name}: [..], then: step}}`"
    cure = "name the choice after its meaning; keys go in `dtmf`"
    reader.check_name(entry.key, "a choice", _NAME, cure, taken=_TAKEN, taken_cure=taken_cure)
    if name in FAILURES:
        return None
    key = name if name.isdigit() else 1
    found = reader.map(entry.value, what, f"write `{name}: {{dtmf: {key}, goto: step}}`")
    if found is None:
        return None
    fields = ChoiceDefinition.read_words(found, what, reader, place=place)
    cures = {"goto": f"add `goto: {name}`"} if name in reader.steps else {}
    choice = ChoiceDefinition.build(fields, reader, cures=cures, name=name)
    speech = fields.get("speech")
    sets = fields.get("set")
    chooses_locale = any(isinstance(node, Map) and node.get("locale") is not None for node in (found, sets))
    if speech is not None and not isinstance(speech, Map) and not chooses_locale and speaks_several(reader.locales):
        shown = ", ".join(f"{locale}: [..]" for locale in reader.locales)
        message = f"`speech` of {what} is the same in every locale: {', '.join(reader.locales)}"
        reader.report("W565", speech.place, message, f"write `speech: {{{shown}}}`")
    if not {"dtmf", "speech"} & fields.keys.keys():
        cure = "add a key such as `dtmf: 9`, phrases (`speech: [sales]`) or both"
        if place.is_in_python:
            cure = 'write a key or words: `Choice(9, ["word"])`'
        reader.report("E204", place, f"{what} can neither be pressed nor said", cure)
    return choice
