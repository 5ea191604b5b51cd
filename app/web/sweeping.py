"""Deletes old calls for as long as the application runs, and logs how many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from app.errors import SettingsError
from app.service.calls import CallService
from app.service.retention import Sweeper, Swept
from app.store.retention import Retention


def sweeper(days: int, service: CallService, log: FilteringBoundLogger, clock: Callable[[], datetime]) -> Sweeper:
    """What sweeps the store of a service. Raises SettingsError for a store that cannot forget."""
    store = service.store
    if not isinstance(store, Retention):
        cure = "Take it away, or keep calls in another database."
        raise SettingsError("NCCO_RETENTION_DAYS", "is set, and this database cannot delete old calls", cure)

    def told(swept: Swept) -> None:
        if swept.problem:
            log.warning("old calls not deleted", **swept._asdict())
        else:
            log.info("old calls deleted", rows=swept.rows, revisions=swept.revisions)

    return Sweeper(store, service.library, days, told, clock=clock)
