"""`ncco place`: what it writes to the database, and what it refuses before it writes anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from ncco_server.store import PlacedRow
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.stored_rows import in_store

REMINDER = """\
flow: reminder
params: {name: text, day: {type: text, default: tomorrow}}
outbound:
  from: "442079460001"
  quiet: false
  on: {otherwise: {send: not_reached}}
hooks: {not_reached: {post: "https://crm.example/not-reached"}}
start: hello
steps:
  hello: {do: [{talk: "Hello {{ name }}, see you {{ day }}."}], goto: end}
"""
PEOPLE = "number,name\n447700900101,Ada\n+44 7700 900102,Bob\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "reminder.yaml").write_text(REMINDER)
    (tmp_path / "people.csv").write_text(PEOPLE)
    return tmp_path


def place(home: Path, *words: str, env: Mapping[str, str] | None = None) -> Result:
    settings = {"NCCO_DIAL_ALLOW": "44", "NCCO_DATABASE_URL": f"sqlite:///{home}/calls.db"}
    return ncco("place", *words, cwd=home, env=settings | dict(env or {}))


def placed(home: Path) -> list[PlacedRow]:
    file = home / "calls.db"
    return list(in_store(file, lambda store: store.placed.list(100))) if file.exists() else []


def test_a_call_is_requested_with_its_params(home: Path) -> None:
    result = place(home, "reminder", "--to", "+44 7700 900123", "--with", "name=Ada")
    (row,) = placed(home)

    assert 0 == result.exit_code, result.output
    assert re.search("447700900123 will be called now by the server", result.output)
    assert ("447700900123", '{"name":"Ada","day":"tomorrow"}', "waiting") == (row.number, row.params, row.state)


def test_a_waiting_call_says_why(home: Path) -> None:
    day = (datetime.now(UTC) + timedelta(days=2)).strftime("%a").lower()
    flow = home / "flows/reminder.yaml"
    hours = f"hours: {{office: {{timezone: UTC, week: {{{day}: '10:00-11:00'}}}}}}\n"
    flow.write_text(REMINDER.replace("  quiet: false", "  quiet: false\n  retry: {on: [busy], within: office}") + hours)
    result = place(home, "reminder", "--to", "447700900123", "--with", "name=Ada")

    assert 0 == result.exit_code, result.output
    assert 'it waits because the opening hours "office" do not include this time' in result.output


@each_case(
    ("words", "message"),
    [
        (["reminder", "--to", "447700900123", "--with", "nam=Ada"], "--with nam: reminder has no such param"),
        (["reminder", "--to", "447700900123"], "--with name: is missing"),
        (["reminder", "--to", "12125551234", "--with", "name=Ada"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        (["reminder", "--to", "449098790000", "--with", "name=Ada"], "is a premium-rate number"),
        (["reminder", "--to", "ada", "--with", "name=Ada"], "to: is not a phone number"),
        (["remindr", "--to", "447700900123"], "Did you mean reminder?"),
        (["reminder", "--to", "447700900123", "--with", "name"], "name is not NAME=VALUE"),
        (["reminder", "--to", "447700900123", "--expires", "1.5s"], "1.5s is not a whole number of seconds"),
        (["reminder", "--to", "447700900123", "--expires", "500d"], "up to 400 days"),
        (["reminder", "--to", "447700900123", "--with", "name=Ada", "--with", "name=Bo"], "name is given twice"),
        (["reminder", "--to", "447700900123", "--with", "name=Ada", "--pause", "wrong list"], "leave out the flow"),
        (["reminder"], "add either --to NUMBER or --csv FILE"),
        (["reminder", "--csv", "people.csv"], "add --batch NAME"),
        (["reminder", "--csv", "people.csv", "--to", "447700900123", "--batch", "b"], "add either --to NUMBER"),
        (["--to", "447700900123"], "no flow is named"),
        (["--batch", "monday", "--at", "2030-01-01T10:00"], "no flow is named"),
        (["--stop", "monday", "--batch", "tuesday"], "leave out --batch"),
    ],
)
def test_errors_are_reported_and_nothing_is_written(home: Path, words: list[str], message: str) -> None:
    result = place(home, *words)

    assert 0 != result.exit_code
    assert message in result.output
    assert [] == placed(home)


def test_every_wrong_cell_of_a_file_is_named_before_anybody_is_called(home: Path) -> None:
    params = "{name: text, day: date, starts: datetime, visits: {type: int, default: 1}}"
    flow = REMINDER.replace("{name: text, day: {type: text, default: tomorrow}}", params)
    (home / "flows" / "reminder.yaml").write_text(flow.replace("{{ day }}", "{{ day | spoken }}"))
    rows = [
        "number,name,day,starts,visits",
        "447700900101,Ada,2026-12-24,2026-12-24T10:00Z,2",
        "112,Bob,24.12.2026,2026-12-24T10:00,two",
        "447700900103,Cy,2026-02-30,2026-12-24 10:00+01:00,",
        "447700900104,Di,2026-12-24,2026-12-24T10:00Z,5m",
    ]
    (home / "people.csv").write_text("\n".join(rows))
    result = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")

    assert 1 == result.exit_code
    assert [
        "people.csv:3: column number: is not a phone number",
        "people.csv:3: column day: a date is needed, such as 2026-03-05",
        "people.csv:3: column starts: a point in time with a UTC offset is needed, such as 2026-03-05T09:30+00:00, "
        "if there is no `timezone`",
        "people.csv:3: column visits: a whole number is needed, such as 2",
        "people.csv:4: column day: a date is needed, such as 2026-03-05",
        "people.csv:4: column visits: a whole number is needed, such as 2",
        "people.csv:5: column visits: a whole number is needed, such as 2",
    ] == [line for line in result.output.splitlines() if line.startswith("people.csv")]
    assert [] == placed(home)


@each_case(
    ("text", "message"),
    [
        ("number,name\n447700900101,Smith, Ada\n", "people.csv:2: row: has more cells than the first line"),
        ("number,name\n447700900101\n", "people.csv:2: column name: is missing"),
        (f"{PEOPLE}112,Eve\n", "people.csv:4: column number: is not a phone number"),
        ("id,number,name\n1,447700900101,A\n1,447700900102,B\n", "people.csv:3: row: an earlier row has the same `id`"),
        ("number,name,name\n447700900101,Ada,Bob\n", "has the column 'name' twice"),
        (",".join(f"{n % 39_999:05}" for n in range(40_000)), "has the column '00000' twice"),
        ("PK\x03\x04\0\n", "this is an Excel file\n  fix: save it as CSV (File, Save as)"),
        ('number,name\n447700900101,"Ada\n', "cannot be read as CSV after line"),
        ("number,name\n447700900101,A\x00da\n", "with: contains control characters"),
    ],
)
def test_a_wrong_or_ambiguous_row_rejects_the_whole_file(home: Path, text: str, message: str) -> None:
    (home / "people.csv").write_text(text)
    result = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")

    assert result.exit_code in (1, 2)
    assert message in result.output
    assert (1 == result.exit_code) == ("no call was written" in result.output)
    assert [] == placed(home)


def test_the_same_batch_again_adds_only_new_rows(home: Path) -> None:
    first = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    (home / "people.csv").write_text(f"{PEOPLE}447700900103,Cy\n")
    second = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    other = place(home, "reminder", "--csv", "people.csv", "--batch", "tuesday")

    assert "2 calls are to be placed" in first.output
    assert "1 call is to be placed; 2 were known" in second.output
    assert "3 calls are to be placed" in other.output
    assert 6 == len(placed(home))


def test_rows_with_an_id_may_be_equal(home: Path) -> None:
    (home / "people.csv").write_text("id,number,name\n1,447700900101,Ada\n2,447700900101,Ada\n1,447700900101,Ada\n")

    assert "2 calls are to be placed" in place(home, "reminder", "--csv", "people.csv", "--batch", "b").output


def test_the_same_batch_written_otherwise_calls_nobody_twice(home: Path) -> None:
    flow = REMINDER.replace("day: {type: text, default: tomorrow}", "at: time, visits: int, friend: phone")
    (home / "flows" / "reminder.yaml").write_text(
        flow.replace("{{ day }}", "{{ at | spoken }} {{ visits }} {{ friend | digits }}")
    )
    header = "number,name,at,visits,friend\n"
    (home / "people.csv").write_text(f"{header}447700900101,Ada,09:00,2,447700900102\n")
    first = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    (home / "people.csv").write_text(
        f"{header}07700 900101,Ada,9:00,02,+44 7700 900102\n+44(0)7700900101,Ada,9:00,2,07700900102\n"
    )
    second = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")

    assert "1 call is to be placed" in first.output
    assert "0 calls are to be placed; 2 were known" in second.output


def test_an_id_of_an_earlier_call_to_somebody_else_rejects_the_whole_file(home: Path) -> None:
    (home / "people.csv").write_text("id,number,name\n1,447700900101,Ada\n")
    place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    (home / "people.csv").write_text("id,number,name\n1,+447700900101,Eve\n2,447700900103,Cy\n")
    same_person = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    (home / "people.csv").write_text("id,number,name\n3,447700900104,Dan\n1,447700900102,Bob\n")
    other_person = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")

    assert "1 call is to be placed; 1 were known" in same_person.output
    assert 1 == other_person.exit_code
    assert "people.csv:3: row: a call of this batch to another number has the same `id`" in other_person.output
    assert ["447700900103", "447700900101"] == [row.number for row in placed(home)]


def test_rows_that_only_differ_in_secrets_need_an_id(home: Path) -> None:
    flow = REMINDER.replace("day: {type: text, default: tomorrow}", "code: {type: text, sensitive: true}")
    (home / "flows" / "reminder.yaml").write_text(flow.replace(", see you {{ day }}", ""))
    (home / "people.csv").write_text("number,name,code\n447700900101,Ada,1111\n447700900101,Ada,2222\n")
    result = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")

    assert 1 == result.exit_code
    assert "people.csv:3: row: an earlier row" in result.output
    assert "2222" not in result.output
    assert [] == placed(home)


def test_a_forgotten_number_stays_known_to_its_batch(home: Path) -> None:
    place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    database = {"NCCO_DATABASE_URL": f"sqlite:///{home}/calls.db"}
    forgotten = ncco("forget", "--number", "447700900101", cwd=home, env=database)
    again = place(home, "reminder", "--csv", "people.csv", "--batch", "monday")

    assert 0 == forgotten.exit_code, forgotten.output
    assert "0 calls are to be placed; 2 were known" in again.output


def test_a_batch_is_shown_and_stopped_and_all_placing_is_paused(home: Path) -> None:
    place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    shown = place(home, "--batch", "monday")
    misspelt = [place(home, word, "mondy") for word in ("--batch", "--stop")]
    paused = place(home, "--pause", "wrong list")
    stopped = place(home, "--stop", "monday")
    resumed = place(home, "--resume")

    assert re.search(r"2 +waiting", shown.output)
    assert [1, 1] == [each.exit_code for each in misspelt if "no call belongs to a batch mondy" in each.output]
    assert re.search(r"paused since .*: wrong list", paused.output)
    assert "2 calls are cancelled" in stopped.output
    assert "paused" not in resumed.output


def test_a_pause_by_vonage_is_shown_with_its_end(home: Path) -> None:
    place(home, "reminder", "--csv", "people.csv", "--batch", "monday")
    in_store(home / "calls.db", lambda store: store.placed.hold(4_000_000_000_000, "status 429"))

    assert "no calls before 2096-10-02 07:06:40 UTC: status 429" in place(home, "--batch", "monday").output
