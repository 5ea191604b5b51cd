"""Finds the type of an expression, and everything in it that can never work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from types import UnionType
from typing import Any, Final, TypeAlias

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from app.flow.paths import is_inner
from app.flow.scope import (
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
from app.flow.templates.check import Check
from app.flow.templates.filters import FILTERS, speaking
from app.flow.templates.foreign import CALLS, NAMES
from app.flow.templates.foreign import FILTERS as FOREIGN_FILTERS
from app.flow.templates.operators import (
    check_comparison,
    comparison,
    half_comparison,
    is_half,
    literal_type,
    need_bool,
    sum_type,
)
from app.flow.templates.references import operand_of, root_names, touched_names
from app.flow.types import ANY, DATETIME, TYPES, ValueType
from app.ncco.suggest import nearest

_PREFIX: Final = "FLOW_"
_KINDS: Final = {"datetime": DATETIME.described} | {kind: type_.described for kind, type_ in TYPES.items()}


def type_of(check: Check, node: nodes.Node, beside: Shape | None = None) -> Shape | None:
    """The type of an expression; None when it is not known because something in it is wrong, which is reported.

    `beside` is the type of what it is compared with.
    """
    return _Types(check).of(node, beside)


def check_test(check: Check, node: nodes.Node) -> None:
    """Check a condition. In braces, as in Jinja2, an empty text, an empty list and 0 count as false."""
    _Types(check).test(node)


def may_be_missing(node: nodes.Node | None) -> bool:
    """Whether `default` and `is defined` may stand behind it: a name, an entry, a part, or a filter of one."""
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        return may_be_missing(node.node)
    return isinstance(node, nodes.Name)


class _Types(NodeVisitor):
    """Types by node: one method for each kind that expressions have."""

    def __init__(self, check: Check) -> None:
        self.check = check

    def of(self, node: nodes.Node, beside: Shape | None = None) -> Shape | None:
        """See `type_of`."""
        if isinstance(node, nodes.Name):
            return self._name(node, beside)
        shape: Shape | None = self.visit(node)
        return shape

    def test(self, node: nodes.Node) -> Shape | None:
        """The type of a condition."""
        shape = self.of(node)
        if shape is not None and self.check.is_bare:
            need_bool(self.check, node, shape)
        return shape

    # literals, names and entries

    def visit_Const(self, node: nodes.Const) -> Shape:
        if isinstance(node.value, str) and "{{" in node.value:
            cure = "write the name itself, without quotes and braces"
            self.check.report("E312", node, "braces in a text within an expression are not filled in", cure)
        return literal_type(node.value)

    def visit_List(self, node: nodes.List) -> Shape:
        shapes = [self.of(item) for item in node.items]
        return joined_list(shapes) if shapes else TYPES["list"]

    def _name(self, node: nodes.Name, beside: Shape | None) -> Shape | None:
        shape = self.check.scope.get(node.name)
        if shape is None:
            cure = self._name_cure(node.name, beside)
            self.check.report("E303", node, f'unknown name "{node.name}"', cure, name=node.name)
        return shape

    def _name_cure(self, name: str, beside: Shape | None) -> str | None:
        scope = self.check.scope
        if name == "vars":
            return "variables are written by their name alone"
        is_text = beside is not None and kind_of(beside) == "text"
        quoted = f'put quotes around it: "{name}"'
        if isinstance(beside, ValueType) and name in beside.words:
            return quoted
        if near := _owner(scope, name) or nearest(name, scope):
            return f'did you mean "{near}"?' + (f" If it is a text, {quoted}" if is_text else "")
        return f"if it is a text, {quoted}" if is_text else f"known are: {', '.join(sorted(scope))}"

    def visit_Getattr(self, node: nodes.Getattr) -> Shape | None:
        of = self.of(node.node)
        return self._field(node, node.attr, of) if of is not None else None

    def visit_Getitem(self, node: nodes.Getitem) -> Shape | None:
        of = self.of(node.node)
        if isinstance(node.arg, nodes.Slice):
            return self._part(node, of) if of is not None else None
        if isinstance(node.arg, nodes.Const):
            return self._field(node, node.arg.value, of) if of is not None else None
        key = self.of(node.arg, TYPES["text"] if of is not None and kind_of(of) == "map" else None)
        return self._entry(node, of, key) if of is not None and key is not None else None

    def _field(self, node: nodes.Getattr | nodes.Getitem, key: str | int, of: Shape) -> Shape | None:
        """The type of an entry that is named by a fixed key."""
        record = record_of(of)
        if record is not None:
            return self._record_field(node, key, record)
        if kind_of(of) == "any":
            return ANY
        if (kind_of(of), type(key)) in (("map", str), ("list", int)):
            return item_of(of)
        shown = self.check.shown(node.node)
        cure = f"{described(of)} has no fields; write {shown} alone"
        if key in CALLS:
            cure = f"write {shown} | {CALLS[str(key)]}"
        elif isinstance(key, int) and kind_of(of) == "text":
            cure = f"write {shown}[{key}:{key + 1 or ''}]"
        elif kind_of(of) == "map":
            cure = f'the keys of a map are texts: write {shown}["{key}"]'
        elif kind_of(of) == "list":
            cure = f"write the number of an entry, from 0: {shown}[0]"
        self._report_key(node, f'{shown} is {described(of)} and has no "{key}"', cure)
        return None

    def _record_field(self, node: nodes.Getattr | nodes.Getitem, key: str | int, of: Record) -> Shape | None:
        shown = self.check.shown(node.node)
        if not isinstance(key, str):
            known = f"; its fields are: {', '.join(of.fields)}" if of.fields else ""
            self._report_key(node, f"{shown} is not a list", f'write the name of a field: {shown}["name"]{known}')
            return None
        shape = of.fields.get(key, of.rest)
        if shape is None:
            self._report_key(node, f'{shown} has no "{key}"', self._field_cure(node, key, tuple(of.fields)))
        elif isinstance(node.node, nodes.Name) and node.node.name == "env":
            self._check_env(node, key)
        return shape

    def _field_cure(self, node: nodes.Getattr | nodes.Getitem, key: str, known: tuple[str, ...]) -> str:
        if near := nearest(key, known):
            return f'did you mean "{near}"?'
        if isinstance(node.node, nodes.Name) and node.node.name == "hours" and not known:
            week = "timezone: Europe/London, week: {mon-fri: 09:00-17:30}"
            return f"declare it, in this flow or in a shared file: `hours: {{{key}: {{{week}}}}}`"
        return (
            f"its fields are: {', '.join(known)}"
            if known
            else f"{self.check.shown(node.node)} has no fields: leave it out"
        )

    def _report_key(self, node: nodes.Getattr | nodes.Getitem, message: str, cure: str) -> None:
        template = self.check.template
        name = template.key(node).text
        self.check.report_at("E304", template.key(node).start, template.key_length(node), message, cure, name=name)

    def _check_env(self, node: nodes.Getattr | nodes.Getitem, name: str) -> None:
        known = self.check.scope.env
        if known is None or name in known:
            return
        bare = name.removeprefix(_PREFIX)
        if bare != name:
            cure = f"the prefix is left out here: write env.{bare}"
        elif near := nearest(name, known):
            cure = f'did you mean "{near}"?'
        else:
            cure = f"set {_PREFIX}{name} in the environment of the server"
        start = self.check.template.key(node).start
        self.check.report_at("W302", start, len(name), f"{_PREFIX}{name} is not set", cure)

    def _entry(self, node: nodes.Getitem, of: Shape, key: Shape) -> Shape | None:
        """The type of an entry that is named by a computed key."""
        shown = self.check.shown(node.node)
        if isinstance(node.node, nodes.Name) and node.node.name == "env":
            cure = f'write the name of the setting: {shown}["NAME"]'
            self.check.report("E343", node.arg, "the name of a setting cannot be computed", cure)
            return None
        if kind_of(of) == "list":
            return self._entry_of_list(node, of, key)
        if kind_of(of) == "map":
            return self._entry_of_map(node, of, key)
        if kind_of(of) == "any":
            return ANY
        template = self.check.template
        message = f"{shown} is {described(of)} and has no entries"
        start = template.key(node).start
        self.check.report_at("E304", start, template.end(node) - start - 1, message, f"write {shown} alone")
        return None

    def _entry_of_list(self, node: nodes.Getitem, of: Shape, key: Shape) -> Shape | None:
        if kind_of(key) == "any" or (isinstance(key, ValueType) and key.name == "int"):
            return item_of(of)
        shown = self.check.shown(node.arg)
        whole = f"({shown})" if isinstance(node.arg, nodes.Add | nodes.Sub) else shown
        cure = f"write {self.check.shown(node.node)}[{whole} | int]" if kind_of(key) in ("text", "number") else None
        message = f"an entry of a list is named by a whole number; {shown} is {described(key)}"
        self.check.report("E343", node.arg, message, cure)
        return None

    def _entry_of_map(self, node: nodes.Getitem, of: Shape, key: Shape) -> Shape | None:
        if kind_of(key) not in ("text", "any"):
            shown = self.check.shown(node.arg)
            cure = (
                f"write {self.check.shown(node.node)}[{shown} | text]" if kind_of(key) in ("number", "bool") else None
            )
            message = f"an entry of a map is named by a text; {shown} is {described(key)}"
            self.check.report("E343", node.arg, message, cure)
            return None
        known = record_of(of)
        if known is None:
            return item_of(of)
        return known.rest or (reduce(common, known.fields.values()) if known.fields else ANY)

    def _part(self, node: nodes.Getitem, of: Shape) -> Shape | None:
        if kind_of(of) in ("list", "any"):
            return of
        if kind_of(of) == "text":
            return TYPES["text"]
        message = f"only a text or a list can be cut; {self.check.shown(node.node)} is {described(of)}"
        self.check.report("E308", node, message)
        return None

    # operators

    def visit_Compare(self, node: nodes.Compare) -> Shape:
        each = comparison(node)
        if isinstance(each.left, nodes.Name) and self.check.scope.get(each.left.name) is None:
            right = self.of(each.right)
            left = self.of(each.left, right)
        else:
            left = self.of(each.left)
            right = self.of(each.right, left)
        if left is not None and right is not None:
            check_comparison(self.check, each, left, right)
        return TYPES["bool"]

    def visit_Test(self, node: nodes.Test) -> Shape:
        """`is defined`."""
        if self.of(node.node) is not None and not may_be_missing(node.node):
            message = f'"is defined" stands behind a name; {self.check.shown(node.node)} is computed'
            self.check.report("E306", node.node, message, "write `is defined` behind the name within it")
        return TYPES["bool"]

    def visit_Not(self, node: nodes.Not) -> Shape:
        if isinstance(node.node, nodes.Test):
            return self.visit_Test(node.node)
        self.test(node.node)
        return TYPES["bool"]

    def visit_And(self, node: nodes.And | nodes.Or) -> Shape:
        left = self.test(node.left)
        if not self.check.is_bare:
            return common(left, self.of(node.right))
        if isinstance(node.right, nodes.Const) and not isinstance(node.right.value, bool):
            half_comparison(self.check, node)
            return TYPES["bool"]
        right = self.of(node.right)
        if right is not None and is_half(node, right):
            half_comparison(self.check, node)
        elif right is not None:
            need_bool(self.check, node.right, right)
        return TYPES["bool"]

    visit_Or = visit_And

    def visit_CondExpr(self, node: nodes.CondExpr) -> Shape:
        self.test(node.test)
        return common(self.of(node.expr1), self.of(node.expr2 or node.expr1))

    def visit_Add(self, node: nodes.Add | nodes.Sub) -> Shape | None:
        if (meant := self._hyphenated(node)) and not root_names(node.right) <= set(self.check.scope):
            field, key = meant
            start = self.check.template.key(field).start
            cure = f'write {self.check.shown(field.node)}["{key}"]'
            self.check.report_at("E304", start, len(key), f'"{key}" is read as a subtraction', cure)
            return None
        left, right = self.of(node.left), self.of(node.right)
        return sum_type(self.check, node, left, right) if left is not None and right is not None else None

    visit_Sub = visit_Add

    def _hyphenated(self, node: nodes.Add | nodes.Sub) -> tuple[nodes.Getattr, str] | None:
        """The field and the key that `call.sip.X-Tenant` was meant to name, when `node` is such a mistake."""
        template = self.check.template
        left: nodes.Node = node
        while isinstance(left, nodes.Sub) and isinstance(left.right, nodes.Name):
            if template.end(left.left) + 1 != template.start(left.right):
                break
            left = left.left
        if left is node or not isinstance(left, nodes.Getattr):
            return None
        shape = _shape_of_path(self.check.scope, left.node)
        record = record_of(shape)
        is_open = shape is None or (record.rest is not None if record else kind_of(shape) in ("map", "any"))
        return (left, template.source[template.key(left).start : template.end(node)]) if is_open else None

    def visit_Neg(self, node: nodes.Neg) -> Shape | None:
        shape = self.of(node.node)
        if shape is None or kind_of(shape) in ("number", "any"):
            return shape
        shown = self.check.shown(node.node)
        cure = f"write 0 - {shown} | int" if kind_of(shape) == "text" else None
        self.check.report("E308", node, f'"-" needs a number; {shown} is {described(shape)}', cure)
        return None

    # filters

    def visit_Filter(self, node: nodes.Filter) -> Shape | None:
        of = operand_of(node)
        shape, args = self.of(of), [self.of(arg) for arg in node.args]
        known = FILTERS.get(node.name)
        if known is None:
            near = nearest(node.name, FILTERS)
            cure = f'did you mean "{near}"?' if near else f"filters are: {', '.join(FILTERS)}"
            cure = FOREIGN_FILTERS.get(node.name, cure)
            self.check.report_at("E305", node.lineno, len(node.name), f'unknown filter "{node.name}"', cure)
            return None
        if not known.needed <= len(args) <= len(known.args):
            message = f"{node.name} takes {_count(known.needed, len(known.args))}"
            self.check.report_at("E306", node.lineno, len(node.name), message, f"write {known.example}")
            return None
        if node.name == "default" and not may_be_missing(of):
            message = f"default stands behind a name; {self.check.shown(of)} is computed"
            self.check.report("E306", of, message, f"write {known.example} behind the name within it")
            return None
        self._check_args(node, args)
        if shape is None or not self._takes(node, shape) or (known.speaks and not self._can_speak(node, shape)):
            return None
        if node.name in ("first", "last"):
            return TYPES["text"] if kind_of(shape) == "text" else item_of(shape)
        return known.gives if known.gives is not None else self._defaulted(node, shape, args)

    def _check_args(self, node: nodes.Filter, args: list[Shape | None]) -> None:
        for arg, shape, wanted in zip(node.args, args, FILTERS[node.name].args, strict=False):
            if shape is None or wanted in ("", kind_of(shape)) or kind_of(shape) == "any":
                continue
            shown = self.check.shown(arg)
            message = f"{node.name} takes {TYPES[wanted].described} here; {shown} is {described(shape)}"
            self.check.report("E306", arg, message, f"write {FILTERS[node.name].example}")

    def _takes(self, node: nodes.Filter, shape: Shape) -> bool:
        takes, shown = FILTERS[node.name].takes, self.check.shown(operand_of(node))
        if not takes or kind_of(shape) in (*takes, "any"):
            return True
        *others, last = (_KINDS[kind] for kind in takes)
        wanted = f"{', '.join(others)} or {last}" if others else last
        through = {"number": "text", "text": "number"}.get(kind_of(shape), "")
        cure = f"write {shown} | {through} | {node.name}" if through in takes else None
        if FILTERS[node.name].speaks:
            cure = f"write {shown} | list" if kind_of(shape) == "list" else None
        self.check.report("E306", operand_of(node), f"{node.name} takes {wanted}; {shown} is {described(shape)}", cure)
        return False

    def _defaulted(self, node: nodes.Filter, shape: Shape, args: list[Shape | None]) -> Shape:
        if len(args) < 2 and _is_always_there(self.check, operand_of(node)):
            message = f"{self.check.shown(operand_of(node))} is never missing, at most empty"
            shown = self.check.shown(node.args[0]) if args else ""
            cure = f"to replace what is empty, write | default({shown}, true)" if args else None
            self.check.report_at("W304", node.lineno, len(node.name), message, cure)
        return common(shape, args[0] if args else TYPES["text"])

    def _can_speak(self, node: nodes.Filter, shape: Shape) -> bool:
        """Check what is written in the brackets of a filter that speaks; a computed argument shows in the call.

        What it speaks with is imported in any case, so that no call waits for it.
        """
        speaking()
        if not node.args or not isinstance(node.args[0], nodes.Const) or node.name not in _SPOKEN_ARGS:
            return True
        written = node.args[0]
        takes, find = _SPOKEN_ARGS[node.name]
        found = (
            find(written.value, self.check.shown(operand_of(node)), shape) if isinstance(written.value, takes) else None
        )
        if found is not None:
            self.check.report(found[0], written, *found[1:])
        return found is None


def _count(needed: int, most: int) -> str:
    if most == 0:
        return "nothing in brackets"
    unit = "value" if most == 1 else "values"
    return f"{needed} {unit} in brackets" if needed == most else f"{needed} to {most} {unit} in brackets"


def _owner(scope: ScopeTypes, name: str) -> str | None:
    """The field of this name, of the call, a setting, a calendar or a lookup."""
    bare = name.removeprefix(_PREFIX)
    if bare in (scope.env or ()):
        return f"env.{bare}"
    for root in ("input", "call", *sorted(scope)):
        shape = scope.get(root)
        if isinstance(shape, Record) and name in shape.fields:
            return f"{root}.{name}"
    return NAMES.get(name)


def _is_always_there(check: Check, node: nodes.Node) -> bool:
    """Whether every call has the value of a name, of one of its known fields, or of a SIP header ("" if not sent).

    A sensitive value is gone in a later turn, out of `input` too.
    """
    scope = check.scope
    if isinstance(node, nodes.Name):
        secrets = scope.secrets
        return node.name not in secrets and (node.name != "input" or not secrets)
    if any(is_inner(name) for name in touched_names(check.template, node, scope.unspoken, is_passed=True)):
        return False
    shape = record_of(_shape_of_path(scope, node.node)) if isinstance(node, nodes.Getattr) else None
    if shape is None or not isinstance(node, nodes.Getattr):
        return False
    return _is_always_there(check, node.node) and (node.attr in shape.fields or shape is HEADERS)


def _shape_of_path(scope: ScopeTypes, node: nodes.Node) -> Shape | None:
    if isinstance(node, nodes.Name):
        return scope.get(node.name)
    of = record_of(_shape_of_path(scope, node.node)) if isinstance(node, nodes.Getattr) else None
    return of.fields.get(node.attr, of.rest) if of is not None and isinstance(node, nodes.Getattr) else None


# what filters that speak take in their brackets (E340 to E342)

Found: TypeAlias = tuple[str, str, str]
"""Code, message and cure."""


def _form(form: str, shown: str, shape: Shape) -> Found | None:
    known = speaking()
    is_form = form in known.FORMS
    if not is_form and not known.is_currency(form):
        near = nearest(form, known.FORMS)
        ways = f'write one of {", ".join(known.FORMS)}, or a currency such as "GBP"'
        return "E340", f'spoken knows no "{form}"', f'did you mean "{near}"?' if near else ways
    if is_form and kind_of(shape) == "number":
        cure = 'write | spoken alone, or a currency such as | spoken("GBP")'
        return "E341", f"{shown} is {described(shape)} and has no {form}", cure
    if not is_form and kind_of(shape) == "datetime":
        return "E341", f"{shown} is {described(shape)}, no amount of money", f"write one of {', '.join(known.FORMS)}"
    return None


def _word(word: str, shown: str, shape: Shape) -> Found | None:
    words = speaking().WORDS
    cure = "write " + " or ".join(f'| list("{known}")' for known in words)
    return None if word in words else ("E340", f'list knows no "{word}"', cure)


def _group(size: float, shown: str, shape: Shape) -> Found | None:
    most = speaking().MAX_GROUP
    if isinstance(size, int) and 1 <= size <= most:
        return None
    return "E340", f"digits makes no groups of {size}", f"write how many digits stand together: 1 to {most}"


def _zone(name: str, shown: str, shape: Shape) -> Found | None:
    if speaking().is_zone(name):
        return None
    zones = speaking().known_zones()
    near = nearest(name, zones) or next((zone for zone in sorted(zones) if zone.endswith(f"/{name}")), None)
    cure = f'did you mean "{near}"?' if near else 'write continent and city, such as "Europe/London"'
    return "E342", f'there is no time zone "{name}"', cure


_SPOKEN_ARGS: Mapping[str, tuple[type | UnionType, Callable[[Any, str, Shape], Found | None]]] = {
    "digits": (int | float, _group),
    "in_zone": (str, _zone),
    "list": (str, _word),
    "spoken": (str, _form),
}
"""The type of the first argument, and what finds a fault in it."""
