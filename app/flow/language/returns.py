"""What a lookup returns: the types under `returns`, the `default`, and how an answer is checked.

returns: {name: text, tier: [gold, standard], address: {city: text}, agents: [{name: text, number: phone}]}
returns: {card: {number: {type: text, sensitive: true}}}      # at any depth; kept for one turn
returns: {greeting: {type: url, hosts: [cdn.example.com]}}    # an answer with another host is not accepted
default: {tier: standard}      # what is left out is empty: "", 0, false, an empty list

An answer comes from another server. A fault in it is reported by its field and the type needed, never by its
value, which may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from app.flow.language.outgoing import MAX_DEPTH, plain_json, plain_text, read_json
from app.flow.language.reader import Fields, Reader, has_braces
from app.flow.language.variables import DECLARABLE, read_type
from app.flow.nodes import Map, Node, Seq, Text
from app.flow.paths import Path, by_step
from app.flow.scope import Record
from app.flow.templates.filters import MAX_TEXT
from app.flow.types import ANY, MAX_ITEMS, TYPES, ValueType, list_of, record, url_of, words
from app.ncco.suggest import nearest

OK = "ok"
"""The field of every lookup that says whether its answer is real."""


class Misfit(Exception):
    """An answer that is not what was declared.

    Attributes:
        path: the way to what does not fit: `.city`, `[3]`; "" for the whole.
        problem: `is missing`, `is not a number`, ...
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def below(self, step: str) -> Misfit:
        """The same misfit with its path from one level higher."""
        return Misfit(self.problem, step + self.path)

    def __str__(self) -> str:
        where = self.path.removeprefix(".")
        return f"`{where}` {self.problem}" if where else f"the answer {self.problem}"


class Returned(Protocol):
    """The declared type of a value of an answer."""

    @property
    def type(self) -> ValueType:
        """As expressions see it."""

    @property
    def empty(self) -> Any:
        """What it is as long as nothing is known; None when there is no such value."""

    def read(self, value: object) -> Any:
        """The value of an answer, cast. Raises Misfit."""


_EMPTY: Mapping[str, Any] = {"int": 0, "number": 0, "bool": False, "list": [], "map": {}}


@dataclass(frozen=True, slots=True)
class ReturnedValue:
    """One value of one of the types of the flow language."""

    type: ValueType
    may_be_empty: bool = False
    """Whether an answer may hold "" for a phone number or a URL: it is declared as `phone?` or `url?`."""

    @property
    def empty(self) -> Any:
        """`""`, 0, false, an empty list or map; None where only some words are allowed."""
        return None if self.type.words else _EMPTY.get(self.type.name, "")

    def read(self, value: object) -> Any:
        """See `Returned`. A number is text too, and a text of digits is a number; true and false are no text."""
        if isinstance(value, bool) and self.type.kind == "text":
            raise self._misfit()
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise Misfit(f"has more than {MAX_TEXT:,} characters")
        if isinstance(value, list | Mapping) and len(value) > MAX_ITEMS:
            raise Misfit(f"has more than {MAX_ITEMS} entries")
        try:
            return self._cast(value)
        except (ValueError, OverflowError):
            raise self._misfit() from None

    def _cast(self, value: object) -> Any:
        if value == "" and self.may_be_empty:
            return value
        found = self.type.cast(value)
        if isinstance(found, list | dict):
            return _kept(found)
        return plain_text(found) if isinstance(found, str) else found

    def _misfit(self) -> Misfit:
        return Misfit(f"is not {self.type.described}")


def _kept(value: object) -> Any:
    try:
        return plain_json(value)
    except ValueError:
        problem = f"holds something that cannot be stored: more than {MAX_TEXT:,} characters or {MAX_DEPTH} levels"
        raise Misfit(problem) from None


@dataclass(frozen=True, slots=True)
class ReturnedList:
    """A list whose entries are all of one type."""

    item: Returned

    @property
    def type(self) -> ValueType:
        """A list of the type of its entries."""
        return list_of(self.item.type)

    @property
    def empty(self) -> Any:
        """The empty list."""
        return []

    def read(self, value: object) -> Any:
        """See `Returned`."""
        items: list[Any] = ReturnedValue(TYPES["list"]).read(value)
        return [self._read_item(index, item) for index, item in enumerate(items)]

    def _read_item(self, index: int, item: object) -> Any:
        try:
            return self.item.read(item)
        except Misfit as misfit:
            raise misfit.below(f"[{index}]") from None


