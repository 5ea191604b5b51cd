"""A call played step by step: at a terminal, the console's phone, from a recording, or by a scenario.

Its actions are script steps, so it can be saved as a scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ncco_server.desk.transcript import trace_of
from ncco_server.engine import Session
from ncco_server.engine.secrets import Secrets
from ncco_server.engine.session import from_json
from ncco_server.errors import AppError
from ncco_server.flow.model import Flow
from ncco_server.flow.phrases import fold
from ncco_server.flow.runtime import Asked
from ncco_server.issue import listed
from ncco_server.store import TurnRow
from ncco_server.terminal import printable
from ncco_studio.simulator.legs import CallIsOver, Leg
from ncco_studio.simulator.parties import PartyOutcome, is_websocket
from ncco_studio.simulator.scheduler import NoProgress
from ncco_studio.simulator.transcript import AwaitedInput, CallMoment, Waited
from ncco_studio.verify.scenarios.model import Scenario
from ncco_studio.verify.scenarios.observed_call import ObservedCall
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.script import (
    DialStep,
    HangUpStep,
    PressStep,
    RecordStep,
    ScriptedParty,
    ScriptStep,
    SilenceStep,
    SpeakStep,
    WaitStep,
)
from ncco_studio.verify.scenarios.server import StoredTurn

MOST_INPUTS: Final = 300
MOST_HEARD: Final = 1_000
MOST_WEBHOOKS: Final = 1_000
LONGEST_PLAY_S: Final = 3600.0
"""The most that an interactive call's clock advances in one step."""
LISTED_OPTIONS: Final = 8
FOR_PHONES: Final[tuple[PartyOutcome, ...]] = (
    "completed", "busy", "timeout", "rejected", "failed", "unanswered", "machine",
)  # fmt: skip
FOR_WEBSOCKETS: Final[tuple[PartyOutcome, ...]] = ("completed", "disconnected", "unanswered", "failed")
"""Source: WebSocket guide."""
TOLERANCE_S: Final = 0.0005
"""Half the resolution of the virtual clock, which is 1 ms."""
MOST_ROUNDS: Final = 10_000
"""Consecutive attempts to continue a call without any event."""
_PIECE_S: Final = 60.0
"""The webhooks are counted after each piece."""


class CannotDo(AppError):
    """The step is not possible now; the message says which steps are."""


class CallPosition(NamedTuple):
    """The position of a call; flow and step are "" for none."""

    flow: str
    step: str
    waits: str
    address: str = ""

    def __str__(self) -> str:
        step = f"at step “{self.step}”" if self.step else "at no step"
        waits = {"input": "waits for the caller", "record": "records the caller", "end": "is over"}
        does = f"dials {self.address}" if self.waits == "dial" else waits.get(self.waits, "plays on")
        return f"{does} {step}" if self.waits != "end" else "is over"


class HistoryEntry(NamedTuple):
    """A finished step, or the start of a wait for the caller.

    Attributes:
        step: the finished step; None for the start of a wait, and before a `wait` step.
        moment: why and when the call stopped before the step.
        at: seconds since the answer.
        open, waited: as in `Leg`.
        heard, turns: the numbers of transcript entries and turns before the step; for a `wait` step, after it.
        after_s: seconds since the previous action or the answer.
    """

    step: ScriptStep | None
    moment: CallMoment
    at: float
    open: Waited | None
    waited: Waited | None
    heard: int
    turns: int
    after_s: float


class FinishedStep(NamedTuple):
    """A finished step, the call's position before it, and the seconds since the previous action."""

    step: ScriptStep
    position: CallPosition
    after_s: float


class AcceptedInput(NamedTuple):
    """What an input accepts: as text, and as lists of keys and phrases."""

    text: str = ""
    keys: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


def outcomes_of(dialled: Waited) -> tuple[PartyOutcome, ...]:
    """`human` and `beep` need machine detection in the `connect`."""
    if is_websocket(dialled.address):
        return FOR_WEBSOCKETS
    is_heard_out = "advancedMachineDetection" in dialled.action
    detected: tuple[PartyOutcome, ...] = ("human",) if is_heard_out or "machineDetection" in dialled.action else ()
    beep: tuple[PartyOutcome, ...] = ("beep",) if is_heard_out else ()
    return (*FOR_PHONES, *detected, *beep)


