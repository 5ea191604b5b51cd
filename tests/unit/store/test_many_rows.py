"""The work of changing many rows of tables together."""

from __future__ import annotations

from ncco_server.store import RowChange
from ncco_server.store.table_rows import CHANGED_SIZE, write_together
from tests.support.cases import each_case


def statements(changes: list[RowChange]) -> int:
    """How many are sent to write the rows to an empty table."""
    work = write_together(changes, 0, "a test")
    next(work)
    sent = 1
    try:
        while True:
            work.send([])
            sent += 1
    except StopIteration:
        return sent


@each_case("is_removal", [False, True])
def test_a_batch_takes_as_many_statements_as_a_row(*, is_removal: bool) -> None:
    names = [f'people["{447_000_000_000 + number}"]' for number in range(CHANGED_SIZE)]
    changes = [RowChange(name, {} if is_removal else {"calls": 1}, is_removal=is_removal) for name in names]
    assert statements(changes[:1]) == statements(changes)
    assert statements(changes) <= 4
