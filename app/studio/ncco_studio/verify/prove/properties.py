"""Finds the faults of calls, over all turns that a proof has found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal

from jinja2 import nodes

from ncco_server.desk.transcript import CallLine
from ncco_server.engine.event_hooks import ENDED
from ncco_server.flow.action import Action
from ncco_server.flow.digraph import reachable
from ncco_server.flow.frame import Target
from ncco_server.flow.language.exits import Branch
from ncco_server.flow.language.hooks import SentHook
from ncco_server.flow.model import Flow, Step, later_hooks
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import Way
from ncco_studio.simulator.parties import ENDLESS
from ncco_studio.verify.faults import FAULTS, failure_of, may_end_silently
from ncco_studio.verify.outcomes import FlowOutcome, outcomes_of
from ncco_studio.verify.prove.environment import APP_TO
from ncco_studio.verify.prove.expressions import ENTRY, LENGTH, RETURNED, paths_of
from ncco_studio.verify.prove.graph import Graph, Paths
from ncco_studio.verify.prove.listening import listen
from ncco_studio.verify.prove.literals import Literals
from ncco_studio.verify.prove.space import StateSpace, StepKey, Transition
from ncco_studio.verify.prove.states import texts_of
from ncco_studio.verify.prove.uses import (
    DECIDES,
    SPOKEN,
    Use,
    asked_by,
    assigned,
    flows_run_from,
    played_by,
    targets_of,
    tested_by,
)
from ncco_studio.verify.sample_values import Path
from ncco_studio.verify.scenarios.files import WrittenScenario

_FIELDS: Final = frozenset({"place", "message", "cure", "severity", "code"})
"""Fields of a violation that a check may set."""
_NO_NUMBER_SHOWN: Final = "R105"
"""A connect without a number to show: only a warning, since no app may call the flow."""
_UNESCAPABLE: Final = "E393"
"""A value that cannot be escaped where it is used."""
_MOMENTS: Final = frozenset({"next_open", "next_close"})
"""Fields of hours that differ at moments which a proof does not try."""


@dataclass(frozen=True, slots=True)
class FoundViolation:
    """A violated property, and a call that shows it.

    Attributes:
        place: the step or line to change.
        severity: `warning` if uncertain, for example because only samples were tried.
        proved: the flow whose proof found it; "" if no single proof did, as for an unreachable step.
        example: the shortest call that shows it, as played; None if no call can.
        call: the lines of this call.
    """

    kind: str
    flow: str
    step: str
    place: Place
    message: str
    cure: str
    severity: Literal["error", "warning"] = "error"
    proved: str = ""
    example: WrittenScenario | None = None
    call: tuple[CallLine, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for a violation in a sub-flow of several flows."""
        return self.kind, self.flow, self.step, self.message


@dataclass(frozen=True, slots=True)
class Violation(FoundViolation):
    """A violated property, and where calls show it.

    Attributes:
        turn: where it occurs; None if no turn shows it, as for an unreachable step.
        code: a failed step's issue code or an unsendable hook's name, or "".
    """

    turn: Transition | None = None
    code: str = ""

    def found(self, proved: str = "") -> FoundViolation:
        """Without its turns, so that it can be stored."""
        about = (self.kind, self.flow, self.step, self.place, self.message, self.cure, self.severity)
        return FoundViolation(*about, proved)


@dataclass(frozen=True, slots=True)
class Explored:
    """What the checks read. If `is_certain`, no call takes the outcomes that were not found."""

    space: StateSpace
    graph: Graph
    silence_s: float
    is_certain: bool

    def step(self, where: StepKey) -> Step:
        return self.space.root.named(where[0]).steps[where[1]]

    def found(
        self, kind: str, where: StepKey, turn: Transition | None = None, variant: str = "", **other: Any
    ) -> Violation:
        """`other` has fields of the violation, which override those of its rule, and what its message names."""
        place = self.step(where).place
        words = FAULTS[kind].words(variant, step=where[1], **other)
        fields = {"place": place, **words, **{name: other[name] for name in _FIELDS & other.keys()}}
        return Violation(kind, *where, turn=turn, **fields)


def violations(space: StateSpace, silence_s: float, *, is_certain: bool) -> Iterator[Violation]:
    explored = Explored(space, Graph(space), silence_s, is_certain)
    checks = _CHECKS if space.stopped else (*_CHECKS, *_WHOLE_CHECKS)
    in_turns = ((check, each) for check in _TURN_CHECKS for turn in space.transitions for each in check(explored, turn))
    in_calls = ((check, each) for check in checks for each in check(explored))
    seen: set[tuple[Any, ...]] = set()
    for check, violation in chain(in_turns, in_calls):
        key = (check, violation.kind, violation.flow, violation.step, violation.code)
        if key not in seen:
            seen.add(key)
            yield violation


