"""A process that looks after the calls of a database, beside others.

python job_process.py URL MINUTES     MINUTES: how far its clock is ahead
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from ncco_server.flow.loader import load
from ncco_server.service.call_results import add_up
from ncco_server.service.jobs import JobListener, every
from ncco_server.service.library import Library
from ncco_server.service.retention import sweep_calls
from ncco_server.store import open_store

KEPT_FOR = timedelta(days=30)


async def main(url: str, ahead: timedelta) -> None:
    """Do the work until killed."""
    async with open_store(url) as store:
        library = Library(store, lambda: load({}))

        async def add_up_results() -> float:
            await add_up(store)
            return 0.01

        async def delete() -> None:
            await sweep_calls(store, library, datetime.now(UTC) + ahead, KEPT_FOR)

        await asyncio.gather(*(every(0.05, job, "job", JobListener()) for job in (add_up_results, delete)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], timedelta(minutes=float(sys.argv[2]))))
