"""Finds keys and values in a flow file or an NCCO, and what can replace the one at the cursor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple, cast

from ncco_server.flow.grammar.forms import has, ref
from ncco_server.flow.nodes import LINE_BREAK, Map, Node, Seq, Text
from ncco_server.flow.source import read_yaml
from ncco_server.ncco import json_schema
from ncco_server.ncco.json_text import open_closers
from ncco_server.ncco.value_types import JsonSchema
from ncco_studio.schema import definitions

MARK: Final = "\ue001"
"""The cursor, as ordinary text to a YAML parser. Texts with it rule out no part of the schema."""

_FLOW_FILE: Final[JsonSchema] = {"if": has("shared"), "then": ref("shared_file"), "else": ref("flow_file")}
_FILE: Final[JsonSchema] = {"if": {"type": "array"}, "then": {"$ref": "#/$defs/ncco"}, "else": _FLOW_FILE}
"""A file that is a list is an NCCO."""


@cache
def _referred(reference: str) -> JsonSchema:
    _, section, name = reference.split("/")
    if section == "definitions":
        return definitions()[name]
    ncco = json_schema()
    return dict(ncco if name == "ncco" else ncco["$defs"][name])


class WrittenWord(NamedTuple):
    """A key or a value of a flow file.

    Attributes:
        path: keys and list indexes from the top of the file.
        map: the map that it is in; None for an item of a list.
        schemas: every schema that it may match; for a key, the schemas that its map may match.
    """

    text: Text
    path: tuple[str | int, ...]
    is_key: bool
    map: Map | None
    schemas: tuple[JsonSchema, ...]

    @property
    def key(self) -> str:
        """That of a value is the nearest one around it."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


def words_of(file: Node) -> Iterator[WrittenWord]:
    return _words(file, (), None, (_FILE,))


def _words(
    node: Node, path: tuple[str | int, ...], around: Map | None, schemas: tuple[JsonSchema, ...]
) -> Iterator[WrittenWord]:
    fitting = tuple(inner for schema in schemas for inner in alternatives(schema, node))
    if isinstance(node, Text):
        yield WrittenWord(node, path, False, around, fitting)
    elif isinstance(node, Seq):
        inner = tuple(schema["items"] for schema in fitting if "items" in schema)
        for index, item in enumerate(node.items):
            yield from _words(item, (*path, index), None, inner)
    else:
        for key, value in node.entries:
            yield WrittenWord(key, (*path, key.value), True, node, fitting)
            yield from _words(value, (*path, key.value), node, tuple(member_schemas(fitting, key.value)))


def member_schemas(schemas: tuple[JsonSchema, ...], key: str) -> Iterator[JsonSchema]:
    """Schemas for an author's own names are used only if the key is not a keyword."""
    words = [schema["properties"][key] for schema in schemas if key in schema.get("properties", {})]
    yield from words
    for schema in () if words else schemas:
        if isinstance(schema.get("additionalProperties"), dict):
            yield schema["additionalProperties"]


def alternatives(schema: JsonSchema, node: Node) -> Iterator[JsonSchema]:
    if "$ref" in schema:
        yield from alternatives(_referred(schema["$ref"]), node)
    if "if" in schema and not ("properties" in schema and _is_empty(node)):  # offer the schema's own keys first
        is_so = _holds(schema["if"], node)
        for branch, is_taken in (("else", is_so is not True), ("then", is_so is not False)):
            if is_taken and isinstance(schema.get(branch), dict):
                yield from alternatives(schema[branch], node)
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from (alternative for alternative in alternatives(inner, node) if _is_of_its_kind(alternative, node))
    if not schema.keys() <= {"$ref", "if", "then", "else", "anyOf", "oneOf", "description"}:
        yield schema


def _is_of_its_kind(schema: JsonSchema, node: Node) -> bool:
    """Such as `action: talk`."""
    if not isinstance(node, Map):
        return True
    properties = schema.get("properties", {}).items()
    told = ((node.get(key), inner["const"]) for key, inner in properties if "const" in inner)
    return all(not isinstance(value, Text) or MARK in value.value or value.value == const for value, const in told)


_NODE_TYPES: Final = {"object": Map, "array": Seq}


def _is_empty(node: Node) -> bool:
    return isinstance(node, Map) and len(node.entries) == 1 and MARK in node.entries[0].key.value


