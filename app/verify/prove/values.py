"""Values that stand for all others of their type, by the literals that they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.flow.language.returns import Returned, ReturnedList, ReturnedMap, ReturnedValue
from app.flow.types import TYPES, ValueType
from app.verify.prove.combining import combined
from app.verify.prove.literals import Literals, entries
from app.verify.prove.reading import ENTRY, LENGTH, Path
from app.verify.prove.tested import Tested, beside, different

MOST: Final = 256
"""Answers of one look-up that are tried in every combination; see `combined` for more."""
SAMPLES: Final[Mapping[str, Any]] = {
    "text": "something",
    "int": 7,
    "number": 7.5,
    "phone": "447700900999",
    "url": "https://example.com/sample.mp3",
    "map": {},
    "any": "something",
}
_FORMED: Final[Mapping[str, str]] = {
    "datetime": "2026-03-05T09:30",
    "number": "7",
    "phone": "447700900999",
    "url": "https://example.com/sample.mp3",
}
"""What a text is that has to look so; what looks otherwise is tried, too, but for times, which no flow can ask for."""
_USUAL: Final[Mapping[str, tuple[Any, ...]]] = {
    "text": ("something", "anything else", "quite another word", "xyz", "88888888"),
    "phone": ("447700900999", "447700900998", "33199000123", "15550100123", "8618812345678"),
    "url": ("https://example.com/sample.mp3", "https://example.org/other.mp3"),
}
LONG: Final = "a text of a hundred characters, as long as a name, a title, an address or a short note may well grow"
"""What a text that nothing looks at may be, where a prompt has room for little."""
KEPT: Final = "kept to itself"
"""What a sensitive text is that nothing looks at. An open one that were the same would be hushed as an echo of it."""
_SHORTEST: Final = {"phone": 11}
LONGEST: Final = 40
"""Characters of a text that is made to have some part or length."""
MOST_APART: Final = 3
"""Numbers by which two values may lie apart that are held against each other."""
LONGEST_LIST: Final = 2
_TURNED: Final = 8
_FAR: Final = (7, -1, 0, 1_000_000)
"""Numbers beyond the range of every option of an action, and one within that of most."""
_OF_TWO_LINES: Final = "one line\nand another"
NO_TIME: Final = "some day soon"
AT_LENGTH: Final = 60
"""Entries of a list that nobody has thought of: no prompt has room for them, if it reads them out."""
MOST_ENTRIES: Final = 25
"""Entries of the longest list that a literal may ask for."""


@dataclass(slots=True)
class Representatives:
    """Makes values, and remembers where they only stand for others.

    Attributes:
        env: the variables of the server that the flows read.
        chosen: what stands for all values of an input, by its name.
        is_long: whether texts that nothing looks at are LONG.
        is_garbled: whether look-ups also give what no flow can ask about: NO_TIME, lists of AT_LENGTH entries.
        may_be_garbled: whether there is anything that may be so.
    """

    literals: Literals
    env: Mapping[str, str] = field(default_factory=dict)
    chosen: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    is_long: bool = False
    is_garbled: bool = False
    may_be_garbled: bool = False

    def of_type(self, type_: ValueType, tested: Tested, name: str) -> list[Any]:
        """Values of a type; `name` is what they are values of."""
        if type_.words:
            return list(type_.words)
        if type_.name == "bool":
            return [False, True]
        found = _numbers(type_.name, tested) if type_.kind == "number" else _texts(type_, tested)
        if self.is_long and type_.name == "text":
            found = different(LONG if each in _USUAL["text"] else each for each in found)
        if type_.name == "text" and tested.form == "datetime":
            self.may_be_garbled = True
            found += [NO_TIME] if self.is_garbled else []
        self.chosen[name] = tuple(found)
        return found

    def answers(self, flow: str, name: str, returns: ReturnedMap) -> list[dict[str, Any]]:
        """Answers of a look-up that stand for all that it may give."""
        found = self._records(flow, (name,), returns)
        for way in returns.secrets:
            fields = [each for each in way if each is not None]
            tested = self.literals.of(flow, (name, *fields))
            if len(fields) == len(way) and not tested.is_related and tested.has_none(KEPT):
                found = [_with_secret(answer, fields) for answer in found]
                self._rename_chosen(".".join((name, *fields)))
        return found

    def _rename_chosen(self, name: str) -> None:
        if name in self.chosen:
            self.chosen[name] = tuple(_secret(value) for value in self.chosen[name])

    def _values(self, flow: str, path: Path, returned: Returned) -> list[Any]:
        match returned:
            case ReturnedMap():
                return self._records(flow, path, returned)
            case ReturnedList(item=item):
                return self._lists(flow, path, item)
            case ReturnedValue(type=type_) if type_.name == "list":
                return self._of_lengths(flow, path, ["something", "something else"])
            case ReturnedValue(type=type_) if type_.name == "map":
                return self._maps(flow, path)
            case ReturnedValue(type=type_):
                return self.of_type(type_, self.literals.of(flow, path), ".".join(path))
        return [returned.empty]

    def _lists(self, flow: str, path: Path, item: Returned) -> list[Any]:
        """Of no, one and two entries, and of as many as are asked for."""
        return self._of_lengths(flow, path, self._values(flow, entries(path), item))

    def _of_lengths(self, flow: str, path: Path, items: list[Any]) -> list[Any]:
        lengths = [0, 1, 2]
        for number in self.literals.of(flow, (*path, LENGTH)).numbers:
            lengths += [int(number) - 1, int(number), int(number) + 1]
        found = sorted({each for each in lengths if 0 <= each <= MOST_ENTRIES})
        self.chosen[".".join(path)] = (f"lists of {', '.join(map(str, found))} entries",)
        self.may_be_garbled = True
        found += [AT_LENGTH] if self.is_garbled else []
        return [each for length in found for each in _of_length(items, length)]

    def _maps(self, flow: str, path: Path) -> list[Any]:
        """None of the fields that are read, and all of them."""
        fields = {each[len(path)] for each in self.literals.paths_of(flow, path[0]) if _is_field(each, path)}
        fields |= set(self.literals.keys_of(flow, path))
        choices = {name: list(self._untyped(flow, (*path, name))) for name in sorted(fields)}
        self.chosen[".".join(path)] = ("a map without entries, and maps with every entry that is read",)
        return [{}, *combined(choices, MOST)[0]] if choices else [{}]

    def _untyped(self, flow: str, path: Path) -> list[Any]:
        """What is held against a value of no known type."""
        tested = self.literals.of(flow, path)
        numbers = beside([each for each in tested.literals if not isinstance(each, str)], is_whole=False)
        return different([*tested.texts, *numbers, *([] if numbers else _others(TYPES["text"], tested))])

    def _records(self, flow: str, path: Path, returns: ReturnedMap) -> list[dict[str, Any]]:
        known = (each for each in self.literals.paths_of(flow, path[0]) if each[: len(path)] == path)
        read = {each[len(path)] for each in known if len(each) > len(path)}
        choices = {
            name: self._values(flow, (*path, name), inner) if name in read else [_plain(inner)]
            for name, inner in returns.fields.items()
        }
        found, how = combined(choices, MOST)
        if how:
            self.chosen[".".join(path)] = (how,)
        return found


def _with_secret(answer: Mapping[str, Any], way: Sequence[str]) -> dict[str, Any]:
    """The answer, in which what is sensitive is no text that may stand beside it in the open."""
    first, *further = way
    inner = answer[first]
    return {**answer, first: _with_secret(inner, further) if further else _secret(inner)}


def _secret(value: Any) -> Any:
    return KEPT if value in _USUAL["text"] else value


def _is_field(path: Path, of: Path) -> bool:
    return len(path) > len(of) and path[: len(of)] == of and path[len(of)] not in (ENTRY, LENGTH)


def _of_length(items: list[Any], length: int) -> list[Any]:
    """Lists of a length, with each entry in each place; of more than two entries, not with more than a few."""
    if length <= 1:
        return [[each] for each in items] if length else [[]]
    firsts = range(len(items)) if length <= LONGEST_LIST or len(items) <= _TURNED else range(1)
    return [[items[(first + at) % len(items)] for at in range(length)] for first in firsts]


def _plain(returned: Returned) -> Any:
    """One value of a type that nobody looks at."""
    match returned:
        case ReturnedMap(fields=fields):
            return {name: _plain(inner) for name, inner in fields.items()}
        case ReturnedList():
            return []
        case ReturnedValue(type=type_):
            if type_.words:
                return type_.words[0]
            return type_.sample if type_.hosts else SAMPLES.get(type_.name, returned.empty)
    return returned.empty


def _numbers(name: str, tested: Tested) -> list[Any]:
    """Each literal, and what lies right beside it; something else when there is none."""
    usual = SAMPLES[name]
    apart = tested.numbers[:MOST_APART] if tested.is_related else ()
    found = beside([*tested.numbers, *(a + b for a in apart for b in apart)], is_whole=name == "int")
    found += [usual - 1, usual, usual + 1] if tested.is_related and not found else []
    far = _FAR if tested.is_bounded else ()
    return list(dict.fromkeys([*([0] if tested.for_truth else []), *found, *far])) or [usual]


def _texts(type_: ValueType, tested: Tested) -> list[Any]:
    """Each literal and each text with the parts that are looked for; something else; and "", which may always come."""
    written = [
        *tested.texts,
        *(part.text for part in tested.parts),
        *tested.made(_SHORTEST.get(type_.name, 0), LONGEST),
    ]
    if tested.form == "number" or not tested.texts:
        written += [f"{number:g}" for number in beside(tested.numbers, is_whole=False)]
    literals = [each for each in (_cast(type_, literal) for literal in written) if each is not None]
    empty = [""] if type_.name in ("text", "phone", "url") else []
    formed = [_FORMED[tested.form]] if tested.form in _FORMED and type_.name == "text" else []
    others = [] if formed and tested.form == "datetime" else _others(type_, tested)
    far = [*([_OF_TWO_LINES] if tested.is_headed else []), *(map(str, _FAR) if tested.is_bounded else ())]
    return different([*literals, *formed, *others, *empty, *far])


def _others(type_: ValueType, tested: Tested) -> list[Any]:
    """Something that is none of what it is held against; two such things where it is held against another value."""
    usual = (type_.sample,) if type_.hosts else _USUAL.get(type_.name, (type_.sample,))
    fitting = [each for each in usual if tested.has_none(str(each))] or list(usual[:1])
    return fitting[: 2 if tested.is_related else 1]


def _cast(type_: ValueType, literal: object) -> Any:
    if literal == "" and type_.name in ("phone", "url"):
        return literal
    try:
        return type_.cast(literal)
    except ValueError:
        return None


def may_get_longer(text: str, most: int) -> bool:
    """Whether a text that was made with usual values would have more than `most` characters with LONG ones."""
    longer = sum((len(LONG) - len(usual)) * text.lower().count(usual) for usual in map(str, _USUAL["text"][:2]))
    return bool(longer) and len(text) + longer > most
