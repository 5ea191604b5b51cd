"""A handler whose functions note in a file when they begin and end, so that others see after a kill how often each ran.

A line of the file is `begins` or `ends`, the leg and the number of the function, what identifies the run, and the time
in nanoseconds.
"""

from __future__ import annotations

import asyncio
import os
import time
from random import random
from uuid import uuid4

from ncco_server import Call, Choice, call_flow

LONGEST_S = 0.03


def note(file: str, *words: str) -> None:
    """Add a line with the time, which a kill of this process does not tear apart."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{' '.join(words)} {time.time_ns()}\n".encode())
    os.close(handle)


async def cook(file: str, leg: str, number: str) -> str:
    """Takes up to LONGEST_S. The result identifies the run."""
    run = uuid4().hex
    note(file, "begins", leg, number, run)
    await asyncio.sleep(random() * LONGEST_S)  # noqa: S311 - no secret
    note(file, "ends", leg, number, run)
    return run


def serve(file: str, leg: str, number: str) -> str:
    """The same in a thread."""
    run = uuid4().hex
    note(file, "begins", leg, number, run)
    time.sleep(random() * LONGEST_S)  # noqa: S311 - no secret
    note(file, "ends", leg, number, run)
    return run


@call_flow(default=True)
async def kitchen(call: Call) -> None:
    """Asks what to do next, and does it with two functions, up to five times."""
    await call.talk(f"Welcome, {await call.run(cook, call.env['RAN'], call.uuid, '0', limit_ms=2000)}.")
    for number in range(5):
        choice = await call.choose(
            "For soup, press 1. For bread, press 2. For help, press 3.",
            {"soup": Choice(1), "bread": Choice(2), "help": Choice(3)},
            tries=2,
        )
        cooked = await call.run(cook, call.env["RAN"], call.uuid, f"{number}-cook", limit_ms=2000)
        served = await call.run(serve, call.env["RAN"], call.uuid, f"{number}-serve", limit_ms=2000)
        await call.talk(f"{choice}: {cooked}, {served}.")
        if choice is None:
            return
        if choice == "help":
            outcome = await call.connect("447700900111", timeout=20, ends_call=False)
            await call.talk(f"{outcome}: {await call.run(cook, call.env['RAN'], call.uuid, f'{number}-help')}.")
