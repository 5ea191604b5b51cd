"""Stops asking a host that keeps failing, for a while: its callers get the default at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import HALF_OPENED, OpenedState

from app.service.lookups.problem import Problem

FAILURES: Final = 5
"""How often in a row a host may fail before it is left alone."""

PAUSE_S: Final = 10.0
"""For how long; then one call asks again, for all."""


class Circuits:
    """One circuit a host or a function."""

    def __init__(self, failures: int = FAILURES, pause_s: float = PAUSE_S) -> None:
        self._failures = failures
        self._breakers = AsyncCircuitBreakerFactory(default_threshold=failures, default_ttl=pause_s)
        self._probing: set[str] = set()

    @asynccontextmanager
    async def passing(self, name: str) -> AsyncIterator[None]:
        """Ask `name` within. Raises Problem when it is left alone.

        A Problem that is a failure counts; any other says that somebody answered. What is cut short from outside says
        nothing.
        """
        breaker = await self._breakers.get_breaker(name)
        if name in self._probing:
            raise self._open(name)
        try:
            await breaker.__aenter__()
        except OpenedState:
            raise self._open(name) from None
        is_probe = breaker.context.state == HALF_OPENED
        if is_probe:
            self._probing.add(name)
        try:
            yield
        except Problem as problem:
            failure = problem if problem.is_failure else None
            await breaker.__aexit__(type(failure) if failure else None, failure, None)
            raise
        else:
            await breaker.__aexit__(None, None, None)
        finally:
            if is_probe:
                self._probing.discard(name)

    def _open(self, name: str) -> Problem:
        return Problem(f"not asked: {name} has failed {self._failures} times in a row and gets a pause")
