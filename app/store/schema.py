"""Which schema a store has: what `ncco db` shows and what a server says when it starts."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable


class Schema(NamedTuple):
    """The version of a store's tables, and of those that this program knows.

    Attributes:
        found: the version that it has, "" when it is empty or not there.
        newest: the last one that this program knows.
        missing: the versions between, oldest first.
    """

    found: str
    newest: str
    missing: tuple[str, ...]


def compared(found: str, versions: tuple[str, ...]) -> Schema:
    """What a store that has version `found` lacks of `versions`, which are oldest first."""
    return Schema(found, versions[-1], tuple(version for version in versions if version > found))


@runtime_checkable
class Versioned(Protocol):
    """A store whose schema outlives this program. `open` brings it to the newest."""

    async def schema(self) -> Schema:
        """What it has now; changes nothing, creates nothing. The store need not be open.

        Raises StoreUnusable when it belongs to a newer version or to another program, and StoreUnavailable.
        """
