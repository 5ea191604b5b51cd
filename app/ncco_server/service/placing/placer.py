"""Places calls in the background. Each attempt is committed, and then requested from Vonage exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

from ncco_server.engine.dialling import refusal
from ncco_server.errors import HashKeyLost, VonageApiError
from ncco_server.flow.language.outbound import EXPIRED, REFUSED, UNKNOWN, Outbound
from ncco_server.flow.model import Flow
from ncco_server.ncco.statuses import OVER
from ncco_server.service.hook_posts import seconds_until
from ncco_server.service.placed_values import PlacedCipher
from ncco_server.service.placing.attempts import (
    ANSWERED,
    LONGEST_CALL_S,
    SILENT_S,
    STATUS_POLL_S,
    first_moment,
    is_too_late,
    missed_outcome,
    outbound_of,
    why_later,
)
from ncco_server.service.placing.ends import end_attempt, end_waiting, unfit_params
from ncco_server.service.placing.webhooks import urls_of
from ncco_server.service.poller import Poller, PollListener, Schedule
from ncco_server.service.turns import Turns
from ncco_server.store import COMPLETED, AttemptResult, AttemptRow, PlacedCounts, PlacedRow, PlacingLimits, milliseconds
from ncco_server.vonage.voice_api import CallDetails, CreatedCall, NewCall, VoiceApiError
from ncco_server.wording import some_of

BATCH: Final = 20
REPLY_S: Final = 20
"""`vonage.voice_api` waits less."""
POLLING: Final = Schedule(poll_s=1.0, slots=16)
GONE: Final = "gone"
FLOW_S: Final = 60 * 60
"""How long an expired call is left to other hosts, which may have its flow."""
LEFT_S: Final = 60
"""After this time, the `problem` of a due call says that no server with its flow is there."""
AGAIN_S: Final = 5
LONGEST_HOLD_S: Final = 5 * 60
"""While Vonage accepts no calls, requests follow after 5, 20, 80, ... s."""
LONGEST_ASKED_S: Final = 60 * 60
"""Limits `Retry-After`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacingPolicy:
    """The settings of a placer.

    `limits` are for all hosts together. `keeps_hours`: calls wait for hours in which a number may be called; False if
    nobody real is called. The number of attempts in `schedule` does not apply.
    """

    base_url: str
    limits: PlacingLimits
    keeps_hours: bool = True
    schedule: Schedule = POLLING


class PlacesCalls(Protocol):
    """The part of `VoiceApi` that a placer needs."""

    async def create_call(self, call: NewCall) -> CreatedCall:
        """Raise VoiceApiError."""

    async def call(self, uuid: str) -> CallDetails:
        """Also works for an ended call. Raises VoiceApiError."""

    async def hang_up(self, uuid: str) -> None:
        """Raise VonageApiError."""


