"""How often the product's processes collect garbage."""

from __future__ import annotations

import gc
from typing import Final

GC_THRESHOLD: Final = 50_000
"""The number of new objects that starts a garbage collection; Python's default is 700. Imports, flows and libraries
create many long-lived objects. Scanning them often would take a seventh of a start, half of the time in which flows
are loaded, and a large part of a webhook's CPU time (docs/performance.md).
"""


def collect_rarely() -> None:
    gc.set_threshold(GC_THRESHOLD)
