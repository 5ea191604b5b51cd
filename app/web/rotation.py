"""Changes secrets while the server runs: when a file that holds one is written, and on SIGHUP."""

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
from app.web.background import running
from app.web.metrics import Metrics

LOOK_S: Final = 1.0
"""How often the files are compared."""

UseSecrets = Callable[[Settings], None]
"""Uses the secrets of these settings from now on. Raises SettingsError, and changes nothing then."""


@asynccontextmanager
async def rotating_secrets(
    settings: Settings,
    use: UseSecrets,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    on_hangup: Callable[[], None] = lambda: None,
    look_s: float = LOOK_S,
) -> AsyncIterator[None]:
    """Change secrets for as long as the application runs; `on_hangup` is called on each SIGHUP, too."""
    asked = asyncio.Event()

    def hang_up() -> None:
        asked.set()
        on_hangup()

    loop = asyncio.get_running_loop()
    rotation = _Rotation(settings, use, metrics, log)
    async with running(rotation.run(asked, look_s)):
        with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):  # no such signal, or a thread
            loop.add_signal_handler(signal.SIGHUP, hang_up)
        try:
            yield
        finally:
            with suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):
                loop.remove_signal_handler(signal.SIGHUP)


class _Rotation:
    """The settings whose secrets are in use, and how they are replaced."""

    def __init__(self, settings: Settings, use: UseSecrets, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._settings = settings
        self._use = use
        self._metrics = metrics
        self._log = log
        self._seen = self._files()

    async def run(self, asked: asyncio.Event, look_s: float) -> None:
        """Read the secrets whenever `asked` is set, or one of their files has changed."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(look_s):
                    await asked.wait()
            now = self._files()
            if asked.is_set() or now != self._seen:
                asked.clear()
                self._seen = now
                self._read()

    def _read(self) -> None:
        """Read the secrets again. What cannot be read or used changes nothing, and is logged."""
        before, log = self._settings, self._log
        try:
            fresh = before.with_secrets_of_now()
            changed = [variable(name) for name in SECRETS if getattr(fresh, name) != getattr(before, name)]
            if changed:
                self._use(fresh)
        except SettingsError as error:
            self._metrics.secrets_read(is_refused=True)
            log.error("secrets not changed", setting=error.setting, problem=error.message, cure=error.cure)
            return
        except OSError as error:  # no file can be opened at this moment
            log.error("secrets not changed", problem=str(error), cure="send SIGHUP once it is over")
            return
        self._metrics.secrets_read(is_refused=False)
        self._settings = fresh
        log.info("secrets changed" if changed else "secrets are the same", settings=changed)
        for text in fresh.warnings:
            if text not in before.warnings:
                log.warning("doubtful setting", problem=text)

    def _files(self) -> list[tuple[int, int, int, int] | None]:
        return [_identity(file) for file in self._settings.secret_files]


def _identity(file: Path) -> tuple[int, int, int, int] | None:
    """What distinguishes a file from the one before; None when there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
