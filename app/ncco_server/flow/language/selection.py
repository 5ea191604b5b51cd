"""Table rows that a lookup reads without their key: those for which a condition holds, in an order.

duty: {table: on_duty, where: until > now, order: until, first: true}
open: {table: tickets, where: state == "open", order: -since}              # `open.rows`, at most 100
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

from jinja2 import nodes

from ncco_server.errors import RenderError
from ncco_server.flow.grammar.reader import Fields, Resolver
from ncco_server.flow.issues import did_you_mean
from ncco_server.flow.language.returns import Returned
from ncco_server.flow.language.tables import Key, TableDefinition, read_key_values
from ncco_server.flow.nodes import Node
from ncco_server.flow.scope import Variable
from ncco_server.flow.templates.values import Expression
from ncco_server.ncco.value_types import TYPES, Kind, list_of, record
from ncco_server.suggest import nearest
from ncco_server.table_rows import RowChange

WORDS: Final = ("where", "order", "first")
ROWS: Final = "rows"
MOST_READ: Final = 1_000
"""Our choice: a caller is waiting while the lookup searches the table."""

MOST_ROWS: Final = 100
"""Our choice."""

StoredRow: TypeAlias = tuple[Sequence[str | int], Mapping[str, Any]]


class TableSearch(NamedTuple):
    """A lookup's request for rows, rendered for a call. `choose` returns the answer from all rows, or None."""

    table: str
    choose: Callable[[Iterable[StoredRow]], Any]
    at_ms: int = 0
    pending: tuple[RowChange, ...] = ()
    method: str = "TABLE"
    timeout_ms: int = 0
    cache_ms: int = 0

    def __repr__(self) -> str:
        return f"<search in {self.table}>"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows a lookup reads.

    Attributes:
        order: a column or a value of the key; "" for the order of the keys.
        is_first: the answer is the first row, not a list.
        most: how many rows the list has at most.
        key: values of a part of the key, which the rows must have too.
    """

    table: TableDefinition
    where: Expression | None = None
    order: str = ""
    is_descending: bool = False
    is_first: bool = False
    key: Key = field(default_factory=dict)
    most: int = MOST_ROWS

    @property
    def types(self) -> dict[str, Kind]:
        return {name: each.type for name, each in self.table.key.items()} | self.table.column_types

    @property
    def returned(self) -> Returned:
        secrets = [name for name, column in self.table.columns.items() if column.sensitive]
        columns = self.table.returned.type.fields if self.is_first else {}  # the lookup's default completes them
        present = self.present
        types = {
            name: replace(each, may_be_empty=False) if name in present else each
            for name, each in {**self.types, **columns}.items()
        }
        if self.is_first:
            return Returned(record(types), frozenset((name,) for name in secrets))
        rows = list_of(record(types))
        return Returned(record({ROWS: rows}), frozenset((ROWS, None, name) for name in secrets))

    @property
    def present(self) -> frozenset[str]:
        """The columns, and values of the key, that are not empty in any row that is found."""
        needed = frozenset(_present(self.where.node) if self.where is not None else ())
        return (needed & self.table.columns.keys()) | self.table.key.keys()

    def search(self, names: Mapping[str, Any]) -> TableSearch:
        """Without rows if a value of the key is empty or of another type. Raises RenderError."""
        part = self.table.key_values(self.key, names)
        if len(part) < len(self.key):
            return TableSearch(self.table.name, lambda _: None)
        places = {place: part[name] for place, name in enumerate(self.table.key) if name in part}

        def choose(rows: Iterable[StoredRow]) -> Any:
            own = (row for row in rows if all(row[0][place] == value for place, value in places.items()))
            return self._answer(own, names)

        return TableSearch(self.table.name, choose)

    def _answer(self, rows: Iterable[StoredRow], names: Mapping[str, Any]) -> Any:
        found = list(self._found(rows, names))
        if self.order:
            type_ = self.types[self.order]
            missing = [row for row in found if row.values[self.order] == ""]
            found = [row for row in found if row.values[self.order] != ""]
            found.sort(key=lambda row: type_.operand(row.values[self.order]), reverse=self.is_descending)
            found += missing
        if self.is_first:
            return found[0].stored if found else None
        return {ROWS: [row.stored for row in found[: self.most]]} if found else None

    def completed(self, answer: object) -> object:
        """The rows of a list with the defaults of their columns."""
        if not isinstance(answer, Mapping) or not isinstance(rows := answer.get(ROWS), list):
            return answer
        empty = self.table.row_defaults
        return {**answer, ROWS: [{**empty, **row} if isinstance(row, Mapping) else row for row in rows]}

    def _found(self, rows: Iterable[StoredRow], names: Mapping[str, Any]) -> Iterator[_ChosenRow]:
        types = self.types
        present = self.present
        for key, columns in rows:
            known = {name: value for name, value in columns.items() if name in self.table.columns}
            stored = {**dict(zip(self.table.key, key, strict=False)), **known}
            row = {**self.table.row_defaults, **stored}
            values = {name: _operand(type_, row[name]) for name, type_ in types.items()}
            if all(row[name] != "" for name in present) and self._holds({**names, **values}):
                yield _ChosenRow(row, stored)

    def _holds(self, names: Mapping[str, Any]) -> bool:
        """False if the row lacks a value that the condition needs."""
        try:
            return self.where is None or bool(self.where.evaluate(names))
        except RenderError:
            return False


class _ChosenRow(NamedTuple):
    """A row with the defaults of its columns, and as it is stored."""

    values: dict[str, Any]
    stored: dict[str, Any]


class _Missing(str):
    """A row's missing date or time. It equals "", and is neither before nor after anything, also text."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        raise TypeError("the row has no date or time to compare with")

    __le__ = __gt__ = __ge__ = __lt__


