"""Checks expressions: finds their types, and reports what cannot work."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import reduce
from typing import Any, Final

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from ncco_server.flow.issues import RULES, Fix, FlowIssue, did_you_mean, meant_word, unset_variable
from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import CALL_WORDS, HEADERS, ScopeTypes
from ncco_server.flow.templates.filters import FILTERS, LANGUAGE, ArgumentCheck, Filter, Unfit, speech_package
from ncco_server.flow.templates.operators import COMPARISONS, ORDERED
from ncco_server.flow.templates.references import (
    Locals,
    Occurrence,
    operand_of,
    root_names,
    touched_names,
    used_env,
    walk,
)
from ncco_server.flow.templates.syntax import FOREIGN
from ncco_server.flow.templates.tree import Template, Token
from ncco_server.flow.zones import zone_cure
from ncco_server.ncco.value_types import ANY, POINTS, SENT, TYPES, Kind, Word, common_type, digits_in, list_of
from ncco_server.ncco.value_types.foreign_words import unit_of
from ncco_server.suggest import nearest

_PREFIX: Final = "FLOW_"
_KINDS: Final = {kind: type_.described for kind, type_ in TYPES.items()}
_CASTS: Final[Mapping[str, Mapping[str, str]]] = {
    "text": {"number": "number", "date": "date", "time": "time", "datetime": "in_zone('{zone}')"},
    "number": {"text": "text"},
    "bool": {"text": "text"},
    "list": {"text": 'join(", ")'},
    "date": {"text": "text"},
    "time": {"text": "text"},
    "datetime": {"date": "in_zone('{zone}') | date", "time": "in_zone('{zone}') | time", "text": "text"},
}
"""Filters that convert a kind, by the kind of the result. `now` is in UTC."""
_ZONE: Final = "Europe/London"
_POINT_FILTERS: Final = frozenset({"date", "time", "in_zone"})
_TRUTHS: Final = ("open", "ok")
"""Fields of opening hours and lookups that are meant where the whole is written as a condition."""
_FORM_OF_UNIT: Final = {"day": "day", "hour": "time", "minute": "time"}
_NUMERIC = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_NUMBER = re.compile(r"\+?[0-9][0-9\s.()\-\u2010-\u2015]*|\([0-9\s.()\-]*|\+")
_HOURS: Final = 24
_MIN_DIGITS: Final = 7
"""Shorter numbers may be extensions."""


class Checker(NodeVisitor):
    """Checks the expressions of one template.

    Attributes:
        locals: the local variables before the current expression.
    """

    def __init__(
        self, template: Template, scope: ScopeTypes, *, is_bare: bool = False, issues: list[FlowIssue] | None = None
    ) -> None:
        self.template = template
        self.scope = scope
        self.is_bare = is_bare
        self.issues = issues if issues is not None else []
        self.types: dict[nodes.Node, Kind | None] = {}
        self.locals: Locals = {}

    @property
    def has_errors(self) -> bool:
        return any(issue.is_error for issue in self.issues)

    def used(self, node: nodes.Expr) -> tuple[frozenset[str], frozenset[str]]:
        return touched_names(Occurrence(self.template, node, "output"), self.scope.unspoken), used_env(node)

    def type_of(self, node: nodes.Node, beside: Kind | None = None) -> Kind | None:
        """None after reporting an error. `beside` is the other operand's type, if there is one."""
        found: Kind | None = self._name(node, beside) if isinstance(node, nodes.Name) else self.visit(node)
        self.types[node] = found
        return found

    def check_test(self, node: nodes.Node, before: nodes.Compare | None = None) -> Kind | None:
        """The type of a condition.

        Bare, it must be true or false. In braces, as in Jinja2, empty text, an empty list and 0 count as false.
        `before` is the comparison to its left, as in `x == "a" or "b"`.
        """
        type_ = self.type_of(node)
        field = next((name for name in _TRUTHS if type_ is not None and name in type_.fields), "")
        if type_ is not None and field:  # never empty, so it would always count as true
            written = f"{self.template.written_as(node).text}.{field}"
            cure: str | Fix = self.rewritten(node, written, f"write {self.shown(node)}.{field}")
            self.report("E309", node, f"{self.shown(node)} is {type_.described}, neither true nor false", cure)
        elif self.is_bare and type_ is not None and type_.family not in ("bool", "any"):
            shown = self.shown(node)
            tests = {"number": "!= 0", "list": "| length > 0", "map": "| length > 0"}
            quoted = f'== "{type_.sample}"' if type_.words else '!= ""'
            test = tests.get(type_.family, quoted)
            single = test.replace('"', "'")
            written = f"{self.template.written_as(node).text} {single}"
            cure = f"write {shown} {test}"
            if type_.family in (*tests, "text"):
                cure = self.rewritten(node, written, f"write {shown} {test}")
            if before is not None and getattr(self.types[before.expr], "family", "") == type_.family:
                cure = f"write {self.shown(before.expr)} {COMPARISONS[before.ops[0].op].sign} {shown}"
            elif isinstance(node, nodes.Const):
                cure = "write true or false, or a comparison"
            self.report("E309", node, f"{shown} is {type_.described}, neither true nor false", cure)
        return type_

    def report(self, code: str, where: nodes.Node | Token, message: str, cure: str | Fix | None = None) -> None:
        self.issues.append(RULES[code].at(self.template.place(where), message, cure))

    def shown(self, node: nodes.Node) -> str:
        return self.template.shown(node)

    def described(self, *each: nodes.Node) -> str:
        """The expressions must have been checked."""
        return ", ".join(f"{self.shown(node)} is {(self.types[node] or ANY).described}" for node in each)

    def require(self, node: nodes.Node, kinds: tuple[str, ...], what: str, code: str = "E308") -> bool:
        """False after reporting a value of another kind. `what` is the filter or operator."""
        type_ = self.types[node]
        if type_ is None or type_.family in (*kinds, "any"):
            return True
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        cast = self.converted(node, kinds)  # only as text: the other operand may have to change too
        self.report(code, node, f"{what} takes {wanted}; {self.described(node)}", cast.cure if cast else None)
        return False

    def converted(self, node: nodes.Node, kinds: Collection[str]) -> Fix | None:
        """Return None if neither a filter nor quotes convert the value."""
        kind = getattr(self.types[node], "family", "")
        shown = self.shown(node)
        through = next((name for to, name in _CASTS.get(kind, {}).items() if to in kinds), None)
        if isinstance(node, nodes.Const) and kind == "text":
            is_number = "number" in kinds and _NUMERIC.fullmatch(node.value)
            return self.rewritten(node, f"{node.value}", f"write {node.value} without quotes") if is_number else None
        if isinstance(node, nodes.Const):
            if "time" in kinds and isinstance(node.value, int) and 0 <= node.value < _HOURS:
                hour = f"{node.value:02}:00"
                return self.rewritten(node, f"'{hour}'", f'write "{hour}"')
            is_text = kind == "number" and "text" in kinds
            return self.rewritten(node, f"'{shown}'", f'write "{shown}" in quotes') if is_text else None
        if through is None:
            return None
        if isinstance(node, nodes.Filter) and node.name == "in_zone":
            through = through.removeprefix("in_zone('{zone}') | ")
        through = through.format(zone=self.scope.zone or _ZONE)
        written = self.template.written_as(node).text
        front = "({})" if isinstance(node, nodes.BinExpr) else "{}"
        cure = f"write {front.format(shown)} | {through}"
        return self.rewritten(node, f"{front.format(written)} | {through}", cure)

    def rewritten(self, node: nodes.Node, text: str, cure: str) -> Fix:
        return Fix(cure, "characters", text, self.template.place(node))

    # Jinja2 syntax that the flow language does not have

    def visit_Call(self, node: nodes.Call) -> None:
        of = node.node
        name = of.attr if isinstance(of, nodes.Getattr) else getattr(of, "name", "")
        owner = of.node if isinstance(of, nodes.Getattr) else next(iter(node.args), None)
        value = "the value" if owner is None else self.shown(owner)
        cure = FOREIGN.filters.get(name, "functions are not available; use a filter: `| length`, `| upper`, ...")
        if isinstance(of, nodes.Getattr) and name in FOREIGN.methods:
            cure = f"write {FOREIGN.methods[name].format(self.shown(node.args[0]) if node.args else '..', of=value)}"
        elif name in FOREIGN.calls or name in FILTERS:
            cure = f"write {value} | {FOREIGN.calls.get(name, name)}"
        elif not node.args and ((isinstance(of, nodes.Name) and name in self.scope) or self._is_field(of)):
            cure = f"write {self.shown(of)}, without brackets"
        elif isinstance(of, nodes.Getattr) and (type_ := known_type(self.scope, of.node)) and type_.is_timed:
            part = next((each for each in ("weekday", "time", "hour") if each in name.lower()), "date")
            fix = self._part_cure(of, part, type_)
            cure = fix.cure if isinstance(fix, Fix) else fix
        elif name in ("lookup", "env", "getenv", "hours") and node.args:
            entry = getattr(node.args[-1], "value", "")
            root = "hours" if name == "hours" else "env"
            cure = f"write {root}.{entry}" if isinstance(entry, str) and entry.isidentifier() else cure
        called = self.template.between(self.template.start(node), node.lineno + 1)
        self.report("E310", called, f"{self.shown(of)}(...) calls a function", cure)

    def _is_field(self, node: nodes.Node) -> bool:
        of = known_type(self.scope, node.node) if isinstance(node, nodes.Getattr) else None
        return of is not None and isinstance(node, nodes.Getattr) and node.attr in of.fields

    def visit_Pos(self, node: nodes.Pos) -> None:
        self.report("E301", self.template.token(node.lineno), "a value is missing here", FOREIGN.missing["+"])

    def visit_Tuple(self, node: nodes.Tuple) -> None:
        sign = self.template.operator(node.items[0]) if node.items else self.template.token(node.lineno)
        if sign.text == "[":
            sign = self.template.key(node)
        message, cure = FOREIGN.misplaced[","][1:] if node.items else ("a value is missing here", None)
        self.report("E301", sign, message, cure)

    def visit_Const(self, node: nodes.Const) -> Kind:
        if isinstance(node.value, str) and "{{" in node.value:
            cure = "write the name itself, without quotes and braces"
            self.report("E312", node, "braces inside quoted text in an expression are not filled in", cure)
        return literal_type(node.value)

    def visit_List(self, node: nodes.List) -> Kind:
        types = [self.type_of(item) for item in node.items]
        return list_of(reduce(common_type, types) or ANY) if types else TYPES["list"]

    def _name(self, node: nodes.Name, beside: Kind | None) -> Kind | None:
        type_ = self.scope.get(node.name)
        name = node.name
        if type_ is None:
            near = [each for each in (self.owner_of(name), nearest(name, self.scope)) if each]
            cure: str | Fix = f"write one of: {', '.join(sorted(self.scope))}"
            if near:
                cure = did_you_mean(*near)
            if name == "event":
                cure = "`event` exists only in hooks: delete it here"
            if beside is not None and beside.family == "text" and (name in beside.words or not near):
                cure = f'if it is text, put quotes around it: "{name}"'
            cure = self.scope.undeclared.get(name, cure)
            self.report("E303", node, f'unknown name "{name}"', cure)
        return type_

    def meant_by(self, name: str) -> str:
        """The name itself or the setting; "" if neither is known."""
        bare = name.removeprefix(_PREFIX)
        return name if name in self.scope else f"env.{bare}" if bare in (self.scope.env or ()) else ""

    def owner_of(self, name: str) -> str | None:
        if name not in self.scope and (setting := self.meant_by(name)):
            return setting
        known = ((root, self.scope.get(root)) for root in ("input", "call", *sorted(self.scope)))
        owner = next((root for root, type_ in known if type_ is not None and name in type_.fields), None)
        return f"{owner}.{name}" if owner else FOREIGN.names.get(name)

    def visit_Getattr(self, node: nodes.Getattr) -> Kind | None:
        match node.node:
            case nodes.Name(name="params" | "vars" as group) if group not in self.scope and node.attr in self.scope:
                cure = self.rewritten(node, node.attr, f"write {node.attr}")
                self.report("E303", node.node, f'unknown name "{group}"', cure)
                return None
        of = self.type_of(node.node)
        return self._field(node, node.attr, of) if of is not None else None

    def visit_Getitem(self, node: nodes.Getitem) -> Kind | None:
        of = self.type_of(node.node)
        key = node.arg
        if isinstance(key, nodes.Const) and type(key.value) not in (str, int):
            self.report("E310", key, "only text or a whole number can be in brackets", 'write ["X-Tenant"] or [0]')
            return None
        if isinstance(key, nodes.Const) and self.template.token(node.lineno).text == ".":
            written = self.template.between(node.lineno, self.template.end(node))
            cure = f"write {self.shown(node.node)}[{key.value}]"
            self.report("E302", written, "write a list entry in brackets", cure)
            return None
        if not isinstance(key, nodes.Const | nodes.Slice):
            found = self.type_of(key, TYPES["text"] if of is not None and of.family == "map" else None)
            return self._entry(node, of, found) if of is not None and found is not None else None
        if of is None:
            return None
        return self._slice(node, key, of) if isinstance(key, nodes.Slice) else self._field(node, key.value, of)

    def _field(self, node: nodes.Getattr | nodes.Getitem, key: str | int, of: Kind) -> Kind | None:
        if of.family == "any" or of is SENT:
            return SENT if of is SENT else ANY
        if isinstance(key, int) and of.family == "list":
            return of.entry
        found = of.at(key) if isinstance(key, str) else None
        shown = self.shown(node.node)
        token = self.template.key(node)
        if found is not None:
            if shown == "env":
                self._check_env(token, str(key))
            return self._sent(node, str(key), of) if found is SENT and key not in of.fields else found
        if (place := self.scope.several.get(shown)) is not None and key in of.fields["rows"].entry.fields:
            return self._column_of_rows(shown, place)
        cure = self._field_cure(node, str(key), of)
        message = f'{shown} has no "{key}"' if of.is_record else f'{shown} is {of.described} and has no "{key}"'
        self.report("E304", self.template.whole_key(node), message, cure)
        return None

    def _column_of_rows(self, lookup: str, place: Place) -> Kind:
        """Report E304 at the declaration: all its users mean one row."""
        message = f'steps read columns of "{lookup}", but the lookup gives a list of rows'
        words = f"add `first: true`, or read the rows: `{{% for row in {lookup}.rows %}}`"
        self.issues.append(RULES["E304"].at(place, message, Fix(words, "add", "first: true")))
        return ANY

    def _field_cure(self, node: nodes.Getattr | nodes.Getitem, key: str, of: Kind) -> str | Fix:
        shown = self.shown(node.node)
        owner, _, meant = FOREIGN.names.get(key.lower(), "").rpartition(".")
        alias = FOREIGN.fields.get(key.lower(), "")
        if meant and owner == shown:
            return did_you_mean(meant)
        if alias in of.fields:
            return did_you_mean(alias)
        if FOREIGN.calls.get(key) == "length" and (length := self._length(node.node, of)):
            return self.rewritten(node, *length)
        if of.fields:
            return meant_word(key, of.fields, f"its fields are: {', '.join(of.fields)}")
        if of.is_record and shown == "hours":
            return f"declare it, in this flow or in a shared file, as `{key}` under `hours`"
        if of.family == "map":
            return f'map keys are text: write {shown}["{key}"]'
        if key in FOREIGN.calls:
            return f"write {shown} | {FOREIGN.calls[key]}"
        if of.is_timed:
            return self._part_cure(node, key, of)
        return f"{of.described} does not have fields; write {shown}{'[0]' if of.family == 'list' else ' alone'}"

    def _length(self, node: nodes.Expr, of: Kind) -> tuple[str, str] | None:
        """How to write the length of the list in a record, and the words of a fix."""
        written = next((f".{name}" for name, each in of.fields.items() if each.family == "list"), "")
        return (
            (f"{self.template.written_as(node).text}{written} | length", f"write {self.shown(node)}{written} | length")
            if written
            else None
        )

    def _part_cure(self, node: nodes.Getattr | nodes.Getitem, part: str, of: Kind) -> str | Fix:
        """How to use the day or the hour of a point in time, which has no fields."""
        shown = self.shown(node.node)
        if self.is_bare:
            zone = f" | in_zone('{self.scope.zone or _ZONE}')" if of.family == "datetime" else ""
            form, sample = ("time", "09:00") if _FORM_OF_UNIT.get(unit_of(part)) == "time" else ("date", "2026-03-05")
            converted = f"{shown}{zone} | {form}" if zone else shown
            return f'compare it as a whole: ({converted}) < "{sample}"'
        form = _FORM_OF_UNIT.get(unit_of(part)) or (part if part in ("date", "time", "weekday") else "date")
        form = "time" if of.family == "time" else "date" if of.family == "date" and form == "time" else form
        written = f"{self.template.written_as(node.node).text} | spoken('{form}')"
        return self.rewritten(node, written, f'write {shown} | spoken("{form}")')

    def _sent(self, node: nodes.Getattr | nodes.Getitem, key: str, of: Kind) -> Kind | None:
        """A field that Vonage does not document; in brackets, it may resemble one that it does."""
        is_dotted = self.template.token(node.lineno).text == "."
        cure = meant_word(key, of.fields, "") if is_dotted else ""
        if cure:
            message = f'Vonage documents no "{key}" of {self.shown(node.node)}'
            self.report("E304", self.template.whole_key(node), message, cure)
        return None if cure else SENT

    def _check_env(self, key: Token, name: str) -> None:
        known = self.scope.env
        if known is not None and name not in known:
            self.issues.append(unset_variable(self.template.place(key), name, known))

    def _entry(self, node: nodes.Getitem, of: Kind, key: Kind) -> Kind | None:
        shown = self.shown(node.node)
        arg = node.arg
        if shown == "env":
            cure = f'write the name of the setting: {shown}["NAME"]'
            self.report("E343", arg, "the name of a setting cannot be computed", cure)
        elif of.family == "list" and key.family != "any" and key.name != "int":
            message = f"a list index must be a whole number; {self.described(arg)}"
            self.report("E343", arg, message, f"write {shown}[{self.shown(arg)} | int]")
        elif of.family not in ("list", "map", "any"):
            where = self.template.whole_key(node)
            self.report("E304", where, f"{self.described(node.node)} and has no entries", f"write {shown} alone")
        elif of.family != "map" or self.require(arg, ("text",), "the name of an entry", "E343"):
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
        for arg in node.args:
            self.report("E301", arg, "something is missing here")
        if self.type_of(node.node) is not None and not may_be_missing(node.node):
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
        compared = [each for each in walk(node.left) if isinstance(each, nodes.Compare)]
        self.check_test(node.right, compared[-1] if compared else None)
        return TYPES["bool"]

    visit_Or = visit_And

    def visit_CondExpr(self, node: nodes.CondExpr) -> Kind | None:
        if self.is_bare or node.expr2 is None:
            lacks_else = ("E301", '"if" without "else"', 'write ... if ... else ""')
            code, message, cure = FOREIGN.misplaced["if"] if self.is_bare else lacks_else
            self.report(code, self.template.operator(node.expr1), message, cure)
            return None
        self.check_test(node.test)
        return common_type(self.type_of(node.expr1), self.type_of(node.expr2))

    def visit_Compare(self, node: nodes.Compare) -> Kind | None:
        left = node.expr
        op = node.ops[0].op
        right = node.ops[0].expr
        if isinstance(right, nodes.Filter) and right.name not in FILTERS and len(node.ops) > 1:
            self.type_of(right)  # `|` was written for "or"
            return None
        if len(node.ops) > 1:
            sign = self.template.operator(right)
            shown = self.shown(right)
            last = f"{shown} {sign.text} {self.shown(node.ops[1].expr)}"
            cure = f"write {self.shown(left)} {COMPARISONS[op].sign} {shown} and {last}"
            self.report("E310", sign, "two comparisons in a row", cure)
            return None
        is_unknown = isinstance(left, nodes.Name) and left.name not in self.scope.types
        first, second = (right, left) if is_unknown else (left, right)
        types = self.type_of(first), self.type_of(second, self.types[first])
        if None in types:
            return TYPES["bool"]
        if op in ("in", "notin"):
            self._check_contained(left, op, right)
        elif self._are_comparable(left, op, right):
            self._check_literal(left, right)
            self._check_literal(right, left)
            what = f'"{COMPARISONS[op].sign}"'
            is_timed = any((self.types[node] or ANY).family in POINTS for node in (left, right))
            sides = [node for node in (left, right) if not (is_timed and isinstance(node, nodes.Const))]
            if COMPARISONS[op].needs_order:
                all(self.require(node, ORDERED, what) for node in sides)
        return TYPES["bool"]

    def _are_comparable(self, left: nodes.Expr, op: str, right: nodes.Expr) -> bool:
        kinds = {node: (self.types[node] or ANY).family for node in (left, right)}
        if len(set(kinds.values())) == 1 or "any" in kinds.values():
            return True
        const, other = (right, left) if isinstance(right, nodes.Const) else (left, right)
        if isinstance(const, nodes.Const) and kinds[const] == "text" and kinds[other] in POINTS:
            return self._check_point(const, op, other)
        where: nodes.Node | Token = const
        cure: str | Fix | None = self._unquoted(const, kinds[other]) or self.converted(const, [kinds[other]])
        if not isinstance(const, nodes.Const):
            text, number = (left, right) if kinds[left] == "text" else (right, left)
            where = self.template.operator(left)
            cure = self.converted(text, [kinds[number]])
            if cure is None and kinds[number] == "datetime":
                cure = self.converted(number, [kinds[text]])
        elif (allowed := (self.types[other] or ANY).words) and str(const.value) not in allowed:
            cure = f"compare with one of: {', '.join(allowed)}"
        elif COMPARISONS[op].needs_order and kinds[other] == "text":
            cure = self.converted(other, ["number"])
        elif kinds[other] == "bool" and str(const.value).lower() in ("true", "false"):
            word = str(const.value).lower()
            cure = self.rewritten(const, word, f"write {word} without quotes")
        elif kinds[other] == "list" and kinds[const] == "number":
            length = f"{self.template.written_as(other).text} | length"
            cure = self.rewritten(other, length, f"write {self.shown(other)} | length")
        elif kinds[other] == "bool":
            cure = "compare it with true or false, or write it on its own"
        self.report("E307", where, self.described(left, right), cure)
        return False

    def _check_point(self, node: nodes.Const, op: str, beside: nodes.Expr) -> bool:
        """Report E307 for a literal that cannot be compared with a date or time. "" is a value not known yet."""
        type_ = (self.types[beside] or ANY).with_zone(self.scope.zone)
        if node.value == "" and not COMPARISONS[op].needs_order:
            return True
        try:
            type_.cast(node.value)
        except ValueError as error:
            message = f'"{node.value}" is not {type_.described}, but {self.described(beside)}'
            self.report("E307", node, message, self._unquoted(node, type_.family) or str(error))
            return False
        return True

    def _check_literal(self, node: nodes.Expr, beside: nodes.Expr) -> None:
        type_ = self.types[beside]
        if type_ is None or not isinstance(node, nodes.Const) or not isinstance(node.value, str):
            return
        match beside:
            case nodes.Getattr(node=nodes.Name(name="call"), attr=attr) if attr in CALL_WORDS and node.value:
                self._check_known("W306", node, CALL_WORDS[attr], f"Vonage never sends this as {self.shown(beside)}")
        self._check_known("E314", node, type_.words, f"{self.shown(beside)} is never this")
        if type_.name == "phone":
            self._check_phone_number(node, node.value)

    def _check_known(self, code: str, node: nodes.Const, known: tuple[str, ...], message: str) -> None:
        if known and node.value not in known:
            cure = meant_word(node.value, known, f"it is one of: {', '.join(known)}")
            if isinstance(cure, str):
                cure = self._unquoted(node, "text") or cure
            self.report(code, node, f'"{node.value}": {message}', cure)

    def _unquoted(self, node: nodes.Expr, family: str) -> Fix | None:
        """For a literal that is the name of a value of this family."""
        name = str(getattr(node, "value", ""))
        is_name = getattr(self.scope.get(name), "family", "") == family
        return self.rewritten(node, name, f"write {name} without quotes") if is_name else None

    def _check_phone_number(self, node: nodes.Expr, written: str, *, is_beginning: bool = False) -> None:
        digits = digits_in(written)
        least = 1 if is_beginning else _MIN_DIGITS
        is_local = not digits or digits.startswith("0")
        if (is_local or digits != written) and _NUMBER.fullmatch(written) and sum(map(str.isdigit, written)) >= least:
            cure = "write the country code in place of the leading 0: 447700900123 for 07700 900123"
            cure = cure if is_local else f'write "{digits}"'
            self.report("W301", node, f'Vonage never writes a number as "{written}"', cure)

    def _check_contained(self, left: nodes.Expr, op: str, right: nodes.Expr) -> None:
        type_ = self.types[right] or ANY
        sought = self.types[left] or ANY
        if isinstance(right, nodes.List):
            self._check_listed(left, op, right)
        elif type_.family == "list" and not {sought.family, type_.entry.family} & {"any"}:
            if sought.family != type_.entry.family:
                message = f"{self.described(left)}; every entry of {self.shown(right)} is {type_.entry.described}"
                self.report("E307", left, message, self.converted(left, [type_.entry.family]))
        elif type_.family == "map":
            self.require(left, ("text",), "the name of an entry")
        elif type_.family not in ("list", "any"):
            cure = f"write the list in brackets: [{self.shown(right)}]"
            if type_.family == "text" and not isinstance(right, nodes.Const):
                cure = f"write {self.shown(right)} | contains({self.shown(left)})"
            self.report("E308", right, f'"{COMPARISONS[op].sign}" needs a list; {self.described(right)}', cure)

    def _check_listed(self, left: nodes.Expr, op: str, right: nodes.List) -> None:
        literals = [item for item in right.items if isinstance(item, nodes.Const)]
        numbers = [item for item in literals if (self.types[item] or ANY).family == "number"]
        if len(numbers) > 1 and len(numbers) == len(right.items) and (self.types[left] or ANY).family == "text":
            written = ", ".join(f"'{self.shown(item)}'" for item in numbers)
            fix = self.rewritten(right, f"[{written}]", f"write [{written}]")
            message = f"{self.described(left)}; every entry of {self.shown(right)} is a number"
            self.report("E307", numbers[0], message, fix)
            return
        for item in literals:
            if self._are_comparable(left, op, item):
                self._check_literal(item, left)

    def visit_Add(self, node: nodes.Add | nodes.Sub) -> Kind | None:
        match node:
            case nodes.Sub(left=of, right=nodes.Name(name=name)) if name not in self.scope and (
                name in getattr(known_type(self.scope, of), "fields", ())
            ):
                path = f"{self.shown(of)}.{name}"
                self.report("E303", node, f'unknown name "{name}"', self.rewritten(node, path, f"write {path}"))
                return None
        field = self._hyphenated(node)
        if field is not None and not root_names(node.right) <= set(self.scope):
            key = self.template.between(self.template.key(field).start, self.template.end(node))
            cure = f'write {self.shown(field.node)}["{key.text}"]'
            self.report("E304", key, f'"{key.text}" is read as a subtraction', cure)
            return None
        left, right = self.type_of(node.left), self.type_of(node.right)
        return self._sum(node, left, right) if left is not None and right is not None else None

    visit_Sub = visit_Add

    def _hyphenated(self, node: nodes.Add | nodes.Sub) -> nodes.Getattr | None:
        """`call.sip.X` of a mistake like `call.sip.X-Tenant`."""
        left: nodes.Node = node
        while isinstance(left, nodes.Sub) and isinstance(left.right, nodes.Name):
            if self.template.end(left.left) + 1 != self.template.start(left.right):
                break
            left = left.left
        if left is node or not isinstance(left, nodes.Getattr):
            return None
        of = known_type(self.scope, left.node)
        return left if of is None or of.family == "any" or of.at("") is not None else None

    def _sum(self, node: nodes.Add | nodes.Sub, left: Kind, right: Kind) -> Kind | None:
        kinds = {left.family, right.family} - {"any"}
        is_sum = isinstance(node, nodes.Add)
        if not kinds:
            return ANY
        if kinds == {"number"}:
            return TYPES["int" if left.name == right.name == "int" else "number"]
        if is_sum and kinds in ({"text"}, {"list"}):
            return common_type(left, right) if left.family == right.family else TYPES[kinds.pop()]
        work = "adds numbers, or joins text or lists" if is_sum else "subtracts numbers"
        wanted = ("number", "text") if is_sum else ("number",)
        casts = [
            cast.cure for kind in wanted for side in (node.left, node.right) if (cast := self.converted(side, [kind]))
        ]
        cure = next(iter(casts), None) if kinds <= {"text", "number"} else None
        if is_sum and "list" in kinds:
            cure = f"write [{self.shown(node.left if right.family == 'list' else node.right)}]"
        message = f'"{node.operator}" {work}; {self.described(node.left, node.right)}'
        self.report("E308", self.template.operator(node.left), message, cure)
        return None

    def visit_Neg(self, node: nodes.Neg) -> Kind | None:
        type_ = self.type_of(node.node)
        if type_ is None or type_.family in ("number", "any"):
            return type_
        self.report("E308", node, f'"-" needs a number; {self.described(node.node)}')
        return None

    def visit_Filter(self, node: nodes.Filter) -> Kind | None:
        of = operand_of(node)
        type_ = self.type_of(of)
        named = FILTERS.get(node.name)
        text = Word(named.check.forms) if named is not None and named.check is not None else TYPES["text"]
        takes = named.args if named is not None else ()
        kinds = (text if wanted == "text" else None for wanted in (*takes, *node.args))
        args = [self.type_of(arg, kind) for arg, kind in zip(node.args, kinds, strict=False)]
        known = self._known_filter(node, of)
        if known is None:
            return None
        for arg, wanted in zip(node.args, known.args, strict=False):
            if wanted:
                self.require(arg, (wanted,), node.name, "E306")
        if type_ is not None and type_.name == "phone" and known.is_test:
            self._check_phone_part(node, known)
        if type_ is None or not self._check_operand(node, of, type_, known):
            return None
        if known.is_localised:
            speech_package()  # imported now, so that calls do not wait for it
        if known.check is not None and not self._check_argument(node, known, known.check, type_):
            return None
        if known.reads == "entry":
            return TYPES["text"] if type_.family == "text" else type_.entry
        return known.gives if known.gives is not None else self._default_type(node, type_, args)

    def _check_operand(self, node: nodes.Filter, of: nodes.Expr, type_: Kind, known: Filter) -> bool:
        if node.name in _POINT_FILTERS and type_.family in {"date", "time"} - {*known.takes}:
            message = f"{node.name} takes {TYPES['datetime'].described}; {self.described(of)}"
            kept = self.template.written_as(of).text
            self.report("E306", of, message, self.rewritten(node, kept, f"leave out `| {node.name}`: write {kept}"))
            return False
        if known.takes and not self.require(of, known.takes, node.name, "E306"):
            return False
        if known.reads == "length" and type_.is_record and "ok" in type_.fields:
            length = self._length(of, type_)
            cure = (
                self.rewritten(node, *length) if length else f"to ask whether there is a row, write {self.shown(of)}.ok"
            )
            self.report("E306", of, f"{self.shown(of)} has fields, and no length", cure)
            return False
        return True

    def _known_filter(self, node: nodes.Filter, of: nodes.Expr) -> Filter | None:
        known = FILTERS.get(node.name)
        name = Token(node.lineno, "name", node.name)
        if node.kwargs:
            sign = self.template.before(node.kwargs[0].value)
            self.report("E302", sign, "a filter takes values without names", "write only the value")
        elif known is None:
            cure = meant_word(node.name, FILTERS, f"write one of: {', '.join(FILTERS)}")
            if node.name in self.scope:
                cure = 'write "or" instead of "|"'
            foreign = FOREIGN.filters.get(node.name, cure)
            match node.args, foreign:
                case [nodes.Const(value=str(currency))], str():
                    foreign = foreign.replace("GBP", currency)
            self.report("E305", name, f'unknown filter "{node.name}"', foreign)
        elif not known.needed <= len(node.args) <= len(known.args):
            most = f"{known.needed} to {len(known.args)}" if known.needed < len(known.args) else len(known.args)
            message = f"{node.name} takes {most or 'no'} value{'s' * (most != 1)} in brackets"
            cure = f"write {known.usage}"
            kind = self.types.get(of)
            if node.name in (*_POINT_FILTERS, "text") and kind is not None and kind.is_timed:
                cure = f'to speak it, write `{self.shown(of)} | spoken("day")`; to compute with it, {cure}'
            self.report("E306", name, message, cure)
        elif node.name == "default" and not may_be_missing(of):
            cure = f"write {known.usage} after the name inside it"
            self.report("E306", of, f"default needs a name; {self.shown(of)} is computed", cure)
        else:
            return known
        return None

    def _check_phone_part(self, node: nodes.Filter, known: Filter) -> None:
        part = node.args[0]
        if not isinstance(part, nodes.Const) or not isinstance(part.value, str):
            return
        if known.part == "begins":
            self._check_phone_number(part, part.value, is_beginning=True)
        elif _NUMBER.fullmatch(part.value) and not part.value.isdigit():
            self.report("W301", part, f'a number from Vonage never contains "{part.value}"', "write digits only")

    def _default_type(self, node: nodes.Filter, type_: Kind, args: list[Kind | None]) -> Kind:
        of = operand_of(node)
        if len(args) < 2 and self._is_always_there(of):
            cure = f"to replace an empty value, write | default({self.shown(node.args[0])}, true)" if args else None
            name = Token(node.lineno, "name", node.name)
            written = self.template.written_as(node.args[0]).text if args else ""
            fix = self.rewritten(node.args[0], f"{written}, true", cure) if cure else None
            self.report("W304", name, f"{self.shown(of)} may be empty, but is never missing", fix)
        return common_type(type_, args[0] if args else TYPES["text"])

    def _is_always_there(self, node: nodes.Node) -> bool:
        """True for a name, a known field, and a SIP header ("" if it was not sent).

        A sensitive value, even in `input`, is gone in a later turn.
        """
        secrets = self.scope.secrets
        touched = touched_names(Occurrence(self.template, node, "set", locals=self.locals), secrets)
        if touched & secrets or (secrets and "input" in touched):
            return False
        while isinstance(node, nodes.Getattr):
            of = known_type(self.scope, node.node)
            if of is None or not (node.attr in of.fields or of is HEADERS or SENT in (of, of.item)):
                return False
            node = node.node
        return isinstance(node, nodes.Name)

    def _check_argument(self, node: nodes.Filter, known: Filter, check: ArgumentCheck, type_: Kind) -> bool:
        arg = node.args[0] if node.args else None
        if not isinstance(arg, nodes.Const) or literal_type(arg.value).family not in known.args:
            return True
        code = check.code
        reasons = {kind: _refusal(known, value, arg.value) for kind, value in check.tried.items()}
        reason = reasons.get(type_.family) or next(iter(reasons.values()))
        if not all(reasons.values()):
            code = "E341"
            reason = reasons.get(type_.family, "")
        if reason:
            message = f"{node.name} cannot take {self.shown(arg)}: {reason}"
            cure = self._argument_cure(arg, known, check, type_) or check.cure or zone_cure(str(arg.value))
            self.report(code, arg, message, cure)
        return not reason

    def _argument_cure(self, arg: nodes.Const, known: Filter, check: ArgumentCheck, type_: Kind) -> str | Fix:
        """Return "" if the check's own cure is right."""
        written = str(arg.value).lower()
        if type_.family in check.tried and type_.family != "number":
            sample = check.tried[type_.family]
            forms = [form for form in check.forms if not _refusal(known, sample, form)]
            own = _FORM_OF_UNIT.get(unit_of(written)) or nearest(written, check.forms)
            meant = own if own in forms else forms[0] if len(forms) == 1 else ""
            written_forms = " or ".join(f'"{form}"' for form in forms)
            return self._quoted(arg, meant) if meant else f"write {written_forms}" if forms else ""
        currency = FOREIGN.currencies.get(written) if known.name == "spoken" else None
        return self._quoted(arg, currency) if currency else ""

    def _quoted(self, arg: nodes.Const, text: str) -> Fix:
        quote = self.template.written_as(arg).text[:1]
        return self.rewritten(arg, f"{quote}{text}{quote}", f'write "{text}"')


def _refusal(known: Filter, value: Any, arg: Any) -> str:
    try:
        known.apply(value, *([LANGUAGE] if known.is_localised else []), arg)
    except Unfit as error:
        return str(error)
    return ""


def may_be_missing(node: nodes.Node | None) -> bool:
    """Whether `default` or `is defined` may follow a value.

    They may follow names, entries and slices, and filters and choices (`a if test else b`) of them.
    """
    if isinstance(node, nodes.CondExpr):
        return may_be_missing(node.expr1) or may_be_missing(node.expr2)
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter):
        return may_be_missing(node.node)
    return isinstance(node, nodes.Name)


def literal_type(value: Any) -> Kind:
    return TYPES[{bool: "bool", str: "text", int: "int"}.get(type(value), "number")]


def known_type(scope: ScopeTypes, node: nodes.Node) -> Kind | None:
    """None for anything but a name or a record's declared field."""
    if isinstance(node, nodes.Name):
        return scope.get(node.name)
    of = known_type(scope, node.node) if isinstance(node, nodes.Getattr) else None
    return of.at(node.attr) if isinstance(node, nodes.Getattr) and of is not None and of.is_record else None
