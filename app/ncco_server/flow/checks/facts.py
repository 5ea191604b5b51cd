"""Collects what the steps of a flow read, set, look up, send and return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ncco_server.flow.effects import NO_NAMES, Effect
from ncco_server.flow.frame import Target
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.language.hooks import SentHook
from ncco_server.flow.model import Flow, Step, later_effects
from ncco_server.flow.scope import Signature
from ncco_server.flow.templates.references import Reference, references
from ncco_server.flow.templates.values import Computed, Expression, Native, Value
from ncco_server.flow.values import leaves


def uses_of(step: Step) -> Iterator[Effect]:
    """Each value and condition is yielded once."""
    return (effect for effect in step.effects if not effect.is_repeated)


def tested_on_leaving(step: Step) -> Iterator[Expression]:
    """Conditions tested whichever way a call leaves a step, whether or not they hold."""
    if step.exit.leaves_at_once:
        yield from step.exit.reads()


def reads_in(source: Value | Expression) -> Iterator[Reference]:
    if isinstance(source, Expression):
        yield from references(source.template, is_condition=True)
        return
    for leaf in leaves(source):
        if isinstance(leaf, Native | Computed):
            yield from references(leaf.template)


def needs_in(source: Value | Expression) -> Iterator[Reference]:
    """Names with a `default` filter are not needed, nor those that the text tests with `is defined`."""
    found = tuple(reads_in(source))
    asked = names_asked_for(found)
    return (each for each in found if each.use.is_needed and each.name not in asked)


def names_asked_for(found: Iterable[Reference]) -> frozenset[str]:
    return frozenset(each.name for each in found if each.use.is_asked)


@dataclass(slots=True)
class Facts:
    """A flow without errors, with a summary of what its steps do.

    Attributes:
        meant: names probably meant to be filled in, such as a plain `name` instead of `{{ name }}`.
        read: names in values and conditions, and in `meant`.
        brought: variables filled by another flow's return, or by `save` with `into`.
        collected: the variables that a `collect` fills.
        open: the names of opening hours in use; "" for all of `hours`.
    """

    source: ReadFlow
    flow: Flow
    outside: Mapping[str, Signature]
    meant: frozenset[str] = frozenset()
    read: set[str] = field(default_factory=set)
    assigned: dict[str, list[Value | Expression]] = field(default_factory=dict)
    brought: set[str] = field(default_factory=set)
    collected: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    sent_hooks: set[str] = field(default_factory=set)
    results: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    outcomes: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.read |= self.meant
        for step in self.steps:
            self._step(step)
        for target in self.flow.targets:
            self._target(target)
        self._use(self.flow.error.effects("error") if self.flow.error is not None else ())
        self._use(later_effects(self.flow.events))
        for hook in self.flow.hooks:
            self._hook(hook)
        if (outbound := self.flow.outbound) is not None:
            if outbound.retry.within is not None:
                self.open.add(outbound.retry.within)
            self._use(effect for target in outbound.targets for effect in target.effects("leave"))

    @property
    def steps(self) -> Sequence[Step]:
        return tuple(self.flow.all_steps)

    @property
    def has_sensitive_values(self) -> bool:
        variables = self.flow.variables.values()
        return bool(self.flow.sensitive_paths) or any(variable.sensitive for variable in variables)

    @property
    def written(self) -> set[str]:
        """Include `locale`."""
        return self.assigned.keys() | self.brought

    def uses(self, section: str, name: str) -> bool:
        if section == "lookups":
            return name in self.asked or name in self.read
        if section == "calendars":
            return not self.open.isdisjoint({name, ""})
        return name in (self.sent_hooks if section == "hooks" else self.results) | self.meant

    def _step(self, step: Step) -> None:
        self.results.add(step.result)
        self._use(step.effects)
        self.asked.update(asking.name for asking in step.asks)
        self.brought.update(save.into for save in step.saves if save.into)
        self.collected.update(way.fills.name for way, _ in step.leaving if way.fills is not None)

    def _use(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if names := effect.value.used_names:
                self.read |= names - effect.own
                if "hours" in names:
                    self.open.update(read.field for read in reads_in(effect.value) if read.name == "hours")
            if effect.kind == "set":
                self.assigned.setdefault(effect.name, []).append(effect.value)

    def _hook(self, hook: SentHook) -> None:
        """A post without `json` sends every variable that is not sensitive."""
        self._use(hook.effects("send", "event"))
        self.sent_hooks.add(hook.name)
        if hook.definition.has_default_body:
            self.read.update(hook.variables)

    def _target(self, target: Target) -> None:
        if target.returns:
            self.outcomes.add(target.returns)
            self.returned.update(assignment.name for assignment in target.sets)
        if target.runs is not None and target.runs.comes_back and target.runs.flow in self.outside:
            self.brought.update(self.outside[target.runs.flow].returns)


def facts_of(flows: Iterable[ReadFlow], meant: Iterable[str] = ()) -> list[Facts]:
    flows = tuple(flows)
    meant = frozenset(meant)
    outside = {flow.name: flow.outside for flow in flows}
    return [Facts(flow, flow.flow, outside, meant) for flow in flows if flow.flow is not None]


def returned_by(facts: Facts) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """For each outcome, the names that every return with it sets, and those that at least one sets."""
    found: dict[str, list[frozenset[str]]] = {}
    for target in facts.flow.targets:
        if target.returns:
            sets = frozenset(assignment.name for assignment in target.sets)
            found.setdefault(target.returns, []).append(sets)
    return {name: (frozenset.intersection(*each), NO_NAMES.union(*each)) for name, each in found.items()}


def brought_back(
    returned: Mapping[str, tuple[frozenset[str], frozenset[str]]], label: str
) -> tuple[frozenset[str], frozenset[str]]:
    """Names certainly and possibly set after a return with `label`, or after any return if none has it."""
    each = [returned[label]] if label in returned else list(returned.values())
    surely = frozenset.intersection(*(sure for sure, _ in each)) if each else NO_NAMES
    return surely, NO_NAMES.union(*(maybe for _, maybe in each))
