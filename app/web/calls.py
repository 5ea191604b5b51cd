"""What the web room asks of the service."""

from __future__ import annotations

from typing import Protocol

from app.flow.model import CallbackKind
from app.service.delivery import Delivery, Reply
from app.service.library import Library


class Calls(Protocol):
    """`app.service.calls.CallService`, as far as the web room knows it.

    Each of the four may raise StoreUnavailable. `failsafe` is an NCCO as JSON; it is there whatever else is not.
    """

    failsafe: bytes
    library: Library
    reads_at_once: bool

    async def check(self) -> None:
        """Raises StoreUnavailable when nothing can be written."""

    async def answer(self, delivery: Delivery, flow: str | None = None) -> Reply:
        """The first NCCO of a call."""

    async def resume(self, kind: CallbackKind, token: str, delivery: Delivery) -> Reply:
        """What a webhook of a wait brings. Raises UnknownWait."""

    async def event(self, delivery: Delivery) -> Reply:
        """Record an event."""

    async def fallback(self, delivery: Delivery) -> Reply:
        """Go on where the call was when a reply of ours failed."""
