"""Checks a template: every expression and every name in it, and the place that each value is written into."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from app.flow.issues import Issue
from app.flow.paths import Path, meet, path_of, root_of, written
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes, is_name
from app.flow.templates.checker import Checker
from app.flow.templates.environment import LOOP_FIELDS
from app.flow.templates.escaping import CONTEXT_NAMES, Contexts, Misplaced, Written
from app.flow.templates.filters import FILTERS
from app.flow.templates.references import root_names, touched_names, used_env, way_of, whole_values
from app.flow.templates.syntax import read_template
from app.flow.templates.tree import MAX_FILE, Located, Template, TemplateFile, missing_file
from app.flow.types import ANY, TYPES, ValueType, common, record

MAX_LOOPS: Final = 2
"""How deep loops may be nested; with the bound on each list this bounds the work of a template."""

MAX_INCLUDES: Final = 50
"""How many includes one value may have; our choice."""

MAX_NESTED: Final = 40
"""How deep blocks may be nested over all included files; our choice, well below what Python can nest."""

_LOOP = record({name: TYPES["bool" if name in ("first", "last") else "int"] for name in LOOP_FIELDS})
_CLOSER = re.compile(r"\}\}|%\}|#\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SINGLE = re.compile(
    r"(?P<sign>\$?)\{\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>(?:\.[A-Za-z_][A-Za-z0-9_]*)*"
    r"(?:\s*\|\s*[A-Za-z_]+(?:\([^(){}]*\))?)*)\s*(?P<end>\}+)"
)


def read_with_includes(
    text: Located, templates: Mapping[str, str], files: tuple[str, ...] = ()
) -> tuple[Template, list[Issue]]:
    """The tree of a text and of all it includes, and what cannot be read; `files` are the template files it is of."""
    template, issues = Template(text), list[Issue]()
    template.files.update(files)
    expander = _Includes(template, templates, issues, files)
    template.body = expander.read(text)
    return template, issues


class _Includes(NodeTransformer):
    """Replaces every `include` by what it includes."""

    def __init__(
        self, template: Template, templates: Mapping[str, str], issues: list[Issue], files: tuple[str, ...]
    ) -> None:
        self.template = template
        self.templates = templates
        self.issues = issues
        self.files = files
        self.count = 0

    def read(self, text: Located) -> list[nodes.Node]:
        """The nodes of a text."""
        body, faults = read_template(self.template, text)
        for fault in faults:
            self._report(fault.code, fault.start, fault.length, fault.message, fault.cure)
        tree = nodes.Template(body)
        self.generic_visit(tree)
        return tree.body

    def visit_Include(self, node: nodes.Include) -> nodes.Node | None:
        """A scope of its own, so that what a file sets stays in it."""
        name = node.template.value if isinstance(node.template, nodes.Const) else ""
        start = self.template.start(node.template)
        length = self.template.end(node.template) - start
        if name not in self.templates:
            self._report("E323", start, length, *missing_file(name, self.templates))
            return None
        self.count += 1
        if name in self.files:
            circle = " → ".join((*self.files[self.files.index(name) :], name))
            self._report("E324", start, length, f"includes itself: {circle}")
        elif self.count > MAX_INCLUDES:
            self._report("E311", start, length, f"more than {MAX_INCLUDES} includes")
        elif len(self.templates[name]) > MAX_FILE:
            self._report("E311", start, length, f"{name} has more than {MAX_FILE:,} characters")
        else:
            self.template.files.add(name)
            files, self.files = self.files, (*self.files, name)
            body = self.read(TemplateFile(name, self.templates[name]))
            self.files = files
            return nodes.Scope(body, lineno=node.lineno)
        return None

    def _report(self, code: str, start: int, length: int, message: str, cure: str | None = None) -> None:
        self.issues.append(RULES[code].at(self.template.place_at(start, length), message, cure))


class Analysis:
    """Walks through a template.

    Attributes:
        escapers: the name of what escapes each value, by the offset of the value.
        used_names, used_env: what the template looks up.
    """

    def __init__(self, check: Checker, contexts: Contexts, *, is_json: bool) -> None:
        self.check = check
        self.escapers: dict[int, str] = {}
        self.used_names: set[str] = set()
        self.used_env: set[str] = set()
        self._contexts = contexts
        self._is_json = is_json
        self._context = ""
        self._loops = self._depth = 0
        self._given = frozenset(check.scope)
        self._outside: frozenset[str] = frozenset()
        self._origins: dict[str, set[str]] = {}

    def block(self, body: Iterable[nodes.Node]) -> None:
        """Check some nodes in their order."""
        for node in body:
            match node:
                case nodes.Output():
                    for part in node.nodes:
                        self._data(part) if isinstance(part, nodes.TemplateData) else self._output(part)
                case nodes.If():
                    self._nested(node, self._if)
                case nodes.For():
                    self._nested(node, self._for)
                case nodes.Assign():
                    self._set(node)
                case nodes.Scope():
                    scope = self.check.scope
                    self.block(node.body)
                    self.check.scope = scope

    def _nested(self, node: nodes.If | nodes.For, check: Callable[[Any], None]) -> None:
        self._depth += 1
        if self._depth <= MAX_NESTED:
            check(node)
        elif self._depth == MAX_NESTED + 1:
            self.check.report_at("E311", self._tag(node), 2, f"tags nested more than {MAX_NESTED} deep")
        self._depth -= 1

    def _tag(self, node: nodes.Node) -> int:
        """Where the tag of a node begins."""
        return self.check.template.token(node.lineno, -1).start

    # literal text

    def _data(self, data: nodes.TemplateData) -> None:
        self._context = self._contexts.after(self._context, data.data)
        if self._context == "key":
            message, cure = "a value in the name of a field", "write the name out, without braces"
            self.check.report_at("E334", data.lineno, 1, message, cure)
            self._context = ""
        if self._context == "torn":
            self._torn(data)
        if not self._is_json and self.check.template.token(data.lineno).kind != "raw":
            check_braces(self.check, data.data, data.lineno)

    def _torn(self, data: nodes.TemplateData) -> None:
        """Report a text that joins a setting or a variable and makes another host of it."""
        written = data.data.strip()
        message = f'"{written}" directly after a value changes where the URL leads'
        cure = "begin the path with one /, or write the scheme and the host in front"
        self.check.report_at("E332", data.lineno + data.data.index(written), len(written), message, cure)
        self._context = "path"

    # values

    def _output(self, node: nodes.Expr) -> None:
        self._uses(node)
        start = self.check.template.start(node)
        shape = self.check.type_of(node) if self._may_be_written(node) else None
        self.escapers[start] = "_text"
        if shape is not None and self._is_one_value(node, shape):
            try:
                self.escapers[start] = self._contexts.escaper(self._context, self._written(node, shape))
            except Misplaced as fault:
                self._misplaced(node, fault)
        self._context = self._contexts.after_value(self._context)

    def _written(self, node: nodes.Expr, shape: ValueType) -> Written:
        values = tuple(whole_values(node))
        fixed = [_is_fixed(value) for value in values]
        is_url = all(is_one or self._is_url(value) for value, is_one in zip(values, fixed, strict=True))
        return Written(shape, all(fixed), is_url, self.check.shown(node))

    def _is_url(self, node: nodes.Node) -> bool:
        silent = Checker(self.check.template, self.check.scope)
        return getattr(silent.type_of(node), "name", "") == "url"

    def _misplaced(self, node: nodes.Expr, fault: Misplaced) -> None:
        if fault.is_all_before:
            before = self.check.template.before(node).start
            start = self.check.template.beginning(before)
            self.check.report_at(fault.code, start, max(1, before - start), fault.message, fault.cure)
        else:
            self.check.report(fault.code, node, fault.message, fault.cure)

    def _uses(self, node: nodes.Node, *, is_passed: bool = False) -> None:
        """Note the names of the flow that an expression looks up; `is_passed` as for `touched_names`."""
        for name in touched_names(self.check.template, node, self.check.scope.unspoken, is_passed=is_passed):
            known = {name} if root_of(name) in self._given else set()
            self.used_names |= self._origins.get(name, known)
        self.used_env |= used_env(node)

    def _may_be_written(self, node: nodes.Expr) -> bool:
        """Whether everything in it may be said or sent. What is sent is kept with the call: nothing sensitive may."""
        is_heard, scope = self._context in self._contexts.spoken, self.check.scope
        for name in sorted(touched_names(self.check.template, node, scope.unspoken) & scope.unspoken.keys()):
            is_setting = scope.is_setting(name)
            if is_heard or (not is_setting and self._contexts.is_sent):
                place = "spoken" if is_heard else "sent unmasked and stored with the call"
                message = f"{self.check.shown(node)} would be {place}; it is {scope.unspoken[name]}"
                self.check.report("E330" if is_setting else "E331", node, message)
                return False
        return True

    def _is_one_value(self, node: nodes.Expr, shape: ValueType) -> bool:
        is_heard = self._context in self._contexts.spoken
        if shape.kind not in ("list", "map") and not (is_heard and shape.kind == "datetime"):
            return True
        shown = self.check.shown(node)
        cure = f"write {shown} | spoken"
        if shape.kind == "list":
            cure = f"write {shown} | list, or loop over it"
        elif shape.fields:
            cure = f"name a field of it: {', '.join(f'{shown}.{name}' for name in shape.fields)}"
        elif shape.kind == "map":
            cure = f'name an entry of it: {shown}["key"]'
        self.check.report("E336", node, f"{shown} is {shape.described}", cure)
        return False

    # tags

    def _if(self, node: nodes.If) -> None:
        before, context = self.check.scope, self._context
        scopes, contexts = [], []
        arms = [(each.test, each.body) for each in (node, *node.elif_)]
        for test, body in (*arms, (None, node.else_)):
            self.check.scope, self._context = before, context
            if test is not None:
                self._uses(test, is_passed=True)
                self.check.check_test(test)
            self.block(body)
            scopes.append(self.check.scope)
            contexts.append(self._context)
        self._same_context(node, contexts)
        self.check.scope = _joined_scope(before, scopes)

    def _same_context(self, node: nodes.Node, contexts: list[str]) -> None:
        context = self._contexts.joined(set(contexts))
        if context is None:
            ends = sorted({CONTEXT_NAMES.get(context, "outside") for context in contexts})
            self.check.report_at("E335", self._tag(node), 2, f"the branches end differently: {', '.join(ends)}")
        self._context = contexts[0] if context is None else context

    def _for(self, node: nodes.For) -> None:
        item = self._looped(node.iter)
        if self._loops >= MAX_LOOPS:
            self.check.report_at("E311", self._tag(node), 2, f"loops nested more than {MAX_LOOPS} deep")
        before, context, outside = self.check.scope, self._context, self._outside
        self.check.scope = before.having("loop", _LOOP)
        for target in node.target.find_all(nodes.Name) if isinstance(node.target, nodes.Tuple) else (node.target,):
            self._name(target, item, node.iter, None)
        self._outside = frozenset(before)
        self._loops += 1
        self.block(node.body)
        self._loops -= 1
        self._outside = outside
        for body in ([], node.else_):
            self.check.scope = before
            self.block(body)
            self._same_context(node, [context, self._context])
        self.check.scope = before

    def _looped(self, of: nodes.Node) -> ValueType:
        """The type of the entries that a loop goes over."""
        self._uses(of, is_passed=True)
        shape = self.check.type_of(of)
        if shape is not None and shape.kind not in ("list", "any"):
            message = f"a loop goes over a list; {self.check.shown(of)} is {shape.described}"
            self.check.report("E308", of, message, "name a list")
        return shape.entry if shape is not None else ANY

    def _set(self, node: nodes.Assign) -> None:
        self._uses(node.node, is_passed=True)
        self._name(node.target, self.check.type_of(node.node) or ANY, node.node)

    def _name(self, target: nodes.Node, shape: ValueType, of: nodes.Node, *entry: None) -> None:
        """Give a name to what `of` computes, or to an entry of it."""
        assert isinstance(target, nodes.Name)  # noqa: S101 - the syntax allows nothing else
        if self._may_set(target):
            given = _Given(target.name, shape, of, entry)
            self.check.scope = _having(self.check, self._origins, given)

    def _may_set(self, target: nodes.Name) -> bool:
        name = target.name
        if is_name(name) and name not in self._given and name not in self._outside:
            return True
        message = f'"{name}" is a name of the flow' if name in self._given else f'"{name}" cannot be a name'
        if is_name(name) and name not in self._given:
            message = f'"{name}" is set outside the loop, and a loop changes nothing outside itself'
        self.check.report_at("E325", target.lineno, len(name), message)
        return False


def _is_fixed(node: nodes.Node) -> bool:
    """Whether it is a setting of the server, or a text of the file."""
    return root_names(node) == {"env"} or (isinstance(node, nodes.Const) and isinstance(node.value, str))


# braces in literal text


def check_braces(check: Checker, text: str, start: int = 0) -> None:
    """Report closing braces that nothing opens (E320), and single braces around a known name (W303)."""
    singles = list(_SINGLE.finditer(text))
    for match in singles:
        _check_single(check, match, start)
    for match in _CLOSER.finditer(text):
        if any(single.start() < match.start() < single.end() for single in singles):
            continue
        opener = {"}}": "{{", "%}": "{%", "#}": "{#"}[match.group()]
        message = f'nothing opens this "{match.group()}"'
        check.report_at("E320", start + match.start(), 2, message, f'write "{opener}" before it, or leave it out')


def _check_single(check: Checker, match: re.Match[str], start: int) -> None:
    name, rest, written = match["name"], match["rest"], match.group()
    if len(match["end"]) > 1:
        message, cure = f'"{written}" is not opened by two braces', f"write {{{{ {name}{rest} }}}}"
        check.report_at("E320", start + match.start(), len(written), message, cure)
        return
    is_known, filters = name in check.scope, re.findall(r"\|\s*(\w+)", rest)
    if is_known or not FILTERS.keys().isdisjoint(filters):
        meant = name if is_known else check.owner_of(name) or name
        place = check.template.place_at(start + match.start(), len(written))
        names = _NAME.findall(f"{meant}{rest}")
        cure = f"write {{{{ {meant}{rest} }}}}"
        check.issues.append(RULES["W303"].at(place, f'"{written}" is spoken as written', cure, names))


# names that a template sets: what is secret of their values is secret of them


class _Given(NamedTuple):
    """A name that a template gives to what `node` computes, or with `entry` `(None,)` to an entry of it."""

    name: str
    shape: ValueType
    node: nodes.Node
    entry: tuple[None, ...] = ()


def _having(check: Checker, origins: dict[str, set[str]], given: _Given) -> ScopeTypes:
    """The scope with one more name.

    `origins` are the sensitive fields of the names that were given, each with the names of the flow whose value it is;
    those of this name are added.
    """
    scope, unspoken = check.scope, check.scope.unspoken
    touched = touched_names(check.template, given.node, unspoken, is_passed=True)
    why = next((why for known, why in unspoken.items() if known in touched), "")
    inner = [] if why else list(_inner(given, unspoken))
    for known, path in inner:
        origins.setdefault(written(given.name, path), set()).update(origins.get(known, {known}))
    return scope.having(given.name, given.shape, why, (path for _, path in inner))


def _inner(given: _Given, unspoken: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """The sensitive fields further in: their names, and the ways to them from the given name."""
    way, entry = way_of(given.node), given.entry
    for known in unspoken if way is not None else ():
        path, depth = path_of(known), len(way[1] if way else ())
        is_within = way is not None and root_of(known) == way[0] and meet(way[1], path)
        if is_within and len(path) > depth + len(entry) and meet(entry, path[depth:]):
            yield known, path[depth + len(entry) :]


def _joined_scope(before: ScopeTypes, scopes: Iterable[ScopeTypes]) -> ScopeTypes:
    """What is known behind an `if`: all that its branches set. What one of them may not say, none may."""
    shapes, unspoken = dict(before.shapes), dict(before.unspoken)
    for scope in scopes:
        unspoken |= scope.unspoken
        for name, shape in scope.shapes.items():
            known = shapes.get(name, shape)
            shapes[name] = shape if shape == known else common(shape, known)
    return ScopeTypes(shapes, unspoken, before.env)
