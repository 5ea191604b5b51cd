"""Where a person types: a line editor in a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Protocol

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout


class InputPrompt(Protocol):
    """Reads lines from a person or a script.

    Attributes:
        is_person: whether a person types, who can be asked for more than a script would hold.
        runs_beside: whether the call may go on while it waits for a line.
        offers: what can be typed now, for completion.
    """

    is_person: bool
    runs_beside: bool
    offers: Sequence[str]

    async def read(self, ask: str = "> ") -> str | None:
        """The next line; None when there will be none any more (the end of the input, Ctrl-C, Ctrl-D)."""


def find_prompt() -> InputPrompt:
    """The line editor when a person sits at a terminal, else plain lines."""
    return TerminalPrompt() if sys.stdin.isatty() and sys.stdout.isatty() else PlainPrompt()


class PlainPrompt:
    """Lines as they come. Somebody who looks at a terminal sees where to type."""

    runs_beside = False

    def __init__(self) -> None:
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        self.is_person = sys.stdin.isatty()
        self.offers: Sequence[str] = ()

    async def read(self, ask: str = "> ") -> str | None:
        """See `InputPrompt`. It holds up everything else, which has to wait for the line anyway."""
        if self.is_person:
            click.echo(ask, nl=False)
        try:
            with _interruptible():
                line = sys.stdin.readline()
        except KeyboardInterrupt:
            line = ""
        if not line and self.is_person:
            click.echo()
        return line.rstrip("\r\n") if line else None


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


class TerminalPrompt(Completer):
    """See `InputPrompt`.

    Its history ends with the command: what callers key in may be PINs, and no file is to keep them.
    """

    is_person = True
    runs_beside = True

    def __init__(self) -> None:
        self.offers: Sequence[str] = ()
        self._ask = ""
        self._is_reading = False
        self._first: asyncio.Future[str | None] | None = None
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), completer=self, complete_while_typing=False
        )

    async def read(self, ask: str = "> ") -> str | None:
        """See `InputPrompt`. What is printed meanwhile appears above the line.

        A second reader gets the next line, and the first one the line after it.
        """
        self._ask = ask
        if self._is_reading:
            self._first = asyncio.get_running_loop().create_future()
            self._session.app.invalidate()
            return await self._first
        self._is_reading = True
        try:
            while True:
                line = await self._line()
                if self._first is None:
                    return line
                self._ask, first, self._first = ask, self._first, None
                first.set_result(line)
        finally:
            self._is_reading = False

    async def _line(self) -> str | None:
        try:
            with patch_stdout(raw=True):
                return await self._session.prompt_async(lambda: self._ask)
        except (EOFError, KeyboardInterrupt):
            return None

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What can be typed now that begins as the last thing on the line does."""
        begun = document.text_before_cursor.rpartition(";")[2].lstrip()
        for offer in self.offers:
            if offer.startswith(begun.lower()):
                yield Completion(offer, start_position=-len(begun))
