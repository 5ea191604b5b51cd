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
from app.service.library import Library
from app.web.metrics import Metrics

LOOK_MS: Final = 1000
"""How often to look whether a folder is still the same one: a replaced folder sends no notice of its files."""
AGAIN_S: Final = 30.0
"""How long to wait when the files could not be watched in any way."""
FIRST_TRIES: Final = 10
"""How often the flows are read at the start while the store cannot keep them."""
SETTLE_MS: Final = 100
"""How long files must be quiet, so that a save of many files is read once."""


async def refresh(library: Library, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Read the flows once. Raises nothing: whatever is wrong, the last good flows stay in use."""
    try:
        read = await library.reload()
    except (AppError, OSError) as error:
        log.error("flows not read", problem=str(error))
        return
    except Exception:  # a fault of the loader must end neither the calls nor the watching
        log.exception("flows not read", problem="internal error")
        return
    metrics.loaded(read, library.current)
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
    if read.has_errors:
        log.error("flows refused", in_use=sorted(library.current.flows))
    else:
        log.info("flows loaded", flows=sorted(read.flows))


async def first_read(library: Library, metrics: Metrics, log: FilteringBoundLogger, *, wait_s: float = 0.5) -> None:
    """Read the flows at the start; a store that is away for a moment is asked again, for some seconds."""
    for _ in range(FIRST_TRIES):
        await refresh(library, metrics, log)
        if not library.is_stale:
            return
        await asyncio.sleep(wait_s)


async def watch(
    folders: Sequence[Path],
    library: Library,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    look_ms: int = LOOK_MS,
    again_s: float = AGAIN_S,
) -> None:
    """Refresh for ever. Folders may come, go and be replaced, which is noticed within `look_ms`.

    Where the system gives no notices, the files are looked at one by one; where that fails too, as when no file can be
    opened for a while, both are tried again after `again_s`.
    """
    while True:
        for polls in (False, True):
            try:
                while True:
                    await _until_replaced(folders, library, metrics, log, look_ms=look_ms, polls=polls)
                    await refresh(library, metrics, log)
            except (OSError, RuntimeError, ExceptionGroup) as error:
                log.warning("flow files cannot be watched", polls=polls, problem=str(_cause(error)))
        await asyncio.sleep(again_s)
        await refresh(library, metrics, log)


def _cause(error: Exception) -> Exception:
    """What went wrong: the watching library wraps it in a group."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _until_replaced(
    folders: Sequence[Path],
    library: Library,
    metrics: Metrics,
    log: FilteringBoundLogger,
    *,
    look_ms: int,
    polls: bool,
) -> None:
    """Refresh on every change, until one of the folders is another one than before."""
    seen = [_identity(folder) for folder in folders]
    there = [folder for folder, identity in zip(folders, seen, strict=True) if identity is not None]
    async with aclosing(_changes(there, look_ms, polls)) as changes:
        async for is_changed in changes:
            if [_identity(folder) for folder in folders] != seen:
                return
            if is_changed or library.is_stale:
                await refresh(library, metrics, log)


async def _changes(folders: Sequence[Path], look_ms: int, polls: bool) -> AsyncGenerator[bool, None]:
    """Whether a file has changed: told when one has, and every `look_ms`."""
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