class PlayedCall:
    """One call, played step by step. Await one method at a time.

    Args:
        flows: the flows of the server; () if unknown.
        outcome_of: decides the outcome of dialling an address; None if a separate `dial` step does.

    Attributes:
        moment: why and when the call last stopped.
        history: the finished steps, and each wait's start.
        stopped: names the limit at which the call was ended, as a sentence, or "".
        diverged: for `repeat`, the second when a step could not be repeated, and why; or None.
    """

    def __init__(
        self,
        placed: ObservedCall,
        flows: Iterable[Flow] = (),
        outcome_of: Callable[[str], PartyOutcome | None] = lambda _: None,
        result: Result | None = None,
    ) -> None:
        self.placed = placed
        self.moment = CallMoment(0, "until")
        self.history: list[HistoryEntry] = []
        self.stopped = ""
        self.diverged: tuple[float, str] | None = None
        self._result = result or Result(Scenario())
        self._observed: CallMoment | None = None
        self._flows = {flow.name: flow for flow in flows}
        self._flow_of = {flow.place.file: flow.name for flow in self._flows.values()}
        self._outcome_of = outcome_of
        self._acted_at = 0.0
        self._rounds = 0

    @property
    def leg(self) -> Leg:
        return self.placed.leg

    @property
    def result(self) -> Result:
        if self._observed is not self.moment:
            self.observe()
        return self._result

    @property
    def session(self) -> Session | None:
        """None before the answer, or if the server's turns are inaccessible."""
        return _session_after(self.placed.turns)

    @property
    def turns(self) -> list[TurnRow]:
        return [turn.turn for turn in self.placed.turns]

    @property
    def finished_steps(self) -> list[FinishedStep]:
        """Leave out `wait` steps."""
        turns = self.turns
        return [
            FinishedStep(entry.step, self._position_at(entry.moment, turns[: entry.turns]), entry.after_s)
            for entry in self.history
            if entry.step is not None and not isinstance(entry.step, WaitStep)
        ]

    @property
    def lost(self) -> set[int]:
        """Transcript indices of keys and speech lost without an open input."""
        return {
            entry.heard
            for entry in self.history
            if isinstance(entry.step, PressStep | SpeakStep) and entry.open is None
        }

    @property
    def secrets(self) -> Secrets:
        found = Secrets()
        keyed: tuple[Waited | None, str] = (None, "")
        for entry in self.history:
            if isinstance(entry.step, PressStep):
                keyed = entry.open, keyed[1] * (entry.open is keyed[0]) + entry.step.keys
            if not isinstance(entry.step, PressStep | SpeakStep):
                continue
            session = _session_after(self.placed.turns[: entry.turns])
            if session is None or not any(wait.sensitive for wait in session.waits):
                continue
            if isinstance(entry.step, PressStep):
                found.learn(keyed[1].rstrip("#"))
            else:
                found.learn([text for text, _ in entry.step.speech.results])
        return found

    @property
    def problems(self) -> tuple[str, ...]:
        result = self.result
        found = (*result.log, *self.placed.problems)
        return (*result.broken, *(line for line in found if line not in result.broken))

    @property
    def next_at(self) -> float | None:
        """Seconds since the answer; None if nothing happens by itself."""
        next_ms = None if self.leg.is_over else self.leg.scheduler.next_moment()
        return None if next_ms is None else (next_ms - self.leg.zero_ms) / 1000

    @property
    def position(self) -> CallPosition:
        return self._position_at(self.moment, self.turns)

    def accepted_input(self) -> AcceptedInput:
        """If the flow's step is unknown, the NCCO decides."""
        waited = self.leg.open if self.moment.kind == "idle" else self.moment.waited
        if not isinstance(waited, AwaitedInput):
            return AcceptedInput()
        return _accepted_input(waited, _asked_in(self.session, self._flows))

    # playing

    async def reach(self, at_s: float, most_webhooks: int = MOST_WEBHOOKS) -> CallMoment:
        """Stop at the end of the call, or if too many webhooks arrive."""
        at_s = round(at_s, 3)  # rounded like the clock: half a millisecond would never be reached
        await self._play_on(until=min(at_s, self.leg.at + _PIECE_S))
        most = len(self.leg.log) + most_webhooks
        while at_s - self.leg.at > TOLERANCE_S and not self.leg.is_over and len(self.leg.log) < most:
            await self._play_on(until=min(at_s, self.leg.at + _PIECE_S))
        return self.moment

    async def hear(self) -> CallMoment:
        """Continue to the next sound, the next wait for the caller, or the end."""
        self.moment = await self.leg.hear()
        return self.moment

    async def play_to_wait(self, longest_s: float = LONGEST_PLAY_S, most_webhooks: int = MOST_WEBHOOKS) -> CallMoment:
        """Stop at the next wait for the caller, dial, end, or limit."""
        latest_s = self.leg.at + longest_s
        most = len(self.leg.log) + most_webhooks
        await self._play_on(at_most=min(_PIECE_S, longest_s))
        while self.moment.kind == "idle" and len(self.leg.log) < most:
            next_at = self.next_at
            if next_at is None or next_at > latest_s:
                break
            await self._play_on(at_most=min(max(next_at, self.leg.at + _PIECE_S), latest_s) - self.leg.at)
        return self.moment

    async def _play_on(self, **limit: float) -> None:
        """Raise NoProgress if many attempts in a row have no effect."""
        before = self._state
        self.moment = await self.leg.listen(**limit)
        self._rounds = 0 if self._state != before else self._rounds + 1
        if self._rounds > MOST_ROUNDS:
            raise NoProgress(f"the call does not continue past {self.leg.at:.3f} s: nothing more happens in it")

    @property
    def _state(self) -> tuple[float, int, int]:
        return self.leg.at, self.leg.heard_count, len(self.leg.log)

    async def play(
        self, until_s: float | None = None, *, stops_at_wait: bool = False, decides_dials: bool = True
    ) -> None:
        """Continue to a second of the call (at most `LONGEST_PLAY_S` ahead), or to the next wait for the caller.

        Stop at the end, at a dial without a given outcome and, with `stops_at_wait`, at a wait for the caller.
        """
        latest_s = self.leg.at + LONGEST_PLAY_S if until_s is None else min(until_s, self.leg.at + LONGEST_PLAY_S)
        await self.reach(self.leg.at)
        while not self._end_if_too_long():
            if until_s is None:
                await self.play_to_wait(max(latest_s - self.leg.at, 0.0))
            if self.leg.is_over or (stops_at_wait and self.moment.kind in ("input", "record")):
                break
            if self.moment.kind == "dial":
                self._append_wait()
                if not (decides_dials and await self._decide_dial()):
                    break
                continue
            next_at = self.next_at
            if until_s is None or next_at is None or next_at > latest_s:
                if until_s is not None and latest_s > self.leg.at:
                    await self.reach(latest_s)
                break
            await self._play_moment(next_at)
        self._end_if_too_long()
        await self._settle(is_idle=until_s is None)

    async def do(self, step: ScriptStep, at_s: float | None = None) -> None:
        """Perform a step at a second of the call (None: its own, or now). Raises CannotDo."""
        if step.moment_s is not None and step.moment_s < self.leg.at:
            raise CannotDo(f"{step.moment_s:g} s have already passed: it is {self.leg.at:.1f} s since the answer")
        at_s = step.moment_s if at_s is None else at_s
        if at_s is not None and at_s > self.leg.at:
            await self.play(at_s)
        self._require_possible(step)
        if isinstance(step, WaitStep):
            await self._wait(step.seconds)
        else:
            with suppress(CallIsOver):
                await self.perform(self._step_now(step))
        await self._settle()

    async def perform(self, step: ScriptStep) -> None:
        """Raises CallIsOver."""
        self._append(step, CallMoment(self.leg.at, self.moment.kind, self.moment.waited))
        try:
            await step.perform(self.placed)
        finally:
            self._acted_at = self.leg.at

    async def repeat(self, steps: Sequence[FinishedStep]) -> None:
        """Stop and set `diverged` when this call differs."""
        for finished in steps:
            if problem := await self._repeated(finished):
                self.diverged = self.leg.at, f"From here the call takes another path: {problem}."
                return

    async def _repeated(self, finished: FinishedStep) -> str:
        """Return an empty text if the step was repeated."""
        is_awaited = bool(finished.position.waits)
        until_s = None if is_awaited else self._acted_at + finished.after_s
        await self.play(until_s, stops_at_wait=True, decides_dials=False)
        now = self.position if is_awaited else self.position._replace(waits=finished.position.waits)
        if now != finished.position:
            return f"now it {self.position}; before, it {finished.position}"
        step = finished.step
        if isinstance(step, DialStep) and (outcome := self._outcome_of(step.party.to)) is not None:
            step = DialStep(party=replace(step.party, outcome=outcome))
        try:
            await self.do(step)
        except CannotDo as error:
            return str(error)
        return ""

    def observe(self) -> None:
        """Update the result, even during a step."""
        self.placed.observe(self._result)
        self._observed = self.moment

    async def _settle(self, *, is_idle: bool = False) -> None:
        """Set the moment's kind: with `is_idle`, `idle` even if more events are due.

        At the end, deliver late webhooks.
        """
        await self.reach(self.leg.at)
        if self.leg.is_over:
            await self.placed.vonage.run()
            self.moment = CallMoment(self.moment.at, "end")
        elif self.moment.kind == "until" and (is_idle or self.next_at is None):
            self.moment = CallMoment(self.moment.at, "idle")
        self._append_wait()

    async def _decide_dial(self) -> bool:
        address = self.moment.waited.address if self.moment.waited else ""
        outcome = self._outcome_of(address)
        if outcome is None:
            return False
        await self.perform(DialStep(party=ScriptedParty(to=address, outcome=outcome)))
        await self.reach(self.leg.at)
        return True

    async def _play_moment(self, at: float) -> None:
        """Record a wait that times out as silence."""
        waited = self.leg.waited
        before = self.moment
        turns = len(self.placed.turns)
        await self.reach(at)
        if waited is not None and waited.is_for_caller and self.leg.open is not waited and not self.leg.is_over:
            self._append(SilenceStep(), CallMoment(before.at, "until", waited), turns)
            self._acted_at = self.leg.at
        self._append_wait()

    def _end_if_too_long(self) -> bool:
        for what, count, most in (
            ("things to hear", self.leg.heard_count, MOST_HEARD),
            ("webhooks", len(self.leg.log), MOST_WEBHOOKS),
        ):
            if count > most and not self.leg.is_over:
                self.stopped = f"This call has reached the limit of {most:,} {what}, so it was ended here."
                self.leg.end("user")
                return True
        return False

    # the finished steps

    def _append(self, step: ScriptStep | None, moment: CallMoment, turns: int | None = None) -> None:
        """Without a step, record the sounds up to the moment. `turns` is their number then; None for now."""
        leg = self.leg
        after_s = round(max(moment.at - self._acted_at, 0.0), 3)
        turns = len(self.placed.turns) if turns is None else turns
        self.history.append(HistoryEntry(step, moment, leg.at, leg.open, leg.waited, leg.heard_count, turns, after_s))

    def _append_wait(self) -> None:
        waited = self.leg.waited
        if waited is not None and not (self.history and waited is self.history[-1].waited):
            self._append(None, self.moment)

    def _position_at(self, moment: CallMoment, turns: Sequence[TurnRow]) -> CallPosition:
        waited = moment.waited
        waits = waited.kind if waited is not None else "end" if moment.kind == "end" else ""
        address = waited.address if waited is not None else ""
        lines = (line for turn in reversed(turns) for line in reversed(trace_of(turn.trace)))
        entered = next((line for line in lines if line.did == "entered"), None)
        if entered is None:
            return CallPosition("", "", waits, address)
        return CallPosition(self._flow_of.get(entered.where.rpartition(":")[0], ""), entered.step, waits, address)

    def _require_possible(self, step: ScriptStep) -> None:
        problem = step.problem_at(self.moment, self.leg)
        seconds = step.seconds if isinstance(step, WaitStep) else 0.0
        seconds = step.message.seconds if isinstance(step, RecordStep) else seconds
        if self.leg.is_over:
            problem = "the call is over; call again"
        elif sum(entry.step is not None for entry in self.history) >= MOST_INPUTS and not isinstance(step, HangUpStep):
            problem = f"this call has reached the limit of {MOST_INPUTS} inputs; call again"
        elif seconds > LONGEST_PLAY_S:
            problem = "a caller can wait or speak for at most an hour at once"
        if problem:
            raise CannotDo(problem)

    def _step_now(self, step: ScriptStep) -> ScriptStep:
        """Add the dialled address, and remove the step's time."""
        if isinstance(step, DialStep) and self.moment.waited is not None:
            return DialStep(party=replace(step.party, to=self.moment.waited.address))
        if isinstance(step, PressStep | SpeakStep):
            return replace(step, at_s=None)
        return HangUpStep() if isinstance(step, HangUpStep) else step

    async def _wait(self, seconds: float) -> None:
        """Stop at the next dial, so that a step can decide it."""
        begun = self.moment
        until = round(self.leg.at + seconds, 3)
        if begun.kind != "until":
            self._append(None, begun)
        while not self.leg.is_over and self.leg.at < until:
            next_at = self.next_at
            await self.reach(until if next_at is None else min(next_at, until))
            if self.moment.kind == "dial" and self.moment.waited is not begun.waited:
                break
        self._append(WaitStep(seconds=round(self.leg.at - begun.at, 3)), begun)


