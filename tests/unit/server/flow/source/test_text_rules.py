from __future__ import annotations

import pytest

from ncco_server.flow.issues import RULES
from ncco_server.flow.source import read_yaml
from tests.support.cases import each_case
from tests.unit.server.flow.source.faulty_texts import FAULTY, Faulty

FILE = "flows/a.yaml"
BY_NAME = each_case("faulty", FAULTY, ids=lambda faulty: faulty.name)


def found(faulty: Faulty) -> list[tuple[str, int, int, int]]:
    _, issues = read_yaml(FILE, faulty.text)
    return [(issue.code, issue.place.line, issue.place.column, issue.place.length) for issue in issues]


@BY_NAME
def test_an_error_is_shown_once_at_its_place(faulty: Faulty) -> None:
    assert [(faulty.code, *faulty.at)] == found(faulty)


@BY_NAME
def test_a_cure_removes_its_error(faulty: Faulty) -> None:
    node, issues = read_yaml(FILE, faulty.cured)

    assert node is not None
    assert [] == issues


@pytest.mark.parametrize("breaks", ["\r\n", "\r"])
@BY_NAME
def test_other_line_endings_change_nothing(faulty: Faulty, breaks: str) -> None:
    assert [(faulty.code, *faulty.at)] == found(faulty._replace(text=faulty.text.replace("\n", breaks)))


def test_every_text_rule_has_a_faulty_text_or_is_about_files() -> None:
    about_files = {"E121", "E122", "E123", "W126"}

    assert {code for code in RULES if code < "E200" or code == "W126"} - about_files == {
        faulty.code for faulty in FAULTY
    }


@each_case(
    ("text", "cure"),
    [
        ("if: !done and x", "write not done and x"),
        ("{a: }", 'write a value after its colon, or indented below it; "" is empty text, {} an empty map'),
        ("a: |", 'write a value after its colon, or indented below it; "" is empty text, {} an empty map'),
        ("{a}", 'write what it is, `{a: ..}`, a list, `[a]`, or its value, `"{{ a }}"`'),
        ("{a, b}", "write a list: [a, b]"),
        ("steps:\na:\n  do: x", 'indent line 2 and the lines that belong to it by two more spaces, or delete "steps:"'),
        ("talk: Hello: press 1", 'put quotes around the text: "Hello: press 1"'),
        ('talk: Say "a": b', "put quotes around the text: 'Say \"a\": b'"),
        ('talk: it\'s "a": b', "put quotes around the text: 'it''s \"a\": b'"),
        ("a: b: 1, c: d", "put braces around it: {b: 1, c: d}"),
        ("a: " + "b" * 80 + ": c", 'put quotes around the text: "' + "b" * 72 + ' ..."'),
        (
            "a:\n - b: c\n d: e",
            "indent it by 3 spaces if it belongs to the item above, or start it in the first column (like line 1)",
        ),
        ("a:\n   b: c\n d: e", "start it in the first column (like line 1) or indent it by 3 spaces (like line 2)"),
        ("a:\n\tb: c\n\td: e", "indent with spaces, two for each level"),
    ],
)
def test_a_cure_says_what_to_write_here(text: str, cure: str) -> None:
    _, issues = read_yaml(FILE, text)

    assert [cure] == [issue.cure for issue in issues]


@pytest.mark.parametrize("text", ["{a: b in [c\n", "{a: 1, b [c]}\n"])
def test_a_list_that_is_not_part_of_a_text_is_not_quoted(text: str) -> None:
    _, issues = read_yaml(FILE, text)

    assert [] != issues
    assert "put quotes around it: " not in " ".join(issue.cure for issue in issues)
