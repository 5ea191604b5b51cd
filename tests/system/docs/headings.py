"""The headings of a page that name a thing of the program: ### `talk`, under the chapter that they stand in."""

from __future__ import annotations

import re

from tests.support.tracked import text_of

_FENCED = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$", re.S | re.M)
_HEADING = re.compile(r"^(?P<level>#{2,4}) (?P<title>.+)$", re.M)
_THING = re.compile(r"`(?P<name>[^`]+)`")


def things_of(page: str, chapter: str = "") -> list[str]:
    """The names in the headings of a page, or of one chapter (a heading of the second level), in their order.

    A heading names a thing when it is nothing but code: ### `talk`; several between commas are several things.
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


def section(page: str, heading: str) -> str:
    """What stands under a heading, e.g. "### `talk`", up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    text = text_of(page)
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    following = re.search(rf"^#{{1,{level}}} ", _hidden(text)[start:], re.M)
    return text[start : start + following.start()] if following else text[start:]


def _hidden(text: str) -> str:
    """The text with its fenced blocks blanked, so that a comment in one is no heading."""
    return _FENCED.sub(lambda block: " " * len(block[0]), text)
