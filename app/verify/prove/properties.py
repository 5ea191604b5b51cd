"""The properties that every call must have, and their violations in a state space.

`rules.yaml` is the table of them: what each violation means and its usual cure. `_CHECKS` are the functions that find
them. Each violation is reported once for a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cached_property
from pathlib import Path as File
from typing import Any, Final, Literal, NamedTuple

from app.flow.actions.do import actions_of
from app.flow.language.menu import Choices
from app.flow.language.outcomes import DETECTED, DISCONNECTED, On
from app.flow.model import Flow, Step, Target
from app.flow.nodes import Place
from app.flow.rules import Rule
from app.ncco.issue import RuleBook
from app.verify.outcomes import FlowOutcome, outcomes_of
from app.verify.prove.graph import END, NOWHERE, Graph, Paths, StateSpace, Transition
from app.verify.prove.listening import ENDLESS
from app.verify.prove.literals import RETURNED, Literals
from app.verify.prove.states import texts_of
from app.verify.prove.uses import (
    DECIDES,
    ENTRY,
    LENGTH,
    Path,
    flows_run_from,
    lines_of,
    paths_of,
    played_by,
    runs_of,
    targets_of,
    tested_by,
)

RULES: Final[Mapping[str, Rule]] = RuleBook(Rule, File(__file__).with_name("rules.yaml"))
_TALKED: Final = frozenset({"completed", DISCONNECTED, *DETECTED})
"""Dial outcomes after which the caller has spoken with somebody, or does so now: a party whom machine detection has
judged is joined with the caller if no NCCO comes back. Source: webhook reference, machine detection (`continue`).
"""
_UNESCAPABLE: Final = "E393"
"""The code of a value that cannot be escaped where it stands."""


class CallLimits(NamedTuple):
    """How many seconds a caller may hear nothing, and how many steps a call may enter."""

    silence_s: float = 20.0
    steps: int = 500


class Violation(NamedTuple):
    """One property that does not hold.

    Attributes:
        kind: its name in `rules.yaml`. message: in one sentence. place: the step or line that it concerns.
        transition: the number of the turn in which it happens; NOWHERE for what never happens.
        severity: `warning` where it is only known of the values that were tried, which represent others.
    """

    kind: str
    flow: str
    step: str
    place: Place
    message: str
    cure: str
    transition: int = NOWHERE
    severity: Literal["error", "warning"] = "error"

    @property
    def is_error(self) -> bool:
        """Whether it is certain."""
        return self.severity == "error"


class Explored:
    """A state space with everything that the checks look at.

    Args:
        space: what was explored.
        call_limits: the limits that every call must keep.
        is_certain: whether no call at all takes what was not found.
    """

    def __init__(self, space: StateSpace, call_limits: CallLimits, *, is_certain: bool) -> None:
        self.space = space
        self.call_limits = call_limits
        self.is_certain = is_certain
        self.graph = Graph(space)

    @cached_property
    def turns(self) -> list[tuple[int, Transition, tuple[str, str]]]:
        """Every transition with its number and the step that it leads to."""
        return [(number, each, self.space.step_after(each)) for number, each in enumerate(self.space.transitions)]

    def step(self, where: tuple[str, str]) -> Step:
        """A step by (flow, step)."""
        return self.space.root.named(where[0]).steps[where[1]]

    def found(
        self, kind: str, where: tuple[str, str], message: str, transition: int = NOWHERE, **other: Any
    ) -> Violation:
        """A violation at a step, with the cure of its rule unless `other` has another."""
        fields = {"place": self.step(where).place, "cure": RULES[kind].cure} | other
        return Violation(kind, *where, fields.pop("place"), message, fields.pop("cure"), transition, **fields)


def violations(explored: Explored) -> Iterator[Violation]:
    """Every violation, each once for a step."""
    seen: set[tuple[str, ...]] = set()
    for check in _CHECKS:
        for violation in check(explored):
            key = (check.__name__, *violation[:3], violation.message if check is _failing else "")
            if key not in seen:
                seen.add(key)
                yield violation


# NCCOs and error exits


def _refused(explored: Explored) -> Iterator[Violation]:
    for number, each, where in explored.turns:
        for issue in each.ncco.issues[:1]:
            message = f"Vonage would refuse the NCCO: {issue.code} {issue.path}: {issue.message}"
            yield explored.found("refused_ncco", where, message, number, cure=issue.cure)


def _failing(explored: Explored) -> Iterator[Violation]:
    """Error exits that no fault has led to, unless the step handles them itself."""
    seen = set()
    for number, each, _ in explored.turns:
        for flow, step, code, because in each.failed if each.sort != "fault" else ():
            is_ncco = code.startswith("N")
            if (flow, step, code) in seen or (not is_ncco and explored.step((flow, step)).error is not None):
                continue
            seen.add((flow, step, code))
            what = "an NCCO that Vonage would refuse" if is_ncco else "a value that cannot be computed"
            message = f'step "{step}" makes {what} and takes its error exit: {code} {because}'
            other: dict[str, Any] = {}
            if code == "R102":
                message = (
                    f'a caller who does nothing repeats step "{step}" until it takes its error exit: {code} {because}'
                )
                other["cure"] = RULES["circle"].cure
            elif code == _UNESCAPABLE and _has_line_end(explored.space, each):
                message = f'a value has a line end, and step "{step}" takes its error exit: {code} {because}'
                other = {"cure": r'write `{{ value | replace("\n", " ") }}`', "severity": "warning"}
            yield explored.found("invalid_ncco" if is_ncco else "error_exit", (flow, step), message, number, **other)


def _has_line_end(space: StateSpace, each: Transition) -> bool:
    """Whether a lookup or variable has a text of two lines. They are rare where headers and URLs are filled."""
    session = space.states[each.source].session if each.source >= 0 else None
    known = (session.lookups, session.variables) if session is not None else ()
    return any(
        "\n" in text for value in (*known, *(answer.value for _, answer in each.answers)) for text in texts_of(value)
    )


# the end of a call


def _trapped(explored: Explored) -> Iterator[Violation]:
    """States from which no call ends."""
    space, seen = explored.space, set[tuple[str, str]]()
    for number in explored.graph.trapped() if not space.stopped else ():
        state = space.states[number]
        here, near = (state.session.at or space.root.name, state.session.step), explored.graph.steps_after(number)
        if here not in seen and not near & seen:
            message = f'a call that reaches step "{here[1]}" never ends, whatever the caller does'
            yield explored.found("trap", here, message, state.first)
        seen |= {here, *near}


def _endless(explored: Explored) -> Iterator[Violation]:
    """Prompts that never end and that no input can interrupt."""
    for number, each, where in explored.turns:
        if each.heard.is_endless:
            message = f'the prompt of step "{where[1]}" never ends, and nothing leads out of it'
            cure = "play it a few times and lead on, to a person or a voicemail; `hold` repeats it with a bound"
            yield explored.found("trap", where, message, number, cure=cure)


def _cycles(explored: Explored) -> Iterator[Violation]:
    """Cycles in which a call stays although the caller does nothing."""
    space, seen = explored.space, set[tuple[str, str]]()
    for cycle in explored.graph.cycles(dialling=False):
        steps = list(dict.fromkeys(map(space.step_before, cycle)))
        if not seen & set(steps):
            names = " → ".join(step for _, step in [*steps, steps[0]])
            message = f"a caller who does nothing loops forever: {names}"
            yield explored.found("circle", steps[0], message, space.transitions.index(cycle[-1]))
        seen |= {*steps} if not seen & set(steps) else set()


def _dead_ends(explored: Explored) -> Iterator[Violation]:
    """Calls that end without a word. One that ends by the caller's choice or after a conversation is meant.

    A flow that only other flows run returns to them when it has outcomes.
    """
    root = explored.space.root
    returns = bool(root.outcomes) and not root.is_startable
    for number, each, where in explored.turns:
        is_silent_end = each.target == END and not each.heard.is_heard and each.heard.last != ENDLESS
        if not is_silent_end or each.is_party or each.sort == "fault" or each.failed:
            continue
        is_meant = each.sort == "acts" or each.dial_outcome in _TALKED or returns
        if each.dial_outcome not in DETECTED and not (is_meant and not each.entered):
            why = each.taken[-1][2] if each.taken else "at its beginning"
            yield explored.found(
                "dead_end", where, f'the call ends without a word in step "{where[1]}" ({why})', number
            )


# silence


def _silences(explored: Explored) -> Iterator[Violation]:
    most, turns = explored.call_limits.silence_s, explored.turns
    for number, seconds in explored.graph.silences(most):
        _, each, _ = turns[number]
        if seconds > most:
            where = _quiet_step(explored, each)
            who, kind = ("other party", "silent_party") if each.is_party else ("caller", "silence")
            message = f'the {who} hears nothing {_duration(seconds)} in step "{where[1]}"'
            cure = f"play something, so that silence lasts at most {most:g} seconds"
            yield explored.found(kind, where, message, number, cure=cure)


def _quiet_step(explored: Explored, each: Transition) -> tuple[str, str]:
    """The step of a turn that is silent: the last one that waits, or where that is shorter, the one that asks."""
    waits = [float(action.get("timeout", 0)) for action in each.ncco.actions if action["action"] == "wait"]
    if max(waits, default=0.0) > each.heard.listens:
        for where in reversed(each.entered):
            if any(action.word == "wait" for part in explored.step(where).parts for action in actions_of(part)):
                return where
    return explored.space.step_after(each)


def _silent_whispers(explored: Explored) -> Iterator[Violation]:
    """Callers who hear nothing while the dialled party, who has answered, hears a flow.

    Source: NCCO reference, Phone (onAnswer: without a ringbackTone the caller hears silence).
    """
    for number, seconds in explored.graph.party_waits():
        path = explored.space.first_path_to(number)
        each = next(each for each in reversed(path) if not each.is_party)
        if seconds > explored.call_limits.silence_s and not _has_ringback(each):
            where = explored.space.step_after(each)
            message = (
                f'the caller hears nothing {_duration(seconds)} while the other party of step "{where[1]}" is asked'
            )
            cure = "give `onAnswer` a `ringbackTone`, or ask the other party more briefly"
            yield explored.found("silence", where, message, number, cure=cure)


def _has_ringback(each: Transition) -> bool:
    """Whether the caller hears a tone while any dialled party hears a flow."""
    connects = [action for action in each.ncco.actions if action["action"] == "connect"]
    dialled = ((action, end) for action in connects for end in action["endpoint"] if "onAnswer" in end)
    return all({"ringbackTone", "ringback"} & {*action, *end["onAnswer"]} for action, end in dialled)


def _duration(seconds: float) -> str:
    return "forever" if seconds == ENDLESS else f"for {seconds:.0f} seconds"


# faults


def _lost_webhooks(explored: Explored) -> Iterator[Violation]:
    for number, each, where in explored.turns:
        if not each.is_party and not each.heard.is_caught:
            is_input = bool(each.heard.listens)
            what = "the reply to the `input`" if is_input else "the webhook of the checkpoint"
            message = f'if {what} of step "{where[1]}" is lost, the caller hears nothing more'
            cure = "delete `tail: false`, or say something after it" if is_input else "say something before it"
            yield explored.found("lost_webhook", where, message, number, cure=cure)


def _silent_faults(explored: Explored) -> Iterator[Violation]:
    for number, each, _ in explored.turns:
        is_failure = each.sort == "fault" or bool(each.failed)
        if is_failure and not each.is_party and not each.heard.is_heard and each.target == END:
            where = each.failed[-1][:2] if each.failed else explored.space.step_before(each)
            message = f'if something fails in step "{where[1]}", its error exit ends the call without a word'
            yield explored.found("silent_fault", where, message, number)


def _failsafes(explored: Explored) -> Iterator[Violation]:
    """Steps of error exits that fail themselves."""
    for number, each, _ in explored.turns:
        if each.sort == "fault" and not each.is_party and each.is_failsafe and each.entered:
            where = each.entered[-1]
            why = f": {each.failed[-1][2]} {each.failed[-1][3]}" if each.failed else ""
            message = f'step "{where[1]}" of an error exit fails itself, and the caller hears only the failsafe{why}'
            yield explored.found("failsafe", where, message, number)


# dialled parties, steps and limits


def _never_joined(explored: Explored) -> Iterator[Violation]:
    """Dials whose other party hears a flow that never lets it be joined, whatever the party does."""
    space, paths = explored.space, Paths(explored.space)
    legs: dict[tuple[str, str, str], list[Transition]] = {}
    for each in space.transitions if not space.stopped else ():
        if each.sort == "leg":
            dialling = space.step_after(space.transitions[each.behind])
            legs.setdefault((*dialling, space.step_after(each)[0]), []).append(each)
    for (flow, step, heard), firsts in legs.items():
        if not any(map(paths.to_joined, firsts)):
            message = f'no party that step "{step}" dials is ever joined with the caller: flow "{heard}" accepts nobody'
            yield explored.found("never_joined", (flow, step), message)


def _too_many_steps(explored: Explored) -> Iterator[Violation]:
    limit = explored.space.root.limits.get("steps")
    most = limit.most if limit else explored.call_limits.steps
    steps, number = explored.graph.longest() if not explored.space.stopped else (0, NOWHERE)
    if steps > most:
        where = explored.turns[number][2]
        place = limit.place if limit else explored.step(where).place
        message = f"a call may enter {steps} steps, and the limit is {most}"
        yield explored.found("steps", where, message, number, place=place)


def _too_many_options(explored: Explored) -> Iterator[Violation]:
    limit = explored.space.root.limits.get("menu_options")
    for number, each, _ in explored.turns if limit else ():
        for where in each.entered:
            exit_ = explored.step(where).exit
            if limit and isinstance(exit_, Choices) and len(exit_.choices) > limit.most:
                message = f'the menu "{where[1]}" has {len(exit_.choices)} choices, and the limit is {limit.most}'
                yield explored.found("menu_options", where, message, number, place=exit_.place)


def _too_long_prompts(explored: Explored) -> Iterator[Violation]:
    limit = explored.space.root.limits.get("prompt_seconds")
    for number, each, where in explored.turns if limit else ():
        is_own = each.sort != "fault" and not each.is_failsafe and not each.is_party
        if limit and is_own and each.heard.prompt > limit.most:
            seconds = f"{each.heard.prompt:.0f} seconds"
            message = f'the caller listens for {seconds} up to step "{where[1]}", and the limit is {limit.most}'
            yield explored.found("prompt_seconds", where, message, number)


def _far_from_a_person(explored: Explored) -> Iterator[Violation]:
    limit = explored.space.root.limits.get("seconds_to_person")
    if limit is None or explored.space.stopped:
        return
    seconds, number = explored.graph.person()
    if number == NOWHERE:
        cure = "connect the caller somewhere, or delete the limit"
        root = explored.space.root.name
        yield Violation("seconds_to_person", root, "", limit.place, "no path leads to a person", cure)
    elif seconds > limit.most:
        message = f"the quickest path to a person takes {seconds:.0f} seconds, and the limit is {limit.most}"
        yield explored.found("seconds_to_person", explored.turns[number][2], message, number, place=limit.place)


def _unreachable(explored: Explored) -> Iterator[Violation]:
    """Steps of this flow; those of other flows may be reached from elsewhere: see `never_run`."""
    space = explored.space
    if not space.stopped:
        yield from unreached(space.root, flows_run_from(space.root), entered_in(space), is_certain=explored.is_certain)


_CHECKS: Final[tuple[Callable[[Explored], Iterator[Violation]], ...]] = (
    _refused,
    _failing,
    _trapped,
    _endless,
    _cycles,
    _dead_ends,
    _silences,
    _silent_whispers,
    _lost_webhooks,
    _silent_faults,
    _failsafes,
    _never_joined,
    _too_many_steps,
    _too_many_options,
    _too_long_prompts,
    _far_from_a_person,
    _unreachable,
)


def entered_in(space: StateSpace) -> frozenset[tuple[str, str]]:
    """The steps that some call enters, as (flow, step)."""
    return frozenset(key for each in space.transitions for key in each.entered)


def unreached(
    flow: Flow, flows: Mapping[str, Flow], entered: Set[tuple[str, str]], *, is_certain: bool
) -> Iterator[Violation]:
    """The steps of one of `flows` that no call enters, without those that only an error exit leads to."""
    reached = entered | _after_errors(flows, entered)
    for step in flow.steps.values():
        if (flow.name, step.name) in reached:
            continue
        if is_certain:
            message = f'no caller reaches step "{step.name}", whatever lookups, hours and other parties do'
            yield Violation("unreachable", flow.name, step.name, step.place, message, RULES["unreachable"].cure)
        else:
            message = f'no call with the sample values reaches step "{step.name}"; other values might'
            cure = "compare values with literals, or declare the words that are possible"
            yield Violation("unreachable", flow.name, step.name, step.place, message, cure, severity="warning")


def _after_errors(flows: Mapping[str, Flow], entered: Set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The steps that an error exit of one of these steps may lead to, whatever has failed there.

    An exit that sets nothing and leads to one of these steps leads to nothing new.
    """
    errors = ((flows[name], flows[name].steps[step].error or flows[name].error) for name, step in entered)
    led_to = ((where, error) for flow, error in errors if error is not None for where in _led_to(flows, flow, error))
    waiting = [where for where, error in led_to if where not in entered or error.sets]
    found: set[tuple[str, str]] = set()
    while waiting:
        name, step = where = waiting.pop()
        if where not in found:
            found.add(where)
            targets = targets_of(flows[name], flows[name].steps[step])
            waiting += [following for target in targets for following in _led_to(flows, flows[name], target)]
    return found


