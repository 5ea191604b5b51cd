"""What handlers' functions have returned in turns that are not stored yet.

A webhook repeated after the process died finds the result here. The turn's transaction deletes it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ncco_server.store.database import InDatabase, Work
from ncco_server.store.sql import FUNCTION_RESULTS_TABLE, Sql

SELECT: Final = Sql(f"""
    SELECT result FROM {FUNCTION_RESULTS_TABLE} WHERE session = $1 AND turn = $2 AND name = $3
    UNION ALL
    SELECT '' FROM calls JOIN turns ON turns.call_key = calls.key WHERE calls.id = $1 AND turns.number = $2
""")

# A function may return after its turn has stopped waiting.
INSERT: Final = Sql(f"""
    INSERT INTO {FUNCTION_RESULTS_TABLE} (session, turn, name, result, created_at)
    SELECT $1, $2, $3, $4, $5
    WHERE NOT EXISTS (
        SELECT 1 FROM calls JOIN turns ON turns.call_key = calls.key WHERE calls.id = $1 AND turns.number = $2
    )
    ON CONFLICT DO NOTHING
""")

DELETE_OF_TURNS: Final = Sql(f"DELETE FROM {FUNCTION_RESULTS_TABLE} WHERE session = $1 AND turn <= $2")
DELETE_OF_SESSION: Final = Sql(f"DELETE FROM {FUNCTION_RESULTS_TABLE} WHERE session = $1")
DELETE_OLD: Final = Sql(f"DELETE FROM {FUNCTION_RESULTS_TABLE} WHERE created_at < $1")
SELECT_ALL: Final = Sql(f"SELECT session, result FROM {FUNCTION_RESULTS_TABLE}")


class FunctionResultRow(NamedTuple):
    """A result as JSON; `name` is the call within the turn."""

    session: str
    turn: int
    name: str
    result: str
    created_at: int


class FunctionResults(InDatabase):
    """The results of functions in an open database."""

    async def get(self, session: str, turn: int, name: str) -> str | None:
        """Return "" if the turn has been stored, None if there is no result."""
        rows = await self.read(SELECT, session, turn, name)
        return min(rows)[0] if rows else None

    async def add(self, row: FunctionResultRow) -> None:
        def insert() -> Work[None]:
            yield INSERT, row

        await self.database.write(insert, (row.session,))