# checks of one turn


def _refused(explored: Explored, turn: Transition) -> Iterator[Violation]:
    for issue in turn.ncco.issues[:1]:
        yield explored.found("refused_ncco", turn.where, turn, issue=issue, cure=issue.fix)


def _failing(explored: Explored, turn: Transition) -> Iterator[Violation]:
    """Error exits taken without a delivery fault, unless the step has its own."""
    found = turn.failed if turn.kind != "fault" else ()
    endless = [each for each in found if each.code == "R103"]  # the error exit's steps then fail for the same reason
    for failed in endless[:1] or found:
        step, code = explored.step(failed.where), failed.code
        kind = failure_of(code, step)
        if kind:
            variant = _variant(step, code, turn)
            yield explored.found(kind, failed.where, turn, variant, code=code, because=failed.because)


def _variant(step: Step, code: str, turn: Transition) -> str:
    """What the message about a failed step is about."""
    if code == "R103":
        return "recursion" if step.exit.runs is not None else "counting"
    if code == _UNESCAPABLE and _has_line_end(turn):
        return "line_end"
    known = {"R102": "circle", _NO_NUMBER_SHOWN: "no_number"}
    return known.get(code, "app" if _is_to_name(turn) else "")


def _is_to_name(turn: Transition) -> bool:
    """Whether only calls from an app lead here, of which there may be none: only a warning."""
    call = turn.first_path[0].call
    return call is not None and call.to == APP_TO


def _has_line_end(turn: Transition) -> bool:
    """Line breaks in lookups and variables are rare in real headers and URLs: only a warning."""
    known = [turn.source.session.lookups, turn.source.session.variables] if turn.source is not None else []
    return any("\n" in text for text in texts_of([*known, *(answer.value for _, answer in turn.answers)]))


def _endless(explored: Explored, turn: Transition) -> Iterator[Violation]:
    if turn.heard.is_endless:
        yield explored.found("trap", turn.where, turn, "prompt")


def _dead_ends(explored: Explored, turn: Transition) -> Iterator[Violation]:
    """Calls that end without a prompt, unless the caller ended them or has talked to somebody.

    A sub-flow with outcomes returns to the calling flow.
    """
    root = explored.space.root
    returns = bool(root.outcomes) and not root.is_startable
    if (
        not (turn.target is None and not turn.heard.is_heard and turn.heard.trailing_silence_s != ENDLESS)
        or turn.is_party
        or turn.kind == "fault"
        or turn.failed
    ):
        return
    is_chosen = (turn.kind == "accepted" and not turn.handed_back) or returns
    is_moved = turn.trigger.kind == "detected"  # it has heard something before
    is_hung_up_on = turn.detected in ("machine", "beep") and not turn.entered
    is_meant = may_end_silently(turn.dial_outcome or turn.handed_back, is_chosen=is_chosen, enters=bool(turn.entered))
    if not (is_moved or is_hung_up_on or is_meant):
        why = turn.taken[-1][2] if turn.taken else "at its beginning"
        yield explored.found("dead_end", turn.where, turn, why=why)


def _dead_dials(explored: Explored, turn: Transition) -> Iterator[Violation]:
    """Calls that end without a prompt if the last dial fails, since the step has no `on`."""
    if turn.target is None and not turn.is_party and turn.kind != "fault" and undecided_dials(turn):
        yield explored.found("dead_end", turn.where, turn, "dial")


def undecided_dials(turn: Transition) -> int:
    """How many dials must fail for the call to end without another prompt; 0 if it cannot."""
    actions = turn.ncco.actions
    dials = [at for at, action in enumerate(actions) if action["action"] == "connect"]
    is_decided = any(actions[at].get("eventType") == "synchronous" for at in dials)
    return 0 if not dials or is_decided or listen(actions[dials[-1] + 1 :]).is_heard else len(dials)


def _lost_webhooks(explored: Explored, turn: Transition) -> Iterator[Violation]:
    """Leave out a checkpoint that nothing comes before: its webhook follows a reply of the server at once."""
    heard = turn.heard
    if not turn.is_party and not heard.survives_loss and (heard.input_s or heard.prompt_s):
        asks = "input" if explored.step(turn.where).tail else "no_tail"
        yield explored.found("lost_webhook", turn.where, turn, asks if heard.input_s else "checkpoint")


