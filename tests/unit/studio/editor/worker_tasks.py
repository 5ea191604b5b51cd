"""Tasks that the tests run in the subprocess."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ncco_studio.console.flow_proof import verdict_on
from ncco_studio.editor.worker import Worker


def double(number: int) -> int:
    return 2 * number


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def prove_when_allowed(folder: dict[str, Any], **values: Any) -> Any:
    """A proof that signals its start and waits for `allow_proof`."""
    env = folder["env"]
    with Path(env["BEGUN"]).open("a") as begun:
        begun.write("begun\n")
    while not Path(env["ALLOWED"]).exists():
        time.sleep(0.01)
    return verdict_on(folder, **values)


class Prover(Worker):
    """Makes each proof by one of the tasks here."""

    def __init__(self, proof: Callable[..., Any], seconds: float = 60) -> None:
        super().__init__(seconds=seconds)
        self._proof = proof

    async def run(self, function: Callable[..., Any], values: Mapping[str, Any], **more: Any) -> Any:
        return await super().run(self._proof, values, **more)


def proof_env(folder: Path) -> dict[str, str]:
    """The variables of a project for `prove_when_allowed`."""
    return {"BEGUN": str(folder / "begun"), "ALLOWED": str(folder / "allowed")}


def proofs_begun(folder: Path) -> int:
    file = folder / "begun"
    return len(file.read_text().splitlines()) if file.exists() else 0


async def proof_begins(folder: Path) -> None:
    """Wait until a proof has started."""
    async with asyncio.timeout(60):
        while not proofs_begun(folder):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)


def allow_proof(folder: Path) -> None:
    """Let the proof end, and all further ones."""
    (folder / "allowed").touch()


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
