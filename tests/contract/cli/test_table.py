"""`ncco table`: rows of a project's tables, in the server's database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result

from tests.support.cases import each_case
from tests.support.command import json_of
from tests.support.command import ncco as run

SHARED = """\
shared: true
tables:
  customers: {key: {number: phone}, columns: {name: text, calls: int, pin: {type: text, sensitive: true}}}
  pairs: {key: {ours: phone, caller: phone}, columns: {other: phone}}
"""
ADA = "447700900123"


Ncco = Callable[..., Result]


@pytest.fixture
def ncco(tmp_path: Path) -> Ncco:
    """Runs a command in a project whose database is empty."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shared.yaml").write_text(SHARED)
    (tmp_path / "flows" / "main.yaml").write_text(
        "flow: main\nnumbers: ['442079460001']\nstart: a\nsteps: {a: {do: [{talk: Hello.}], goto: end}}\n"
    )
    command = partial(run, cwd=tmp_path, env={"NCCO_DATABASE_URL": "sqlite:///calls.db"})
    assert 0 == command("db", "upgrade").exit_code
    return command


def test_a_row_is_set_shown_and_removed(ncco: Ncco) -> None:
    assert 0 == ncco("table", "customers", "set", f"+{ADA}", "name=Ada Lovelace", "calls=3").exit_code
    assert 0 == ncco("table", "customers", "set", ADA, "calls=", "pin=83726451").exit_code
    shown = ncco("table", "customers", "show", ADA, "--format", "json")
    (row,) = json_of(shown)
    assert ({"number": ADA}, {"name": "Ada Lovelace"}, ["pin"], "ncco table") == (
        row["key"],
        row["columns"],
        row["hidden"],
        row["changed_by"],
    )
    assert "83726451" not in shown.output
    assert 0 == ncco("table", "customers", "remove", ADA).exit_code
    assert 1 == ncco("table", "customers", "remove", ADA).exit_code
    assert 1 == ncco("table", "customers", "show", ADA).exit_code


def test_a_change_is_shown_in_the_time_zone_of_the_line(ncco: Ncco, tmp_path: Path) -> None:
    hours = "hours: {desk: {timezone: Pacific/Kiritimati, week: {mon-fri: 09:00-17:00}}}"
    (tmp_path / "flows" / "hours.yaml").write_text(f"shared: true\n{hours}\n")
    assert 0 == ncco("table", "customers", "set", ADA, "name=Ada").exit_code
    (row,) = json_of(ncco("table", "customers", "--format", "json"))
    changed_at = datetime.fromisoformat(row["changed_at"]).astimezone(ZoneInfo("Pacific/Kiritimati"))

    assert f"{changed_at:%Y-%m-%d %H:%M}" in ncco("table", "customers", "--format", "text").output


def test_a_key_may_have_two_values(ncco: Ncco) -> None:
    assert 0 == ncco("table", "pairs", "set", "442079460000", ADA, "other=447700900124").exit_code
    (row,) = json_of(ncco("table", "pairs", "--search", "900124", "--format", "json"))
    assert {"ours": "442079460000", "caller": ADA} == row["key"]


