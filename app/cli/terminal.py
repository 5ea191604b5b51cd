"""What standard output can show."""

from __future__ import annotations

import os
import sys


def takes_colour() -> bool:
    """Whether standard output is a terminal that shows colours and nobody asked for none (NO_COLOR, TERM=dumb)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
