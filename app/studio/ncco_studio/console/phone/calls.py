"""The people who use the phone. Each has a subprocess that plays their calls.

A call that computes for long delays nobody else, and can be killed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fastapi import HTTPException, Request

from ncco_server.service.jobs import JobListener, every
from ncco_studio.console.audit import audit
from ncco_studio.console.phone.player import NO_CALL, play
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.editor.worker import Answer, Reason, Worker, WorkNotDone

IDLE_S: Final = 600.0
"""Real seconds without a request until a person's calls are ended."""
MOST_PEOPLE: Final = 3
"""If another person calls, the calls of the one who was idle longest are ended."""
MOST_S: Final = 15.0
"""Processor seconds per request; a call is stopped earlier if possible (`LONGEST_ACT_S`)."""
LOOKS_S: Final = 2.0
"""Between checks whether the waiting page is still open. Shorter work always runs to the end."""
_LOST: Final[Mapping[Reason, tuple[int, str]]] = {
    "time": (422, "this call took too long, so it was ended; call again"),
    "memory": (422, "this call took too much memory, so it was ended; call again"),
    "busy": (503, "this machine is too busy at the moment; try again, or call again"),
}
_ENDED: Final = (503, "something outside the console ended this call; call again")

T = TypeVar("T")


async def _no_rows(_: object) -> Any:
    return None


@dataclass
class Person:
    """A user of the phone.

    Attributes:
        asking: number of requests in progress.
    """

    worker: Worker
    used_at: float = field(default_factory=time.monotonic)
    asking: int = 0


class PhoneCalls:
    """The current users of the phone.

    Attributes:
        make_worker: creates the subprocess for a session.
    """

    def __init__(self) -> None:
        self.make_worker: Callable[[ConsoleSession], Worker] = lambda _: Worker(seconds=MOST_S)
        self._people: dict[str, Person] = {}
        self._ending: asyncio.Task[None] | None = None

    async def person(self, session: ConsoleSession) -> Person:
        """The person of this session; somebody else's calls end if there are too many people."""
        while session.id not in self._people and len(self._people) >= MOST_PEOPLE:
            ended, _ = min(self._people.items(), key=lambda each: (each[1].asking > 0, each[1].used_at))
            await self._people.pop(ended).worker.close()
        if session.id not in self._people:
            self._people[session.id] = Person(self.make_worker(session))
        if self._ending is None:
            self._ending = asyncio.create_task(every(IDLE_S / 10, self._end_idle, "end-idle-calls", JobListener()))
        return self._people[session.id]

    async def ask(
        self, request: Request, session: ConsoleSession, method: str, *, answer: Answer = _no_rows, **values: Any
    ) -> dict[str, Any]:
        """Run a method of `PhonePlayer` in the subprocess; stop it if the page is closed. Raises HTTPException.

        `answer` gets the rows that `StoredRows` asks for.
        """
        if "id_" in values and session.id not in self._people:
            raise HTTPException(404, NO_CALL)
        person = await self.person(session)
        person.asking += 1
        try:
            asked = person.worker.run(play, {"method": method, "values": values}, answer=answer)
            shown: dict[str, Any] = await _while_open(request, asked)
        except WorkNotDone as error:
            audit(request, "calls ended", is_refused=True, why=error.reason)
            raise HTTPException(*_LOST.get(error.reason, _ENDED)) from error
        finally:
            person.asking -= 1
            person.used_at = time.monotonic()
        if "not_played" in shown:
            raise HTTPException(*shown["not_played"])
        return shown

    async def _end_idle(self) -> None:
        now = time.monotonic()
        for id_, person in list(self._people.items()):
            if not person.asking and now - person.used_at > IDLE_S:
                del self._people[id_]
                await person.worker.close()

    async def close(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        for person in self._people.values():
            await person.worker.close()


async def _while_open(request: Request, work: Awaitable[T]) -> T:
    """Await `work`; cancel it if the waiting page is closed."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait((task,), timeout=LOOKS_S))[0]:
            if await request.is_disconnected():
                raise HTTPException(503, "the page was closed")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