@dataclass(frozen=True, slots=True)
class ReturnedMap:
    """A map of declared fields; other fields of an answer are left out.

    `is_sure` is false when one of them could not be read: there may be any. `secrets` are the ways to what is sensitive
    in an answer, none of which leads into another.
    """

    fields: Mapping[str, Returned] = field(default_factory=dict)
    is_sure: bool = True
    secrets: frozenset[Path] = frozenset()

    @property
    def shape(self) -> Record:
        """A record of the fields."""
        return Record({name: inner.type for name, inner in self.fields.items()}, None if self.is_sure else ANY)

    @property
    def type(self) -> ValueType:
        """A map of the fields."""
        known = {name: inner.type for name, inner in self.fields.items()}
        return record(known) if self.is_sure else TYPES["map"]

    @property
    def empty(self) -> Any:
        """The empty values of its fields."""
        return {name: inner.empty for name, inner in self.fields.items()}

    def read(self, value: object) -> dict[str, Any]:
        """See `Returned`. Every field must be there."""
        if not isinstance(value, Mapping):
            raise Misfit("is not a map")
        return {name: _read_field(name, inner, value) for name, inner in self.fields.items()}


def _read_field(name: str, inner: Returned, answer: Mapping[Any, Any]) -> Any:
    if answer.get(name) is None:
        raise Misfit("is null" if name in answer else "is missing", f".{name}")
    try:
        return inner.read(answer[name])
    except Misfit as misfit:
        raise misfit.below(f".{name}") from None


_OPEN: Final = frozenset({"words", "bool"})
"""Types whose values are written in the flow."""

_FREE: Final = frozenset({"list", "map"})


class SensitiveValues(Protocol):
    """What is sensitive in this turn (`app.engine.secrets`)."""

    def are_in(self, text: str) -> bool:
        """Whether a text holds something of it."""

    def are_part_of(self, value: object) -> bool:
        """Whether a number, a phone number or a URL does."""


