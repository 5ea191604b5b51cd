"""What lookups and hooks send (a URL, headers, JSON), and how steps refer to them.

send: [survey_done, {ticket_opened: {ticket: "{{ ticket }}"}}]
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Final, Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit

from ncco_server.flow.effects import NO_NAMES, Effect, EffectKind, Phase
from ncco_server.flow.frame import Assignment
from ncco_server.flow.grammar.fields import JsonField
from ncco_server.flow.grammar.forms import ANYTHING, TEXT, Notation, Unread, named, ref
from ncco_server.flow.grammar.map_form import MapForm, SetByCode, written_as
from ncco_server.flow.grammar.reader import Reader, Resolver, items
from ncco_server.flow.grammar.targets import read_given
from ncco_server.flow.nodes import Entry, Node, Place, Seq, Text
from ncco_server.flow.scope import Param, ScopeTypes
from ncco_server.flow.templates.filters import MAX_TEXT
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import Object
from ncco_server.ncco.value_types import TYPES, Kind, Point, Url, write
from ncco_server.ncco.value_types.addresses import is_address
from ncco_server.ncco.value_types.kind import AnyValue, is_encodable
from ncco_server.suggest import nearest

_ENDS_IN_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")
_BRACKETS: Final = re.compile(r"\[[^\]]*\](?::[0-9]*)?")
_NOT_IN_HOST: Final = re.compile(r"[%\s\\\u3002\uff0e\uff61]")
"""The last three are full stops in other scripts, which become dots in a resolved host."""


class RequestUrl(Url):
    """An absolute http or https URL to which the server may send requests."""

    sample = "https://example.com/callers/447700900123"

    def cast(self, value: object) -> str:
        url = super().cast(value)
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError("a URL that begins with https:// or http:// is needed")
        if "#" in url:
            raise ValueError("a URL without # is needed: anything after it is never sent")
        _check_host(url)
        return url


def _check_host(url: str) -> None:
    """Refuse hosts that some parsers take for names and others for addresses: `2130706433`, `0x7f.1`, `127.1`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise ValueError("a URL with a host and, if needed, a port from 0 to 65535 is needed") from None
    has_bad_brackets = parts.netloc.startswith("[") and not _BRACKETS.fullmatch(parts.netloc)
    if (
        not host
        or has_bad_brackets
        or _NOT_IN_HOST.search(host)
        or (_ENDS_IN_NUMBER.search(host) and not is_address(host))
    ):
        raise ValueError("the host must be a name, or an address such as 192.0.2.1 or [2001:db8::1]")


def without_urls(scope: ScopeTypes) -> ScopeTypes:
    """Make url values ordinary text.

    A variable may come from outside, but only the flow file and `env` may determine the server.
    """
    return replace(scope, types={name: _without_url(kind) for name, kind in scope.types.items()})


def _without_url(type_: Kind) -> Kind:
    if type_.name == "url":
        return TYPES["text"]
    fields = {name: _without_url(inner) for name, inner in type_.fields.items()}
    item = type_.item and _without_url(type_.item)
    return type_ if (fields, item) == (type_.fields, type_.item) else replace(type_, fields=fields, item=item)


MAX_DEPTH: Final = 20
"""Levels of nested lists and maps; our choice."""

