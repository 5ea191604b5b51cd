"""What `ncco calls --follow` remembers of a server that takes many calls."""

from __future__ import annotations

from app.cli.jobs.recorded.following import KEPT, PIECE, follow_calls
from app.store import ANY, CallRow, Records, SqliteDatabase, Wanted
from tests.store.stored_rows import session_row


class ManyCalls(Records):
    """So many calls, and one more with each list that is asked for from the newest on."""

    def __init__(self, calls: int) -> None:
        super().__init__(SqliteDatabase().reader())
        self.count = calls
        self.lists = 0

    async def calls(self, limit: int, before: int | None = None, wanted: Wanted = ANY) -> list[CallRow]:
        """Up to `limit` of them, newest first."""
        self.lists += 1
        if before is None:
            self.count += 1
        newest = self.count if before is None else before - 1
        return [CallRow(key, session_row(f"leg-{key}"), 1, False) for key in range(newest, max(newest - limit, 0), -1)]


async def test_a_call_that_was_shown_is_never_shown_again() -> None:
    records = ManyCalls(2 * KEPT)
    following = follow_calls(records, ANY, KEPT - 2, look_s=0)
    shown = [await anext(following) for _ in range(KEPT + 2)]
    await following.aclose()

    assert len(shown) == len({call.key for call in shown})
    assert [2 * KEPT + number for number in (2, 3, 4, 5)] == [call.key for call in shown[-4:]]
    assert 1 + 4 == records.lists
    assert PIECE < KEPT
