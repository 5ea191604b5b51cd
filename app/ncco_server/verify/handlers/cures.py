"""What to write instead of a line of a handler that raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ncco_server.flow.handlers.api import Call, Row, UnknownOption
from ncco_server.suggest import nearest

_METHODS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("hangup", "hang_up", "end", "stop", "exit", "close"), "write `return`: the call ends there"),
    **dict.fromkeys(("say", "speak", "prompt"), "write `await call.talk(..)`"),
    **dict.fromkeys(("hook", "webhook", "post", "emit"), "write `await call.send(..)`"),
    **dict.fromkeys(("caller", "caller_id", "from_number", "from_address"), "write `.from_`"),
    **dict.fromkeys(("play", "audio"), "write `await call.stream(..)`"),
    **dict.fromkeys(("dial", "forward"), "write `await call.connect(..)`"),
    **dict.fromkeys(("lookup", "request", "fetch"), "write `await call.run(function, ..)`"),
}
"""Methods and fields of other systems' calls."""


def cure_of(error: BaseException | None) -> str | None:
    """For an attribute or an option that an object of ours does not have. None for every other error."""
    if isinstance(error, UnknownOption):
        near = _near(error.name, error.known)
        return f"write `{near}=..`" if near else f"write one of: {', '.join(error.known)}"
    if not isinstance(error, AttributeError) or not error.name or not _is_ours(error.obj):
        return None
    if isinstance(error.obj, Row):
        column = error.name if error.name in error.obj.columns else next(iter(error.obj.columns), "column")
        return f'write `row["{column}"]`: columns are in square brackets'
    if isinstance(error.obj, Call) and error.name in _METHODS:
        return _METHODS[error.name]
    known = [name for name in dir(error.obj) if not name.startswith("_")]
    near = _near(error.name, known)
    return f"write `.{near}`" if near else f"it has: {', '.join(known)}"


def _near(name: str, known: Sequence[str]) -> str:
    return nearest(name, known) or next((each for each in known if each in name.split("_")), "")


def _is_ours(value: object) -> bool:
    return type(value).__module__.startswith("ncco_server.")
