"""Finds the type of an expression, and everything in it that can never work."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import reduce
from typing import Any, Final, NamedTuple

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from app.flow.issues import Issue
from app.flow.paths import is_inner
from app.flow.rules import RULES
from app.flow.scope import (
    CALL_WORDS,
    HEADERS,
    Record,
    ScopeTypes,
    Shape,
    common,
    described,
    item_of,
    joined_list,
    kind_of,
    record_of,
)
from app.flow.templates.environment import SIGNS
from app.flow.templates.filters import FILTERS, LANGUAGE, Unfit, speaking
from app.flow.templates.foreign import FOREIGN
from app.flow.templates.references import operand_of, root_names, touched_names
from app.flow.templates.syntax import MISPLACED, NO_PLUS
from app.flow.templates.tree import Template
from app.flow.types import ANY, DATETIME, TYPES, ValueType
from app.flow.zones import zone_cure
from app.ncco.suggest import nearest

_PREFIX: Final = "FLOW_"
_ELSEWHERE: Final = {
    "vars": "variables are written by their name alone",
    "event": "`event` is known in hooks only",
}
"""Names that are not in scope, and what to write instead."""
_TEXT_TESTS: Final = ("starts_with", "ends_with", "contains")
_KINDS: Final = {"datetime": DATETIME.described} | {kind: type_.described for kind, type_ in TYPES.items()}
_ORDER: Final = ("lt", "lteq", "gt", "gteq")
_NUMERIC = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_NUMBER = re.compile(r"\+?[0-9][0-9\s.()\-\u2010-\u2015]*|\([0-9\s.()\-]*|\+")
_FILLING = re.compile(r"[\s.()\-\u2010-\u2015]")
_LEAST_DIGITS: Final = 7
"""Digits of the shortest phone number; what is shorter may be an extension."""


class Comparison(NamedTuple):
    """A comparison of two operands; `op` is what Jinja2 calls it (`eq`, `in`, ...)."""

    left: nodes.Expr
    op: str
    right: nodes.Expr


class Typed(NamedTuple):
    """An expression with its type."""

    node: nodes.Expr
    shape: Shape


class Checker(NodeVisitor):
    """Checks the expressions of one template.

    Attributes:
        template: where the expressions are written.
        scope: the known names with their types.
        is_bare: whether the expression is a condition of its own, without braces around it.
        issues: everything found so far.
    """

    def __init__(
        self, template: Template, scope: ScopeTypes, *, is_bare: bool = False, issues: list[Issue] | None = None
    ) -> None:
        self.template = template
        self.scope = scope
        self.is_bare = is_bare
        self.issues = issues if issues is not None else []

    def type_of(self, node: nodes.Node, beside: Shape | None = None) -> Shape | None:
        """The type of an expression; None when something in it is wrong, which is reported.

        `beside` is the type of what it is compared with.
        """
        if isinstance(node, nodes.Name):
            return self._name(node, beside)
        shape: Shape | None = self.visit(node)
        return shape

    def check_test(self, node: nodes.Node) -> Shape | None:
        """The type of a condition. In braces, as in Jinja2, an empty text, an empty list and 0 count as false."""
        shape = self.type_of(node)
        if shape is not None and self.is_bare:
            self._need_bool(node, shape)
        return shape

    def report(
        self, code: str, node: nodes.Node, message: str, cure: str | None = None, *, undeclared: str = ""
    ) -> None:
        """Add an issue about an expression."""
        self.issues.append(RULES[code].at(self.template.place(node), message, cure, undeclared=undeclared))

    def report_at(
        self, code: str, start: int, length: int, message: str, cure: str | None = None, *, undeclared: str = ""
    ) -> None:
        """Add an issue about `length` characters from `start`."""
        place = self.template.place_at(start, length)
        self.issues.append(RULES[code].at(place, message, cure, undeclared=undeclared))

    def shown(self, node: nodes.Node) -> str:
        """An expression as it is written, shortened."""
        return self.template.shown(node)

    def require(self, node: nodes.Node, shape: Shape, kinds: tuple[str, ...], what: str, code: str = "E308") -> bool:
        """Whether a value is of one of some kinds; reports one that is not. `what` says what takes the value."""
        if kind_of(shape) in (*kinds, "any"):
            return True
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        message = f"{what} takes {wanted}; {self.shown(node)} is {described(shape)}"
        self.report(code, node, message, self._cast_cure(node, shape, kinds))
        return False

    def _cast_cure(self, node: nodes.Node, shape: Shape, kinds: Collection[str]) -> str | None:
        """How a value is made one of another kind, where a filter does that or the quotes are wrong."""
        kind, shown = kind_of(shape), self.shown(node)
        if isinstance(node, nodes.Const):
            is_numeric = kind == "text" and "number" in kinds and _NUMERIC.fullmatch(str(node.value))
            if is_numeric or (kind == "number" and "text" in kinds):
                return f"write {node.value} without quotes" if is_numeric else f'write "{shown}" in quotes'
            return None
        through = {"text": "number", "number": "text", "bool": "text"}.get(kind)
        if through not in kinds:
            return None
        return f"write {self._operand(node)} | {through}"

    def _operand(self, node: nodes.Node) -> str:
        """An expression as a filter follows it."""
        return f"({self.shown(node)})" if isinstance(node, nodes.Add | nodes.Sub) else self.shown(node)

    # what Jinja2 has, and the flow language has not

    def visit_Call(self, node: nodes.Call) -> None:
        """A function or a method (E310)."""
        of, shown, start = node.node, self.shown(node.node), self.template.start(node)
        cure = "functions are not available; filters are: `| length`, `| upper`, ..."
        if isinstance(of, nodes.Getattr) and of.attr in FOREIGN.calls:
            cure = f"write {self.shown(of.node)} | {FOREIGN.calls[of.attr]}"
        elif isinstance(of, nodes.Getattr) and of.attr in FOREIGN.growing:
            cure = f"write {self.shown(of.node)} + [...]"
        elif isinstance(of, nodes.Name) and of.name in FOREIGN.calls:
            cure = f"write `| {FOREIGN.calls[of.name]}` after the value"
        elif isinstance(of, nodes.Name) and of.name == "defined":
            cure = "write `is defined` after the name"
        self.report_at("E310", start, node.lineno + 1 - start, f"{shown}(...) calls a function", cure)

    def visit_Pos(self, node: nodes.Pos) -> None:
        """A number behind a plus (E301)."""
        self.report_at("E301", node.lineno, 1, "a value is missing here", NO_PLUS)

    def visit_Tuple(self, node: nodes.Tuple) -> None:
        """Values with commas between them, outside of a list; nothing between brackets (E301)."""
        sign = self.template.operator(node.items[0]) if node.items else self.template.token(node.lineno)
        if sign.text == "[":
            sign = self.template.key(node)
        message, cure = MISPLACED[","][1:] if node.items else ("a value is missing here", None)
        self.report_at("E301", sign.start, 1, message, cure)

    # literals, names and entries

    def visit_Const(self, node: nodes.Const) -> Shape:
        """Braces in it are not filled in (E312)."""
        if isinstance(node.value, str) and "{{" in node.value:
            cure = "write the name itself, without quotes and braces"
            self.report("E312", node, "braces in a text within an expression are not filled in", cure)
        return literal_type(node.value)

    def visit_List(self, node: nodes.List) -> Shape:
        """The type of its entries, where it is known."""
        shapes = [self.type_of(item) for item in node.items]
        return joined_list(shapes) if shapes else TYPES["list"]

    def _name(self, node: nodes.Name, beside: Shape | None) -> Shape | None:
        shape = self.scope.get(node.name)
        if shape is None:
            cure = self._name_cure(node.name, beside)
            self.report("E303", node, f'unknown name "{node.name}"', cure, undeclared=node.name)
        return shape

    def _name_cure(self, name: str, beside: Shape | None) -> str:
        if name in _ELSEWHERE:
            return _ELSEWHERE[name]
        is_text = beside is not None and kind_of(beside) == "text"
        quoted = f'put quotes around it: "{name}"'
        if isinstance(beside, ValueType) and name in beside.words:
            return quoted
        if near := self.owner_of(name) or nearest(name, self.scope):
            return f'did you mean "{near}"?' + (f" If it is a text, {quoted}" if is_text else "")
        return f"if it is a text, {quoted}" if is_text else f"known are: {', '.join(sorted(self.scope))}"

    def owner_of(self, name: str) -> str | None:
        """The field of this name, of the call, a setting, a calendar or a lookup, as it is written."""
        bare = name.removeprefix(_PREFIX)
        if bare in (self.scope.env or ()):
            return f"env.{bare}"
        for root in ("input", "call", *sorted(self.scope)):
            shape = self.scope.get(root)
            if isinstance(shape, Record) and name in shape.fields:
                return f"{root}.{name}"
        return FOREIGN.names.get(name)

    def visit_Getattr(self, node: nodes.Getattr) -> Shape | None:
        """An entry that is named by a fixed text."""
        of = self.type_of(node.node)
        return self._field(node, node.attr, of) if of is not None else None

    def visit_Getitem(self, node: nodes.Getitem) -> Shape | None:
        """A part, or an entry that is named by a number or computed."""
        of = self.type_of(node.node)
        if isinstance(node.arg, nodes.Slice):
            return self._part(node, node.arg, of) if of is not None else None
        if isinstance(node.arg, nodes.Const) and type(node.arg.value) not in (str, int):
            self.report(
                "E310", node.arg, "only a text or a whole number can be in brackets", 'write ["X-Tenant"] or [0]'
            )
            return None
        if isinstance(node.arg, nodes.Const) and self.template.token(node.lineno).text == ".":
            number = str(node.arg.value)
            cure = f"write {self.shown(node.node)}[{number}]"
            self.report_at("E302", node.lineno, 1 + len(number), "an entry of a list is named in brackets", cure)
            return None
        if isinstance(node.arg, nodes.Const):
            return self._field(node, node.arg.value, of) if of is not None else None
        key = self.type_of(node.arg, TYPES["text"] if of is not None and kind_of(of) == "map" else None)
        return self._entry(node, of, key) if of is not None and key is not None else None

    def _field(self, node: nodes.Getattr | nodes.Getitem, key: str | int, of: Shape) -> Shape | None:
        """The type of an entry that is named by a fixed key."""
        record, kind = record_of(of), kind_of(of)
        if record is not None:
            return self._record_field(node, key, record)
        if kind == "any":
            return ANY
        if (kind, type(key)) in (("map", str), ("list", int)):
            return item_of(of)
        shown = self.shown(node.node)
        cure = f"{described(of)} has no fields; write {shown} alone"
        if key in FOREIGN.calls:
            cure = f"write {shown} | {FOREIGN.calls[str(key)]}"
        elif isinstance(key, int) and kind == "text":
            cure = f"write {shown}[{key}:{key + 1 or ''}]"
        elif kind == "map":
            cure = f'the keys of a map are texts: write {shown}["{key}"]'
        elif kind == "list":
            cure = f"write the number of an entry, from 0: {shown}[0]"
        self._report_key(node, f'{shown} is {described(of)} and has no "{key}"', cure)
        return None

    def _record_field(self, node: nodes.Getattr | nodes.Getitem, key: str | int, of: Record) -> Shape | None:
        shown, known = self.shown(node.node), ", ".join(of.fields)
        if not isinstance(key, str):
            fields = f"; its fields are: {known}" if known else ""
            self._report_key(node, f"{shown} is not a list", f'write the name of a field: {shown}["name"]{fields}')
            return None
        shape = of.fields.get(key, of.rest)
        is_name = isinstance(node.node, nodes.Name)
        if shape is None:
            cure = f"its fields are: {known}" if known else f"{shown} has no fields: leave it out"
            if near := nearest(key, tuple(of.fields)):
                cure = f'did you mean "{near}"?'
            elif is_name and shown == "hours" and not known:
                week = "timezone: Europe/London, week: {mon-fri: 09:00-17:30}"
                cure = f"declare it, in this flow or in a shared file: `hours: {{{key}: {{{week}}}}}`"
            self._report_key(node, f'{shown} has no "{key}"', cure)
        elif is_name and shown == "env":
            self._check_env(node, key)
        return shape

    def _report_key(self, node: nodes.Getattr | nodes.Getitem, message: str, cure: str) -> None:
        key = self.template.key(node)
        self.report_at("E304", key.start, self.template.key_length(node), message, cure, undeclared=key.text)

    def _check_env(self, node: nodes.Getattr | nodes.Getitem, name: str) -> None:
        known = self.scope.env
        if known is None or name in known:
            return
        cure = f"set {_PREFIX}{name} in the environment of the server"
        if name.startswith(_PREFIX):
            cure = f"the prefix is left out here: write env.{name.removeprefix(_PREFIX)}"
        elif near := nearest(name, known):
            cure = f'did you mean "{near}"?'
        self.report_at("W302", self.template.key(node).start, len(name), f"{_PREFIX}{name} is not set", cure)

    def _entry(self, node: nodes.Getitem, of: Shape, key: Shape) -> Shape | None:
        """The type of an entry that is named by a computed key."""
        shown, shown_key, kind = self.shown(node.node), self.shown(node.arg), kind_of(key)
        if isinstance(node.node, nodes.Name) and node.node.name == "env":
            cure = f'write the name of the setting: {shown}["NAME"]'
            self.report("E343", node.arg, "the name of a setting cannot be computed", cure)
            return None
        if kind_of(of) == "list":
            is_whole = kind == "any" or (isinstance(key, ValueType) and key.name == "int")
            if not is_whole:
                message = f"an entry of a list is named by a whole number; {shown_key} is {described(key)}"
                as_int = f"write {shown}[{self._operand(node.arg)} | int]" if kind in ("text", "number") else None
                self.report("E343", node.arg, message, as_int)
            return item_of(of) if is_whole else None
        if kind_of(of) == "map":
            if not self.require(node.arg, key, ("text",), "the name of an entry", "E343"):
                return None
            known = record_of(of)
            if known is None:
                return item_of(of)
            return known.rest or (reduce(common, known.fields.values()) if known.fields else ANY)
        if kind_of(of) == "any":
            return ANY
        start = self.template.key(node).start
        message = f"{shown} is {described(of)} and has no entries"
        self.report_at("E304", start, self.template.end(node) - start - 1, message, f"write {shown} alone")
        return None

    def _part(self, node: nodes.Getitem, part: nodes.Slice, of: Shape) -> Shape | None:
        bounds = [bound for bound in (part.start, part.stop, part.step) if bound is not None]
        for bound in bounds:
            if not isinstance(bound, nodes.Const) or type(bound.value) is not int or bound is part.step:
                self.report("E301", bound, "a part is cut out by two fixed whole numbers", "such as [0:3] or [-4:]")
                return None
        if kind_of(of) not in ("list", "text", "any"):
            self.report("E308", node, f"only a text or a list can be cut; {self.shown(node.node)} is {described(of)}")
            return None
        return TYPES["text"] if kind_of(of) == "text" else of

    # logic

    def visit_Test(self, node: nodes.Test) -> Shape:
        """`is defined`."""
        for arg in node.args:
            self.report("E301", arg, "something is missing here")
        if self.type_of(node.node) is not None and not may_be_missing(node.node):
            message = f'"is defined" follows a name; {self.shown(node.node)} is computed'
            self.report("E306", node.node, message, "write `is defined` after the name within it")
        return TYPES["bool"]

    def visit_Not(self, node: nodes.Not) -> Shape:
        """`not`, or `is not defined`."""
        if isinstance(node.node, nodes.Test):
            return self.visit_Test(node.node)
        self.check_test(node.node)
        return TYPES["bool"]

    def visit_And(self, node: nodes.And | nodes.Or) -> Shape:
        """`and` or `or`; in braces one of the two values."""
        left = self.check_test(node.left)
        if not self.is_bare:
            return common(left, self.type_of(node.right))
        if isinstance(node.right, nodes.Const) and not isinstance(node.right.value, bool):
            self._half_comparison(node)
            return TYPES["bool"]
        right = self.type_of(node.right)
        if right is not None and _is_half(node, right):
            self._half_comparison(node)
        elif right is not None:
            self._need_bool(node.right, right)
        return TYPES["bool"]

    visit_Or = visit_And

    def visit_CondExpr(self, node: nodes.CondExpr) -> Shape | None:
        """One of two values."""
        if self.is_bare or node.expr2 is None:
            sign = self.template.operator(node.expr1)
            fault = MISPLACED["if"] if self.is_bare else ("E301", '"if" without "else"', 'write ... if ... else ""')
            self.report_at(fault[0], sign.start, 2, *fault[1:])
            return None
        self.check_test(node.test)
        return common(self.type_of(node.expr1), self.type_of(node.expr2))

    def _need_bool(self, node: nodes.Node, shape: Shape) -> None:
        """Report a test that is neither true nor false."""
        if kind_of(shape) in ("bool", "any"):
            return
        shown = self.shown(node)
        word = shape.words[0] if isinstance(shape, ValueType) and shape.words else ""
        cure = {
            "text": f'write {shown} == "{word}"' if word else f'write {shown} != ""',
            "number": f"write {shown} != 0",
            "list": f"write {shown} | length > 0",
            "map": f"write {shown} | length > 0",
        }.get(kind_of(shape))
        if isinstance(node, nodes.Const):
            cure = "write true or false, or a comparison"
        elif (record := record_of(shape)) and record.fields:
            cure = _name_a_field(shown, record)
        self.report("E309", node, f"{shown} is {described(shape)}, neither true nor false", cure)

    def _half_comparison(self, node: nodes.And | nodes.Or) -> None:
        """Report `name == "1" or "2"`: what is behind `or` is compared with nothing."""
        last, shown = _last_comparison(node), self.shown(node.right)
        cure = "write a comparison on both sides"
        if last is not None:
            cure = f"write {self.shown(last.left)} {SIGNS[last.op]} {shown}"
            if isinstance(node, nodes.Or) and last.op == "eq":
                cure += f", or a list: {self.shown(last.left)} in [{self.shown(last.right)}, {shown}]"
        self.report("E309", node.right, f"{shown} is compared with nothing", cure)

    # comparisons

    def visit_Compare(self, node: nodes.Compare) -> Shape | None:
        """True or false."""
        each = comparison(node)
        if len(node.ops) > 1:
            sign, shown = self.template.operator(each.right), self.shown(each.right)
            cure = f"write both: {self.shown(each.left)} {SIGNS[each.op]} {shown} and {shown} {sign.text} ..."
            self.report_at("E310", sign.start, len(sign.text), "two comparisons in a row", cure)
            return None
        if isinstance(each.left, nodes.Name) and self.scope.get(each.left.name) is None:
            right = self.type_of(each.right)
            left = self.type_of(each.left, right)
        else:
            left = self.type_of(each.left)
            right = self.type_of(each.right, left)
        if left is not None and right is not None:
            one, other = Typed(each.left, left), Typed(each.right, right)
            if each.op in ("in", "notin"):
                self._check_contained(each, one, other)
            elif self._are_comparable(each, one, other):
                self._check_word(one.node, other)
                self._check_word(other.node, one)
                for side in (one, other) if each.op in _ORDER else ():
                    if not self.require(side.node, side.shape, ("number", "datetime"), f'"{SIGNS[each.op]}"'):
                        break
        return TYPES["bool"]

    def _are_comparable(self, node: Comparison, left: Typed, right: Typed) -> bool:
        kinds = {kind_of(left.shape), kind_of(right.shape)}
        if len(kinds) == 1 or "any" in kinds:
            return True
        const, other = (right, left) if isinstance(right.node, nodes.Const) else (left, right)
        if isinstance(const.node, nodes.Const):
            message = f"{self._described(other)}, {self._described(const)}"
            is_ordered = node.op in _ORDER and kind_of(other.shape) == "text"
            cure = self._cast_cure(*other, ["number"]) if is_ordered else self._literal_cure(const, other)
            self.report("E307", const.node, message, cure)
        else:
            text, number = (left, right) if kind_of(left.shape) == "text" else (right, left)
            cure = self._cast_cure(*text, [kind_of(number.shape)])
            sign, length = self.template.operator(left.node), len(SIGNS[node.op])
            self.report_at("E307", sign.start, length, f"{self._described(left)}, {self._described(right)}", cure)
        return False

    def _described(self, side: Typed) -> str:
        return f"{self.shown(side.node)} is {described(side.shape)}"

    def _literal_cure(self, const: Typed, other: Typed) -> str:
        """How a literal is written to fit what it is compared with."""
        value, shown = str(getattr(const.node, "value", "")).lower(), self.shown(other.node)
        if cure := self._cast_cure(const.node, const.shape, [kind_of(other.shape)]):
            return cure
        if kind_of(other.shape) == "bool" and value in ("true", "false", "yes", "no", "1", "0"):
            return f"write {'true' if value in ('true', 'yes', '1') else 'false'} without quotes"
        if (record := record_of(other.shape)) and record.fields:
            return _name_a_field(shown, record)
        if kind_of(const.shape) == "number" and kind_of(other.shape) in ("list", "map"):
            return f"write {shown} | length"
        return f"compare {shown} with {described(other.shape)}"

    def _check_word(self, node: nodes.Expr, beside: Typed) -> None:
        """Check a literal that is compared with a type with allowed words, or with a phone number."""
        shape = beside.shape
        if not isinstance(shape, ValueType) or not isinstance(node, nodes.Const) or not isinstance(node.value, str):
            return
        if shape.words and node.value not in shape.words:
            near = nearest(node.value, shape.words)
            cure = f'did you mean "{near}"?' if near else f"it is one of: {', '.join(shape.words)}"
            self.report("E314", node, f'{self.shown(beside.node)} is never "{node.value}"', cure)
        if shape.name == "phone":
            self._check_number(node, node.value)
        self._check_call_word(beside.node, node, node.value)

    def _check_number(self, node: nodes.Expr, written: str, *, is_beginning: bool = False) -> None:
        """Check a text that is compared with a phone number, or with its beginning."""
        cure = "write the country code in place of the leading 0: 447700900123 for 07700 900123"
        digits = _FILLING.sub("", written)
        if digits.startswith(("+", "00")):
            digits = digits[1:] if digits.startswith("+") else digits[2:]
        elif digits.startswith("0"):
            digits = ""
        if digits:
            cure = f'write "{digits}"'
        least = 1 if is_beginning else _LEAST_DIGITS
        if digits != written and _NUMBER.fullmatch(written) and sum(map(str.isdigit, written)) >= least:
            self.report("W301", node, f'a number in a call is never written "{written}"', cure)

    def _check_call_word(self, field: nodes.Expr, node: nodes.Expr, written: str) -> None:
        """Check a text that is compared with a field of the call for which Vonage sends only some words."""
        match field:
            case nodes.Getattr(node=nodes.Name(name="call"), attr=attr) if attr in CALL_WORDS:
                known = CALL_WORDS[attr]
                if written and written not in known:
                    near = nearest(written, known)
                    cure = f'did you mean "{near}"?' if near else f"it is one of: {', '.join(known)}"
                    self.report("W306", node, f'Vonage never sends "{written}" as {self.shown(field)}', cure)

    def _check_contained(self, node: Comparison, left: Typed, right: Typed) -> None:
        kinds = (kind_of(left.shape), kind_of(right.shape))
        if isinstance(right.node, nodes.List):
            for item in right.node.items:
                if isinstance(item, nodes.Const) and self._are_comparable(
                    node, left, Typed(item, literal_type(item.value))
                ):
                    self._check_word(item, left)
        elif kinds[1] == "list":
            self._check_entry(left, right)
        elif kinds[1] == "map":
            self.require(left.node, left.shape, ("text",), "the name of an entry")
        elif kinds[1] != "any":
            message = f'"{SIGNS[node.op]}" needs a list; {self._described(right)}'
            cure = f"write the list in brackets: [{self.shown(right.node)}]"
            if kinds[1] == "text" and not isinstance(right.node, nodes.Const):
                cure = f"write {self.shown(right.node)} | contains({self.shown(left.node)})"
            self.report("E308", right.node, message, cure)

    def _check_entry(self, left: Typed, right: Typed) -> None:
        """Check what is searched for in a list whose entries are of one type."""
        item = item_of(right.shape)
        kinds = (kind_of(left.shape), kind_of(item))
        if "any" in kinds or kinds[0] == kinds[1]:
            return
        message = f"{self._described(left)}; every entry of {self.shown(right.node)} is {described(item)}"
        self.report("E307", left.node, message, self._cast_cure(left.node, left.shape, [kinds[1]]))

    # sums

    def visit_Add(self, node: nodes.Add | nodes.Sub) -> Shape | None:
        """A sum or a difference."""
        if (meant := self._hyphenated(node)) and not root_names(node.right) <= set(self.scope):
            field, key = meant
            cure = f'write {self.shown(field.node)}["{key}"]'
            message = f'"{key}" is read as a subtraction'
            self.report_at("E304", self.template.key(field).start, len(key), message, cure)
            return None
        left, right = self.type_of(node.left), self.type_of(node.right)
        return self._sum(node, left, right) if left is not None and right is not None else None

    visit_Sub = visit_Add

    def _hyphenated(self, node: nodes.Add | nodes.Sub) -> tuple[nodes.Getattr, str] | None:
        """The field and the key that `call.sip.X-Tenant` was meant to name, when `node` is such a mistake."""
        template = self.template
        left: nodes.Node = node
        while isinstance(left, nodes.Sub) and isinstance(left.right, nodes.Name):
            if template.end(left.left) + 1 != template.start(left.right):
                break
            left = left.left
        if left is node or not isinstance(left, nodes.Getattr):
            return None
        shape = _shape_of_path(self.scope, left.node)
        record = record_of(shape)
        is_open = shape is None or (record.rest is not None if record else kind_of(shape) in ("map", "any"))
        return (left, template.source[template.key(left).start : template.end(node)]) if is_open else None

    def _sum(self, node: nodes.Add | nodes.Sub, left: Shape, right: Shape) -> Shape | None:
        """The type of a sum or a difference."""
        kinds, is_sum = {kind_of(left), kind_of(right)} - {"any"}, isinstance(node, nodes.Add)
        if not kinds:
            return ANY
        if kinds == {"number"}:
            both_int = all(isinstance(shape, ValueType) and shape.name == "int" for shape in (left, right))
            return TYPES["int" if both_int else "number"]
        if kinds == {"text"} and is_sum:
            return TYPES["text"]
        if kinds == {"list"} and is_sum:
            return common(left, right) if kind_of(left) == kind_of(right) else TYPES["list"]
        is_list = is_sum and "list" in (kind_of(left), kind_of(right))
        work = "joins lists" if is_list else "adds numbers or joins texts" if is_sum else "subtracts numbers"
        sides = Typed(node.left, left), Typed(node.right, right)
        message = f'"{node.operator}" {work}; {self._described(sides[0])}, {self._described(sides[1])}'
        cure = self._bracket_cure(node, left)
        if cure is None and is_list:
            first, second = self.shown(node.left), self.shown(node.right)
            cure = f"write {first} + [{second}]" if kind_of(left) == "list" else f"write [{first}] + {second}"
        elif cure is None and kinds <= {"text", "number"}:
            wanted = ("number", "text") if is_sum else ("number",)
            casts = [self._cast_cure(*side, [kind]) for kind in wanted for side in sides]
            cure = next(filter(None, casts), None)
        sign = self.template.operator(node.left)
        self.report_at("E308", sign.start, 1, message, cure)
        return None

    def _bracket_cure(self, node: nodes.Add | nodes.Sub, left: Shape) -> str | None:
        """How a filter is given the whole sum, where it was probably meant to: one that speaks, or one of lists."""
        right = node.right
        if not isinstance(right, nodes.Filter) or self.template.source[self.template.start(right) - 1] == "(":
            return None
        known = FILTERS[right.name]
        if kind_of(left) not in known.takes or not (known.speaks or kind_of(left) == "list"):
            return None
        whole = f"({self.shown(node.left)} {node.operator} {self.shown(right.node or right)})"
        return f"a filter applies to what is right before it: write {whole} | {right.name}"

    def visit_Neg(self, node: nodes.Neg) -> Shape | None:
        """A negative number."""
        shape = self.type_of(node.node)
        if shape is None or kind_of(shape) in ("number", "any"):
            return shape
        self.report("E308", node, f'"-" needs a number; {self.shown(node.node)} is {described(shape)}')
        return None

    # filters

    def visit_Filter(self, node: nodes.Filter) -> Shape | None:
        """What a filter makes of its operand."""
        for named in node.kwargs:
            sign = self.template.before(named.value)
            self.report_at("E302", sign.start, 1, "a filter takes values without names", "write the value alone")
            return None
        of = operand_of(node)
        shape, args = self.type_of(of), [self.type_of(arg) for arg in node.args]
        known = FILTERS.get(node.name)
        if known is None:
            near = nearest(node.name, FILTERS)
            cure = f'did you mean "{near}"?' if near else f"filters are: {', '.join(FILTERS)}"
            cure = FOREIGN.filters.get(node.name, cure)
            self.report_at("E305", node.lineno, len(node.name), f'unknown filter "{node.name}"', cure)
            return None
        if not known.needed <= len(args) <= len(known.args):
            message = f"{node.name} takes {_count(known.needed, len(known.args))}"
            self.report_at("E306", node.lineno, len(node.name), message, f"write {known.example}")
            return None
        if node.name == "default" and not may_be_missing(of):
            message = f"default follows a name; {self.shown(of)} is computed"
            self.report("E306", of, message, f"write {known.example} after the name within it")
            return None
        self._check_args(node, args)
        if shape is not None and node.name in _TEXT_TESTS:
            self._check_part(node, shape)
        if shape is None or (known.takes and not self.require(of, shape, known.takes, node.name, "E306")):
            return None
        if known.speaks and not self._can_speak(node, shape):
            return None
        if node.name in ("first", "last"):
            return TYPES["text"] if kind_of(shape) == "text" else item_of(shape)
        return known.gives if known.gives is not None else self._defaulted(node, shape, args)

    def _check_args(self, node: nodes.Filter, args: list[Shape | None]) -> None:
        for arg, shape, wanted in zip(node.args, args, FILTERS[node.name].args, strict=False):
            if shape is not None and wanted:
                self.require(arg, shape, (wanted,), node.name, "E306")

    def _check_part(self, node: nodes.Filter, shape: Shape) -> None:
        """Check what a phone number is asked to begin with, to end with or to contain."""
        part = node.args[0]
        if (
            getattr(shape, "name", "") != "phone"
            or not isinstance(part, nodes.Const)
            or not isinstance(part.value, str)
        ):
            return
        if node.name == "starts_with":
            self._check_number(part, part.value, is_beginning=True)
        elif _NUMBER.fullmatch(part.value) and not part.value.isdigit():
            digits = "".join(filter(str.isdigit, part.value))
            message = f'a number in a call never contains "{part.value}"'
            self.report("W301", part, message, f'write "{digits}"' if digits else "write digits only")

    def _defaulted(self, node: nodes.Filter, shape: Shape, args: list[Shape | None]) -> Shape:
        if len(args) < 2 and self._is_always_there(operand_of(node)):
            message = f"{self.shown(operand_of(node))} is never missing, at most empty"
            cure = f"to replace what is empty, write | default({self.shown(node.args[0])}, true)" if args else None
            self.report_at("W304", node.lineno, len(node.name), message, cure)
        return common(shape, args[0] if args else TYPES["text"])

    def _is_always_there(self, node: nodes.Node) -> bool:
        """Whether every call has the value of a name, of one of its known fields, or of a SIP header ("" if not sent).

        A sensitive value is gone in a later turn, out of `input` too.
        """
        scope = self.scope
        if isinstance(node, nodes.Name):
            secrets = scope.secrets
            return node.name not in secrets and (node.name != "input" or not secrets)
        if any(is_inner(name) for name in touched_names(self.template, node, scope.unspoken, is_passed=True)):
            return False
        shape = record_of(_shape_of_path(scope, node.node)) if isinstance(node, nodes.Getattr) else None
        if shape is None or not isinstance(node, nodes.Getattr):
            return False
        return self._is_always_there(node.node) and (node.attr in shape.fields or shape is HEADERS)

    def _can_speak(self, node: nodes.Filter, shape: Shape) -> bool:
        """Check what is written in the brackets of a filter that speaks, by speaking typical values with it.

        What it speaks with is imported in any case, so that no call waits for it.
        """
        speaking()
        arg = node.args[0] if node.args else None
        if not isinstance(arg, nodes.Const) or kind_of(literal_type(arg.value)) not in FILTERS[node.name].args:
            return True
        cure, tried = _TRIED[node.name]
        whys = {kind: _why_not(node.name, value, arg.value) for kind, value in tried}
        why = whys.get(kind_of(shape))
        code = "E341" if why else ""
        if all(whys.values()):
            code, why = "E342" if node.name == "in_zone" else "E340", next(iter(whys.values()))
        if code:
            self.report(
                code, arg, f"{node.name} cannot take {self.shown(arg)}: {why}", cure or zone_cure(str(arg.value))
            )
        return not code


_TRIED: Final[Mapping[str, tuple[str, tuple[tuple[str, Any], ...]]]] = {
    "digits": ("write how many digits are in a group: 1 to 9", (("", "1"),)),
    "in_zone": ("", (("", DATETIME.sample),)),
    "list": ('write "and" or "or"', (("", []),)),
    "spoken": (
        'write one of date, day, time, weekday, or a currency such as "GBP"',
        (("datetime", DATETIME.sample), ("number", 1)),
    ),
}
"""What filters take in their brackets, and the values that they speak with it, by kind."""


def _why_not(name: str, value: Any, arg: Any) -> str:
    """Why a filter cannot speak a value with an argument; "" when it can."""
    try:
        FILTERS[name].apply(value, LANGUAGE, arg)
    except Unfit as error:
        return str(error)
    return ""


def may_be_missing(node: nodes.Node | None) -> bool:
    """Whether `default` and `is defined` may follow: a name, an entry, a part, or a filter or a choice of one."""
    if isinstance(node, nodes.CondExpr):
        return may_be_missing(node.expr1) or may_be_missing(node.expr2)
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        return may_be_missing(node.node)
    return isinstance(node, nodes.Name)


def comparison(node: nodes.Compare) -> Comparison:
    """The one comparison that it is."""
    operand = node.ops[0]
    return Comparison(node.expr, operand.op, operand.expr)


def literal_type(value: Any) -> ValueType:
    """The type of a literal."""
    if isinstance(value, bool):
        return TYPES["bool"]
    if isinstance(value, str):
        return TYPES["text"]
    return TYPES["int" if isinstance(value, int) else "number"]


def _name_a_field(shown: str, shape: Record) -> str:
    return f"name a field of it: {', '.join(f'{shown}.{field}' for field in shape.fields)}"


def _is_half(node: nodes.And | nodes.Or, right: Shape) -> bool:
    """Whether `node` is `name == a or b`, with a `b` that is meant to be compared with `name` as well."""
    last = _last_comparison(node)
    if last is None or last.op != "eq" or not isinstance(node.right, nodes.Name | nodes.Getattr):
        return False
    if kind_of(right) not in ("text", "number") or (isinstance(right, ValueType) and right.words):
        return False
    other = last.right.value if isinstance(last.right, nodes.Const) else None
    return other is None or isinstance(other, str) == (kind_of(right) == "text")


def _last_comparison(node: nodes.And | nodes.Or) -> Comparison | None:
    """The comparison with == or != that is last before the right side; None without one."""
    last = node.left
    while isinstance(last, nodes.And | nodes.Or):
        last = last.right if isinstance(last.right, nodes.Compare) else last.left
    found = comparison(last) if isinstance(last, nodes.Compare) else None
    return found if found is not None and found.op in ("eq", "ne") else None


def _count(needed: int, most: int) -> str:
    if most == 0:
        return "nothing in brackets"
    unit = "value" if most == 1 else "values"
    return f"{needed} {unit} in brackets" if needed == most else f"{needed} to {most} {unit} in brackets"


def _shape_of_path(scope: ScopeTypes, node: nodes.Node) -> Shape | None:
    if isinstance(node, nodes.Name):
        return scope.get(node.name)
    of = record_of(_shape_of_path(scope, node.node)) if isinstance(node, nodes.Getattr) else None
    return of.fields.get(node.attr, of.rest) if of is not None and isinstance(node, nodes.Getattr) else None
