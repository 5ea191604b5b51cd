"""A loaded flow, as the engine runs it: frozen, except for the cache `stretches`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ncco_server.flow.action import Action
from ncco_server.flow.actions.connect import ConnectTarget
from ncco_server.flow.actions.part import Part
from ncco_server.flow.effects import Effect
from ncco_server.flow.frame import Assignment, Target
from ncco_server.flow.language.hooks import Later, SentHook
from ncco_server.flow.language.lookups import AskedLookup
from ncco_server.flow.language.outbound import Outbound
from ncco_server.flow.language.refusals import CallerRefusal
from ncco_server.flow.language.results import OwnResult
from ncco_server.flow.language.saves import Save
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import Exit, Handling, Way
from ncco_server.flow.scope import Path, Variable
from ncco_server.ncco.value_types import Kind


class Offers(NamedTuple):
    """What a step gives a caller who enters it.

    Attributes:
        announces: it says something and continues without input, and neither dials nor records.
        asks_for_message: it records a message, not the whole call.
    """

    announces: bool
    tells_hours: bool
    reads_hours: bool
    asks_for_message: bool
    dials: bool


@dataclass(frozen=True)
class Step:
    """A node of a flow: what the caller hears, then where the call goes.

    Attributes:
        parts: include the `input` of its menu or data entry.
        error: the target if a value cannot be computed; None for the flow's `error` target.
        tail: whether the error exit's actions follow the step's `input`.
        events: the hooks of later events (`record`, `transcription`, `hangup`).
        result: "" if the step sets none.
    """

    name: str
    place: Place
    sets: tuple[Assignment, ...]
    parts: tuple[Part, ...]
    exit: Exit
    exit_place: Place
    error: Target | None = None
    tail: bool = True
    asks: tuple[AskedLookup, ...] = ()
    saves: tuple[Save, ...] = ()
    sends: tuple[SentHook, ...] = ()
    events: Mapping[str, tuple[Later, ...]] = field(default_factory=dict)
    result: str = ""

    @cached_property
    def is_silent(self) -> bool:
        """Whether the step plays nothing, and a condition decides where it leads at once."""
        return not self.parts and self.exit.leaves_at_once and any(True for _ in self.exit.reads())

    @property
    def all_asks(self) -> Iterator[AskedLookup]:
        """Include what `save` reads to find out whether a row exists."""
        yield from self.asks
        yield from (save.asks for save in self.saves if save.asks is not None)

    @property
    def played(self) -> Iterator[Part]:
        yield from self.parts
        yield from (part for prompts in self.exit.prompts.values() for parts in prompts for part in parts)

    @property
    def actions(self) -> Iterator[Action]:
        """Only the known actions; one for each target of a connect."""
        return chain.from_iterable(part.actions for part in self.parts)

    @property
    def targets(self) -> Iterator[ConnectTarget]:
        return chain.from_iterable(part.targets for part in self.parts)

    @cached_property
    def leaving(self) -> tuple[tuple[Way, tuple[Effect, ...]], ...]:
        return tuple((way, tuple(_on(way))) for way in self.exit.ways)

    @cached_property
    def effects(self) -> tuple[Effect, ...]:
        """In a call's order; on the ways out, in the file's."""
        return tuple(self._effects())

    def _effects(self) -> Iterator[Effect]:
        asked = [effect for asked in self.asks for effect in asked.effects("read", "lookup")]
        asked += [Effect("receive", "lookup", name=asked.name) for asked in self.asks]
        played = [effect for part in self.parts for effect in part.effects("do")]
        yield from asked
        yield from (Effect("set", "enter", each.value, each.name) for each in self.sets)
        yield from (effect for save in self.saves for effect in save.effects("enter"))
        yield from (effect for hook in self.sends for effect in hook.effects("send", "enter"))
        if self.exit.is_early:
            yield from (Effect("read", "early", test) for test in self.exit.reads())
        yield from played
        if not self.exit.leaves_at_once:
            yield Effect("wait", "again")
            again = (asked if self.exit.asks_again else []) + (played if self.exit.plays_again else [])
            yield from (effect._replace(phase="again") for effect in again)
        yield from (effect for part in islice(self.played, len(self.parts), None) for effect in part.effects("retry"))
        yield from (Effect("read", "test", test) for test in self.exit.reads())
        yield from (effect for _, effects in self.leaving for effect in effects)
        yield from self.error.effects("error") if self.error is not None else ()
        yield from later_effects(self.events)

    @cached_property
    def offers(self) -> Offers:
        actions = list(self.actions)
        speaks = any(action.word in {"talk", "stream"} for action in actions)
        dials = any(self.targets)
        records = any(
            action.literal("beepStart") is True or "endOnKey" in action.fields
            for action in actions
            if action.word == "record"
        )
        return Offers(
            announces=speaks and not dials and not records and self.exit.asked is None,
            tells_hours=any("hours" in effect.value.used_names for effect in self.effects if effect.phase == "do"),
            reads_hours=any("hours" in value.used_names for value in self.exit.reads()),
            asks_for_message=records,
            dials=dials,
        )


def _on(way: Way) -> Iterator[Effect]:
    if way.fills is not None:
        yield Effect("receive", "leave", name=way.fills.name)
    yield from (Effect("set", "leave", each.value, each.name) for each in way.sets)
    yield from way.target.effects("leave")


def later_hooks(events: Mapping[str, tuple[Later, ...]]) -> Iterator[SentHook]:
    yield from (each.hook for later in events.values() for each in later if each.hook is not None)


def later_effects(events: Mapping[str, tuple[Later, ...]]) -> Iterator[Effect]:
    """The values that the hooks and the rows of events contain."""
    yield from (effect for later in events.values() for each in later for effect in each.later_effects())


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow with everything that it uses.

    Attributes:
        numbers: digits without `+`.
        entry: calls with the answer URL `/webhooks/answer/{name}` start here.
        locales: by name; the first is the default.
        sensitive_paths: of each lookup's sensitive fields; none is inside another.
        events: like `Step.events`, but for all steps.
        spoken: sensitive params that a placed call keeps, encrypted, and may speak.
        asks_hours: the keys of the opening hours that this flow and its `subs` ask.
        outbound: None if the flow is not used to place calls.
        is_line: it is made from templates (`ncco_server.flow.language.template_lines`).
        subs: the flows that a call can reach from here.
        sources: path → text of all its files; `load` builds the same flow from them.
        stretches: the cache of `ncco_server.engine.stretch`, which ends with the flow.
    """

    name: str
    place: Place
    start: str
    steps: Mapping[str, Step]
    variables: Mapping[str, Variable]
    numbers: tuple[str, ...] = ()
    default: bool = False
    entry: bool = False
    error: Target | None = None
    revision: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Variable] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    locales: Mapping[str, Any] = field(default_factory=dict)
    calendars: Mapping[str, Any] = field(default_factory=dict)
    default_answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sensitive_paths: Mapping[str, frozenset[Path]] = field(default_factory=dict)
    events: Mapping[str, tuple[Later, ...]] = field(default_factory=dict)
    results: Mapping[str, OwnResult] = field(default_factory=dict)
    spoken: frozenset[str] = frozenset()
    timed: Mapping[str, Kind] = field(default_factory=dict)
    zone: str = ""
    asks_hours: frozenset[tuple[str, str]] = frozenset()
    outbound: Outbound | None = None
    is_line: bool = False
    subs: Mapping[str, Flow] = field(default_factory=dict, compare=False, repr=False)
    handler: Handling | None = field(default=None, compare=False, repr=False)
    stretches: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def beginning(self) -> str:
        """The step where a call begins; "" for the first that a handler makes, which may be before its `start`."""
        return self.start if self.handler is None else ""

    def named(self, name: str) -> Flow:
        """Return this flow itself for ""."""
        return self if name in {"", self.name} else self.subs[name]

    def calendars_with(self, by_hand: Mapping[tuple[str, str], Sequence[Any]]) -> Mapping[str, Any]:
        if not by_hand:
            return self.calendars
        return {name: each.with_hand(by_hand.get(each.key, ())) for name, each in self.calendars.items()}

    def locale_for(self, chosen: str) -> str:
        """The call's locale if this flow has it; otherwise its default, or "" without locales."""
        return chosen if chosen in self.locales else next(iter(self.locales), "")

    @property
    def all_steps(self) -> Iterator[Step]:
        yield from self.steps.values()

    @property
    def hooks(self) -> Iterator[SentHook]:
        for step in self.steps.values():
            yield from (*step.sends, *later_hooks(step.events))
        yield from later_hooks(self.events)
        if self.outbound is not None:
            yield from chain.from_iterable(self.outbound.hooks.values())

    @property
    def hook_definitions(self) -> Iterator[Any]:
        """Include those that a handler may send."""
        yield from (hook.definition for hook in self.hooks)
        yield from self.handler.hooks if self.handler is not None else ()

    @property
    def entered(self) -> tuple[str, ...]:
        """Where calls can begin: the flow's start, and those of placed calls."""
        placed = self.outbound.targets if self.outbound is not None else ()
        return tuple(dict.fromkeys((self.start, *(target.step for target in placed if target.step is not None))))

    @property
    def targets(self) -> Iterator[Target]:
        for step in self.steps.values():
            yield from (way.target for way in step.exit.ways)
            if step.error is not None:
                yield step.error
        if self.error is not None:
            yield self.error
        if self.outbound is not None:
            yield from self.outbound.targets

    @property
    def runs(self) -> frozenset[str]:
        heard = (target.heard for step in self.steps.values() for target in step.targets)
        own = self.handler.runs if self.handler is not None else ()
        runs = (each.flow for each in (*heard, *(target.runs for target in self.targets)) if each is not None)
        return frozenset((*own, *runs))

    @property
    def records(self) -> bool:
        actions = (action for step in self.steps.values() for action in step.actions)
        may_record = self.handler is not None and self.handler.records
        return may_record or any(action.word == "record" or "record" in action.fields for action in actions)

    @property
    def steps_with_computed_numbers(self) -> list[str]:
        """Steps, as `flow.step`, that dial a number or address known only during a call; a handler that may do so."""
        if self.handler is not None:
            return [self.name] if self.handler.dials else []
        found = [step.name for step in self.steps.values() if any(target.is_computed for target in step.targets)]
        return [f"{self.name}.{name}" for name in found]

    @property
    def written_numbers(self) -> dict[str, str]:
        """Map each number to a step that dials it, as `flow.step`."""
        return {
            str(address.render({})): f"{self.name}.{step.name}"
            for step in self.steps.values()
            for target in step.targets
            if target.kind == "phone" and not target.is_computed
            for address in target.addresses
        }

    @property
    def is_startable(self) -> bool:
        return bool(self.numbers) or self.default or self.entry


@dataclass(frozen=True, slots=True)
class Project:
    """The flows without errors, and every issue.

    In `calendars`, a single flow's hours are named `flow.name`. `tables` are the shared files'.
    """

    flows: Mapping[str, Flow]
    issues: tuple[Any, ...]
    texts: Mapping[str, str]
    calendars: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, TableDefinition] = field(default_factory=dict)
    refusals: tuple[CallerRefusal, ...] = ()

    @property
    def has_errors(self) -> bool:
        return any(issue.is_error for issue in self.issues)

    def zone_of(self, flow: str = "") -> ZoneInfo:
        """UTC if the flows (or the one flow) do not have exactly one time zone."""
        flows = [self.flows[flow]] if flow in self.flows else [] if flow else self.flows.values()
        zones = {calendar.zone for each in flows for calendar in each.calendars.values() if not each.zone}
        zones |= {ZoneInfo(each.zone) for each in flows if each.zone}
        return zones.pop() if len(zones) == 1 else ZoneInfo("UTC")
