"""How often processes collect garbage."""

from __future__ import annotations

import gc
from typing import Final

GC_THRESHOLD: Final = 50_000
"""Python's default is 700. Scanning many long-lived objects costs much time (docs/performance.md)."""


def collect_rarely() -> None:
    gc.set_threshold(GC_THRESHOLD)
