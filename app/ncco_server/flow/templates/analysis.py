"""Checks a template: its expressions and names, and the context that each value is inserted in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from ncco_server.flow.issues import RULES, Fix, FlowIssue
from ncco_server.flow.paths import root_of
from ncco_server.flow.scope import NAME, is_name
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
from ncco_server.flow.templates.syntax import read_template
from ncco_server.flow.templates.tree import MAX_FILE, Located, Template, TemplateFile, Token, missing_file
from ncco_server.value_types import ANY, POINTS, TYPES, Kind, record

MAX_LOOPS: Final = 2
"""Maximum depth of nested loops. With the limit on list lengths, it limits how much work a template can cause."""

MAX_INCLUDES: Final = 50
"""Maximum number of includes in a value; our choice."""

MAX_NESTED: Final = 40
"""Maximum depth of nested blocks across all included files; our choice, well below Python's recursion limit."""

_LOOP = record({name: TYPES["bool" if name in ("first", "last") else "int"] for name in LOOP_FIELDS})
_CLOSER = re.compile(r"\}\}|%\}|#\}")
_SINGLE = re.compile(
    r"(?P<sign>\$?)\{\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>(?:\.[A-Za-z_][A-Za-z0-9_]*)*"
    r"(?:\s*\|\s*[A-Za-z_]+(?:\([^(){}]*\))?)*)\s*(?P<end>\}+)"
)


def read_with_includes(
    text: Located, templates: Mapping[str, str], files: tuple[str, ...] = (), zone: str = ""
) -> tuple[Template, list[FlowIssue]]:
    """Parse a text and everything that it includes; returns the tree and the errors.

    `files` contains the name of the template file that the text comes from, if any: it must not include itself (E324).
    """
    template = Template(text, zone)
    issues = list[FlowIssue]()
    template.files.update(files)
    includes = _Includes(template, templates, issues, files)
    template.body = includes.read(text)
    return template, issues


class _Includes(NodeTransformer):
    """Replaces every `include` with the tree of the included file."""

    def __init__(
        self, template: Template, templates: Mapping[str, str], issues: list[FlowIssue], files: tuple[str, ...]
    ) -> None:
        self.template = template
        self.templates = templates
        self.issues = issues
        self.files = files
        self.count = 0

    def read(self, text: Located) -> list[nodes.Node]:
        """The nodes of a text, with its includes replaced."""
        body, faults = read_template(self.template, text)
        for fault in faults:
            self._report(*fault)
        tree = nodes.Template(body)
        self.generic_visit(tree)
        return tree.body

    def visit_Include(self, node: nodes.Include) -> nodes.Node | None:
        """The nodes of the included file, in a scope of their own: names that the file sets exist only there."""
        name = node.template.value if isinstance(node.template, nodes.Const) else ""
        where = self.template.written_as(node.template)
        if name not in self.templates:
            self._report("E323", where, *missing_file(name, self.templates))
            return None
        self.count += 1
        if name in self.files:
            circle = " → ".join((*self.files[self.files.index(name) :], name))
            self._report("E324", where, f"includes itself: {circle}")
        elif self.count > MAX_INCLUDES:
            self._report("E311", where, f"more than {MAX_INCLUDES} includes")
        elif len(self.templates[name]) > MAX_FILE:
            self._report("E311", where, f"{name} has more than {MAX_FILE:,} characters")
        else:
            self.template.files.add(name)
            files = self.files
            self.files = (*self.files, name)
            body = self.read(TemplateFile(name, self.templates[name]))
            self.files = files
            return nodes.Scope(body, lineno=node.lineno)
        return None

    def _report(self, code: str, where: Token, message: str, cure: str | Fix | None = None) -> None:
        self.issues.append(RULES[code].at(self.template.place(where), message, cure))


