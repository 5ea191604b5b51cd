"""Checks a template: its expressions and names, and the context of each value."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from jinja2 import nodes

from ncco_server.flow.issues import RULES
from ncco_server.flow.scope import NAME, is_name, root_of
from ncco_server.flow.templates.checker import Checker
from ncco_server.flow.templates.environment import LOOP_FIELDS
from ncco_server.flow.templates.escaping import Contexts, Misplaced, WrittenValue
from ncco_server.flow.templates.filters import FILTERS
from ncco_server.flow.templates.references import (
    Occurrence,
    Walk,
    WalkState,
    root_names,
    touched_names,
    used_env,
    whole_values,
)
from ncco_server.flow.templates.tree import Token
from ncco_server.ncco.value_types import ANY, POINTS, TYPES, Kind, record

MAX_LOOPS: Final = 2
"""Limits a template's work, with the limit on list lengths."""

MAX_NESTED: Final = 40
"""Across all included files; our choice, well below Python's recursion limit."""

_LOOP = record({name: TYPES["bool" if name in ("first", "last") else "int"] for name in LOOP_FIELDS})
_CLOSER = re.compile(r"\}\}|%\}|#\}")
_SINGLE = re.compile(
    r"(?P<sign>[$#]?)\{\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>(?:\.[A-Za-z_][A-Za-z0-9_]*)*"
    r"(?:\s*\|\s*[A-Za-z_]+(?:\([^(){}]*\))?)*)\s*(?P<end>\}+)"
)
_UNBRACED = re.compile(r"\$(\w+)|(?<=/):(\w+)|%(\w+)%|%\((\w+)\)s|\[(\w+)\]")

_JSON_PATH = re.compile(r"\$\.(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)")


