"""Phone numbers are read alike wherever they come in: `numbers.yaml` has how they are written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from tests.support.cases import each_case
from tests.support.command import json_of
from tests.support.command import ncco as run

NUMBERS = yaml.load(Path(__file__).with_name("numbers.yaml").read_bytes(), yaml.CSafeLoader)
READ: dict[str, str] = NUMBERS["read"]
REFUSED: dict[str, str] = NUMBERS["refused"]
FLOWS = {
    "shared": """\
shared: true
tables:
  people: {key: {id: text}, columns: {mobile: phone, note: text, day: date, price: text}}
  blocked: {key: {n: phone}}
""",
    "main": """\
flow: main
numbers: ["442079460000"]
outbound: {from: "442079460000", quiet: false, on: {otherwise: {send: missed}}}
hooks: {missed: {post: "https://crm.example/missed"}}
start: a
steps: {a: {do: [{talk: "You are {{ call.person }}."}], goto: end}}
""",
}
Ncco = Callable[..., Result]


@pytest.fixture
def ncco(tmp_path: Path) -> Ncco:
    (tmp_path / "flows").mkdir()
    for name, text in FLOWS.items():
        (tmp_path / "flows" / f"{name}.yaml").write_text(text)
    command = partial(run, cwd=tmp_path, env={"NCCO_DATABASE_URL": "sqlite:///calls.db", "NCCO_DIAL_ALLOW": "44,49"})
    assert 0 == command("db", "upgrade").exit_code
    return command


def csv_of(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([names, *rows])
    return written.getvalue()


def fixes_by_line(output: str) -> dict[int, str]:
    return {int(line): fix for line, fix in re.findall(r"(?:csv:|line )(\d+): column [^\n]*\n  fix: ([^\n]*)", output)}


def assert_refused(result: Result) -> None:
    """Every row is named with its fix."""
    assert 1 == result.exit_code, result.output
    fixes = fixes_by_line(result.output)
    assert [] == [(line, why) for line, why in enumerate(REFUSED.values(), 2) if why not in fixes.get(line, "")], fixes


def test_the_numbers_of_a_file_of_calls_are_read_or_refused_with_their_row(ncco: Ncco, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(csv_of(["number", "id"], ((text, str(n)) for n, text in enumerate(READ))))
    placed = ncco("place", "main", "--csv", "good.csv", "--batch", "good")
    assert (0, True) == (placed.exit_code, f"{len(READ)} calls are to be placed" in placed.output), placed.output
    (tmp_path / "bad.csv").write_text(csv_of(["number"], ([text] for text in REFUSED)))
    assert_refused(ncco("place", "main", "--csv", "bad.csv", "--batch", "bad"))


def test_the_numbers_of_rows_are_read_or_refused_with_their_row(ncco: Ncco, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(csv_of(["id", "mobile"], ((str(100 + n), text) for n, text in enumerate(READ))))
    assert 0 == ncco("table", "people", "import", "good.csv").exit_code
    rows = json_of(ncco("table", "people", "--format", "json"))
    assert dict(zip(READ, READ.values(), strict=True)) == dict(
        zip(READ, (row["columns"]["mobile"] for row in rows), strict=True)
    )
    (tmp_path / "bad.csv").write_text(csv_of(["n"], ([text] for text in REFUSED)))
    assert_refused(ncco("table", "blocked", "import", "bad.csv"))
    assert 1 == ncco("table", "blocked", "set", "4.4770090E+11").exit_code


@each_case(("written", "number"), READ.items())
def test_a_row_is_found_however_its_number_is_written(ncco: Ncco, written: str, number: str) -> None:
    assert 0 == ncco("table", "blocked", "set", written).exit_code
    assert 0 == ncco("table", "blocked", "show", number).exit_code


@each_case(
    ("sought", "found"),
    [
        ("07700 900123", ["phone", "text"]),
        ("+44 (0)7700 900123", ["phone"]),
        ("7700-900", ["phone"]),
        ("2026-12-24", ["day"]),
        ("10.50", ["price"]),
        ("(07700) 900 999", []),
    ],
)
def test_a_search_finds_a_number_in_any_notation_and_a_text_as_it_is(ncco: Ncco, sought: str, found: list[str]) -> None:
    for row in (
        ("phone", "mobile=447700900123"),
        ("text", "note=07700 900123"),
        ("day", "day=2026-12-24"),
        ("price", "price=10.50"),
    ):
        assert 0 == ncco("table", "people", "set", *row).exit_code
    shown = json_of(ncco("table", "people", "--search", sought, "--format", "json"))
    assert found == [row["key"]["id"] for row in shown]


@each_case(
    ("words", "told"),
    [
        ("forget --dry-run --number", "+447700900801: no call contains it"),
        ("place main --to", ": 447700900801 will be called"),
        ("render main --from", "You are 447700900801."),
        ("calls --number", '"calls": []'),
        ("recordings list --number", "0 new"),
    ],
)
def test_options_read_numbers_as_people_dial_them_at_home(ncco: Ncco, words: str, told: str) -> None:
    result = ncco(*words.split(), "07700 900801")
    assert (0, True) == (result.exit_code, told in result.output), result.output


@each_case("number", ["7700900801", "900801", "x", "anonymous"])
def test_nothing_is_forgotten_if_the_number_is_not_certain(ncco: Ncco, number: str) -> None:
    assert 2 == ncco("forget", "--dry-run", "--number", number).exit_code


def test_scenarios_have_rows_with_numbers_as_people_write_them(ncco: Ncco, tmp_path: Path) -> None:
    (tmp_path / "calls.yaml").write_text("""\
the row is found:
  tables: {blocked: [{n: "07700 900801"}], people: [{id: a, mobile: "447700900123.0"}]}
  script: []
  expect: {tables: {blocked: [{n: "+44 7700 900801"}], people: [{id: a, mobile: "447700900123"}]}}
""")
    assert 0 == (played := ncco("test", "calls.yaml")).exit_code, played.output
