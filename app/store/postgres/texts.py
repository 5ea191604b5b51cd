"""Texts as PostgreSQL keeps them, which knows no NUL."""

from __future__ import annotations

from collections.abc import Sequence

_MARK = "\x1a"
"""SUBSTITUTE: begins an escape, `\\x1a0` for NUL and `\\x1a1` for itself, so that every text comes back as it was."""


def stored(text: str) -> str:
    """`text` as it is written. Lone surrogates, which UTF-8 cannot hold, become their escape."""
    if text.isascii() and "\0" not in text and _MARK not in text:
        return text
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return kept.replace(_MARK, f"{_MARK}1").replace("\0", f"{_MARK}0")


def stored_all(texts: Sequence[str]) -> Sequence[str]:
    """A column of texts as it is written; most columns are looked at only once."""
    joined = "".join(texts)
    if joined.isascii() and "\0" not in joined and _MARK not in joined:
        return texts
    return [stored(text) for text in texts]


def read(text: str) -> str:
    """A text as it was before it was stored."""
    return text.replace(f"{_MARK}0", "\0").replace(f"{_MARK}1", _MARK) if _MARK in text else text
