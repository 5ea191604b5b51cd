"""Leases for work of one process at a time: rows that the holder changes every few seconds.

They contain no time, because the clocks of hosts differ (docs/decisions.md).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ncco_server.store.database import InDatabase, Work, in_one_transaction
from ncco_server.store.sql import LEASES_TABLE, Sql

SELECT: Final = Sql(f"SELECT holder, beat FROM {LEASES_TABLE} WHERE name = $1")
CHANGE: Final = Sql(f"""
    INSERT INTO {LEASES_TABLE} (name, holder, beat) VALUES ($1, $2, 1)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, beat = {LEASES_TABLE}.beat + 1
    WHERE {LEASES_TABLE}.beat = $3
    RETURNING beat
""")


class LeaseRow(NamedTuple):
    """A random name of the holder ("": none), and how often the row has changed."""

    holder: str = ""
    beat: int = 0


class Leases(InDatabase):
    """The leases in an open database."""

    async def get(self, name: str) -> LeaseRow:
        return await self.one(LeaseRow._make, SELECT, name) or LeaseRow()

    @in_one_transaction
    def change(self, name: str, holder: str, seen: LeaseRow) -> Work[bool]:
        """Take, renew or (with "") release a lease; False if the row has changed since it was seen."""
        return bool((yield CHANGE, (name, holder, seen.beat)))
