"""Turns paths of a state space into scenarios for `ncco test`: counterexamples, and calls that cover every outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ncco_server.engine import LookupAnswer
from ncco_server.engine.dialling import PREMIUM_PREFIXES
from ncco_server.engine.waits import kind_of
from ncco_server.engine.waits.checkpoint import CheckpointWait
from ncco_server.flow.model import Flow
from ncco_server.ncco import RECORD_ENDS
from ncco_server.ncco.statuses import DETECTIONS
from ncco_server.sample_calls import ANY_NUMBER
from ncco_studio.simulator.connect import DETECTION_S
from ncco_studio.verify.faults import FAULTS
from ncco_studio.verify.prove.environment import DIRECTIONS
from ncco_studio.verify.prove.listening import DURATIONS
from ncco_studio.verify.prove.proof import Proof
from ncco_studio.verify.prove.properties import Violation, undecided_dials
from ncco_studio.verify.prove.space import Transition
from ncco_studio.verify.prove.trigger import Trigger
from ncco_studio.verify.prove.uses import flows_run_from
from ncco_studio.verify.scenarios.files import WrittenScenario
from ncco_studio.verify.scenarios.model import HoursByHand, ScenarioCall

_MARGIN_S: Final = 0.2
_SPOKEN_S: Final = 3
"""How long a caller speaks into a recording: Vonage's shortest `timeOut`."""
_TALKS_S: Final = 25
"""Slightly less than a scenario's default `talks`. Longer calls need an explicit one."""
_HANGS_UP_AFTER: Final = "2s"
"""`talks` of a party that hangs up before machine detection has finished.

Source: webhook reference, Machine detection (about 5 s of analysis).
"""
_EXCERPT_LENGTH: Final = 60
"""Characters of an excerpt in `hear`."""
_CHANGES_AUDIO: Final = frozenset({"error_exit", "invalid_ncco", "refused_ncco", "failsafe"})
"""Violations whose fix changes the call's last prompt, which the scenario must not expect."""
_SILENT: Final = frozenset({"silence", "silent_party"})
_SHORT_WAIT: Final = {"wait": f"{_MARGIN_S}s"}
"""Before a fault at the start of a script, which would otherwise apply to the answer webhook."""


def counter_example(proof: Proof, violation: Violation) -> WrittenScenario | None:
    """The shortest call with this violation; None if no call can show it, as for an unreachable step."""
    if violation.turn is None or not FAULTS[violation.kind].in_call:
        return None
    path = proof.paths.to(violation.turn)
    if violation.kind in _SILENT:
        path = [_silent_variant(proof, each) for each in path]
        path = [path[0], *map(_late, path, path[1:])]
    call = scenario_of(proof, path, f"{violation.kind} in {violation.flow}.{violation.step}")
    shown = f"{violation.message} ({violation.place.file}:{violation.place.line})"
    return WrittenScenario(call.name, _expecting(dict(call.body), proof, violation), [shown, *call.remarks])


def covering(proof: Proof, wanted: Iterable[tuple[str, str, str]]) -> list[WrittenScenario]:
    """Return a small set of scenarios that covers every reachable outcome in `wanted`."""
    found = []
    for number, (at, path) in enumerate(proof.paths.covering(set(wanted)), 1):
        _, step, outcome = path[-1].taken[-1] if path[-1].taken else (proof.flow.name, proof.flow.start, "entered")
        found.append(scenario_of(proof, path, f"{proof.flow.name} {number:02}: {step}, {outcome}", at))
    return found


def _silent_variant(proof: Proof, transition: Transition) -> Transition:
    """Prefer silence if it leads to the same state."""
    others = (each for each in proof.space.out[transition.source] if each.target is transition.target)
    return next((other for other in others if "silence" in other.trigger.line), transition)


def _late(before: Transition, turn: Transition) -> Transition:
    """A caller who is not answered has spoken as late as the input allows."""
    line = turn.trigger.line
    if turn.heard.is_heard or not line.keys() & {"press", "speak"}:
        return turn
    waits = _until_held(before.heard.prompt_s + before.heard.input_s, before)
    return replace(turn, trigger=turn.trigger._replace(line={**dict(*waits), **line}))


