"""Makes Jinja2 code of a checked template.

Jinja2 parses the text once more. Every value is wrapped in the escaper that was chosen for it, every comparison and
every loop in our own bounded one, and every include is replaced by what it includes. Whatever else Jinja2 finds in
the text than the checks found in it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import Template, nodes
from jinja2.exceptions import TemplateError

from app.flow.expressions.filters import FILTERS
from app.flow.templates.plan import Mark, Plan, Unit, Written
from app.flow.templates.sandbox import SANDBOX
from app.flow.templates.straight import Pieces

_KNOWN = (
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.List,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Add,
    nodes.Sub,
    nodes.CondExpr,
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.Include,
)
_OPERATORS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}


class Differs(Exception):
    """Jinja2 reads the text otherwise than it was checked, or not at all."""


def compiled(plan: Plan) -> Pieces:
    """What writes the template piece by piece. Raises Differs."""
    try:
        body = _rewritten(plan.unit, plan.language)
        tree = nodes.Template([nodes.Scope(body, lineno=1)], lineno=1)
        tree.set_environment(SANDBOX)
        code = SANDBOX.compile(tree)
        template = Template.from_code(SANDBOX, code, {})
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
        raise Differs(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
    return _writer(template)


def _writer(template: Template) -> Pieces:
    def pieces(names: dict[str, Any]) -> Iterator[str]:
        return template.root_render_func(template.new_context(names, shared=True))

    return pieces


def _rewritten(unit: Unit, language: str) -> list[nodes.Node]:
    tree = SANDBOX.parse(unit.text.value)
    rewriter = _Rewriter(iter(unit.marks), language)
    body = [rewriter.visited(node) for node in tree.body]
    if next(rewriter.marks, None) is not None:
        raise Differs("some values are not found again")
    return body


class _Rewriter:
    def __init__(self, marks: Iterator[Mark], language: str) -> None:
        self.marks = marks
        self.language = language

    def visited(self, node: nodes.Node) -> nodes.Node:
        """`node`, rewritten with all that is in it, in the order of the text."""
        if type(node) not in _KNOWN or (isinstance(node, nodes.Filter) and node.name not in FILTERS):
            raise Differs(f"{type(node).__name__} is not known here")
        if isinstance(node, nodes.Include):
            return nodes.Scope(_rewritten(self._next(Unit), self.language), lineno=node.lineno)
        if isinstance(node, nodes.Output):
            node.nodes = [self._output(child) for child in node.nodes]
            return node
        for name, value in list(node.iter_fields()):
            setattr(node, name, self._field(value))
        return self._wrapped(node)

    def _field(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._field(item) for item in value]
        return self.visited(value) if isinstance(value, nodes.Node) else value

    def _output(self, child: nodes.Expr) -> nodes.Expr:
        if isinstance(child, nodes.TemplateData):
            return child
        inner = self.visited(child)
        mark = self._next(Written)
        return _filtered(inner, mark.escaper, nodes.Const(mark.index, lineno=child.lineno))

    def _next(self, kind: type[Any]) -> Any:
        mark = next(self.marks, None)
        if not isinstance(mark, kind):
            raise Differs("a value where none was found before")
        return mark

    def _wrapped(self, node: nodes.Node) -> nodes.Node:
        if isinstance(node, nodes.Filter) and FILTERS[node.name].speaks:
            node.args.insert(0, nodes.Const(self.language, lineno=node.lineno))
        if isinstance(node, nodes.For):
            node.iter = _filtered(node.iter, "_items")
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            return _filtered(node.node, "_cut", _bound(node.arg.start), _bound(node.arg.stop))
        if isinstance(node, nodes.Getattr | nodes.Getitem) and _is_sip(node.node):
            name = nodes.Const(node.attr, lineno=node.lineno) if isinstance(node, nodes.Getattr) else node.arg
            return _filtered(node.node, "_header_of", name)
        if isinstance(node, nodes.Getitem) and not _is_fixed(node.arg):
            return _filtered(node.node, "_picked", node.arg)
        if isinstance(node, nodes.Compare):
            (operand,) = node.ops
            op = nodes.Const(_OPERATORS[operand.op], lineno=node.lineno)
            return _filtered(node.expr, "_compare", op, operand.expr)
        return node


def _bound(node: nodes.Expr | None) -> nodes.Expr:
    return nodes.Const(None) if node is None else node


def _is_fixed(key: nodes.Node) -> bool:
    return isinstance(key, nodes.Const) or (isinstance(key, nodes.Neg) and isinstance(key.node, nodes.Const))


def _is_sip(node: nodes.Node) -> bool:
    """Whether it is `call.sip` or `call["sip"]`, whose entries are headers."""
    if isinstance(node, nodes.Getattr):
        key: object = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        key = node.arg.value
    else:
        return False
    return key == "sip" and isinstance(node.node, nodes.Name) and node.node.name == "call"


def _filtered(of: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(of, name, list(args), [], None, None, lineno=of.lineno)
