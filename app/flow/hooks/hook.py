"""What goes out for one hook."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Hook(NamedTuple):
    """One webhook of ours, rendered for a call.

    Attributes:
        name: as the flow calls it.
        url: absolute, http or https; its host comes from the flow file or from `env`. "" when there is a problem.
        json: the body: any JSON value.
        headers: those that the flow writes, by name; values without line ends.
        problem: why it could not be rendered, in one sentence without any value of the call; "" when it could. Such a
            one cannot be sent, and is kept for somebody to look at.
    """

    name: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = _NOTHING
    problem: str = ""