class Analysis(Walk):
    """Checks a template.

    Attributes:
        escapers: the name of each value's escaper, by the value's offset.
        used_names, used_env: the names and settings that the template uses.
    """

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
        """Check an `if`; reports E311 if it is nested too deep."""
        if self._enter_block(node):
            super().branches(node, tested)
        self._depth -= 1

    def loop(self, node: nodes.For, tested: frozenset[str]) -> None:
        """Check a `for`; reports E311 if it is nested too deep."""
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
        """Count one more level of nesting. Returns False if it is too deep; E311 is reported only once."""
        self._depth += 1
        if self._depth == MAX_NESTED + 1:
            self.check.report("E311", self._tag(node), f"tags nested more than {MAX_NESTED} deep")
        return self._depth <= MAX_NESTED

    def _tag(self, node: nodes.Node) -> Token:
        """The `{%` that opens a node's tag."""
        return self.template.token(node.lineno, -1)

    def on_join(self, node: nodes.Node, contexts: list[str]) -> str:
        """The context after branches; reports E335 if they end in contexts that contradict each other."""
        context = self._contexts.joined(set(contexts))
        if context is None:
            message = "some of the branches end inside quotes, a tag or a host, and others do not"
            self.check.report("E335", self._tag(node), message)
        return contexts[0] if context is None else context

    def on_text(self, node: nodes.TemplateData) -> None:
        """Update the context, and report stray braces in the text."""
        context = self._contexts.after(self.state.context, node.data)
        if context == "key":
            message = "a value inside a field name"
            cure = "write out the name, without braces"
            self.check.report("E334", Token(node.lineno, "", ""), message, cure)
            context = ""
        if context == "torn":
            written = node.data.strip()
            message = f'"{written}" directly after a value changes the host of the URL'
            cure = "begin the path with a single /, or write the scheme and the host before it"
            at = Token(node.lineno + node.data.index(written), "", written)
            self.check.report("E332", at, message, cure)
            context = "path"
        self.state = self.state._replace(context=context)
        if not self._is_json and self.template.token(node.lineno).kind != "raw":
            self.check.scope = self.state.scope
            check_braces(self.check, node.data, node.lineno)

    def on_value(self, occurrence: Occurrence) -> None:
        """Record the names that an expression uses, and check the expression."""
        node = occurrence.node
        self.check.scope = self.state.scope
        self.check.locals = occurrence.locals
        touched = touched_names(occurrence, self._flow_scope.unspoken)
        self.used_names |= {name for name in touched if root_of(name) in self._flow_scope.shapes}
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
            self.check.report("E308", of, f"a loop needs a list; {self.check.described(of)}", "name a list")
        self.state = self.state._replace(scope=self.state.scope.with_name("loop", _LOOP))

    def on_name(self, target: nodes.Name, of: nodes.Node, *, is_entry: bool) -> None:
        """Record the type of a local variable; reports E325 for a name that must not be set."""
        name = target.name
        type_ = self.check.types.get(of) or ANY
        outside = self._outer_names
        before = self.state.scope
        if is_entry:
            self._outer_names = frozenset(before)
        if is_name(name) and name not in self._flow_scope.shapes and name not in outside:
            super().on_name(target, of, is_entry=is_entry)
            self.state = self.state._replace(scope=before.with_name(name, type_.entry if is_entry else type_))
            return
        message = f'"{name}" is a name of the flow' if name in self._flow_scope.shapes else f'"{name}" cannot be a name'
        if is_name(name) and name not in self._flow_scope.shapes:
            message = f'"{name}" is set outside the loop, and a loop cannot change anything outside itself'
        self.check.report("E325", target, message)

    # output values

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
                if fault.code == "E332" and not self.state.context:
                    behind = "path"  # the text after the value must not cause a second error
        self.state = self.state._replace(context=behind)

    def _written(self, node: nodes.Node, type_: Kind) -> WrittenValue:
        values = tuple(whole_values(node))
        fixed = [_is_fixed(value) for value in values]
        is_url = all(
            is_one or getattr(self.check.types.get(value), "name", "") == "url"
            for value, is_one in zip(values, fixed, strict=True)
        )
        return WrittenValue(type_, all(fixed), is_url, self.check.shown(node))

    def _report_misplaced(self, node: nodes.Node, fault: Misplaced) -> None:
        where: nodes.Node | Token = node
        if fault.is_all_before:
            before = self.template.before(node).start
            where = self.template.between(self.template.beginning(before), before)
        self.check.report(fault.code, where, fault.message, fault.cure)

    def _may_be_written(self, node: nodes.Node, touched: Collection[str]) -> bool:
        """Whether a value may be inserted here; reports E330 or E331 if not.

        Text that is sent is also stored with the call, so it must not contain sensitive values. What a `spoken` param
        adds to a spoken text is stored encrypted.
        """
        is_heard = self.state.context in self._contexts.spoken
        unspoken = self._flow_scope.unspoken
        for name in sorted((unspoken.keys() & touched) - (self._flow_scope.spoken if is_heard else frozenset())):
            is_setting = self._flow_scope.is_setting(name)
            if is_heard or (not is_setting and self._contexts.is_sent):
                place = "spoken" if is_heard else "sent unmasked and stored with the call"
                message = f"{self.check.shown(node)} would be {place}; it is {unspoken[name]}"
                self.check.report("E330" if is_setting else "E331", node, message)
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
        self.check.report("E336", node, f"{shown} is {type_.described}", cure)
        return False


def _is_fixed(node: nodes.Node) -> bool:
    """Whether a value is computed from server settings alone, or is literal text."""
    return root_names(node) == {"env"} or (isinstance(node, nodes.Const) and isinstance(node.value, str))


# braces in literal text


def check_braces(check: Checker, text: str, start: int = 0) -> None:
    """Report closing braces without opening ones (E320), and single braces around a known name (W303)."""
    singles = list(_SINGLE.finditer(text))
    for match in singles:
        _check_single(check, match, Token(start + match.start(), "", match.group()))
    for match in _CLOSER.finditer(text):
        if not any(single.start() < match.start() < single.end() for single in singles):
            closer, opener = match.group(), {"}}": "{{", "%}": "{%", "#}": "{#"}[match.group()]
            cure = f'write "{opener}" before it, or leave it out'
            check.report("E320", Token(start + match.start(), "", closer), f'nothing opens this "{closer}"', cure)


def _check_single(check: Checker, match: re.Match[str], where: Token) -> None:
    name = match["name"]
    rest = match["rest"]
    if len(match["end"]) > 1:
        check.report("E320", where, f'"{where.text}" is not opened by two braces', _write(f"{{{{ {name}{rest} }}}}"))
    elif name in check.scope or not FILTERS.keys().isdisjoint(re.findall(r"\|\s*(\w+)", rest)):
        meant = name if name in check.scope else check.owner_of(name) or name
        fix = _write(f"{{{{ {meant}{rest} }}}}")
        names = NAME.findall(f"{meant}{rest}")
        place = check.template.place(where)
        check.issues.append(RULES["W303"].at(place, f'"{where.text}" is spoken as written', fix, names))


def _write(text: str) -> Fix:
    return Fix(f"write {text}", "characters", text)
