"""What nobody should come to, and the shortest way there."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Final, NamedTuple

from app.flow.language.outcomes import DETECTED
from app.flow.model import Flow
from app.verify.prove.after_faults import after_faults
from app.verify.prove.flows import targets_of
from app.verify.prove.graph import Graph
from app.verify.prove.listening import ENDLESS
from app.verify.prove.promises import promised
from app.verify.prove.violation import Violation, at, place_of, where_from, where_to
from app.verify.prove.walked import END, Edge, Walk
from app.verify.prove.ways import Ways

_TALKED: Final = frozenset({"completed", *DETECTED})
"""Outcomes of a dial with which the caller has spoken with somebody, or goes on to: whom machine detection has judged
is joined with the caller when no NCCO comes back. Source: webhook reference, machine detection (behavior `continue`).
"""
_IN_A_HEADER: Final = "control characters in a header"
"""How `app.flow.templates.escapes` refuses what a name hardly ever holds: worth a word, and no alarm."""


class Permitted(NamedTuple):
    """What a caller may be asked to bear: seconds without hearing anything, steps of one call."""

    silence_s: float = 20.0
    steps: int = 500


def violations(walk: Walk, graph: Graph, permitted: Permitted, *, is_certain: bool) -> Iterator[Violation]:
    """Everything that is wrong, each thing once; steps of other flows need not be reached from here.

    `is_certain`: what was not come to is come to by none.
    """
    yield from _refused(walk)
    yield from _failing(walk)
    yield from _trapped(walk, graph)
    yield from _endless(walk)
    yield from _circling(walk, graph)
    yield from _left_without_a_word(walk)
    yield from _in_silence(walk, graph, permitted)
    yield from after_faults(walk)
    yield from _apart(walk)
    yield from _too_long(walk, graph, permitted)
    yield from promised(walk, graph)
    if not walk.stopped:
        yield from _unreached(walk, is_certain=is_certain)


def _refused(walk: Walk) -> Iterator[Violation]:
    seen = set()
    for number, edge in enumerate(walk.edges):
        for issue in edge.ncco.issues[:1]:
            flow, step = where_to(walk, edge)
            if (flow, step, issue.code) not in seen:
                seen.add((flow, step, issue.code))
                message = f"Vonage would refuse the NCCO: {issue.code} {issue.path}: {issue.message}"
                yield at(walk, number, (flow, step), kind="refused_ncco", message=message, cure=issue.cure)


def _failing(walk: Walk) -> Iterator[Violation]:
    """Error exits that no fault has led to."""
    seen = set()
    for number, edge in enumerate(walk.edges):
        for flow, step, code, because in edge.failed if edge.sort != "fault" else ():
            if (flow, step, code) in seen:
                continue
            seen.add((flow, step, code))
            kind = "invalid_ncco" if code.startswith("N") else "error_exit"
            message, cure = _failed_by(step, code, because)
            violation = at(walk, number, (flow, step), kind=kind, message=message, cure=cure)
            yield violation._replace(severity="warning") if _IN_A_HEADER in because else violation


def _failed_by(step: str, code: str, because: str) -> tuple[str, str]:
    """What has led to an error exit, and what to do."""
    if code == "R102":
        message = f'a caller who does nothing comes to step "{step}" again and again, until its error exit is taken'
        return f"{message}: {code} {because}", "count the rounds in a variable and lead out with a `branch`"
    if _IN_A_HEADER in because:
        message = f'when what stands in a header has a line end, step "{step}" takes its error exit: {code} {because}'
        return message, r'write `{{ value | replace("\n", " ") }}`, if it may ever have one'
    what = "an NCCO that Vonage would refuse" if code.startswith("N") else "a value that cannot be computed"
    message = f'step "{step}" makes {what}, and its error exit is taken: {code} {because}'
    return message, "let every value that may come fit, or test it with a `branch` before"


def _trapped(walk: Walk, graph: Graph) -> Iterator[Violation]:
    """States from which no call ever ends."""
    if walk.stopped:
        return
    seen = set()
    for number in graph.trapped():
        state = walk.states[number]
        here = (state.session.at or walk.root.name, state.session.step)
        if here not in seen and not any(other in seen for other in graph.near(number)):
            seen.add(here)
            message = f'a call that has come to step "{here[1]}" never ends, whatever the caller does'
            yield at(walk, state.edge, here, kind="trap", message=message, cure="let one of its ways lead out")
        seen.update({here, *graph.near(number)})


def _endless(walk: Walk) -> Iterator[Violation]:
    """What is played for ever, and nobody can end it but by hanging up."""
    seen = set()
    for number, edge in enumerate(walk.edges):
        flow, step = where_to(walk, edge)
        if edge.heard.is_endless and (flow, step) not in seen:
            seen.add((flow, step))
            message = f'what is played in step "{step}" never ends, and nothing leads out of it'
            cure = "play it a few times and lead on, to a person or a voicemail; `hold` asks again and again"
            yield at(walk, number, (flow, step), kind="trap", message=message, cure=cure)


def _circling(walk: Walk, graph: Graph) -> Iterator[Violation]:
    """Circles that a caller goes round in without doing anything."""
    seen: set[tuple[str, str]] = set()
    for circle in graph.circles(dialling=False):
        steps = list(dict.fromkeys(where_from(walk, edge) for edge in circle))
        if seen & set(steps):
            continue
        seen.update(steps)
        names = " → ".join(step for _, step in [*steps, steps[0]])
        message = f"a caller who does nothing goes round for ever: {names}"
        cure = "count the rounds in a variable and lead out with a `branch`, or let one of the steps end"
        flow, step = steps[0]
        yield at(walk, walk.edges.index(circle[-1]), (flow, step), kind="circle", message=message, cure=cure)


def _left_without_a_word(walk: Walk) -> Iterator[Violation]:
    """Calls that end, and the caller does not know why."""
    seen = set()
    for number, edge in enumerate(walk.edges):
        if edge.target != END or edge.heard.is_heard or edge.is_party or edge.sort == "fault" or edge.failed:
            continue
        if edge.heard.last == ENDLESS:
            continue  # it does not end: that is silence
        is_meant = _is_joined(edge) or (not edge.entered and _is_meant(edge))
        flow, step = where_to(walk, edge)
        if not is_meant and (flow, step) not in seen:
            seen.add((flow, step))
            why = edge.taken[-1][2] if edge.taken else "at its beginning"
            message = f'the call ends without a word in step "{step}" ({why})'
            yield at(
                walk,
                number,
                (flow, step),
                kind="dead_end",
                message=message,
                cure="say something before it ends, or lead to a person",
            )


def _is_joined(edge: Edge) -> bool:
    """Whether somebody was detected, and stays on the line, since nothing is played instead."""
    return edge.happened.told.get("dial", {}).get("outcome") in DETECTED


def _is_meant(edge: Edge) -> bool:
    """Whether the caller has ended the call, or has been in conversation, or is now, or was not heard at all."""
    if edge.happened.kind == "input":
        return True
    return edge.happened.kind == "dial" and edge.happened.told.get("dial", {}).get("outcome") in _TALKED


def _in_silence(walk: Walk, graph: Graph, permitted: Permitted) -> Iterator[Violation]:
    seen = set()
    for number, seconds in graph.silences(permitted.silence_s):
        edge = walk.edges[number]
        flow, step = where_to(walk, edge)
        if seconds > permitted.silence_s and (flow, step) not in seen:
            seen.add((flow, step))
            who, kind = ("other party", "silent_party") if edge.is_party else ("caller", "silence")
            message = f'the {who} hears nothing {_lasting(seconds)} in step "{step}"'
            yield at(walk, number, (flow, step), kind=kind, message=message, cure=_play_something(permitted))
    yield from _waiting_unheard(walk, graph, permitted)


def _waiting_unheard(walk: Walk, graph: Graph, permitted: Permitted) -> Iterator[Violation]:
    """Callers who hear nothing while the other party, who has answered, hears something else.

    Source: NCCO reference, Phone (onAnswer: without a ringbackTone the caller hears silence).
    """
    seen = set()
    for number, seconds in graph.asides():
        edge = next(each for each in reversed(walk.way_to(number)) if not each.is_party)
        flow, step = where_to(walk, edge)
        if seconds > permitted.silence_s and not _rings_back(edge) and (flow, step) not in seen:
            seen.add((flow, step))
            message = f'the caller hears nothing {_lasting(seconds)} while the other party of step "{step}" is asked'
            cure = "give `onAnswer` a `ringbackTone`, or ask the other party more briefly"
            yield at(walk, number, (flow, step), kind="silence", message=message, cure=cure)


def _rings_back(edge: Edge) -> bool:
    """Whether all whom a turn dials, and who hear an NCCO of their own, are waited for with a tone."""
    connects = [action for action in edge.ncco.actions if action["action"] == "connect"]
    dialled = ((action, each) for action in connects for each in action["endpoint"] if "onAnswer" in each)
    return all({"ringbackTone", "ringback"} & {*action, *each["onAnswer"]} for action, each in dialled)


def _lasting(seconds: float) -> str:
    return "for ever" if seconds == ENDLESS else f"for {seconds:.0f} seconds"


def _play_something(permitted: Permitted) -> str:
    return f"play something: nobody should hear nothing for more than {permitted.silence_s:g} seconds"


def _apart(walk: Walk) -> Iterator[Violation]:
    """Dials whose other party hears a flow that never lets it be joined, whatever the party does."""
    ways, joined = Ways(walk), dict[tuple[str, str, str], list[Edge]]()
    for edge in (edge for edge in walk.edges if edge.sort == "leg"):
        where = where_to(walk, walk.edges[edge.behind])
        joined.setdefault((*where, where_to(walk, edge)[0]), []).append(edge)
    for (flow, step, heard), edges in joined.items():
        if not walk.stopped and not any(map(ways.to_joined, edges)):
            message = f'nobody whom step "{step}" calls is ever joined with the caller: "{heard}" lets nobody in'
            cure = f'let a way through "{heard}" end with an outcome that is no failure, such as `accepted`'
            yield Violation("never_joined", flow, step, place_of(walk, flow, step), message, cure)


def _too_long(walk: Walk, graph: Graph, permitted: Permitted) -> Iterator[Violation]:
    if walk.stopped:
        return
    limit = walk.root.limits.get("steps")
    most = limit.most if limit else permitted.steps
    steps, number = graph.longest()
    if steps > most:
        flow, step = where_to(walk, walk.edges[number])
        message = f"a call may enter {steps} steps, and {most} are the most"
        place = limit.place if limit else place_of(walk, flow, step)
        yield Violation("steps", flow, step, place, message, "join steps, or lead to the end sooner", number)


def _unreached(walk: Walk, *, is_certain: bool) -> Iterator[Violation]:
    flow = walk.root
    reached = {step for edge in walk.edges for where, step in edge.entered if where == flow.name}
    for step in flow.steps:
        if step not in reached and step not in behind_errors(flow, reached):
            yield unreached(flow, step, is_certain=is_certain)


def behind_errors(flow: Flow, reached: Set[str]) -> set[str]:
    """The steps that an error exit of one of these steps may lead to, whatever may have failed there."""
    errors = [flow.steps[step].error or flow.error for step in reached]
    waiting = [error.step for error in errors if error is not None]
    found: set[str] = set()
    while waiting:
        step = waiting.pop()
        if step is not None and step not in found:
            found.add(step)
            waiting += [target.step for target in targets_of(flow, flow.steps[step])]
    return found


def unreached(flow: Flow, step: str, *, is_certain: bool) -> Violation:
    """A step that no caller comes to; not `is_certain`: that none of those came to who were walked."""
    place = flow.steps[step].place
    if is_certain:
        message = f'no caller comes to step "{step}", whatever look-ups, hours and other parties do'
        cure = "mend the condition or the target that should lead there, or delete the step"
        return Violation("unreachable", flow.name, step, place, message, cure)
    message = f'none of the calls that were walked comes to step "{step}": their values stand for others'
    cure = "hold the values against texts and numbers that are written in the flow, or declare the words that may come"
    return Violation("unreachable", flow.name, step, place, message, cure, severity="warning")
