"""A line editor for a terminal, with history and completion."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout


class TerminalPrompt:
    """See `Prompt`.

    Its history ends with the command: what callers key in may be PINs, and no file is to keep them.
    """

    is_person = True
    runs_beside = True

    def __init__(self, **wires: Any) -> None:
        self.offers: Sequence[str] = ()
        self._ask = ""
        self._is_reading = False
        self._first: asyncio.Future[str | None] | None = None
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), completer=_Offers(self), complete_while_typing=False, **wires
        )

    async def read(self, ask: str = "> ") -> str | None:
        """See `Prompt`. What is printed meanwhile stands above the line.

        Whoever asks while another waits gets the next line, and the other one the line after it.
        """
        if self._is_reading:
            return await self._read_first(ask)
        self._is_reading = True
        try:
            while True:
                self._ask = ask
                line = await self._line()
                if self._first is None:
                    return line
                self._first.set_result(line)
                self._first = None
        finally:
            self._is_reading = False

    async def _read_first(self, ask: str) -> str | None:
        self._ask, self._first = ask, asyncio.get_running_loop().create_future()
        self._session.app.invalidate()
        return await self._first

    async def _line(self) -> str | None:
        try:
            with patch_stdout(raw=True):
                return await self._session.prompt_async(lambda: self._ask)
        except (EOFError, KeyboardInterrupt):
            return None


class _Offers(Completer):
    """Completes the last thing on the line by what can be typed now."""

    def __init__(self, prompt: TerminalPrompt) -> None:
        self._prompt = prompt

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Those that begin as it does."""
        begun = document.text_before_cursor.rpartition(";")[2].lstrip()
        for offer in self._prompt.offers:
            if offer.startswith(begun.lower()):
                yield Completion(offer, start_position=-len(begun))
