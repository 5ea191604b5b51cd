"""How many there are of something, in words."""

from __future__ import annotations


def counted(number: int, noun: str, nouns: str = "") -> str:
    """`1 call`, `2 calls`, `1,000 calls`; `nouns` where the plural has more than an s."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"
