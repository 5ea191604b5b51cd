"""The part of a store that forgets: everything of a phone number at once, and what is old little by little."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable
from urllib.parse import unquote_to_bytes

_ESCAPED: Final = re.compile(rb"\\u00([0-9a-fA-F]{2})")


class Forgotten(NamedTuple):
    """What was deleted, or would be.

    Attributes:
        calls, turns, webhooks, hooks: how many rows.
        running: how many of the calls had not ended; who is on the line hears the failsafe NCCO next.
        revisions: how many revisions of flows name one of the numbers. They stay: it is their authors who wrote it.
        traces: how often a number still stands where the store keeps its data, besides those revisions.
    """

    calls: int = 0
    running: int = 0
    turns: int = 0
    webhooks: int = 0
    hooks: int = 0
    revisions: int = 0
    traces: int = 0


@runtime_checkable
class Retention(Protocol):
    """What every store can forget. Every method may raise StoreUnavailable."""

    async def forget(self, numbers: Sequence[str], *, dry_run: bool = False, may_rewrite: bool = True) -> Forgotten:
        """Delete every call that names one of the numbers, with its turns, webhooks and hooks.

        A call names a number that it came from, went to or dialled, that a webhook of it told of, or that a look-up
        answered. Webhooks and hooks that belong to no stored call go by themselves. What is deleted can then not be
        found in the bytes that the store keeps either, as far as it has a say in them.

        Args:
            numbers: digits with the country code.
            dry_run: count, and delete nothing.
            may_rewrite: whether all data may be written anew, which keeps writers waiting, when older copies of what
                was deleted are found among the bytes.
        """

    async def sweep(self, before: int, limit: int) -> int:
        """Delete a little of what is older than `before` (milliseconds since 1970).

        Up to `limit` calls whose last change is older, with their turns and webhooks; where there are fewer, up to as
        many webhooks that belong to no call; and as many hooks. It costs the same however much is too old. Returns how
        many rows of these three kinds were deleted; 0: there are no more.
        """

    async def sweep_revisions(self, before: int, keep: Collection[str]) -> int:
        """Delete revisions from before that no call uses, save those with a hash of `keep`; returns how many.

        It comes last in a sweep: what the sweep has deleted can then not be found in the store's own files either.
        """


class Numbers:
    """Finds phone numbers in what is stored.

    Args:
        numbers: digits with the country code.
    """

    def __init__(self, numbers: Sequence[str]) -> None:
        written = b"|".join(re.escape(number.encode("ascii")) for number in numbers)
        self.pattern: Final = re.compile(rb"(?<![0-9])(?:00)?(?:" + written + rb")(?![0-9])")

    def are_in(self, *documents: bytes) -> bool:
        """Whether one of them stands in a document as a whole: as it is, in a query string, escaped in JSON."""
        return any(self.pattern.search(document) or self._is_hidden_in(document) for document in documents)

    def _is_hidden_in(self, document: bytes) -> bool:
        if b"%" in document and self.pattern.search(unquote_to_bytes(document)):
            return True
        return b"\\u00" in document and bool(self.pattern.search(_ESCAPED.sub(_letter, document)))


def _letter(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape[1], 16),))
