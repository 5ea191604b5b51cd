"""Read the flows at the start, and again whenever a file of them changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger
from watchfiles import awatch

from app.errors import AppError
from app.flow.stamps import Stamps, stamps
from app.service.library import CURE, Library
from app.web.metrics import Metrics

LOOK_MS: Final = 1000
"""How often to look at the files themselves: a replaced folder and some mounts send no notice of theirs."""
AGAIN_S: Final = 30.0
"""How long to wait when the files could not be watched in any way."""
FIRST_TRIES: Final = 10
"""How often the flows are read at the start while the store cannot keep them."""
SETTLE_MS: Final = 100
"""How long files must be quiet, so that a save of many files is read once."""
HOLD_S: Final = 3.0
"""How long a removal is held back before it is refused: files that are replaced are gone for a moment."""


async def refresh(
    library: Library,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    confirms_removals: bool = False,
    hold_s: float = 0.0,
) -> None:
    """Read the flows once. Raises nothing: whatever is wrong, the last good flows stay in use.

    When something is gone that callers can reach, the flows are read again `hold_s` seconds later, and only then
    refused and reported.
    """
    try:
        read = await library.reload(confirms_removals=confirms_removals)
        if library.removed and hold_s:
            await asyncio.sleep(hold_s)
            read = await library.reload()
    except (AppError, OSError) as error:
        log.error("flows not read", problem=str(error))
        return
    except Exception:  # a fault of the loader must end neither the calls nor the watching
        log.exception("flows not read", problem="internal error")
        return
    metrics.loaded(read, library.current, len(library.removed))
    for issue in read.issues:
        place = issue.place
        write = log.error if issue.is_error else log.warning
        write(
            "flow issue",
            where=f"{place.file}:{place.line}:{place.column}",
            code=issue.code,
            problem=issue.message,
            cure=issue.cure,
        )
    for place, message in library.removed:
        log.error("removal refused", where=f"{place.file}:{place.line}:{place.column}", problem=message, cure=CURE)
    if read.has_errors or library.removed:
        log.error("flows refused", in_use=sorted(library.current.flows))
    else:
        log.info("flows loaded", flows=sorted(read.flows))


async def first_read(
    library: Library,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    confirms_removals: bool = False,
    wait_s: float = 0.5,
) -> None:
    """Read the flows at the start; a store that is away for a moment is asked again, for some seconds."""
    for _ in range(FIRST_TRIES):
        await refresh(library, metrics, log, confirms_removals=confirms_removals)
        if not library.is_stale:
            return
        await asyncio.sleep(wait_s)


async def watch(
    folders: Sequence[Path],
    library: Library,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    seen: Stamps | None = None,
    look_ms: int = LOOK_MS,
    again_s: float = AGAIN_S,
) -> None:
    """Refresh for ever. `seen` are the stamps of the folders before the flows were read; by default those of now.

    The system's notices are only the faster way: the stamps are compared every `look_ms` too, so that nothing is missed
    that was saved before the notices began, or where there are none, as on some network drives and mounts. Folders may
    come, go and be replaced. Where the files cannot be watched at all, as when no file can be opened for a while, it is
    tried again after `again_s`.
    """
    watching = _Watching(folders, library, metrics, log, look_ms=look_ms)
    watching.seen = await watching.stamps() if seen is None else seen
    while True:
        for polls in (False, True):
            try:
                while True:
                    await watching.until_replaced(polls=polls)
            except (OSError, RuntimeError, ExceptionGroup) as error:
                log.warning("flow files cannot be watched", polls=polls, problem=str(_cause(error)))
        await asyncio.sleep(again_s)
        await watching.refresh()


def _cause(error: Exception) -> Exception:
    """What went wrong: the watching library wraps it in a group."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


class _Watching:
    """The folders, and how they were when they were read last.

    Attributes:
        seen: the stamps of the files before the last read.
    """

    def __init__(
        self, folders: Sequence[Path], library: Library, metrics: Metrics, log: FilteringBoundLogger, *, look_ms: int
    ) -> None:
        self._folders = folders
        self._library = library
        self._metrics = metrics
        self._log = log
        self._look_ms = look_ms
        self.seen: Stamps = {}

    async def stamps(self) -> Stamps:
        """Those of now; in a thread, since a network drive may take its time."""
        return await asyncio.to_thread(stamps, self._folders)

    async def refresh(self) -> None:
        """Read the flows; whatever is saved meanwhile counts as a change again."""
        self.seen = await self.stamps()
        await refresh(self._library, self._metrics, self._log, hold_s=HOLD_S)

    async def until_replaced(self, *, polls: bool) -> None:
        """Refresh on every change, until one of the folders is another one than before."""
        watched = [_identity(folder) for folder in self._folders]
        there = [folder for folder, identity in zip(self._folders, watched, strict=True) if identity is not None]
        async with aclosing(_changes(there, self._look_ms, polls)) as changes:
            async for is_told in changes:
                is_replaced = [_identity(folder) for folder in self._folders] != watched
                if is_told or is_replaced or self._library.is_stale or await self.stamps() != self.seen:
                    await self.refresh()
                if is_replaced:
                    return


async def _changes(folders: Sequence[Path], look_ms: int, polls: bool) -> AsyncGenerator[bool, None]:
    """Whether the system tells of a change: looked for at least every `look_ms`."""
    while not folders:
        await asyncio.sleep(look_ms / 1000)
        yield False
    found = awatch(
        *folders,
        step=SETTLE_MS,
        rust_timeout=look_ms,
        yield_on_timeout=True,
        force_polling=polls or None,
    )
    async for files in found:
        yield bool(files)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which folder this is; None when there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
