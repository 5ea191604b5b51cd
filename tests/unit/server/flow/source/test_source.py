from __future__ import annotations

import time

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.nodes import Map, Node, Place, Seq, Text
from ncco_server.flow.source import MAX_CHARACTERS, MAX_DEPTH, read_yaml
from tests.support.cases import each_case
from tests.support.examples import examples

FILE = "flows/a.yaml"


def read(text: str) -> Node:
    node, issues = read_yaml(FILE, text)
    assert [] == issues
    assert node is not None
    return node


def value(text: str, key: str = "key") -> Text:
    node = read(text)
    assert isinstance(node, Map)
    found = node.get(key)
    assert isinstance(found, Text)
    return found


def texts(node: Node) -> list[Text]:
    if isinstance(node, Text):
        return [node]
    if isinstance(node, Seq):
        return [text for item in node.items for text in texts(item)]
    return [text for entry in node.entries for text in (entry.key, *texts(entry.value))]


def written(source: str, place: Place) -> str:
    line = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")[place.line - 1]
    return line[place.column - 1 : place.column - 1 + place.length]


@each_case(
    "plain", ["on", "no", "yes", "true", "17:30", "09:00-17:30", "0044", "0", "1_000", "1e3", "+44", "2026-12-24", ".5"]
)
def test_a_text_without_quotes_stays_as_written(plain: str) -> None:
    assert plain == value(f"key: {plain}\n").value


@each_case(
    "plain",
    [
        "sip:a@example.com",
        "don't",
        'a "quoted" word',
        "Press * now",
        "\u201cAcme\u201d is our name",
        "Hello {{ name }}",
        "a - b",
        "\n  sip:a@example.com",
    ],
)
def test_a_text_that_yaml_reads_as_meant_needs_no_quotes(plain: str) -> None:
    assert plain.replace("\n ", "").strip() == value(f"key: {plain}\n").value


@each_case(
    "commented",
    [
        "goto: menu # back",
        "timeout: 20 # seconds",
        'if: a == "b" # why',
        "steps: # all of them\n  a: b",
        "a: b # c ] d",
    ],
)
def test_a_comment_is_a_comment(commented: str) -> None:
    assert ([],) == read_yaml(FILE, commented + "\n")[1:]


@each_case(
    "legit",
    [
        "%YAML 1.2\n---\na: b\n...\n",
        '[{"action":"talk","text":"Hi"}]',
        'a: "one\n  two"\n',
        "a: [b,\n  c,\n]\n",
        "a:\n- b\n- c: d\n  e: f\n",
        "a: \u05e9\u05dc\u05d5\u05dd \u200f!\n",
        "a: Bonjour\xa0! tapez\xa01\n",
        "a:\tb\n",
    ],
)
def test_unusual_but_unambiguous_yaml_is_read(legit: str) -> None:
    node, issues = read_yaml(FILE, legit)

    assert node is not None
    assert [] == issues


@each_case("quoted", ['""', "''", '"~"', "'null'", '"null"'])
def test_empty_quotes_are_an_empty_text(quoted: str) -> None:
    assert quoted[1:-1] == value(f"key: {quoted}\n").value


@each_case("key", ["on", "no", "1", "0044", "17:30", "true", "a b"])
def test_keys_are_texts(key: str) -> None:
    node = read(f"{key}: x\n")

    assert isinstance(node, Map)
    assert (key,) == node.keys()


@each_case(
    ("source", "meant"),
    [
        ("key: one\n  two\n\n  three\n", "one two\nthree"),
        ("key: 'it''s\n  fine'\n", "it's fine"),
        ('key: "a\\tb\\x41\\u00e9\\U0001F600\\"\\\\ \\/"\n', 'a\tbAé😀"\\ /'),
        ('key: "one \\\n   two\\\n\n   three"\n', "one two\nthree"),
        ("key: |\n  one\n   two\n\n  three\n", "one\n two\n\nthree"),
        ("key: |+\n  one\n\n", "one\n\n"),
        ("key: |-\n  one\n", "one"),
        ("key: |2\n   one\n", " one"),
        ("key: |\n\n  one\n", "\none"),
        ("key: >\n  one\n  two\n\n  three\n    four\n  five\n", "one two\nthree\n  four\nfive"),
        ("key: >-\n  one", "one"),
        ("key: |+\n   \n\n", "\n\n"),
        ("key: |  # a comment\n  one # none\n", "one # none"),
        ("key: >\r\n  one\r\n  two\r\n", "one two"),
        ("key: one\r\n  two\r\n", "one two"),
    ],
)
def test_scalars_of_every_style_have_their_yaml_value(source: str, meant: str) -> None:
    assert meant == value(source).value