class Analysis(Walk):
    """Checks a template; `escapers` names each value's escaper, by the value's offset."""

    def __init__(self, check: Checker, contexts: Contexts, *, is_json: bool) -> None:
        super().__init__(check.template, WalkState(scope=check.scope))
        self.check = check
        self.escapers: dict[int, str] = {}
        self.used_names: set[str] = set()
        self.used_env: set[str] = set()
        self._contexts = contexts
        self._is_json = is_json
        self._loops = self._depth = 0
        self._flow_scope = check.scope
        self._outer_names: frozenset[str] = frozenset()

    def branches(self, node: nodes.If, tested: frozenset[str]) -> None:
        if self._enter_block(node):
            super().branches(node, tested)
        self._depth -= 1

    def loop(self, node: nodes.For, tested: frozenset[str]) -> None:
        outside = self._outer_names
        if self._enter_block(node):
            if self._loops >= MAX_LOOPS:
                self.check.report("E311", self._tag(node), f"loops nested more than {MAX_LOOPS} deep")
            self._loops += 1
            super().loop(node, tested)
            self._loops -= 1
        self._depth -= 1
        self._outer_names = outside

    def _enter_block(self, node: nodes.If | nodes.For) -> bool:
        """False for a block nested too deep; E311 is reported once."""
        self._depth += 1
        if self._depth == MAX_NESTED + 1:
            self.check.report("E311", self._tag(node), f"tags nested more than {MAX_NESTED} deep")
        return self._depth <= MAX_NESTED

    def _tag(self, node: nodes.Node) -> Token:
        return self.template.token(node.lineno, -1)

    def on_join(self, node: nodes.Node, contexts: list[str]) -> str:
        context = self._contexts.joined(set(contexts))
        if context is None:
            message = "some of the branches end inside quotes, a tag or a host, and others do not"
            self.check.report("E333", self._tag(node), message)
        return contexts[0] if context is None else context

    def on_text(self, node: nodes.TemplateData) -> None:
        context = self._contexts.after(self.state.context, node.data)
        if context == "key":
            message = "a value inside a field name"
            cure = "write out the name, without braces"
            self.check.report("E333", Token(node.lineno, "", ""), message, cure)
            context = self._contexts.after("", node.data.partition(":")[2])
        if context == "torn":
            written = node.data.strip()
            message = f'"{written}" directly after a value changes the host of the URL'
            cure = "begin the path with a single /, or write the scheme and the host before it"
            at = Token(node.lineno + node.data.index(written), "", written)
            self.check.report("E332", at, message, cure)
            context = "path"
        self._enter_context(context)
        if not self._is_json and self.template.token(node.lineno).kind != "raw":
            self.check.scope = self.state.scope
            check_braces(self.check, node.data, node.lineno)

    def _enter_context(self, context: str) -> None:
        if context != self.state.context:
            self.state = self.state._replace(context=context)

    def on_value(self, occurrence: Occurrence) -> None:
        node = occurrence.node
        self.check.scope = self.state.scope
        touched = touched_names(occurrence, self._flow_scope.unspoken)
        self.used_names |= {name for name in touched if root_of(name) in self._flow_scope.types}
        self.used_env |= used_env(node)
        if occurrence.role == "test":
            self.check.check_test(node)
        elif occurrence.role == "loop":
            self._check_loop(node)
        elif occurrence.role == "set":
            self.check.type_of(node)
        else:
            self._check_output(node, touched)

    def _check_loop(self, of: nodes.Node) -> None:
        type_ = self.check.type_of(of)
        if type_ is not None and type_.family not in ("list", "any"):
            lists = [f"{self.check.shown(of)}.{name}" for name, each in type_.fields.items() if each.family == "list"]
            cure = f"write {' or '.join(lists)}" if lists else "name a list"
            self.check.report("E308", of, f"a loop needs a list; {self.check.described(of)}", cure)
        self.state = self.state._replace(scope=self.state.scope.with_name("loop", _LOOP))

    def on_name(self, target: nodes.Name, of: nodes.Node, *, is_entry: bool) -> None:
        name = target.name
        type_ = self.check.types.get(of) or ANY
        outside = self._outer_names
        before = self.state.scope
        if is_entry:
            self._outer_names = frozenset(before)
        if is_name(name) and name not in self._flow_scope.types and name not in outside:
            super().on_name(target, of, is_entry=is_entry)
            self.state = self.state._replace(scope=before.with_name(name, type_.entry if is_entry else type_))
            return
        cure = None
        message = f'"{name}" is a name of the flow' if name in self._flow_scope.types else f'"{name}" cannot be a name'
        if is_name(name) and name not in self._flow_scope.types:
            message = f'"{name}" is set outside the loop, and a loop cannot change anything outside itself'
            cure = "to count, write loop.index in the loop, or `| length` after the list"
        self.check.report("E301", target, message, cure)

    def _check_output(self, node: nodes.Node, touched: Collection[str]) -> None:
        start = self.template.start(node)
        type_ = self.check.type_of(node) if self._may_be_written(node, touched) else None
        self.escapers[start] = "_text"
        behind = self._contexts.after_value(self.state.context)
        if type_ is not None and self._is_one_value(node, type_):
            try:
                self.escapers[start] = self._contexts.escaper(self.state.context, self._written(node, type_))
            except Misplaced as fault:
                self._report_misplaced(node, fault)
                if fault.code == "E332" and self.state.context in ("", "odd"):
                    behind = "path"  # what follows the value must not cause a second error
        self._enter_context(behind)

    def _written(self, node: nodes.Node, kind: Kind) -> WrittenValue:
        """Of values of several kinds, the kind is that of a text, if one may be."""
        values = [*whole_values(node)]
        kinds = [self.check.types.get(each) for each in values]
        types = [getattr(of, "name", "") for of, each in zip(kinds, values, strict=True) if not _is_fixed(each)]
        text = next((of for of in kinds if of is not None and of.family == "text"), kind)
        is_url = all(name == "url" for name in types)
        return WrittenValue(self.check.shown(node), text, is_fixed=not types, is_url=is_url)

    def _report_misplaced(self, node: nodes.Node, fault: Misplaced) -> None:
        where: nodes.Node | Token = node
        if fault.is_all_before:
            before = self.template.before(node).start
            where = self.template.between(self.template.beginning(before), before)
        self.check.report(fault.code, where, fault.message, fault.cure)

    def _may_be_written(self, node: nodes.Node, touched: Collection[str]) -> bool:
        """Return False, after E330 or E331, if a value must not be inserted here.

        Sent text is also stored with the call, so it must not contain sensitive values. A `spoken` param in a spoken
        text is stored encrypted.
        """
        is_heard = self.state.context in self._contexts.spoken
        unspoken = self._flow_scope.unspoken
        for name in sorted((unspoken.keys() & touched) - (self._flow_scope.spoken if is_heard else frozenset())):
            is_setting = self._flow_scope.is_setting(name)
            if is_heard or (not is_setting and self._contexts.is_sent):
                place = "spoken" if is_heard else "sent unmasked and stored with the call"
                message = f"{self.check.shown(node)} would be {place}; it is {unspoken[name]}"
                cure = "leave it out; or, for a param of a placed call, add `spoken: true` to it" if is_heard else None
                self.check.report("E330" if is_setting else "E331", node, message, None if is_setting else cure)
                return False
        return True

    def _is_one_value(self, node: nodes.Node, type_: Kind) -> bool:
        is_heard = self.state.context in self._contexts.spoken
        if type_.family not in ("list", "map") and not (is_heard and type_.family in POINTS):
            return True
        shown = self.check.shown(node)
        cures = {
            "list": f"write {shown} | list, or loop over it",
            "map": f'use one of its entries: {shown}["{next(iter(type_.fields), "key")}"]',
        }
        cure = cures.get(type_.family, f"write {shown} | spoken")
        self.check.report("E308", node, f"{shown} is {type_.described}", cure)
        return False