def _silent_faults(explored: Explored, turn: Transition) -> Iterator[Violation]:
    is_failure = turn.kind == "fault" or bool(turn.failed)
    if is_failure and not turn.is_party and not turn.heard.is_heard and turn.target is None:
        where = turn.failed[-1].where if turn.failed else turn.before
        yield explored.found("silent_fault", where, turn)


def _failsafes(explored: Explored, turn: Transition) -> Iterator[Violation]:
    if turn.kind == "fault" and not turn.is_party and turn.is_failsafe and turn.entered:
        where = turn.entered[-1]
        why = f": {turn.failed[-1].code} {turn.failed[-1].because}" if turn.failed else ""
        is_rare = _is_to_name(turn) or any(each.code == _NO_NUMBER_SHOWN for each in turn.failed)
        yield explored.found("failsafe", where, turn, why=why, severity="warning" if is_rare else "error")


def _untold(explored: Explored, turn: Transition) -> Iterator[Violation]:
    for name, problem in turn.unsent if turn.kind != "fault" else ():
        sends = (where for where in turn.entered if name in _hooks_of(explored.step(where)))
        yield explored.found("untold", next(sends, turn.before), code=name, problem=problem)


def _hooks_of(step: Step) -> set[str]:
    return {hook.name for hook in (*step.sends, *later_hooks(step.events))}


_TURN_CHECKS: Final = (
    _refused,
    _failing,
    _endless,
    _dead_ends,
    _dead_dials,
    _lost_webhooks,
    _silent_faults,
    _failsafes,
    _untold,
)


# checks of whole calls


def _trapped(explored: Explored) -> Iterator[Violation]:
    seen = set[StepKey]()
    for state in explored.graph.trapped():
        near = {each.target.where for each in explored.graph.out[state] if each.target is not None}
        if state.where not in seen and not near & seen:
            yield explored.found("trap", state.where, state.first)
        seen |= {state.where, *near}


def _cycles(explored: Explored) -> Iterator[Violation]:
    seen = set[StepKey]()
    for cycle in explored.graph.cycles(dialling=False):
        steps = list(dict.fromkeys(each.before for each in cycle))
        if not seen & set(steps):
            names = " → ".join(step for _, step in [*steps, steps[0]])
            yield explored.found("circle", steps[0], cycle[-1], names=names)
            seen |= set(steps)


def _silences(explored: Explored) -> Iterator[Violation]:
    most = explored.silence_s
    for turn, seconds in explored.graph.silences(most):
        kind = "silent_party" if turn.is_party else "silence"
        if problem := FAULTS[kind].exceeded(seconds, most, _duration(seconds)):
            where, action = _quiet_step(explored, turn)
            cure = f"play something, so that silence lasts at most {most:g} seconds"
            at: dict[str, Any] = {}
            if action is not None:
                at = {"place": action.place}
                cure = f"{cure}; `wait` counts seconds" if action.word == "wait" else cure
            yield explored.found(kind, where, turn, message=f'{problem} in step "{where[1]}"', cure=cure, **at)


def _quiet_step(explored: Explored, turn: Transition) -> tuple[StepKey, Action | None]:
    """The step and the action that cause a turn's silence.

    It is the last entered step with an endlessly silent `conversation`, or with a `wait` longer than the turn's
    `input`; otherwise the turn's last step.
    """
    waits = [float(action.get("timeout", 0)) for action in turn.ncco.actions if action["action"] == "wait"]
    silent = "wait" if max(waits, default=0.0) > turn.heard.input_s else ""
    if ENDLESS in turn.heard:
        silent = "conversation"
    for where in reversed(turn.entered):
        for action in explored.step(where).actions:
            if action.word == silent:
                return where, action
    return turn.where, None


def _silent_while_party_is_asked(explored: Explored) -> Iterator[Violation]:
    """Callers who hear silence while the dialled party hears a flow (`onAnswer`).

    Source: NCCO reference, Phone (onAnswer: without a ringbackTone the caller hears silence).
    """
    for last, seconds in explored.graph.party_waits():
        dialling = next(each for each in reversed(last.first_path) if not each.is_party)
        problem = FAULTS["silence"].exceeded(seconds, explored.silence_s, _duration(seconds))
        if problem and not _has_ringback(dialling):
            yield explored.found("silence", dialling.where, last, "asking", problem=problem)