@each_case(
    ("source", "offset", "at"),
    [
        ("key: 'one'\n", 2, (1, 9)),
        ('key: "a\\tb"\n', 2, (1, 10)),
        ('key: "\\U0001F600b"\n', 1, (1, 17)),
        ("key: >\n  one\n\n  two\n", 3, (2, 6)),
        ("key: one\n", 99, (1, 105)),
        ("key: >\n  one\n", 99, (2, 5)),
        ("key: one\n", -1, (1, 6)),
    ],
)
def test_each_character_of_a_text_knows_its_position(source: str, offset: int, at: tuple[int, int]) -> None:
    place = value(source).at(offset)

    assert at == (place.line, place.column)


def test_a_byte_order_mark_is_not_part_of_the_text() -> None:
    assert Place(FILE, 1, 1, 3) == read("\ufeffkey: x\n").place


@each_case("breaks", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_ending_ends_one_line(breaks: str) -> None:
    node = read(f"a: b{breaks}{breaks}c: d{breaks}")

    assert [1, 1, 3, 3] == [text.place.line for text in texts(node)]


def test_a_file_too_large_is_refused_at_once() -> None:
    node, issues = read_yaml(FILE, "#" * (MAX_CHARACTERS + 1))

    assert node is None
    assert ["E119"] == [issue.code for issue in issues]


def test_the_deepest_allowed_nesting_is_read() -> None:
    node, issues = read_yaml(FILE, "[" * MAX_DEPTH + "x" + "]" * MAX_DEPTH)

    assert isinstance(node, Seq)
    assert [] == issues


def test_aliases_are_never_followed() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 9))

    node, issues = read_yaml(FILE, bomb.replace("*a0", "*a"))

    assert node is None
    assert {"E106"} == {issue.code for issue in issues}


@each_case(
    "text",
    [
        '? ax y:=a]}}>a~\x00 #\n    &{%<<é\n  !%}["`',
        "goto\r=é>%{:: :\n---\n{%",
        " # {{{ x }}\n    \n- item%[key: value\rx y#]& #goto1\tgototalk{{%}",
        "{: #[ #c {",
        "{a: : b}",
    ],
)
def test_texts_that_once_crashed_the_reader_are_only_reported(text: str) -> None:
    node, issues = read_yaml(FILE, text)

    assert node is None
    assert 1 <= len(issues) <= 6


SIGNS = """talk goto a don't é 😀 日本 - : , { } [ ] " ' \\ # {{ }} {% * &a !t | @ ` % --- ... ~ null << = “ ” 1"""
BREAKS = ("\n", "\n  ", "\n    ", "\r\n", "\r", " ", "\t", "\n---\n", "\nkey: ", "\n- item", "|\n", ">\n")
ODD = ("\uff1a", "\xa0", "\u200b", "\u2028", "\u202a", "\x00", "\x1b", "\ud800", "\ufeff")
PIECES = st.sampled_from(
    [*SIGNS.split(), *BREAKS, *ODD, "x y", "{{ x }}", "{% if %}", "- ", ": ", ", ", " #", " # c", "? "]
)


@examples(200)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_no_text_makes_the_reader_raise_and_every_error_has_a_place(text: str) -> None:
    node, issues = read_yaml(FILE, text)

    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert node is not None or issues
    assert all(1 <= issue.place.line <= len(lines) for issue in issues)
    assert all(1 <= issue.place.column <= len(lines[issue.place.line - 1]) + 1 for issue in issues)
    assert all(issue.message and issue.cure for issue in issues)


def test_a_long_line_of_dashes_in_a_text_with_an_invisible_character_is_searched_once() -> None:
    begun = time.process_time()
    _, issues = read_yaml(FILE, "-" * 20_000 + "\u200b")

    assert "E117" == issues[0].code
    assert time.process_time() - begun < 2


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=9)
"""Without spaces but the one of the space bar: where a line begins, others are a fault of their own (E117)."""
TEXTS = st.lists(st.one_of(WORDS, st.sampled_from([" ", "\n", "'", '"', "\\", ": ", " #", "\n\n", "\t"])), max_size=12)


@examples(200)
@given(TEXTS.map("".join), st.sampled_from([None, "'", '"', "|", ">"]), st.sampled_from(["\n", "\r\n"]))
def test_every_character_of_a_text_is_found_at_its_position(text: str, style: str | None, breaks: str) -> None:
    source = yaml.dump({"key": [text]}, default_style=style, width=20, allow_unicode=True, line_break=breaks)
    node, _ = read_yaml(FILE, source)

    assert isinstance(node, Map)
    found = texts(node)[-1]
    pairs = [(char, written(source, found.at(index))) for index, char in enumerate(found.value)]
    assert all(char == shown or char in " \n" or shown in ("\\", "'") for char, shown in pairs)
