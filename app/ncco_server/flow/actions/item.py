"""How an item of `do` is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ncco_server.flow.grammar.fields import MapField, action_fields
from ncco_server.flow.grammar.reader import Reader, elsewhere
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text, texts_in
from ncco_server.ncco.actions import SHAPES
from ncco_server.suggest import nearest

ACTIONS = tuple(SHAPES)

ITEM_WORDS = (*ACTIONS, "ncco", "checkpoint")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of `do`.

    Attributes:
        main: the value under the action's name; None for an action written as in an NCCO (`action: talk`).
        beside: the fields next to that name; for an action written as in an NCCO, all its fields.
        inherited: fields from `defaults`, used unless overridden.
    """

    word: str
    place: Place
    main: Node | None
    beside: tuple[Entry, ...]
    inherited: tuple[Entry, ...] = ()

    @property
    def name(self) -> str:
        """Return "" unless it is a checkpoint."""
        return self.main.value if self.word == "checkpoint" and isinstance(self.main, Text) else ""

    @property
    def targets(self) -> int:
        target = self.field("endpoint") or self.main
        return len(target.items) if isinstance(target, Seq) else 1

    @property
    def has_websocket(self) -> bool:
        target = self.field("endpoint") or self.main or Map(self.beside, self.place)
        texts = (text.value for text in texts_in(target))
        return any(text.startswith(("ws:", "wss:")) or text == "websocket" for text in texts)

    @property
    def is_asynchronous(self) -> bool:
        mode = self.field("mode")
        return isinstance(mode, Text) and mode.value == "asynchronous"

    def field(self, name: str) -> Node | None:
        """None if the field is neither under the action's name nor next to it."""
        inner = self.main.get(name) if isinstance(self.main, Map) else None
        return inner or Map(self.beside, self.place).get(name)

    def inherit(self, defaults: Mapping[str, Map]) -> Item:
        found = defaults.get(self.word)
        return self if found is None else Item(self.word, self.place, self.main, self.beside, found.entries)


def refuse_fields(item: Item, what: str, reader: Reader) -> None:
    for entry in item.beside:
        message = f'{item.word} has no "{entry.key.value}"'
        reader.report("E202", entry.key.place, message, f"delete it: {item.word} takes only {what}")


def has_duplicate(item: Item, names: Collection[str], *, is_map: bool, reader: Reader) -> bool:
    """Report E403 if one of `names` is next to a value that already contains it.

    The value is that field itself or, with `is_map`, a map of fields.
    """
    beside = next((entry.key for entry in item.beside if entry.key.value in names), None)
    if beside is None:
        return False
    message = f"`{beside.value}` repeats the main value of `{item.word}`"
    cure = "keep one of the two"
    if is_map:
        message = f"`{beside.value}` is next to a map with the fields of `{item.word}`"
        cure = f"move `{beside.value}` into that map"
    reader.report("E403", beside.place, message, cure)
    return True


def parse_item(node: Node, reader: Reader) -> Item | None:
    if isinstance(node, Seq):
        reader.report("E402", node.place, "an item of `do` is a list, not an action")
        return None
    if isinstance(node, Text):
        reader.report("E402", node.place, f'an item of `do` is the text "{node.value[:40]}", not an action')
        return None
    pasted = node.get("action")
    return _parse_named(node, reader) if pasted is None else _parse_pasted(node, pasted, reader)


def _parse_pasted(node: Map, pasted: Node, reader: Reader) -> Item | None:
    word = reader.text(pasted, "action")
    if word is None:
        return None
    if word.value not in ACTIONS:
        _report_unknown(word, reader)
        return None
    doubled = node.entry(word.value)
    if doubled is not None and not _is_field(word.value, word.value):
        message = f"`action: {word.value}` and `{word.value}:` are in the same item"
        reader.report("E403", doubled.key.place, message, "keep one of the two spellings")
        return None
    return Item(word.value, word.place, None, node.without("action").entries)


def _parse_named(node: Map, reader: Reader) -> Item | None:
    named = _names(node)
    if not named:
        _report_nameless(node, reader)
        return None
    word = named[0].key.value
    place = named[0].key.place
    for entry in named[1:]:
        reader.report("E403", entry.key.place, f"`{word}` and `{entry.key.value}` are in the same item")
    rest = tuple(entry for entry in node.entries if entry not in named)
    return Item(word, place, named[0].value, rest)


