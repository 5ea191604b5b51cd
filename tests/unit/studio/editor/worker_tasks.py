"""Tasks that the tests run in the subprocess. They import little: each test starts one."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def double(number: int) -> int:
    return 2 * number


def ask_twice(ask: Callable[[object], object], first: int) -> object:
    return ask({"number": ask({"number": first})})


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def spin(**_: object) -> None:
    while True:
        pass


def run_out_of_time(**_: object) -> None:
    """Be stopped as by the timer, on a busy machine too."""
    os.kill(os.getpid(), signal.SIGPROF)


def allocate(size: int) -> int:
    return len(bytearray(size))


def open_files() -> list[int]:
    """The inodes of the open files."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208 - of numbers
        with suppress(OSError):
            found.append(os.fstat(int(descriptor)).st_ino)
    return found


def pid() -> int:
    return os.getpid()


def environment() -> list[str]:
    return sorted(os.environ)


def chatter() -> str:
    print("what is printed is no reply", flush=True)  # noqa: T201 - it is what is tested
    return "heard"


def fail(**_: object) -> None:
    sys.excepthook = lambda *_: None
    raise ValueError


def be_killed(begun: str, times: int) -> str:
    """Die by SIGKILL the first `times` times; each call adds a line to the file `begun`."""
    with Path(begun).open("a+") as file:
        file.write("begun\n")
        file.seek(0)
        calls = len(file.readlines())
    if calls <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die(**_: object) -> None:
    os._exit(3)
