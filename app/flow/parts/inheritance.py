"""What an item of `do` inherits from the `defaults` of its flow."""

from __future__ import annotations

from collections.abc import Mapping

from app.flow.nodes import Entry, Map, Node, Place
from app.flow.parts.shapes import Record
from app.flow.parts.wire import action_shape
from app.flow.reader import Reader

_ALIASES = {"conversation_id": "conversationId"}
"""Second spellings of the NCCO reference itself, and the one that is sent."""

_RIVALS = (("from", "randomFromNumber"), ("mute", "canSpeak"), ("machineDetection", "advancedMachineDetection"))
"""Fields that exclude each other."""


def gather(own: tuple[Entry, ...], inherited: tuple[Entry, ...], place: Place) -> Map:
    """One map of own and inherited fields; own ones win, maps are merged, an own field drops its inherited rival."""
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
    """The entries under the names that are sent."""
    return tuple(_renamed(entry) if entry.key.value in _ALIASES else entry for entry in entries)


def _renamed(entry: Entry) -> Entry:
    return Entry(entry.key._replace(value=_ALIASES[entry.key.value]), entry.value)


def check_defaults(actions: Mapping[str, Map], reader: Reader) -> None:
    """Report what is wrong with the default fields of each action, whether or not a step plays one."""
    for word, node in actions.items():
        fields = action_shape(word)
        if word == "connect":
            fields = Record({name: shape for name, shape in fields.fields.items() if name != "endpoint"})
        fields.read_fields(Map(rename(node.entries), node.place), reader, word)


def drop_repeats(reader: Reader, before: int) -> None:
    """Keep only the first of equal issues among those since `before`: a faulty default is one fault, however used."""
    known = set(reader.issues[:before])
    reader.issues[before:] = [issue for issue in dict.fromkeys(reader.issues[before:]) if issue not in known]