def _is_fixed(node: nodes.Node) -> bool:
    return root_names(node) == {"env"} or (isinstance(node, nodes.Const) and isinstance(node.value, str))


def check_braces(check: Checker, text: str, start: int = 0) -> None:
    """Report closing braces without opening ones (E301), and other notations of a known name (W303)."""
    singles = list(_SINGLE.finditer(text))
    for match in singles:
        _check_single(check, match, Token(start + match.start(), "", match.group()))
    for match in _UNBRACED.finditer(text):
        name = match[match.lastindex or 0]
        if check.meant_by(name):
            _warn_of_plain(check, Token(start + match.start(), "", match.group()), check.meant_by(name))
    for match in _JSON_PATH.finditer(text):
        _warn_of_plain(check, Token(start + match.start(), "", match.group()), check.owner_of(match[1]) or match[1])
    for match in _CLOSER.finditer(text):
        closer, opener = match.group(), {"}}": "{{", "%}": "{%", "#}": "{#"}[match.group()]
        before = check.template.source[: start + match.start()]
        is_nested = before.count(opener) > before.count(closer)  # reported where the second one opens
        if not is_nested and not any(single.start() < match.start() < single.end() for single in singles):
            cure = f'write "{opener}" before it, or leave it out'
            check.report("E301", Token(start + match.start(), "", closer), f'nothing opens this "{closer}"', cure)


def _check_single(check: Checker, match: re.Match[str], where: Token) -> None:
    name = match["name"]
    rest = match["rest"]
    if len(match["end"]) > 1:
        check.report("E301", where, f'"{where.text}" is not opened by two braces', f"write {{{{ {name}{rest} }}}}")
    elif meant := check.meant_by(name):
        _warn_of_plain(check, where, f"{meant}{rest}")
    elif not FILTERS.keys().isdisjoint(re.findall(r"\|\s*(\w+)", rest)):
        _warn_of_plain(check, where, f"{check.owner_of(name) or name}{rest}")


def _warn_of_plain(check: Checker, where: Token, meant: str) -> None:
    message = f'"{where.text}" stays as it is written'
    fix = f"write {{{{ {meant} }}}}"
    check.issues.append(RULES["W303"].at(check.template.place(where), message, fix, NAME.findall(meant)))
