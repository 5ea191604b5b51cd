"""What terminals show: colours and text without control characters."""

from __future__ import annotations

import os
import unicodedata
from typing import TextIO


def shows_colours(stream: TextIO) -> bool:
    """NO_COLOR and TERM=dumb disable colours in a terminal."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """Escape control and other invisible characters: ESC becomes `<1B>`."""
    if text.isprintable():
        return text
    return "".join(char if _is_printable(char) else f"<{ord(char):02X}>" for char in text)


def _is_printable(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn")
