"""Replays a recorded call on today's flows, as a call of the phone, so that it can be saved as a scenario."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias

import orjson

from ncco_server.desk.recorded_calls import TimelineEntry, answers_in, entries_of, functions_in
from ncco_server.desk.transcript import trace_of
from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.engine.session import CalledFunction, from_json
from ncco_server.errors import AppError
from ncco_server.flow.language.returns import OK
from ncco_server.ncco.webhooks import EXPECTED_SPEECH_ERRORS, AnswerWebhook, InputWebhook, RecordWebhook, recognise
from ncco_server.sample_calls import FROM
from ncco_server.service.masks import MaskedText, without_marks
from ncco_server.service.told import digits_of, words_of
from ncco_server.service.written_rows import REFUSED
from ncco_server.store import Timeline, TurnRow, moment_of
from ncco_studio.console.phone.call import PhoneCall, PhoneServer
from ncco_studio.console.phone.world import ChosenAnswers, World
from ncco_studio.editor.project import ProjectFolder
from ncco_studio.editor.source import PhoneText, Playable, read_source
from ncco_studio.simulator.parties import PartyOutcome
from ncco_studio.verify.played_call import MOST_INPUTS, CannotDo
from ncco_studio.verify.scenarios import script
from ncco_studio.verify.scenarios.answers import Definitions, lookups_of
from ncco_studio.verify.scenarios.fitting import DIRECTION
from ncco_studio.verify.scenarios.model import ScenarioCall

SAMPLE_CALLER: Final = FROM
"""The calling number of the scenario if the caller's own number is left out."""
SAMPLE_KEYS: Final = "12345678901234567890"
SAMPLE_WORDS: Final = "sample words"
USUAL_DIGITS: Final = 4
"""Source: NCCO reference, DTMF Input Settings (maxDigits)."""
_COMPARED: Final = ("entered", "decided", "failed", "heard")
DIAL_RESULTS: Final[Sequence[tuple[str, PartyOutcome]]] = (
    ("busy", "busy"), ("timeout", "timeout"), ("unanswered", "unanswered"), ("rejected", "rejected"),
    ("failed", "failed"), ("disconnected", "disconnected"),
    ("beep_start", "beep"), ("machine", "machine"), ("human", "human"), ("completed", "completed"),
    ("answered", "completed"),
)  # fmt: skip
"""A status or sub-state → the result of the dial, most precise first, because `completed` follows all others."""


class CannotRepeat(AppError):
    """A recorded call cannot be saved as a scenario, for the reason in the message."""


RecordedSteps: TypeAlias = Mapping[str, deque[Any]]
"""What the caller (`input`, `record`) and the called parties (`dial`) did in a call, in order, as written in a script.

An input is None if its keys or words were not stored.
"""


def steps_in(timeline: Timeline) -> dict[str, list[Any]]:
    """What `RecordedSteps` has of a recorded call. Raises CannotRepeat."""
    entries = [entry for entry in entries_of(timeline) if not entry.is_again]
    read = [(entry, recognise(entry.fields)) for entry in entries]
    inputs = [entry for entry, _ in read if entry.turn is not None and entry.webhook.kind.startswith("input")]
    messages = (script.RecordedMessage(seconds=_seconds(each)) for _, each in read if isinstance(each, RecordWebhook))
    try:
        steps = {
            "input": [*map(_input_of, inputs)],
            "dial": _dials_of(timeline.call.session.leg, entries),
            "record": (script.RecordStep(message=message) for message in messages),
        }
        return {kind: [step and step.as_written() for step in each] for kind, each in steps.items()}
    except script.NotAStep as error:
        raise CannotRepeat("it contains something that cannot be keyed in or said on the phone") from error


def _taken(steps: RecordedSteps, kind: str, action: Mapping[str, Any], *, is_hung_up: bool) -> script.ScriptStep:
    """Return the step for the next wait of the call, which it uses up. `action` is the waiting NCCO action."""
    if left := steps.get(kind):
        written = left.popleft()
        return _sample(action) if written is None else script.step_of(written)
    return script.SilenceStep() if kind == "record" and (any(steps.values()) or not is_hung_up) else script.HangUpStep()


def _input_of(entry: TimelineEntry) -> script.ScriptStep | None:
    webhook = recognise(entry.fields)
    if "not_kept" in entry.fields or not isinstance(webhook, InputWebhook | AnswerWebhook):
        raise CannotRepeat("one of its webhooks could not be read")
    if isinstance(webhook, AnswerWebhook):  # nothing was pressed or said
        return script.SilenceStep()
    if isinstance(digits_of(entry.fields), MaskedText) or isinstance(words_of(entry.fields), MaskedText):
        return None
    if webhook.digits:
        return script.step_of({"press": webhook.digits})
    if webhook.results:
        best = webhook.results[0]
        confidence = 0.9 if best.confidence is None else best.confidence
        return script.step_of({"speak": {"text": best.text, "confidence": confidence}})
    if webhook.speech_error and webhook.speech_error not in EXPECTED_SPEECH_ERRORS:
        raise CannotRepeat("the speech recogniser failed, which the phone cannot reproduce")
    return script.SilenceStep()


