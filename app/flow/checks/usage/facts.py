"""What a flow reads, sets, asks, tells and gives back, from all its steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.flow.checks.usage.reading import reads_in
from app.flow.checks.usage.walking import Used, sent, target_values, used_in
from app.flow.language.hooks import SentHook
from app.flow.model import Assignment, Flow, Sending, Signature, Step, Target

if TYPE_CHECKING:
    from app.flow.language.flow import ReadFlow


@dataclass(slots=True)
class Facts:
    """A flow without errors, and what all its steps together do.

    Attributes:
        outside: what each flow of the project takes and gives back, by name.
        meant: names that a text says where their value is meant.
        read: names that a value or a condition looks up, and those.
        assigned: what variables, and `locale`, are set to, by name.
        brought: variables that a flow which comes back fills.
        collected: the variables that a `collect` fills, each with how many digits, None for words.
        asked, told: look-ups and hooks by name.
        open: opening hours that are looked at, by name.
        outcomes, returned: with what the flow returns, and the values that it gives back then.
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
    told: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    outcomes: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.read |= self.meant
        for step in self.flow.steps.values():
            self._step(step)
        self._target(self.flow.error)
        self._use(target_values(self.flow.error))
        hooks = [sending for each in self.flow.events.values() for sending in each]
        self._tell(hooks)
        self._use(sent(hooks))

    @property
    def written(self) -> set[str]:
        """The variables that something sets, and `locale`."""
        return self.assigned.keys() | self.brought

    def _assign(self, assignments: Iterable[Assignment]) -> None:
        for assignment in assignments:
            self.assigned.setdefault(assignment.name, []).append(assignment)

    def _step(self, step: Step) -> None:
        self._use(used_in(step))
        self.asked.update(asking.name for asking in step.asks)
        self._assign(step.sets)
        asked = step.exit.asked
        digits = asked.lengths if asked is not None and not asked.free_speech else None
        if step.sends or step.events:
            self._tell((*step.sends, *(sending for each in step.events.values() for sending in each)))
        for edge in step.exit.edges():
            self._assign(edge.sets)
            if edge.fills:
                self.collected.setdefault(edge.fills, []).append(digits)
            self._target(edge.target)
        self._target(step.error)

    def _use(self, used: Iterable[Used]) -> None:
        for source, _, _, own in used:
            names = source.used_names
            if names:
                self.read |= names - own
                if "hours" in names:
                    self.open.update(read.field for read in reads_in(source) if read.name == "hours")

    def _tell(self, sendings: Iterable[Sending]) -> None:
        """A hook without a body of its own tells every variable that is no secret."""
        for sending in sendings:
            self.told.add(sending.name)
            if isinstance(sending, SentHook) and sending.definition.body is None:
                self.read.update(sending.variables)

    def _target(self, target: Target | None) -> None:
        if target is None or target.is_plain:
            return
        if target.returns:
            self.outcomes.add(target.returns)
            self.returned.update(assignment.name for assignment in target.sets)
        else:
            self._assign(target.sets)
        if target.runs is not None and target.runs.comes_back and target.runs.flow in self.outside:
            self.brought.update(self.outside[target.runs.flow].returns)


def facts_of(flows: Iterable[ReadFlow], meant: Iterable[str] = ()) -> list[Facts]:
    """The facts of every flow without errors; `meant` are names that a text says where it should look them up."""
    flows, meant = tuple(flows), frozenset(meant)
    outside = {flow.name: flow.outside for flow in flows}
    return [Facts(flow, flow.flow, outside, meant) for flow in flows if flow.flow is not None]
