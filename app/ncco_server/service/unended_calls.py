"""Ends calls whose end went unnoticed: `completed` came before the call was stored, or never."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

from ncco_server.engine.session import from_json
from ncco_server.errors import VonageApiError
from ncco_server.ncco.statuses import OVER
from ncco_server.service.call_ends import end_lost
from ncco_server.service.calls import CallService
from ncco_server.service.delivery import Delivery
from ncco_server.service.masks import fields_of
from ncco_server.service.turns import CALL_EXPIRY_MS
from ncco_server.store import OpenCall, Records, milliseconds, moment_of

if TYPE_CHECKING:  # only a server with an application's key asks
    from ncco_server.vonage.voice_api import VoiceApi

LOOKBACK: Final = 100_000
"""The first search begins this many webhooks back: more than arrive between two searches."""
SILENT_MS: Final = 60 * 60 * 1000
"""Vonage is asked about a call after this long without a turn, and then at this interval. Our choice."""
MOST_ASKED: Final = 100
"""Calls per search, to leave most of Vonage's rate limit to others."""
MOST_READ: Final = 5_000
"""Open calls per search, so that neither a start nor a search grows with those that are stored. Our choice."""
BEFORE_DELETION: Final = timedelta(hours=1)


@dataclass
class EndedCounts:
    """How many calls a search has ended, by reason.

    Attributes:
        early: their end was reported before they were stored.
        known: they were over according to Vonage.
        lost: they were too old.
        problem: why Vonage could not be asked, or "".
    """

    early: int = 0
    known: int = 0
    lost: int = 0
    problem: str = ""


@dataclass
class UnendedCalls:
    """Finds and ends calls that are over but not marked so. Several hosts may do this at once.

    `voice` is None without a private key; `kept_for` is None if calls are kept forever.
    """

    service: CallService
    voice: VoiceApi | None = None
    kept_for: timedelta | None = None
    most_read: int = MOST_READ
    _webhooks: tuple[int, int] | None = None
    """The next search for early ends covers the webhooks after the first key, up to the second."""
    _next: tuple[int, int] = (-1, -1)
    """Start time and key of the last call that was read, if some are left for the next search."""
    _asked_at: dict[str, int] = field(default_factory=dict)

    async def end(self, now: datetime) -> EndedCounts:
        """Search once. Raises StoreError."""
        now_ms = milliseconds(now)
        too_old = milliseconds(now - self._max_age)
        ended = EndedCounts()
        after = self._next
        self._next = (-1, -1)
        read = 0
        asked_at = dict[str, int]()
        async with self.service.store.records() as records:
            ended.early = await self._end_early(records)
            async for call in records.open_calls(after, too_old if self.voice is None else now_ms - SILENT_MS):
                if read == self.most_read:
                    self._next = after
                    break
                is_too_old = call.created_at < too_old
                is_over = False
                is_due = call.leg and self._asked_at.get(call.id, call.updated_at) < now_ms - SILENT_MS
                if self.voice is not None and is_due and not ended.problem:
                    if len(asked_at) == MOST_ASKED:
                        self._next = after
                        break
                    asked_at[call.id] = now_ms
                    is_over = await self._ask(self.voice, call, now, ended)
                if is_too_old and not is_over:
                    ended.lost += await end_lost(self.service, call.id, now)
                after = call.created_at, call.key
                read += 1
        self._asked_at = {id_: at for id_, at in self._asked_at.items() if at > too_old} | asked_at
        return ended

    @property
    def _max_age(self) -> timedelta:
        """Calls are ended at this age at the latest, before they are deleted."""
        max_age = timedelta(milliseconds=CALL_EXPIRY_MS)
        return max_age if self.kept_for is None else min(max_age, self.kept_for - BEFORE_DELETION)

    async def _end_early(self, records: Records) -> int:
        """Process each `completed` again that came before its call was stored.

        Webhooks since the previous search wait for the next one, because their calls may not be stored yet.
        """
        last = await records.last_webhook()
        if self._webhooks is None:
            self._webhooks = last - LOOKBACK, last
            return 0
        rows = await records.early_ends(*self._webhooks)
        for row in rows:
            at = moment_of(row.received_at)
            await self.service.event(Delivery(row.method, row.body, fields_of(row), "", at))
        self._webhooks = self._webhooks[1], last
        return len(rows)

    async def _ask(self, voice: VoiceApi, call: OpenCall, now: datetime, ended: EndedCounts) -> bool:
        """Return whether the call is over according to Vonage."""
        row = await self.service.store.load(call.id)
        if row is None or row.is_over:
            return True
        try:
            details = await voice.call(row.leg, from_json(row.state).call.region_url)
        except VonageApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                ended.problem = str(error)
            return False
        if details.status in OVER:
            fields = details.model_dump(exclude={"status"}) | {"status": "completed", "uuid": row.leg}
            await end_lost(self.service, call.id, now, Delivery("GET", orjson.dumps(fields), fields, "", now))
            ended.known += 1
        return details.status in OVER
