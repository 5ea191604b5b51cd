"""Probes the store, so that calls are answered without it while it is unavailable."""

from __future__ import annotations

import asyncio
from typing import Final

from ncco_server.errors import StoreUnavailable
from ncco_server.service.jobs import JOBS
from ncco_server.store import Store

PROBE_S: Final = JOBS["probe-store"]
"""This is also the time limit of a probe."""
AWAY_AFTER: Final = 2
"""So many failed probes in a row are an outage.

Vonage's retry outlasts a shorter one and gets the whole flow; our choice.
"""


class StoreProbe:
    """The latest probes of the store, in the background, because a probe writes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failed = 0
        self.problem = "the store has not been checked yet"

    @property
    def outage(self) -> str:
        """Return "" until the store has been unavailable for some time."""
        return self.problem if self._failed >= AWAY_AFTER else ""

    async def run(self) -> None:
        try:
            async with asyncio.timeout(PROBE_S):
                await self._store.check()
        except StoreUnavailable as error:
            self.problem = f"the store cannot be written to: {error}"
        except TimeoutError:
            self.problem = f"the store does not answer within {PROBE_S:g} seconds"
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end the probing
            self.problem = f"the store cannot be checked: {type(error).__name__}"
        else:
            self.problem = ""
        self._failed = self._failed + 1 if self.problem else 0
