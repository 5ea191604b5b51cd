"""What is logged of an exception, also one in authors' code: its type and where it was raised, and no values."""

from __future__ import annotations

import logging
import traceback
from typing import Any, Final

FRAMES: Final = 12
"""Only the innermost ones are logged."""
_log = logging.getLogger(__name__)


def place_of(error: BaseException) -> dict[str, Any]:
    """Leave out the message, which may quote what a caller said or pressed."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    names = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "frames": names}


def log_raised(event: str, error: BaseException) -> None:
    """Pass no `exc_info`: any handler of `logging` would write the message."""
    place = place_of(error)
    _log.error("\n".join([event, *(f"  {frame}" for frame in place["frames"]), place["error"]]), extra=place)
