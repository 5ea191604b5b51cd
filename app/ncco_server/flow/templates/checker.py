"""Checks expressions: finds their types, and reports what cannot work."""

from __future__ import annotations

import re
from functools import reduce
from typing import Any, Final

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from ncco_server.flow.issues import RULES, FlowIssue, did_you_mean, meant_word, unset_variable
from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import CALL_WORDS, ScopeTypes
from ncco_server.flow.templates.filters import FILTERS, LANGUAGE, Filter, Unfit, speech_package
from ncco_server.flow.templates.operators import COMPARISONS, ORDERED
from ncco_server.flow.templates.references import Occurrence, operand_of, touched_names, used_env
from ncco_server.flow.templates.tree import HOLE, Template, Token
from ncco_server.flow.zones import zone_cure
from ncco_server.ncco.value_types import ANY, POINTS, SENT, TYPES, Kind, Word, common_type, digits_in, list_of
from ncco_server.suggest import nearest

_PREFIX: Final = "FLOW_"
_TRUTHS: Final = ("open", "ok")
"""Fields of opening hours and lookups that are meant where the whole is written as a condition."""
_CASTS: Final = {"number": "number", "text": "text", "date": "date", "time": "time"}
"""Filters that convert a value, by the kind of the result."""
_NUMERIC: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_PHONE: Final = re.compile(r"\+?[0-9][0-9\s.()\-\u2010-\u2015]*|\([0-9\s.()\-]*|\+")
_MIN_DIGITS: Final = 7
"""Shorter numbers may be extensions."""