def _holds(condition: JsonSchema, node: Node) -> bool | None:
    """Return None at the cursor, where anything may still be written."""
    if _is_empty(node) or (isinstance(node, Text) and MARK in node.value):
        return None
    if "anyOf" in condition:
        return any(_holds(each, node) is not False for each in condition["anyOf"])
    types = condition.get("type", ())
    node_types = tuple(_NODE_TYPES.get(each, Text) for each in ([types] if isinstance(types, str) else types))
    if node_types and not isinstance(node, node_types):
        return False
    if isinstance(node, Text):
        return _is_value(condition, node)
    if isinstance(node, Map):
        members = ((node.get(word), inner) for word, inner in condition.get("properties", {}).items())
        is_whole = all(node.get(word) is not None for word in condition.get("required", ()))
        return is_whole and all(value is None or _holds(inner, value) is not False for value, inner in members)
    return True


def _is_value(condition: JsonSchema, text: Text) -> bool:
    words = [condition["const"]] if "const" in condition else condition.get("enum")
    return (words is None or text.value in words) and bool(re.search(condition.get("pattern", ""), text.value))


# the text at the cursor: a file being written is often not valid

_OPENING: Final = re.compile(r"([ \t]*)((?:-[ \t]+)*)(?:([\w*#.\"'-]+)[ \t]*:(?=[ \t]|$)[ \t]*(.*))?")
_PLAIN: Final = re.compile(r"[\w.+-]+")
_KEY_START: Final = re.compile(r"[ \t]*(?:-[ \t]+)*[\"']?[\w*#.-]*")
_QUOTED: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:''|[^'])*'")


class Cursor(NamedTuple):
    """The key or value at the cursor, with its text before and after it."""

    word: WrittenWord
    before: str
    after: str


def cursors(text: str, line: int, column: int) -> tuple[Cursor, ...]:
    """What can be written at a place: a key, a value, or both. Lines and columns count from 1, in characters.

    If the text with a mark at the cursor is not YAML, only the cursor's line is read, below its keys by indentation.
    """
    lines = LINE_BREAK.split(text)
    if line > len(lines):
        return ()
    at = line - 1
    for tried in (_whole(lines, at, column - 1), _reduced(lines, at, column - 1), _cut(lines, at, column - 1)):
        found = [cursor for marked in tried for cursor in _marked(marked)]
        if found:
            return tuple(found)
    return ()


def _marked(text: str) -> Iterator[Cursor]:
    node, _ = read_yaml("", text)
    for word in words_of(node) if node is not None else ():
        if MARK in word.text.value:
            before, _, after = word.text.value.partition(MARK)
            yield Cursor(word, before, after)


def _with_mark(line: str, column: int) -> Iterator[str]:
    """If the line is a single word, yield it first as a key."""
    before, after = line[:column], line[column:]
    if _KEY_START.fullmatch(before) and not after.strip():
        yield f"{before}{MARK}: x"
    yield f"{before}{MARK}{after}"


def _whole(lines: list[str], at: int, column: int) -> Iterator[str]:
    for marked in _with_mark(lines[at], column):
        yield "\n".join([*lines[:at], marked, *lines[at + 1 :]])


def _reduced(lines: list[str], at: int, column: int) -> Iterator[str]:
    """Keep the cursor's line, the keys above that it belongs to, and those next to it."""
    line = lines[at][:column]
    opening = cast("re.Match[str]", _OPENING.match(line))  # always matches: each part is optional
    level = opening.end(2)
    dash = opening.end(1) if opening[2] else None  # `level` is where sibling keys start, `dash` where the dash starts
    above: list[str] = []
    for other in reversed(lines[:at]):
        found = cast("re.Match[str]", _OPENING.match(other))
        begin = found.end(2)
        value = (found[4] or "").strip()
        is_above = begin < level if dash is None else begin < dash or (begin == dash and not found[2])
        is_beside = dash is None and begin == level
        if found[3] and (is_above or is_beside):
            shown = (value if _PLAIN.fullmatch(value) else "x") if is_beside else ""
            above.append(f"{other[: found.end(3)]}: {shown}")
            level = begin
            dash = found.end(1) if found[2] else None
    return ("\n".join([*reversed(above), marked + _closers(marked)]) for marked in _with_mark(line, len(line)))


def _cut(lines: list[str], at: int, column: int) -> Iterator[str]:
    """Close all brackets at the cursor: for JSON, where indentation does not matter."""
    written = "\n".join([*lines[:at], lines[at][:column] + MARK])
    if written.lstrip().startswith(("[", "{")):
        yield written + _closers(written)


def _closers(text: str) -> str:
    bare = _QUOTED.sub("", text)
    quote = next((char for char in bare if char in "\"'"), "") if re.search(r"(?:^|[\s\[{,:])[\"']", bare) else ""
    return quote + open_closers(bare.split(quote)[0] if quote else bare)
