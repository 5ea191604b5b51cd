"""Calls that nobody makes, in commands, proofs, scenarios and tests: their numbers are reserved for fiction."""

from __future__ import annotations

from typing import Final

ANY_NUMBER: Final = "442079460000"
"""Called unless a flow has a number, or somebody names one."""
FROM: Final = "447700900123"
"""Who calls, unless somebody else is named."""
YEARS: Final = range(2000, 2101)
"""When such calls can be made; opening hours need dates before and after."""
