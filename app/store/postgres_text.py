"""Text as PostgreSQL can store it: without NUL, which it does not allow, and lone surrogates, which UTF-8 does not."""

from __future__ import annotations

from typing import Final

SUBSTITUTE: Final = "\x1a"
"""Start of an escape: `\\x1a0` is NUL, which PostgreSQL cannot store, and `\\x1a1` the character itself."""


def stored_text(text: str) -> str:
    """The form in which `text` is stored. Lone surrogates, which UTF-8 cannot represent, are escaped."""
    if text.isascii() and "\0" not in text and SUBSTITUTE not in text:
        return text
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return kept.replace(SUBSTITUTE, f"{SUBSTITUTE}1").replace("\0", f"{SUBSTITUTE}0")


def loaded_text(text: str) -> str:
    """The text that `stored_text` was given."""
    return text.replace(f"{SUBSTITUTE}0", "\0").replace(f"{SUBSTITUTE}1", SUBSTITUTE)
