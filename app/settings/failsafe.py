"""The failsafe NCCO: what a caller hears when nothing of a flow can be played."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from app.ncco import check

DEFAULT: Final = "We are sorry, we cannot take your call right now. Please call again later."
_HEARD: Final = frozenset({"talk", "stream", "connect", "conversation"})


def read_failsafe(text: object) -> tuple[Mapping[str, Any], ...]:
    """The NCCO of a text: JSON when it begins with `[` or `{`, else one `talk` that says it.

    Raises:
        ValueError: it is not JSON, not a valid NCCO, or plays nothing that can be heard.
    """
    document = _document(text)
    actions = [document] if isinstance(document, dict) else document
    faults = [issue for issue in check(actions) if issue.severity == "error"]
    if faults:
        raise ValueError(f"no valid NCCO: {faults[0].path or '/'}: {faults[0].message} ({faults[0].cure})")
    if not any(action["action"] in _HEARD for action in actions):
        raise ValueError("plays nothing that a caller could hear")
    return tuple(actions)


def _document(text: object) -> Any:
    if not isinstance(text, str):
        return list(text) if isinstance(text, tuple) else text
    if not text.lstrip().startswith(("[", "{")):
        return [{"action": "talk", "text": text.strip()}]
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise ValueError(f"begins like JSON and is none: {fault}") from fault
