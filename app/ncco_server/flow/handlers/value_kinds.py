"""Finds the types of values in the code of a handler, without running it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache, cached_property
from inspect import Signature
from typing import Final, NamedTuple, TypeVar, get_args

from ncco_server.flow.handlers.api import Call, Direction
from ncco_server.flow.handlers.effects import Detection, NotCompleted
from ncco_server.flow.handlers.remarks import secret_arguments
from ncco_server.flow.handlers.signatures import Function, arguments_of, signature_of
from ncco_server.flow.handlers.written import MOST_NAMES, WrittenCode, bound_by, given_in, nodes_in
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.flow.scope import Variable
from ncco_server.ncco.value_types import TYPES, Kind, Word
from ncco_server.ncco.value_types.scalars import is_number

T = TypeVar("T")

COMPLETED: Final = "completed"
DIALLED: Final = Word((*get_args(NotCompleted), *get_args(Detection), COMPLETED))
_ENDS_CALL: Final = Word(tuple(each for each in DIALLED.words if each != COMPLETED))
_DETECTED: Final = frozenset(get_args(Detection))
_HELD: Final = Word(("ready", "too_long"))
_TEXT: Final = TYPES["text"]
_NUMBER: Final = TYPES["number"]
_NUMBERS: Final = ("int", "float", "len")
ANNOTATED: Final[Mapping[str, Kind]] = {
    "str": _TEXT,
    "Phone": _TEXT,
    "int": _NUMBER,
    "float": _NUMBER,
    **{name: TYPES[name] for name in ("bool", "date", "time", "datetime")},
    "Direction": Word(get_args(Direction)),
}
_IN_ORDER: Final = ("list", "reversed", "sorted", "tuple")
_OWN_CONSTRUCTION: Final = ("__init__", "__post_init__", "__new__")


@cache
def call_methods() -> Mapping[str, Signature]:
    found = {name: each for name, each in vars(Call).items() if not name.startswith("_") and callable(each)}
    return {name: signature_of(each) for name, each in found.items()}


class RowsRead(NamedTuple):
    """What `row` or `rows` reads.

    Attributes:
        type: the name of the class of a row; "" for `Row`.
        are_several: whether it is a list of rows.
    """

    table: str
    type: str
    has_key: bool
    are_several: bool


class ValueKinds:
    """The types of values in a file with a handler.

    `called` are the functions that calls run again, `calls` the names of the call in them, and `changed` those of what
    the file changes in place.
    """

    def __init__(
        self,
        written: WrittenCode,
        called: Sequence[Function],
        handler: str,
        *,
        calls: Set[str],
        changed: Set[str],
        tables: Mapping[str, TableDefinition | None],
    ) -> None:
        self._written = written
        self._called = called
        self._handler = handler
        self._calls = calls
        self._changed = changed
        self._tables = tables
        self._depth = 0
        self._given: dict[Function, Mapping[str, Sequence[ast.expr]]] = {}
        self._arguments: dict[Function, Set[str]] = {}
        self._kinds: dict[tuple[Function, str], Kind | None] = {}
        self._rows: dict[tuple[Function, str], RowsRead | None] = {}
        self._secrets: dict[tuple[Function, str], bool | None] = {}

    def given_in(self, function: Function) -> Mapping[str, Sequence[ast.expr]]:
        if function not in self._given:
            self._given[function] = given_in(function)
        return self._given[function]

    def kind_of(self, value: ast.expr, function: Function) -> Kind | None:
        """None if it is not known, or differs."""
        match value:
            case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Call() as asked, attr="or_raise"))):
                return self.kind_of(ast.Await(asked), function)
            case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) as call) if (
                name in self._calls
            ):
                return self._result_of(method, call)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in self._calls:
                return ANNOTATED.get(Call.__annotations__.get(attr, ""))
            case ast.Attribute() | ast.Subscript():
                column = self.column_of(value, function)
                return None if column is None or column.sensitive else _begun(column.type)
            case ast.Name(id=name):
                return self._of_name(name, function, self._kinds, self.kind_of, _common) or self._annotated(
                    name, function
                )
            case _:
                return self._computed(value, function)

    def _computed(self, value: ast.expr, function: Function) -> Kind | None:
        match value:
            case ast.Constant(value=const):
                return _NUMBER if is_number(const) else None
            case ast.Call(func=ast.Name(id=name)):
                return _NUMBER if name in _NUMBERS else None
            case ast.Call(func=ast.Attribute(value=of, attr="date" | "time" as part), args=[]):
                whole = self.kind_of(of, function)
                return TYPES[part] if whole is not None and whole.name == "datetime" else None
            case ast.BinOp(left=left, op=ast.Add()):
                kind = self.kind_of(left, function)
                return kind if kind is not None and kind.is_timed else None
            case ast.IfExp(body=body, orelse=orelse):
                kinds = [kind for each in (body, orelse) if (kind := self.kind_of(each, function)) is not None]
                return _common(kinds) if len(kinds) == 2 else None
            case _:
                return None

    def is_secret(self, value: ast.expr, function: Function) -> bool | None:
        """True for a `Secret`, which may be None after the last try; None if the value is another one, or not known."""
        match value:
            case ast.Await(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="collect"), keywords=keywords)
            ) if name in self._calls:
                return any(each.arg == "sensitive" and ast.unparse(each.value) == "True" for each in keywords) or None
            case ast.Attribute() | ast.Subscript():
                column = self.column_of(value, function)
                return (column is not None and column.sensitive) or None
            case ast.Name(id=name) if name in secret_arguments(function) and self._is_argument(name, function):
                return True
            case ast.Name(id=name):
                return self._of_name(name, function, self._secrets, self.is_secret, _equal)
            case _:
                return None

    def column_of(self, value: ast.Attribute | ast.Subscript, function: Function) -> Variable | None:
        match value:
            case ast.Subscript(value=row, slice=ast.Constant(value=str(name))) | ast.Attribute(value=row, attr=name):
                found = self.rows_of(row, function)
                is_row = found is not None and not found.are_several
                if found is None or not is_row or (isinstance(value, ast.Attribute) and not found.type):
                    return None
                return self.columns_of(found).get(name)
            case _:
                return None

    def columns_of(self, rows: RowsRead) -> Mapping[str, Variable]:
        """Nothing if they are not known."""
        table = self._tables.get(rows.table)
        if table is None or not table.is_whole or (rows.type and rows.type not in self.classes):
            return {}
        return {**table.columns, **(table.key if rows.has_key else {})}

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        """Those of the file that take their fields as they are."""
        classes = (node for node in self._written.tree.body if isinstance(node, ast.ClassDef))
        own = {each: {inner.name for inner in each.body if isinstance(inner, Function)} for each in classes}
        return {each.name: each for each, names in own.items() if names.isdisjoint(_OWN_CONSTRUCTION)}

    def rows_of(self, value: ast.expr, function: Function) -> RowsRead | None:
        match value:
            case ast.Await(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="row" | "rows" as method),
                    args=[ast.Constant(value=str(table))],
                    keywords=keywords,
                )
            ) if name in self._calls and all(each.arg is not None for each in keywords):
                types = [ast.unparse(each.value) for each in keywords if each.arg == "type"]
                return RowsRead(table, "".join(types).removeprefix("Row"), method == "rows", method == "rows")
            case ast.Starred(value=of) | ast.Subscript(value=of):
                found = self.rows_of(of, function)
                is_part = isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice)
                return found._replace(are_several=is_part) if found is not None and found.are_several else None
            case ast.Call(func=ast.Name(id=name), args=[of, *_]) if name in _IN_ORDER:
                return self.rows_of(of, function)
            case ast.ListComp(elt=of):
                found = self.rows_of(of, function)
                return found._replace(are_several=True) if found is not None and not found.are_several else None
            case ast.NamedExpr(value=of):
                return self.rows_of(of, function)
            case ast.Name(id=name):
                return self._of_name(name, function, self._rows, self.rows_of, _equal)
            case _:
                return None

    def _of_name(
        self,
        name: str,
        function: Function,
        known: dict[tuple[Function, str], T | None],
        find: Callable[[ast.expr, Function], T | None],
        common: Callable[[Sequence[T]], T | None],
    ) -> T | None:
        """What all values of a name have in common. Those that depend on themselves are not known."""
        if (function, name) not in known:
            known[function, name] = None
            if self._depth == MOST_NAMES:
                return None
            self._depth += 1
            found = [find(*each) for each in self._values_of(name, function)]
            self._depth -= 1
            sure = [each for each in found if each is not None]
            known[function, name] = common(sure) if sure and len(sure) == len(found) else None
        return known[function, name]

    def _values_of(self, name: str, function: Function) -> Sequence[tuple[ast.expr, Function]]:
        """What the function gives a name, or its callers an argument; nothing if they are not known."""
        given = self.given_in(function).get(name, ())
        if given or not self._is_argument(name, function) or function.name == self._handler:
            return [(each, function) for each in given]
        names = [each.arg for each, *_ in arguments_of(function)]
        found = []
        for call, caller in self._callers.get(function.name, ()):
            keywords = {each.arg: each.value for each in call.keywords}
            position = names.index(name)
            value = call.args[position] if position < len(call.args) else keywords.get(name)
            if value is None or None in keywords or any(isinstance(each, ast.Starred) for each in call.args):
                return []
            found.append((value, caller))
        return found

    def _is_argument(self, name: str, function: Function) -> bool:
        """Whether nothing else gives it a value."""
        if function not in self._arguments:
            stored = Counter(name for node in nodes_in(function) for name in bound_by(node))
            self._arguments[function] = {each.arg for each, *_ in arguments_of(function) if stored[each.arg] == 1}
        return name in self._arguments[function]

    @cached_property
    def _callers(self) -> Mapping[str, Sequence[tuple[ast.Call, Function]]]:
        used = Counter(node.id for node in nodes_in(self._written.tree) if isinstance(node, ast.Name))
        names = Counter(each.name for each in self._called)
        found: dict[str, list[tuple[ast.Call, Function]]] = {}
        for function in self._called:
            for node in nodes_in(function):
                match node:
                    case ast.Call(func=ast.Name(id=name)) if names[name] == 1:
                        found.setdefault(name, []).append((node, function))
        return {name: calls for name, calls in found.items() if used[name] == len(calls)}

    def _annotated(self, name: str, function: Function) -> Kind | None:
        """The type of a param of the handler."""
        if function.name != self._handler or not self._is_argument(name, function):
            return None
        hints = (each.annotation for each, *_ in arguments_of(function) if each.arg == name)
        return next((ANNOTATED.get(ast.unparse(each)) for each in hints if each is not None), None)

    def _result_of(self, method: str, call: ast.Call) -> Kind | None:
        match method, call.args:
            case "choose", [_, ast.Dict(values=[ast.Constant(), *_]), *_]:  # they are no choices, which is reported
                return _TEXT
            case "choose", [_, choices, *_]:
                return self._one_of(choices)
            case "hold", _:
                return _HELD
            case "connect", _:
                given = {each.arg: each.value for each in call.keywords}
                asked = given.get("detect", ast.Tuple([]))
                parts = asked.elts if isinstance(asked, ast.Tuple | ast.List) else [asked]
                heard = {each.value for each in parts if isinstance(each, ast.Constant)}
                others = _DETECTED - heard if heard and heard <= _DETECTED and len(heard) == len(parts) else set()
                known = signature_of(Call.connect).parameters.keys() - {"ends_call"}
                kind = _ENDS_CALL if given.keys() <= known else DIALLED
                return Word(tuple(word for word in kind.words if word not in others))
            case "collect", _:
                known = signature_of(Call.collect).parameters.keys() - {"sensitive"}
                return _TEXT if all(each.arg in known for each in call.keywords) else None  # perhaps a Secret
            case "run_flow", _:
                if any(each.arg == "returns" for each in call.keywords):
                    return None
                return next((self._one_of(each.value) for each in call.keywords if each.arg == "outcomes"), _TEXT)
            case "choose", _:
                return _TEXT
            case "run", [ast.Name(id=name), *_]:
                return self._returned.get(name)
            case _:
                return None

    @cached_property
    def _returned(self) -> Mapping[str, Kind]:
        """By the annotations of functions: what `run` gives fits them."""
        functions = [each for each in self._written.tree.body if isinstance(each, Function) and each.returns]
        made = Counter(name for each in self._written.tree.body for name in bound_by(each))
        hints = {each.name: ast.unparse(each.returns) for each in functions if each.returns and made[each.name] == 1}
        return {name: ANNOTATED[hint] for name, hint in hints.items() if hint in ANNOTATED}

    def _one_of(self, code: ast.expr) -> Kind:
        """The keys of a dict or the entries of a list, if all are written."""
        written = self._written.constants.get(ast.unparse(code), code)
        is_same = ast.unparse(code) not in self._changed
        match written:
            case ast.Dict(keys=words) | ast.List(elts=words) | ast.Tuple(elts=words) if is_same:
                known = tuple(str(each.value) for each in words if isinstance(each, ast.Constant))
                return Word(known) if len(known) == len(words) else _TEXT
            case _:
                return _TEXT


def can_be(kind: Kind, const: object) -> bool:
    """Whether a value of this type may be equal to a constant."""
    match const:
        case str():
            return kind.family == "text" and (not kind.words or const in kind.words)
        case int() | float():
            return kind.family in ("bool", "number")
        case _:
            return True


def _begun(kind: Kind) -> Kind | None:
    """As a row has it, which may lack a value."""
    if kind.family not in ("text", "number", "bool") and not kind.is_timed:
        return None
    return Word((*kind.words, "")) if kind.words else kind


def _common(kinds: Sequence[Kind]) -> Kind | None:
    families = {each.family for each in kinds}
    if len(families) > 1:
        return None
    if families == {"text"}:
        words = dict.fromkeys(word for each in kinds for word in each.words)
        return Word(tuple(words)) if all(each.words for each in kinds) else _TEXT
    return kinds[0]


def _equal(found: Sequence[T]) -> T | None:
    return found[0] if all(each == found[0] for each in found) else None
