"""What goes out for one look-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Method: TypeAlias = Literal["GET", "POST", "PYTHON"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class LookupRequest(NamedTuple):
    """One question to the outside, rendered for a call.

    Attributes:
        method: GET and POST go to `url`, PYTHON to `function`.
        url: absolute, http or https; its host comes from the flow file or from `env`. "" for PYTHON.
        json: the body of a POST: any JSON value; None when there is none.
        headers: by name; values without line ends.
        function: `package.module:function`; "" for GET and POST.
        arguments: keyword arguments of the function, JSON values.
        timeout_ms: how long the answer may take.
        cache_ms: how long a good answer may be given again; 0 for not at all.
        accepts: whether a value has what the look-up declares under `returns`; an answer that has not is not kept.
    """

    method: Method
    url: str = ""
    json: Any = None
    headers: Mapping[str, str] = _NOTHING
    function: str = ""
    arguments: Mapping[str, Any] = _NOTHING
    timeout_ms: int = 1000
    cache_ms: int = 0
    accepts: Callable[[Any], bool] | None = None

    def __repr__(self) -> str:
        """Whom it asks, and not what: that may be sensitive."""
        return f"<look-up by {self.method}>"
