"""Lookups: a flow's requests to another server while a caller is on the line, and their answers.

lookups:
  customer:
    get: "{{ env.CRM_URL }}/callers/{{ call.from }}"
    returns: {name: text, tier: [gold, standard]}
  regular: {table: customers, number: "{{ call.person }}"}    # a row of a table of our own
  duty: {table: on_duty, where: until > now, first: true}     # the first for which a condition holds
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

from jinja2 import nodes

from ncco_server.errors import RenderError
from ncco_server.flow.effects import Effect, EffectKind, Phase
from ncco_server.flow.grammar.forms import ANYTHING, TEXT, Duration, Notation, Unread, choose, has, mapped, named, ref
from ncco_server.flow.grammar.map_form import SetByCode, written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver, has_braces, read_fields
from ncco_server.flow.grammar.variables import is_variable_name, read_params, refuse_spoken
from ncco_server.flow.language.outgoing import JSON, Definition, HttpUrl, Named, read_named, scope_with
from ncco_server.flow.language.returns import (
    OK,
    Misfit,
    Redactor,
    Returned,
    SensitiveValues,
    read_default,
    read_returns,
)
from ncco_server.flow.language.selection import WORDS, Selection, TableSearch, read_selection
from ncco_server.flow.language.tables import Key, TableName, TableRead, named_table, read_key
from ncco_server.flow.nodes import Entry, Map, Node, Text
from ncco_server.flow.scope import Param, written
from ncco_server.flow.templates.references import root_names
from ncco_server.flow.templates.values import Computed, Value
from ncco_server.ncco.value_types import ANY, TYPES, JsonSchema, Kind, record
from ncco_server.table_rows import RowChange

_PATH_END = re.compile(r"[?#]")
_COMPUTED = "\0"


def check_segments(written: Value | None, url: str) -> None:
    """Raise RenderError (E392) if a computed value that is a whole path segment is empty."""
    meant = list(_segments(written)) if isinstance(written, Computed) else []
    rendered = _PATH_END.split(url)[0].split("/")
    for index in range(1, min(len(meant), len(rendered)) + 1):
        if meant[-index] == _COMPUTED and not rendered[-index]:
            raise RenderError("E392", "a value in the URL's path is empty", str(written.place) if written else "")


def _segments(written: Computed) -> Iterator[str]:
    """With `_COMPUTED` for a single computed value; none if the URL contains tags."""
    text = ""
    for node in written.template.body:
        if not isinstance(node, nodes.Output):
            return
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                text += part.data
            else:
                text += _COMPUTED if root_names(part) != {"env"} else "env"
        if _PATH_END.search(text):
            break
    yield from _PATH_END.split(text)[0].split("/")


Method: TypeAlias = Literal["GET", "POST", "PYTHON", "TABLE"]

Answer: TypeAlias = Mapping[str, Any]

_METHODS: Final[Mapping[str, Method]] = {"get": "GET", "post": "POST", "python": "PYTHON", "table": "TABLE"}
NO_ROW: Final = "there is no such row"
_QUERY: Final = 'write it in the URL: "..?number={{ call.from }}"'
_NO_EFFECT: Final[Mapping[tuple[str, str], str]] = {
    ("get", "json"): "write `post` instead of `get` to send a body, or delete `json`",
    ("get", "with"): _QUERY,
    ("post", "with"): "write `json`",
    ("python", "json"): "write `with: {name: value}`: the function's arguments",
    ("python", "headers"): "delete it: a function is called, so nothing is sent",
    **{("table", word): "delete it: a row is read, so nothing is sent" for word in ("json", "headers", "with")},
    **{("table", word): "delete it: a row is read from the server's own database" for word in ("timeout", "cache")},
    ("table", "returns"): "delete it: the columns of the table are the fields",
    **{
        (method, word): "delete it: only rows of a `table` are chosen this way"
        for method in ("get", "post", "python")
        for word in WORDS
    },
}

_APART: Final = (
    "lookups do not read each other: add `params: {name: text}` to this one, and pass the value in a step that comes "
    "later: `lookup: {this_one: {name: ..}}`"
)
_FUNCTION: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_DOTTED_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class LookupRequest(NamedTuple):
    """A lookup's request, rendered for a call.

    Attributes:
        url: absolute, http or https; "" for PYTHON.
        json: the body of a POST: any JSON value; None if there is none.
        function: `package.module:function`; "" for GET and POST.
        cache_ms: how long an accepted answer may be reused; 0 for never.
        code: what a handler calls; `function` is then only its name.
        misfit: why an answer does not match `returns`, or ""; such an answer is never cached.
    """

    method: Method
    url: str = ""
    json: Any = None
    headers: Mapping[str, str] = _NOTHING
    function: str = ""
    arguments: Mapping[str, Any] = _NOTHING
    timeout_ms: int = 1000
    cache_ms: int = 0
    misfit: Callable[[Any], str] | None = None
    code: Callable[[], Any] | None = None

    def sent(self) -> str:
        """Everything sent, as JSON that is equal for equal requests. It can contain secrets."""
        parts = (self.method, self.url, self.json, dict(self.headers), self.function, dict(self.arguments))
        return json.dumps(parts, sort_keys=True)

    def __repr__(self) -> str:
        """Leave out what may be sensitive."""
        return f"<lookup by {self.method}>"


def _read_function(node: Node, what: str, reader: Reader) -> str | None:
    text = reader.text(node, what)
    if text is None or _FUNCTION.fullmatch(text.value):
        return text.value if text else None
    cure = 'write the module and the name: "package.module:function"'
    reader.report("E203", text.place, f'"{text.value}" is not the name of a function', cure)
    return None


def _read_arguments(node: Node, what: str, reader: Resolver) -> Value | None:
    found = reader.map(node, what, 'write `with: {number: "{{ call.from }}"}`')
    if found is None:
        return None
    for key, _ in found.entries:
        if not _DOTTED_NAME.fullmatch(key.value) or "." in key.value:
            cure = "write the name of one of the function's arguments"
            reader.report("E203", key.place, f'"{key.value}" cannot be the name of an argument', cure)
    return JSON.read(found, what, reader)


class LookupDefinition(Definition):
    """One entry of `lookups`."""

    noun: ClassVar = "lookup"
    section: ClassVar = "lookups"
    undeclared_code: ClassVar = "E537"
    example: ClassVar = '{get: "https://..", returns: {name: text}}'

    method: SetByCode[Method]
    key: SetByCode[Key] = field(default_factory=dict)
    selection: SetByCode[Selection | None] = None
    table: TableName | None = None
    """The table from which a row is read. Beside it stand the values of the row's key, or `where`, `order`, `first`."""
    where: Annotated[Node | None, Unread(TEXT)] = None
    """Reads the rows for which this holds, such as `until > now`: its columns, and what the flow knows."""
    order: Annotated[Node | None, Unread(TEXT)] = None
    """The column by which the rows are sorted; with `-` before it, the largest comes first."""
    first: Annotated[Node | None, Unread({"type": "boolean"})] = None
    """true: only the first row, whose columns are the fields of the lookup. Otherwise `rows` is a list."""
    get: HttpUrl | None = None
    """The URL to request. Values in it are escaped."""
    post: HttpUrl | None = None
    """The URL to which the body is posted."""
    function: Annotated[str, Notation(_read_function, TEXT)] = written_as("python", default="")
    """package.module:function, plain or async."""
    arguments: Annotated[Value | None, Notation(_read_arguments, named(ANYTHING))] = written_as("with", default=None)
    """The arguments of the function, by name."""
    timeout_ms: Annotated[int, Duration("50ms", "3500ms")] = written_as("timeout", default=1000)
    """Time limit, such as 700ms or 2s; 1s by default. `NCCO_LOOKUP_BUDGET_MS` limits all lookups of a turn together."""
    returns: Annotated[Returned, Unread(named(ref("returned")))]
    """Each field of the answer with its type."""
    default: Annotated[Answer, Unread(named(ANYTHING))] = field(default_factory=dict)
    """The answer to use if the other server is slow or down, or sends an invalid answer."""
    cache_ms: Annotated[int, Duration("1s", "24h")] = written_as("cache", default=0)
    """How long an answer may be reused, such as 30s or 5m."""

    @property
    def url(self) -> Value | None:
        """Return None for a Python function or a table."""
        return self.get or self.post

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]

    @property
    def values(self) -> tuple[Value, ...]:
        return (*super().values, *filter(None, (self.arguments,)), *self.key.values())

    @classmethod
    def json_schema(cls) -> JsonSchema:
        schemas = cls.schemas()
        words: dict[str, JsonSchema] = {word: {} for word in schemas}
        row = {"properties": words, "additionalProperties": TEXT}
        return {
            "type": "object",
            "properties": schemas,
            **choose([(has("table"), row)], mapped(words, required=cls.required())),
        }

    @property
    def type(self) -> Kind:
        return record({**self.returns.fields, OK: TYPES["bool"]}, self.returns.type.item)

    @property
    def default_answer(self) -> Answer:
        return {**self.default, OK: False}

    def render(self, names: Mapping[str, Any]) -> LookupRequest | TableRead | TableSearch:
        """Raises RenderError, also for an empty value that is a whole path segment. `names` includes params."""
        if self.selection is not None:
            return self.selection.search(names)
        if self.table is not None:
            return TableRead(self.table.row(self.key, names))
        url = self.url.render(names) if self.url else ""
        check_segments(self.url, url)
        return LookupRequest(
            self.method,
            url,
            self.body.render(names) if self.body else None,
            self.headers.render(names) if self.headers else {},
            self.function,
            self.arguments.render(names) if self.arguments else {},
            self.timeout_ms,
            self.cache_ms,
            self.misfit,
        )

    def cast_answer(self, value: object, problem: str = "") -> tuple[Answer, str]:
        """Return also why the answer is the default ("" if it is real)."""
        if problem:
            return self.default_answer, problem
        if self.table is not None:
            if value is None:
                return self.default_answer, NO_ROW
            value = {**self.default, **value} if isinstance(value, Mapping) else value
        if self.selection is not None:
            value = self.selection.completed(value)
        try:
            return {**self.returns.read(value), OK: True}, ""
        except Misfit as misfit:
            return self.default_answer, str(misfit)

    def redact(self, answer: Answer, sensitive: SensitiveValues, mask: Callable[[str], str]) -> tuple[Answer, str]:
        """The answer with masked values; and why masking failed, or ""."""
        try:
            redactor = Redactor(sensitive, mask, is_row=self.method == "TABLE")
            masked = redactor.redact(self.returns.type, answer, self.returns.secrets)
            return {**masked, OK: answer[OK]}, ""
        except Misfit as misfit:
            return self.default_answer, str(misfit)

    def misfit(self, value: object) -> str:
        """Return "" if an answer matches `returns`."""
        return self.cast_answer(value)[1]


