"""The values of a flow's fields: literals, values with braces, and conditions."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import Any, ClassVar, Final, Protocol, TypeAlias
from urllib.parse import unquote

import jinja2
from jinja2 import TemplateError, Undefined, UndefinedError, nodes
from jinja2.runtime import Context

from ncco_server.errors import RenderError
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.budget import BUDGET, Budget, operations_of, repeated_operations, spend
from ncco_server.flow.templates.environment import ENVIRONMENT
from ncco_server.flow.templates.escaping import ESCAPERS, Escaper, without_tags
from ncco_server.flow.templates.filters import FILTERS, Unfit
from ncco_server.flow.templates.tree import Located, Template
from ncco_server.ncco.value_types import Escape, Kind

Evaluator: TypeAlias = Callable[[Mapping[str, Any]], Any]


NO_NAMES: Final[Mapping[str, Any]] = {}
"""Do not modify it."""


class Names(dict[str, Any]):
    """The names for a turn's values, and the turn's budget.

    They never change, so the values of the turn share one Jinja2 context.
    """

    _context: Context | None = None

    def __init__(self, known: Mapping[str, Any] = NO_NAMES, budget: Budget | None = None) -> None:
        """Without `budget`, use the one in `known`, or else a new one."""
        super().__init__(known)
        if budget is not None or BUDGET not in self:
            self[BUDGET] = budget or Budget()

    @property
    def context(self) -> Context:
        if self._context is None:
            self._context = Context(ENVIRONMENT, dict(self), None, {})
        return self._context


def _context_of(names: Mapping[str, Any]) -> Context:
    return names.context if isinstance(names, Names) else Names(names).context


_COPIED: Final = (
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.List,
    nodes.Filter,
    nodes.Test,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.Scope,
)
_OPERATORS: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Add: "_add",
    nodes.Sub: "_subtract",
    nodes.Neg: "_negative",
}
_RESULT: Final = "_result"
"""Jinja2 does not export a name that begins with `_`."""


class Program:
    """A compiled template; `escapers` names each value's escaper by its offset.

    `steps` is its part of the turn's budget, without loops.
    """

    _only: tuple[str, Escaper] | None = None
    """The name in a template that is only `{{ name }}`, as of each computed text of a handler, and its escaper."""

    def __init__(self, template: Template, language: str, escapers: Mapping[int, str]) -> None:
        match template.body:
            case [nodes.Output(nodes=[nodes.Name(name=name) as node])]:
                self._only = name, ESCAPERS[escapers[template.start(node)]]
        rewriter = _Rewriter(template, language, escapers)
        self._compiled = _compile_nodes([nodes.Scope([rewriter.rewritten(node) for node in template.body])])
        self.operations = operations_of(template.body)
        self.has_loop = any(node.find(nodes.For) is not None or isinstance(node, nodes.For) for node in template.body)

    def pieces(self, names: Mapping[str, Any]) -> Iterable[str]:
        """Raises UndefinedError or Unfit."""
        if self._only is not None:
            name, escape = self._only
            try:
                return (escape(names[name]),)
            except (KeyError, UndefinedError, Unfit):
                pass  # the compiled template raises it at the place of the value
        return self._compiled.root_render_func(_context_of(names))

    def offset_of(self, error: BaseException) -> int | None:
        """The offset of the value or tag that raised an error; None for an error from elsewhere."""
        name = self._compiled.filename or "<template>"
        frames = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if frame.f_code.co_filename == name]
        return self._compiled.get_corresponding_lineno(lines[-1]) if lines else None


def compiled_expression(template: Template, node: nodes.Node, language: str) -> Evaluator:
    """The function takes the names in scope. It raises UndefinedError or Unfit."""
    copied = _Rewriter(template, language, {}).rewritten(node)
    program = _compile_nodes([nodes.Assign(nodes.Name(_RESULT, "store"), copied)])

    def run(names: Mapping[str, Any]) -> Any:
        context = _context_of(names)
        for _ in program.root_render_func(context):
            pass
        return context.vars.pop(_RESULT)

    return run


def _compile_nodes(body: list[nodes.Node]) -> jinja2.Template:
    tree = nodes.Template(body, lineno=1)
    tree.set_environment(ENVIRONMENT)
    return ENVIRONMENT.from_string(tree)


class _Rewriter:
    """Copies checked nodes; our functions replace operators and localised filters."""

    def __init__(self, template: Template, language: str, escapers: Mapping[int, str]) -> None:
        self.template = template
        self.language = language
        self.escapers = escapers

    def rewritten(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.rewritten(each) for each in node]
        if not isinstance(node, nodes.Node):
            return node
        match node:
            case nodes.Output():
                children = [*self._with_plus(node.nodes)]
                return nodes.Output([self._written(child) for child in children], lineno=node.lineno)
            case nodes.For():
                loop = self._copy(node)
                loop.iter = _call("_items", loop.iter, repeated_operations(node))
                return loop
            case nodes.List():
                return _call("_list", self._copy(node))
            case nodes.Filter() if FILTERS[node.name].is_localised:
                return _call(node.name, self.rewritten(node.node), self.language, *self.rewritten(node.args))
            case nodes.Compare(expr=left, ops=[operand]):
                sides = self.rewritten(left), self.rewritten(operand.expr)
                return _call("_compare", sides[0], operand.op, sides[1], self.template.zone)
            case nodes.Add() | nodes.Sub() | nodes.Neg():
                return _call(_OPERATORS[type(node)], *map(self.rewritten, node.iter_child_nodes()))
            case nodes.Getattr() | nodes.Getitem():
                return self._entry(node)
        return self._copy(node)

    def _with_plus(self, children: list[nodes.Expr]) -> Iterator[nodes.Expr]:
        """In a URL's query, a `+` before a value is that of a number; a server would read it as a space."""
        for child, after in zip_longest(children, children[1:]):
            escaper = "" if after is None else self.escapers.get(self.template.start(after), "")
            if isinstance(child, nodes.TemplateData) and escaper == "_url" and child.data.endswith("=+"):
                yield nodes.TemplateData(f"{child.data[:-1]}%2B", lineno=child.lineno)
            else:
                yield child

    def _copy(self, node: nodes.Node) -> Any:
        if not isinstance(node, _COPIED):
            raise TypeError(f"{type(node).__name__} is not compiled")
        copy: Any = type(node)(*(self.rewritten(value) for _, value in node.iter_fields()), lineno=node.lineno)
        return copy

    def _written(self, child: nodes.Expr) -> nodes.Expr:
        if isinstance(child, nodes.TemplateData):
            literal: nodes.Expr = self._copy(child)
            return literal
        start = self.template.start(child)
        written = _call(self.escapers[start], self.rewritten(child))
        written.lineno = start
        return written

    def _entry(self, node: nodes.Getattr | nodes.Getitem) -> nodes.Expr:
        of = self.rewritten(node.node)
        path = self.template.shown(node)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            bounds = (getattr(bound, "value", None) for bound in (node.arg.start, node.arg.stop))
            return _call("_cut", of, *("" if bound is None else bound for bound in bounds))
        key = node.attr if isinstance(node, nodes.Getattr) else self.rewritten(node.arg)
        match node.node:
            case nodes.Getattr(node=nodes.Name(name="call"), attr="sip"):
                return _call("_sip_header", of, key)
        if isinstance(key, str | nodes.Const):
            return _call("_entry", of, key, path)
        return _call("_computed_entry", of, key, path)


