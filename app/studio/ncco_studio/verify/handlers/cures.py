"""What to write instead of a line of a handler that raised."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from ncco_server.flow.handlers.api import Call, Row, UnknownOption, WrongArgument
from ncco_server.flow.handlers.inspection import HandlerCode, Misuse
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
_OPTIONS: Final[Mapping[str, str]] = {"voice": "style", "timeout": "limit_ms", "lang": "language", "volume": "level"}
"""Options of other systems, with that of a method which has it."""
_NAMES: Final[Mapping[str, str]] = {
    "true": "True", "false": "False", "null": "None", "nil": "None", "none": "None", "undefined": "None",
}  # fmt: skip
"""Names of other languages."""


def cure_of(error: BaseException | None, code: HandlerCode) -> str | None:
    """For a name, an attribute, a method or an option that does not exist. None for most other errors."""
    match error:
        case WrongArgument():
            return error.cure
        case UnknownOption():
            near = _near(error.name, error.known)
            return f"write `{near}=..`" if near else f"write one of: {', '.join(error.known)}"
        case NameError(name=str(name)):
            meant = _NAMES.get(name) or nearest(name, _names_at(error))
            return f"write `{meant}`" if meant else None
        case AttributeError(name=str(name)):
            return _attribute(name, error.obj)
        case TypeError() if (misuse := code.misused(error)) is not None:
            return _option(misuse)
        case _:
            return None


def _names_at(error: BaseException) -> list[str]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame if trace is not None else None
    known = [] if frame is None else [*frame.f_locals, *frame.f_globals, *vars(builtins)]
    return [each for each in known if not each.startswith("_")]


def _attribute(name: str, value: object) -> str | None:
    if isinstance(value, Row):
        column = name if name in value.columns else next(iter(value.columns), "column")
        return f'write `row["{column}"]`: columns are in square brackets'
    if isinstance(value, Call) and name in _METHODS:
        return _METHODS[name]
    members = [*value.__members__] if isinstance(value, type) and issubclass(value, Enum) else []
    known = members or [each for each in dir(value) if not each.startswith("_")]
    near = _near(name, known)
    if type(value).__module__ == "builtins" or (not near and not members and not _is_ours(value)):
        return None
    return f"write `.{near}`" if near else f"it has: {', '.join(known)}"


def _option(misuse: Misuse) -> str:
    known = [*inspect.signature(getattr(Call, misuse.method)).parameters][1:]
    for name in misuse.unknown:
        near = _OPTIONS[name] if _OPTIONS.get(name) in known else _near(name, known)
        if near:
            return f"write `{near}=..`"
        others = [each for each in dir(Call) if not each.startswith("_") and callable(getattr(Call, each))]
        if owner := next((each for each in others if name in inspect.signature(getattr(Call, each)).parameters), ""):
            return f"write `call.{owner}(..)`, which has `{name}`, or one of: {', '.join(known)}"
    return f"its arguments are: {', '.join(known)}"


def _near(name: str, known: Sequence[str]) -> str:
    return nearest(name, known) or next((each for each in known if each in name.split("_")), "")


def _is_ours(value: object) -> bool:
    return type(value).__module__.startswith(("ncco_server.", "ncco_studio."))