def read_lookups(node: Node, reader: Resolver) -> dict[str, LookupDefinition]:
    """Define invalid lookups, too, so that steps can name them."""
    entries = tuple(LookupDefinition.entries(node, reader))
    apart = {entry.key.value: _APART for entry in entries if entry.key.value not in reader.variables}
    reader = replace(reader, scope=replace(reader.scope, undeclared={**reader.scope.undeclared, **apart}))
    read = [_read_definition(entry, reader) for entry in entries]
    return {definition.name: definition for definition in read if definition is not None}


def _read_definition(entry: Entry, reader: Resolver) -> LookupDefinition | None:
    name = entry.key.value
    place = entry.key.place
    what = f'the lookup "{name}"'
    is_named = is_variable_name(entry.key, "a lookup", reader)
    if is_named and name in reader.variables:
        reader.report("E539", place, f'a variable has the same name as the lookup "{name}"')
    found = reader.map(entry.value, what, f"write `{name}: {LookupDefinition.example}`")
    if found is None:
        return None
    given = found.get("table")
    table = named_table(given, reader)
    keys = () if given is None else found.keys() if table is None else table.key
    known = dict.fromkeys((*LookupDefinition.words(), *keys))
    fields = read_fields(found, known, what, reader, place=place)
    if not is_named:
        return None
    word = _check_method(fields, reader)
    params = _read_params(fields.get("params"), reader)
    variables = {**reader.variables, **{each: param.variable for each, param in params.items()}}
    inner = replace(reader, scope=scope_with(params, reader.scope), variables=variables)
    made: dict[str, Any] = {}
    if word != "table":
        returns = read_returns(fields, reader)
    elif table is None:
        returns = Returned(record({}, ANY))
    else:
        made["selection"] = selection = read_selection(table, fields, inner)
        if selection is None and any(each in fields.values for each in WORDS):
            returns = Returned(record({}, ANY))
        else:
            returns = (selection or table).returned
            made["key"] = read_key(table, fields, inner) or {} if selection is None else selection.key
    definition = LookupDefinition.build(
        fields.without(*{"get", "post", "table"}.difference((word,))),
        inner,
        name=name,
        method=_METHODS[word],
        params=params,
        returns=returns,
        default=read_default(fields, returns, reader, given=table.defaults if word == "table" and table else {}),
        **made,
    )
    if definition is not None and definition.cache_ms:
        _check_cache(definition, inner.scope.secrets, reader)
    return definition