class Placer(Poller[AttemptRow, PlacedCounts]):
    """Looks for calls that are due, and places them."""

    def __init__(
        self,
        turns: Turns,
        api: PlacesCalls,
        policy: PlacingPolicy,
        listener: PollListener[PlacedCounts],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(policy.schedule, listener, clock)
        self._turns = turns
        self._placed = turns.store.placed
        self._api = api
        self._policy = policy
        self._refusals = 0  # in a row, without those of requests that were sent at the same time
        self._held_until = 0
        self._hang_up_at = 0

    async def claim(self, limit: int) -> Sequence[AttemptRow]:
        """Commit one attempt at a time: calls are placed at intervals.

        The dials of flows have priority: new calls wait until there is room.
        """
        if dials := self._turns.take_dials():
            await self._placed.yield_to(dials, self.now())
        await self._hang_up_cancelled(limit)
        for attempt in await self._placed.silent(self.now(), limit):
            await self._give_up(attempt)
        flows = self._flows()
        await self._expire(flows)
        while rows := await self._placed.due(self.now(), BATCH, list(flows)):
            now = self.clock()
            ready = await self._first_ready(rows, flows, now)
            if ready is not None and (begun := await self._begin(ready, flows[ready.flow], now)) is not None:
                return begun
        return ()

    async def _first_ready(
        self, rows: Sequence[PlacedRow], flows: Mapping[str, Flow], now: datetime
    ) -> PlacedRow | None:
        ready = None
        later = list[tuple[PlacedRow, int, str]]()
        for row in rows:
            moment = await self._moment(row, flows[row.flow], now)
            if moment is not None and moment > now:
                later.append((row, milliseconds(moment), why_later(flows[row.flow], row.number, now)))
            elif moment is not None:
                ready = row
                break
        if later:
            await self._placed.postpone(later, milliseconds(now))
        return ready

    def _flows(self) -> dict[str, Flow]:
        """Leave the calls of other flows to hosts that have them."""
        flows = self._turns.library.current.flows
        return {name: flow for name, flow in flows.items() if flow.outbound is not None}

    async def _expire(self, flows: Mapping[str, Flow]) -> None:
        now = self.clock()
        at = milliseconds(now)
        for row in await self._placed.expired(at, BATCH, list(flows), at - FLOW_S * 1000):
            problem = row.problem if row.flow in flows else f"no server has the flow {row.flow}"
            await end_waiting(self._turns, row, flows.get(row.flow), AttemptResult(EXPIRED, problem), now)
        left = await self._placed.left(at - LEFT_S * 1000, BATCH, list(flows))
        told = [(row, row.due_at or at, f"it waits for a server that places calls with {row.flow}") for row in left]
        await self._placed.postpone(told, at)

    async def _moment(self, row: PlacedRow, flow: Flow, now: datetime) -> datetime | None:
        """Return None if the call has ended instead."""
        if why := refusal(row.number, self._turns.policy.dial_allow):
            await end_waiting(self._turns, row, flow, AttemptResult("failed", f"the number {why}"), now)
            return None
        if unfit := unfit_params(flow, row, PlacedCipher.of(self._turns.policy.keys, row.salt)):
            why = f"since then, {flow.name} has changed, or they were encrypted with another key (NCCO_KEY)"
            problem = f"no value fits {some_of(unfit)}: {why}"
            await end_waiting(self._turns, row, flow, AttemptResult("failed", problem), now)
            return None
        moment = first_moment(flow, row.number, now) if self._policy.keeps_hours else now
        if moment is None or is_too_late(row, moment):
            await end_waiting(self._turns, row, flow, AttemptResult(EXPIRED, row.problem), now)
            return None
        return moment

    async def _begin(self, row: PlacedRow, flow: Flow, now: datetime) -> Sequence[AttemptRow] | None:
        """Return () if no call can be placed now, None if this call is no longer due."""
        at, outbound = milliseconds(now), outbound_of(flow)
        refusing = outbound.refusing(row.number)
        try:
            begun = await self._placed.begin(
                row, flow.revision, at, self._give_up_at(outbound), self._policy.limits, refusing=refusing
            )
        except HashKeyLost as error:
            await self._pause(f"{error}; {error.cure}")
            return ()
        if begun.refused_by:
            problem = f"the number is in the table {begun.refused_by}"
            await end_waiting(self._turns, row, flow, AttemptResult(REFUSED, problem), now)
        if begun.attempt is not None:
            return [begun.attempt]
        if begun.look_at:
            self.wake_in((begun.look_at - at) / 1000)
            return ()
        return None

    async def run_one(self, row: AttemptRow) -> None:
        flow = await self._turns.library.pinned(row.flow, row.revision)
        if flow is None:
            await self._not_sent(row, f"revision {row.revision} of flow {row.flow} is lost")
            return
        outbound = outbound_of(flow)
        answer_url, event_url = urls_of(self._policy.base_url, self._turns.policy.keys[0], row)
        try:
            created = await self._api.create_call(_new_call(outbound, row, answer_url, event_url))
        except VoiceApiError as error:
            await self._failed(row, outbound, error)
            return
        self._refusals = 0
        await self.write(self._placed.sent(row, created.uuid, created.conversation_uuid))

    async def count(self) -> PlacedCounts:
        return await self._placed.count_active()

    async def _failed(self, row: AttemptRow, outbound: Outbound, error: VoiceApiError) -> None:
        problem = str(error)
        if error.status == HTTPStatus.UNAUTHORIZED:
            await self._pause(problem)
            await self._not_sent(row, problem)
        elif error.outcome == "not_sent":
            await self._hold(problem, seconds_until(error.retry_after, self.clock()))
            await self._not_sent(row, problem)
        elif error.outcome == "refused":
            await self.write(end_attempt(self._turns, row, "failed", self.clock(), problem))
        else:
            await self.write(self._placed.note(row, problem, self._give_up_at(outbound)))

    async def _pause(self, problem: str) -> None:
        """Place no calls until somebody has solved the problem."""
        self._reports.troubled(f"placing is paused: {problem}")
        await self.write(self._placed.pause(self.now(), "this server", problem))

    async def _hold(self, problem: str, asked_s: float) -> None:
        """Place no calls for a while, longer each time: Vonage accepts none."""
        now = self.now()
        if now >= self._held_until:
            self._refusals += 1
        own_s = min(self.schedule.wait_s(self._refusals), LONGEST_HOLD_S)
        self._held_until = now + round(max(own_s, min(asked_s, LONGEST_ASKED_S)) * 1000)
        await self.write(self._placed.hold(self._held_until, problem))

    async def _not_sent(self, row: AttemptRow, problem: str) -> None:
        now = self.now()
        await self.write(self._placed.not_sent(row, max(self._held_until, now + AGAIN_S * 1000), problem, now))

    async def _hang_up_cancelled(self, limit: int) -> None:
        for attempt in await self._placed.cancelled(limit) if self.now() >= self._hang_up_at else ():
            try:
                await self._api.hang_up(attempt.leg)
            except VonageApiError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    self._reports.troubled(f"a cancelled call cannot be hung up: {error}")
                    self._hang_up_at = self.now() + AGAIN_S * 1000
                    continue
            await self._placed.hung_up(attempt)

    async def _give_up(self, attempt: AttemptRow) -> None:
        """Without webhooks, ask Vonage first if the leg is known."""
        outcome = ANSWERED if attempt.answered_at is not None else UNKNOWN
        is_old = self.now() - attempt.placing_at > LONGEST_CALL_S * 1000
        if attempt.leg and not is_old and (status := await self._status_of(attempt)) != GONE:
            if status not in OVER and attempt.outcome != COMPLETED:
                is_answered = ANSWERED in (outcome, status)
                poll_at = milliseconds(self.clock() + timedelta(seconds=STATUS_POLL_S if is_answered else SILENT_S))
                if is_answered:
                    await self._placed.answered(*attempt[:2], attempt.leg, self.now(), poll_at, is_certain=False)
                await self._placed.look_again(attempt, poll_at)
                return
            if outcome == UNKNOWN:
                outcome = missed_outcome(status)
        await end_attempt(self._turns, attempt, outcome, self.clock(), attempt.problem)

    async def _status_of(self, attempt: AttemptRow) -> str:
        """Return GONE if Vonage does not know the call, "" if the request fails."""
        try:
            return (await self._api.call(attempt.leg)).status
        except VoiceApiError as error:
            return GONE if error.status == HTTPStatus.NOT_FOUND else ""

    def _give_up_at(self, outbound: Outbound) -> int:
        return milliseconds(self.clock()) + outbound.ringing_timer_ms + 1000 * (REPLY_S + SILENT_S)


def _new_call(outbound: Outbound, attempt: AttemptRow, answer_url: str, event_url: str) -> NewCall:
    detection: dict[str, Any] = {}
    match outbound.machine_detection:
        case "continue" | "hangup":
            detection = {"machine_detection": outbound.machine_detection}
        case "detect" | "detect_beep":
            advanced = {"behavior": "continue", "mode": outbound.machine_detection}
            detection = {"advanced_machine_detection": advanced}
    return NewCall(
        to=attempt.to_number,
        from_=outbound.from_number,
        answer_url=answer_url,
        event_url=event_url,
        ringing_timer=outbound.ringing_timer_ms // 1000,
        **detection,
    )