def _call(name: str, operand: nodes.Expr, *args: Any) -> nodes.Filter:
    each = [arg if isinstance(arg, nodes.Node) else nodes.Const(arg) for arg in args]
    return nodes.Filter(operand, name, each, [], None, None, lineno=operand.lineno)


_PLUS: Final = re.compile(r"(?<==)\+|\+(?=[0-9])")


def with_plus(url: str) -> str:
    """Encode the plus of numbers and of UTC offsets in the query: a server would read it as a space."""
    before, mark, query = url.partition("?")
    return f"{before}{mark}{_PLUS.sub('%2B', query)}"


MAX_OUTPUT: Final[dict[str, int]] = {
    "talk": 10_000,
    "ssml": 10_000,
    "url": 8_000,
    "number": 100,
    "header": 1_000,
    "json": 200_000,
    "text": 10_000,
    "kept": 10_000,
}
"""Characters of a rendered value, by kind of text (`Escape`); our choice."""

_SURROUNDINGS: Final = (2, 4, 8, 16, 32, 64)
"""Surrounding characters to compare, in turn, to find the source of rendered text."""

_DOTS = re.compile(r"/\.{1,2}(?:/|$)")
_CONTROL = re.compile("%(?:[01][0-9A-Fa-f]|7[Ff])")


class Value(Protocol):
    """A compiled field: a literal, or text with braces."""

    @property
    def place(self) -> Place: ...

    @property
    def used_names(self) -> frozenset[str]:
        """The root names, and the sensitive fields (`name.field`)."""

    @property
    def is_literal(self) -> bool: ...

    def render(self, names: Mapping[str, Any]) -> Any:
        """Cast to the declared type. Raises RenderError."""


@dataclass(frozen=True, slots=True)
class Literal:
    """The same value in every call; `text` is its source."""

    value: Any
    place: Place
    text: Located = field(compare=False, repr=False)
    used_names: frozenset[str] = frozenset()
    used_env: frozenset[str] = frozenset()

    is_literal: ClassVar = True

    def render(self, names: Mapping[str, Any]) -> Any:
        return self.value

    def as_written(self, names: Mapping[str, Any]) -> Any:
        """The value before `without_tags`."""
        return self.text.value.strip() if isinstance(self.value, str) and "<" in self.text.value else self.value

    def place_of(self, names: Mapping[str, Any], start: int, length: int) -> Place:
        blanks = len(self.text.value) - len(self.text.value.lstrip())
        return self.text.at(blanks + start, length)


@dataclass(frozen=True)
class _ComputedBase:
    """A value or condition computed in each call.

    Attributes:
        used_env: its settings (`CRM_URL` for `env.CRM_URL`).
    """

    place: Place
    type: Kind
    source: str
    template: Template = field(compare=False, repr=False)
    language: str
    used_names: frozenset[str] = frozenset()
    used_env: frozenset[str] = frozenset()

    is_literal: ClassVar = False

    def _error(self, code: str, message: str, place: Place | None = None) -> RenderError:
        return RenderError(code, message, str(place or self.place), self.used_names)


