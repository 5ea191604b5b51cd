"""Writes what was heard into scenario files, where they leave it open; nothing else of a file changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from app.verify.scenarios.heard import plain
from app.verify.scenarios.model import Hear

_BREAK = re.compile(r"(\r\n|\r|\n)")


def updated(text: str, heard: Iterable[tuple[Hear, str]]) -> str:
    """The text of a file with what was heard in place of each open `hear`."""
    pieces = _BREAK.split(text)
    for hear, found in sorted(heard, key=lambda pair: pair[0].written[1:3], reverse=True):
        place, index = hear.written, (hear.written.line - 1) * 2
        line, start = pieces[index], hear.written.column - 1
        written = line[start : start + place.length]
        quoted = json.dumps(plain(found), ensure_ascii=False)
        pieces[index] = (
            line[:start] + (f"hear: {quoted}" if written == "hear" else quoted) + line[start + place.length :]
        )
    return "".join(pieces)