def _names(node: Map) -> list[Entry]:
    """A `record` next to a `conversation` is one of its fields."""
    named = [entry for entry in node.entries if entry.key.value in ITEM_WORDS]
    if len(named) < 2:
        return named
    return [e for e in named if not any(_is_field(e.key.value, o.key.value) for o in named if o is not e)]


def _is_field(name: str, word: str) -> bool:
    return word in ACTIONS and name in action_fields(word).fields


def _report_nameless(node: Map, reader: Reader) -> None:
    keys = [entry.key for entry in node.entries]
    if not keys:
        reader.report("E402", node.place, "an item of `do` is empty")
        return
    first = next((key for key in keys if nearest(key.value, ITEM_WORDS)), keys[0])
    named = next((key for key in keys if key.value.lower() == "action"), None)
    if named is not None:
        reader.report("E402", named.place, f'"{named.value}" is not an action', "write `action` in lower case")
    else:
        _report_unknown(first, reader)


def _report_unknown(word: Text, reader: Reader) -> None:
    reader.unknown("E402", word, ITEM_WORDS, f'there is no action "{word.value}"', elsewhere(word.value))


def restore_items(do: Node, step_words: Collection[str], reader: Reader) -> Node:
    """Remove the step's keys that are wrongly indented into items of `do`, reporting E403 for each."""
    if not isinstance(do, Seq):
        return do
    restored = [_without(step_words, item, reader) for item in do.items]
    return Seq(tuple(item for item in restored if item is not None), do.place)


def _without(step_words: Collection[str], item: Node, reader: Reader) -> Node | None:
    strays = [entry.key for entry in item.entries if entry.key.value in step_words] if isinstance(item, Map) else []
    if not isinstance(item, Map) or not strays:
        return item
    pasted = item.get("action")
    names = [entry.key.value for entry in _names(item)] + ([pasted.value] if isinstance(pasted, Text) else ["do"])
    for key in strays:
        message = f"`{key.value}` belongs to the step, not inside `{names[0]}`"
        reader.report(
            "E403", key.place, message, f"move `{key.value}` to the left, under `do`; delete a `do` without items"
        )
    return item.without(*(key.value for key in strays)) if len(strays) < len(item.entries) else None


_SECOND_SPELLINGS = {key: name for shape in SHAPES.values() for key, name in shape.spellings.items()}
"""Alternative spellings of NCCO options, with the spellings that are sent."""

_RIVALS = (("from", "randomFromNumber"), ("mute", "canSpeak"), ("machineDetection", "advancedMachineDetection"))


def gather(own: tuple[Entry, ...], inherited: tuple[Entry, ...], place: Place) -> Map:
    """Own fields win, and remove inherited ones that they exclude; maps are merged."""
    if not inherited:
        return Map(own, place)
    names = {entry.key.value for entry in own}
    unwanted = names | {rival for pair in _RIVALS for rival in pair if names & set(pair)}
    theirs = {entry.key.value: entry.value for entry in inherited}
    mine = (_merge(entry, theirs.get(entry.key.value)) for entry in own)
    return Map((*mine, *(entry for entry in inherited if entry.key.value not in unwanted)), place)


def _merge(entry: Entry, inherited: Node | None) -> Entry:
    if not isinstance(entry.value, Map) or not isinstance(inherited, Map):
        return entry
    return Entry(entry.key, gather(entry.value.entries, inherited.entries, entry.value.place))


def rename(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return tuple(
        Entry(key._replace(value=_SECOND_SPELLINGS.get(key.value, key.value)), value) for key, value in entries
    )


def check_defaults(actions: Mapping[str, Map], reader: Reader) -> None:
    """Report errors in the default fields of each action, whether or not a step plays it."""
    for word, node in actions.items():
        fields = action_fields(word)
        if word == "connect":
            fields = MapField({name: shape for name, shape in fields.fields.items() if name != "endpoint"})
        fields.read_fields(Map(rename(node.entries), node.place), reader, word)
