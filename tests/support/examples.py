"""The number of examples for each property test."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def examples(most: int, **more: Any) -> settings:
    """Try `most` examples in a search such as `make check-all`, and a third of them otherwise."""
    percent = settings.default.max_examples if settings.default is not None else 100
    return settings(max_examples=max(most * percent // 100, 5), **more)
