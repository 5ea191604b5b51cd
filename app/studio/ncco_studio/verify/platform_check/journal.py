"""The record of a check, from which a check that was stopped or killed goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from ncco_server.errors import AppError
from ncco_server.flow.files import replace_text

FILE: Final = Path(".ncco-platform-check.json")


class Observation(BaseModel):
    """One run's values by the names of assumptions, without those that stayed unknown."""

    probe: str
    seen: dict[str, Any]
    cost_eur: float


class UnfinishedRun(BaseModel):
    """A run whose call has been placed, or is about to be.

    Attributes:
        cost_eur: what it costs at most.
        uuids: the placed calls, as far as they are known.
    """

    probe: str
    cost_eur: float
    uuids: list[str] = []


class JournalUnusable(AppError):
    """The record cannot be read."""


class Journal(BaseModel):
    """Everything that a check has done.

    Attributes:
        numbers: the two numbers that call each other.
        urls: the application's webhook URLs before and since, as in `ncco_server.desk.application_urls`; {} once put
            back.
        observations: of finished runs, in order.
        placing: the run in progress; None between runs.
        interrupted: probes with a run that was cut off, not repeated by itself: its call may have been placed.
    """

    application_id: str
    numbers: tuple[str, str]
    urls: dict[str, Any] = {}
    observations: list[Observation] = []
    placing: UnfinishedRun | None = None
    interrupted: list[UnfinishedRun] = []

    @property
    def spent_eur(self) -> float:
        """What has been spent, at most."""
        cut_off = [*self.interrupted, *([self.placing] if self.placing else ())]
        return sum(
            [observation.cost_eur for observation in self.observations] + [each.cost_eur for each in cut_off], 0.0
        )

    def save(self, folder: Path) -> None:
        """Replace the file atomically and durably, readable only by its owner, since it holds numbers."""
        replace_text(folder / FILE, self.model_dump_json(indent=2) + "\n", mode=0o600)


def read_journal(folder: Path) -> Journal | None:
    """None if no check is in progress. Raises JournalUnusable."""
    try:
        journal = Journal.model_validate_json((folder / FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise JournalUnusable(f"{folder / FILE} cannot be read", "Delete it to begin again.") from error
    if journal.placing is not None:
        journal.interrupted.append(journal.placing)
        journal.placing = None
    return journal
