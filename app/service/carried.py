"""What the webhook that is being answered hands on to what it causes, and what is counted of that."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class Carried:
    """Of one webhook.

    Attributes:
        headers: what hooks carry besides their own headers: the W3C trace context.
        hooks, lookups: how many it caused so far.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    hooks: int = 0
    lookups: int = 0


CARRIED: Final[ContextVar[Carried | None]] = ContextVar("carried", default=None)
"""None while nobody follows what webhooks cause."""