class Redactor:
    """Replaces sensitive values by tokens.

    Args:
        echoes: the sensitive values of this turn.
        mask: the token of a text.
    """

    def __init__(self, echoes: SensitiveValues, mask: Callable[[str], str]) -> None:
        self._echoes = echoes
        self._mask = mask

    def of(self, returned: Returned, value: Any, secrets: Collection[Path]) -> Any:
        """`value` as `returned` has read it, masked except at the paths `secrets`. Raises Misfit."""
        if () in secrets:
            return value
        inner = by_step(secrets)
        if isinstance(returned, ReturnedMap):
            return {
                name: self._below(f".{name}", each, value[name], inner.get(name, ()))
                for name, each in returned.fields.items()
            }
        if isinstance(returned, ReturnedList):
            entries = inner.get(None, ())
            return [self._below(f"[{at}]", returned.item, each, entries) for at, each in enumerate(value)]
        return self._single(returned.type, value)

    def _below(self, step: str, returned: Returned, value: Any, secrets: Collection[Path]) -> Any:
        try:
            return self.of(returned, value, secrets)
        except Misfit as misfit:
            raise misfit.below(step) from None

    def _single(self, type_: ValueType, value: Any) -> Any:
        if type_.name in _OPEN:
            return value
        if type_.name == "text" or type_.name in _FREE:
            return self._json(value)
        if self._echoes.are_part_of(value):
            raise Misfit("holds something sensitive, and is not declared `sensitive`")
        return value

    def _json(self, value: Any) -> Any:
        """Any value that JSON has."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self._json(each) for each in value]
        if isinstance(value, dict):
            return {self._text(name): self._json(each) for name, each in value.items()}
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self._mask(str(value)) if is_number and self._echoes.are_part_of(value) else value

    def _text(self, text: str) -> str:
        return self._mask(text) if self._echoes.are_in(text) else text


MAX_NESTED: Final = 5
"""How deep declared maps may be nested; our choice."""

OPTIONAL: Final = {"phone?": "phone", "url?": "url"}
"""Types of which an answer may hold "" for "there is none"."""

_HOST: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_CURE: Final = "write `returns: {name: text, tier: [gold, standard]}`, each field of the answer with its type"
_SENSITIVE: Final = "sensitive"
_HOSTS: Final = "hosts"
_DESCRIPTION: Final = frozenset({"type", _SENSITIVE})
_OF_VARIABLES: Final = _DESCRIPTION | {"default", "required", "optional", "description"}
_FLAGS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "True", "False", "TRUE", "FALSE", "Yes", "No"})


def read_returns(fields: Fields, reader: Reader) -> ReturnedMap:
    """The map under `returns`; E531 without one, E532 for what is no type."""
    node, what = fields.get("returns"), f"`returns` of {fields.what}"
    if node is None and fields.is_whole:
        reader.report("E531", fields.place, f"{fields.what} does not say what it returns", _CURE)
    found = reader.map(node, what, _CURE) if node is not None else None
    flags = [key for key, value in found.entries if key.value == _SENSITIVE and _is_flag(value)] if found else []
    for flag in flags:
        reader.report("E532", flag.place, f"`sensitive` is among the fields of {what}", _EACH)
    if found is None or flags:
        return ReturnedMap(is_sure=False)
    secrets: set[Path] = set()
    read = _read_fields(found, (), secrets, reader)
    return replace(read, secrets=outermost(secrets))


_EACH: Final = "write it at each such field: `pin: {type: text, sensitive: true}`"


def _read_fields(node: Map, way: Path, secrets: set[Path], reader: Reader) -> ReturnedMap:
    """A map of fields; `way` leads to it, and the ways to what is sensitive are added to `secrets`."""
    known: dict[str, Returned] = {}
    for key, value in node.entries:
        name = key.value
        if not way and name == OK:
            message = "every lookup already has a field `ok`, which says whether the answer is real"
            reader.report("E532", key.place, message, "give the field of the answer another name")
        elif not name or has_braces(key):
            reader.report("E532", key.place, f'a field cannot be named "{name}"', "write its name in the answer")
        elif returned := _read_returned(value, f'the field "{name}"', (*way, name), secrets, reader):
            known[name] = returned
    return ReturnedMap(known, is_sure=len(known) == len(node.entries))


def _read_returned(node: Node, what: str, way: Path, secrets: set[Path], reader: Reader) -> Returned | None:
    if isinstance(node, Map) and is_described(node):
        flag, hosts = node.get(_SENSITIVE), node.get(_HOSTS)
        if flag is not None and reader.flag(flag, f"`sensitive` of {what}"):
            secrets.add(way)
        node = described(node, "type")
        if hosts is not None:
            return _read_url(hosts, what, reader, may_be_empty=isinstance(node, Text) and node.value == "url?")
    if len(way) > MAX_NESTED + 1:
        message = f"{what} is more than {MAX_NESTED} levels deep"
        reader.report("E532", node.place, message, "write `map` without its fields")
        return None
    if isinstance(node, Map):
        is_wrong = _report_misdescribed(node, what, reader)
        return None if is_wrong else _read_fields(node, way, secrets, reader)
    if (item := _only_type(node)) is not None:
        inner = _read_returned(item, f"an entry of {what}", (*way, None), secrets, reader)
        return ReturnedList(inner) if inner is not None else None
    if isinstance(node, Text) and node.value in OPTIONAL:
        return ReturnedValue(TYPES[OPTIONAL[node.value]], may_be_empty=True)
    read = read_type(node, what, reader)
    return ReturnedValue(words(*read.words) if read.words else TYPES[read.name]) if read else None


def _read_url(node: Node, what: str, reader: Reader, *, may_be_empty: bool) -> Returned:
    """A URL that has one of the listed hosts; E532, and any URL, for what is no list of hosts."""
    items = node.items if isinstance(node, Seq) else ()
    hosts = tuple(item.value.lower() for item in items if isinstance(item, Text) and _HOST.fullmatch(item.value))
    if hosts and len(hosts) == len(items):
        return ReturnedValue(url_of(*hosts), may_be_empty)
    wrong = next((item for item in items if not (isinstance(item, Text) and _HOST.fullmatch(item.value))), node)
    message = f"`hosts` of {what} is a list of host names, without scheme, port and path"
    reader.report("E532", wrong.place, message, "write `{type: url, hosts: [cdn.example.com]}`")
    return ReturnedValue(TYPES["url"])


def _only_type(node: Node) -> Node | None:
    """The type of the entries of a list: its one item, when that is a type and no allowed word."""
    item = node.items[0] if isinstance(node, Seq) and len(node.items) == 1 else None
    is_type = isinstance(item, Map | Seq) or (isinstance(item, Text) and item.value in (*DECLARABLE, *OPTIONAL))
    return item if is_type else None


def is_described(node: Node) -> bool:
    """Whether it says the type of a field, and whether that is sensitive or which hosts a URL may have.

    `{type: text, sensitive: bool}` is none: an answer with two fields that are called so. Nor is
    `{type: url, hosts: [text]}`.
    """
    if not isinstance(node, Map) or not {"type"} < set(node.keys()) <= {*_DESCRIPTION, _HOSTS}:
        return False
    flag, hosts, type_ = node.get(_SENSITIVE), node.get(_HOSTS), node.get("type")
    if hosts is not None and not (isinstance(type_, Text) and type_.value in ("url", "url?")):
        return False
    first = hosts.items[0] if isinstance(hosts, Seq) and len(hosts.items) == 1 else hosts
    return not any(isinstance(each, Text) and each.value in DECLARABLE for each in (flag, first))


def described(node: Node, word: str) -> Node:
    """What a description has under a word."""
    found = node.get(word) if isinstance(node, Map) else None
    return node if found is None else found


def _is_flag(node: Node) -> bool:
    return isinstance(node, Text) and node.value in _FLAGS


def outermost(ways: Iterable[Path]) -> frozenset[Path]:
    """The ways without those that lead into another. A list of sensitive entries is sensitive as a whole."""
    whole = {_up_to_list(way) for way in ways}
    return frozenset(way for way in whole if not any(way[:end] in whole for end in range(1, len(way))))


def _up_to_list(way: Path) -> Path:
    return _up_to_list(way[:-1]) if way[-1] is None else way


def _report_misdescribed(node: Map, what: str, reader: Reader) -> bool:
    """Whether a map is none of fields but describes one wrongly; E532 then."""
    keys = {entry.key.value: entry for entry in node.entries}
    missing = _DESCRIPTION.difference(keys)
    flagged = [entry.key for entry in node.entries if _is_flag(entry.value)]
    misspelt = next((each.key for each in node.entries if nearest(each.key.value, missing)), None)
    is_typed = isinstance(node.get("type"), Text | Seq)
    place, message = node.place, f"{what} is described like a variable"
    cure = "write the type alone; the value without an answer goes under `default` of the lookup"
    if flagged and misspelt and len(keys) == 2 and (misspelt in flagged) == (_SENSITIVE in missing):
        reader.unknown("E532", misspelt, missing, f'{what} is described by an unknown "{misspelt.value}"')
        return True
    is_flag = _SENSITIVE in keys and _is_flag(keys[_SENSITIVE].value)
    is_variable = is_typed and _OF_VARIABLES.issuperset(keys) and (_SENSITIVE not in keys or is_flag)
    if is_flag and not is_variable:
        place, message, cure = keys[_SENSITIVE].key.place, f"`sensitive` is among the fields of {what}", _EACH
    elif not keys:
        message, cure = f"{what} is a map without fields", "write `map`, or name its fields"
    elif {*keys} == {"enum"} and isinstance(node.get("enum"), Seq):
        message, cure = f"{what} is described by `enum`", "write the list of words alone"
    elif not is_variable:
        return False
    reader.report("E532", place, message, cure)
    return True


def read_default(fields: Fields, returns: ReturnedMap, reader: Reader) -> dict[str, Any]:
    """What holds without an answer: `default`, filled up with empty values; E533 for what does not fit."""
    node, within = fields.get("default"), f"the default of {fields.what}"
    if node is None:
        return _filled(Map((), fields.place), returns, within, reader)
    cure = f"write `default: {{{', '.join(f'{name}: ..' for name in returns.fields)}}}`"
    found = reader.map(node, f"`default` of {fields.what}", cure)
    if found is None:
        return dict(returns.empty)
    return _filled(found._replace(place=fields.at("default")), returns, within, reader)


def _filled(node: Map, returns: ReturnedMap, within: str, reader: Reader) -> dict[str, Any]:
    """What is written of a map, and empty values for the rest; E533 for each field that the lookup does not return."""
    written: dict[str, Node] = {}
    for key, value in node.entries:
        if key.value not in returns.fields and returns.is_sure:
            cure = "delete it: without an answer `ok` is always false" if key.value == OK else None
            reader.unknown("E533", key, returns.fields, f'{within}: the lookup returns no "{key.value}"', cure)
        written[nearest(key.value, returns.fields) or key.value] = value
    written |= {key.value: value for key, value in node.entries}
    found: dict[str, Any] = {}
    for name, inner in returns.fields.items():
        if name in written:
            found[name] = _read_value(written[name], inner, f"`{name}` in {within}", reader)
        elif isinstance(inner, ReturnedMap):
            found[name] = _filled(Map((), node.place), inner, within, reader)
        else:
            found[name] = inner.empty
            if inner.empty is None:
                cure = f"add `{name}: {inner.type.words[-1]}` to `default`, or another of {', '.join(inner.type.words)}"
                reader.report("E533", node.place, f'{within} does not say what "{name}" is', cure)
    return found


def _read_value(node: Node, inner: Returned, within: str, reader: Reader) -> Any:
    if isinstance(inner, ReturnedMap) and isinstance(node, Map):
        return _filled(node, inner, within, reader)
    value = read_json(node, within, reader)
    if value is None or not value.is_literal:
        reader.report("E533", node.place, f"{within} is computed", "write the value itself, without braces")
        return inner.empty
    if isinstance(node, Text) and not node.value and inner.empty == "":
        return ""  # without an answer a phone number or a URL is empty, as every text is
    try:
        return inner.read(node.value if isinstance(node, Text) else value.render({}))
    except Misfit as misfit:
        shown = f": {misfit}" if misfit.path else f" {misfit.problem}"
        message = f'{within} cannot be "{node.value}"' if isinstance(node, Text) else f"{within}{shown}"
        cure = f"write {inner.type.described}" if not misfit.path else "write it as the answer has it"
        reader.report("E533", node.place, message, cure)
        return inner.empty
