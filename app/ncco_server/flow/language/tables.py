"""Tables: small typed rows that outlive calls, in the server's database. Shared files declare them.

tables:
  customers: {key: {number: phone}, columns: {name: text, pin: {type: text, sensitive: true}, calls: int}, keep: 180d}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

from ncco_server.flow.grammar.forms import Duration, Notation, Unread, offered, ref
from ncco_server.flow.grammar.map_form import MapForm, SetByCode, written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver, items
from ncco_server.flow.grammar.variables import read_params, refuse_spoken, unreadable
from ncco_server.flow.issues import meant_word
from ncco_server.flow.language.returns import OK, Returned
from ncco_server.flow.nodes import Entry, Map, Node, Text
from ncco_server.flow.scope import Variable
from ncco_server.flow.templates.compiler import as_computed
from ncco_server.flow.templates.values import Value
from ncco_server.ncco.value_types import ANY, TYPES, Kind, record
from ncco_server.table_rows import MAX_NAME, RowChange, StoredTypes, row_name

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEY_TYPES: Final = ("text", "phone", "int", "date", "words")
_COLUMN_TYPES: Final = ("text", "phone", "url", "int", "number", "bool", "date", "time", "datetime", "words")
_MOST_KEYS: Final = 4
"""Our choice."""

"""A key with one of these names probably holds the number of the person in the call."""
TAKEN: Final = frozenset(
    ["table", "params", "default", "where", "order", "first", "set", "increase", "remove", "only_new", "into", OK]
)
"""Lookups and `save` write the key's values beside these words."""

Key: TypeAlias = Mapping[str, Value]


class TableRead(NamedTuple):
    """A lookup's request for a row, rendered for a call.

    Attributes:
        row: "" if a value of its key is missing or does not fit its type.
        at_ms: milliseconds since 1970; rows kept until then are not seen.
        pending: the turn's earlier changes, not written yet.
    """

    row: str
    at_ms: int = 0
    pending: tuple[RowChange, ...] = ()
    method: Literal["TABLE"] = "TABLE"
    timeout_ms: int = 0
    cache_ms: int = 0

    def __repr__(self) -> str:
        """The key may be sensitive."""
        return "<read of a table>"


class TableDefinition(MapForm):
    """One entry of `tables`."""

    is_named: ClassVar = True
    cures: ClassVar = {"key": "add `key: {number: phone}`"}
    example: ClassVar = "{key: {number: phone}}"

    name: SetByCode[str]
    is_whole: SetByCode[bool] = True
    """Whether all of its columns could be read."""
    key: Annotated[Mapping[str, Variable], Unread(ref("params"))]
    """What a row is found by: up to four values with their types (text, phone, int, date, or a list of words)."""
    columns: Annotated[Mapping[str, Variable], Unread(ref("params"))] = field(default_factory=dict)
    """What each row contains, with its type: a word, a list of allowed words, or `{type: text, sensitive: true}`."""
    keep_ms: Annotated[int, Duration("1h", "3660d")] = written_as("keep", default=0)
    """How long a row is kept after the last change, such as 180d; without it, until it is removed."""

    after_forget: Literal["keep_hash"] | None = None
    """keep_hash: a number that is forgotten still matches, by a keyed hash; without it, its row is deleted."""

    @property
    def is_found_by_number(self) -> bool:
        return [each.type.name for each in self.key.values()] in (["phone"], ["any"])

    @property
    def stored_types(self) -> StoredTypes:
        columns = {name: each.type.name for name, each in self.columns.items()}
        return StoredTypes([each.type.name for each in self.key.values()], columns, self.after_forget is not None)

    @property
    def returned(self) -> Returned:
        """A number, date or URL may be missing."""
        fields = {
            name: replace(column.type, may_be_empty=column.type.begins_unknown) for name, column in self.columns.items()
        }
        rest = None if self.is_whole else ANY
        return Returned(
            record(fields, rest), frozenset((name,) for name, column in self.columns.items() if column.sensitive)
        )

    @property
    def column_types(self) -> dict[str, Kind]:
        """For rows that no lookup's default completes: without a default of its own, a column may be ""."""
        return {
            name: replace(each.type, may_be_empty=each.type.begins_unknown or each.default in (None, ""))
            for name, each in self.columns.items()
        }

    def row_of_number(self, number: str) -> str:
        """Return "" unless a phone number, in digits, finds a row."""
        return row_name(self.name, [number])

    @property
    def defaults(self) -> dict[str, Any]:
        columns = self.columns.items()
        return {name: each.default for name, each in columns if not each.type.words or each.default in each.type.words}

    @property
    def row_defaults(self) -> dict[str, Any]:
        """The columns of a row without any value; "" for those without a default."""
        return {**dict.fromkeys(self.columns, ""), **self.defaults}

    def row(self, key: Key, names: Mapping[str, Any]) -> str:
        """Return "" if no row can have this key. Raises RenderError.

        No value of a key is empty, such as a withheld number, or of another type.
        """
        found = self.key_values(key, names)
        if len(found) < len(self.key):
            return ""
        row = row_name(self.name, [*found.values()])
        return row if len(row) <= MAX_NAME else ""

    def key_values(self, key: Key, names: Mapping[str, Any]) -> dict[str, str | int]:
        """Leave out a value that is empty, such as a withheld number, or of another type. Raises RenderError."""
        found: dict[str, str | int] = {}
        for name in (each for each in self.key if each in key):
            try:
                value = self.key[name].type.cast(str(key[name].render(names)).strip())
            except (ValueError, OverflowError):
                continue
            if value != "":
                found[name] = value
        return found

    def lost_by(self, after: TableDefinition) -> Iterator[str]:
        """What the stored rows would lose if the table were declared like this."""
        old = [each.type for each in self.key.values()]
        new = [each.type for each in after.key.values()]
        if len(old) != len(new) or not all(_holds(one, other) for one, other in zip(old, new, strict=True)):
            yield f"the key of the table {self.name} is another one, so its rows could not be found anymore"
        for name, column in self.columns.items():
            now = after.columns.get(name)
            if now is None:
                yield f'the table {self.name} no longer has the column "{name}"'
            elif not _holds(column.type, now.type):
                types = f"was {_described(column.type)}, and is {_described(now.type)} now"
                yield f'"{name}" of the table {self.name} {types}'


