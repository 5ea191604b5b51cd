"""The fenced blocks of a Markdown page, and which of them are run.

Blocks of `bash` or `python` are run in the order of the page, all `bash` blocks of a page in one shell. If a block of
`text` or `json` follows directly, it shows the output; `...` in it matches anything. A comment `<!-- not run: why -->`
above a block excludes it. A block can name its file: ```yaml title="flows/shop.yaml". A comment `<!-- from: path -->`
says that the block is an excerpt of that file; a line `...` marks an omission.

A page with the comment `<!-- in a folder of its own -->` is followed from scratch, in an empty folder. Each block with
a title is written to that file when its turn comes. A block under `<!-- in a second terminal -->` starts the server,
which keeps running.
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
        comment: the HTML comment directly above the block.
        title: the file that the block shows; "" if none is named.
        heading: the heading above the block.
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
        return self.language in RUN and not self.comment.startswith(("not run: ", "from: "))

    @property
    def source(self) -> str:
        """The file that the block is an excerpt of; "" if it is not an excerpt."""
        return self.comment.removeprefix("from: ") if self.comment.startswith("from: ") else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Example:
    """A block that is run, and its output according to the page; None if the page shows none."""

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
    """Whether the tests follow a page from scratch, in an empty folder."""
    return OWN_FOLDER in text_of(page)


def examples_of(page: str, language: str) -> list[Example]:
    """The blocks of a page in one language that are run."""
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
