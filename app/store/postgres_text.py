"""Texts as PostgreSQL can store them: it has no NUL, and UTF-8 no lone surrogates."""

from __future__ import annotations

from typing import Final

SUBSTITUTE: Final = "\x1a"
"""Start of an escape: `\\x1a0` for NUL, which PostgreSQL cannot store, `\\x1a1` for itself."""


def stored_text(text: str) -> str:
    """The stored form of `text`. Lone surrogates, which UTF-8 cannot represent, are escaped."""
    if text.isascii() and "\0" not in text and SUBSTITUTE not in text:
        return text
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return kept.replace(SUBSTITUTE, f"{SUBSTITUTE}1").replace("\0", f"{SUBSTITUTE}0")


def loaded_text(text: str) -> str:
    """A text as it was before `stored_text`."""
    return text.replace(f"{SUBSTITUTE}0", "\0").replace(f"{SUBSTITUTE}1", SUBSTITUTE)