def read_tables(node: Node, reader: Reader) -> dict[str, TableDefinition | None]:
    """An unreadable table is None, so that others can name it."""
    entries = reader.entries(node, "`tables`", f"write `tables: {{customers: {TableDefinition.example}}}`")
    return {entry.key.value: _read_table(entry, reader) for entry in entries}


def _read_table(entry: Entry, reader: Reader) -> TableDefinition | None:
    name = entry.key.value
    what = f'the table "{name}"'
    is_named = reader.check_name(entry.key, "a table", _NAME, "use lower-case letters, digits and _")
    found = reader.map(entry.value, what, f"write `{name}: {TableDefinition.example}`")
    if found is None:
        return None
    before = len(reader.issues)
    fields = TableDefinition.read_words(found, what, reader, place=entry.key.place)
    key = _read_columns(fields, "key", _KEY_TYPES, reader)
    columns = _read_columns(fields, "columns", _COLUMN_TYPES, reader)
    _check_key(fields, key, columns, reader)
    made: dict[str, Any] = {"key": key} if "key" in fields.values else {}
    table = TableDefinition.build(
        fields, reader, name=name, columns=columns, is_whole=before == len(reader.issues), **made
    )
    if table is not None and key and table.after_forget is not None and not table.is_found_by_number:
        message = f"the key of {what} is not one phone number, so no hash can take the place of a number"
        reader.report(
            "E555", fields.at("after_forget"), message, "delete `after_forget`, or write `key: {number: phone}`"
        )
    return table if is_named and key else None


def _read_columns(fields: Fields, word: str, types: Collection[str], reader: Reader) -> dict[str, Variable]:
    node = fields.get(word)
    if node is None:
        return {}
    sample = TableDefinition.example.removeprefix("{key: ").removesuffix("}")
    if not isinstance(node, Map):
        named = [each for each in items(node) if isinstance(each, Text)]
        known = ", ".join(type_ for type_ in types if type_ != "words")
        cure = f"write `{word}: {sample}`, each value with its type: {known}"
        reader.map(node, f"`{word}` of {fields.what}", cure)
        return {each.value: unreadable(Entry(each, each)) for each in named}
    found = {
        name: param.variable
        for name, param in read_params(node, f"`{word}` of {fields.what}", reader, noun="a column", types=types).items()
    }
    refuse_spoken(found.values(), reader)
    return {each.name: each for each in (_as_meant(column, node, fields, types, reader) for column in found.values())}


def _as_meant(column: Variable, node: Map, fields: Fields, types: Collection[str], reader: Reader) -> Variable:
    """Report E551 for a type that a value cannot have here."""
    if column.type == ANY or column.type.name in types:
        return column
    shown = ", ".join(type_ for type_ in types if type_ != "words")
    cure = f"write one of {shown}, or a list of allowed words"
    written = node.get(column.name)
    type_ = (written.get("type") or written) if isinstance(written, Map) else written
    place = type_.place if type_ is not None else column.place
    reader.report("E551", place, f'"{column.name}" of {fields.what} cannot be {column.type.described}', cure)
    return replace(column, type=ANY)


