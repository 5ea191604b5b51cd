"""An NCCO in short: one line an action, as a person would tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

_ADDRESSES: Final = ("number", "uri", "user", "extension", "domain")

Action = Mapping[str, Any]


def short(action: Action) -> str:
    """One action: what it plays, whom it rings, what it asks for."""
    kind = str(action.get("action", "?"))
    tell = _TELL.get(kind)
    words = tell(action) if tell is not None else ""
    return f"{kind} {words}".rstrip()


def _connect(action: Action) -> str:
    endpoints = [each for each in action.get("endpoint") or () if isinstance(each, dict)]
    told = [f"{each.get('type', '')} {_address(each)}".strip() for each in endpoints]
    limit = f", for {action['timeout']} s" if "timeout" in action else ""
    return ", ".join(told) + limit


def _address(endpoint: Mapping[str, Any]) -> str:
    return next((str(endpoint[name]) for name in _ADDRESSES if endpoint.get(name)), "")


def _input(action: Action) -> str:
    keys = (action.get("dtmf") or {}).get("maxDigits")
    kinds = " or ".join(str(each) for each in action.get("type") or ())
    return f"{kinds}, up to {keys} digits" if keys and keys > 1 else kinds


def _record(action: Action) -> str:
    ends = [name for name in ("endOnKey", "endOnSilence", "timeOut") if name in action]
    return ", ".join(f"{name} {action[name]}" for name in ends)


_TELL: Final[Mapping[str, Callable[[Action], str]]] = {
    "talk": lambda action: f'"{action.get("text", "")}"',
    "stream": lambda action: " ".join(str(each) for each in action.get("streamUrl") or ()),
    "connect": _connect,
    "conversation": lambda action: str(action.get("name", "")),
    "input": _input,
    "record": _record,
    "notify": lambda action: str((action.get("payload") or {}).get("checkpoint", "")),
    "wait": lambda action: f"{action.get('timeout', 10)} s",
    "transfer": lambda action: str(action.get("conversationId", "")),
}
