"""The fenced blocks of a Markdown page, and which of them are run.

A block of `bash` or `python` is run, in the order of the page, all `bash` blocks of a page in one shell. A block of
`text` or `json` directly behind it is what it prints, `...` standing for anything. A comment `<!-- not run: why -->`
above a block leaves it out. A block may say which file it is: ```yaml title="flows/shop.yaml". A comment
`<!-- from: path -->` says that the block stands so in a file; a line `...` stands for what is left out of it.

A page with the comment `<!-- in a folder of its own -->` is followed from nothing, in an empty folder: each block with
a title is written to that file when its turn comes, and what `<!-- in a second terminal -->` stands above is left
running: the server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from tests.support.tracked import text_of, tracked_files

RUN = ("bash", "python")
PRINTED = ("text", "json")

OWN_FOLDER = "<!-- in a folder of its own -->"
ELSEWHERE = "in a second terminal"

_BLOCK = re.compile(
    r"(?:<!-- (?P<comment>[^\n]*?) -->\n)?"
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"\n]+)")?(?: hl_lines="[^"\n]+")?\n(?P<code>.*?)^```$',
    re.S | re.M,
)
_HEADING = re.compile(r"^##+ .+$", re.M)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        comment: the HTML comment right above it.
        title: the file that it is; "" when it does not say.
        heading: the heading that it stands under.
    """

    page: str
    line: int
    language: str
    code: str
    comment: str
    end: int
    start: int
    title: str = ""
    heading: str = ""

    @property
    def is_run(self) -> bool:
        return self.language in RUN and not self.comment.startswith("not run: ")

    @property
    def source(self) -> str:
        """The file that it is a part of; "" for a block of the page's own."""
        return self.comment.removeprefix("from: ") if self.comment.startswith("from: ") else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Example:
    """A block that is run, with what the page says it prints; None when the page does not say."""

    block: Block
    printed: str | None


def pages() -> list[str]:
    """Every Markdown page of the project."""
    return [name for name in tracked_files() if name.endswith(".md")]


def blocks_of(page: str) -> list[Block]:
    text = text_of(page)
    return [
        Block(
            page,
            text.count("\n", 0, found.start("code")),
            found["language"],
            found["code"],
            found["comment"] or "",
            found.end(),
            found.start(),
            found["title"] or "",
            _heading_above(text, found.start()),
        )
        for found in _BLOCK.finditer(text)
    ]


def _heading_above(text: str, position: int) -> str:
    found = _HEADING.findall(_BLOCK.sub("", text[:position]))
    return found[-1] if found else ""


def is_followed(page: str) -> bool:
    """Whether a page is followed in a folder of its own."""
    return OWN_FOLDER in text_of(page)


def examples_of(page: str, language: str) -> list[Example]:
    """The blocks of a page that are run in that language."""
    blocks = blocks_of(page)
    followers = {str(block): after for block, after in pairwise(blocks)}
    return [
        Example(block, _printed(page, block, followers.get(str(block))))
        for block in blocks
        if block.is_run and block.language == language
    ]


def _printed(page: str, block: Block, after: Block | None) -> str | None:
    if after is None or after.language not in PRINTED or text_of(page)[block.end : after.start].strip():
        return None
    return after.code
