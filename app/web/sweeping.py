"""Deletes old calls for as long as the application runs, and logs how many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from app.service.calls import CallService
from app.service.retention import Sweeper, Swept


def sweeper(days: int, service: CallService, log: FilteringBoundLogger, clock: Callable[[], datetime]) -> Sweeper:
    """What sweeps the store of a service."""

    def told(swept: Swept) -> None:
        if swept.problem:
            log.warning("old calls not deleted", **swept._asdict())
        else:
            log.info("old calls deleted", rows=swept.rows, revisions=swept.revisions)

    return Sweeper(service.store, service.library, days, told, clock=clock)
