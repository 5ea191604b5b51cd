"""What the command line passes to the console: what runs in subprocesses, and what only the server beside it knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple


class Served(NamedTuple):
    """The addresses of the webhook server on this host; "" if unknown.

    Attributes:
        url: where it serves webhooks and probes, such as `http://127.0.0.1:8000`.
        figures_url: such as `http://127.0.0.1:40123/figures`.
    """

    url: str = ""
    figures_url: str = ""


_NOT_KNOWN: Final = Served()


@dataclass(frozen=True)
class Services:
    """The services of the console.

    Attributes:
        play: plays calls, with plain values, in a subprocess (see `PhonePlayer.play`); None if unavailable.
        prove: proves a flow, with plain values, in a subprocess; None if unavailable.
        program: how to start `ncco` in a shell in the server's folder.
    """

    play: Callable[..., dict[str, Any]] | None = None
    prove: Callable[..., dict[str, Any]] | None = None
    served: Served = _NOT_KNOWN
    program: str = "ncco"
