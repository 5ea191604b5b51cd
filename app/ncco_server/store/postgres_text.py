"""Converts text for PostgreSQL, which can store neither NUL characters nor lone surrogates."""

from __future__ import annotations

from typing import Final

SUBSTITUTE: Final = "\x1a"
"""Starts an escape: `\\x1a0` stands for NUL, and `\\x1a1` for this character itself."""


def stored_text(text: str) -> str:
    """Escape NUL characters, and replace lone surrogates with backslash escapes."""
    if text.isascii() and "\0" not in text and SUBSTITUTE not in text:
        return text
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return kept.replace(SUBSTITUTE, f"{SUBSTITUTE}1").replace("\0", f"{SUBSTITUTE}0")


def loaded_text(text: str) -> str:
    """Undo `stored_text`, except for lone surrogates."""
    return text.replace(f"{SUBSTITUTE}0", "\0").replace(f"{SUBSTITUTE}1", SUBSTITUTE)
