"""JSON that is kept."""

from __future__ import annotations

from typing import Any

import orjson


def json_bytes(value: Any) -> bytes:
    """The value as JSON, in no more memory than it needs: the writer itself leaves kilobytes of room behind it."""
    return bytes(memoryview(orjson.dumps(value)))
