"""What a server may need, but most do not: it is imported and made when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class OnDemand(Generic[T]):
    """Makes something when it is first needed, in a thread, because the imports of `make` may take a tenth of a second.

    Attributes:
        made: what was made; None before that.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self.made: T | None = None

    async def get(self) -> T:
        """What `make` returns; it is only called once."""
        if self.made is not None:
            return self.made
        async with self._making:
            if self.made is None:
                self.made = await asyncio.to_thread(self._make)
            return self.made
