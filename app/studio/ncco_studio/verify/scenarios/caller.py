"""Plays the script of a scenario in a call, step by step, up to the first difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from ncco_server.flow.nodes import Place
from ncco_studio.simulator.legs import CallIsOver
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.scheduler import NoProgress
from ncco_studio.simulator.transcript import CallMoment
from ncco_studio.verify.faults import FAULTS
from ncco_studio.verify.played_call import TOLERANCE_S, PlayedCall
from ncco_studio.verify.scenarios import script
from ncco_studio.verify.scenarios.listener import PromptListener, first_unheard
from ncco_studio.verify.scenarios.observed_call import ObservedCall
from ncco_studio.verify.scenarios.result import Difference, Result
from ncco_studio.verify.scenarios.script import PartyStep, ScriptStep
from ncco_studio.verify.scenarios.values import Excerpt

ENDLESS_AFTER_S: Final = 2 * 3600
"""A call that runs this long after its script is considered endless."""
ENDLESS_AFTER_WEBHOOKS: Final = 2_000
"""A call with this many webhooks after its script counts as endless."""
MOST_WEBHOOKS: Final = 5_000
"""For one step. That many take a few seconds of real time."""
_LONGEST_S: Final = 24 * 3600
"""Source: Voice API specification, length_timer."""
_LOOK_AHEAD: Final = 4
"""Sounds to play after a difference, to look for the expected text."""
LATER: Final = " first: talks are heard in order, and this one comes later"
UNSCRIPTED: Final = Behaviour("completed")
"""Of parties dialled after a script's last `dial`."""


def parties_of(steps: Iterable[ScriptStep]) -> Parties:
    """Without any `dial` or `agent` in the script, all parties answer."""
    return Parties(other=None if any(isinstance(step, PartyStep) for step in steps) else UNSCRIPTED)


