"""The audit log: logins and saves as lines of the server's log, without passwords and saved content."""

from __future__ import annotations

from typing import Any, Final

import structlog
from fastapi import Request
from structlog.typing import FilteringBoundLogger

from ncco_studio.console.sessions import ConsoleSession, hash_of

HASH_CHARACTERS: Final = 8
"""Characters of the hash of a session: enough to find related lines."""
_MOST_CHARACTERS: Final = 100


def audit(
    request: Request, event: str, *, is_refused: bool = False, session: ConsoleSession | None = None, **values: Any
) -> None:
    """Log an action, or its refusal, with the client's address; `session` is None for the request's.

    Behind a proxy, the address is the proxy's, and `forwarded_for` is the client's, as the proxy reports it.
    """
    known: ConsoleSession | None = session or getattr(request.state, "session", None)
    forwarded = request.headers.get("x-forwarded-for", "")[:_MOST_CHARACTERS]
    line = {
        "client": request.client.host if request.client else "",
        **({"forwarded_for": forwarded} if forwarded else {}),
        **({"session": hash_of(known.id)[:HASH_CHARACTERS]} if known else {}),
        **({"name": known.name} if known and known.name else {}),
        **values,
    }
    log: FilteringBoundLogger = structlog.get_logger()
    (log.warning if is_refused else log.info)(event, **line)
