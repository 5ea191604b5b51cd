from __future__ import annotations

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.nodes import Place
from ncco_server.flow.report import report
from tests.support.cases import each_case

ACME = """\
flow: acme
start: welcome
      support: {dtmf: 2, speech: [support, help, problem], goto: supprt}
"""
SUPPRT = FlowIssue(
    "E214", "error", Place("flows/acme.yaml", 3, 66, 6), 'unknown step "supprt"', 'did you mean "support"?'
)


def issue(line: int, column: int, length: int = 1, *, severity: str = "error", file: str = "flows/a.yaml") -> FlowIssue:
    code, level = ("W126", "warning") if severity == "warning" else ("E101", "error")
    return FlowIssue(code, level, Place(file, line, column, length), "wrong", "write b")  # type: ignore[arg-type]  # a severity


def caret_lines(line: str, column: int, length: int = 1) -> list[str]:
    return report([issue(1, column, length)], {"flows/a.yaml": line}).splitlines()[1:3]


def test_an_issue_shows_its_line_a_caret_and_the_cure() -> None:
    expected = (
        'flows/acme.yaml:3:66  E214  unknown step "supprt"\n'
        "   3 |       support: {dtmf: 2, speech: [support, help, problem], goto: supprt}\n"
        '     |                                                                  ^^^^^^ did you mean "support"?\n'
        "\n"
        "1 error in 1 file\n"
    )

    assert expected == report([SUPPRT], {"flows/acme.yaml": ACME})


def test_issues_are_sorted_by_place_and_counted() -> None:
    issues = [issue(2, 1, file="flows/b.yaml"), issue(1, 2, severity="warning"), issue(1, 1)]

    text = report(issues, {"flows/a.yaml": "xy", "flows/b.yaml": "x\ny"})

    heads = [line.split("  ")[0] for line in text.splitlines() if line.startswith("flows/")]
    assert [
        "flows/a.yaml: 1 error, 1 warning",
        "flows/a.yaml:1:1",
        "flows/a.yaml:1:2",
        "flows/b.yaml: 1 error",
        "flows/b.yaml:2:1",
    ] == heads
    assert text.endswith("\n\n2 errors, 1 warning in 2 files\n")


def test_issues_at_one_place_are_sorted_by_their_length() -> None:
    issues = [issue(1, 1, 2), issue(1, 1, 1)]

    assert report(issues, {}, "json") == report(issues[::-1], {}, "json")


@each_case(
    ("text", "place", "shown"),
    [
        ("", (1, 1), "flows/a.yaml:1:1  E101  wrong\n     | write b\n"),
        ("x", (9, 1), "flows/a.yaml:9:1  E101  wrong\n     | write b\n"),
        ("a\nb\nc", (2, 1), "   2 | b\n     | ^ write b\n"),
        ("a\r\nb\r\nc", (2, 1), "   2 | b\n     | ^ write b\n"),
        ("a\rb\rc", (2, 1), "   2 | b\n     | ^ write b\n"),
        ("\ufeffab", (1, 2), "   1 | ab\n     |  ^ write b\n"),
        ("\n" * 12344 + "ab", (12345, 2), "12345 | ab\n      |  ^ write b\n"),
    ],
    ids=["no text", "no line", "LF", "CRLF", "CR", "a byte order mark", "a number of many digits"],
)
def test_the_line_of_an_issue_is_shown(text: str, place: tuple[int, int], shown: str) -> None:
    assert shown in report([issue(*place)], {"flows/a.yaml": text} if text else {})


