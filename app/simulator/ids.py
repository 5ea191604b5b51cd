"""Ids that look like the platform's and are the same in every run."""

from __future__ import annotations

import hashlib
import uuid


class Ids:
    """Makes ids of a seed and a counter. Source: webhook reference, identifiers (opaque, in these forms)."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = 0

    def leg(self) -> str:
        """32 hexadecimal digits without dashes, as live legs have."""
        return self._next().hex

    def conversation(self) -> str:
        """`CON-` and a dashed uuid."""
        return f"CON-{self._next()}"

    def dashed(self) -> str:
        """A dashed uuid: recordings, files, tokens."""
        return str(self._next())

    def _next(self) -> uuid.UUID:
        self._count += 1
        digest = hashlib.sha256(f"{self._seed}:{self._count}".encode()).digest()
        return uuid.UUID(bytes=digest[:16], version=4)