_MISSING: Final = _Missing()


def _operand(type_: Kind, value: Any) -> Any:
    return _MISSING if value == "" and type_.is_timed else type_.operand(value)


def _present(condition: nodes.Node) -> Iterator[str]:
    """Names with a value wherever a condition holds.

    Without one, `until > now` and `number != ""` do not, nor does `number == call.person`, even if both are missing.
    """
    match condition:
        case nodes.And(left=left, right=right):
            yield from (*_present(left), *_present(right))
        case nodes.Compare(expr=nodes.Name(name=name), ops=[nodes.Operand(op="ne", expr=nodes.Const(value=""))]):
            yield name
        case (
            nodes.Compare(ops=[nodes.Operand(op="eq", expr=nodes.Const(value=""))])
            | nodes.Compare(expr=nodes.Const(value=""))
        ):
            return
        case nodes.Compare(expr=first, ops=[nodes.Operand(op="eq" | "gt" | "gteq" | "lt" | "lteq", expr=second)]):
            yield from (each.name for each in (first, second) if isinstance(each, nodes.Name))


def read_selection(table: TableDefinition, fields: Fields, reader: Resolver) -> Selection | None:
    """None if `where`, `order` and `first` are missing or wrong."""
    written = [word for word in WORDS if word in fields.values and word not in table.key]
    if not written:
        return None
    if table.key.keys() <= fields.values.keys():
        message = f"`{written[0]}` has no effect: the whole key names one row of {table.name}"
        reader.report("E219", fields.at(written[0]), message, f"delete `{written[0]}`, or {', '.join(table.key)}")
        return None
    selection = Selection(table)
    if (node := fields.get("where")) is not None:
        scope = reader.scope
        for name, type_ in selection.types.items():
            scope = scope.with_name(name, type_)
        where = replace(reader, scope=scope).expression(node, "`where`")
        if where is None:
            return None
        selection = replace(selection, where=where)
    if (order := fields.get("order")) is not None:
        if (known := _ordered(order, table, reader)) is None:
            return None
        selection = replace(selection, order=known[0].name, is_descending=known[1])
    is_first: bool | None = False
    if (node := fields.get("first")) is not None:
        is_first = reader.literal(node, TYPES["bool"], "`first`")
    if is_first is None:
        return None
    return replace(selection, is_first=is_first, key=read_key_values(table, fields, reader))


def _ordered(order: Node, table: TableDefinition, reader: Resolver) -> tuple[Variable, bool] | None:
    """The column, and whether the largest comes first."""
    text = reader.text(order, "`order`", "write the name of a column")
    if text is None:
        return None
    known = {**table.key, **table.columns}
    written = text.value.strip()
    name = written.removeprefix("-").strip()
    if name in known:
        return known[name], written.startswith("-")
    if name not in known and not table.is_whole:
        return None
    message = f'the table {table.name} has no column "{name}"'
    near = nearest(name, known)
    otherwise = 'write the name of a column, with "-" before it for the largest first'
    cure = did_you_mean(near) if near else otherwise
    reader.unknown("E554", text, known, message, cure, names=[table.name])
    return None
