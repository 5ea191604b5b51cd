"""Lookups that choose rows of a table: what they find in the turn and in which order."""

from __future__ import annotations

from typing import Any

from ncco_server.engine import Lookup
from ncco_server.flow.language.selection import TableSearch
from ncco_server.flow.language.tables import TableRead
from ncco_server.flow.loader import load
from ncco_server.service.row_lookups import rows_of
from ncco_server.store import RowChange, SqliteDatabase, Store
from tests.support.cases import each_case

AT_MS = 1_772_618_400_000
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
        (answer,) = await rows_of(store.tables, (Lookup("a", "found", request._replace(at_ms=AT_MS), ""),))
    value, _ = asked.definition.cast_answer(answer.value, answer.problem)
    assert hours == ([row["hour"] for row in value["rows"]] if value["ok"] else [])


JOBS = """\
shared: true
tables:
  jobs:
    key: {id: text}
    columns: {number: phone, price: int, note: text, size: [small, large], due: {type: date, default: 2026-03-05}}
lookups: {found: {table: jobs, %s}}
"""
JOB_CALL = "flow: main\ndefault: true\nstart: a\nsteps: {a: {lookup: found, do: [{talk: A.}], goto: end}}\n"


async def job_answer(words: str, *rows: dict[str, Any]) -> Any:
    """What the lookup finds in a table with these rows, for a caller who withholds the number."""
    project = load({"flows/shared.yaml": JOBS % words, "flows/main.yaml": JOB_CALL})
    assert not [issue for issue in project.issues if issue.is_error], project.issues
    (asked,) = project.flows["main"].steps["a"].asks
    async with Store(SqliteDatabase(None)) as store:
        changes = [RowChange(f'jobs["j{number}"]', columns) for number, columns in enumerate(rows, 1)]
        await store.tables.change(changes, AT_MS - 10, "a test")
        request = asked.request({"call": {"person": ""}})
        assert isinstance(request, TableRead | TableSearch)
        (answer,) = await rows_of(store.tables, (Lookup("a", "found", request._replace(at_ms=AT_MS), ""),))
    value, problem = asked.definition.cast_answer(answer.value, answer.problem)
    return value if value["ok"] else problem


WHOLE = {"price": 0, "note": "", "size": "small", "due": ""}
DEFAULT = "default: {price: 7, note: none, size: large}"


@each_case(
    ("words", "columns", "found"),
    [
        (DEFAULT, {}, (7, "none", "large", "2026-03-05")),
        (DEFAULT, WHOLE, (0, "", "small", "")),
        ("default: {size: large, due: 2026-04-01}", {}, (0, "", "large", "2026-04-01")),
    ],
)
async def test_the_first_row_has_the_defaults_of_the_lookup_as_one_found_by_its_key(
    words: str, columns: dict[str, Any], found: tuple[Any, ...]
) -> None:
    for which in ("id: j1", "order: id, first: true", 'where: id == "j1", first: true'):
        answer = await job_answer(f"{which}, {words}", columns)
        assert found == (answer["price"], answer["note"], answer["size"], answer["due"]), which


async def test_a_table_that_is_too_large_to_search_is_reported() -> None:
    assert "more than 1,000 rows" in await job_answer("order: id", *[{}] * 1001)


async def test_a_row_with_an_empty_date_is_found_although_the_column_has_a_default() -> None:
    answer = await job_answer("order: id", {"due": ""})
    assert [""] == [row["due"] for row in answer["rows"]]


@each_case("where", ["number == call.person", "call.person == number", 'number == call.person and note == ""'])
async def test_a_withheld_number_is_not_that_of_a_row_without_one(where: str) -> None:
    assert "there is no such row" in await job_answer(f"where: {where}, order: id", {})


def test_rows_that_a_scenario_gives_may_lack_columns_as_a_row_may() -> None:
    project = load({"flows/shared.yaml": JOBS % "order: id", "flows/main.yaml": JOB_CALL})
    (asked,) = project.flows["main"].steps["a"].asks

    value, problem = asked.definition.cast_answer({"rows": [{"id": "j1", "price": 3}]})

    assert "" == problem
    assert [(3, "", "2026-03-05")] == [(row["price"], row["size"], row["due"]) for row in value["rows"]]
