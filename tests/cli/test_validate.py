"""`ncco validate`: an NCCO in a file, and what is wrong with it where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.projects import ncco

TALK = b'[{"action": "talk", "text": "Hello"}]'
WRONG = b'[\n  {"action": "talk", "text": "Hello", "loop": -1},\n  {"action": "hangup"}\n]\n'


def test_a_valid_ncco_is_said_in_one_line() -> None:
    shown = ncco("validate", "-", stdin=TALK)

    assert (0, "no issues: 1 action\n") == (shown.exit_code, shown.output)


def test_faults_stand_where_they_are_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_bytes(WRONG)

    shown = ncco("validate", "answer.json")

    assert 1 == shown.exit_code
    assert "answer.json:2:47  N108  /0/loop: " in shown.stdout
    assert '   3 |   {"action": "hangup"}\n     |              ^^^^^^^^ ' in shown.stdout
    assert shown.stdout.endswith("2 errors in 1 file\n")


def test_a_wrong_name_is_pointed_at_itself() -> None:
    shown = ncco("validate", "-", stdin=b'[{"action": "talk", "tekst": "Hello"}]')

    assert "<stdin>:1:21  N105  /0/tekst: " in shown.stdout


def test_a_missing_option_is_pointed_at_its_action() -> None:
    shown = ncco("validate", "-", stdin=b'[{"action": "talk"}]')

    assert "<stdin>:1:2  " in shown.stdout


def test_warnings_end_with_0() -> None:
    shown = ncco("validate", "-", stdin=b"[]")

    assert 0 == shown.exit_code
    assert shown.stdout.endswith("1 warning in 1 file\n")


def test_a_name_that_stands_twice_is_a_fault_at_its_second_place() -> None:
    shown = ncco("validate", "-", stdin=b'[{"action": "talk", "text": "a", "text": "b"}]')

    assert 1 == shown.exit_code
    assert '<stdin>:1:34  J101  /0/text: "text" is written twice; only the last one counts' in shown.stdout


def test_json_has_place_and_pointer() -> None:
    shown = json.loads(ncco("validate", "-", "--format", "json", stdin=WRONG).stdout)

    assert (2, 0) == (shown["errors"], shown["warnings"])
    assert ("<stdin>", 2, 47, 2, "N108", "error", "/0/loop") == tuple(
        shown["issues"][0][name] for name in ("file", "line", "column", "length", "code", "severity", "path")
    )
    assert {"message", "cure"} < set(shown["issues"][0])


def test_github_gets_annotations() -> None:
    shown = ncco("validate", "-", "--format", "github", stdin=WRONG)

    assert shown.stdout.startswith("::error file=<stdin>,line=2,col=47,")


def test_a_byte_order_mark_does_not_matter() -> None:
    assert 0 == ncco("validate", "-", stdin=b"\xef\xbb\xbf" + TALK).exit_code


@pytest.mark.parametrize("document", [b"{}", b"null", b'"talk"', b"1", b'{"action": "talk", "text": "Hello"}'])
def test_json_that_is_no_ncco_has_faults(document: bytes) -> None:
    shown = ncco("validate", "-", stdin=document)

    assert 1 == shown.exit_code
    assert "<stdin>:1:1  N" in shown.stdout


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b'[\n {"action": "talk",}\n]', "<stdin>:2:19  J100  not JSON: nothing follows this comma\n"),
        (b"[1, 2", "<stdin>:1:6  J100  not JSON: Expecting ',' delimiter\n"),
        (b"[NaN]", "<stdin>:1:2  J100  not JSON: NaN is a word of JavaScript, not of JSON\n"),
        (b"<html>", "<stdin>:1:1  J100  not JSON: Expecting value\n"),
        (b"[{\n\n\n", "<stdin>:4:1  J100  not JSON: "),
        (b"[" * 100_000, "<stdin>:1:1  J100  not JSON: lists and objects are nested too deeply\n"),
        (b"", "<stdin>:1:1  J100  the text is empty\n"),
        (b" \n ", "J100  the text is empty\n"),
    ],
)
def test_what_is_not_json_ends_with_2_and_says_where(document: bytes, message: str) -> None:
    shown = ncco("validate", "-", stdin=document)

    assert 2 == shown.exit_code
    assert message in shown.stdout


def test_a_fault_of_json_has_a_caret_under_it() -> None:
    shown = ncco("validate", "-", stdin=b'[\n {"action": "talk",}\n]')

    assert '   2 |  {"action": "talk",}\n     |                   ^ delete the comma' in shown.stdout


def test_a_fault_of_json_is_json_for_programs() -> None:
    shown = ncco("validate", "-", "--format", "json", stdin=b"[1,]")

    assert 2 == shown.exit_code
    assert [("J100", 1, 3)] == [
        (issue["code"], issue["line"], issue["column"]) for issue in json.loads(shown.stdout)["issues"]
    ]


def test_what_is_not_utf_8_ends_with_2_and_says_where() -> None:
    shown = ncco("validate", "-", stdin=b'["\xff"]')

    assert 2 == shown.exit_code
    assert "Error: <stdin>: byte 3 is not UTF-8\n  cure: " in shown.stderr


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_a_file_that_cannot_be_read_ends_with_2(name: str) -> None:
    shown = ncco("validate", name)

    assert 2 == shown.exit_code
    assert f"Error: {name}: " in shown.stderr


def test_letters_that_no_terminal_can_show_do_no_harm() -> None:
    shown = ncco("validate", "-", stdin=b'[{"action": "\\ud800\\u001b[31m"}]')

    assert 1 == shown.exit_code
    assert "\x1b" not in shown.output
