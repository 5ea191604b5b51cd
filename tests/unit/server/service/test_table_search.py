"""Lookups that choose rows of a table: what they find in the turn and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from ncco_server.engine import Lookup
from ncco_server.flow.language.selection import TableSearch
from ncco_server.flow.loader import load
from ncco_server.service.row_lookups import rows_of
from ncco_server.store import RowChange, SqliteDatabase, Store
from tests.support.cases import each_case

AT_MS = 1_772_618_400_000
ROWS = (
    RowChange('shifts["Ada"]', {"rank": 2, "team": "day"}),
    RowChange('shifts["Bob"]', {"rank": 10, "team": "day"}),
    RowChange('shifts["Eve"]', {"team": "night"}),
    RowChange('shifts["Old"]', {"rank": 1, "team": "day"}, keep_ms=1),
)


def lookup(words: str) -> Any:
    text = (
        "shared: true\ntables: {shifts: {key: {name: text}, columns: {rank: number, team: [day, night]}}}\n"
        f"lookups: {{found: {{table: shifts, {words}, default: {{team: day}}}}}}\n"
        if "first" in words
        else "shared: true\ntables: {shifts: {key: {name: text}, columns: {rank: number, team: [day, night]}}}\n"
        f"lookups: {{found: {{table: shifts, {words}}}}}\n"
    )
    flow = "flow: main\ndefault: true\nstart: a\nsteps: {a: {lookup: found, do: [{talk: Hello.}], goto: end}}\n"
    project = load({"flows/shared.yaml": text, "flows/main.yaml": flow})
    assert not [issue for issue in project.issues if issue.is_error], project.issues
    (asked,) = project.flows["main"].steps["a"].asks
    return asked


async def names_found(words: str, store: Store, pending: tuple[RowChange, ...] = ()) -> list[str]:
    asked = lookup(words)
    request = asked.request({})._replace(at_ms=AT_MS, pending=pending)
    (answer,) = await rows_of(store, (Lookup("a", "found", request, ""),))
    value, problem = asked.definition.cast_answer(answer.value, answer.problem)
    if not value["ok"]:
        return [problem]
    return [value["name"]] if "name" in value else [row["name"] for row in value["rows"]]


@pytest.fixture
async def store() -> Any:
    async with Store(SqliteDatabase(None)) as store:
        await store.tables.change(ROWS, AT_MS - 10, "a test")
        yield store


async def test_a_table_that_is_too_large_to_search_is_reported(store: Store) -> None:
    await store.tables.change([RowChange(f'shifts["{number}"]') for number in range(1001)], AT_MS, "a test")
    (problem,) = await names_found("order: name", store)
    assert "more than 1,000 rows" in problem


TOURS = """\
shared: true
tables: {tours: {key: {day: date, hour: int}, columns: {free: int}}}
lookups: {found: {table: tours, params: {wanted: text}, day: "{{ wanted }}", where: free == 0, order: -hour}}
"""
TOUR = (
    'flow: main\ndefault: true\nstart: a\nsteps: {a: {lookup: {found: {wanted: "%s"}}, do: [{talk: A.}], goto: end}}\n'
)


@each_case(("wanted", "hours"), [("2030-01-01", [12, 9]), ("2030-01-02", [9]), ("2030-01-03", []), ("someday", [])])
async def test_a_part_of_the_key_beside_a_condition_holds_too(wanted: str, hours: list[int]) -> None:
    project = load({"flows/shared.yaml": TOURS, "flows/main.yaml": TOUR % wanted})
    (asked,) = project.flows["main"].steps["a"].asks
    free = {("2030-01-01", 9): 0, ("2030-01-01", 10): 2, ("2030-01-01", 12): 0, ("2030-01-02", 9): 0}
    async with Store(SqliteDatabase(None)) as store:
        rows = [RowChange(f'tours["{day}",{hour}]', {"free": left}) for (day, hour), left in free.items()]
        await store.tables.change(rows, AT_MS - 10, "a test")
        request = asked.request({})
        assert isinstance(request, TableSearch)
        (answer,) = await rows_of(store, (Lookup("a", "found", request._replace(at_ms=AT_MS), ""),))
    value, _ = asked.definition.cast_answer(answer.value, answer.problem)
    assert hours == ([row["hour"] for row in value["rows"]] if value["ok"] else [])
