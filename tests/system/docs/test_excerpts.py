"""The excerpts on the pages match their files."""

from __future__ import annotations

import re
from textwrap import dedent, indent

from tests.support.cases import each_case
from tests.support.tracked import ROOT, text_of
from tests.system.docs.blocks import Block, blocks_of, pages

EXCERPTS = [block for page in pages() for block in blocks_of(page) if block.source]
LEFT_OUT = re.compile(r"^ *\.\.\.\n", re.MULTILINE)


def stands_in(piece: str, text: str) -> bool:
    """Whether `text` contains these whole lines, at any indentation."""
    depths = {len(line) - len(line.lstrip()) for line in text.splitlines()}
    return any(f"\n{indent(piece, ' ' * depth)}\n" in f"\n{text}\n" for depth in depths)


@each_case("block", EXCERPTS, ids=str)
def test_an_excerpt_equals_its_file(block: Block) -> None:
    pieces = [dedent(piece).strip("\n") for piece in LEFT_OUT.split(block.code)]
    text = text_of(block.source)

    assert [] == [piece for piece in pieces if not stands_in(piece, text)]


def test_an_altered_excerpt_is_noticed() -> None:
    assert stands_in("b: c\n\nd: e", "a:\n  b: c\n\n  d: e\n")
    assert not stands_in("b: x", "a:\n  b: c\n")
    assert not stands_in("b: c", "a:\n  b: cd\n")


@each_case("example", sorted(folder.parent.name for folder in ROOT.glob("examples/*/flows")))
def test_every_example_is_shown_on_a_page(example: str) -> None:
    assert [] != [block for block in EXCERPTS if block.source.startswith(f"examples/{example}/")]
