"""The settings of the service, without those of the web layer and of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Policy:
    """What the service must know besides flows and store.

    Attributes:
        keys: for wait tokens and masks, of at most 64 bytes; the first signs, all verify.
        failsafe: a valid NCCO, played when nothing else can be.
        env: variables for flows by name, the prefix `FLOW_` taken off.
        dial_allow: prefixes that computed numbers may have.
        dial_limit: how often one call may dial.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    failsafe: tuple[Mapping[str, Any], ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    dial_allow: tuple[str, ...] = ()
    dial_limit: int = 10