_NUMBER_LIMIT: Final = 2**63
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Source: RFC 9110, 5.6.2 (token)."""

_SERVER_HEADERS: Final = frozenset(
    {
        *("host", "content-length", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"),
        *("expect", "accept-encoding", "idempotency-key", "proxy-authorization", "proxy-connection"),
    }
)
_SECRET: Final = re.compile(r"authorization|cookie|api-?key|token|secret|password", re.IGNORECASE)
_SECRET_QUERY: Final = re.compile(
    r"[?&]((?:api|access|auth|secret)[_-]?(?:key|token)|token|secret|password)=", re.IGNORECASE
)
_NOT_IN_URL: Final = "send it in the `json` of a `post`: URLs are kept in logs"


def read_url(node: Node, what: str, reader: Resolver) -> Value | None:
    """W531: a secret in the query."""
    if isinstance(node, Text) and (found := _SECRET_QUERY.search(node.value)):
        place = node.at(found.start(1), len(found[1]))
        reader.report("W531", place, f'"{found[1]}" in the query of a URL is a secret that would be logged')
    local = replace(reader, scope=without_urls(reader.scope), issues=[])
    value = local.value(node, RequestUrl(), "url", what)
    reader.issues.extend(replace(issue, cure=_NOT_IN_URL) if issue.code == "E331" else issue for issue in local.issues)
    return value


def read_headers(node: Node, what: str, reader: Resolver) -> Object | None:
    found = reader.map(node, what, 'write `headers: {Authorization: "Bearer {{ env.TOKEN }}"}`')
    if found is None:
        return None
    values: dict[str, Value | None] = {}
    for key, inner in found.entries:
        name = key.value
        first = next((other for other in values if other.lower() == name.lower()), None)
        values[name] = None
        if not _HEADER.fullmatch(name):
            reader.report(
                "E203", key.place, f'a header cannot be named "{name}"', "use letters, digits and -, e.g. X-Tenant"
            )
        elif name.lower() in _SERVER_HEADERS:
            cure = "delete it: the server sends it itself"
            reader.report("E203", key.place, f'the header "{name}" cannot be set', cure)
        elif first is not None:
            reader.report("E203", key.place, f'"{first}" and "{name}" are the same header', "delete one of the two")
        else:
            values[name] = value = reader.value(inner, TYPES["text"], "header", f"the header {name}")
            if value is not None and value.is_literal and _SECRET.search(name):
                reader.report("W530", inner.place, f"the header {name} contains a secret in the flow file")
    return Object({name: value for name, value in values.items() if value is not None}, found.place)


def plain_json(value: object, depth: int = 0) -> Any:
    """Dates and times become text in ISO 8601.

    Raises ValueError, without the value.
    """
    if isinstance(value, str):
        return plain_text(value)
    if value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < _NUMBER_LIMIT):
        return value
    if isinstance(value, Point):
        return write(value)
    if depth < MAX_DEPTH and isinstance(value, list | tuple):
        return [plain_json(item, depth + 1) for item in value]
    if depth < MAX_DEPTH and isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {plain_text(key): plain_json(item, depth + 1) for key, item in value.items()}
    raise ValueError(f"a JSON value is needed, at most {MAX_DEPTH} levels deep")


def plain_text(text: str) -> str:
    """Raises ValueError if the text is too long or cannot be encoded in UTF-8."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"text of at most {MAX_TEXT:,} characters is needed")
    if not is_encodable(text):
        raise ValueError("text with complete characters is needed")
    return text


class JsonValue(AnyValue):
    """Any JSON value. Computed values keep their type."""

    def cast(self, value: object) -> Any:
        return plain_json(value)


JSON: Final = JsonField("kept", computed=JsonValue())
"""Any JSON, with braces in values. A key with braces is reported (E203) and left out.

Numbers, `true` and `false` without quotes keep their type, as does `"{{ answers }}"` alone. Braces inside other text
produce text. Sensitive values are allowed: this is sent but never stored.
"""

_JSON_TEXT: Final = re.compile(r'(\s*\{\s*"[^"]*"\s*:.*\}\s*)|[\w.-]+=[^&=]*(?:&[\w.-]+=[^&=]*)+', re.DOTALL)
"""JSON within a text, and a form as browsers send it."""


def read_json(node: Node, what: str, reader: Resolver) -> Value | None:
    """E201: the text of a body in another format would be sent in quotes."""
    if isinstance(node, Text) and _JSON_TEXT.fullmatch(node.value):
        cure = "write a map, with a line for each value: `name: value`"
        reader.report("E201", node.place, f"{what} is a text", cure)
        return None
    return JSON.read(node, what, reader)


HttpUrl: TypeAlias = Annotated[Value, Notation(read_url, TEXT)]
Headers: TypeAlias = Annotated[Object, Notation(read_headers, named(TEXT))]
Body: TypeAlias = Annotated[Value, Notation(read_json, ANYTHING)]


