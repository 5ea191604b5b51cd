"""Programs in a terminal: what a person types and sees."""

from __future__ import annotations

import os
import termios
from collections.abc import Mapping
from pathlib import Path

import pexpect
from pexpect.fdpexpect import fdspawn

from tests.support.fork_server import Forked


class Terminal:
    """A program in a terminal, and everything that it has shown.

    It is not the program's controlling terminal, so keys send no signals. With `has_own_session`, signals of a shell
    do not reach it either.
    """

    def __init__(self, cwd: Path, env: Mapping[str, str], *words: str, has_own_session: bool = False) -> None:
        self.shown = ""
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (50, 160))
        self.process = Forked(
            words, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=has_own_session
        )
        os.close(theirs)
        self._child = fdspawn(ours, encoding="utf-8", timeout=120)

    def sees(self, text: str) -> None:
        """Wait until the program shows `text` after the text seen before."""
        self._child.expect_exact(text)
        self.shown += f"{self._child.before}{text}"

    def send(self, keys: str) -> None:
        self._child.send(keys)

    def ends(self) -> int:
        """Read the output to its end. Returns the exit code."""
        self._child.expect(pexpect.EOF)
        self.shown += f"{self._child.before}"
        self._child.close()
        return self.process.wait(60)

    def close(self) -> None:
        """Kill the program, in case a test failed before it ended."""
        self.process.kill()
        self.process.wait()
        self._child.close()
