"""Functions that note in a file when they begin and end, so that others see after a kill how often each ran.

A line of the file is `begins` or `ends`, the leg and the number of the function, what identifies the run, and the time
in nanoseconds.
"""

from __future__ import annotations

import asyncio
import os
import time
from random import random
from uuid import uuid4

LONGEST_S = 0.03
GREETING = "This is the kitchen"


def note(file: str, *words: str) -> None:
    """Add a line with the time, which a kill of this process does not tear apart."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{' '.join(words)} {time.time_ns()}\n".encode())
    os.close(handle)


async def boil(file: str, leg: str, number: str) -> str:
    """Takes up to LONGEST_S. The result identifies the run."""
    run = uuid4().hex
    note(file, "begins", leg, number, run)
    await asyncio.sleep(random() * LONGEST_S)  # noqa: S311 - no secret
    note(file, "ends", leg, number, run)
    return run


def bake(file: str, leg: str, number: str) -> str:
    """The same in a thread."""
    run = uuid4().hex
    note(file, "begins", leg, number, run)
    time.sleep(random() * LONGEST_S)  # noqa: S311 - no secret
    note(file, "ends", leg, number, run)
    return run