def _check_method(fields: Fields, reader: Reader) -> str:
    found = [word for word in _METHODS if word in fields.values]
    if not found:
        cure = 'add `get: "{{ env.CRM_URL }}/callers/{{ call.from }}"`, `post: url` or `python: "module:function"`'
        reader.report("E204", fields.place, f"{fields.what} has no `get`, `post`, `python` or `table`", cure)
        return "get"
    if len(found) > 1:
        message = f"{fields.what} has `{found[0]}` and `{found[1]}`"
        reader.report("E204", fields.at(found[1]), message, "keep one of them")
    for (method, word), cure in _NO_EFFECT.items():
        if method == found[0] and word in fields.values:
            reader.report("E219", fields.at(word), f"`{word}` has no effect with `{method}`", cure)
    return found[0]


def _read_params(node: Node | None, reader: Reader) -> dict[str, Param]:
    """A computed value was probably meant for the URL's query (E203)."""
    if isinstance(node, Map):
        values = [entry for entry in node.entries if isinstance(entry.value, Text) and has_braces(entry.value)]
        for key, value in values:
            message = f"`params` lists the values that a step passes, with their types, but `{key.value}` is a value"
            reader.report("E203", value.place, message, _QUERY.replace("number", key.value))
        node = node._replace(entries=tuple(entry for entry in node.entries if entry not in values))
    params = read_params(node, "`params`", reader) if node is not None else {}
    refuse_spoken((param.variable for param in params.values()), reader)
    return params


