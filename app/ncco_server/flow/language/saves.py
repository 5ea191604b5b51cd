"""A step's changes of table rows, written with the turn: exactly once, whatever is repeated or dies.

save: {table: customers, number: "{{ call.person }}", increase: {calls: 1}}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final, NamedTuple

from ncco_server.errors import RenderError
from ncco_server.flow.effects import NO_NAMES, Effect, Phase
from ncco_server.flow.frame import Assignment
from ncco_server.flow.grammar.forms import TEXT, Unread, named
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Fields, Resolver, items, read_fields
from ncco_server.flow.grammar.targets import assigned
from ncco_server.flow.language.lookups import AskedLookup, LookupDefinition
from ncco_server.flow.language.returns import Returned
from ncco_server.flow.language.selection import Selection
from ncco_server.flow.language.tables import (
    Key,
    TableDefinition,
    TableName,
    TableRead,
    fits,
    named_table,
    read_key,
)
from ncco_server.flow.nodes import Entry, Map, Node, Place, Text
from ncco_server.flow.scope import Variable, has_path
from ncco_server.flow.templates.tree import shorten
from ncco_server.flow.templates.values import Value
from ncco_server.ncco.value_types import TYPES, JsonSchema, Kind, record
from ncco_server.table_rows import RowChange

_OWN_SUM: Final = re.compile(r"(?:\{\{ *)?(\w+\.)?(\w+) *([+-] *[0-9]+)(?: *\}\})?")
OWN_NAMES: Final = frozenset({"event", "flow", "step"})
"""Names in scope in a hook or an event, but not in the flow."""


class SaveWords(MapForm):
    """One change of a row: the `table`, the values of its key, and what happens to the row."""

    example: ClassVar = 'save: {table: customers, number: "{{ call.person }}", set: {name: Ada}}'

    table: TableName
    """The table. Beside it stand the values of its key, such as `number: "{{ call.person }}"`."""
    sets: Annotated[Node | None, Unread(named(TEXT))] = written_as("set", default=None)
    """The new values of columns. Other columns of the row stay as they are; a row that is missing is added."""
    increase: Annotated[Node | None, Unread(named(TEXT))] = None
    """What to add to columns with numbers, such as `{calls: 1}`."""
    remove: bool = False
    """true: the row is removed."""
    only_new: bool = False
    """true: only a row that does not exist yet is added; of several calls, one adds it."""
    into: Annotated[Node | None, Unread(TEXT)] = None
    """With `only_new`, the variable that becomes true if this call has added the row, otherwise false."""

    @classmethod
    def json_schema(cls) -> JsonSchema:
        return {**super().json_schema(), "additionalProperties": TEXT}


@dataclass(frozen=True, slots=True)
class Save:
    """A change of a row that a step makes.

    `into` is the variable for the result of `only_new`, or ""; `asks` reads whether the row exists.
    """

    table: TableDefinition
    place: Place
    key: Key
    sets: tuple[Assignment, ...] = ()
    increases: tuple[Assignment, ...] = ()
    is_removal: bool = False
    into: str = ""
    asks: AskedLookup | None = None

    hook: ClassVar[None] = None
    """An event that saves a row sends nothing for it; see `SentHook`."""

    @property
    def values(self) -> tuple[Value, ...]:
        return (*self.key.values(), *(each.value for each in (*self.sets, *self.increases)))

    def effects(self, phase: Phase, own: frozenset[str] = NO_NAMES) -> Iterator[Effect]:
        yield from (Effect("send", phase, value, self.table.name, own=own) for value in self.values)
        if self.into:
            yield Effect("receive", phase, name=self.into)

    def later_effects(self) -> Iterator[Effect]:
        yield from self.effects("event", OWN_NAMES)

    def change(self, names: Mapping[str, Any]) -> RowChange | None:
        """Return None if no row can have this key. Raises RenderError."""
        row = self.table.row(self.key, names)
        if not row:
            return None
        sets = {each.name: _cast(self.table.columns[each.name], each.value, names) for each in self.sets}
        increases = {increase.name: increase.value.render(names) for increase in self.increases}
        return RowChange(
            row,
            sets,
            increases,
            {name: self.table.columns[name].default for name in increases},
            self.is_removal,
            self.asks is not None,
            self.table.keep_ms,
        )


def _cast(column: Variable, value: Value, names: Mapping[str, Any]) -> Any:
    """A number, date or URL may be missing: "". Raises RenderError."""
    found = value.render(names)
    if found == "" or not column.type.begins_unknown:
        return found
    try:
        return column.type.cast(found)
    except ValueError as error:
        raise RenderError(
            "E392",
            f'"{column.name}" does not fit: {error}',
            str(value.place),
            value.used_names,
            f"give it {column.type.described} itself, not a text",
        ) from None


def read_saves(node: Node, reader: Resolver, *, is_later: bool = False) -> tuple[Save, ...]:
    """The changes under a step's or an event's `save`, in order."""
    read = [(item, _read_save(item, reader, is_later=is_later)) for item in items(node)]
    saves = [(item, save) for item, save in read if save is not None]
    for (before, first), (item, again) in pairwise(saves):
        twice = {each.name for each in first.sets} & {each.name for each in again.sets}
        if twice and first.table is again.table and _row_in(before, first) == _row_in(item, again):
            message = f'`save` sets "{min(twice)}" of one row twice, so the first value is lost'
            reader.report("E403", again.place, message, "name another row, or set it once")
    return tuple(save for _, save in saves)


def _row_in(node: Node, save: Save) -> list[str]:
    """The values of the key as they are written."""
    written = [node.get(name) if isinstance(node, Map) else None for name in save.key]
    return [each.value for each in written if isinstance(each, Text)]


def _read_save(node: Node, reader: Resolver, *, is_later: bool) -> Save | None:
    found = reader.map(node, "`save`", f"write `{SaveWords.example}`")
    if found is None:
        return None
    table = named_table(found.get("table"), reader)
    known = (*SaveWords.words(), *(table.key if table is not None else ()))
    if table is None:  # the names of its key are unknown
        known = (*known, *found.keys())
    columns = table.columns if table is not None else ()
    hints = {name.lower(): f"write `set: {{{name}: ..}}`" for name in columns}
    fields = read_fields(found, known, "`save`", reader, hints=hints)
    words = SaveWords.build(fields, reader, cures={"table": "name a table: `save: {table: customers, ..}`"})
    if words is None:
        return None
    key = read_key(words.table, fields, reader)
    sets = _read_values(words, "set", words.table.columns, reader)
    numeric = {name: each for name, each in words.table.columns.items() if each.type.family in ("number", "any")}
    increases = _read_values(words, "increase", numeric, reader)
    _check_action(words, sets, increases, reader)
    if is_later:
        _check_later(words, reader)
    into = _read_into(words, reader)
    if key is None:
        return None
    _check_secrets(words.table, key, reader)
    asks = asked_row(words.table, key, fields.place, into or words.table.name) if words.only_new else None
    return Save(words.table, fields.at("table"), key, sets, increases, words.remove, into, asks)


def _read_values(
    words: SaveWords, word: str, columns: Mapping[str, Variable], reader: Resolver
) -> tuple[Assignment, ...]:
    node = words.written.get(word)
    table = words.table
    entries = reader.entries(node, f"`{word}`", f"write `{word}: {{column: ..}}`")
    for key in (entry.key for entry in entries if entry.key.value not in columns):
        if key.value in table.key:
            message = f'"{key.value}" is in the key of the table {table.name}, not one of its columns'
            reader.report("E554", key.place, message, "write it beside `table`")
        elif key.value in table.columns:
            message = f'"{key.value}" of the table {table.name} is not a number, so it cannot increase'
            reader.report("E554", key.place, message, f"write `set: {{{key.value}: ..}}`")
        elif table.is_whole:
            cure = None if columns else "declare it under `columns` of the table"
            reader.unknown(
                "E554", key, columns, f'the table {table.name} has no column "{key.value}"', cure, names=[table.name]
            )
    entries = tuple(entry for entry in entries if not _is_own_sum(entry, word, columns, reader))
    texts = {name: replace(each, type=_written_type(each)) for name, each in columns.items()}
    where = f"`columns` of the table {table.name}"
    found = assigned(entries, texts, where, reader, is_added=word == "increase")
    return tuple(each for each in found if _fits(each, columns[each.name], entries, reader))


def _is_own_sum(entry: Entry, word: str, columns: Mapping[str, Variable], reader: Resolver) -> bool:
    """Report E403 for `increase: {calls: "{{ caller.calls + 1 }}"}`, or a `set` of the bare column."""
    name, value = entry
    found = _OWN_SUM.fullmatch(value.value) if isinstance(value, Text) and name.value in columns else None
    if found is None or found[2] != name.value:
        return False
    is_number = columns[name.value].type.family == "number"  # "floor -1" may be the text of a column
    if word == "set" and (not is_number or found[1] or name.value in reader.scope.types):
        return False
    by = found[3].replace(" ", "").removeprefix("+")
    cure = f"write only what to add: {by}"
    message = f"`increase` adds to the value of {name.value} that the row has"
    reader.report(
        "E403", value.place, message, cure if word == "increase" else f"write `increase: {{{name.value}: {by}}}`"
    )
    return True


def _written_type(column: Variable) -> Kind:
    return TYPES["text"] if column.type.begins_unknown else column.type


def _fits(written: Assignment, column: Variable, entries: Iterable[Entry], reader: Resolver) -> bool:
    """Whether a column can have a value. One that may be "" was read as text."""
    if not column.type.begins_unknown or (written.value.is_literal and written.value.render({}) == ""):
        return True
    node = next(value for key, value in entries if key.value == column.name)
    return fits(written.value, column.type, f"`{column.name}`", node, reader)


def _check_action(
    words: SaveWords, sets: tuple[Assignment, ...], increases: tuple[Assignment, ...], reader: Resolver
) -> None:
    fields = words.written
    if words.remove:
        if unused := [word for word in ("set", "increase", "only_new", "into") if word in fields.values]:
            shown = " and ".join(f"`{word}`" for word in unused)
            message = f"`remove` removes the whole row, so {shown} {'have' if unused[1:] else 'has'} no effect"
            reader.report("E403", fields.at(unused[0]), message, f"delete {shown}, or `remove`")
    elif twice := sorted({each.name for each in sets} & {increase.name for increase in increases}):
        message = f'"{twice[0]}" is set and increased'
        reader.report("E403", fields.at("increase"), message, "write it under one of the two")
    if "into" in fields.values and not words.only_new and not words.remove:
        message = "`into` has no effect without `only_new`"
        reader.report("E403", fields.at("into"), message, "add `only_new: true`, or delete `into`")


def _check_later(words: SaveWords, reader: Resolver) -> None:
    """Report E403 for a question whether a row is new: after an event, no step reads the answer."""
    for word in ("only_new", "into"):
        if word in words.written.values:
            message = f"an event cannot ask whether a row is new, so `{word}` has no effect"
            reader.report("E403", words.written.at(word), message, f"delete `{word}`, or save the row in a step")


def _read_into(words: SaveWords, reader: Resolver) -> str:
    text = reader.text(words.into, "`into`", "write the name of a variable") if words.into is not None else None
    if text is None:
        return ""
    variable = reader.variables.get(text.value)
    if variable is None:
        cure = f"add `{text.value}: {{type: bool}}` to `vars`"
        reader.unknown("E225", text, reader.variables, f'the variable "{text.value}" is not declared', cure)
        return ""
    if variable.type != TYPES["bool"]:
        message = f'"{text.value}" is {variable.type.described}, but `into` gives it true or false'
        reader.report("E403", text.place, message, "write a variable that is declared as `{type: bool}`")
    return text.value


def _check_secrets(table: TableDefinition, key: Key, reader: Resolver) -> None:
    for name, value in key.items():
        used = (name for name in value.used_names if name in reader.variables and reader.variables[name].sensitive)
        secrets = sorted([*used, *filter(has_path, value.used_names)])
        if secrets:
            message = f'"{name}" of the table {table.name} would store the sensitive "{shorten(secrets[0])}" unmasked'
            reader.report("E226", value.place, message, "find the row by something that is not sensitive")


class RowOfTable(NamedTuple):
    """A row that a handler reads or changes, or rows: one of `asks` and `save`. `values` are computed."""

    asks: AskedLookup | None
    save: Save | None
    values: Mapping[str, Any]
    method: str = "TABLE"

    @property
    def name(self) -> str:
        """The full name of a row to read; "" if no row can have this key. Raises RenderError."""
        found = self.asks.request(self.values) if self.asks is not None else None
        return found.row if isinstance(found, TableRead) else ""


_NO_COLUMNS: Final = Returned(record({}))
_NOTHING: Final[Mapping[str, Any]] = {}


def asked_row(
    table: TableDefinition,
    key: Key,
    place: Place,
    name: str,
    *,
    returns: Returned = _NO_COLUMNS,
    default: Mapping[str, Any] = _NOTHING,
    selection: Selection | None = None,
) -> AskedLookup:
    """A lookup that no flow declares. By default, it only asks whether the row exists."""
    written = Fields(name, place, {}, {})
    definition = LookupDefinition(
        written=written,
        name=name,
        method="TABLE",
        table=table,
        key=key,
        returns=returns,
        default=default,
        selection=selection,
    )
    return AskedLookup(definition, place)