def _expecting(body: dict[str, Any], proof: Proof, violation: Violation) -> dict[str, Any]:
    """The scenario fails until the flow is fixed."""
    script = list(body["script"])
    kind = violation.kind
    if kind in _CHANGES_AUDIO and script and "hear" in script[-1]:
        script.pop()
    if kind == "lost_webhook" and violation.turn is not None:
        heard = violation.turn.heard
        begun = [] if script else [_SHORT_WAIT]
        answered = [*begun, {"fault": "gone"}, "silence"]
        script += answered if heard.input_s else [_until(heard.prompt_s), {"fault": "gone"}]
    if kind in _SILENT:
        script.append({"wait": f"{proof.silence_s + 1:g}s"})
    if kind == "dead_end" and violation.turn is not None and violation.turn.target is None:
        script += [{"dial": {"outcome": "busy"}}] * undecided_dials(violation.turn)
    without: Any = {kind: proof.silence_s} if kind in _SILENT else kind
    return body | {"script": script, "expect": {"without": without}}


# one call


def scenario_of(proof: Proof, path: list[Transition], name: str, at: datetime | None = None) -> WrittenScenario:
    """`at` is the time of the call; None for the last time-dependent turn's."""
    moment = at or next((each.moment for each in reversed(path) if each.is_timed), path[0].moment)
    body: dict[str, Any] = _call(proof, path[0], moment).as_written()
    if path[0].env:
        body["env"] = dict(path[0].env)
    if any(map(_computes_endpoints, flows_run_from(proof.flow).values())):
        body["dial_allow"] = _prefixes(end for each in path for end in _endpoints(each))
    if given := _given(proof, path):
        body["given"] = given
    body["script"] = _script(proof, path)
    if any(each.is_failsafe and each.trigger.fault != "away" for each in path):
        body["expect"] = {"end": "failsafe"}
    moments = {each.moment for each in path if each.is_timed}
    changes = ", ".join(f"{moment:%Y-%m-%d %H:%M} UTC" for moment in moments)
    return WrittenScenario(
        name, body, [f"the opening hours change during the call: {changes}"] if len(moments) > 1 else ()
    )


def _computes_endpoints(flow: Flow) -> bool:
    steps = flow.steps.values()
    parties = (party for step in steps for party in step.targets)
    is_computed = any(effect.name == "ncco" for step in steps for effect in step.effects)
    return is_computed or any(party.numbers is not None or party.is_computed for party in parties)


def _prefixes(endpoints: Iterable[Mapping[str, Any]]) -> list[str]:
    """Premium-rate numbers need their own prefix."""
    numbers = [str(endpoint.get("number", "")) for endpoint in endpoints]
    premium = [prefix for prefix in PREMIUM_PREFIXES if any(number.startswith(prefix) for number in numbers)]
    return [*"123456789", *premium, "sip:", "sips:"]


def _call(proof: Proof, first: Transition, at: datetime) -> ScenarioCall:
    call = first.call
    if call is None:
        return ScenarioCall()
    is_timed = any(transition.is_timed for transition in proof.space.transitions)
    made = ScenarioCall(made_at=at, by_hand=_closed_by_hand(proof, at)) if is_timed else ScenarioCall()
    flow = proof.flow
    if call.request:
        return replace(made, places=flow.name, to=call.to, values=dict(first.given))
    is_numbered = call.to in flow.numbers or flow.default
    is_sip = bool(call.sip) or call.from_number.startswith("sip:")
    implied = "app" if call.from_user or call.custom_data else "sip" if is_sip else "phone"
    endpoint_type: Any = call.endpoint_type if call.endpoint_type not in ("phone", implied) else None
    query = {**({"direction": call.direction} if call.direction != DIRECTIONS[0] else {}), **first.given}
    return replace(
        made,
        to=call.to if is_numbered or flow.numbers or call.to != ANY_NUMBER else "",
        from_=call.from_number,
        flow=flow.name if query or not is_numbered else "",
        query=query,
        sip=dict(call.sip),
        user=call.from_user,
        custom_data=dict(call.custom_data) or None,
        endpoint_type=endpoint_type,
    )


