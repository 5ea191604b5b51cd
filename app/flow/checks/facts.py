"""Collects what the steps of a flow read, set, look up, send and return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.flow.actions.do import values_in
from app.flow.grammar.values import leaves
from app.flow.language.flow import ReadFlow
from app.flow.language.hooks import OWN_NAMES, SentHook
from app.flow.language.lookups import AskedLookup
from app.flow.model import Flow, Step
from app.flow.runtime import Assignment, Part, Target
from app.flow.scope import Signature
from app.flow.templates.references import Reference, references
from app.flow.templates.values import Computed, Expression, Native, Value

_NO_NAMES: frozenset[str] = frozenset()


class Used(NamedTuple):
    """A value or a condition of a step.

    Attributes:
        source: the value or the condition itself.
        is_early: whether it is computed before the step's lookups are answered.
        is_sent: whether a hook sends it; the hook may be shared, or sent much later.
        own: the names with a local meaning in it, such as the params of a lookup.
    """

    source: Value | Expression
    is_early: bool = False
    is_sent: bool = False
    own: frozenset[str] = _NO_NAMES


def used_in(step: Step) -> Iterator[Used]:
    """Every value and condition that a step uses."""
    for asked in step.asks:
        yield from asked_in(asked)
    yield from _assigned(step.sets)
    yield from sent(step.sends)
    for part in parts_of(step):
        yield from map(Used, values_in(part))
    yield from map(Used, step.exit.reads())
    for way in step.exit.ways():
        yield from _assigned(way.sets)
        yield from target_values(way.target)
    yield from target_values(step.error)
    for each in step.events.values():
        yield from sent(each)


def parts_of(step: Step) -> Iterator[Part]:
    """Everything that a step plays, including its retry prompts."""
    yield from step.parts
    yield from prompts_of(step)


def prompts_of(step: Step) -> Iterator[Part]:
    """The prompts that a step plays after failed attempts."""
    yield from (part for prompts in step.exit.prompts.values() for parts in prompts for part in parts)


def tested_on_leaving(step: Step) -> Iterator[Expression]:
    """The conditions that are tested whichever way a call leaves a step, whether or not they hold."""
    if step.exit.leaves_at_once:
        yield from step.exit.reads()


def asked_in(asked: AskedLookup) -> Iterator[Used]:
    """The values that a lookup sends."""
    params = frozenset(asked.definition.params)
    yield from (Used(value, is_early=True, own=params) for value in asked.definition.values)
    yield from (Used(given.value, is_early=True) for given in asked.given)


def sent(sendings: Iterable[SentHook]) -> Iterator[Used]:
    """The values that hooks send."""
    for hook in sendings:
        own = OWN_NAMES.union(hook.definition.params)
        yield from (Used(value, is_sent=True, own=own) for value in hook.definition.values)
        yield from (Used(given.value, is_sent=True) for given in hook.given)


def _assigned(*groups: Iterable[Assignment]) -> Iterator[Used]:
    yield from (Used(assignment.value) for assignments in groups for assignment in assignments)


def target_values(target: Target | None) -> Iterator[Used]:
    """The values that are assigned and passed on the way to a target."""
    if target is not None:
        yield from _assigned(target.sets, target.runs.given if target.runs is not None else ())


def reads_in(source: Value | Expression) -> Iterator[Reference]:
    """Every name that a value or a condition uses."""
    if isinstance(source, Expression):
        yield from references(source.template, is_condition=True)
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from references(leaf.template)


def needs_in(source: Value | Expression) -> Iterator[Reference]:
    """Every name that is needed to compute a value or a condition.

    A name with a `default` filter is not needed, nor is a name that the same text tests with `is defined`.
    """
    found = tuple(reads_in(source))
    asked = names_asked_for(found)
    return (each for each in found if each.is_needed and each.name not in asked)


def names_asked_for(found: Iterable[Reference]) -> frozenset[str]:
    """The names that an expression tests with `is defined`."""
    return frozenset(each.name for each in found if each.is_asked)


@dataclass(slots=True)
class Facts:
    """A flow without errors, with a summary of what its steps do.

    Attributes:
        outside: the params, outcomes and returned values of each flow of the project, by name.
        meant: the names that were probably meant to be filled in, such as a plain `name` instead of `{{ name }}`.
        read: the names that a value or a condition uses, and those in `meant`.
        assigned: the assignments to variables and `locale`, by name.
        brought: the variables that another flow fills when it returns.
        collected: by variable, the minimum and maximum number of digits of each `collect` that fills it; None for
            speech.
        asked, sent_hooks, results: the names of the lookups that are asked, the hooks that are sent, the results that
            are set.
        open: the names of the opening hours that are used; "" for all of `hours`.
        outcomes, returned: the names of the outcomes and values that the flow returns.
    """

    source: ReadFlow
    flow: Flow
    outside: Mapping[str, Signature]
    meant: frozenset[str] = frozenset()
    read: set[str] = field(default_factory=set)
    assigned: dict[str, list[Assignment]] = field(default_factory=dict)
    brought: set[str] = field(default_factory=set)
    collected: dict[str, list[tuple[int, int] | None]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    sent_hooks: set[str] = field(default_factory=set)
    results: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    outcomes: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.read |= self.meant
        for step in self.flow.steps.values():
            self._step(step)
        for target in self.flow.targets:
            self._target(target)
        self._use(target_values(self.flow.error))
        self._add_hooks(self.flow.hooks)
        self._use(sent(sending for each in self.flow.events.values() for sending in each))
        if (outbound := self.flow.outbound) is not None:
            self._use(sent(sending for each in outbound.hooks.values() for sending in each))
            self.open |= {outbound.retry.within} - {""}

    @property
    def written(self) -> set[str]:
        """The variables that are set anywhere, including `locale`."""
        return self.assigned.keys() | self.brought

    def uses(self, section: str, name: str) -> bool:
        """Whether the flow uses the lookup, the hook, the result or the calendar with this name."""
        if section == "lookups":
            return name in self.asked or name in self.read
        if section == "calendars":
            return not self.open.isdisjoint({name, ""})
        return name in (self.sent_hooks if section == "hooks" else self.results)

    def _assign(self, assignments: Iterable[Assignment]) -> None:
        for assignment in assignments:
            self.assigned.setdefault(assignment.name, []).append(assignment)

    def _step(self, step: Step) -> None:
        self._use(used_in(step))
        self.asked.update(asking.name for asking in step.asks)
        self.results.add(step.result)
        self._assign(step.sets)
        asked = step.exit.asked
        digits = asked.lengths if asked is not None and not asked.free_speech else None
        for way in step.exit.ways():
            self._assign(way.sets)
            if way.fills is not None:
                self.collected.setdefault(way.fills.name, []).append(digits)

    def _use(self, used: Iterable[Used]) -> None:
        for source, _, _, own in used:
            names = source.used_names
            if names:
                self.read |= names - own
                if "hours" in names:
                    self.open.update(read.field for read in reads_in(source) if read.name == "hours")

    def _add_hooks(self, sendings: Iterable[SentHook]) -> None:
        """Record the hooks that are sent. A post without `json` sends every variable that is not sensitive."""
        for sending in sendings:
            self.sent_hooks.add(sending.name)
            if sending.definition.has_default_body:
                self.read.update(sending.variables)

    def _target(self, target: Target) -> None:
        if target.returns:
            self.outcomes.add(target.returns)
            self.returned.update(assignment.name for assignment in target.sets)
        else:
            self._assign(target.sets)
        if target.runs is not None and target.runs.comes_back and target.runs.flow in self.outside:
            self.brought.update(self.outside[target.runs.flow].returns)


def facts_of(flows: Iterable[ReadFlow], meant: Iterable[str] = ()) -> list[Facts]:
    """The facts of every flow without errors; for `meant`, see `Facts`."""
    flows = tuple(flows)
    meant = frozenset(meant)
    outside = {flow.name: flow.outside for flow in flows}
    return [Facts(flow, flow.flow, outside, meant) for flow in flows if flow.flow is not None]


def returned_by(facts: Facts) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """For each outcome, the names that every return with this outcome sets, and the names that at least one sets."""
    found: dict[str, list[frozenset[str]]] = {}
    for target in facts.flow.targets:
        if target.returns:
            sets = frozenset(assignment.name for assignment in target.sets)
            found.setdefault(target.returns, []).append(sets)
    return {name: (frozenset.intersection(*each), _NO_NAMES.union(*each)) for name, each in found.items()}


def brought_back(
    returned: Mapping[str, tuple[frozenset[str], frozenset[str]]], label: str
) -> tuple[frozenset[str], frozenset[str]]:
    """The names certainly set and possibly set after a return with `label`; if no return has it, after any return."""
    each = [returned[label]] if label in returned else list(returned.values())
    surely = frozenset.intersection(*(sure for sure, _ in each)) if each else _NO_NAMES
    return surely, _NO_NAMES.union(*(maybe for _, maybe in each))
