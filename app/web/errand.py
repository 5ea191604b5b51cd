"""A webhook that is answered without a task of its own.

Nearly every webhook runs without a stop until it waits for the store, and waits for nothing else after it. So its
coroutine is started by whoever brings it, and goes on when the store has written: a task costs more than both. Whatever
else there is to wait for is waited for in a task, which takes over in the middle. Before its second wait nothing may
need a task to be there; what asks look-ups does, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Protocol, TypeAlias

from app.service.calls import NeedsTask
from app.service.delivery import Reply
from app.web.answers import Answer
from app.web.deadline import Deadline, Deadlines
from app.web.letter import Letter
from app.web.routes import Serving
from app.web.visit import Visit

Waiting: TypeAlias = asyncio.Future[Any]
Ask: TypeAlias = Callable[[], Awaitable[Reply]]


class Office(Protocol):
    """What the door does for its errands."""

    deadlines: Deadlines

    def serving(self, visit: Visit) -> Serving:
        """What answers a webhook that has been read."""

    async def answer(self, visit: Visit, ask: Ask, begin: Callable[[], Deadline]) -> Answer:
        """An answer, whatever happens, for a task. `begin` gives the time that there is for what `ask` gives."""

    def checked(self, visit: Visit, reply: Reply) -> Answer:
        """The answer that a reply makes, whatever it is."""

    def rescue(self, visit: Visit, error: Exception) -> Answer:
        """The answer to what ended in `error`."""

    def note(self, visit: Visit, answer: Answer, started: float) -> None:
        """Count and log what was answered."""


class Errand:
    """One letter on its way.

    Args:
        office: the door. letter, visit: what it is about.
        serving: what answers it; not begun.
        started: when it began to be answered.
    """

    __slots__ = ("_is_late", "_letter", "_limit", "_office", "_serving", "_started", "_visit", "_waits_for")

    def __init__(self, office: Office, letter: Letter, visit: Visit, serving: Serving, started: float) -> None:
        self._office = office
        self._letter = letter
        self._visit = visit
        self._serving = serving
        self._started = started
        self._is_late = False
        self._waits_for: Waiting | None = None

    def begin(self) -> bool:
        """Answer it now, or once what it waits for is there. False: it failed before that, and has done nothing."""
        try:
            waits_for = self._serving.send(None)
        except StopIteration as done:
            self._reply(done.value)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - the long way finds it too, and says so
            return False
        else:
            self._wait(waits_for)
        return True

    def _wait(self, waits_for: Any) -> None:
        self._letter.wait()
        self._limit = self._office.deadlines.begin_for(self._letter.loop, self._end)
        try:
            if not asyncio.isfuture(waits_for):
                self._give_to_task(partial(_Resumed, self._serving, waits_for))
                return
            self._waits_for = waits_for
            waits_for._asyncio_future_blocking = False  # as a task does when it takes one from a coroutine
            waits_for.add_done_callback(self._go_on)
        except Exception as error:  # noqa: BLE001 - a caller is on the line
            self._fail(error)

    def _end(self) -> None:
        """The time is over."""
        self._is_late = True
        if self._waits_for is not None:
            self._waits_for.cancel()

    def _go_on(self, waited: Waiting) -> None:
        """What it waited for is there."""
        try:
            self._take_step(waited)
        except Exception as error:  # noqa: BLE001 - a caller is on the line
            self._fail(error)

    def _take_step(self, waited: Waiting) -> None:
        """What failed is dealt with in a task, which may wait for more."""
        if not self._is_late and (waited.cancelled() or waited.exception() is not None):
            waited._asyncio_future_blocking = True
            self._give_to_task(partial(_Resumed, self._serving, waited))
            return
        try:
            waits_for = self._serving.send(None)
        except StopIteration as done:
            self._limit.done()
            self._reply(done.value)
        except NeedsTask:
            self._give_to_task(partial(self._office.serving, self._visit))
        except asyncio.CancelledError as error:  # by `_end`
            raise TimeoutError from error
        else:
            self._give_to_task(partial(_Resumed, self._serving, waits_for))

    def _give_to_task(self, ask: Ask) -> None:
        self._letter.follow(self._letter.loop.create_task(self._answer(ask)))

    async def _answer(self, ask: Ask) -> None:
        try:
            answer = await self._office.answer(self._visit, ask, self._rest_of_time)
        except asyncio.CancelledError as error:  # the server ends, and has waited long enough
            self._letter.give_up(error)
            raise
        except Exception as error:  # noqa: BLE001 - a caller is on the line
            self._fail(error)
        else:
            self._send(answer)

    def _rest_of_time(self) -> Deadline:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asked in one
        return self._limit.given_to(task)

    def _reply(self, reply: Reply) -> None:
        self._send(self._office.checked(self._visit, reply))

    def _fail(self, error: Exception) -> None:
        self._limit.done()
        try:
            answer = self._office.rescue(self._visit, error)
        except Exception as worse:  # noqa: BLE001 - nothing can be said; Vonage asks again when a connection closes
            self._letter.give_up(worse)
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        """Reply, once; a webhook that is answered already stays as it is."""
        if self._letter.response_complete:
            return
        try:
            self._letter.reply(answer)
            self._office.note(self._visit, answer, self._started)
        except Exception as error:  # noqa: BLE001 - of a connection or a log; those who come next are still answered
            self._letter.give_up(error)


class _Resumed:
    """Goes on in a task with what has begun outside of one, and waits for `waits_for`."""

    def __init__(self, serving: Serving, waits_for: Any) -> None:
        self._serving = serving
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, None, Reply]:
        """What a task does with a coroutine, one step later."""
        waits_for = self._waits_for
        while True:
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - handed on to whom it is for
                step = partial(self._serving.throw, error)
            else:
                step = partial(self._serving.send, None)
            try:
                waits_for = step()
            except StopIteration as done:
                reply: Reply = done.value
                return reply
