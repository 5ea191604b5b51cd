"""What is read before it is there: lookups that were not asked (E630, W638), texts that may be empty (W639).

And what is never there: variables that are read and that nothing sets (W646).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.flow.actions.connect import ADDRESS_FIELDS
from app.flow.actions.do import actions_of
from app.flow.actions.values import Object, find
from app.flow.checks.usage.facts import Facts, parts_of, reads_in, returned_by, tests_of, used_in
from app.flow.issues import Issue
from app.flow.model import Edge, Part, Step, Value, Variable
from app.flow.rules import RULES
from app.flow.templates import Expression
from app.flow.templates.references import Reference

_NO_NAMES: frozenset[str] = frozenset()


class Way(NamedTuple):
    """A way from one step to another.

    Attributes:
        sets: what is there for sure when it is taken: what it assigns, and what was tested on it.
        may_set: what may be there.
    """

    to: str
    sets: frozenset[str] = _NO_NAMES
    may_set: frozenset[str] = _NO_NAMES


@dataclass(slots=True)
class FlowPaths:
    """All ways of one flow.

    Attributes:
        own: what a step asks and sets on entering, by step.
        ways: those that a call takes without an error that only the flow handles.
        errors: where the others lead.
        entered: the steps that a call may enter.
        returned: what each outcome of the flows that are run sets, by flow; see `returned_by`.
    """

    facts: Facts
    returned: dict[str, dict[str, tuple[frozenset[str], frozenset[str]]]]
    own: dict[str, frozenset[str]] = field(default_factory=dict)
    ways: dict[str, tuple[Way, ...]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    entered: frozenset[str] = _NO_NAMES

    def __post_init__(self) -> None:
        error = self.facts.flow.error
        self.errors = (error.step,) if error is not None and error.step is not None else ()
        for name, step in self.facts.flow.steps.items():
            asked = frozenset(asking.name for asking in step.asks)
            self.own[name] = asked.union(assignment.name for assignment in step.sets)
            self.ways[name] = tuple(self._ways(step))
        self.entered = frozenset(self._closure([self.facts.flow.start, *self.errors]))

    def _ways(self, step: Step) -> Iterator[Way]:
        tested = _NO_NAMES
        if step.exit.word == "branch":
            tested = _NO_NAMES.union(*(test.used_names for test in tests_of(step)))
        run = next((edge.target.runs for edge in step.exit.edges() if edge.target.runs is not None), None)
        for edge in step.exit.edges():
            if edge.target.step is not None:
                sure, may = tested | _assigned(edge), _NO_NAMES
                if run is not None and run.comes_back:
                    found, may = self._returned(run.flow, edge.label)
                    sure |= found
                yield Way(edge.target.step, sure, sure | may)
        if step.error is not None and step.error.step is not None:
            sets = frozenset(assignment.name for assignment in step.error.sets)
            yield Way(step.error.step, sets, sets)

    def _returned(self, flow: str, label: str) -> tuple[frozenset[str], frozenset[str]]:
        """What is surely set, and what may be, when another flow returns the outcome of `label`."""
        found = self.returned.get(flow, {})
        each = [found[label]] if label in found else list(found.values())
        if not each:
            return _NO_NAMES, _NO_NAMES
        return frozenset.intersection(*(sure for sure, _ in each)), _NO_NAMES.union(*(may for _, may in each))

    def without(self, name: str) -> dict[str, str]:
        """The steps that a call may enter before `name` is there, each with the step before it ("" for the start)."""
        start = self.facts.flow.start
        if name in self.facts.flow.params:
            return {}
        before, waiting = {start: ""}, deque([start])
        while waiting:
            step = waiting.popleft()
            for way in self.ways.get(step, ()) if name not in self.own.get(step, _NO_NAMES) else ():
                if way.to not in before and name not in way.sets:
                    before[way.to] = step
                    waiting.append(way.to)
        return before

    def behind(self, name: str) -> set[str]:
        """The steps that a call may enter when `name` is there."""
        waiting: list[str] = []
        for step, ways in self.ways.items():
            is_own = name in self.own[step]
            waiting += [way.to for way in ways if is_own or name in way.may_set]
            waiting += self.errors if is_own or any(name in way.may_set for way in ways) else ()
        return self._closure([*waiting, *self.errors] if waiting else [])

    def _closure(self, waiting: list[str]) -> set[str]:
        """The steps that a call may enter from one of these, which it has entered."""
        found: set[str] = set()
        while waiting:
            step = waiting.pop()
            if step not in found:
                found.add(step)
                waiting += [way.to for way in self.ways.get(step, ())]
        return found


def way_to(step: str, before: dict[str, str]) -> str:
    """How a call comes to a step, for messages."""
    names = [step]
    while before[names[-1]]:
        names.append(before[names[-1]])
    return " → ".join(reversed(names))


def _assigned(edge: Edge) -> frozenset[str]:
    names = [assignment.name for assignment in (*edge.sets, *edge.target.sets)]
    return frozenset([*names, edge.fills] if edge.fills else names)


_SAID = {"talk": "text", "stream": "streamUrl", "transfer": "conversationId", "conversation": "name"}
_EMPTY = frozenset({"text", "phone", "url"})
"""Types whose empty value cannot be spoken or dialled."""


@dataclass(frozen=True, slots=True)
class _StepRead:
    """A read of a name in a step."""

    step: Step
    read: Reference
    is_early: bool = False
    is_guarded: bool = False


def check_unset(facts: Facts, flows: Mapping[str, Facts]) -> Iterator[Issue]:
    """One issue for each name, at the first place where it is read too early."""
    lookups = facts.read & facts.source.sections.lookups.keys()
    texts = {name: variable for name, variable in facts.flow.variables.items() if _begins_empty(variable)}
    asking = _lookup_reads(facts, lookups) if lookups else {}
    saying = _said_reads(facts, texts) if texts.keys() & facts.read else {}
    if not asking and not saying:
        return
    ways = FlowPaths(facts, {name: returned_by(flows[name]) for name in facts.source.runs if name in flows})
    for name, found in asking.items():
        yield from _lookup(name, found, ways)
    for name, found in saying.items():
        yield from _text(texts[name], found, ways)


def check_never_set(facts: Facts) -> Iterator[Issue]:
    """W646 for each variable that is read, that nothing sets, and that is therefore always empty.

    One with another default is a constant, and so is a written `default: false`. Of a text that is said or dialled
    W639 reports it.
    """
    filled = facts.written | facts.collected.keys() | facts.flow.params.keys() | facts.meant
    names = [name for name in facts.flow.variables if name in facts.read and name not in filled]
    never = {name: variable for name in names if _is_empty(variable := facts.flow.variables[name])}
    said = _said_reads(facts, {name: variable for name, variable in never.items() if _begins_empty(variable)})
    for name, variable in never.items():
        if name not in said:
            shown = _EMPTIES.get(variable.type_name, '""')
            cure = f"set it where it changes, as in `set: {{{name}: ..}}`, or write the value that it has as `default`"
            yield RULES["W646"].at(variable.place, f'nothing sets "{name}": it is always {shown}', cure)


_EMPTIES = {"int": "0", "number": "0", "bool": "false", "list": "an empty list", "map": "an empty map"}


def _is_empty(variable: Variable) -> bool:
    is_constant = variable.has_default and variable.type_name == "bool"
    return not variable.default and not is_constant


def _begins_empty(variable: Variable) -> bool:
    return not variable.has_default and variable.type_name in _EMPTY and not variable.words


def _lookup_reads(facts: Facts, names: set[str]) -> dict[str, list[_StepRead]]:
    """The reads of lookups. In a template file, which other flows may use too, only those that nothing guards."""
    found: dict[str, list[_StepRead]] = {}
    file = facts.flow.place.file
    for step in facts.flow.steps.values():
        for source, is_early, is_sent, own in used_in(step):
            for read in _own_reads(source) if not is_sent and not names.isdisjoint(source.used_names) else ():
                is_own = read.is_bare or read.place.file == file
                if is_own and read.name in names and read.name not in own:
                    found.setdefault(read.name, []).append(_StepRead(step, read, is_early, not read.is_bare))
    return found


def _said_reads(facts: Facts, texts: Mapping[str, Variable]) -> dict[str, list[_StepRead]]:
    found: dict[str, list[_StepRead]] = {}
    for step in facts.flow.steps.values():
        for value in (value for part in parts_of(step) for value in _said(part)):
            for read in _own_reads(value) if not value.used_names.isdisjoint(texts) else ():
                if read.is_bare and read.name in texts:
                    found.setdefault(read.name, []).append(_StepRead(step, read))
    return found


def _own_reads(source: Value | Expression) -> Iterator[Reference]:
    """The names that are read as such, not through a name that a template gives."""
    return (read for read in reads_in(source) if not read.is_given)


def _said(part: Part) -> Iterator[Value]:
    """What a caller hears of a part, and whom it dials."""
    for action in actions_of(part):
        if action.word == "connect":
            each = (find(action.fields["endpoint"], ("0", name)) for name in (*ADDRESS_FIELDS, "extension"))
            yield from (value for value in each if not isinstance(value, Object))
        elif (value := action.fields.get(_SAID.get(action.word, ""))) is not None:
            yield value


def _lookup(name: str, found: list[_StepRead], ways: FlowPaths) -> Iterator[Issue]:
    before, behind = ways.without(name), ways.behind(name)
    answered = {each.read.place for each in found if each.step.name in behind or name in ways.own[each.step.name]}
    for each in sorted(found, key=lambda each: each.read.place):
        step = each.step.name
        if (name in ways.own[step] and not each.is_early) or (each.is_guarded and each.read.place in answered):
            continue  # a guarded text that several steps say has an answer in one of them
        if step not in behind and step in ways.entered:
            yield _never_asked(name, each, ways)
            return
        if step in before and not each.is_guarded:
            message = f'a call may get here without asking the lookup "{name}": {way_to(step, before)}'
            cure = f"ask it in a step that every call passes before: `lookup: {name}`; or test `{name}.ok` first"
            yield RULES["W638"].at(each.read.place, message, cure)
            return


def _never_asked(name: str, each: _StepRead, ways: FlowPaths) -> Issue:
    if name in ways.own[each.step.name]:
        message = f'"{name}" is read here while it is asked: the lookups of a step are asked at the same time'
        return RULES["E630"].at(each.read.place, message, f"ask `{name}` in a step of its own before this one")
    message = f'the lookup "{name}" is read here, and no step before asks it: it only holds its default'
    return RULES["E630"].at(each.read.place, message, f"add `lookup: {name}` to this step or to one before it")


def _text(variable: Variable, found: list[_StepRead], ways: FlowPaths) -> Iterator[Issue]:
    name = variable.name
    before, behind = ways.without(name), ways.behind(name)
    for each in sorted(found, key=lambda each: each.read.place):
        step = each.step.name
        if name in ways.own[step] or step not in before:
            continue
        message = f'"{name}" may still be empty here: nothing sets it on the way {way_to(step, before)}'
        if step not in behind:
            message = f'"{name}" is empty here: nothing before sets it'
        cure = f'write `{{% if {name} %}}` around it, `{name} | default("..", true)`, or a `default` under `vars`'
        yield RULES["W639"].at(each.read.place, message, cure)
        return
