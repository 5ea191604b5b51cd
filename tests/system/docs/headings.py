"""The headings of a page that name a part of the program, such as ### `talk`, and their chapters."""

from __future__ import annotations

import re

from tests.support.tracked import text_of

_FENCED = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$", re.S | re.M)
_HEADING = re.compile(r"^(?P<level>#{2,4}) (?P<title>.+)$", re.M)
_THING = re.compile(r"`(?P<name>[^`]+)`")


def things_of(page: str, chapter: str = "") -> list[str]:
    """The names in the headings of a page, or of one chapter (a second-level heading), in order.

    A heading names something if it consists of code only: ### `talk`. It can have several names, separated by commas.
    """
    found: list[str] = []
    current = ""
    for heading in _HEADING.finditer(_FENCED.sub("", text_of(page))):
        title = heading["title"]
        if heading["level"] == "##":
            current = title
        if current == chapter or not chapter:
            found += _THING.findall(title) if re.fullmatch(r"`[^`]+`(, `[^`]+`)*", title) else []
    return found


def titles_of(page: str) -> list[str]:
    """The texts of all headings of a page, with the page's own title."""
    return re.findall(r"^#{1,4} (.+)$", _FENCED.sub("", text_of(page)), re.M)


def section(page: str, heading: str) -> str:
    """The text under a heading such as "### `talk`", up to the next heading of the same level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    text = text_of(page)
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    following = re.search(rf"^#{{1,{level}}} ", _hidden(text)[start:], re.M)
    return text[start : start + following.start()] if following else text[start:]


def _hidden(text: str) -> str:
    """The text with its fenced blocks blanked out, so that a comment in a block is not taken for a heading."""
    return _FENCED.sub(lambda block: " " * len(block[0]), text)
