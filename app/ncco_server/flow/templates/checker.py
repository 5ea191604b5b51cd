"""Checks expressions: finds their types, and reports what cannot work."""

from __future__ import annotations

from functools import reduce
from typing import Final

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from ncco_server.flow.issues import did_you_mean
from ncco_server.flow.templates import entries, filter_calls, operands
from ncco_server.flow.templates.expression_check import ExpressionCheck, known_type, literal_type
from ncco_server.flow.templates.filters import FILTERS, speech_package
from ncco_server.flow.templates.foreign import FOREIGN
from ncco_server.flow.templates.operators import COMPARISONS, ORDERED
from ncco_server.flow.templates.references import operand_of, root_names, walk
from ncco_server.flow.templates.tree import HOLE
from ncco_server.ncco.value_types import ANY, POINTS, TYPES, Kind, Word, common_type, list_of
from ncco_server.suggest import nearest

_PREFIX: Final = "FLOW_"
_GROUPS: Final = ("params", "vars", "variables", "lookups", "lookup", "flow", "row", "this", "self")
"""What other systems, and the file itself, write before a name."""
_TRUTHS: Final = ("open", "ok")
"""Fields of opening hours and lookups that are meant where the whole is written as a condition."""


class Checker(ExpressionCheck, NodeVisitor):
    """Checks the expressions of one template: each `visit_` method is for one kind."""

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
            cure = f"write {self.shown(node)}.{field}"
            self.report("E309", node, f"{self.shown(node)} is {type_.described}, neither true nor false", cure)
        elif self.is_bare and type_ is not None and type_.family not in ("bool", "any"):
            shown = self.shown(node)
            tests = {"number": "!= 0", "list": "| length > 0", "map": "| length > 0"}
            quoted = f'== "{type_.sample}"' if type_.words else '!= ""'
            test = tests.get(type_.family, quoted)
            cure = f"write {shown} {test}"
            if before is not None and getattr(self.types[before.expr], "family", "") == type_.family:
                cure = f"write {self.shown(before.expr)} {COMPARISONS[before.ops[0].op].sign} {shown}"
            elif isinstance(node, nodes.Const):
                cure = "write true or false, or a comparison"
            self.report("E309", node, f"{shown} is {type_.described}, neither true nor false", cure)
        return type_

    # Jinja2 syntax that the flow language does not have

    def visit_Call(self, node: nodes.Call) -> None:
        of = node.node
        name = of.attr if isinstance(of, nodes.Getattr) else getattr(of, "name", "")
        owner = of.node if isinstance(of, nodes.Getattr) else next(iter(node.args), None)
        value = "the value" if owner is None else self.shown(owner)
        cure = FOREIGN.filters.get(name, "functions are not available; use a filter: `| length`, `| upper`, ...")
        given = [self.shown(each) for each in node.args]
        if isinstance(owner, nodes.Const) and name == "join" and given:
            value, given = given[0], [value]
        if isinstance(of, nodes.Getattr) and name in FOREIGN.methods:
            cure = "write " + FOREIGN.methods[name].format(*given, '""', '""', of=value)
        elif name in FOREIGN.calls or name in FILTERS:
            takes = given if isinstance(of, nodes.Getattr) else given[1:]
            cure = f"write {value} | {FOREIGN.calls.get(name, name).partition('(')[0]}({', '.join(takes)})"
            cure = cure.removesuffix("()")
        elif (isinstance(of, nodes.Name) and name in self.scope) or (not node.args and self._is_field(of)):
            cure = f"write {self.shown(of)}, without brackets"
        elif isinstance(of, nodes.Getattr) and (type_ := known_type(self.scope, of.node)) and type_.is_timed:
            part = next((each for each in ("weekday", "time", "hour") if each in name.lower()), "date")
            cure = entries.part_cure(self, of, part, type_)
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
            known = ", ".join(sorted(each for each in self.scope if HOLE not in each))
            value = f"the value of {name}, or " if self.template.place(node).is_in_python else ""
            cure: str = f"write {value}one of: {known}"
            if near:
                cure = did_you_mean(*near)
            elif any(node in each.nodes for each in self.template.body if isinstance(each, nodes.Output)):
                cure = f"{cure}; if it is text, write {name} without braces"
            if name == "event":
                cure = "`event` exists only in hooks: delete it here"
            if beside is not None and beside.family == "text" and (name in beside.words or not near):
                cure = f'if it is text, put quotes around it: "{name}"'
            elif beside is not None and beside.family == "number" and not near:
                cure = f"if it is a number, write it in digits; otherwise, {cure}"
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
        hours = self.scope.get("hours")
        calendars = [f"hours.{each}" for each, fields in hours.fields.items() if name in fields.fields] if hours else []
        owner = owner or (calendars[0] if len(calendars) == 1 else None)
        return f"{owner}.{name}" if owner else FOREIGN.names.get(name.lower())

    def visit_Getattr(self, node: nodes.Getattr) -> Kind | None:
        match node.node:
            case nodes.Name(name=group) if group in _GROUPS and group not in self.scope and node.attr in self.scope:
                cure = f"write {node.attr}"
                self.report("E303", node, f'unknown name "{group}"', cure)
                return None
        of = self.type_of(node.node)
        return entries.field_type(self, node, node.attr, of) if of is not None else None

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
            return entries.entry_type(self, node, of, found) if of is not None and found is not None else None
        if of is None:
            return None
        if isinstance(key, nodes.Slice):
            return entries.slice_type(self, node, key, of)
        return entries.field_type(self, node, key.value, of)

    def visit_Test(self, node: nodes.Test) -> Kind:
        for arg in node.args:
            self.report("E301", arg, "something is missing here")
        if self.type_of(node.node) is not None and not filter_calls.may_be_missing(node.node):
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
        match known_type(self.scope, first), second:
            case Kind(fields=fields), nodes.Name(name=name) if name in fields and name not in self.scope:
                path = f"{self.shown(first)}.{name}"
                self.report("E303", second, f'unknown name "{name}"', f"write {path}")
                return TYPES["bool"]
        found = self.type_of(first)
        is_name = is_unknown and found is not None and getattr(left, "name", "") not in found.words
        types = found, self.type_of(second, None if is_name else found)
        if None in types:
            return TYPES["bool"]
        if op in ("in", "notin"):
            operands.check_contained(self, left, op, right)
        elif operands.are_comparable(self, left, op, right):
            operands.check_literal(self, left, right)
            operands.check_literal(self, right, left)
            what = f'"{COMPARISONS[op].sign}"'
            is_timed = any((self.types[node] or ANY).family in POINTS for node in (left, right))
            sides = [node for node in (left, right) if not (is_timed and isinstance(node, nodes.Const))]
            if COMPARISONS[op].needs_order:
                all(self.require(node, ORDERED, what) for node in sides)
        return TYPES["bool"]

    def visit_Add(self, node: nodes.Add | nodes.Sub) -> Kind | None:
        match node:
            case nodes.Sub(left=of, right=nodes.Name(name=name)) if name not in self.scope and (
                name in getattr(known_type(self.scope, of), "fields", ())
            ):
                path = f"{self.shown(of)}.{name}"
                self.report("E303", node, f'unknown name "{name}"', f"write {path}")
                return None
        field = operands.hyphenated(self, node)
        if field is not None and not root_names(node.right) <= set(self.scope):
            key = self.template.between(self.template.key(field).start, self.template.end(node))
            cure = f'write {self.shown(field.node)}["{key.text}"]'
            self.report("E304", key, f'"{key.text}" is read as a subtraction', cure)
            return None
        left, right = self.type_of(node.left), self.type_of(node.right)
        return operands.sum_type(self, node, left, right) if left is not None and right is not None else None

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
        named = FILTERS.get(node.name)
        text = Word(named.check.forms) if named is not None and named.check is not None else TYPES["text"]
        takes = named.args if named is not None else ()
        kinds = (text if wanted == "text" else None for wanted in (*takes, *node.args))
        args = [self.type_of(arg, kind) for arg, kind in zip(node.args, kinds, strict=False)]
        known = filter_calls.known_filter(self, node, of)
        if known is None:
            return None
        for arg, wanted in zip(node.args, known.args, strict=False):
            if wanted:
                self.require(arg, (wanted,), node.name, "E306")
        if type_ is not None and type_.name == "phone" and known.is_test:
            operands.check_phone_part(self, node, known)
        if type_ is None or not filter_calls.takes_operand(self, node, of, type_, known):
            return None
        if known.is_localised:
            speech_package()  # imported now, so that calls do not wait for it
        if known.check is not None and not filter_calls.takes_argument(self, node, known, known.check, type_):
            return None
        if known.reads == "entry":
            return TYPES["text"] if type_.family == "text" else type_.entry
        return known.gives if known.gives is not None else filter_calls.default_type(self, node, type_, args)