def _closed_by_hand(proof: Proof, at: datetime) -> dict[str, HoursByHand]:
    found: dict[str, HoursByHand] = {}
    for flow in flows_run_from(proof.flow).values():
        for name, calendar in flow.calendars.items():
            if (decided := calendar.decided(at)) is not None:
                known = f"{flow.name}.{name}" if calendar.place.file == flow.place.file else name
                found[known] = HoursByHand(state="closed", reason=decided.reason)
    return found


def _given(proof: Proof, path: list[Transition]) -> dict[str, Any]:
    """A hold repeats its lookups each time its prompt is played."""
    answers: dict[str, list[Any]] = {}
    for number, each in enumerate(path):
        rounds = _hold(proof, path, number)[0] if each.trigger.kind == "held" else 1
        for name, answer in each.answers:
            answers.setdefault(name, []).extend([_answer(answer)] * rounds)
    return {name: each[0] if all(one == each[0] for one in each) else each for name, each in answers.items()}


def _answer(answer: LookupAnswer) -> Any:
    if answer.problem:
        return {"timeout": True}
    if answer.value is None:
        return {"none": True}
    is_plain = isinstance(answer.value, Mapping) and len(answer.value) != 1
    return answer.value if is_plain else {"value": answer.value}


def _hold(proof: Proof, path: list[Transition], number: int) -> tuple[int, float]:
    """How often a hold's prompt is played before this turn, and for how many seconds."""
    first = path[number - 1].heard.prompt_s
    each = path[number]
    again = next((other.heard.prompt_s for other in proof.paths.held_at(each.source)), first)
    over = each.trigger.waited - first
    rounds = 1 + (math.ceil(over / again) if over > 0 and again > 0 else 0)
    return rounds, first + (rounds - 1) * again


# the script


def _script(proof: Proof, path: list[Transition]) -> list[Any]:
    script: list[Any] = []
    presses: list[Any] | None = None
    joining = [_pressed(each.trigger) for each in proof.paths.joining() if each.trigger.kind != "leg"]
    for number, each in enumerate(path):
        if each.trigger.kind == "leg":
            presses = []
            lasting = sum(other.heard.prompt_s + other.heard.input_s for other in path[number:])
            talks = {"talks": f"{lasting + _TALKS_S:.0f}s"} if lasting > _TALKS_S else {}
            script.append({"dial": {"outcome": "answered", **talks, "presses": presses}})
        elif presses is not None:
            presses.append(_pressed(each.trigger))
        else:
            lines = list(_turn(proof, path, number, joining))
            is_first = number > 0 and not script
            script += [_SHORT_WAIT, *lines] if is_first and lines and "fault" in lines[0] else lines
    return script


def _turn(proof: Proof, path: list[Transition], number: int, joining: list[Any]) -> Iterator[Any]:
    each = path[number]
    before = path[number - 1] if number else None
    fault = _fault_of(path, number)
    is_automatic = _is_automatic(each)
    if fault and not is_automatic:
        if before is not None and before.trigger.kind == each.trigger.kind == "dial":
            yield {"wait": "5s"}  # so that the first dial's end is reported before the next dial
        yield {"fault": fault}
    if each.trigger.kind == "held" and before is not None and not fault:
        yield from _until_held(_hold(proof, path, number)[1], before)
    asks_party = before is not None and any("onAnswer" in end for end in _endpoints(before))
    party = _party_of(proof.flow, each, joining if asks_party else [])
    moved = next((later.trigger for later in path if later.trigger.kind == "detected"), None) if not number else None
    if moved is not None:
        yield dict(moved.line)
    yield from _lines_of(each.trigger, party, is_automatic=is_automatic)
    recordings = list(_recordings(each.ncco.actions))
    following = _fault_of(path, number + 1)
    if following and _is_automatic(path[number + 1]):
        begun = _SHORT_WAIT if recordings else _until(each.heard.prompt_s)
        yield from (begun, {"fault": following}, *recordings)
        return
    is_unheard = each.trigger.fault != "away" and (each.is_failsafe or fault == "refused")
    heard = "" if is_unheard else _heard(each.ncco.actions)
    if _is_moved(proof.flow, each):
        yield {"until": heard} if heard else {"wait": f"{DETECTION_S + 1:g}s"}
    elif heard:
        yield {"hear": heard}
    if is_unheard:
        return
    yield from recordings


