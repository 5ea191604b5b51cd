"""A map of a flow file, read by its known words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from app.flow.nodes import Entry, Map, Node, Place, Text
from app.flow.reader import Reader
from app.ncco.suggest import nearest


@dataclass(frozen=True, slots=True)
class Fields:
    """The known words of one map.

    Attributes:
        what: how messages call the map, e.g. `step "menu"`.
        place: where to report what is missing.
        keys: word → the key as written.
        values: word → its value.
        is_whole: no entry was dropped as unknown; what is missing is then really missing.
    """

    what: str
    place: Place
    keys: Mapping[str, Text]
    values: Mapping[str, Node]
    is_whole: bool = True

    def get(self, word: str) -> Node | None:
        """The value of `word`, or None."""
        return self.values.get(word)

    def at(self, word: str) -> Place:
        """Where the key `word` is; the map's own place when it is missing."""
        key = self.keys.get(word)
        return key.place if key else self.place

    def without(self, *words: str) -> Fields:
        """The same without some words."""
        return replace(self, values={word: node for word, node in self.values.items() if word not in words})

    def need(self, word: str, cure: str, reader: Reader) -> Node | None:
        """The value of `word`; E204 when it is missing, unless a dropped entry may have been meant for it."""
        node = self.values.get(word)
        if node is None and self.is_whole:
            reader.report("E204", self.place, f"{self.what} has no `{word}`", cure)
        return node


def read_fields(
    node: Map,
    known: Iterable[str],
    what: str,
    reader: Reader,
    *,
    place: Place | None = None,
    hints: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    code: str = "E202",
) -> Fields:
    """The entries of `node` by known word.

    Each other key is reported once, as `code`, and then taken for the word that is meant.

    Args:
        node: the map.
        known: the words that it may have.
        what: how messages call it.
        reader: where faults go.
        place: where to report what is missing; the map's own place without it.
        hints: another word (in small letters) → what to write instead.
        aliases: another word (in small letters) → the word that it is taken for.
        code: of the issue.
    """
    known = tuple(known)
    hints, aliases = hints or {}, aliases or {}
    entries = {entry.key.value: entry for entry in node.entries if entry.key.value in known}
    strays = [entry for entry in node.entries if entry.key.value not in known]
    fallen = fallen_out(node.entries, lambda entry: entry.key.value not in known)
    is_whole = not any(stray.key.value in fallen for stray in strays)
    for stray in strays:
        if stray.key.value in fallen:
            continue
        word = stray.key.value
        hint, alias = hints.get(word.lower()), aliases.get(word.lower())
        message = f'{what} has no "{word}"'
        if hint is None and alias is None:
            reader.unknown(code, stray.key, known, message)
        else:
            reader.report(code, stray.key.place, message, hint or f"write `{alias}`")
        meant = None if hint is not None else alias or nearest(word, known)
        if meant in known:
            entries.setdefault(meant, stray)
        else:
            is_whole = False
    keys = {word: entry.key for word, entry in entries.items()}
    values = {word: entry.value for word, entry in entries.items()}
    return Fields(what, place or node.place, keys, values, is_whole)


def fallen_out(entries: Iterable[Entry], may_fall: Callable[[Entry], bool]) -> frozenset[str]:
    """The keys that follow one without a value, and were to be indented below it.

    That it has no value is reported when the text is read; `may_fall` says what cannot be where it is.
    """
    fallen: list[str] = []
    is_behind = False
    for entry in entries:
        if is_behind and may_fall(entry):
            fallen.append(entry.key.value)
        else:
            is_behind = is_missing(entry.value)
    return frozenset(fallen)


def is_missing(node: Node) -> bool:
    """Whether no value is written there, which is reported when the file is read."""
    return isinstance(node, Text) and not node.value and not node.quoted