class Definition(MapForm):
    """A lookup or a hook. A flow declares it once, and its steps refer to it by name."""

    is_named: ClassVar = True
    noun: ClassVar[str]
    section: ClassVar[str]
    """The word under which it is declared."""
    undeclared_code: ClassVar[str]
    """The code of the issue about a name that is not declared."""

    name: SetByCode[str]
    body: Body | None = written_as("json", default=None)
    """The body, as JSON."""
    headers: Headers | None = None
    """HTTP headers; keys come from `env`."""
    params: Annotated[Mapping[str, Param], Unread(ref("params"))] = field(default_factory=dict)
    """The values to pass when it is named, by name."""

    @classmethod
    def entries(cls, node: Node, reader: Reader) -> tuple[Entry, ...]:
        return reader.entries(node, f"`{cls.section}`", f"write `{cls.section}: {{name: {cls.example}}}`")

    @property
    @abstractmethod
    def url(self) -> Value | None: ...

    @property
    def values(self) -> tuple[Value, ...]:
        return tuple(value for value in (self.url, self.body, self.headers) if value is not None)


def scope_with(params: Mapping[str, Param], scope: ScopeTypes) -> ScopeTypes:
    """Params hide other names."""
    for name, param in params.items():
        scope = scope.with_name(name, param.variable.type, "a sensitive param" * param.variable.sensitive)
    return scope


D = TypeVar("D", bound=Definition)


@dataclass(frozen=True, slots=True)
class Named(Generic[D]):
    """A named lookup or hook; `given` are its params, in the scope of the step or flow that names it."""

    own_names: ClassVar[frozenset[str]] = NO_NAMES
    """In scope inside, but not where it is named."""

    definition: D
    place: Place
    given: tuple[Assignment, ...] = ()

    def effects(self, kind: EffectKind, phase: Phase) -> Iterator[Effect]:
        own = self.own_names.union(self.definition.params)
        yield from (Effect(kind, phase, value, self.name, own=own) for value in self.definition.values)
        yield from (Effect(kind, phase, given.value, self.name) for given in self.given)

    @property
    def name(self) -> str:
        return self.definition.name

    def scope(self, names: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises RenderError."""
        params = self.definition.params
        if not params:
            return names
        given = {name: param.variable.default for name, param in params.items()}
        given |= {assignment.name: assignment.value.render(names) for assignment in self.given}
        return {**names, **{name: params[name].variable.type.operand(value) for name, value in given.items()}}


def read_named(kind: type[D], node: Node, known: Mapping[str, D], reader: Resolver, what: str) -> Iterator[Named[D]]:
    """What is named twice is yielded twice.

    `node` is a name, a map from it to its params, or a list of these.
    """
    declaring = {*kind.words(), "url"} - known.keys()
    for item in items(node):
        if isinstance(item, Seq):
            cure = f"write the name of a {kind.noun}, or `- name: {{param: value}}` in a list"
            reader.report("E201", item.place, f"a {kind.noun} of {what} is a list", cure)
            continue
        given = [(item, None)] if isinstance(item, Text) else item.entries
        declared = next((key for key, value in given if value is not None and key.value in declaring), None)
        if declared is not None:
            message = f'{what} cannot declare a {kind.noun}, but "{declared.value}" belongs to one'
            cure = f"declare it under the flow's `{kind.section}`, and write its name"
            reader.report(kind.undeclared_code, declared.place, message, cure)
            continue
        for name, params in given:
            if definition := known.get(name.value):
                yield Named(definition, name.place, _read_params(definition, params, name.place, reader))
            else:
                _report_undeclared(kind, name, known, reader)


def _report_undeclared(kind: type[D], name: Text, known: Mapping[str, D], reader: Resolver) -> None:
    message = f'there is no {kind.noun} "{name.value}"'
    use = None if nearest(name.value, known) else reader.use_of(name)
    cure = use or (None if known else f"declare it: `{kind.section}: {{{name.value}: {kind.example}}}`")
    if name.value in reader.variables and kind.section == "lookups":
        message = f'"{name.value}" is a variable of this flow, which hides any {kind.noun} with that name'
        cure = "give the variable another name"
    reader.unknown(kind.undeclared_code, name, sorted(known), message, cure)


def _read_params(definition: Definition, node: Node | None, place: Place, reader: Resolver) -> tuple[Assignment, ...]:
    owner = (definition.noun, definition.name)
    form = f"{{{definition.name}: {{..}}}}"
    return read_given(node, definition.params, owner, place, reader, form=form)
