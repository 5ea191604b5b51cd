"""A webhook server that answers Vonage voice calls from flow files.

`Ncco` builds NCCOs, and `check` finds their issues; `create_app` makes the FastAPI application of the server.
`call_flow` makes a flow of a Python function, `ncco_router` serves it in your own application, and `turn_of` plays
it in a test.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "AgentFailed": "ncco_server.flow.handlers.agents",
    "AgentResult": "ncco_server.flow.handlers.agents",
    "Call": "ncco_server.flow.handlers.api",
    "Choice": "ncco_server.flow.handlers.api",
    "DialFailed": "ncco_server.flow.handlers.effects",
    "HandedBack": "ncco_server.flow.handlers.agents",
    "Ncco": "ncco_server.ncco",
    "NoInput": "ncco_server.flow.handlers.effects",
    "Phone": "ncco_server.flow.handlers.arguments",
    "Row": "ncco_server.flow.handlers.api",
    "RunFailed": "ncco_server.flow.handlers.effects",
    "Secret": "ncco_server.flow.handlers.secret",
    "Ssml": "ncco_server.flow.handlers.ssml",
    "call_flow": "ncco_server.flow.handlers.api",
    "check": "ncco_server.ncco",
    "create_app": "ncco_server.web.app",
    "idempotency_key": "ncco_server.flow.handlers.results",
    "ncco_router": "ncco_server.web.router",
    "turn_of": "ncco_server.testing",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    """For types, see `__init__.pyi`: `import ncco_server` must be quick."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
