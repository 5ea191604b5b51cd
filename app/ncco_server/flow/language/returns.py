"""The result of a lookup: the types under `returns`, the `default`, and how an answer is checked.

returns: {name: text, tier: [gold, standard], agents: [{name: text, number: phone}]}
returns: {card: {number: {type: text, sensitive: true}}}      # at any depth; kept for one turn

An error in an answer names the field and the expected type, but never the value, which may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from ncco_server.flow.grammar.reader import Fields, Reader, Resolver, has_braces
from ncco_server.flow.grammar.variables import read_type
from ncco_server.flow.language.outgoing import JSON, plain_json
from ncco_server.flow.nodes import Map, Node, Seq, Text
from ncco_server.flow.scope import Path, by_first_key
from ncco_server.flow.templates.filters import MAX_TEXT
from ncco_server.ncco.value_types import ANY, MAX_ITEMS, TYPES, BeyondLimit, Kind, Url, list_of, record
from ncco_server.suggest import nearest

OK = "ok"
"""The field of every lookup that shows whether its answer is real."""


class Misfit(Exception):
    """An answer that does not match its declaration.

    `path` leads to the wrong part: `.city`, `[3]`, or "" for all of it. `problem` is e.g. `is missing`, `needed` what
    is needed instead.
    """

    def __init__(self, path: str, problem: str, needed: str = "") -> None:
        super().__init__(problem)
        self.path = path
        self.problem = problem
        self.needed = needed

    def __str__(self) -> str:
        where = self.path.removeprefix(".")
        return f"`{where}` {self.problem}" if where else f"the answer {self.problem}"


@dataclass(frozen=True, slots=True)
class Returned:
    """The declared result of a lookup.

    Attributes:
        type: a map with the declared fields; an answer's others are left out, unless a declaration was unreadable.
        secrets: the paths of sensitive values; none is inside another.
    """

    type: Kind
    secrets: frozenset[Path] = frozenset()

    @property
    def fields(self) -> Mapping[str, Kind]:
        return self.type.fields

    def read(self, answer: object) -> dict[str, Any]:
        """Raises Misfit."""
        found: dict[str, Any] = read_answer(self.type, answer)
        return found


def read_answer(type_: Kind, value: object, path: str = "", line: str = "") -> Any:
    """Raises Misfit.

    A number is accepted as text, and digits as a number, but a boolean is never text. See `read_number` for `line`.
    """
    if type_.is_record and isinstance(value, Mapping):
        for name in type_.fields:
            if value.get(name) is None:
                raise Misfit(f"{path}.{name}", "is null" if name in value else "is missing")
        return {name: read_answer(inner, value[name], f"{path}.{name}") for name, inner in type_.fields.items()}
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise Misfit(
            path, f"has more than {MAX_TEXT:,} characters", f"text of at most {MAX_TEXT:,} characters is needed"
        )
    if isinstance(value, list | Mapping) and len(value) > MAX_ITEMS:
        raise Misfit(path, f"has more than {MAX_ITEMS} entries")
    if type_.item is not None and isinstance(value, list | tuple):
        return [read_answer(type_.item, each, f"{path}[{at}]") for at, each in enumerate(value)]
    return value if value == "" and type_.may_be_empty else _cast(type_, value, path, line)


def _cast(type_: Kind, value: object, path: str, line: str) -> Any:
    try:
        if type_.family == "text" and isinstance(value, bool | list | tuple | Mapping | None):
            raise ValueError(f"{type_.described} is needed, in quotes")
        found = type_.cast_at(value, line)
    except BeyondLimit as error:
        raise Misfit(path, error.problem, str(error)) from None
    except (ValueError, OverflowError) as error:
        raise Misfit(path, f"is not {type_.described}", str(error)) from None
    try:
        return plain_json(found)
    except ValueError as error:
        raise Misfit(path, "contains something that cannot be stored", str(error)) from None


class SensitiveValues(Protocol):
    """The sensitive values of the current turn (`ncco_server.engine.secrets`)."""

    def are_in(self, text: str) -> bool: ...

    def are_part_of(self, value: object) -> bool: ...


_PUBLIC: Final = frozenset({"words", "bool"})
"""The flow itself contains their values."""


class Redactor:
    """Replaces sensitive values with tokens; `mask` returns the token for a text.

    `is_row`: a row of our own table, which has its columns in the open: those that are no text stay.
    """

    def __init__(self, sensitive: SensitiveValues, mask: Callable[[str], str], *, is_row: bool = False) -> None:
        self._sensitive = sensitive
        self._is_row = is_row
        self._mask = mask

    def redact(self, type_: Kind, value: Any, secrets: Collection[Path], path: str = "") -> Any:
        """Leave values at the paths `secrets`. Raises Misfit if a type allows no token."""
        if () in secrets or type_.name in _PUBLIC:
            return value
        inner = by_first_key(secrets)
        if type_.is_record:
            return {
                name: self.redact(each, value[name], inner.get(name, ()), f"{path}.{name}")
                for name, each in type_.fields.items()
            }
        if isinstance(value, list):
            entries = inner.get(None, ())
            return [self.redact(type_.entry, each, entries, f"{path}[{at}]") for at, each in enumerate(value)]
        if isinstance(value, dict):
            # As plain text, since JSON takes no subclass of it as a key.
            return {str(self._text(name)): self.redact(type_.entry, each, (), path) for name, each in value.items()}
        if isinstance(value, str) and type_.name in ("text", "any"):
            return self._text(value)
        if self._is_row or value is None or isinstance(value, bool) or not self._sensitive.are_part_of(value):
            return value
        if type_ == ANY:
            return self._mask(str(value))
        raise Misfit(path, "contains something sensitive, but is not declared `sensitive`")

    def _text(self, text: str) -> str:
        return self._mask(text) if self._sensitive.are_in(text) else text


MAX_NESTED: Final = 5
"""Levels of declared maps; our choice."""

OPTIONAL: Final = {f"{name}?": name for name, kind in TYPES.items() if kind.begins_unknown}
"""Types for which an answer may have "", without a value."""

_NOTHING: Final[Mapping[str, Any]] = {}
_HOST: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_RETURNS_CURE: Final = "add `returns: {name: text, tier: [gold, standard]}`, with the type of each field of the answer"
_SENSITIVE: Final = "sensitive"
_HOSTS: Final = "hosts"
_DESCRIPTION: Final = frozenset({"type", _SENSITIVE})
_VARIABLE_WORDS: Final = _DESCRIPTION | {"default", "required", "optional", "description"}


def read_returns(fields: Fields, reader: Reader) -> Returned:
    node = fields.get("returns")
    what = f"`returns` of {fields.what}"
    if node is None:
        reader.report("E204", fields.place, f"{fields.what} does not say what it returns", _RETURNS_CURE)
    found = reader.map(node, what, _RETURNS_CURE) if node is not None else None
    if found is None:
        return Returned(record({}, ANY))
    secrets: set[Path] = set()
    return Returned(_read_fields(found, (), secrets, reader), outermost(secrets))


def _read_fields(node: Map, path: Path, secrets: set[Path], reader: Reader) -> Kind:
    known: dict[str, Kind] = {}
    for key, value in node.entries:
        name = key.value
        if not path and name == OK:
            message = "every lookup already has a field `ok`, which says whether the answer is real"
            reader.report("E203", key.place, message, "rename the field in the answer")
        elif not name or has_braces(key) or name.endswith("?"):
            cure = "write the name used in the answer"
            reader.report("E203", key.place, f'a field cannot be named "{name}"', cure)
        elif type_ := _read_type(value, f'the field "{name}"', (*path, name), secrets, reader):
            known[name] = type_
    return record(known, None if len(known) == len(node.entries) else ANY)


def _read_type(node: Node, what: str, path: Path, secrets: set[Path], reader: Reader) -> Kind | None:
    if isinstance(node, Map) and is_described(node):
        flag = node.get(_SENSITIVE)
        hosts = node.get(_HOSTS)
        if flag is not None and reader.literal(flag, TYPES["bool"], f"`sensitive` of {what}"):
            secrets.add(path)
        node = described(node, "type")
        if hosts is not None:
            return _read_url(hosts, what, reader, may_be_empty=isinstance(node, Text) and node.value == "url?")
    if len(path) > MAX_NESTED + 1:
        message = f"{what} is more than {MAX_NESTED} levels deep"
        reader.report("E203", node.place, message, "write `map` without fields")
        return None
    if isinstance(node, Map):
        if not node.entries or _describes_one(node):
            cure = "write only its type, a list of words, or a map of its fields"
            reader.report("E203", node.place, f"{what} is not a map of fields", cure)
            return None
        return _read_fields(node, path, secrets, reader)
    if (item := _entry_type(node)) is not None:
        inner = _read_type(item, f"an entry of {what}", (*path, None), secrets, reader)
        return None if inner is None else list_of(inner)
    if isinstance(node, Text) and node.value in OPTIONAL:
        return replace(TYPES[OPTIONAL[node.value]].with_zone(reader.zone), may_be_empty=True)
    return read_type(node, what, reader)


def _read_url(node: Node, what: str, reader: Reader, *, may_be_empty: bool) -> Kind:
    """Report E203 if `hosts` is not a list of hosts, and accept any URL then."""
    items = node.items if isinstance(node, Seq) else ()
    hosts = tuple(item.value.lower() for item in items if isinstance(item, Text) and _HOST.fullmatch(item.value))
    if hosts and len(hosts) == len(items):
        return Url(hosts=hosts, may_be_empty=may_be_empty)
    wrong = next((item for item in items if not (isinstance(item, Text) and _HOST.fullmatch(item.value))), node)
    message = f"`hosts` of {what} is a list of host names, without scheme, port and path"
    reader.report("E203", wrong.place, message, "write `{type: url, hosts: [cdn.example.com]}`")
    return TYPES["url"]


def _entry_type(node: Node) -> Node | None:
    item = node.items[0] if isinstance(node, Seq) and len(node.items) == 1 else None
    is_type = isinstance(item, Map | Seq) or (isinstance(item, Text) and item.value in (*TYPES, *OPTIONAL))
    return item if is_type else None


def is_described(node: Node) -> bool:
    """Whether a map describes one field: its `type`, with `sensitive` or a URL's `hosts`.

    `{type: text, sensitive: bool}` and `{type: url, hosts: [text]}` declare two fields.
    """
    if not isinstance(node, Map) or not {"type"} < set(node.keys()) <= {*_DESCRIPTION, _HOSTS}:
        return False
    flag = node.get(_SENSITIVE)
    hosts = node.get(_HOSTS)
    type_ = node.get("type")
    if hosts is not None and not (isinstance(type_, Text) and type_.value in ("url", "url?")):
        return False
    first = hosts.items[0] if isinstance(hosts, Seq) and len(hosts.items) == 1 else hosts
    return not any(isinstance(each, Text) and each.value in TYPES for each in (flag, first))


def _describes_one(node: Map) -> bool:
    """Whether a map has only words that describe a variable, but not the two that describe a field."""
    flag = node.get(_SENSITIVE)
    is_typed = isinstance(node.get("type"), Text | Seq) and (flag is None or _is_flag(flag))
    return is_typed and _VARIABLE_WORDS.issuperset(node.keys())


def _is_flag(node: Node) -> bool:
    return isinstance(node, Text) and node.value in ("true", "false")


def described(node: Node, word: str) -> Node:
    found = node.get(word) if isinstance(node, Map) else None
    return node if found is None else found


def outermost(paths: Iterable[Path]) -> frozenset[Path]:
    """Leave out paths inside another. A list with sensitive entries is sensitive as a whole."""
    whole = {_up_to_list(path) for path in paths}
    return frozenset(path for path in whole if not any(path[:end] in whole for end in range(1, len(path))))


def _up_to_list(path: Path) -> Path:
    return _up_to_list(path[:-1]) if path[-1] is None else path


def read_default(
    fields: Fields, returns: Returned, reader: Resolver, given: Mapping[str, Any] = _NOTHING
) -> dict[str, Any]:
    """Complete `default` with `given` and empty values. E533 for misfits."""
    node = fields.get("default")
    within = f"the default of {fields.what}"
    if node is None:
        return _fill_map(Map((), fields.place), returns.type, within, reader, given)
    cure = f"write `default: {{{', '.join(f'{name}: ..' for name in returns.fields)}}}`"
    found = reader.map(node, f"`default` of {fields.what}", cure)
    if found is None:
        return dict(returns.type.empty)
    return _fill_map(found._replace(place=fields.at("default")), returns.type, within, reader, given)


def _fill_map(
    node: Map, type_: Kind, within: str, reader: Resolver, given: Mapping[str, Any] = _NOTHING
) -> dict[str, Any]:
    written: dict[str, Node] = {}
    for key, value in node.entries:
        if key.value not in type_.fields and type_.item is None:
            cure = "delete it: without an answer `ok` is always false" if key.value == OK else None
            reader.unknown("E533", key, type_.fields, f'{within}: the lookup returns no "{key.value}"', cure)
        written[nearest(key.value, type_.fields) or key.value] = value
    written |= {key.value: value for key, value in node.entries}
    found: dict[str, Any] = {}
    for name, inner in type_.fields.items():
        if name in written:
            found[name] = _read_value(written[name], inner, f"`{name}` in {within}", reader)
        elif name in given:
            found[name] = given[name]
        elif inner.is_record:
            found[name] = _fill_map(Map((), node.place), inner, within, reader)
        else:
            found[name] = inner.empty
            if inner.empty is None and (type_.item is not None or written.keys() <= type_.fields.keys()):
                cure = f"add `{name}: {inner.words[-1]}` to `default`, or another of {', '.join(inner.words)}"
                reader.report("E533", node.place, f'{within} does not give a value for "{name}"', cure)
    return found


def _read_value(node: Node, inner: Kind, within: str, reader: Resolver) -> Any:
    if inner.is_record and isinstance(node, Map):
        return _fill_map(node, inner, within, reader)
    value = JSON.read(node, within, reader)
    if value is None or not value.is_literal:
        reader.report("E533", node.place, f"{within} is computed", "write the value itself, without braces")
        return inner.empty
    if isinstance(node, Text) and not node.value and inner.empty == "":
        return ""  # without an answer, a phone number or a URL is empty, as text is
    try:
        return read_answer(inner, node.value if isinstance(node, Text) else value.render({}))
    except Misfit as misfit:
        shown = f": {misfit}" if misfit.path else f" {misfit.problem}"
        message = f'{within} cannot be "{node.value}"' if isinstance(node, Text) else f"{within}{shown}"
        cure = f"write {inner.described}" if not misfit.path else "write it as it appears in the answer"
        reader.report("E533", node.place, message, cure)
        return inner.empty
