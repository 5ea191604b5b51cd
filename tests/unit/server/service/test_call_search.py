"""The search for a spoken word, which reads stored texts in parts."""

from __future__ import annotations

from ncco_server.desk.call_search import WORD_CALLS, FoundCalls, find_calls
from ncco_server.store import CallFilter, Records
from tests.support.memory_store import MemoryStore
from tests.support.stored_rows import NOON_MS, session_row, turn_row, webhook_row

MINUTE_MS = 60_000


async def found_with(records: Records, before: int | None = None, **wanted: int) -> FoundCalls:
    """The result of a search that runs out of time after its first part."""
    now = NOON_MS + WORD_CALLS * MINUTE_MS
    return await find_calls(records, CallFilter(**wanted), 50, now, before=before, word="Bicycle", within_s=0)  # type: ignore[arg-type]  # names of fields


async def test_a_text_search_reports_how_far_it_got_and_continues_there() -> None:
    async with MemoryStore() as store:
        for number in range(WORD_CALLS + 1):
            ncco = b'[{"action":"talk","text":"A bicycle."}]' if number in (0, 400) else b"[]"
            session = session_row(f"leg-{number}", created_at=NOON_MS + number * MINUTE_MS)
            await store.open_call(session, turn_row(session.id, ncco=ncco), webhook_row(session.id))
        async with store.records() as records:
            first = await found_with(records)
            rest = await found_with(records, first.next)
            last_day = await found_with(records, since=NOON_MS + 401 * MINUTE_MS)

    assert (["leg-400"], NOON_MS + MINUTE_MS) == ([row.session.id for row, _ in first.calls], first.searched_until)
    assert (["leg-0"], None, None) == ([row.session.id for row, _ in rest.calls], rest.next, rest.searched_until)
    assert ([], None) == (last_day.calls, last_day.next)