class ScriptMismatch(Exception):
    """The call differs from the script."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.message)
        self.difference = difference


class Caller:
    """Acts as the caller of a call that was answered."""

    def __init__(self, placed: ObservedCall, result: Result) -> None:
        self._call = PlayedCall(placed, result=result)
        self._leg = placed.leg
        self._parties = placed.vonage.parties
        self._result = result
        self._listener = PromptListener()
        self._dials: list[tuple[PartyStep, int]] = []
        self._scripted = 0
        self._continues_after_script = any(FAULTS[name].lasts for name in result.scenario.expect.without)

    async def play(self, steps: tuple[ScriptStep, ...]) -> None:
        """Play the script, continue until the call next waits for the caller, and hang up."""
        self._scripted = sum(isinstance(step, PartyStep) for step in steps)
        try:
            for step, following in zip_longest(steps, steps[1:]):
                await self._step(step)
                if isinstance(step, script.HearStep | script.UntilStep) and (
                    following is None or following.moment_s is None
                ):
                    await self._finish_prompt()
            await self._finish()
            self._check_called()
        except ScriptMismatch as differs:
            self._result.differences.append(await self._with_lookahead(differs.difference))
            await self._call.perform(script.HangUpStep())
        except NoProgress as error:
            self._result.differences.append(Difference(self._result.scenario.place, str(error), at=self._leg.at))

    async def _step(self, step: ScriptStep) -> None:
        try:
            match step:
                case script.HearStep():
                    await self._hear(step)
                case script.UntilStep():
                    await self._until(step)
                case script.WaitStep():
                    await self._wait(step)
                case script.EndStep():
                    await self._end(step)
                case _:
                    await self._reach_moment(step)
                    await self._call.perform(step)
        except CallIsOver as over:
            raise self._differs(step.place, str(over)) from over

    async def _reach_moment(self, step: ScriptStep) -> None:
        """Continue until the step is possible; prompts before an awaited step are skipped."""
        if isinstance(step, script.HangUpStep) and self._leg.is_over:
            raise self._differs(step.place, "the call is over before the caller hangs up")
        if step.moment_s is not None:
            await self._reach(step.moment_s, step.place)
        elif step.awaits:
            moment = await self._listen()
            if moment.kind == "end" and step.takes:
                raise self._differs(step.place, "the call is over")
            problem = step.problem_at(moment, self._leg) if moment.kind in step.awaits else step.otherwise
            if problem:
                raise self._differs(step.place, problem, found=described(moment))
            self._listener.skip()
        if isinstance(step, PartyStep):
            self._meet(step)

    def _differs(self, place: Place, message: str, expected: str = "", found: str = "") -> ScriptMismatch:
        return ScriptMismatch(Difference(place, message, expected, found, at=self._leg.at))

    async def _listen(self) -> CallMoment:
        """The moment is `idle` if too many webhooks arrive before the call waits."""
        moment = await self._call.play_to_wait(_LONGEST_S, ENDLESS_AFTER_WEBHOOKS)
        self._listener.take(self._leg)
        return moment

    async def _hear(self, step: script.HearStep) -> None:
        for number, excerpt in enumerate(step.texts):
            if number:
                await self._finish_prompt()
            await self._hear_excerpt(excerpt)

    async def _hear_excerpt(self, excerpt: Excerpt) -> None:
        """Look for a text in what was heard; then continue prompt by prompt, no further than needed."""
        self._listener.take(self._leg)
        while not self._matches(excerpt):
            if self._listener.next_piece and not self._listener.may_find(excerpt.text or ""):
                raise self._differs_in(excerpt)
            moment = await self._call.hear()
            self._listener.take(self._leg)
            if moment.kind == "until":
                continue
            if self._matches(excerpt):
                break
            raise self._differs_in(excerpt, moment)

    def _matches(self, excerpt: Excerpt) -> bool:
        if excerpt.text is not None:
            return self._listener.finds(excerpt.text)
        found = self._listener.take_next()
        if found:
            self._result.heard.append((excerpt, found))
        return bool(found)

    def _differs_in(self, excerpt: Excerpt, moment: CallMoment | None = None) -> ScriptMismatch:
        """Report the actual prompt or, without one, where the call stopped."""
        found = self._listener.next_piece
        entry = self._listener.next_entry
        nothing = f"nothing is heard: {described(moment)}" if moment is not None else ""
        at = self._leg.transcript[entry].at if entry is not None else self._leg.at
        message = "something else is heard" if found else nothing
        return ScriptMismatch(Difference(excerpt.place, message, excerpt.text or "anything", found, entry, at))

    async def _with_lookahead(self, difference: Difference) -> Difference:
        """Listen a little longer, and report if the expected text follows later."""
        for _ in range(_LOOK_AHEAD):
            if (await self._call.hear()).kind != "until":
                break
        await self._finish_prompt()
        if not difference.expected or difference.entry is None:
            return difference
        later = self._leg.transcript[difference.entry :]
        is_later = first_unheard([Excerpt(difference.expected)], later) is None
        return replace(difference, message=f"{difference.message}{LATER}") if is_later else difference

    async def _finish_prompt(self) -> None:
        """A prompt also ends when it is cut short, as by machine detection."""
        last = self._leg.transcript[-1] if self._leg.transcript and not self._leg.is_over else None
        if last is not None and last.kind in ("talk", "stream") and last.seconds is not None:
            await self._leg.hear_out()

    async def _reach(self, at_s: float, place: Place) -> None:
        if at_s < self._leg.at:
            now = f"the call was answered {self._leg.at:.1f} s ago"
            raise self._differs(place, f"{at_s:g} s have already passed: {now}")
        await self._pass(at_s, place)
        if self._leg.is_over:
            raise self._differs(place, f"the call is over before {at_s:g} s")

    async def _pass(self, until_s: float, place: Place) -> None:
        """Stop at a second of the call, or at its end."""
        await self._call.reach(until_s, MOST_WEBHOOKS)
        left_s = round(until_s, 3) - self._leg.at
        if left_s > TOLERANCE_S and not self._leg.is_over:
            raise self._differs(place, f"{MOST_WEBHOOKS:,} webhooks have arrived with {left_s:.1f} s still to wait")

    def _meet(self, party: PartyStep) -> None:
        """Note who is dialled. After the script's last `dial`, set how all further parties behave."""
        self._scripted -= 1
        if not self._scripted:
            self._parties.other = party.behaviour if self._continues_after_script else UNSCRIPTED
        self._dials.append((party, len(self._leg.dialled) - 1))

    def _check_called(self) -> None:
        for party, number in self._dials:
            transcript = self._leg.dialled[number].transcript
            if (missing := first_unheard(party.hears, transcript)) is not None:
                found = " ".join(heard.text for heard in transcript if heard.kind == "talk") or "nothing"
                message = "the called party does not hear it"
                raise self._differs(missing.place, message, missing.text or "", found)

    async def _wait(self, step: script.WaitStep) -> None:
        await self._pass(self._leg.at + step.seconds, step.place)
        self._listener.take(self._leg)
        self._listener.skip()

    async def _until(self, step: script.UntilStep) -> None:
        """Stay silent until a text is heard. Inputs, recordings and dials time out meanwhile."""
        most = len(self._leg.log) + MOST_WEBHOOKS
        moment = None
        self._listener.take(self._leg)
        while not self._listener.finds_later(step.text):
            if moment is not None and (moment.kind in ("end", "idle") or len(self._leg.log) >= most):
                raise self._differs(step.place, f"this is not heard: {described(moment)}", step.text)
            moment = await self._call.hear()
            if moment.waited is not None:
                await self._call.perform(script.SilenceStep())
            self._listener.take(self._leg)

    async def _end(self, step: script.EndStep) -> None:
        moment = await self._listen()
        found = self._listener.next_piece
        entry = self._listener.next_entry
        if found and entry is not None:
            at = self._leg.transcript[entry].at
            message = "the call does not end here: the caller hears more"
            raise ScriptMismatch(Difference(step.place, message, "the end of the call", found, entry, at))
        if moment.kind != "end":
            raise self._differs(step.place, f"the call does not end here: {described(moment)}")

    async def _finish(self) -> None:
        moment = await self._listen()
        if self._continues_after_script:
            if moment.kind != "idle":  # the caller stays silent; further parties behave as the last one
                await self._call.reach(self._leg.at + ENDLESS_AFTER_S, ENDLESS_AFTER_WEBHOOKS)
            self._result.is_endless = not self._leg.is_over
        if not self._leg.is_over:
            await self._call.perform(script.HangUpStep())


def described(moment: CallMoment) -> str:
    match moment.kind:
        case "input":
            kinds = sorted(moment.waited.takes) if moment.waited else ()
            return (
                "the server is waiting for the caller "
                f"({' or '.join('a key' if kind == 'dtmf' else kind for kind in kinds)})"
            )
        case "record":
            return "the caller is recorded"
        case "dial":
            return f"{moment.waited.address if moment.waited else 'somebody'} is dialled"
        case "end":
            return "the call is over"
    return "nothing happens until the caller does something"
