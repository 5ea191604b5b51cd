"""Drawings in Mermaid and DOT have a structure that no text of a flow can change."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ncco_studio.pictures.graph import Arrow, Drawing, GraphNode, Subgraph, as_dot, as_mermaid
from tests.support.cases import each_case
from tests.support.examples import examples

NASTY = [
    '"]; x --> y',
    "a\nb",
    "-->|x|",
    "#quot;",
    "%% comment",
    "`code`",
    "<script>",
    "\\",
    "\\n",
    "&amp;",
    "{{x}}",
    "end",
    "\u202eover",
]


def drawing(text: str) -> Drawing:
    nodes = (GraphNode("a", "start", (text,)), GraphNode("b", "end", ("two", text)))
    return Drawing((Subgraph("f", text, nodes),), (Arrow("a", "b", (text, text)), Arrow("b", "a", stroke="error")))


MERMAID_LINES = (
    r"flowchart TD",
    r'  subgraph f\["[^"\n]*"\]',
    r'    a\(\["[^"\n]*"\]\)',
    r'    b\(\("two<br/>[^"\n]*"\)\)',
    r"  end",
    r'  a -->\|"[^"\n]*<br/>[^"\n]*"\| b',
    r"  b -\.-> a",
    r"  linkStyle 1 stroke:#c00",
)
DOT_TEXT = r'"(?:[^"\\\n]|\\["\\n])*"'


@each_case("text", NASTY)
def test_no_text_changes_the_structure_of_mermaid(text: str) -> None:
    lines = as_mermaid(drawing(text)).splitlines()

    assert len(MERMAID_LINES) == len(lines)
    assert [] == [line for line, due in zip(lines, MERMAID_LINES, strict=True) if not re.fullmatch(due, line)]


@examples(100)
@given(st.text(max_size=30))
def test_a_text_in_mermaid_contains_no_syntax(text: str) -> None:
    line = as_mermaid(drawing(text)).split("\n")[2]
    label = line.removeprefix('    a(["').removesuffix('"])')

    assert not re.search(r'["<>{}\[\]|`\\&@~^$%]', re.sub(r"<[0-9A-F]+>", "", label))
    assert [] == [found for found in re.findall(r"#.{0,4}", label) if not re.match(r"#\d{2,3};", found)]


@examples(100)
@given(st.text(max_size=30))
def test_no_text_changes_the_structure_of_dot(text: str) -> None:
    lines = as_dot(drawing(text)).split("\n")

    due = [
        r"  subgraph cluster_f \{",
        rf"    label={DOT_TEXT};",
        rf"    a \[shape=oval, label={DOT_TEXT}\];",
        rf"    b \[shape=circle, label={DOT_TEXT}\];",
        r"  \}",
        rf"  a -> b \[label={DOT_TEXT}\];",
        r'  b -> a \[style=dashed, color="#cc0000"\];',
        r"\}",
        "",
    ]
    assert len(due) == len(lines[-len(due) :])
    assert [] == [
        line for line, pattern in zip(lines[-len(due) :], due, strict=True) if not re.fullmatch(pattern, line)
    ]


def test_quotes_and_line_ends_are_kept_as_numbers_in_mermaid() -> None:
    text = as_mermaid(drawing('say "hi" & 1 < 2'))

    assert 'a(["say #34;hi#34; #38; 1 #60; 2"])' in text


def test_a_text_that_looks_like_a_markdown_list_stays_text() -> None:
    assert 'a(["1#46; First"])' in as_mermaid(drawing("1. First"))
    assert 'a(["#45; First"])' in as_mermaid(drawing("- First"))


def test_letters_of_every_language_are_kept() -> None:
    assert 'a(["Größe 你好 🚀"])' in as_mermaid(drawing("Größe 你好 🚀"))
    assert 'label="Größe 你好 🚀"' in as_dot(drawing("Größe 你好 🚀"))


def test_an_arrow_without_a_label_or_a_style_is_short() -> None:
    flat = Drawing((), (Arrow("a", "b"), Arrow("b", "a", ("x",), "dotted")))

    assert '  a --> b\n  b -.->|"x"| a\n' in as_mermaid(flat)
    assert '  a -> b;\n  b -> a [label="x", style=dashed];\n' in as_dot(flat)
