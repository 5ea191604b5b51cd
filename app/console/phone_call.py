"""One simulated call that a person plays: what the caller does, the outside world, and the same call played again."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from app.console.phone_source import Playable
from app.console.phone_world import ChosenAnswers, RealAnswers, World
from app.console.services import (
    Act,
    Decide,
    HangUp,
    Message,
    Observed,
    PlayedCall,
    Press,
    Silence,
    Speak,
)
from app.engine import TraceLine
from app.errors import AppError
from app.simulator.legs import CallMoment, Leg, Waited
from app.simulator.parties import Behaviour
from app.store import TurnRow

if TYPE_CHECKING:
    from app.console.phone_transcript import Bubble

MOST_ACTS: Final = 300
MOST_HEARD: Final = 1_000
MOST_WEBHOOKS: Final = 1_000
MOST_MOMENTS: Final = 2_000
"""Moments that one request plays."""
LONGEST_S: Final = 3600.0
"""How far one request may move the clock of a call."""


class Refused(AppError):
    """The act is not possible at this moment of the call; the message says what is."""


def trace_of(turn: TurnRow) -> list[TraceLine]:
    """What a turn did and why."""
    return [TraceLine.read(line) for line in json.loads(turn.trace)]


class Where(NamedTuple):
    """Where a call waits or plays: flow and step ("" for none), what it waits for, and whom it dials."""

    flow: str
    step: str
    waits: str
    address: str = ""

    def __str__(self) -> str:
        step = f"at step “{self.step}”" if self.step else "at no step"
        waits = {"input": "waits for the caller", "record": "records the caller", "end": "is over"}
        does = f"dials {self.address}" if self.waits == "dial" else waits.get(self.waits, "plays on")
        return f"{does} {step}" if self.waits != "end" else "is over"


class Done(NamedTuple):
    """An act that was done.

    Attributes:
        where: where the call was.
        after_s: seconds since the act before it, or since the answer.
    """

    act: Act
    where: Where
    after_s: float


class PhoneCall:
    """One call. Await one method at a time (`lock`).

    Args:
        line: the placed call.
        owner: the session that placed it.
        answers: its lookups.
        playable: what is called. made_at: when, in its time zone.

    Attributes:
        moment: where the call has stopped.
        acts: what was done so far.
        observed: what the server has done so far.
        diverged: why the same acts could not be done again, and at which second; None if they could.
        stopped: why a limit has ended the call; "" if none has.
        lost: the indices in the transcript of what the caller did while nothing listened.
        former: the conversation of the call whose acts were repeated.
        kept_messages: the ids of its messages that are kept.
    """

    def __init__(
        self, line: PlayedCall, owner: str, answers: ChosenAnswers, playable: Playable, made_at: datetime
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.line = line
        self.owner = owner
        self.answers = answers
        self.lock = asyncio.Lock()
        self.touched = time.monotonic()
        self.moment = CallMoment(0, "until")
        self.acts: list[Done] = []
        self.observed = Observed()
        self.diverged: tuple[float, str] | None = None
        self.stopped = ""
        self.lost: set[int] = set()
        self.playable = playable
        self.made_at = made_at
        self.former: Sequence[Bubble] = ()
        self.kept_messages: list[str] = []
        flows = playable.project.flows.values() if playable.project is not None else ()
        self._flow_of = {flow.place.file: flow.name for flow in flows}
        self._acted_at = 0.0
        self._pressed: Waited | None = None
        self._is_flushed = False

    @property
    def leg(self) -> Leg:
        """The caller's leg."""
        return self.line.leg

    @property
    def is_live(self) -> bool:
        """Whether its lookups really ask."""
        return isinstance(self.answers, RealAnswers)

    @property
    def next_at(self) -> float | None:
        """The second at which something happens next; None: nothing does until the caller acts."""
        if self.leg.is_over or self.moment.kind == "dial":
            return None
        next_ms = self.leg.platform.scheduler.next_moment()
        return None if next_ms is None else (next_ms - self.leg.zero_ms) / 1000

    @property
    def listens(self) -> str:
        """The language in which the call waits for speech now, such as `en-GB`; "" when it does not."""
        waited = self.moment.waited
        if waited is None or "speech" not in waited.takes:
            return ""
        return str((waited.action.get("speech") or {}).get("language", "en-US"))

    @property
    def has_only_silence(self) -> bool:
        """Whether it recorded the caller, who left no message."""
        is_recorded = any(done.where.waits == "record" for done in self.acts)
        return is_recorded and not any(isinstance(done.act, Message) for done in self.acts)

    @property
    def decided(self) -> Decide | None:
        """What the person has chosen for a party that still rings; None if nothing rings."""
        rings = any(not leg.is_answered and not leg.is_over for leg in self.leg.dialled)
        last = self.acts[-1].act if self.acts else None
        return last if rings and isinstance(last, Decide) else None

    @property
    def where(self) -> Where:
        """Where the call is, as of the last `observe`."""
        waits = self.moment.kind if self.moment.kind in ("input", "record", "dial", "end") else ""
        address = self.moment.waited.address if self.moment.kind == "dial" and self.moment.waited else ""
        lines = (line for turn in reversed(self.observed.turns) for line in reversed(trace_of(turn)))
        entered = next((line for line in lines if line.did == "entered"), None)
        if entered is None:
            return Where("", "", waits, address)
        file = entered.where.rpartition(":")[0]
        return Where(self._flow_of.get(file, ""), entered.step, waits, address)

    async def guarded(self, playing: Callable[[], Awaitable[None]]) -> None:
        """Play; what the simulated platform cannot do ends the call with the reason in `stopped`. Raises Refused."""
        self.touched = time.monotonic()
        try:
            await playing()
        except Refused:
            raise
        except AppError as error:
            self.stopped = f"The call cannot go on: {error}."
            self.leg.platform.end(self.leg, "user")
            self.moment = CallMoment(self.leg.at, "end")
            self.observed = await self.line.observe()

    async def begin(self, acts: Sequence[Done] = ()) -> None:
        """Play what is heard at once, and repeat the acts of another call."""
        await self.play(0)
        if acts:
            await self.replay(acts)

    async def change(self, world: World) -> None:
        """Change what dialled parties do and lookups answer, from now on."""
        self.answers.world = world
        await self.play(self.leg.at)

    async def _settle(self) -> None:
        """Stop here: see why the call stopped and what the server has done; after the end, let late webhooks come."""
        self.moment = await self.leg.listen(until=self.leg.at)
        if self.leg.is_over and not self._is_flushed:
            self._is_flushed = True
            await self.leg.platform.run()
            self.moment = CallMoment(self.moment.at, "end")
        self.observed = await self.line.observe()

    async def play(
        self, until_s: float | None = None, *, stops_at_wait: bool = False, decides_dials: bool = True
    ) -> None:
        """Play on to a second of the call; without one, to where the caller is waited for.

        Stops earlier at a dial that the person decides, and at the end.

        Args:
            until_s: seconds since the answer, at most `LONGEST_S` from now.
            stops_at_wait: stop earlier where the caller is waited for, too.
            decides_dials: let dialled parties do what the outside world says.
        """
        stops_at_wait = stops_at_wait or until_s is None
        until_s = None if until_s is None else min(until_s, self.leg.at + LONGEST_S)
        for _ in range(MOST_MOMENTS):
            if self.leg.is_over or (stops_at_wait and self.moment.kind in ("input", "record")):
                break
            if self.moment.kind == "dial":
                if not (decides_dials and await self._decide_dial()):
                    break
                continue
            next_at = self.next_at
            if next_at is None or (until_s is not None and next_at > until_s):
                if until_s is not None and until_s > self.leg.at:
                    self.moment = await self.leg.listen(until=until_s)
                break
            await self._play_moment(next_at)
        self._end_if_too_long()
        await self._settle()

    async def _decide_dial(self) -> bool:
        """Decide a dial as the outside world says; False if the person does it."""
        address = self.moment.waited.address if self.moment.waited else ""
        outcome = self.answers.world.outcome(address)
        if outcome is None:
            return False
        self.observed = await self.line.observe()
        await self._perform(Decide(outcome=outcome, address=address))
        self.moment = await self.leg.listen(until=self.leg.at)
        return True

    async def _play_moment(self, at: float) -> None:
        """Play up to the next moment in which something happens; note a wait that ends by itself as silence."""
        waited, before = self.leg.waited, self.moment
        self.moment = await self.leg.listen(until=at)
        if waited is not None and waited.kind != "dial" and self.leg.open is not waited and not self.leg.is_over:
            self._note(Silence(), CallMoment(before.at, "until"), self.where._replace(waits=waited.kind))
            self._acted_at = self.leg.at
        if self.leg.waited is not None and self.leg.waited is not waited:
            self.line.hear_out(self.moment)
            self.observed = await self.line.observe()

    def _end_if_too_long(self) -> None:
        for what, count, most in (
            ("things that are heard", len(self.leg.transcript), MOST_HEARD),
            ("webhooks", len(self.leg.log), MOST_WEBHOOKS),
        ):
            if count > most and not self.leg.is_over:
                self.stopped = f"This call has reached the limit of {most:,} {what}, so it was ended here."
                self.leg.platform.end(self.leg, "user")

    async def do(self, act: Act, at_s: float | None = None) -> None:
        """Do something at a second of the call (None: now). Raises Refused."""
        if at_s is not None and at_s > self.leg.at:
            await self.play(at_s)
        self._require_possible(act)
        if isinstance(act, Decide) and self.moment.waited is not None:
            act = act.model_copy(update={"address": self.moment.waited.address})
        await self._perform(act)
        await self._settle()

    def _require_possible(self, act: Act) -> None:
        """Raises Refused."""
        kind, waited = self.moment.kind, self.moment.waited
        if self.leg.is_over:
            raise Refused("the call is over; call again")
        if len(self.acts) >= MOST_ACTS:
            raise Refused(f"this call has reached the limit of {MOST_ACTS} inputs; call again")
        if isinstance(act, Decide) != (kind == "dial") and not isinstance(act, HangUp):
            address = waited.address if waited is not None else ""
            raise Refused(f"first choose what {address} does" if kind == "dial" else "no phone is ringing now")
        if isinstance(act, Message) and kind != "record":
            raise Refused("nothing is recorded now")
        if isinstance(act, Silence) and kind not in ("input", "record"):
            raise Refused("nobody waits for the caller now; play on, or skip ahead")
        needed = {"press": "dtmf", "speak": "speech"}.get(act.kind)
        takes = self.leg.open.takes if self.leg.open is not None and self.leg.open.kind == "input" else frozenset()
        if needed and takes and needed not in takes:
            raise Refused("this step takes speech only" if needed == "dtmf" else "this step takes keys only")

    def _note(self, act: Act, moment: CallMoment, where: Where) -> None:
        self.acts.append(Done(act, where, round(max(moment.at - self._acted_at, 0.0), 3)))
        is_continued = isinstance(act, Press) and self._pressed is not None and self._pressed is self.leg.open
        if isinstance(act, Press) and is_continued:
            self.line.extend(act.keys)
        else:
            self.line.record(act, moment)
        self._pressed = self.leg.open if isinstance(act, Press) else None

    async def _perform(self, act: Act) -> None:
        """Do what the caller or a dialled party does now."""
        self._note(act, CallMoment(self.leg.at, self.moment.kind, self.moment.waited), self.where)
        leg = self.leg
        if isinstance(act, Press | Speak) and leg.open is None:
            self.lost.add(len(leg.transcript))
        match act:
            case Press():
                await leg.press(act.keys)
            case Speak():
                await leg.speak((act.text, act.confidence))
            case Silence():
                await leg.silence()
            case Message():
                await leg.speak(seconds=act.seconds)
                if not leg.is_over:
                    await (leg.press(act.key) if act.key else leg.silence())
            case Decide():
                await leg.decide(Behaviour(act.outcome, talks_s=act.talks_s))
            case HangUp():
                await leg.hang_up()
        self._acted_at = leg.at

    async def replay(self, acts: Sequence[Done]) -> None:
        """Do the same again, up to where the call goes another way (`diverged`)."""
        for done in acts:
            is_awaited = bool(done.where.waits)
            until_s = None if is_awaited else self._acted_at + done.after_s
            await self.play(until_s, stops_at_wait=True, decides_dials=False)
            now = self.where if is_awaited else self.where._replace(waits=done.where.waits)
            if now != done.where:
                message = f"Here the call goes another way: it {self.where} now; before, it {done.where}."
                self.diverged = self.leg.at, message
                return
            act = done.act
            if isinstance(act, Decide) and (outcome := self.answers.world.outcome(act.address)) is not None:
                act = act.model_copy(update={"outcome": outcome})
            try:
                await self.do(act)
            except Refused as refused:
                self.diverged = self.leg.at, f"Here the call goes another way: {refused}."
                return