def _led_to(flows: Mapping[str, Flow], flow: Flow, target: Target) -> Iterator[tuple[str, str]]:
    """The step that a target leads to; for a return, the steps that any flow which runs this one goes on with."""
    if target.step is not None:
        yield flow.name, target.step
    elif target.runs is not None:
        yield target.runs.flow, flows[target.runs.flow].start
    for caller in flows.values() if target.returns else ():
        for step in caller.steps.values():
            ran = runs_of(step)
            if ran is not None and ran.runs is not None and ran.runs.flow == flow.name:
                lines = {edge.label: edge.target for edge in lines_of(step)}
                line = lines.get(target.returns) or lines.get("otherwise")
                yield from _led_to(flows, caller, line) if line is not None else ()


# certainty


def is_certain(space: StateSpace, literals: Literals, chosen: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether no call at all takes the outcomes that were not found.

    An outcome may only have been missed for want of the right value where its step reads a value that represents
    others.
    """
    if space.stopped:
        return False
    flows = flows_run_from(space.root)
    steps = {(each.flow, each.step) for each in _missed(flows.values(), space)}
    read = ((flow, path) for flow, step in steps for path in _deciding(flows[flow].steps[step]))
    return not any(_is_sampled(chosen, literals, flow, path) for flow, path in read)


def _deciding(step: Step) -> Iterator[Path]:
    """What an outcome of a step depends on: its conditions, and whom it dials."""
    dialled = (use for use in played_by(step) if use.weight == DECIDES and isinstance(step.exit, On))
    for use in (*tested_by(step), *dialled):
        yield from paths_of(use.source)


def _missed(flows: Iterable[Flow], space: StateSpace) -> Iterator[FlowOutcome]:
    """The outcomes that no call has taken, of steps that one has entered."""
    taken, entered = {key for each in space.transitions for key in each.taken}, entered_in(space)
    for each in (each for flow in flows for each in outcomes_of(flow)):
        if (each.flow, each.step) in entered and each[:3] not in taken:
            yield each


def _is_sampled(chosen: Mapping[str, tuple[Any, ...]], literals: Literals, flow: str, path: Path) -> bool:
    """Whether a value, or one that it is made of or compared with, was tried with representative values only.

    The representatives of a value that is only compared with literals are exact, unless only some of their
    combinations were tried.
    """
    compared = literals.of(flow, path)
    names = [path, *((name[1:] if name[0] == RETURNED else name) for name in compared.names)]
    written = {".".join(part for part in name[cut:] if part not in (ENTRY, LENGTH)) for name in names for cut in (0, 1)}
    sampled = {key for keys in chosen for key in keys.split(", ")}
    return any(
        (name == key and not compared.is_exact) or name.startswith(f"{key}.") for name in written for key in sampled
    )
