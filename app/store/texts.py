"""Texts as a database keeps them."""

from __future__ import annotations


def unicode(text: str) -> str:
    """`text` as SQLite can store it: lone surrogates, which UTF-8 cannot hold, become their escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
