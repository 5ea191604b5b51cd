"""The YAML of the pages is what the loader takes, and the page of the language names every word of it."""

from __future__ import annotations

import pytest

from app.flow.exits import EXITS
from app.flow.expressions.filters import FILTERS
from app.flow.loader import load
from app.flow.parts.items import KINDS
from app.flow.variables import DECLARABLE
from tests.docs.blocks import Block, blocks_of, pages
from tests.house.tracked import text_of

PAGE = text_of("docs/flows.md")
YAML = [block for page in pages() for block in blocks_of(page) if block.language == "yaml"]
FRAME = """\
flow: page
default: true
start: shown
steps:
  menu: {goto: end}
  person: {goto: end}
  vip: {goto: end}
  staff: {goto: end}
  sales_busy: {goto: end}
  voicemail: {goto: end}
"""
NEEDED = {
    "do:": "    goto: menu\n",
    "branch:": "",
    "retry:": "    choices: {menu: {dtmf: 1, goto: menu}}\n",
}


def as_flow(block: Block) -> str:
    """A whole flow around a block that shows a part of one."""
    code = block.code
    if code.startswith("flow:"):
        return code
    if code.startswith("menu:"):
        named = FRAME.replace("  menu: {goto: end}\n", "").replace("start: shown", "start: menu")
        retry = "defaults: {retry: {then: end}}\n"
        support = "  support: {goto: end}\n"
        return named.replace("steps:\n", f"{retry}steps:\n{support}") + indented(code, 2)
    return f"{FRAME}  shown:\n{indented(code, 4)}{NEEDED[code.splitlines()[0]]}"


def indented(code: str, columns: int) -> str:
    return "".join(f"{' ' * columns}{line}\n" if line else "\n" for line in code.splitlines())


@pytest.mark.parametrize("block", YAML, ids=str)
def test_the_yaml_of_a_page_loads_without_error(block: Block) -> None:
    issues = load({"flows/page.yaml": as_flow(block)}).issues

    assert [] == [f"{issue.place} {issue.code} {issue.message}" for issue in issues if issue.is_error]


@pytest.mark.parametrize(
    "word",
    [*(kind.word for kind in EXITS), *(kind.word for kind in KINDS), *FILTERS, *DECLARABLE],
)
def test_the_page_of_the_language_names_every_word(word: str) -> None:
    assert f"`{word}" in PAGE