def _has_ringback(dialling: Transition) -> bool:
    connects = [action for action in dialling.ncco.actions if action["action"] == "connect"]
    dialled = ((action, end) for action in connects for end in action["endpoint"] if "onAnswer" in end)
    return all({"ringbackTone", "ringback"} & {*action, *end["onAnswer"]} for action, end in dialled)


def _duration(seconds: float) -> str:
    return "forever" if seconds == ENDLESS else f"for {seconds:.0f} seconds"


def _relying_on_continuing(explored: Explored) -> Iterator[Violation]:
    """What happens only if Vonage continues a call after a connect: once per flow.

    If Vonage ends it instead, its turns are among the explored ones, so no other check differs.
    """
    flows: dict[str, dict[str, Transition]] = {}
    for turn in explored.space.transitions:
        if turn.dial_outcome == "completed" and turn.trigger.wait >= 0 and _effects(explored, turn):
            flow, step = turn.before
            flows.setdefault(flow, {}).setdefault(step, turn)
    for flow, turns in flows.items():
        (step, turn), *others = turns.items()
        also = f"; this also concerns {', '.join(other for other, _ in others)}" if others else ""
        effects, place = _effects(explored, turn), _completed(explored, turn).place
        yield explored.found("after_connect", (flow, step), turn, effects=effects, also=also, place=place)


def _completed(explored: Explored, turn: Transition) -> Way:
    return next(way for way in explored.step(turn.before).exit.ways if way.name == turn.dial_outcome)


def _effects(explored: Explored, turn: Transition) -> str:
    """What does not happen without a turn after a dial, or "". Hooks of `ended` are sent anyway."""
    entered = [explored.step(where) for where in turn.entered]
    flows = [explored.space.root.named(flow) for flow in (turn.before[0], explored.space.root.name)]
    ended = {hook.name for flow in flows for hook in flow.events.get(ENDED, ()) if isinstance(hook, SentHook)}
    played = [step.name for step in entered if step.parts]
    sent = [hook.name for step in entered for hook in step.sends if hook.name not in ended]
    assigned = [each.name for each in chain(_completed(explored, turn).target.sets, *(step.sets for step in entered))]
    assigned += [f"the result {step.result}" for step in entered if step.result]
    effects = {"is not played": played, "is not sent": sent, "is not set": assigned}
    return " and ".join(f"{', '.join(dict.fromkeys(names))} {how}" for how, names in effects.items() if names)


def _never_joined(explored: Explored) -> Iterator[Violation]:
    """Dials with an `onAnswer` flow that never connects the party."""
    space = explored.space
    paths = Paths(explored.space)
    legs: dict[tuple[str, str, str], list[Transition]] = {}
    for each in space.out[None]:
        if each.dialled_by is not None:
            legs.setdefault((*each.dialled_by.where, each.where[0]), []).append(each)
    for (flow, step, heard), firsts in legs.items():
        if not any(map(paths.to_joined, firsts)):
            yield explored.found("never_joined", (flow, step), heard=heard)


def _unreachable(explored: Explored) -> Iterator[Violation]:
    """For flows that the explored one runs, see `never_run`."""
    root = explored.space.root
    entered = explored.space.entered
    return unreached(root, flows_run_from(root), entered, is_certain=explored.is_certain)


_CHECKS: Final = (_cycles, _silences, _silent_while_party_is_asked, _relying_on_continuing)
_WHOLE_CHECKS: Final = (_trapped, _never_joined, _unreachable)
"""Only valid when everything was explored."""


def unreached(flow: Flow, flows: Mapping[str, Flow], entered: Set[StepKey], *, is_certain: bool) -> Iterator[Violation]:
    """A step reached by an error exit counts as reachable. Which lines of a handler run depends on its samples."""
    is_certain = is_certain and flow.handler is None
    reached = entered | _after_errors(flows, entered)
    for step in flow.steps.values():
        if (flow.name, step.name) in reached:
            continue
        words = FAULTS["unreachable"].words("" if is_certain else "sampled", step=step.name)
        yield Violation("unreachable", flow.name, step.name, step.place, **words)


def _after_errors(flows: Mapping[str, Flow], entered: Set[StepKey]) -> set[StepKey]:
    """Follow entered steps' error exits.

    One that sets nothing and leads to an entered step adds nothing.
    """
    errors = ((flows[name], flows[name].steps[step].error or flows[name].error) for name, step in entered)
    led_to = ((where, error) for flow, error in errors if error is not None for where in _led_to(flows, flow, error))

    def following(where: StepKey) -> Iterator[StepKey]:
        flow = flows[where[0]]
        return (each for target in targets_of(flow, flow.steps[where[1]]) for each in _led_to(flows, flow, target))

    return set(reachable((where for where, error in led_to if where not in entered or error.sets), following))


