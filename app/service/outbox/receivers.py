"""Keeps one receiver that does not answer from taking all the places of the others."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from app.service.outbox.verdict import Verdict


class Receivers:
    """Who is being told something at the moment, and who was slow the last time.

    Args:
        share: how many tries a slow receiver may have at once; any other may have all.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._busy: Counter[str] = Counter()
        self._slow: set[str] = set()

    def may_begin(self, url: str) -> bool:
        """Whether one more try may begin; it has begun then, and `ended` has to be told."""
        receiver = _receiver(url)
        if receiver in self._slow and self._busy[receiver] >= self._share:
            return False
        self._busy[receiver] += 1
        return True

    def ended(self, url: str, verdict: Verdict | None) -> None:
        """One try is over; None: it was broken off."""
        receiver = _receiver(url)
        self._busy[receiver] -= 1
        if not self._busy[receiver]:
            del self._busy[receiver]
        if verdict is not None and verdict.is_slow:
            self._slow.add(receiver)
        elif verdict is not None:
            self._slow.discard(receiver)


def _receiver(url: str) -> str:
    """Scheme, host and port; a URL without them is a receiver of its own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}".lower()
