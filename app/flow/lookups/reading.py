"""Reads `lookups` of a flow or of a shared file.

lookups:
  customer:
    get: "{{ env.CRM_URL }}/callers/{{ call.from }}"
    timeout: 700ms
    returns: {name: text, tier: [gold, standard]}
    default: {name: "", tier: standard}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.flow.drafts import Value
from app.flow.fields import Fields as Words
from app.flow.fields import read_fields
from app.flow.given import read_params
from app.flow.issues import Issue
from app.flow.lookups.addresses import ADDRESS, without_urls
from app.flow.lookups.body import BODY, has_braces
from app.flow.lookups.definition import LookupDefinition
from app.flow.lookups.durations import Bounds
from app.flow.lookups.headers import read_headers
from app.flow.lookups.request import Method
from app.flow.lookups.returns import read_default, read_returns
from app.flow.nodes import Entry, Map, Node, Text
from app.flow.parts.values import Object
from app.flow.paths import written
from app.flow.reader import Reader
from app.flow.scope import ScopeTypes, variable_type
from app.flow.signature import Param
from app.flow.variables import is_variable_name

TIMEOUT: Final = Bounds("50ms", "3500ms", "ms")
"""The platform waits five seconds for an answer; `NCCO_LOOKUP_BUDGET_MS` bounds all look-ups of one together."""

CACHE: Final = Bounds("1s", "24h", "s")
DEFAULT_TIMEOUT_MS: Final = 1000

_METHODS: Final[Mapping[str, Method]] = {"get": "GET", "post": "POST", "python": "PYTHON"}
WORDS: Final = (*_METHODS, "json", "with", "headers", "params", "timeout", "returns", "default", "cache")
_OF_METHOD: Final[Mapping[str, tuple[str, ...]]] = {
    "get": ("headers",),
    "post": ("json", "headers"),
    "python": ("with",),
}
_GET_OR_POST: Final = "write `get: url` or `post: url`"
_NO_OTHER: Final = "write `post`: a look-up asks by GET or by POST"
_QUERY: Final = 'write it behind the URL: "..?number={{ call.from }}"'
_SENSITIVE: Final = "say it of the field: `returns: {pin: {type: text, sensitive: true}}`"
_AUTHORIZATION: Final = 'write a header: `headers: {Authorization: "Bearer {{ env.TOKEN }}"}`'
_HINTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("url", "uri", "method", "http", "request", "endpoint", "href"), _GET_OR_POST),
    **dict.fromkeys(("put", "patch", "delete", "head"), _NO_OTHER),
    **dict.fromkeys(("body", "data", "payload", "form"), "write `json`"),
    **dict.fromkeys(("query", "querystring", "qs", "search"), _QUERY),
    **dict.fromkeys(("auth", "authorization", "token", "bearer", "api_key", "apikey"), _AUTHORIZATION),
    **dict.fromkeys(("header",), "write `headers`"),
    **dict.fromkeys(("ttl", "cache_seconds", "max_age", "expires"), "write `cache`"),
    **dict.fromkeys(("args", "arguments", "kwargs", "arg"), "write `with`"),
    **dict.fromkeys(("param", "parameters", "takes", "input"), "write `params`"),
    **dict.fromkeys(("function", "func", "call", "module"), "write `python`"),
    **dict.fromkeys(("return", "result", "results", "response", "output", "fields", "schema"), "write `returns`"),
    **dict.fromkeys(("sensitive", "secret", "secrets"), _SENSITIVE),
    **dict.fromkeys(("fallback", "defaults", "else", "otherwise"), "write `default`"),
    **dict.fromkeys(("timeout_ms", "deadline", "wait"), "write `timeout`"),
    **dict.fromkeys(("retry", "retries", "tries"), "delete it: a look-up is asked once, since a caller is listening"),
    "on": "delete it: without an answer the call goes on with `default`, and `.ok` is false",
}
_FUNCTION: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_MODULES: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


def read_lookups(node: Node, reader: Reader) -> dict[str, LookupDefinition]:
    """The look-ups by name. What is faulty is defined all the same, so that steps may name it.

    Args:
        node: the map under `lookups`.
        reader: its scope is that of the definitions: the names of the call, and of a flow also its variables.
    """
    found = reader.map(node, "`lookups`", 'write `lookups: {customer: {get: "https://..", returns: {name: text}}}`')
    before = len(reader.issues)
    read = [_read_definition(entry, reader) for entry in found.entries] if found else []
    names = found.keys() if found else ()
    reader.issues[before:] = [_with_cure_of_chains(issue, names) for issue in reader.issues[before:]]
    return {definition.name: definition for definition in read if definition is not None}


def _with_cure_of_chains(issue: Issue, names: tuple[str, ...]) -> Issue:
    """The issue; where it names another look-up, the cure says how one is given what another has found."""
    name = issue.message.removeprefix('unknown name "').removesuffix('"')
    if issue.code != "E303" or name not in names:
        return issue
    cure = f'add `params: {{value: text}}`, and let the step give it: `- name: {{value: "{{{{ {name}.field }}}}"}}`'
    return replace(issue, message=f'a look-up does not see "{name}", which is another one', cure=cure)


def _read_definition(entry: Entry, reader: Reader) -> LookupDefinition | None:
    name = entry.key.value
    is_named = is_variable_name(entry.key, "a look-up", reader)
    if is_named and name in reader.variables:
        reader.report("E539", entry.key.place, f'a variable has the name of the look-up "{name}" too')
    what = f'the look-up "{name}"'
    found = reader.map(entry.value, what, f'write `{name}: {{get: "https://..", returns: {{name: text}}}}`')
    if found is None:
        return None
    fields = read_fields(found, WORDS, what, reader, place=entry.key.place, hints=_HINTS)
    return _Definition(entry, fields, reader).read() if is_named else None


@dataclass(frozen=True, slots=True)
class _Definition:
    """One entry of `lookups` that is being read."""

    entry: Entry
    fields: Words
    reader: Reader

    def read(self) -> LookupDefinition:
        """The definition; what is faulty in it is left out."""
        fields, reader = self.fields, self.reader
        word = self._method()
        params = self._params()
        inner = replace(reader, scope=_scope(params, reader))
        returns = read_returns(fields, reader)
        definition = LookupDefinition(
            name=self.entry.key.value,
            place=self.entry.key.place,
            method=_METHODS[word],
            returns=returns,
            default=read_default(fields, returns, reader),
            url=self._url(word, inner),
            json=self._json(inner),
            headers=self._headers(inner),
            function=self._function(),
            arguments=self._arguments(inner),
            params=params,
            timeout_ms=self._duration("timeout", TIMEOUT) or DEFAULT_TIMEOUT_MS,
            cache_ms=self._duration("cache", CACHE) or 0,
        )
        self._check_words(word)
        self._check_cache(definition, inner)
        return definition

    def _method(self) -> str:
        """`get`, `post` or `python`; E530 when it is none of them or several."""
        fields, written = self.fields, [word for word in _METHODS if word in self.fields.values]
        if not written and fields.is_whole:
            cure = 'add `get: "{{ env.CRM_URL }}/callers/{{ call.from }}"`, `post: url` or `python: "module:function"`'
            self.reader.report("E530", fields.place, f"{fields.what} does not say whom it asks", cure)
        elif len(written) > 1:
            message = f"{fields.what} has `{written[0]}` and `{written[1]}`"
            self.reader.report("E530", fields.at(written[1]), message, "keep one of them")
        return written[0] if written else "get"

    def _params(self) -> dict[str, Param]:
        """`params`; a value that stands there is meant for the query of the URL."""
        node = self.fields.get("params")
        if isinstance(node, Map):
            values = [entry for entry in node.entries if isinstance(entry.value, Text) and has_braces(entry.value)]
            for entry in values:
                message = (
                    f"`params` says which values a step gives, with their types, and `{entry.key.value}` is a value"
                )
                self.reader.report("E203", entry.value.place, message, _QUERY.replace("number", entry.key.value))
            node = node._replace(entries=tuple(entry for entry in node.entries if entry not in values))
        return read_params(node, self.reader) if node is not None else {}

    def _url(self, word: str, inner: Reader) -> Value | None:
        node = self.fields.get(word)
        if node is None or word == "python":
            return None
        return replace(inner, scope=without_urls(inner.scope)).value(node, ADDRESS, "url", f"`{word}`")

    def _json(self, inner: Reader) -> Value | None:
        node = self.fields.get("json")
        return BODY.read(node, inner, f"`json` of {self.fields.what}") if node is not None else None

    def _headers(self, inner: Reader) -> Object | None:
        node = self.fields.get("headers")
        return read_headers(node, self.fields.what, inner) if node is not None else None

    def _function(self) -> str:
        """The function of `python`; E536 when it is not written as one."""
        node = self.fields.get("python")
        text = self.reader.text(node, f"`python` of {self.fields.what}") if node is not None else None
        if text is None or _FUNCTION.fullmatch(text.value):
            return text.value if text else ""
        message = f'"{text.value}" names no function'
        self.reader.report(
            "E536", text.place, message, "it cannot be computed" if has_braces(text) else _meant(text.value)
        )
        return ""

    def _arguments(self, inner: Reader) -> Object | None:
        node = self.fields.get("with")
        what = f"`with` of {self.fields.what}"
        found = self.reader.map(node, what, 'write `with: {number: "{{ call.from }}"}`') if node is not None else None
        if found is None:
            return None
        for entry in found.entries:
            if not _MODULES.fullmatch(entry.key.value) or "." in entry.key.value:
                cure = "write the name of an argument of the function"
                self.reader.report("E536", entry.key.place, f'no function takes "{entry.key.value}"', cure)
        return BODY.read_map(found, inner, what)

    def _duration(self, word: str, bounds: Bounds) -> int | None:
        node = self.fields.get(word)
        return bounds.read(node, self.reader, f"`{word}` of {self.fields.what}") if node is not None else None

    def _check_words(self, word: str) -> None:
        """E540 for what this kind of look-up does not send."""
        if word not in self.fields.values:
            return
        for other in ("json", "with", "headers"):
            if other in self.fields.values and other not in _OF_METHOD[word]:
                message = f"`{other}` has no effect beside `{word}`"
                self.reader.report("E540", self.fields.at(other), message, _INSTEAD[word, other])

    def _check_cache(self, definition: LookupDefinition, inner: Reader) -> None:
        """E541 when an answer would be kept together with something sensitive that was asked for."""
        used = frozenset[str]().union(*(value.used_names for value in definition.values))
        if definition.cache_ms and (secrets := sorted(used & inner.scope.secrets)):
            message = f'"{secrets[0]}" is sensitive, and what {self.fields.what} is asked would be kept in memory'
            self.reader.report("E541", self.fields.at("cache"), message)
        elif definition.cache_ms and (secrets := sorted(written("", path) for path in definition.returns.secrets)):
            shown = secrets[0].removeprefix(".")
            message = f'"{shown}" of {self.fields.what} is sensitive, and its answer would be kept in memory'
            self.reader.report("E541", self.fields.at("cache"), message)


_INSTEAD: Final[Mapping[tuple[str, str], str]] = {
    ("get", "json"): "write `post` to send a body; a GET says everything in its URL",
    ("get", "with"): _QUERY,
    ("post", "with"): "write `json`",
    ("python", "json"): "write `with: {name: value}`: the arguments of the function",
    ("python", "headers"): "delete it: a function is called, nothing is sent",
}


def _scope(params: Mapping[str, Param], reader: Reader) -> ScopeTypes:
    """The names of the call and, in front of them, the params."""
    scope = reader.scope
    for name, param in params.items():
        unspoken = "a sensitive param" if param.variable.sensitive else ""
        scope = scope.having(name, variable_type(param.variable), unspoken)
    return scope


def _meant(text: str) -> str:
    """The cure for a function that is written in another way."""
    bare = text.strip().removesuffix("()").replace("/", ".").replace(".py:", ":").removesuffix(".py")
    if _FUNCTION.fullmatch(bare):
        return f'write "{bare}"'
    module, _, function = bare.rpartition(".")
    if module and _MODULES.fullmatch(bare):
        return f'write "{module}:{function}"'
    return 'write its module and its name: "package.module:function"'
