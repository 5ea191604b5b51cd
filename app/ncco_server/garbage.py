"""How often the product's processes collect garbage."""

from __future__ import annotations

import gc
from typing import Final

GC_THRESHOLD: Final = 50_000
"""New objects that start a garbage collection; Python's default is 700. Imports, flows and libraries create many
long-lived objects, and scanning them often costs much time (docs/performance.md).
"""


def collect_rarely() -> None:
    gc.set_threshold(GC_THRESHOLD)
