"""Read the flows at the start, and again whenever a file of them changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger
from watchfiles import awatch

from app.errors import AppError
from app.service.library import Library
from app.web.metrics import Metrics

LOOK_MS: Final = 1000
"""How often to look whether a folder is still the same one: a replaced folder sends no notice of its files."""
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


async def watch(folders: Sequence[Path], library: Library, metrics: Metrics, log: FilteringBoundLogger) -> None:
    """Refresh for ever. Folders may come, go and be replaced."""
    while True:
        seen = [_identity(folder) for folder in folders]
        await _watch_these(folders, seen, library, metrics, log)
        await refresh(library, metrics, log)


async def _watch_these(
    folders: Sequence[Path], seen: Sequence[object], library: Library, metrics: Metrics, log: FilteringBoundLogger
) -> None:
    """Refresh on changes, until one of the folders is another one than before."""
    there = [folder for folder, identity in zip(folders, seen, strict=True) if identity is not None]
    try:
        if there:
            async for changes in awatch(
                *there, step=SETTLE_MS, rust_timeout=LOOK_MS, yield_on_timeout=True, raise_interrupt=False
            ):
                if [_identity(folder) for folder in folders] != seen:
                    return
                if changes:
                    await refresh(library, metrics, log)
    except (OSError, RuntimeError) as error:
        log.warning("flow files cannot be watched", problem=str(error))
        await asyncio.sleep(LOOK_MS / 1000 * 10)
    while [_identity(folder) for folder in folders] == seen:  # noqa: ASYNC110 - nobody sends a notice
        await asyncio.sleep(LOOK_MS / 1000)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which folder this is; None when there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