def _sample(action: Mapping[str, Any]) -> script.ScriptStep:
    """Stand in for keys or words that were not stored."""
    if "dtmf" not in (action.get("type") or ("dtmf",)):
        return script.SpeakStep(speech=script.SpokenInput(text=SAMPLE_WORDS))
    most = (action.get("dtmf") or {}).get("maxDigits", USUAL_DIGITS)
    return script.PressStep(keys=SAMPLE_KEYS[:most])


def _dials_of(leg: str, entries: Sequence[TimelineEntry]) -> Iterator[script.DialStep]:
    """Leave out a called party that is still ringing at the end."""
    events: dict[str, list[TimelineEntry]] = defaultdict(list)
    for entry in entries:
        if entry.webhook.kind.startswith("event") and entry.webhook.leg not in ("", leg):
            events[entry.webhook.leg].append(entry)
    for of_party in events.values():
        said = {word for entry in of_party for word in entry.webhook.status.split(":")}
        outcome = next((outcome for status, outcome in DIAL_RESULTS if status in said), None)
        if outcome is not None:
            durations = (str(entry.fields.get("duration") or "") for entry in of_party)
            known = (float(each) for each in durations if each.isdecimal() and len(each) < 5)
            talks_s = min(max(next(known, 30.0), 1.0), 7200.0)
            yield script.DialStep(party=script.ScriptedParty(outcome=outcome, talks=talks_s))


def _seconds(webhook: RecordWebhook) -> float:
    """Return 5 if the length is unknown."""
    try:
        start, end = (datetime.fromisoformat(str(each)) for each in (webhook.start_time, webhook.end_time))
        return min(max((end - start).total_seconds(), 0.1), 3600.0)
    except (TypeError, ValueError):
        return 5.0


class RecordedAnswers(ChosenAnswers):
    """Answers lookups with the recorded answers; sensitive fields have their default.

    Args:
        definitions: the lookups of the flows.
        left: the answers by name, in order; they are used up.
        called: the results of functions, in order; they are used up too.

    Attributes:
        is_sampled: whether a default replaces a sensitive value.
    """

    def __init__(
        self,
        definitions: Definitions,
        left: Mapping[str, deque[Mapping[str, Any]]],
        called: deque[CalledFunction],
    ) -> None:
        super().__init__(definitions, World())
        self._left = left
        self._called = called
        self.is_sampled = False

    async def chosen(self, lookup: Lookup) -> LookupAnswer | None:
        """See `LookupAnswers`. A lookup that was not made in the recorded call gets no answer."""
        if lookup.is_function:
            if not self._called or self._called[0].name != lookup.name:
                return LookupAnswer(None, "it was not called in the recorded call")
            function = self._called.popleft()
            return LookupAnswer(self._shown(without_marks(function.value), None), function.problem)
        if not self._left.get(lookup.name):
            return LookupAnswer(None, "it was not made in the recorded call")
        answer = without_marks(self._left[lookup.name].popleft())
        if not answer.get(OK):
            return LookupAnswer(None, "it failed in the recorded call")
        default = self.definition(lookup).default
        return LookupAnswer({name: self._shown(answer[name], default.get(name)) for name in answer if name != OK})

    def _shown(self, value: Any, default: Any) -> Any:
        """Replace the sensitive parts of a value with the default."""
        if isinstance(value, MaskedText):
            self.is_sampled = True
            return SAMPLE_WORDS if default is None else default
        if isinstance(value, dict):
            defaults = default if isinstance(default, Mapping) else {}
            return {name: self._shown(each, defaults.get(name)) for name, each in value.items()}
        return [self._shown(each, None) for each in value] if isinstance(value, list) else value


def _way(turns: Sequence[TurnRow]) -> list[list[str]]:
    """Return the steps that a call entered, with the input and the decision in each."""
    lines = (line for turn in turns for line in trace_of(turn.trace))
    return [[line.did, line.step, line.what] for line in lines if line.did in _COMPARED]


def recorded_of(timeline: Timeline) -> dict[str, Any]:
    """Return what `keep_recorded` needs, as plain values. Raises CannotRepeat."""
    row = timeline.call.session
    try:
        session = from_json(row.state)
    except ValueError as error:
        raise CannotRepeat("its record is damaged, or another version wrote it") from error
    if not session.flow:
        raise CannotRepeat("no flow took it, so there is nothing to test; add the called number to a flow first")
    if session.parent:
        raise CannotRepeat("it is the leg of a called party; keep the call that dialled it instead")
    if session.call.request:
        raise CannotRepeat("the server placed it; write a scenario with `place` instead")
    if any(turn.cause_status == REFUSED for turn in timeline.turns):
        raise CannotRepeat("Vonage refused what the server had sent, which cannot happen here")
    answers = defaultdict[str, list[Mapping[str, Any]]](list)
    called: list[CalledFunction] = []
    for inputs in (orjson.loads(turn.inputs) for turn in timeline.turns):
        for answer in answers_in(inputs):
            answers[answer.name].append(answer.value)
        called += functions_in(inputs)
    named = row.flow if row.id.endswith(f"/{row.flow}") else ""
    first = next(entries_of(timeline), None)
    return {
        "flow": session.flow,
        "named": named,
        "query": first.params if first is not None else {},
        "is_outbound": session.call.direction == "outbound",
        "to": session.call.to,
        "from": session.call.from_number,
        "made_at": moment_of(row.created_at).isoformat(),
        "is_hung_up": not session.is_over,
        "steps": steps_in(timeline),
        "answers": answers,
        "functions": called,
        "way": _way(timeline.turns),
    }


