"""Where a person types: lines of a pipe or of a plain terminal. `terminal` has the pleasant one."""

from __future__ import annotations

import importlib
import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Protocol, TextIO

import click


class Prompt(Protocol):
    """Asks a person for lines.

    Attributes:
        is_person: whether somebody sits there, who can be asked more than what a script would hold.
        runs_beside: whether the call may go on while it waits for a line.
        offers: what can be typed now, for completion.
    """

    is_person: bool
    runs_beside: bool
    offers: Sequence[str]

    async def read(self, ask: str = "> ") -> str | None:
        """The next line; None when there will be none any more (the end of the input, Ctrl-C, Ctrl-D)."""


class PlainPrompt:
    """Lines as they come. Somebody who looks at a terminal sees where to type."""

    runs_beside = False

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: TextIO = stream or _standard_input()
        self.is_person = self._stream.isatty()
        self.offers: Sequence[str] = ()

    async def read(self, ask: str = "> ") -> str | None:
        """See `Prompt`. It holds up everything else, which has to wait for the line anyway."""
        if self.is_person:
            click.echo(ask, nl=False)
        try:
            with _interruptible():
                line = self._stream.readline()
        except KeyboardInterrupt:
            line = ""
        if not line and self.is_person:
            click.echo()
        return line.rstrip("\r\n") if line else None


def _standard_input() -> TextIO:
    """Standard input; what is no UTF-8 in it becomes a mark."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    return sys.stdin


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a blocking read; the event loop's own handler would only note it for later."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def find_prompt() -> Prompt:
    """The pleasant one in a terminal that has prompt_toolkit, else the plain one."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if is_terminal and importlib.util.find_spec("prompt_toolkit") is not None:
        prompt: Prompt = importlib.import_module("app.cli.simulating.terminal").TerminalPrompt()
        return prompt
    return PlainPrompt()
