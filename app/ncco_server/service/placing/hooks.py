"""Hooks that place calls: each writes its placed call once, even if sent several times."""

from __future__ import annotations

from datetime import datetime

import orjson

from ncco_server.engine.session import from_json
from ncco_server.errors import StoreUnavailable
from ncco_server.service.outbox import Verdict
from ncco_server.service.placing.ends import SESSION
from ncco_server.service.placing.requests import RefusedRequest, WantedCall, checked
from ncco_server.service.turns import Turns
from ncco_server.store import HookRow

LIBRARY_S = 5.0
"""The flows may not be loaded yet, because the store is unavailable."""


async def place(turns: Turns, hook: HookRow, now: datetime) -> Verdict:
    """The hook's ID identifies repeated attempts."""
    if turns.library.is_awaited:
        return Verdict("later", "the flows are not loaded yet", LIBRARY_S)
    wanted = orjson.loads(hook.body)
    try:
        call = WantedCall(
            flow=wanted["flow"],
            to=wanted["to"],
            values=wanted["with"],
            at=datetime.fromisoformat(wanted["at"]) if wanted["at"] else None,
            origin="hook",
            key=hook.id,
            chain=await _chain(turns, hook.session) + 1,
        )
        row = checked(call, turns.library.current.flows, turns.policy.dial_allow, now, turns.policy.keys)
        await turns.store.placed.add([row])
    except RefusedRequest as error:
        return Verdict("never", f"no call can be placed: {error}")
    except StoreUnavailable as error:
        return Verdict("again", f"the store is unavailable: {error}")
    return Verdict("sent")


async def _chain(turns: Turns, session: str) -> int:
    """Return 0 for an incoming call."""
    request = session.removeprefix(SESSION)
    if request == session:
        row = await turns.store.load(session)
        request = from_json(row.state).call.request if row is not None else ""
    placed = await turns.store.placed.get(request) if request else None
    return placed.chain if placed is not None else 0
