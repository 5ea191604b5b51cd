"""What a long run of `tests.system.promises` is given, and what it returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.support import postgres_server


@dataclass(frozen=True, slots=True)
class Trial:
    """One run.

    Attributes:
        folder: an empty folder.
        database: the kind of database: `sqlite`, `postgres`, or `hosts` for two hosts on PostgreSQL.
        size: how many kills, races, calls, values or seconds.
        is_long: whether it is the long form.
    """

    folder: Path
    database: str
    size: int
    seed: int
    is_long: bool

    def url(self) -> str:
        """The URL of a SQLite file in the folder, or of a PostgreSQL database without rows."""
        if self.database == "sqlite":
            return f"sqlite:///{self.folder}/calls.db"
        postgres_server.empty()
        return postgres_server.shared_server().url(postgres_server.shared_database())


class Outcome(NamedTuple):
    """What was seen, and the promises that were broken."""

    seen: Iterable[str]
    faults: Iterable[str]


def counted(faults: Mapping[str, int]) -> list[str]:
    """The faults that occurred, with how often they did."""
    return [f"{fault}: {count}" for fault, count in faults.items() if count]