def _check_cache(definition: LookupDefinition, secrets: frozenset[str], reader: Reader) -> None:
    used = frozenset[str]().union(*(value.used_names for value in definition.values))
    sensitive = {written("", path).removeprefix(".") for path in definition.returns.secrets}
    if found := sorted(used & secrets) or sorted(sensitive):
        message = (
            f'"{found[0]}" is sensitive, but the `cache` of the lookup "{definition.name}" would keep it in memory'
        )
        reader.report("E541", definition.at("cache"), message)


@dataclass(frozen=True, slots=True)
class AskedLookup(Named[LookupDefinition]):
    """A lookup that a step makes on entry. Its name is in scope, with the answer."""

    def request(
        self, names: Mapping[str, Any], at_ms: int = 0, pending: tuple[RowChange, ...] = ()
    ) -> LookupRequest | TableRead | TableSearch:
        """`at_ms` and `pending` are those of a `TableRead`. Raises RenderError."""
        request = self.definition.render(self.scope(names))
        return (
            request._replace(at_ms=at_ms, pending=pending) if isinstance(request, TableRead | TableSearch) else request
        )

    def effects(self, kind: EffectKind, phase: Phase) -> Iterator[Effect]:
        yield from Named.effects(self, kind, phase)  # slots make the class twice, so `super()` would be another one
        selection = self.definition.selection
        if selection is not None and selection.where is not None:
            own = frozenset((*self.definition.params, *selection.types))
            yield Effect(kind, phase, selection.where, self.name, own=own)


def read_asked(node: Node, reader: Resolver) -> tuple[AskedLookup, ...]:
    asked: dict[str, AskedLookup] = {}
    for found in read_named(LookupDefinition, node, reader.lookups, reader, "`lookup`"):
        first = asked.setdefault(found.name, AskedLookup(found.definition, found.place, found.given))
        if first.place != found.place:
            message = f'the lookup "{found.name}" is made twice; the first is on line {first.place.line}'
            reader.report("E219", found.place, message, "delete one of the two")
    return tuple(asked.values())
