"""The actions that are read alike: the NCCO's own, except `connect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.flow.actions.action import Action, literal, observer
from app.flow.actions.fields import Field, JsonField, ListField, LocalField, ScalarField, SpeechField, action_shape
from app.flow.actions.item import Item, gather, rename
from app.flow.actions.voice import check_translated, voice_of
from app.flow.language.locales import mixes_locales, stands_for_locales
from app.flow.model import Callback, Part, Value
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.reader import Reader
from app.ncco.actions import SHAPES


@dataclass(frozen=True, slots=True)
class ActionKind:
    """How an NCCO action is read; `word` is its name."""

    word: str

    @property
    def main(self) -> str:
        """The field whose value may stand under the name; "" when only a map of fields may."""
        return SHAPES[self.word].main

    def read(self, item: Item, reader: Reader) -> Part | None:
        """The action of one item of `do`; None once its faults are reported."""
        own = self._own_fields(item, reader)
        if own is None:
            return None
        if self.word == "talk":
            return self._spoken(own, item, reader)
        fields = gather(rename(own), rename(item.inherited), item.place)
        values = action_shape(self.word).read_fields(fields, reader, self.word)
        return Action(self.word, item.place, values, _callback(self.word, values))

    def _spoken(self, own: tuple[Entry, ...], item: Item, reader: Reader) -> Part:
        """A talk, in the voice that is its own, that of the locale or the flow's."""
        voice = voice_of(own, item.inherited, reader)
        fields = gather(own, voice.inherited, item.place)
        values = {**action_shape(self.word).read_fields(fields, voice.reader, self.word), **voice.fields}
        if voice.fields:
            check_translated(own, values.get(self.main), reader)
        return Action(self.word, item.place, values)

    def _own_fields(self, item: Item, reader: Reader) -> tuple[Entry, ...] | None:
        """The fields that the item writes, in whichever spelling."""
        main = item.main
        if main is None:
            return self._unfolded(item.beside, reader)
        if isinstance(main, Map) and self._differs_by_locale and mixes_locales(main, reader, self._fields):
            return None
        if isinstance(main, Map) and self._is_map_of_fields(main, reader):
            return self._only(main, item, reader)
        if not self.main:
            return self._flag(main, item, reader)
        if not self._may_be_main(main):
            reader.report("E404", main.place, f"`{self.word}` cannot take {_shown(main)}", self._cure())
            return None
        return self._beside_main(main, item, reader)

    def _only(self, main: Map, item: Item, reader: Reader) -> tuple[Entry, ...] | None:
        if item.beside:
            first = item.beside[0].key
            message = f"`{first.value}` stands beside a map of the fields of `{self.word}`"
            reader.report("E403", first.place, message, f"move `{first.value}` into that map")
            return None
        return self._unfolded(main.entries, reader)

    def _unfolded(self, entries: tuple[Entry, ...], reader: Reader) -> tuple[Entry, ...]:
        """The fields; `template: x` among those of a talk is its text."""
        file = next((entry for entry in entries if entry.key.value == "template"), None)
        if self.word != "talk" or file is None:
            return entries
        if any(entry.key.value == "text" for entry in entries):
            reader.report("E403", file.key.place, "a talk has both `text` and `template`", "keep one of the two")
            return tuple(entry for entry in entries if entry is not file)
        text = Entry(file.key._replace(value="text"), Map((file,), file.key.place))
        return tuple(text if entry is file else entry for entry in entries)

    def _beside_main(self, main: Node, item: Item, reader: Reader) -> tuple[Entry, ...] | None:
        doubled = next((entry.key for entry in item.beside if entry.key.value == self.main), None)
        if doubled is not None:
            message = f"`{self.main}` stands beside the main value of `{self.word}`, which is the same field"
            reader.report("E403", doubled.place, message, "keep one of the two")
            return None
        return (Entry(Text(self.main, item.place), main), *item.beside)

    def _flag(self, main: Node, item: Item, reader: Reader) -> tuple[Entry, ...] | None:
        """`record: true` stands for `record: {}`."""
        if isinstance(main, Text) and main.value == "true":
            return item.beside
        reader.report("E404", main.place, f"`{self.word}` has no main value", self._cure())
        return None

    @property
    def _fields(self) -> frozenset[str]:
        """What may stand in a map of fields, beside a talk's template."""
        return frozenset({"template", *action_shape(self.word).fields})

    def _is_map_of_fields(self, main: Map, reader: Reader) -> bool:
        if self.word == "notify":
            return bool(main.entries) and set(main.keys()) <= set(action_shape("notify").fields)
        if self._differs_by_locale and stands_for_locales(main, reader, self._fields):
            return False
        return not (self.word == "talk" and main.keys() == ("template",))

    def _may_be_main(self, main: Node) -> bool:
        field = action_shape(self.word).fields[self.main]
        inner = field.inner if isinstance(field, LocalField) else field
        if isinstance(inner, JsonField):
            return isinstance(main, Map | Seq)
        is_list = isinstance(inner, ListField) and isinstance(main, Seq)
        return is_list or isinstance(main, Text) or (isinstance(main, Map) and isinstance(field, LocalField))

    def _cure(self) -> str:
        fields = action_shape(self.word).fields
        if self.main:
            return f"write `{self.word}: {_sample(fields[self.main])}`"
        name, field = next(iter(fields.items()))
        return f"write `{self.word}: {{{name}: {_sample(field)}}}`"

    @property
    def _differs_by_locale(self) -> bool:
        return isinstance(action_shape(self.word).fields.get(self.main), LocalField)


def _sample(field: Field) -> str:
    """A value of a field as an author writes it."""
    if isinstance(field, LocalField):
        return _sample(field.inner)
    if isinstance(field, ListField):
        return _sample(field.item)
    if isinstance(field, ScalarField):
        return str(field.type.words[0] if field.type.words else field.type.sample)
    return '"Hello."' if isinstance(field, SpeechField) else "{key: value}"


def _shown(node: Node) -> str:
    return "a map" if isinstance(node, Map) else "a list" if isinstance(node, Seq) else "a text"


def _callback(word: str, fields: Mapping[str, Value]) -> Callback | None:
    record = fields.get("record")
    return observer(
        word,
        has_url="eventUrl" in fields,
        records=record is not None and (not record.is_literal or record.render({}) is True),
        is_asynchronous=literal(fields, "mode") == "asynchronous",
    )


PLAIN_KINDS = tuple(ActionKind(word) for word in SHAPES if word != "connect")