def _check_key(fields: Fields, key: Mapping[str, Variable], columns: Mapping[str, Variable], reader: Reader) -> None:
    place = fields.at("key")
    if "key" in fields.values and not 1 <= len(key) <= _MOST_KEYS:
        message = f"the key of {fields.what} has {len(key)} values"
        reader.report("E551", place, message, f"write 1 to {_MOST_KEYS} values, such as `key: {{number: phone}}`")
    for each in key.values():
        if each.sensitive:
            message = (
                f'"{each.name}" is in the key of {fields.what}, so it cannot be sensitive: keys are stored as they are'
            )
            node = fields.get("key")
            written = node.get(each.name) if isinstance(node, Map) else None
            sensitive = written.entry("sensitive") if isinstance(written, Map) else None
            place = each.place if sensitive is None else sensitive.key.place
            reader.report("E551", place, message, "move it to `columns`, and find the row by something else")
        elif each.name in columns:
            message = f'"{each.name}" is in the key and among the columns of {fields.what}'
            reader.report("E551", columns[each.name].place, message, "delete it under `columns`")
    for each in (*key.values(), *columns.values()):
        if each.name in TAKEN:
            message = f'"{each.name}" of {fields.what} already has a meaning in lookups and in `save`'
            reader.report("E551", each.place, message, f"give it another name, such as {each.name}_value")


def read_table_name(node: Node, what: str, reader: Resolver) -> TableDefinition | None:
    text = reader.text(node, what, "write the name of a table")
    if text is None:
        return None
    if text.value not in reader.tables:
        known = sorted(reader.tables)
        declaration = (
            reader.use_of(text) or f"declare it in a shared file: `tables: {{{text.value}: {TableDefinition.example}}}`"
        )
        meant = meant_word(
            text.value, known, f"{declaration}, or write one of: {', '.join(known)}" if known else declaration
        )
        reader.report("E550", text.place, f'there is no table "{text.value}"', meant)
    return reader.tables.get(text.value)


TableName: TypeAlias = Annotated[TableDefinition, Notation(read_table_name, offered("tables"))]


def read_table_of_numbers(node: Node, what: str, reader: Resolver) -> TableDefinition | None:
    """Report E555 unless a phone number finds rows."""
    table = read_table_name(node, what, reader)
    if table is None or table.is_found_by_number:
        return table
    cure = f"declare it as `{table.name}: {{key: {{number: phone}}}}`, or name another table"
    reader.report("E555", node.place, f"the key of the table {table.name} is not one phone number", cure)
    return None


TableOfNumbers: TypeAlias = Annotated[TableDefinition, Notation(read_table_of_numbers, offered("tables"))]


def named_table(node: Node | None, reader: Resolver) -> TableDefinition | None:
    """Reports nothing."""
    return reader.tables.get(node.value) if isinstance(node, Text) else None


def read_key(table: TableDefinition, fields: Fields, reader: Resolver) -> dict[str, Value] | None:
    """Report E552 if a value of the key is missing; None if one cannot be read."""
    missing = [name for name in table.key if name not in fields.values]
    inner = {entry.key.value for each in fields.values.values() if isinstance(each, Map) for entry in each.entries}
    if missing and fields.is_whole and not inner.issuperset(missing):  # else that is reported
        shown = " and ".join(f'"{name}"' for name in missing)
        message = f"{fields.what} does not say which row of {table.name}: {shown} is missing"
        form = "`{0}=..`" if fields.at("table").is_in_python else "`{0}: ..`"
        cure = f"write {', '.join(form.format(name) for name in missing)} as well"
        reader.report("E552", fields.at("table"), message, cure)
    found = read_key_values(table, fields, reader)
    return found if found.keys() == table.key.keys() else None


def read_key_values(table: TableDefinition, fields: Fields, reader: Resolver) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, declared in table.key.items():
        node = fields.get(name)
        value = reader.value(node, TYPES["text"], "kept", f"`{name}`") if node is not None else None
        what = f"`{name}` of {fields.what}"
        if value is not None and node is not None and fits(value, declared.type, what, node, reader):
            found[name] = value
            if not declared.type.words:
                reader.warn_of_name(node)
    return found


def fits(value: Value, type_: Kind, what: str, node: Node, reader: Resolver) -> bool:
    """Report a literal that a row cannot have (E203), and a computed date, time or number of another type (E313).

    `value` was read as text: it may be "" in some calls.
    """
    if value.is_literal:
        meant = as_computed(node.value, type_, reader.scope, is_unfit=True) if isinstance(node, Text) else None
        return reader.literal(node, type_, what, fix=meant) is not None
    typed = replace(reader, issues=[])
    if type_.is_timed or type_.family == "number":
        typed.value(node, type_, "kept", what)
    wrong = [issue for issue in typed.issues if issue.code == "E313"]
    reader.issues.extend(wrong)
    return not wrong


def _described(type_: Kind) -> str:
    return f"one of {', '.join(type_.words)}" if type_.words else type_.described


def _holds(before: Kind, after: Kind) -> bool:
    if after.name == "text":
        return before.name != "bool"
    if before.words or after.words:
        return bool(before.words) and set(before.words) <= set(after.words)
    return before.name == after.name or (before.name, after.name) == ("int", "number")
