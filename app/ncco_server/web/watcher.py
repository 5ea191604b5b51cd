"""Reloads the flows when one of their files changes or a removal is confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from ncco_server.errors import AppError
from ncco_server.flow.files import Stamps, stamps
from ncco_server.raised import place_of
from ncco_server.service.library import Library
from ncco_server.service.released import CURE
from ncco_server.web.metrics import Metrics

SETTLE_S: Final = 0.1
"""Files must stay unchanged for this long, so that saving many causes one read."""
SETTLE_LIMIT_S: Final = 2.0
"""Files are then read even while they change."""
REMOVAL_WAIT_S: Final = 3.0
"""A file that is being replaced is missing for a moment."""
FIRST_TRIES: Final = 10
"""Tries at startup while the store cannot save the flows."""
FIRST_WAIT_S: Final = 0.5

ISSUES_LOGGED: Final = 100


@dataclass
class FlowReader:
    """Reads the flow files into the library, and reports to the log and the metrics.

    With `is_pretty`, the issues of a read are logged together, with the lines of the files.
    """

    folders: Sequence[Path]
    library: Library
    metrics: Metrics
    log: FilteringBoundLogger
    is_pretty: bool = field(default=False, kw_only=True)
    _seen: Stamps = field(default_factory=dict, init=False)

    async def stamps(self) -> Stamps:
        """Run in a thread, because a network drive may be slow."""
        return await asyncio.to_thread(stamps, self.folders)

    async def has_changed(self) -> bool:
        return await self.stamps() != self._seen

    async def read(self, *, confirms_removals: bool = False, removal_wait_s: float = 0.0) -> None:
        """Never raises: after a problem, the last good flows stay in use.

        A removal of what callers can reach is refused only if it lasts `removal_wait_s` seconds.
        """
        library = self.library
        log = self.log
        self._seen = await self.stamps()
        try:
            project = await library.reload(confirms_removals=confirms_removals)
            if library.removed and removal_wait_s:
                await asyncio.sleep(removal_wait_s)
                self._seen = await self.stamps()
                project = await library.reload()
        except (AppError, OSError) as error:
            log.error("flows not read", problem=str(error))
            return
        except Exception as error:  # noqa: BLE001 - an error in the loader must end neither calls nor the watcher
            log.error("flows not read", problem="internal error", **place_of(error))
            return
        self.metrics.loaded(project, library.current, len(library.removed))
        logged = sorted(project.issues, key=lambda issue: not issue.is_error)[:ISSUES_LOGGED]
        if self.is_pretty and logged:
            log.warning("flow issues", issues=logged, texts=project.texts)
        for issue in () if self.is_pretty else logged:
            write = log.error if issue.is_error else log.warning
            write(
                "flow issue",
                where=str(issue.place),
                code=issue.code,
                problem=issue.message,
                cure=issue.cure,
            )
        if more := len(project.issues) - len(logged):
            log.warning("flow issues not logged", more=more, cure="run `ncco check`")
        for place, message in library.removed:
            log.error("removal refused", where=str(place), problem=message, cure=CURE)
        if project.has_errors or library.removed:
            log.error("flows refused", in_use=sorted(library.current.flows))
        else:
            log.info("flows loaded", flows=sorted(project.flows))

    async def read_until_kept(self, *, confirms_removals: bool = False) -> None:
        """If the store cannot save the flows, retry for a few seconds."""
        for _ in range(FIRST_TRIES):
            await self.read(confirms_removals=confirms_removals)
            if not self.library.is_stale:
                return
            await asyncio.sleep(FIRST_WAIT_S)

    async def read_changes(self) -> None:
        """Compare the files: network drives, some mounts and replaced folders send no notifications."""
        if await self.has_changed():
            await self._settled()
        elif not (self.library.is_stale or await self.library.is_confirmed()):
            return
        await self.read(removal_wait_s=REMOVAL_WAIT_S)

    async def _settled(self) -> None:
        before = await self.stamps()
        for _ in range(round(SETTLE_LIMIT_S / SETTLE_S)):
            await asyncio.sleep(SETTLE_S)
            now = await self.stamps()
            if now == before:
                return
            before = now