def _session_after(turns: Sequence[StoredTurn]) -> Session | None:
    own = turns[0].session.id if turns else ""
    return next((from_json(turn.session.state) for turn in reversed(turns) if turn.session.id == own), None)


def _asked_in(session: Session | None, flows: Mapping[str, Flow]) -> Asked | None:
    flow = flows.get(session.at or session.flow) if session is not None else None
    step = flow.steps.get(session.step) if flow is not None and session is not None else None
    if session is None or step is None or step.exit.asked is None:
        return None
    return step.exit.asked.by_locale.get(session.locale, step.exit.asked)


def _accepted_input(waited: Waited, asked: Asked | None) -> AcceptedInput:
    """As in `press 1 (sales) or 2 (support), or say sales or support`, with phrases as written."""
    dtmf: Mapping[str, Any] = waited.action.get("dtmf") or {}
    phrases = [str(phrase) for phrase in (waited.action.get("speech") or {}).get("context") or ()]
    keys: Mapping[str, str] = {}
    lengths = (1, int(dtmf.get("maxDigits", 4))) if "dtmf" in waited.takes else None
    listens = "speech" in waited.takes
    if asked is not None:
        written = {fold(phrase): phrase for phrase in phrases}
        firsts = {name: written.get(phrase, phrase) for phrase, name in reversed(list(asked.phrases.items()))}
        phrases = [firsts[name] for name in dict.fromkeys(asked.phrases.values())]
        keys = asked.keys
        lengths = asked.lengths
        listens = asked.free_speech
    press = ""
    if keys:
        press = f"press {_or([f'{key} ({name})' for key, name in keys.items()])}"
    elif lengths is not None:
        low, high = lengths
        end = ", # ends them" if dtmf.get("submitOnHash") else ""
        press = "press a key" if high == 1 else f"press {low if low == high else f'{low} to {high}'} keys{end}"
    say = f"say {_or(phrases)}" if phrases else "say something" if listens else ""
    return AcceptedInput(printable(", or ".join(way for way in (press, say) if way)), tuple(keys), tuple(phrases))


def _or(words: Sequence[str]) -> str:
    return listed([*words[:LISTED_OPTIONS], "..."] if len(words) > LISTED_OPTIONS else words)
