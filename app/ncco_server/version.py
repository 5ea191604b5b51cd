"""The version of both packages, and the commit that the server's wheel was built from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

VERSION: Final = "0.3.0"
"""The packages are built with this line's version."""
_STAMP: Final = Path(__file__).with_name("commit.txt")
COMMIT: Final = _STAMP.read_text(encoding="ascii") if _STAMP.exists() else ""
"""The full hash; "" outside a wheel, or if it was not built in a clone."""