class Checker(NodeVisitor):
    """The expressions of one template: each `visit_` method checks one kind.

    Attributes:
        types: None for an expression with an error.
    """

    def __init__(
        self, template: Template, scope: ScopeTypes, *, is_bare: bool = False, issues: list[FlowIssue] | None = None
    ) -> None:
        self.template = template
        self.scope = scope
        self.is_bare = is_bare
        self.issues = issues if issues is not None else []
        self.types: dict[nodes.Node, Kind | None] = {}

    @property
    def has_errors(self) -> bool:
        return any(issue.is_error for issue in self.issues)

    def used(self, node: nodes.Expr) -> tuple[frozenset[str], frozenset[str]]:
        return touched_names(Occurrence(self.template, node, "output"), self.scope.unspoken), used_env(node)

    def report(self, code: str, where: nodes.Node | Token, message: str, cure: str | None = None) -> None:
        self.issues.append(RULES[code].at(self.template.place(where), message, cure))

    def shown(self, node: nodes.Node) -> str:
        return self.template.shown(node)

    def described(self, *each: nodes.Node) -> str:
        """The expressions must have been checked."""
        return ", ".join(f"{self.shown(node)} is {self._kind(node).described}" for node in each)

    def type_of(self, node: nodes.Node, beside: Kind | None = None) -> Kind | None:
        """None after reporting an error. `beside` is the other operand's type, if there is one."""
        found: Kind | None = self._name(node, beside) if isinstance(node, nodes.Name) else self.visit(node)
        self.types[node] = found
        return found

    def check_test(self, node: nodes.Node) -> Kind | None:
        """The type of a condition.

        Bare, it must be true or false. In braces, as in Jinja2, empty text, an empty list and 0 count as false.
        """
        type_ = self.type_of(node)
        if type_ is None:
            return None
        shown = self.shown(node)
        field = next((name for name in _TRUTHS if name in type_.fields), "")
        if field:  # never empty, so it would always count as true
            self.report("E308", node, f"{shown} is {type_.described}, neither true nor false", f"write {shown}.{field}")
        elif self.is_bare and type_.family not in ("bool", "any"):
            tests = {"number": "!= 0", "list": "| length > 0", "map": "| length > 0"}
            test = tests.get(type_.family, '!= ""')
            cure = f"compare it: {shown} {test}"
            self.report("E308", node, f"{shown} is {type_.described}, neither true nor false", cure)
        return type_

    def converted(self, node: nodes.Node, family: str) -> str | None:
        """How to write the value as one of another kind; None if neither a filter nor quotes convert it."""
        own = self._kind(node).family
        shown = self.shown(node)
        if isinstance(node, nodes.Const) and own == "number":
            return f'write "{shown}" in quotes' if family == "text" else None
        if isinstance(node, nodes.Const):
            is_number = family == "number" and _NUMERIC.fullmatch(str(node.value))
            return f"write {node.value} without quotes" if is_number else None
        if family not in _CASTS or own in ("list", "map", "bool"):
            return None
        written = f"({shown})" if isinstance(node, nodes.BinExpr) else shown
        return f"write {written} | {_CASTS[family]}"

    def meant_by(self, name: str) -> str:
        """The name itself or the setting; "" if neither is known."""
        bare = name.removeprefix(_PREFIX)
        return name if name in self.scope else f"env.{bare}" if bare in (self.scope.env or ()) else ""

    def owner_of(self, name: str) -> str | None:
        """The name with its owner: `input.digits` for `digits`."""
        if name not in self.scope and (setting := self.meant_by(name)):
            return setting
        known = ((root, self.scope.get(root)) for root in ("input", "call", *sorted(self.scope)))
        owner = next((root for root, type_ in known if type_ is not None and name in type_.fields), None)
        return f"{owner}.{name}" if owner else None

    def _kind(self, node: nodes.Node) -> Kind:
        return self.types.get(node) or ANY

    def _require(self, node: nodes.Node, kinds: tuple[str, ...], what: str, code: str = "E308") -> bool:
        """False after reporting a value of another kind. `what` is the filter or operator."""
        type_ = self.types[node]
        if type_ is None or type_.family in (*kinds, "any"):
            return True
        wanted = " or ".join(TYPES[kind].described for kind in kinds)
        self.report(code, node, f"{what} takes {wanted}; {self.described(node)}", self.converted(node, kinds[0]))
        return False

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> None:
        """Report a part of Jinja2 that the language does not have."""
        cure = "write names, literals, comparisons, and, or, not, in, + and -; instead of calls, filters: `| length`"
        self.report("E301", node, f"{self.shown(node)} cannot be used in an expression", cure)

    def visit_Const(self, node: nodes.Const) -> Kind | None:
        if node.value is None:
            cure = 'write "" for empty text; use `| default(...)` for a missing value, and `.ok` for a lookup'
            self.report("E301", node, f"{self.shown(node)} is not a value", cure)
            return None
        if isinstance(node.value, str) and "{{" in node.value:
            message = "braces inside quoted text in an expression are not filled in"
            self.report("E301", node, message, "write the name itself, without quotes and braces")
        return _literal_type(node.value)

    def visit_List(self, node: nodes.List) -> Kind:
        types = [self.type_of(item) for item in node.items]
        return list_of(reduce(common_type, types) or ANY) if types else TYPES["list"]

    def _name(self, node: nodes.Name, beside: Kind | None) -> Kind | None:
        name = node.name
        type_ = self.scope.get(name)
        if type_ is None:
            near = [each for each in (self.owner_of(name), nearest(name, self.scope)) if each]
            known = ", ".join(sorted(each for each in self.scope if HOLE not in each))
            cure = did_you_mean(*near) if near else f"write one of: {known}"
            if beside is not None and beside.family == "text" and (name in beside.words or not near):
                cure = f'if it is text, put quotes around it: "{name}"'
            self.report("E303", node, f'unknown name "{name}"', self.scope.undeclared.get(name, cure))
        return type_

    def visit_Getattr(self, node: nodes.Getattr) -> Kind | None:
        of = self.type_of(node.node)
        return self._field(node, node.attr, of) if of is not None else None

    def visit_Getitem(self, node: nodes.Getitem) -> Kind | None:
        of = self.type_of(node.node)
        key = node.arg
        if isinstance(key, nodes.Slice):
            return self._slice(node, key, of) if of is not None else None
        if not isinstance(key, nodes.Const):
            found = self.type_of(key, TYPES["text"] if of is not None and of.family == "map" else None)
            return self._entry(node, of, found) if of is not None and found is not None else None
        if type(key.value) is not int or self.template.token(node.lineno).text == ".":
            cure = f'write {self.shown(node.node)}["key"] or {self.shown(node.node)}[0]'
            self.report("E301", node, "an entry is text or a whole number in brackets", cure)
            return None
        return self._field(node, key.value, of) if of is not None else None

    def _field(self, node: nodes.Getattr | nodes.Getitem, key: str | int, of: Kind) -> Kind | None:
        if of.family == "any" or of is SENT:
            return SENT if of is SENT else ANY
        if isinstance(key, int) and of.family == "list":
            return of.entry
        found = of.at(key) if isinstance(key, str) else None
        shown = self.shown(node.node)
        if found is SENT and key not in of.fields:
            return self._sent(node, str(key), of)
        if found is not None:
            if shown == "env" and self.scope.env is not None and key not in self.scope.env:
                at = self.template.place(self.template.key(node))
                self.issues.append(unset_variable(at, str(key), self.scope.env))
            return found
        if (place := self.scope.several.get(shown)) is not None and key in of.fields["rows"].entry.fields:
            return self._column_of_rows(shown, place)
        cure = f"write {shown}{'[0]' if of.family == 'list' else ' alone'}"
        if of.fields:
            cure = meant_word(str(key), of.fields, f"its fields are: {', '.join(of.fields)}")
        elif of.family == "map":
            cure = f'write {shown}["{key}"]'
        message = f'{shown} has no "{key}"' if of.is_record else f'{shown} is {of.described} and has no "{key}"'
        self.report("E304", self.template.whole_key(node), message, cure)
        return None

    def _column_of_rows(self, lookup: str, place: Place) -> Kind:
        """Report E304 at the declaration: all its users mean one row."""
        message = f'steps read columns of "{lookup}", but the lookup gives a list of rows'
        one = "for one row, add `first: true`, and a `default` for each column with a list of words"
        cure = f"{one}; for several, read `{lookup}.rows[0]`, or `{{% for row in {lookup}.rows %}}`"
        self.issues.append(RULES["E304"].at(place, message, cure))
        return ANY

    def _sent(self, node: nodes.Getattr | nodes.Getitem, key: str, of: Kind) -> Kind | None:
        """A field that Vonage does not document; in brackets, it may resemble one that it does."""
        near = nearest(key, of.fields) if self.template.token(node.lineno).text == "." else None
        if near:
            message = f'Vonage documents no "{key}" of {self.shown(node.node)}'
            self.report("E304", self.template.whole_key(node), message, did_you_mean(near))
        return None if near else SENT

    def _entry(self, node: nodes.Getitem, of: Kind, key: Kind) -> Kind | None:
        shown = self.shown(node.node)
        if shown == "env":
            cure = f'write the name of the setting: {shown}["NAME"]'
            self.report("E304", node.arg, "the name of a setting cannot be computed", cure)
        elif of.family == "list" and key.family != "any" and key.name != "int":
            message = f"a list index must be a whole number; {self.described(node.arg)}"
            self.report("E304", node.arg, message, f"write {shown}[{self.shown(node.arg)} | int]")
        elif of.family not in ("list", "map", "any"):
            where = self.template.whole_key(node)
            self.report("E304", where, f"{self.described(node.node)} and has no entries", f"write {shown} alone")
        elif of.family != "map" or self._require(node.arg, ("text",), "the name of an entry", "E304"):
            return of.item or reduce(common_type, of.fields.values(), next(iter(of.fields.values()), ANY))
        return None

    def _slice(self, node: nodes.Getitem, part: nodes.Slice, of: Kind) -> Kind | None:
        for bound in (part.start, part.stop, part.step):
            is_fixed = isinstance(bound, nodes.Const) and type(bound.value) is int and bound is not part.step
            if bound is not None and not is_fixed:
                self.report("E301", bound, "a slice needs two fixed whole numbers", "such as [0:3] or [-4:]")
                return None
        if of.family not in ("list", "text", "any"):
            self.report("E308", node, f"only text or a list can be sliced; {self.described(node.node)}")
            return None
        return TYPES["text"] if of.family == "text" else of

    def visit_Test(self, node: nodes.Test) -> Kind:
        if node.name != "defined" or node.args:
            cure = "write `is defined`; to compare, write == or !="
            self.report("E301", node, '"is" asks only whether something `is defined`', cure)
        elif self.type_of(node.node) is not None and not _may_be_missing(node.node):
            message = f'"is defined" needs a name; {self.shown(node.node)} is computed'
            self.report("E306", node.node, message, "write `is defined` after the name inside it")
        return TYPES["bool"]

    def visit_Not(self, node: nodes.Not) -> Kind:
        self.check_test(node.node)
        return TYPES["bool"]

    def visit_And(self, node: nodes.And | nodes.Or) -> Kind:
        """In braces, the result is one of the values, so its type is their common one."""
        left = self.check_test(node.left)
        if not self.is_bare:
            return common_type(left, self.type_of(node.right))
        self.check_test(node.right)
        return TYPES["bool"]

    visit_Or = visit_And

    def visit_CondExpr(self, node: nodes.CondExpr) -> Kind | None:
        if self.is_bare or node.expr2 is None:
            message = '"if" within an expression' if self.is_bare else '"if" without "else"'
            cure = "use a `branch`" if self.is_bare else 'write ... if ... else ""'
            self.report("E301", self.template.operator(node.expr1), message, cure)
            return None
        self.check_test(node.test)
        return common_type(self.type_of(node.expr1), self.type_of(node.expr2))

    def visit_Compare(self, node: nodes.Compare) -> Kind | None:
        left = node.expr
        op = node.ops[0].op
        right = node.ops[0].expr
        if len(node.ops) > 1:
            self.report("E301", self.template.operator(right), "two comparisons in a row", 'join them with "and"')
            return None
        first, second = (right, left) if isinstance(left, nodes.Name) and left.name not in self.scope else (left, right)
        found = self.type_of(first)
        if None in (found, self.type_of(second, found)):
            return TYPES["bool"]
        if op in ("in", "notin"):
            self._check_contained(left, op, right)
        elif self._are_comparable(left, op, right):
            self._check_literal(left, right)
            self._check_literal(right, left)
            is_timed = any(self._kind(side).family in POINTS for side in (left, right))
            sides = [side for side in (left, right) if not (is_timed and isinstance(side, nodes.Const))]
            if COMPARISONS[op].needs_order:
                all(self._require(side, ORDERED, f'"{COMPARISONS[op].sign}"') for side in sides)
        return TYPES["bool"]

    def _are_comparable(self, left: nodes.Expr, op: str, right: nodes.Expr) -> bool:
        """Report operands that are not."""
        families = {self._kind(left).family, self._kind(right).family}
        if len(families) == 1 or "any" in families:
            return True
        const, other = (right, left) if isinstance(right, nodes.Const) else (left, right)
        kind = self._kind(other)
        if isinstance(const, nodes.Const) and isinstance(const.value, str) and kind.family in POINTS:
            return self._check_point(const, op, kind)
        cure = self.converted(const, kind.family)
        if not isinstance(const, nodes.Const) and families == {"text", "number"}:
            cure = self.converted(left if self._kind(left).family == "text" else right, "number")
        elif kind.fields:
            cure = f"compare one of its fields: {', '.join(kind.fields)}"
        where = const if isinstance(const, nodes.Const) else self.template.operator(left)
        self.report("E307", where, self.described(left, right), cure)
        return False

    def _check_point(self, const: nodes.Const, op: str, kind: Kind) -> bool:
        """Report E307 for a literal that is no date or time. "" is a value not known yet."""
        if const.value == "" and not COMPARISONS[op].needs_order:
            return True
        try:
            kind.with_zone(self.scope.zone).cast(const.value)
        except ValueError as error:
            self.report("E307", const, f'"{const.value}" is not {kind.described}', str(error))
            return False
        return True

    def _check_literal(self, node: nodes.Expr, beside: nodes.Expr) -> None:
        type_ = self.types[beside]
        if type_ is None or not isinstance(node, nodes.Const) or not isinstance(node.value, str):
            return
        shown = self.shown(beside)
        match beside:
            case nodes.Getattr(node=nodes.Name(name="call"), attr=attr) if attr in CALL_WORDS and node.value:
                self._check_known("W301", node, CALL_WORDS[attr], f"Vonage never sends this as {shown}")
        self._check_known("E314", node, type_.words, f"{shown} is never this")
        if type_.name == "phone":
            self._check_phone_number(node, node.value)

    def _check_known(self, code: str, node: nodes.Const, known: tuple[str, ...], message: str) -> None:
        if known and node.value not in known:
            cure = meant_word(node.value, known, f"it is one of: {', '.join(known)}")
            self.report(code, node, f'"{node.value}": {message}', cure)

    def _check_phone_number(self, node: nodes.Expr, written: str, least: int = _MIN_DIGITS) -> None:
        digits = digits_in(written)
        is_local = not digits or digits.startswith("0")
        if (is_local or digits != written) and _PHONE.fullmatch(written) and sum(map(str.isdigit, written)) >= least:
            cure = "write the country code in place of the leading 0: 447700900123 for 07700 900123"
            cure = cure if is_local else f'write "{digits}"'
            self.report("W301", node, f'Vonage never writes a number as "{written}"', cure)

    def _check_contained(self, left: nodes.Expr, op: str, right: nodes.Expr) -> None:
        kind = self._kind(right)
        sought = self._kind(left)
        if isinstance(right, nodes.List):
            for item in right.items:
                if isinstance(item, nodes.Const) and not self._are_comparable(left, op, item):
                    return
                self._check_literal(item, left)
        elif kind.family == "list":
            if "any" in (sought.family, kind.entry.family) or sought.family == kind.entry.family:
                return
            message = f"{self.described(left)}; every entry of {self.shown(right)} is {kind.entry.described}"
            self.report("E307", left, message, self.converted(left, kind.entry.family))
        elif kind.family == "map":
            self._require(left, ("text",), "the name of an entry")
        elif kind.family not in ("list", "any"):
            cure = f"write a list: [{self.shown(right)}]; for a part of a text, use `| contains(...)`"
            self.report("E308", right, f'"{COMPARISONS[op].sign}" needs a list; {self.described(right)}', cure)

    def visit_Add(self, node: nodes.Add | nodes.Sub) -> Kind | None:
        left, right = self.type_of(node.left), self.type_of(node.right)
        if left is None or right is None:
            return None
        kinds = {left.family, right.family} - {"any"}
        is_sum = isinstance(node, nodes.Add)
        if not kinds:
            return ANY
        if kinds == {"number"}:
            return TYPES["int" if left.name == right.name == "int" else "number"]
        if is_sum and kinds in ({"text"}, {"list"}):
            return common_type(left, right) if left.family == right.family else TYPES[kinds.pop()]
        work = "adds numbers, or joins text or lists" if is_sum else "subtracts numbers"
        cure = "convert one of them: `| text` or `| number`" if kinds <= {"text", "number"} else None
        message = f'"{node.operator}" {work}; {self.described(node.left, node.right)}'
        self.report("E308", self.template.operator(node.left), message, cure)
        return None

    visit_Sub = visit_Add

    def visit_Neg(self, node: nodes.Neg) -> Kind | None:
        type_ = self.type_of(node.node)
        if type_ is None or type_.family in ("number", "any"):
            return type_
        self.report("E308", node, f'"-" needs a number; {self.described(node.node)}')
        return None

    def visit_Filter(self, node: nodes.Filter) -> Kind | None:
        of = operand_of(node)
        type_ = self.type_of(of)
        known = self._known_filter(node, of)
        forms = known.check.forms if known is not None and known.check is not None else ()
        args = [self.type_of(arg, Word(forms) if forms else None) for arg in node.args]
        if known is None or type_ is None:
            return None
        if not self._takes_operand(of, type_, known):
            return None
        for arg, wanted in zip(node.args, known.args, strict=False):
            if wanted:
                self._require(arg, (wanted,), node.name, "E306")
        if type_.name == "phone" and known.is_test:
            self._check_phone_part(node.args[0], known)
        if known.is_localised:
            speech_package()  # imported now, so that calls do not wait for it
        if not self._takes_argument(node, known, type_):
            return None
        if known.reads == "entry":
            return TYPES["text"] if type_.family == "text" else type_.entry
        otherwise = args[0] if args else TYPES["text"]
        return known.gives if known.gives is not None else common_type(type_, otherwise)

    def _takes_operand(self, of: nodes.Expr, type_: Kind, known: Filter) -> bool:
        if known.takes and not self._require(of, known.takes, known.name, "E306"):
            return False
        is_answer = known.reads == "length" and type_.is_record and "ok" in type_.fields
        if is_answer:
            self.report("E306", of, f"{self.shown(of)} has fields, and no length", f"write {self.shown(of)}.ok")
        return not is_answer

    def _check_phone_part(self, part: nodes.Expr, known: Filter) -> None:
        if isinstance(part, nodes.Const) and (known.part == "begins" or not str(part.value).isdigit()):
            self._check_phone_number(part, str(part.value), 1)

    def _known_filter(self, node: nodes.Filter, of: nodes.Expr) -> Filter | None:
        """None after reporting an unknown filter, or one that is written in a wrong way."""
        known = FILTERS.get(node.name)
        name = Token(node.lineno, "name", node.name)
        if known is None:
            cure = meant_word(node.name, FILTERS, f"write one of: {', '.join(FILTERS)}")
            self.report("E305", name, f'unknown filter "{node.name}"', cure)
        elif node.kwargs or node.dyn_args or node.dyn_kwargs or not known.needed <= len(node.args) <= len(known.args):
            most = f"{known.needed} to {len(known.args)}" if known.needed < len(known.args) else len(known.args)
            message = f"{node.name} takes {most or 'no'} value{'s' * (most != 1)} in brackets, without names"
            self.report("E306", name, message, f"write {known.usage}")
        elif node.name == "default" and not _may_be_missing(of):
            cure = f"write {known.usage} after the name inside it"
            self.report("E306", of, f"default needs a name; {self.shown(of)} is computed", cure)
        else:
            return known
        return None

    def _takes_argument(self, node: nodes.Filter, known: Filter, type_: Kind) -> bool:
        """Try a literal argument with a typical value."""
        arg = node.args[0] if node.args else None
        if known.check is None or not isinstance(arg, nodes.Const):
            return True
        if _literal_type(arg.value).family not in known.args:
            return True
        tried = known.check.tried
        values = [tried[type_.family]] if type_.family in tried else tried.values()
        reasons = [_refusal(known, value, arg.value) for value in values]
        if not all(reasons):
            return True
        cure = known.check.cure or zone_cure(str(arg.value))
        self.report("E306", arg, f"{node.name} cannot take {self.shown(arg)}: {reasons[0]}", cure)
        return False


def known_type(scope: ScopeTypes, node: nodes.Node) -> Kind | None:
    """None for anything but a name or a record's declared field."""
    if isinstance(node, nodes.Name):
        return scope.get(node.name)
    of = known_type(scope, node.node) if isinstance(node, nodes.Getattr) else None
    return of.at(node.attr) if isinstance(node, nodes.Getattr) and of is not None and of.is_record else None


def _literal_type(value: Any) -> Kind:
    return TYPES[{bool: "bool", str: "text", int: "int"}.get(type(value), "number")]


def _refusal(known: Filter, value: Any, arg: Any) -> str:
    try:
        known.apply(value, *([LANGUAGE] if known.is_localised else []), arg)
    except Unfit as error:
        return str(error)
    return ""


def _may_be_missing(node: nodes.Node | None) -> bool:
    """Whether `default` or `is defined` may follow a value.

    They may follow names, entries and slices, and filters and choices (`a if test else b`) of them.
    """
    if isinstance(node, nodes.CondExpr):
        return _may_be_missing(node.expr1) or _may_be_missing(node.expr2)
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        return _may_be_missing(node.node)
    return isinstance(node, nodes.Name)
