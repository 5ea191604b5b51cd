"""What the command line hands to the console, which does not import `web`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app.verify.scenarios.runner import MakeApp


class Served(NamedTuple):
    """Where the webhook server beside the console answers on this host: `http://127.0.0.1:8000`; "" is not known.

    Attributes:
        url: its webhooks and probes.
        metrics_url: its counters.
    """

    url: str = ""
    metrics_url: str = ""


_NOT_KNOWN: Final = Served()


@dataclass(frozen=True)
class Services:
    """The services of the console.

    Attributes:
        make_app: makes the application that the calls of the phone go to; None: it cannot call.
        prove: proves a flow, with plain values, in a subprocess; None: none can be proved.
        served: the webhook server.
    """

    make_app: MakeApp | None = None
    prove: Callable[..., dict[str, Any]] | None = None
    served: Served = _NOT_KNOWN