def _is_moved(flow: Flow, first: Transition) -> bool:
    """Whether machine detection moved a placed call to this turn, after another prompt had begun."""
    outbound = flow.outbound
    return outbound is not None and outbound.machine_detection == "continue" and first.detected != ""


def _fault_of(path: list[Transition], number: int) -> str:
    """The fault of a turn's webhook or, for `refused`, of its reply; "" for none."""
    if number >= len(path):
        return ""
    own = path[number].trigger.fault
    if own in ("away", "unreadable"):
        return own
    is_refused = number + 1 < len(path) and path[number + 1].trigger.fault == "refused"
    return "refused" if is_refused else ""


def _is_automatic(transition: Transition) -> bool:
    """Whether the webhook is a `notify`, which arrives without anybody acting."""
    trigger = transition.trigger
    if transition.source is None or trigger.wait < 0 or trigger.kind == "dial":
        return False
    return isinstance(kind_of(transition.source.session.waits[trigger.wait]), CheckpointWait)


def _endpoints(transition: Transition) -> Iterator[Mapping[str, Any]]:
    for action in transition.ncco.actions:
        yield from action.get("endpoint", ())


def _pressed(trigger: Trigger) -> Any:
    said = trigger.line.get("speak", "")
    text = said.get("text", "") if isinstance(said, Mapping) else said
    return {"speak": text} if text else str(trigger.line.get("press", ""))


def _party_of(root: Flow, transition: Transition, joining: list[Any]) -> dict[str, Any]:
    """`joining` is what a party enters to accept the call; [] if it hears no flow."""
    outcome = transition.dial_outcome
    party = dict[str, Any]()
    if outcome == "completed":
        flow, step = transition.before
        exit_ = root.named(flow).steps[step].exit
        party |= {"talks": _HANGS_UP_AFTER} if "human" in exit_.statuses else {}
    if joining and outcome in ("completed", *DETECTIONS):
        party["presses"] = joining
    return party


def _lines_of(trigger: Trigger, party: Mapping[str, Any], *, is_automatic: bool) -> list[Any]:
    if trigger.fault == "unreadable":
        return [] if is_automatic else ["silence"]
    if "silence" in trigger.line:
        return ["silence"]
    if trigger.kind == "detected":
        return []  # the line that begins the call has the outcome
    if "dial" in trigger.line:
        return [{"dial": {**trigger.line["dial"], **party}}]
    return [{word: dict(value) if isinstance(value, Mapping) else value} for word, value in trigger.line.items()]


def _recordings(ncco: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A `record` line for each synchronous recording before the first `input`, `connect` or `conversation`.

    Source: NCCO reference, Record: with an option in RECORD_ENDS, the next action waits for the recording to end.
    """
    for action in ncco:
        if action["action"] in ("input", "connect", "conversation"):
            return
        if action["action"] == "record" and RECORD_ENDS & action.keys():
            key = {"key": action["endOnKey"]} if "endOnKey" in action else {}
            yield {"record": {"seconds": _SPOKEN_S, **key}}


def _until_held(seconds: float, before: Transition) -> Iterator[dict[str, str]]:
    """Subtract the time that an earlier `hear` has already taken. A wait would skip what is heard next."""
    text = _first_text(before.ncco.actions)
    heard = DURATIONS.talk(*text) if text and _heard(before.ncco.actions) else 0.0
    if seconds > heard + _MARGIN_S:
        yield _until(seconds - heard)


def _until(seconds: float) -> dict[str, str]:
    return {"wait": f"{max(0.1, seconds - _MARGIN_S):.1f}s"}


def _heard(ncco: Sequence[Mapping[str, Any]]) -> str:
    """Return "" if nothing is spoken first, or if the prompt contains SSML."""
    text, _ = _first_text(ncco) or ("", "")
    return "" if "<" in text else shortened(" ".join(text.split()))


def shortened(text: str) -> str:
    return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH].rpartition(" ")[0] or text[:_EXCERPT_LENGTH]


def _first_text(ncco: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """None if something else is played before the first prompt."""
    for action in ncco:
        if action["action"] == "talk":
            return str(action["text"]), str(action.get("language", "en-US"))
        if action["action"] != "notify":
            return None
    return None
