"""The actions that are read alike: the NCCO's own, except `connect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.flow.language.locales import mixes_locales, stands_for_locales
from app.flow.model import Callback, Part, Value
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.parts.action import Action, literal, observer
from app.flow.parts.inheritance import gather, rename
from app.flow.parts.spelling import Item
from app.flow.parts.voice import check_translated, voice_of
from app.flow.parts.wire import action_shape
from app.flow.reader import Reader


@dataclass(frozen=True, slots=True)
class Kind:
    """An NCCO action.

    Attributes:
        word: its name.
        main: the field whose value may stand under the name; "" when only a map of fields may.
        example: how it is written, for cures.
    """

    word: str
    main: str
    example: str

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
        if isinstance(main, Map) and self.word in _LOCAL and mixes_locales(main, reader, self._fields):
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
        if self.word in _LOCAL and stands_for_locales(main, reader, self._fields):
            return False
        return not (self.word == "talk" and main.keys() == ("template",))

    def _may_be_main(self, main: Node) -> bool:
        return isinstance(main, _MAIN_SHAPES.get(self.word, Text))

    def _cure(self) -> str:
        return f"write `{self.example}`"


_LOCAL = frozenset({"talk", "stream"})
"""The actions whose main value may differ from locale to locale."""

_MAIN_SHAPES = {"talk": Text | Map, "stream": Text | Seq | Map, "notify": Map | Seq}
"""What the main value may be, where it is not a text."""


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


INPUT = Kind("input", "", "input: {dtmf: {timeOut: 5}}")
PLAIN_KINDS = (
    Kind("talk", "text", 'talk: "Hello."'),
    Kind("stream", "streamUrl", "stream: https://example.com/music.mp3"),
    Kind("record", "", "record: {endOnSilence: 4}"),
    Kind("conversation", "name", "conversation: my-room"),
    INPUT,
    Kind("notify", "payload", "notify: {stage: greeted}"),
    Kind("wait", "timeout", "wait: 1.5"),
    Kind("transfer", "conversationId", 'transfer: "{{ room }}"'),
)