@dataclass(frozen=True)
class _SingleExpression(_ComputedBase):
    @property
    def node(self) -> nodes.Expr:
        (output,) = self.template.body
        return output.nodes[0]  # type: ignore[attr-defined, no-any-return] # an Output

    @cached_property
    def _run(self) -> Evaluator:
        return compiled_expression(self.template, self.node, self.language)

    def _computed(self, names: Mapping[str, Any]) -> Any:
        try:
            value = self._run(names)
            return str(value) if isinstance(value, Undefined) else value
        except UndefinedError as error:
            raise self._error("E391", str(error)) from None
        except Unfit as unfit:
            raise self._error(unfit.code, str(unfit)) from None


@dataclass(frozen=True)
class Expression(_SingleExpression):
    """A condition: the text of `if`, `until` or `check`."""

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Raises RenderError if a value is missing or does not fit."""
        value = self._computed(names)
        if value is True or value is False:
            return value
        raise self._error("E395", f"{self.source} is neither true nor false in this call")


@dataclass(frozen=True)
class Native(_SingleExpression):
    """A field that is only `{{ expression }}` and need not be text: its value, cast to its type."""

    def render(self, names: Mapping[str, Any]) -> Any:
        try:
            return self.type.cast(self._computed(names))
        except ValueError as error:
            raise self._error("E392", f"{self.source} does not fit: {error}") from None


@dataclass(frozen=True)
class Computed(_ComputedBase):
    """Text with braces, rendered for each call and cast to its type."""

    escape: Escape = "text"
    escapers: Mapping[int, str] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def _program(self) -> Program:
        return Program(self.template, self.language, self.escapers)

    def render(self, names: Mapping[str, Any]) -> Any:
        value = self.as_written(names)
        return without_tags(value).strip() if self.escape == "talk" else value

    def as_written(self, names: Mapping[str, Any]) -> Any:
        """The value before `without_tags`. Raises RenderError."""
        try:
            text = self._text(names)
        except (Unfit, TemplateError, TypeError, ArithmeticError, RecursionError) as error:
            raise self._failed(error) from None
        try:
            return self._finished(text)
        except ValueError as error:
            raise self._error("E392", f"the result is not valid here: {error}") from None

    def place_of(self, names: Mapping[str, Any], start: int, length: int) -> Place:
        """The place of the whole field if the characters are computed."""
        try:
            text = str(self.as_written(names))
            source = self.template.source
        except RenderError:
            return self.place
        end = start + length
        part = text[start : start + length]
        for reach in _SURROUNDINGS:
            for begin, stop in ((max(0, start - reach), end), (start, end + reach)):
                around = text[begin:stop]
                if source.count(around) == 1:  # a loop may write it several times
                    return self.template.place_at(source.index(around) + start - begin, length)
        if part.strip() and text.count(part) == source.count(part):
            at = -1
            for _ in range(text.count(part, 0, end)):
                at = source.index(part, at + 1)
            return self.template.place_at(at, length)
        return self.place

    def _text(self, names: Mapping[str, Any]) -> str:
        program = self._program
        pieces = program.pieces(names)
        text = "".join(self._measured(pieces) if program.has_loop else pieces)
        self._require_short(len(text))
        spend(names, program.operations + len(text) // 10)
        return text

    def _measured(self, pieces: Iterable[str]) -> Iterator[str]:
        """Raise RenderError once the pieces are too long together, as loops can make them."""
        size = 0
        for piece in pieces:
            size += len(piece)
            self._require_short(size)
            yield piece

    def _require_short(self, size: int) -> None:
        if size > (most := MAX_OUTPUT[self.escape]):
            raise self._error("E394", f"the result is longer than {most:,} characters")

    def _failed(self, error: Exception) -> RenderError:
        code = "E391" if isinstance(error, UndefinedError) else error.code if isinstance(error, Unfit) else "E395"
        offset = self._program.offset_of(error)
        node = next((node for node in self.template.written() if self.template.start(node) == offset), None)
        if node is None:
            return self._error(code, str(error))
        message = str(error) if code == "E391" else f"{self.template.shown(node)}: {error}"
        return self._error(code, message, self.template.place(node))

    def _finished(self, text: str) -> Any:
        if self.escape in ("talk", "ssml"):
            text = text.strip()
        elif self.escape == "url":
            self._check_path(re.split("[?#]", text, maxsplit=1)[0])
            text = with_plus(text)
        return text if self.type.name == "text" else self.type.cast(text)

    def _check_path(self, path: str) -> None:
        """Refuse a path that servers may decode as a different one: `..%2F`, line breaks."""
        if _DOTS.search(path) or ("%" in path and _DOTS.search(unquote(path).replace("\\", "/"))):
            raise self._error("E393", 'a URL whose path goes up with ".."')
        if _CONTROL.search(path):
            raise self._error("E393", "a URL with control characters in its path")