def test_a_file_is_imported_only_if_all_of_it_is_valid(ncco: Ncco, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("number,name,calls\n447700900123,Ada,1\n447700900124,'=Bob,two\n")
    refused = ncco("table", "customers", "import", str(file))
    assert (1, True) == (refused.exit_code, "line 3: column calls: it is not a whole number" in refused.output)
    assert [] == json_of(ncco("table", "customers", "--format", "json"))

    file.write_text(file.read_text().replace("two", "2"))
    assert "2 rows are written" in ncco("table", "customers", "import", str(file)).output
    assert file.read_text().replace("\n", "\r\n") == ncco("table", "customers", "export").stdout_bytes.decode()


@each_case(
    ("text", "encoding"),
    [
        ("Number,Name\r\n+44 7700 900123,Zoë\r\n", "utf-8-sig"),
        ("Number;Name;Calls\r\n07700 900123;Zoë;\r\n;;\r\n", "cp1252"),
        ('"NUMBER"\t name \r\n(07700) 900-123\tZoë\r\n', "utf-16"),
        ('name,number\n"Zoë",447700900123\n', "utf-8"),
        ("Number;Name;;\r\n07700 900123;Zoë;;\r\n", "cp1252"),
        ("Number;Name\r\n07700 900123;Zoë; \r\n", "cp1252"),
    ],
)
def test_a_file_is_read_as_a_spreadsheet_saves_it(ncco: Ncco, tmp_path: Path, text: str, encoding: str) -> None:
    file = tmp_path / "customers.csv"
    file.write_bytes(text.encode(encoding))
    assert "1 row is written" in ncco("table", "customers", "import", str(file)).output
    (row,) = json_of(ncco("table", "customers", "--format", "json"))
    assert (ADA, "Zoë") == (row["key"]["number"], row["columns"]["name"])


@each_case(
    ("text", "told"),
    [
        (b"\x89PNG\0\n", "it is not a text file\n  fix: Save it as CSV (File, Save as)."),
        (b"PK\x03\x04\x14\n", "this is an Excel file\n  fix: Save it as CSV (File, Save as)."),
        (b"\xd0\xcf\x11\xe0\n", "this is an Excel file"),
        (b"number;name\r1;2\r", "line 2: column number: it is not a phone number"),
        (b"number;name\n1;2;3\n", "fix: Delete the cells after the last title, or put text with semicolons in quotes."),
        (b"Mobile number,Other number\n1,2\n", "line 1: column number: there is no such column"),
        (b"Number,number\n1,2\n", "line 1: column number: the column is there twice"),
        (b"nummer;naam\n1;2\n", "line 1: column number: there is no such column"),
        (
            b",".join(b"%05d" % n for n in range(40_000)),
            "column 00000: the table customers has no such column\n  fix: Delete the column, or add it to the table.",
        ),
        (
            b"number,name\n447700900123," + b"x" * 60_000,
            "column name: it has more than 10,000 characters\n  fix: Text of at most 10,000 characters is needed.",
        ),
        (b"number,name\n447700900123," + b"x" * 200_000, "a cell has at most 131,072 characters"),
    ],
)
def test_a_file_without_a_table_or_too_long_is_refused(ncco: Ncco, tmp_path: Path, text: bytes, told: str) -> None:
    (tmp_path / "customers.csv").write_bytes(text)
    assert told in ncco("table", "customers", "import", str(tmp_path / "customers.csv")).output


@each_case(
    ("words", "exit_code", "told"),
    [
        (("nothing",), 2, "there is no table nothing"),
        (("customers", "set", "somebody"), 1, "column number: it is not a phone number"),
        (("customers", "set", ADA, "nmae=Ada"), 1, 'did you mean "name"?'),
        (("customers", "set", ADA, "Ada"), 2, "write the values of the key (number), then column=value"),
        (("customers", "set", ADA, "number=447700900124"), 2, "these are not a key and columns"),
        (("pairs", "set", ADA), 1, "the key has 1 value\n"),
        (("pairs", "set", ADA, "other=447700900124"), 2, "write the values of the key (ours caller)"),
        (("customers", "set", "number=447700900124"), 2, "these are not a key and columns"),
        (("customers", "set", ADA, "name=Ada", "name=Bo"), 2, "these are not a key and columns"),
        (("customers", "export", "--search", "Ada"), 2, "leave it out of `export`"),
        (("customers", "import"), 2, "import needs one file"),
        (("customers", "import", "none.csv"), 2, "none.csv"),
    ],
)
def test_an_error_is_reported_with_its_fix(ncco: Ncco, words: tuple[str, ...], exit_code: int, told: str) -> None:
    result = ncco("table", *words)
    assert (exit_code, True, True) == (
        result.exit_code,
        told in result.output.lower() or told in result.output,
        "fix: " in result.output,
    )


def test_the_tables_of_a_project_are_listed(ncco: Ncco) -> None:
    lines = ncco("table", "--format", "text").output.splitlines()
    assert ["customers", "pairs"] == [line.split()[0] for line in lines]
