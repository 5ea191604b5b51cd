"""What the tests let the subprocess do."""

from __future__ import annotations

import os
import sys
import time
from typing import Any


def double(number: int) -> int:
    return 2 * number


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def prove_long(**_: object) -> None:
    time.sleep(3)
    raise MemoryError


def prove_slowly(**_: object) -> dict[str, Any]:
    time.sleep(2)
    return {"verdict": "proved", "stopped": "", "states": 1, "sampled": [], "violations": []}


def spin(**_: object) -> None:
    while True:
        pass


def allocate(size: int) -> int:
    return len(bytearray(size))


def environment() -> list[str]:
    return sorted(os.environ)


def chatter() -> str:
    print("what is printed is no reply", flush=True)  # noqa: T201 - it is what is tested
    return "heard"


def fail(**_: object) -> None:
    sys.excepthook = lambda *_: None
    raise ValueError


def die(**_: object) -> None:
    os._exit(3)
