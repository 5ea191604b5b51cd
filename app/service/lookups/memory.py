"""Good answers that may be given again for a while."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import orjson

from app.flow.language.lookups import LookupRequest

MOST_ANSWERS: Final = 512
"""Of at most 64 KiB each."""


class Memory:
    """Answers as JSON text, by what was asked; the one that was not used for the longest time goes first."""

    def __init__(self, clock: Callable[[], float], most: int = MOST_ANSWERS) -> None:
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def get(self, key: bytes) -> bytes | None:
        """The answer, or None when there is none or it is too old."""
        found = self._kept.get(key)
        if found is None:
            return None
        until, body = found
        if self._clock() >= until:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return body

    def put(self, key: bytes, body: bytes, cache_ms: int) -> None:
        """Keep an answer for `cache_ms`."""
        self._kept[key] = (self._clock() + cache_ms / 1000, body)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def key_of(request: LookupRequest) -> bytes:
    """What tells two requests apart: everything that is sent. A digest, since headers hold secrets."""
    parts = (
        request.method,
        request.url,
        request.json,
        dict(request.headers),
        request.function,
        dict(request.arguments),
    )
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()
