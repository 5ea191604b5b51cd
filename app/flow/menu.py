"""The choices of a menu by name: what a caller can press or say, as a step or `defaults` lists it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.flow.fields import Fields, read_fields
from app.flow.language.assignments import read_sets
from app.flow.language.locales import speaks_several, split
from app.flow.model import Assignment, Target, Variable
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.phrases import fold
from app.flow.reader import Reader
from app.flow.targets import read_target

_KEY = re.compile(r"[0-9]{1,20}|[*#]")
_NAME = re.compile(r"\w[\w-]*")
_TAKEN = frozenset({"noinput", "nomatch", "asr_error", "error", "collected", "end"})
WORDS = ("dtmf", "speech", "set", "goto")
_HINTS = {
    "digits": "write `dtmf`",
    "key": "write `dtmf`",
    "press": "write `dtmf`",
    "say": "write `speech`",
    "then": "write `goto`",
    "step": "write `goto`",
    "next": "write `goto`",
    "target": "write `goto`",
    "locale": "write `set: {locale: name}`",
    "language": "write `set: {locale: name}`",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that the caller can press or say.

    Attributes:
        phrases: as written → folded; of all locales.
        by_locale: the same by locale, where they differ.
        places: where each key and each folded phrase is written, by word: `("dtmf", "1")`, `("speech", "buy")`.
    """

    name: str
    keys: tuple[str, ...]
    phrases: Mapping[str, str]
    sets: tuple[Assignment, ...]
    target: Target
    place: Place
    by_locale: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)

    def said_in(self, locale: str) -> Mapping[str, str]:
        """What a caller can say in one locale: as written → folded."""
        return self.by_locale.get(locale, self.phrases)

    def need_in(self, locale: str) -> str:
        """What the caller had to do for it, for the trace."""
        ways = (" or ".join(self.keys), ", ".join(f'"{phrase}"' for phrase in self.said_in(locale)))
        return f"{self.name}: needs {' or '.join(way for way in ways if way)}"


def read_menu(node: Node, variables: Mapping[str, Variable], reader: Reader) -> dict[str, Choice] | None:
    """A map of choices by name; one that cannot be read is left out. None when it is no map."""
    if not isinstance(node, Map):
        cure = "write one choice a line: `sales: {dtmf: 1, speech: [sales], goto: sales}`"
        reader.report("E201", node.place, "`choices` is not a map", cure)
        return None
    read = [_read_choice(entry, variables, reader) for entry in node.entries]
    return {choice.name: choice for choice in read if choice is not None}


def _read_choice(entry: Entry, variables: Mapping[str, Variable], reader: Reader) -> Choice | None:
    name = entry.key
    what = f'the choice "{name.value}"'
    _check_name(name, reader)
    if not isinstance(entry.value, Map):
        cure = f"write `{name.value}: {{dtmf: 1, goto: step}}`"
        reader.report("E201", entry.value.place, f"{what} is not a map", cure)
        return None
    fields = read_fields(entry.value, WORDS, what, reader, place=name.place, hints=_HINTS)
    keys = _read_keys(fields, reader)
    by_locale = _read_speech(fields, reader)
    sets = read_sets(fields.values["set"], "`set`", reader) if "set" in fields.values else ()
    if not _chooses_locale(entry.value):
        _check_translated(fields, reader)
    goto = fields.need("goto", "add `goto: step`", reader)
    target = read_target(goto, "`goto`", reader) if goto else None
    if not {"dtmf", "speech"} & fields.keys.keys() and fields.is_whole:
        reader.report("E231", name.place, f"{what} can be neither pressed nor said")
    said = {phrase: folded for phrases in by_locale.values() for phrase, folded in phrases.items()}
    differing = by_locale if "" not in by_locale else {}
    places = dict(_places(fields))
    return Choice(name.value, keys, said, sets, target, name.place, differing, places) if target else None


def _check_name(name: Text, reader: Reader) -> None:
    if name.value in _TAKEN:
        cure = "give the choice another name"
        if name.value in {"noinput", "nomatch"}:
            cure = f"write it under `retry`: `retry: {{{name.value}: [..], then: step}}`"
        reader.report("E206", name.place, f'a choice cannot be named "{name.value}"', cure)
    elif not _NAME.fullmatch(name.value):
        cure = "name the choice by what it stands for; keys go into `dtmf`"
        reader.report("E205", name.place, f'a choice cannot be named "{name.value}"', cure)


def _items(node: Node | None) -> tuple[Node, ...]:
    if node is None:
        return ()
    return node.items if isinstance(node, Seq) else (node,)


def _places(fields: Fields) -> Iterator[tuple[tuple[str, str], Place]]:
    """Where each key and each phrase is written; of a phrase that is written twice, the later place."""
    speech = fields.get("speech")
    said = [entry.value for entry in speech.entries] if isinstance(speech, Map) else [speech]
    for word, nodes in (("dtmf", [fields.get("dtmf")]), ("speech", said)):
        for text in (item for node in nodes for item in _items(node) if isinstance(item, Text)):
            yield (word, fold(text.value) if word == "speech" else text.value), text.place


def _read_keys(fields: Fields, reader: Reader) -> tuple[str, ...]:
    keys: list[str] = []
    node = fields.get("dtmf")
    if isinstance(node, Seq) and not node.items:
        reader.report("E232", node.place, f"`dtmf` of {fields.what} is an empty list")
    for item in _items(node):
        text = reader.text(item, f"`dtmf` of {fields.what}")
        if text is None:
            continue
        if _KEY.fullmatch(text.value):
            keys.append(text.value)
        else:
            reader.report("E232", text.place, f'"{text.value}" cannot be pressed')
    return tuple(dict.fromkeys(keys))


def _read_speech(fields: Fields, reader: Reader) -> dict[str, dict[str, str]]:
    """The phrases by locale; those that count in every locale under ""."""
    node = fields.get("speech")
    if not isinstance(node, Map):
        return {"": _read_phrases(node, fields, reader)}
    found = split(node, f"`speech` of {fields.what}", reader) or {}
    return {locale: _read_phrases(each, fields, reader) for locale, each in found.items()}


def _chooses_locale(choice: Map) -> bool:
    """Whether it is a choice of a language, which is said in its own; also one that is written wrongly."""
    sets = choice.get("set")
    return any("locale" in node.keys() for node in (choice, sets) if isinstance(node, Map))  # noqa: SIM118 - no dict


def _check_translated(fields: Fields, reader: Reader) -> None:
    """W566 for phrases that count in every language."""
    node = fields.get("speech")
    if node is not None and not isinstance(node, Map) and speaks_several(reader.locales):
        shown = ", ".join(f"{name}: [..]" for name in reader.locales)
        message = f"`speech` of {fields.what} is the same in every locale: {', '.join(reader.locales)}"
        reader.report("W566", node.place, message, f"write `speech: {{{shown}}}`")


def _read_phrases(node: Node | None, fields: Fields, reader: Reader) -> dict[str, str]:
    """Each phrase as written, and folded."""
    phrases: dict[str, str] = {}
    if isinstance(node, Seq) and not node.items:
        reader.report("E235", node.place, f"`speech` of {fields.what} is an empty list", "list what a caller may say")
    for item in _items(node):
        text = reader.text(item, f"`speech` of {fields.what}")
        if text is None:
            continue
        if "{{" in text.value or "{%" in text.value:
            reader.report("E235", text.place, "a phrase cannot be computed")
            continue
        folded = fold(text.value)
        if not folded:
            reader.report("E235", text.place, f'"{text.value}" holds no word that could be heard')
        else:
            phrases[text.value] = folded
    return phrases
