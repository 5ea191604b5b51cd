"""Who should be called back, and the counts of calls by result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ncco_server.ncco.value_types import is_withheld
from ncco_server.store import Records, ResultRow


class MissedCallers(NamedTuple):
    """Who should be called back, latest first.

    Attributes:
        missed: each caller's last call, and how often they called.
        more: number of such callers not in `missed`.
        returned: calls whose callers were called back.
    """

    missed: list[tuple[ResultRow, int]]
    more: int
    withheld: int
    returned: list[ResultRow]
    returned_more: int


async def missed_callers(
    records: Records, since: int, open_now: Iterable[ResultRow], *, most: int, most_returned: int
) -> MissedCallers:
    """Leave out callers who got through, were called back or are on the line (`open_now`).

    `since` is in milliseconds. Raises StoreError.
    """
    on_the_line = {call.caller for call in open_now}
    by_caller = dict[str, list[int]]()
    for caller, key in await records.missed(since):
        if caller not in on_the_line or not caller:
            by_caller.setdefault("" if is_withheld(caller) else caller, []).append(key)
    withheld = len(by_caller.pop("", ()))
    shown = list(by_caller.values())[:most]
    last = {row.call_key: row for row in await records.results_of([keys[0] for keys in shown])}
    missed = [(last[keys[0]], len(keys)) for keys in shown if keys[0] in last]
    returned = await records.returned(since, most_returned)
    more = await records.count_returned(since) - len(returned) if len(returned) == most_returned else 0
    return MissedCallers(missed, len(by_caller) - len(shown), withheld, returned, more)


async def count_by_result(records: Records, since: int, until: int, open_now: Iterable[ResultRow]) -> Counter[str]:
    """Calls that began from `since` up to `until` (milliseconds), also of `open_now`. Raises StoreError."""
    counts = Counter[str](call.result for call in open_now if since <= call.began_at < until)
    for _, result, number in await records.result_quarters(since, until):
        counts[result] += number
    return counts
