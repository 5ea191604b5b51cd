"""Plays the script of a scenario on a call, step by step, up to the first difference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from app.flow.nodes import Place
from app.simulator import CallIsOver, Moment, Parties, PhoneCall
from app.verify.scenarios import model
from app.verify.scenarios.bounds import AT_ONCE_S, FOR_EVER, LONGEST_S, MOST_WEBHOOKS, PATIENCE, PATIENCE_S, PIECE_S
from app.verify.scenarios.dialled import behaviour_of, parties_of, plain_address, scripted_dials
from app.verify.scenarios.faults import FaultyServer
from app.verify.scenarios.heard import Listener, in_order
from app.verify.scenarios.model import Hear, ScriptStep
from app.verify.scenarios.result import Difference, Result

LOOK_AHEAD: Final = 4
"""How many things more are heard behind a difference."""
LATER: Final = " first: each talk is heard in turn, and this one comes later"


class Differs(Exception):
    """The call is not as the script has it."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.message)
        self.difference = difference


class Caller:
    """One caller and the script.

    Args:
        call: answered already.
        result: takes what differs, and what was heard where the script leaves it open.
        server: the way to the server, for faults.
        parties: of the same platform; each dial waits while the script has a line for one.
    """

    def __init__(
        self,
        call: PhoneCall,
        result: Result,
        server: FaultyServer,
        parties: Parties,
    ) -> None:
        self._call = call
        self._server = server
        self._parties = parties
        self._result = result
        self._listener = Listener()
        self._dials: list[tuple[model.Dial, int]] = []
        self._scripted = 0

    async def play(self, script: tuple[ScriptStep, ...]) -> None:
        """Play the whole script, then on until the caller would be waited for, and hang up there."""
        self._scripted = scripted_dials(script)
        try:
            for step in script:
                await self._step(step)
            await self._finish()
            self._check_called()
        except Differs as differs:
            self._result.differences.append(await self._looked_ahead(differs.difference))
            await self._call.hang_up()

    async def _step(self, step: ScriptStep) -> None:
        does: Mapping[type, Callable[[Any], Awaitable[None]]] = {
            model.Hear: self._hear,
            model.Press: self._press,
            model.Speak: self._speak,
            model.Silence: self._silence,
            model.Dial: self._dial,
            model.Record: self._record,
            model.Wait: self._wait,
            model.Until: self._until,
            model.HangUp: self._hang_up,
            model.End: self._end,
            model.Event: self._event,
            model.Disturb: self._disturb,
        }
        try:
            await does[type(step)](step)
        except CallIsOver as over:
            raise Differs(Difference(step.place, str(over), at=self._call.at)) from over

    async def _silence(self, step: model.Silence) -> None:
        await self._ready(step.place, "let anything time out", ("input", "record"))
        await self._call.silence()

    async def _disturb(self, step: model.Disturb) -> None:
        self._server.ordered.append(step.fault)

    async def _event(self, step: model.Event) -> None:
        await self._call.send_event(step.fields)

    async def _listen(self) -> Moment:
        """Play on until the caller is waited for; idle when that takes more webhooks than anybody has patience for."""
        moment, most, piece = await self._call.listen(at_most=PIECE_S), len(self._call.log) + PATIENCE, PIECE_S
        while moment.kind == "idle" and piece < LONGEST_S and len(self._call.log) < most:
            before = moment.at
            moment = await self._call.listen(at_most=piece)
            piece = PIECE_S if moment.at > before else piece * 2
        self._listener.take(self._call.transcript)
        return moment

    async def _hear(self, step: Hear) -> None:
        """What was heard already counts first; then the call is played on, piece by piece, and no further."""
        self._listener.take(self._call.transcript)
        while not self._takes(step):
            if self._listener.next_piece and not self._listener.may_find(step.text or ""):
                raise self._differs_in(step)
            moment = await self._call.hear()
            self._listener.take(self._call.transcript)
            if moment.kind == "until":
                continue
            if self._takes(step):
                break
            raise self._differs_in(step, moment)
        await self._hear_out()

    async def _looked_ahead(self, difference: Difference) -> Difference:
        """Hear a little more behind a difference: what was expected may come later."""
        for _ in range(LOOK_AHEAD):
            if (await self._call.hear()).kind != "until":
                break
        await self._hear_out()
        if not (difference.expected and difference.entry is not None):
            return difference
        later = self._call.transcript[difference.entry :]
        is_later = in_order([difference.expected], later) is None
        return replace(difference, message=f"{difference.message}{LATER}") if is_later else difference

    async def _hear_out(self) -> None:
        """Let what was heard last come to its end, where it has one."""
        last = self._call.transcript[-1] if self._call.transcript and not self._call.is_over else None
        if last is not None and last.kind in ("talk", "stream") and last.seconds is not None:
            await self._call.listen(until=max(last.at + last.seconds, self._call.at))

    def _takes(self, step: Hear) -> bool:
        if step.text is not None:
            return self._listener.finds(step.text)
        found = self._listener.take_next()
        if found:
            self._result.heard.append((step, found))
        return bool(found)

    def _differs_in(self, step: Hear, moment: Moment | None = None) -> Differs:
        """What is heard instead; where the call stands, when nothing is."""
        found = self._listener.next_piece
        nothing = f"nothing is heard: {told(moment)}" if moment is not None else ""
        message = "something else is heard" if found else nothing
        entry = self._listener.next_entry
        at = self._call.transcript[entry].at if entry is not None else self._call.at
        return Differs(Difference(step.place, message, step.text or "anything", found, entry, at))

    async def _press(self, step: model.Press) -> None:
        if step.at is None:
            await self._open_input(step.place, f"press {step.digits}", "dtmf", "keys")
            await self._call.press(step.digits)
        else:
            await self._reach(step.at, step.place)
            await self._call.press(step.digits)

    async def _speak(self, step: model.Speak) -> None:
        if step.at is None:
            await self._open_input(step.place, "speak", "speech", "speech")
        else:
            await self._reach(step.at, step.place)
        await self._call.speak(*((said.text, said.confidence) for said in step.results), error=step.error)

    async def _reach(self, at: float, place: Place) -> None:
        """Play on up to a moment."""
        if at < self._call.at:
            message = f"{at:g} s have passed already: it is {self._call.at:.1f} s since the call was answered"
            raise Differs(Difference(place, message, at=self._call.at))
        moment = await self._call.listen(until=at)
        if moment.kind == "end":
            raise Differs(Difference(place, f"the call is over before {at:g} s", at=self._call.at))

    async def _open_input(self, place: Place, doing: str, kind: str, what: str) -> None:
        """Play on to an input that takes keys, or speech."""
        moment = await self._ready(place, doing, ("input", "record", "idle"))
        if moment.waited is not None and moment.kind == "input" and kind not in moment.waited.takes:
            takes = " and ".join(sorted(moment.waited.takes))
            message = f"nobody listens for {what}: this input takes {takes} alone"
            raise Differs(Difference(place, message, at=self._call.at))

    async def _ready(self, place: Place, doing: str, kinds: tuple[str, ...]) -> Moment:
        """Play on until one of `kinds` waits; what is heard before is passed over."""
        moment = await self._listen()
        if moment.kind not in kinds:
            raise Differs(Difference(place, f"the caller cannot {doing}: {told(moment)}", at=self._call.at))
        self._listener.skip()
        return moment

    async def _dial(self, step: model.Dial) -> None:
        moment = await self._listen()
        address = moment.waited.address if moment.waited is not None else ""
        if moment.kind != "dial":
            who = step.to or "anybody"
            raise Differs(Difference(step.place, f"{who} is not dialled: {told(moment)}", step.to, at=self._call.at))
        if step.to and plain_address(step.to) != plain_address(address):
            raise Differs(Difference(step.place, "somebody else is dialled", step.to, address, at=self._call.at))
        self._listener.skip()
        self._scripted -= 1
        goes_on = FOR_EVER & self._result.scenario.expect.without.keys() and not self._scripted
        self._parties.other = behaviour_of(step) if goes_on else parties_of(self._scripted).other
        await self._call.decide(behaviour_of(step))
        self._dials.append((step, len(self._call.dialled) - 1))

    def _check_called(self) -> None:
        """What called parties had to hear, each in its place."""
        for step, number in self._dials:
            transcript = self._call.dialled[number].transcript
            missing = in_order((hear.text for hear in step.hears if hear.text is not None), transcript)
            if missing is not None:
                place = next(hear.place for hear in step.hears if hear.text == missing)
                found = " ".join(heard.text for heard in transcript if heard.kind == "talk") or "nothing"
                message = "the called party does not hear it"
                raise Differs(Difference(place, message, missing, found, at=self._call.at))

    async def _record(self, step: model.Record) -> None:
        await self._ready(step.place, "leave a recording", ("record",))
        await self._call.speak(seconds=step.seconds)
        if step.key:
            await self._call.press(step.key)
        elif (await self._call.hear()).kind == "record":
            await self._call.silence()

    async def _wait(self, step: model.Wait) -> None:
        until, most = self._call.at + step.seconds, len(self._call.log) + MOST_WEBHOOKS
        while until - self._call.at > AT_ONCE_S and not self._call.is_over:
            await self._call.listen(until=min(until, self._call.at + PIECE_S))
            if len(self._call.log) >= most:
                message = f"{MOST_WEBHOOKS:,} webhooks have come, and {until - self._call.at:.1f} s are left to wait"
                raise Differs(Difference(step.place, message, at=self._call.at))
        self._listener.take(self._call.transcript)
        self._listener.skip()

    async def _until(self, step: model.Until) -> None:
        """Do nothing until a text is heard: inputs time out meanwhile, and so do recordings and dials."""
        most, moment = len(self._call.log) + MOST_WEBHOOKS, None
        self._listener.take(self._call.transcript)
        while not self._listener.finds_later(step.text):
            if moment is not None and (moment.kind in ("end", "idle") or len(self._call.log) >= most):
                message = f"this is not heard: {told(moment)}"
                raise Differs(Difference(step.place, message, step.text, at=self._call.at))
            moment = await self._call.hear()
            if moment.waited is not None:
                await self._call.silence()
            self._listener.take(self._call.transcript)
        await self._hear_out()

    async def _hang_up(self, step: model.HangUp) -> None:
        if self._call.is_over:
            raise Differs(Difference(step.place, "the call is over before the caller hangs up", at=self._call.at))
        if step.at is not None:
            await self._reach(step.at, step.place)
        await self._call.hang_up()

    async def _end(self, step: model.End) -> None:
        moment = await self._listen()
        found, entry = self._listener.next_piece, self._listener.next_entry
        if found and entry is not None:
            at = self._call.transcript[entry].at
            message = "the call does not end here: something more is heard"
            raise Differs(Difference(step.place, message, "the end of the call", found, entry, at))
        if moment.kind != "end":
            raise Differs(Difference(step.place, f"the call does not end here: {told(moment)}", at=self._call.at))

    async def _finish(self) -> None:
        """Come to the end: whoever is waited for hangs up."""
        moment = await self._listen()
        if FOR_EVER & self._result.scenario.expect.without.keys():
            moment = await self._wait_for_ever(moment)
        if moment.kind != "end":
            await self._call.hang_up()

    async def _wait_for_ever(self, moment: Moment) -> Moment:
        """Stay on the line and do nothing, while dialled parties go on as the last one did."""
        until, most = self._call.at + PATIENCE_S, len(self._call.log) + PATIENCE
        while moment.kind not in ("end", "idle") and self._call.at < until and len(self._call.log) < most:
            if moment.kind != "until":
                await self._call.silence()
            moment = await self._call.listen(until=self._call.at + PIECE_S)
        self._result.is_endless = moment.kind != "end"
        return moment


def told(moment: Moment) -> str:
    """Where a call has stopped, in words."""
    match moment.kind:
        case "input":
            takes = (
                " or ".join({"dtmf": "a key", "speech": "speech"}[kind] for kind in sorted(moment.waited.takes))
                if moment.waited
                else ""
            )
            return f"the caller is waited for ({takes})"
        case "record":
            return "the caller is recorded"
        case "dial":
            return f"{moment.waited.address if moment.waited else 'somebody'} is dialled"
        case "end":
            return "the call is over"
    return "nothing happens until the caller does something"