@each_case(
    ("line", "column", "length", "shown", "caret"),
    [
        ("a: b", 4, 1, "   1 | a: b", "     |    ^ write b"),
        ("\ta: b", 2, 1, "   1 |     a: b", "     |     ^ write b"),
        ("\ta: b", 1, 1, "   1 |     a: b", "     | ^^^^ write b"),
        ("日本: x", 2, 1, "   1 | 日本: x", "     |   ^^ write b"),
        ("日本: x", 5, 1, "   1 | 日本: x", "     |       ^ write b"),
        ("😀 x", 3, 1, "   1 | 😀 x", "     |    ^ write b"),
        ("e\u0301 x", 4, 1, "   1 | e\u0301 x", "     |   ^ write b"),
        ("é x", 3, 1, "   1 | é x", "     |   ^ write b"),
        ("a\x1b[31m", 2, 1, "   1 | a<1B>[31m", "     |  ^^^^ write b"),
        ("a\u200bb", 3, 1, "   1 | a<200B>b", "     |        ^ write b"),
        ("a:", 3, 1, "   1 | a:", "     |   ^ write b"),
        ("a:", 9, 1, "   1 | a:", "     |   ^ write b"),
    ],
)
def test_the_caret_is_under_the_error(line: str, column: int, length: int, shown: str, caret: str) -> None:
    assert [shown, caret] == caret_lines(line, column, length)


def test_a_long_line_is_cut_around_the_error() -> None:
    shown, caret = caret_lines("x" * 300 + "FAULT" + "y" * 300, 301, 5)

    assert "   1 | ..." + "x" * 50 + "FAULT" + "y" * 55 + "..." == shown
    assert "     | " + " " * 53 + "^^^^^ write b" == caret


def test_a_long_line_is_cut_after_an_error_at_its_start() -> None:
    shown, caret = caret_lines("FAULT" + "y" * 300, 1, 305)

    assert "   1 | FAULT" + "y" * 105 + "..." == shown
    assert "     | " + "^" * 110 + " write b" == caret


def test_colours_appear_only_on_a_terminal() -> None:
    text = report([issue(1, 1)], {"flows/a.yaml": "x"}, colour=True)

    assert text.startswith("\x1b[1mflows/a.yaml:1:1\x1b[0m  \x1b[31mE101\x1b[0m  wrong\n")
    assert "\x1b[31m^\x1b[0m \x1b[36mwrite b\x1b[0m" in text


def test_a_code_with_a_page_links_to_it() -> None:
    text = report([issue(1, 1)], {"flows/a.yaml": "x"}, pages={"E101": "file:///errors.md#L9"})

    assert "  \x1b]8;;file:///errors.md#L9\x1b\\E101\x1b]8;;\x1b\\  wrong" in text


def test_no_text_of_a_file_reaches_the_terminal_as_a_command() -> None:
    evil = FlowIssue("E101", "error", Place("flows/\x1b[2J.yaml", 1, 1), "\x1b[2J\nwrong", "\x9b2J")

    text = report([evil], {"flows/\x1b[2J.yaml": "\x1b]0;x\x07"})

    assert "flows/<1B>[2J.yaml:1:1  E101  <1B>[2J<0A>wrong\n   1 | <1B>]0;x<07>\n     | ^^^^ <9B>2J\n" in text


def test_json_is_ascii_whatever_the_text() -> None:
    surrogate = FlowIssue("E117", "error", Place("flows/é.yaml", 1, 1), "\ud800", "😀")

    assert report([surrogate], {}, "json").isascii()


def test_github_annotates_the_line() -> None:
    expected = (
        "::error file=flows/acme.yaml,line=3,col=66,endColumn=72,title=E214::"
        'unknown step "supprt": did you mean "support"?\n'
    )

    assert expected == report([SUPPRT], {}, "github")


def test_github_commands_cannot_be_broken_out_of() -> None:
    evil = FlowIssue("W126", "warning", Place("flows/a,b:c%.yaml", 1, 1), "a\n::error::x\r%", "b")

    expected = "::warning file=flows/a%2Cb%3Ac%25.yaml,line=1,col=1,endColumn=2,title=W126::a%0A::error::x%0D%25: b\n"
    assert expected == report([evil], {}, "github")