def _led_to(flows: Mapping[str, Flow], flow: Flow, target: Target) -> Iterator[StepKey]:
    """For a return, this is the next step in every flow that runs `flow`."""
    if target.step is not None:
        yield flow.name, target.step
    elif target.runs is not None:
        yield target.runs.flow, flows[target.runs.flow].start
    for caller in flows.values() if target.returns else ():
        for step in caller.steps.values():
            ran = step.exit.runs
            if ran is not None and ran.flow == flow.name:
                lines = {way.name: way.target for way in step.exit.ways if way.is_return}
                line = lines.get(target.returns) or lines.get("otherwise")
                yield from _led_to(flows, caller, line) if line is not None else ()


def undecided(root: Flow, space: StateSpace) -> Iterator[FoundViolation]:
    """Warn of the lines that never decide, in entered steps with conditions.

    `else` is required, so it is one only beside a line that every call takes. The moments tried stand for all others
    only where a condition asks whether hours are open, so a condition with hours or `now` is left out.
    """
    flows = flows_run_from(root)
    missed = list(_missed(flows.values(), space))
    count = Counter(each[:2] for each in missed)
    for each in missed:
        exit_ = flows[each.flow].steps[each.step].exit
        tests = [*exit_.reads()]
        names = {name for name, _ in exit_.outcomes()}
        is_vague = any({"hours", "now"} & test.used_names or _is_false(test.node) for test in tests)
        is_spare = isinstance(exit_, Branch) and each.name == "else" and count[each[:2]] < len(names) - 1
        if tests and each.name in names and not is_vague and not is_spare:
            variant = ""
            if any(isinstance(test.node, nodes.And) and test.place.line == each.place.line for test in tests):
                variant = "and"
            elif any(isinstance(test.node, nodes.Or) for test in tests):
                variant = "or"
            words = FAULTS["undecided"].words(variant, name=each.name)
            yield FoundViolation("undecided", each.flow, each.step, each.place, **words)


def _is_false(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and node.value is False


# certainty


def is_certain(space: StateSpace, literals: Literals, chosen: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether certainly no call takes the outcomes that were not found.

    Not if the exploration stopped early, or a step with a missed outcome depends on a sampled value, or one failed
    because of such a value.
    """
    if space.stopped:
        return False
    flows = flows_run_from(space.root)
    missed = {(each.flow, each.step) for each in _missed(flows.values(), space)}
    failed = {each.where for transition in space.transitions for each in transition.failed}
    uses = [(flow, use) for flow, step in missed for use in _deciding(flows[flow].steps[step])]
    uses += [(flow, use) for flow, step in failed for use in _computed(flows[flow], flows[flow].steps[step])]
    read = [(flow, path) for flow, use in uses for path in paths_of(use.source)]
    if any(path[0] == "hours" and _MOMENTS & {*path} for _, path in read):
        return False
    return not any(_is_sampled(chosen, literals, flow, path) for flow, path in read)


def _deciding(step: Step) -> Iterator[Use]:
    """The step's conditions and dialled parties."""
    yield from tested_by(step)
    yield from (use for use in played_by(step) if use.weight == DECIDES and step.exit.dials)


def _computed(flow: Flow, step: Step) -> Iterator[Use]:
    """All values that may make the step fail."""
    yield from (*asked_by(step), *played_by(step))
    yield from (Use(value, SPOKEN) for _, value in assigned(flow, step))


def _missed(flows: Iterable[Flow], space: StateSpace) -> Iterator[FlowOutcome]:
    taken = {key for transition in space.transitions for key in transition.taken}
    entered = space.entered
    for each in (each for flow in flows for each in outcomes_of(flow)):
        if (each.flow, each.step) in entered and each[:3] not in taken:
            yield each


def _is_sampled(chosen: Mapping[str, tuple[Any, ...]], literals: Literals, flow: str, path: Path) -> bool:
    """Samples are exact for values only compared with literals, unless only some combinations were tried."""
    compared = literals.of(flow, path)
    names = [path, *((name[1:] if name[0] == RETURNED else name) for name in compared.names)]
    written = {".".join(part for part in name[cut:] if part not in (ENTRY, LENGTH)) for name in names for cut in (0, 1)}
    sampled = {key for keys in chosen for key in keys.split(", ")}
    return any(
        (name == key and not compared.is_exact) or name.startswith(f"{key}.") for name in written for key in sampled
    )
