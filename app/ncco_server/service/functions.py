"""Calls the functions of handlers, and stores each result at once, so that none runs again."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TypeAlias

import orjson

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.errors import AlreadyOpen, Conflict
from ncco_server.store import FunctionResultRow, Store, milliseconds
from ncco_server.store.database import store_wait

AnswerLookups: TypeAlias = Callable[[tuple[Lookup, ...]], Awaitable[tuple[LookupAnswer, ...]]]
"""Answers lookups concurrently, in the same order. Never raises."""

reply_due: ContextVar[float] = ContextVar("reply_due", default=math.inf)
"""When the webhook is answered with an error, in seconds of the event loop: its lookups must end before."""

UNSTORED_LIMIT: Final = 500
"""Our choice."""

_Key: TypeAlias = tuple[str, int, str]


class Functions:
    """Functions running in this process, and others' stored results.

    A repeated webhook waits for the running function, and gets its result even if it could not be stored.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[_Key, asyncio.Task[LookupAnswer]] = {}
        self._called: set[_Key] = set()
        self._unstored: OrderedDict[_Key, LookupAnswer] = OrderedDict()

    async def answer(self, lookup: Lookup, look_up: AnswerLookups) -> LookupAnswer:
        """Raise Conflict or AlreadyOpen if the turn has been stored, and StoreUnavailable.

        A cancelled function goes on within its time limit, and its result is stored. See `is_store_wait`.
        """
        key = lookup.id
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._result(key, lookup, look_up))
            task.add_done_callback(lambda done: self._finished(key, done))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            if key in self._called:
                raise
            raise error from store_wait(self._store.label)
        return task.result()

    def _finished(self, key: _Key, task: asyncio.Task[LookupAnswer]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # nobody may be waiting for this task anymore

    async def _result(self, key: _Key, lookup: Lookup, look_up: AnswerLookups) -> LookupAnswer:
        stored = await self._store.functions.get(lookup.session, lookup.turn, lookup.key)
        if stored:
            return LookupAnswer(*orjson.loads(stored))
        if stored is not None:
            raise AlreadyOpen(lookup.session) if lookup.turn == 1 else Conflict(lookup.session)
        answer = self._unstored.get(key) or await self._call(key, lookup, look_up)
        if not answer.is_cut_off:
            self._unstored[key] = answer
            if len(self._unstored) > UNSTORED_LIMIT:
                self._unstored.popitem(last=False)
            result = orjson.dumps([answer.value, answer.problem, answer.ms]).decode()
            now = milliseconds(datetime.now(UTC))
            await self._store.functions.add(FunctionResultRow(*key, result, now))
            self._unstored.pop(key, None)
        return answer

    async def _call(self, key: _Key, lookup: Lookup, look_up: AnswerLookups) -> LookupAnswer:
        self._called.add(key)
        try:
            (answer,) = await look_up((lookup,))
        finally:
            self._called.remove(key)
        return answer if lookup.redact is None else answer._replace(value=lookup.redact(answer.value))