async def keep_recorded(recorded: Mapping[str, Any], folder: ProjectFolder, server: PhoneServer) -> dict[str, str]:
    """Replay a call, and save it to tests/scenarios/ next to the flows, without sensitive values.

    The caller's number is saved only if the call takes a different path with a sample number. For `recorded` see
    `recorded_of`.

    Raises:
        CannotRepeat: the call cannot be replayed, or takes a different path on today's flows.
        CannotPlace: no flow answers the call.
        CannotKeep: the scenario cannot be saved.
    """
    flow = folder.current().project.flows.get(recorded["flow"])
    if flow is None:
        raise CannotRepeat(f"the flow {recorded['flow']} is no longer in the project, or has errors")
    number = recorded["from"]
    playable = read_source(folder, PhoneText(file=flow.place.file))
    if playable.project is None or not playable.is_ready:
        raise CannotRepeat(f"{flow.place.file} has errors")
    given = {name: recorded["query"][name] for name in flow.params if name in recorded["query"]}
    recorded = {
        **recorded,
        "query": {name: text for name, text in given.items() if not flow.params[name].sensitive}
        | ({DIRECTION: "outbound"} if recorded["is_outbound"] else {}),
        "hides_params": any(flow.params[name].sensitive for name in given),
    }
    try:
        return await _keep_as(recorded, SAMPLE_CALLER if number else "", playable, server)
    except CannotRepeat:
        if not number or not number.isdecimal():
            raise
    return await _keep_as(recorded, number, playable, server)


async def _keep_as(recorded: Mapping[str, Any], caller: str, playable: Playable, server: PhoneServer) -> dict[str, str]:
    steps = {kind: deque(each) for kind, each in recorded["steps"].items()}
    hides_input = None in steps["input"]
    hides_params = recorded["hides_params"]
    flows = playable.project.flows.values() if playable.project is not None else ()
    left = {name: deque(each) for name, each in recorded["answers"].items()}
    called_functions = deque(CalledFunction(*each) for each in recorded["functions"])
    answers = RecordedAnswers(lookups_of(flows), left, called_functions)
    made_at = datetime.fromisoformat(recorded["made_at"])
    called = ScenarioCall(
        to=recorded["to"], from_=caller, made_at=made_at, flow=recorded["named"], query=recorded["query"]
    )
    call = await server.place(playable, called, answers)
    try:
        await call.guarded(partial(_play, call, steps, is_hung_up=recorded["is_hung_up"]))
        _require_same(recorded["way"], call, is_sampled=hides_input or hides_params or answers.is_sampled)
        hidden = {
            "the caller's number": caller == SAMPLE_CALLER,
            "what the caller keyed in or said (sensitive)": hides_input,
            "what lookups answered (sensitive)": answers.is_sampled,
            "params (sensitive)": hides_params,
        }
        samples = ", ".join(what for what, is_hidden in hidden.items() if is_hidden)
        note = f"A recorded call. Replaced with sample values: {samples}." if samples else "A recorded call."
        return call.keep(note)
    finally:
        await call.close()


async def _play(call: PhoneCall, steps: RecordedSteps, *, is_hung_up: bool) -> None:
    for _ in range(MOST_INPUTS):
        await call.play()
        if call.leg.is_over:
            return
        waited = call.moment.waited
        step = _taken(steps, call.moment.kind, waited.action if waited is not None else {}, is_hung_up=is_hung_up)
        try:
            await call.do(step)
        except CannotDo as refused:
            raise CannotRepeat(f"on the current flow, the call takes a different path: {refused}") from refused
    raise CannotRepeat(f"it has more than {MOST_INPUTS} events")


def _require_same(then: Sequence[Sequence[str]], call: PhoneCall, *, is_sampled: bool) -> None:
    """Raise CannotRepeat if the call took a different path from the recorded one."""
    played = "with sample values in place of sensitive data" if is_sampled else "on the current flow"
    if call.stopped:
        raise CannotRepeat(call.stopped)
    session = call.session
    own = [turn for turn in call.turns if session is not None and turn.session == session.id]
    now = _way(own)
    for index, line in enumerate(then):
        if now[index : index + 1] != [list(line)]:
            today = _described(now[index]) if index < len(now) else "the call is over"
            raise CannotRepeat(f"{played}, it takes a different path: then {_described(line)}, now {today}")


def _described(line: Sequence[str]) -> str:
    did, step, what = line
    return f"the step “{step}” was entered" if did == "entered" else f"“{step}” {did} {what}"
