"""Finds reads of values that are missing or empty, and variables that are never set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from ncco_server.flow.checks.facts import Facts, brought_back, reads_in, returned_by, tested_on_leaving, uses_of
from ncco_server.flow.effects import NO_NAMES, Effect
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import Variable
from ncco_server.flow.templates.references import Reference
from ncco_server.flow.templates.values import Expression, Value
from ncco_server.ncco.value_types import TYPES
from ncco_server.suggest import near_or_all

_REACHED = frozenset({""})
"""Set at the start of every call, to show which steps it can enter."""


class Passage(NamedTuple):
    """A way from one step to another.

    Attributes:
        sets: names that certainly have values, because they are assigned or tested on this way.
    """

    to: str
    sets: frozenset[str] = NO_NAMES
    may_set: frozenset[str] = NO_NAMES


class Present(NamedTuple):
    """The names that certainly or possibly have values when a call enters a step."""

    surely: frozenset[str]
    maybe: frozenset[str]


@dataclass(slots=True)
class Presence:
    """Computes the variables and lookup answers in each step of a flow, in one pass over its graph.

    Attributes:
        own: each step's lookups, and the names it sets on entry.
        entered: names with values on entry: all in a step that only the flow's `error` exit or nothing leads to, since
            an error can occur at any time.
    """

    facts: Facts
    returned: Mapping[str, Mapping[str, tuple[frozenset[str], frozenset[str]]]]
    own: dict[str, frozenset[str]] = field(default_factory=dict)
    entered: dict[str, Present] = field(default_factory=dict)

    def __post_init__(self) -> None:
        flow = self.facts.flow
        passages = {}
        for name, step in flow.steps.items():
            self.own[name] = _given(effect for effect in step.effects if effect.phase in ("lookup", "enter"))
            passages[name] = tuple(self._passages(step))
        some = NO_NAMES.union(*self.own.values(), *(way.may_set for passage in passages.values() for way in passage))
        everything = some.union(flow.variables, flow.params, self.facts.source.sections.lookups)
        waiting = [(name, Present(everything, NO_NAMES)) for name in flow.steps]
        waiting += [(name, Present(frozenset(flow.params), _REACHED)) for name in flow.entered]
        if flow.error is not None and flow.error.step is not None:
            waiting.append((flow.error.step, Present(everything, some | _REACHED)))
        while waiting:
            name, new = waiting.pop()
            known = self.entered.get(name, new)
            merged = Present(known.surely & new.surely, known.maybe | new.maybe)
            if name in self.entered and merged == known:
                continue
            self.entered[name] = merged
            surely, maybe = merged.surely | self.own[name], merged.maybe | self.own[name]
            waiting += [(way.to, Present(surely | way.sets, maybe | way.may_set)) for way in passages[name]]

    def may_lack(self, step: str, name: str) -> bool:
        return name not in self.entered[step].surely

    def may_have(self, step: str, name: str) -> bool:
        return name in self.entered[step].maybe

    def may_be_answered(self, read: _StepRead) -> bool:
        return self.may_have(read.step, read.name) or read.name in self.own[read.step]

    def is_reached(self, step: str) -> bool:
        return not _REACHED.isdisjoint(self.entered[step].maybe)

    def _passages(self, step: Step) -> Iterator[Passage]:
        tested = NO_NAMES.union(*(test.used_names for test in tested_on_leaving(step)))
        run = step.exit.runs
        for way, effects in step.leaving:
            if way.target.step in self.facts.flow.steps:
                surely = tested | _given(effects)
                maybe = NO_NAMES
                if way.is_return and run is not None:
                    found, maybe = brought_back(self.returned.get(run.flow, {}), way.name)
                    surely |= found
                yield Passage(str(way.target.step), surely, surely | maybe)
        if step.error is not None and step.error.step is not None:
            sets = _given(effect for effect in step.effects if effect.phase == "error")
            yield Passage(step.error.step, sets, sets)


def _given(effects: Iterable[Effect]) -> frozenset[str]:
    return frozenset(effect.name for effect in effects if effect.kind in ("set", "receive"))


_SAID = frozenset({"talk.text", "stream.streamUrl", "transfer.conversationId", "conversation.name"})
_TEXT_TYPES = frozenset({"text", *(name for name, kind in TYPES.items() if kind.begins_unknown)})
"""Types whose empty value cannot be spoken or dialled."""


class _StepRead(NamedTuple):
    """A read of a lookup, or of a text that may be empty."""

    place: Place
    step: str
    name: str
    is_early: bool = False
    is_guarded: bool = False


def check_unset(facts: Facts, flows: Mapping[str, Facts]) -> Iterator[FlowIssue]:
    texts = {name: variable for name, variable in facts.flow.variables.items() if _begins_empty(variable)}
    asking = sorted(_lookup_reads(facts))
    saying = sorted(_said_reads(facts, texts.keys()))
    if not asking and not saying:
        return
    presence = Presence(facts, {name: returned_by(flows[name]) for name in facts.flow.runs if name in flows})
    answered = {read.place for read in asking if presence.may_be_answered(read)}
    found = {read.name: issue for read in reversed(asking) if (issue := _check_lookup_read(read, presence, answered))}
    found |= {read.name: issue for read in reversed(saying) if (issue := _check_text_read(read, presence))}
    for read in sorted(_late_sets(facts)):
        if presence.is_reached(read.step) and not presence.may_have(read.step, read.name):
            message = f'"{read.name}" is still empty in the lookup, which this step makes before `set`'
            found[read.name] = RULES["W639"].at(read.place, message)
    yield from found.values()


def check_never_set(facts: Facts) -> Iterator[FlowIssue]:
    """Report W646 for each variable that is read but never set, and so always empty.

    A variable with a non-empty default or an explicit `default: false` is a constant. W639 covers spoken and dialled
    texts.
    """
    filled = facts.written | facts.collected | facts.flow.params.keys() | facts.meant
    names = [name for name in facts.flow.variables if name in facts.read and name not in filled]
    never = {name: variable for name in names if _is_empty(variable := facts.flow.variables[name])}
    begun = {name for name, variable in never.items() if _begins_empty(variable)}
    said = {read.name for read in _said_reads(facts, begun)}
    bare = {name: each for name, each in facts.flow.variables.items() if not each.is_declared}
    unread = [each for name, each in bare.items() if name in facts.collected and name not in facts.read]
    for name, variable in never.items():
        if len(unread) == len(never) == 1:
            message = f'nothing reads "{unread[0].name}", and nothing sets "{name}"'
            yield RULES["W646"].at(unread[0].place, message, f'did you mean "{name}"?')
        elif name not in said:
            yield RULES["W646"].at(variable.place, f'nothing sets "{name}"')
    constants = {name: facts.flow.variables[name].default for name in names if name not in never}
    yield from _missing_keys(facts, {name: each for name, each in constants.items() if isinstance(each, Mapping)})


def _missing_keys(facts: Facts, maps: Mapping[str, Mapping[str, object]]) -> Iterator[FlowIssue]:
    used = (each for step in facts.flow.steps.values() for each in uses_of(step) if maps)
    reads = [read for each in used for read in _own_reads(each.value) if read.name in maps.keys() - each.own]
    for read in {read.place: read for read in reads if read.use.is_needed and read.path}.values():
        key = read.path[0]
        known = maps[read.name]
        if isinstance(key, str) and key not in known:
            message = f'nothing sets "{key}" in {read.name}: it never exists'
            yield RULES["W646"].at(read.place, message, near_or_all(key, known))


def _is_empty(variable: Variable) -> bool:
    is_constant = variable.has_default and variable.type.name == "bool"
    return not variable.default and not is_constant


def _begins_empty(variable: Variable) -> bool:
    return not variable.has_default and variable.type.name in _TEXT_TYPES


def _lookup_reads(facts: Facts) -> Iterator[_StepRead]:
    """Of a template file, which other flows may use too, only the unguarded reads."""
    names = facts.read & facts.source.sections.lookups.keys()
    file = facts.flow.place.file
    for step in facts.flow.steps.values() if names else ():
        for effect in uses_of(step):
            is_read = effect.kind != "send" and not names.isdisjoint(effect.value.used_names)
            for read in _own_reads(effect.value) if is_read else ():
                is_own = read.is_unguarded or read.place.file == file
                if is_own and read.name in names and read.name not in effect.own:
                    is_early = effect.phase == "lookup"
                    yield _StepRead(read.place, step.name, read.name, is_early, not read.is_unguarded)


def _said_reads(facts: Facts, texts: Set[str]) -> Iterator[_StepRead]:
    for step in facts.flow.steps.values() if texts & facts.read else ():
        said = (effect.value for effect in step.effects if effect.kind == "dial" or effect.name in _SAID)
        for value in said:
            for read in _own_reads(value) if not value.used_names.isdisjoint(texts) else ():
                if read.is_unguarded and read.name in texts:
                    yield _StepRead(read.place, step.name, read.name)


def _late_sets(facts: Facts) -> Iterator[_StepRead]:
    """Where a step sets a variable that its own lookups have read already, and that has no default."""
    empty = {name for name, variable in facts.flow.variables.items() if not variable.has_default}
    for step in facts.flow.steps.values():
        asked = (each for each in uses_of(step) if each.phase == "lookup")
        reads = {read.name for each in asked for read in _own_reads(each.value) if read.name not in each.own} & empty
        for effect in step.effects:
            if effect.kind == "set" and effect.phase == "enter" and effect.name in reads:
                yield _StepRead(effect.value.place, step.name, effect.name)


def _own_reads(source: Value | Expression) -> Iterator[Reference]:
    return (read for read in reads_in(source) if not read.is_local)


def _check_lookup_read(read: _StepRead, presence: Presence, answered: Set[Place]) -> FlowIssue | None:
    """Report E630 or W638 if a lookup may be read before it is made.

    A guarded read in a text of several steps is fine if one of them has made the lookup.
    """
    name = read.name
    step = read.step
    if (name in presence.own[step] and not read.is_early) or (read.is_guarded and read.place in answered):
        return None
    if presence.is_reached(step) and not presence.may_have(step, name):
        message = f'the lookup "{name}" is read here, but no earlier step asks it, so it only has its default'
        return RULES["E630"].at(read.place, message)
    if read.is_guarded or not presence.may_lack(step, name):
        return None
    message = f'a call can get here without asking the lookup "{name}"'
    return RULES["W638"].at(read.place, message)


def _check_text_read(read: _StepRead, presence: Presence) -> FlowIssue | None:
    name = read.name
    if name in presence.own[read.step] or not presence.may_lack(read.step, name):
        return None
    return RULES["W639"].at(read.place, f'"{name}" is empty here unless an earlier step sets it')
