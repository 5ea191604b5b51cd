"""The shape of webhooks: keys, and the JSON types of their values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "samples" / "webhooks"


def sample(name: str) -> dict[str, Any]:
    """The fields of a real or documented webhook."""
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["payload"]
    return found


def shape(value: Any) -> Any:
    """The value with each plain value replaced by its JSON type; a list becomes the shape of its entries."""
    if isinstance(value, dict):
        return {name: shape(entry) for name, entry in value.items() if name != "headers"}
    if isinstance(value, list):
        return [shape(entry) for entry in value[:1]]
    return "null" if value is None else type(value).__name__
