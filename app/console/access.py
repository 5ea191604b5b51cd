"""Who may see the console, and who may change something."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends


async def _viewer() -> None:
    """Refuse a request without a session."""


async def _editor() -> None:
    """Refuse a request without a session that may change something."""


CanLook: TypeAlias = Annotated[None, Depends(_viewer)]
"""A parameter of a route that shows something."""
CanChange: TypeAlias = Annotated[None, Depends(_editor)]
"""A parameter of a route that changes something, or plays calls."""
