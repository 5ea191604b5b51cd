"""Checks a template: every expression in it, every name, and where each value stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.flow.expressions.check import Check, described, kind_of
from app.flow.expressions.checker import test, type_of
from app.flow.expressions.compiled import used_env
from app.flow.expressions.fault import Fault
from app.flow.expressions.kinds import item_of, record_of
from app.flow.expressions.syntax import Const, Node, root_names, whole_values
from app.flow.expressions.touching import touched_names
from app.flow.issues import Issue
from app.flow.paths import root_of
from app.flow.scope import Record, ScopeTypes, Shape, is_name
from app.flow.templates.carried import Given, joined_scope, named
from app.flow.templates.includes import MAX_FILE, MAX_INCLUDES, missing_file
from app.flow.templates.plan import Plan, Shown, Unit, Written
from app.flow.templates.sandbox import LOOP_FIELDS
from app.flow.templates.scanner import Data
from app.flow.templates.source import TemplateFile
from app.flow.templates.spots import SPOT_NAMES, Spots, Told, joined
from app.flow.templates.stray import stray_braces
from app.flow.templates.tree import For, If, Include, Output, Part, Set, TreeReader
from app.flow.types import ANY, TYPES

MAX_LOOPS = 2
"""How deep loops may be nested; with the bound on each list this bounds the work of a template."""

_LOOP = Record({name: TYPES["bool" if name in ("first", "last") else "int"] for name in LOOP_FIELDS})


@dataclass(slots=True)
class Analyst:
    """Walks through a template and everything that it includes.

    Attributes:
        templates: template file name → text.
        spots: how values are escaped here.
        is_json: whether single braces are no mistake.
        scope: the names that are known at the place reached.
        plan: what the template becomes.
        issues: every fault found.
        spot: where in its place the text has come to.
        loops: how many loops are open.
        files: the template files that are open, outermost first.
        includes: how many includes there were so far.
        given: the names of the flow, which no template may set.
        outside: the names that were known before the innermost loop.
        origins: what is sensitive of names that the template has given, each with the names of the flow it stands for.
    """

    templates: Mapping[str, str]
    spots: Spots
    is_json: bool
    scope: ScopeTypes
    plan: Plan
    issues: list[Issue] = field(default_factory=list)
    spot: str = ""
    loops: int = 0
    files: tuple[str, ...] = ()
    includes: int = 0
    given: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    origins: dict[str, set[str]] = field(default_factory=dict)

    def unit(self, unit: Unit) -> None:
        """Check one text."""
        reader = TreeReader(unit.text.value)
        unit.parts = reader.read()
        walk = _Walk(self, unit, Check(unit.text, self.scope, braces=True, issues=self.issues))
        for fault in reader.faults:
            walk.check.report_fault(fault)
        walk.parts(unit.parts)
        self.scope = walk.check.scope


@dataclass(slots=True)
class _Walk:
    """The walk through the parts of one text."""

    analyst: Analyst
    here: Unit
    check: Check

    def parts(self, parts: tuple[Part, ...]) -> None:
        for part in parts:
            self._part(part)

    def _part(self, part: Part) -> None:
        match part:
            case Data():
                self._data(part)
            case Output():
                self._output(part)
            case If():
                self._if(part)
            case For():
                self._for(part)
            case Set():
                self._set(part)
            case _:
                self._include(part)

    def _data(self, data: Data) -> None:
        self.analyst.spot = self.analyst.spots.after(self.analyst.spot, data.text)
        if self.analyst.spot == "key":
            message, cure = "a value in the name of a field", "write the name out, without braces"
            self.check.report_at("E334", data.start, 1, message, cure)
            self.analyst.spot = ""
        if self.analyst.spot == "torn":
            self._torn(data)
        if not data.is_raw and not self.analyst.is_json:
            stray_braces(self.check, data)

    def _torn(self, data: Data) -> None:
        """Report a text that joins a setting or a variable and makes another host of it."""
        written = data.text.strip()
        message = f'"{written}" directly behind a value changes where the URL leads'
        cure = "begin the path with one /, or write the scheme and the host in front"
        self.check.report_at("E332", data.start + data.text.index(written), len(written), message, cure)
        self.analyst.spot = "path"

    def _uses(self, node: Node, *, is_passed: bool = False) -> None:
        """Note the names of the flow that an expression looks up; `is_passed` as for `touched_names`."""
        analyst = self.analyst
        for name in touched_names(node, self.check.scope.unspoken, is_passed=is_passed):
            known = {name} if root_of(name) in analyst.given else set()
            analyst.plan.used_names |= analyst.origins.get(name, known)
        analyst.plan.used_env |= used_env(node)

    def _output(self, part: Output) -> None:
        self._uses(part.node)
        shape = type_of(self.check, part.node) if self._may_be_told(part.node) else None
        escaper = "_text"
        if shape is not None and self._is_one_value(part.node, shape):
            try:
                escaper = self.analyst.spots.escaper(self.analyst.spot, self._told(part, shape))
            except Fault as fault:
                self.check.report_fault(fault)
        self.analyst.spot = self.analyst.spots.after_value(self.analyst.spot)
        plan = self.analyst.plan
        self.here.marks.append(Written(escaper, len(plan.values)))
        node = part.node
        plan.values.append(Shown(self.check.shown(node), self.check.text.at(node.start, node.end - node.start)))

    def _told(self, part: Output, shape: Shape) -> Told:
        node = part.node
        values = tuple(whole_values(node))
        fixed = [_is_fixed(value) for value in values]
        is_url = all(is_one or self._is_url(value) for value, is_one in zip(values, fixed, strict=True))
        length = node.end - node.start
        return Told(shape, all(fixed), is_url, self.check.shown(node), node.start, length, part.start)

    def _is_url(self, node: Node) -> bool:
        silent = replace(self.check, issues=[])
        return getattr(type_of(silent, node), "name", "") == "url"

    def _may_be_told(self, node: Node) -> bool:
        """Whether no name in it must be hushed up: what is sent is kept with the call, so nothing sensitive may go."""
        is_heard, unspoken = self._is_heard(), self.check.scope.unspoken
        for name in sorted(touched_names(node, unspoken) & unspoken.keys()):
            is_setting = self.check.scope.is_setting(name)
            if is_heard or (not is_setting and self.analyst.spots.is_sent):
                code = "E330" if is_setting else "E331"
                place = "spoken" if is_heard else "sent in the open and kept with the call"
                self.check.report(code, node, f"{self.check.shown(node)} would be {place}; it is {unspoken[name]}")
                return False
        return True

    def _is_heard(self) -> bool:
        return self.analyst.spot in self.analyst.spots.spoken

    def _is_one_value(self, node: Node, shape: Shape) -> bool:
        if kind_of(shape) in ("list", "map") or (self._is_heard() and kind_of(shape) == "datetime"):
            message = f"{self.check.shown(node)} is {described(shape)}"
            self.check.report("E336", node, message, _named(self.check, node, shape))
            return False
        return True

    def _if(self, part: If) -> None:
        before, spot = self.check.scope, self.analyst.spot
        scopes, spots = [], []
        for condition, body in part.arms:
            self.check.scope, self.analyst.spot = before, spot
            if condition is not None:
                self._uses(condition, is_passed=True)
                test(self.check, condition)
            self.parts(body)
            scopes.append(self.check.scope)
            spots.append(self.analyst.spot)
        if part.arms[-1][0] is not None:
            spots.append(spot)
        self._same_spot(part.start, spots)
        self.check.scope = joined_scope(before, scopes)

    def _same_spot(self, start: int, spots: list[str]) -> None:
        spot = joined(set(spots))
        if spot is None:
            ends = sorted({SPOT_NAMES.get(spot, "outside") for spot in spots})
            self.check.report_at("E335", start, 2, f"the branches end differently: {', '.join(ends)}")
        self.analyst.spot = spots[0] if spot is None else spot

    def _for(self, part: For) -> None:
        item = self._loop_of(part.of) if part.of is not None else ANY
        if self.analyst.loops >= MAX_LOOPS:
            self.check.report_at("E311", part.start, 2, f"loops nested more than {MAX_LOOPS} deep")
        before, spot, outside = self.check.scope, self.analyst.spot, self.analyst.outside
        self.check.scope = before.having("loop", _LOOP)
        for name in part.names:
            if self._may_set(name.text, name.start):
                self._name(name.text, item, part.of, None)
        self.analyst.outside = frozenset(before)
        self.analyst.loops += 1
        self.parts(part.body)
        self.analyst.loops -= 1
        self.analyst.outside = outside
        self.check.scope = before
        self._same_spot(part.start, [spot, self.analyst.spot])
        self.parts(part.other)
        self._same_spot(part.start, [spot, self.analyst.spot])
        self.check.scope = before

    def _loop_of(self, of: Node) -> Shape:
        """Check what a loop goes over: the type of its entries."""
        self._uses(of, is_passed=True)
        shape = type_of(self.check, of)
        if shape is not None and kind_of(shape) not in ("list", "any"):
            message = f"a loop goes over a list; {self.check.shown(of)} is {described(shape)}"
            self.check.report("E308", of, message, "name a list")
        return item_of(shape) if shape is not None else ANY

    def _set(self, part: Set) -> None:
        self._uses(part.node, is_passed=True)
        shape = type_of(self.check, part.node)
        if self._may_set(part.name.text, part.name.start):
            self._name(part.name.text, shape or ANY, part.node)

    def _name(self, name: str, shape: Shape, node: Node | None, *entry: None) -> None:
        """A name for what `node` makes, or for an entry of it."""
        self.check.scope = named(self.check.scope, self.analyst.origins, Given(name, shape, node, entry))

    def _may_set(self, name: str, start: int) -> bool:
        if is_name(name) and name not in self.analyst.given and name not in self.analyst.outside:
            return True
        message = f'"{name}" is a name of the flow' if name in self.analyst.given else f'"{name}" cannot be a name'
        if is_name(name) and name not in self.analyst.given:
            message = f'"{name}" is set outside the loop, and a loop changes nothing outside itself'
        self.check.report_at("E325", start, len(name), message)
        return False

    def _include(self, part: Include) -> None:
        analyst = self.analyst
        if part.name not in analyst.templates:
            self.check.report_at("E323", part.start, part.length, *missing_file(part.name, analyst.templates))
            return
        analyst.includes += 1
        if part.name in analyst.files:
            circle = " → ".join((*analyst.files[analyst.files.index(part.name) :], part.name))
            self.check.report_at("E324", part.start, part.length, f"includes itself: {circle}")
        elif analyst.includes > MAX_INCLUDES:
            self.check.report_at("E311", part.start, part.length, f"more than {MAX_INCLUDES} includes")
        else:
            self._included(TemplateFile(part.name, analyst.templates[part.name]), part)

    def _included(self, text: TemplateFile, part: Include) -> None:
        analyst = self.analyst
        if len(text.value) > MAX_FILE:
            self.check.report_at("E311", part.start, part.length, f"{text.name} has more than {MAX_FILE:,} characters")
            return
        unit = Unit(text)
        self.here.marks.append(unit)
        analyst.plan.used_files.add(text.name)
        files, analyst.files, analyst.scope = analyst.files, (*analyst.files, text.name), self.check.scope
        analyst.unit(unit)
        analyst.files = files


def _is_fixed(node: Node) -> bool:
    """Whether it is a setting of the server, or a text of the file."""
    return root_names(node) == {"env"} or (isinstance(node, Const) and isinstance(node.value, str))


def _named(check: Check, node: Node, shape: Shape) -> str | None:
    shown = check.shown(node)
    if kind_of(shape) == "list":
        return f"write {shown} | list, or loop over it"
    if (record := record_of(shape)) and record.fields:
        return f"name a field of it: {', '.join(f'{shown}.{name}' for name in record.fields)}"
    if kind_of(shape) == "map":
        return f'name an entry of it: {shown}["key"]'
    return f"write {shown} | spoken"
