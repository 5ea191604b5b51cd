"""Makes Jinja2 code of checked templates and expressions.

Every value is wrapped in the escaper of its place. Operators, entries and loops become calls of our own bounded
functions (`app.flow.templates.environment`). Nothing else of a tree is compiled.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

import jinja2
from jinja2 import nodes

from app.flow.templates.environment import ENVIRONMENT
from app.flow.templates.filters import FILTERS
from app.flow.templates.tree import Template

Run: TypeAlias = Callable[[Mapping[str, Any]], Any]

_KEPT: Final = (
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
MOST_KEPT: Final = 8_192
"""How many compiled texts are kept for other fields that hold the same."""

_RESULT: Final = "result"


class Program:
    """A compiled template; `escapers` are those of its values, by their offsets."""

    def __init__(self, template: Template, language: str, escapers: Mapping[int, str]) -> None:
        rewriter = _Rewriter(template, language, escapers)
        self._compiled = _compiled([nodes.Scope([rewriter.copied(node) for node in template.body])])

    def pieces(self, names: Mapping[str, Any]) -> Iterator[str]:
        """The text, piece by piece. Raises UndefinedError and Unfit."""
        return self._compiled.root_render_func(self._compiled.new_context(names, shared=True))  # type: ignore[arg-type]  # any mapping will do: it is only read

    def offset_of(self, error: BaseException) -> int | None:
        """The offset of the value or the tag that has raised an error."""
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if _is_of(self._compiled, frame)]
        return self._compiled.get_corresponding_lineno(lines[-1]) if lines else None


@lru_cache(maxsize=MOST_KEPT)
def program(template: Template, language: str, escapers: tuple[tuple[int, str], ...]) -> Program:
    """A template, compiled once for all fields that hold the same text."""
    return Program(template, language, dict(escapers))


def _is_of(template: jinja2.Template, frame: Any) -> bool:
    return bool(frame.f_code.co_filename == (template.filename or "<template>"))


@lru_cache(maxsize=MOST_KEPT)
def compiled_condition(template: Template, language: str) -> Run:
    """The one expression of a template, compiled once for all fields that hold the same text."""
    (node,) = template.written()
    return compiled_expression(template, node, language)


def compiled_expression(template: Template, node: nodes.Node, language: str) -> Run:
    """The function that computes an expression: names by name → value. It raises UndefinedError and Unfit."""
    copied = _Rewriter(template, language, {}).copied(node)
    program = _compiled([nodes.Assign(nodes.Name(_RESULT, "store"), copied)])

    def run(names: Mapping[str, Any]) -> Any:
        context = program.new_context(names, shared=True)  # type: ignore[arg-type]  # any mapping will do: it is only read
        for _ in program.root_render_func(context):
            pass
        return context.vars[_RESULT]

    return run


def _compiled(body: list[nodes.Node]) -> jinja2.Template:
    tree = nodes.Template(body, lineno=1)
    tree.set_environment(ENVIRONMENT)
    return ENVIRONMENT.from_string(tree)


class _Rewriter:
    """Copies checked nodes into what is compiled."""

    def __init__(self, template: Template, language: str, escapers: Mapping[int, str]) -> None:
        self.template = template
        self.language = language
        self.escapers = escapers

    def copied(self, node: Any) -> Any:
        """A node, or a list of them, rewritten."""
        if isinstance(node, list):
            return [self.copied(each) for each in node]
        if not isinstance(node, nodes.Node):
            return node
        match node:
            case nodes.Output():
                return nodes.Output([self._written(child) for child in node.nodes], lineno=node.lineno)
            case nodes.For():
                plain = self._plain(node)
                plain.iter = _call("_items", plain.iter)
                return plain
            case nodes.List():
                return _call("_list", self._plain(node))
            case nodes.Filter() if FILTERS[node.name].speaks:
                return _call(node.name, self.copied(node.node), self.language, *self.copied(node.args))
            case nodes.Compare() | nodes.Add() | nodes.Sub() | nodes.Neg():
                return self._operator(node)
            case nodes.Getattr() | nodes.Getitem():
                return self._entry(node)
        return self._plain(node)

    def _operator(self, node: nodes.Expr) -> nodes.Expr:
        match node:
            case nodes.Compare(expr=left, ops=[operand]):
                return _call("_compare", self.copied(left), operand.op, self.copied(operand.expr))
            case nodes.Add(left=left, right=right):
                return _call("_add", self.copied(left), self.copied(right))
            case nodes.Sub(left=left, right=right):
                return _call("_subtract", self.copied(left), self.copied(right))
            case nodes.Neg(node=of):
                return _call("_negative", self.copied(of))
        raise TypeError(f"{type(node).__name__} is not compiled")

    def _plain(self, node: nodes.Node) -> Any:
        if not isinstance(node, _KEPT):
            raise TypeError(f"{type(node).__name__} is not compiled")
        copy: Any = type(node)(*(self.copied(value) for _, value in node.iter_fields()), lineno=node.lineno)
        return copy

    def _written(self, child: nodes.Expr) -> nodes.Expr:
        if isinstance(child, nodes.TemplateData):
            plain: nodes.Expr = self._plain(child)
            return plain
        start = self.template.start(child)
        written = _call(self.escapers[start], self.copied(child))
        written.lineno = start
        return written

    def _entry(self, node: nodes.Getattr | nodes.Getitem) -> nodes.Expr:
        of, path = self.copied(node.node), self.template.shown(node)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            bounds = (getattr(bound, "value", None) for bound in (node.arg.start, node.arg.stop))
            return _call("_cut", of, *("" if bound is None else bound for bound in bounds))
        key = node.attr if isinstance(node, nodes.Getattr) else self.copied(node.arg)
        match node.node:
            case nodes.Getattr(node=nodes.Name(name="call"), attr="sip"):
                return _call("_sip_header", of, key)
        if isinstance(key, str | nodes.Const):
            return _call("_entry", of, key, path)
        return _call("_computed_entry", of, key, path)


def _call(name: str, of: nodes.Expr, *args: Any) -> nodes.Filter:
    """A call of one of our functions, with constants or nodes as arguments."""
    each = [arg if isinstance(arg, nodes.Node) else nodes.Const(arg) for arg in args]
    return nodes.Filter(of, name, each, [], None, None, lineno=of.lineno)
