"""Secrets are changed while the server runs: a file that holds one is written anew, or SIGHUP says that one is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from app.errors import SettingsError
from app.settings import Settings
from app.settings.fields import SECRETS, variable
from app.web.metrics import Metrics

LOOK_S: Final = 1.0
"""How often to look whether a file is another one than before."""

Take = Callable[[Settings], None]
"""Takes the settings with the secrets of now."""


class Rotation:
    """Hands new secrets to whoever uses them. What cannot be read or used changes nothing, and is logged.

    Args:
        settings: those of the start.
        take: see there.
        metrics: records whether the secrets were refused.
        log: where to write; never a secret.
        look_s: see `LOOK_S`.
    """

    def __init__(
        self, settings: Settings, take: Take, metrics: Metrics, log: FilteringBoundLogger, look_s: float = LOOK_S
    ) -> None:
        self._settings = settings
        self._take = take
        self._metrics = metrics
        self._log = log
        self._look_s = look_s
        self._asked = asyncio.Event()
        self._seen = self._look()

    def ask(self) -> None:
        """Read the secrets again, soon."""
        self._asked.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._asked.wait()
            seen = self._look()
            if self._asked.is_set() or seen != self._seen:
                self._asked.clear()
                self._seen = seen
                self.read()

    def read(self) -> None:
        """Read the secrets again, and hand over what has changed."""
        try:
            fresh = self._settings.with_secrets_of_now()
            changed = [variable(name) for name in SECRETS if getattr(fresh, name) != getattr(self._settings, name)]
            if changed:
                self._take(fresh)
        except SettingsError as error:
            self._metrics.secrets_read(is_refused=True)
            self._log.error("secrets not changed", setting=error.setting, problem=error.message, cure=error.cure)
            return
        except OSError as error:  # no file can be opened at this moment
            self._log.error("secrets not changed", problem=str(error), cure="send SIGHUP once it is over")
            return
        self._metrics.secrets_read(is_refused=False)
        new_warnings = [text for text in fresh.warnings if text not in self._settings.warnings]
        self._settings = fresh
        self._log.info("secrets changed" if changed else "secrets are the same", settings=changed)
        for text in new_warnings:
            self._log.warning("doubtful setting", problem=text)

    def _look(self) -> tuple[object, ...]:
        return tuple(_identity(file) for file in self._settings.secret_files)


def _identity(file: Path) -> object:
    """What tells a file from the one before; None when there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


@asynccontextmanager
async def rotating(
    settings: Settings,
    take: Take,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    on_hangup: Callable[[], None] = lambda: None,
) -> AsyncIterator[Rotation]:
    """Change secrets for as long as the application runs; SIGHUP asks for it, where the system has it.

    `on_hangup` is called on each SIGHUP too.
    """
    rotation = Rotation(settings, take, metrics, log)

    def hang_up() -> None:
        rotation.ask()
        on_hangup()

    task = asyncio.create_task(rotation.run())
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):  # no such signal, or another thread
        loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        yield rotation
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):
            loop.remove_signal_handler(signal.SIGHUP)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
