"""Exchanges with the platform as public cases: without numbers, IDs, keys, times of day and texts.

A case can be played against any platform: its probe is repeated, and the webhooks must be of the same kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ncco_studio.verify.platform_check.exchange import ProbeExchange, Received
from ncco_studio.verify.platform_check.probes import PlatformProbe, Seen

KEPT: Final = frozenset(
    {"status", "direction", "detail", "sip_code", "disconnected_by", "type", "endpoint_type", "sub_state", "dtmf"}
)
"""Fields with their values: the platform's words, and the keys that a probe presses itself."""
REASONS: Final = frozenset(
    {
        "Connection closed.", "Connection reset.", "Socket timeout.", "Invalid NCCO.", "Invalid response code.",
        "Syntax error in NCCO. Invalid value type or action.", "failed to retrieve the ncco",
    }
)  # fmt: skip
"""The values of `reason` that are kept. Source: webhook reference, Fallback and Error."""


def case_of(probe: PlatformProbe, exchange: ProbeExchange, seen: Seen, numbers: tuple[str, str]) -> dict[str, Any]:
    """As plain YAML values. Times are in seconds since the call was placed."""
    return {
        "probe": probe.name,
        "seen": dict(seen),
        "requests": dict(exchange.statuses),
        "webhooks": [_case_of(each, exchange, numbers) for each in exchange.received],
    }


def _case_of(received: Received, exchange: ProbeExchange, numbers: tuple[str, str]) -> dict[str, Any]:
    return {
        "name": received.name,
        "role": received.role,
        "method": received.method,
        "at": round(received.at - exchange.placed_at, 1),
        "signed": received.claims is not None,
        "fields": {name: _anonymous(name, value, numbers) for name, value in received.fields.items()},
    }


def _anonymous(name: str, value: Any, numbers: tuple[str, str]) -> Any:
    if name in KEPT or (name == "reason" and value in REASONS):
        return value
    if name in ("from", "to"):
        known = dict(zip(numbers, ("caller", "subject"), strict=True))
        return known.get(str(value), "another number")
    if isinstance(value, Mapping):
        return {key: _anonymous(key, each, numbers) for key, each in value.items()}
    return None if value is None else type(value).__name__
