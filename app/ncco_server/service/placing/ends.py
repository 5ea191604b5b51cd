"""Ends attempts: either another attempt follows, or the flow's hooks report the result."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from ncco_server import engine
from ncco_server.engine import CallData
from ncco_server.flow.model import Flow
from ncco_server.service.masks import MASKED
from ncco_server.service.placed_values import PlacedCipher
from ncco_server.service.placing.attempts import ANSWERED, next_attempt, outbound_of
from ncco_server.service.turns import Turns
from ncco_server.service.written_rows import hook_rows
from ncco_server.store import AttemptResult, AttemptRow, HookRow, PlacedRow, milliseconds

SESSION: Final = "placed:"
"""Begins the session of hooks without a call: nobody was reached."""


async def end_attempt(turns: Turns, attempt: AttemptRow, outcome: str, now: datetime, problem: str = "") -> bool:
    """Return False if it had already ended. `outcome` is `answered`, Vonage's status, or `unknown`."""
    placed = turns.store.placed
    row = await placed.get(attempt.placed)
    if row is None:
        return False
    flow = await turns.library.pinned(row.flow, attempt.revision)
    at = milliseconds(now)
    moment = next_attempt(flow, row, outcome, now, turns.policy.speed) if flow is not None else None
    if moment is not None and row.cancelled_at is None:
        return await placed.finish(attempt, AttemptResult(outcome, problem), at, milliseconds(moment))
    hooks = _hooks(turns, flow, row, outcome, now)
    is_over = await placed.finish(attempt, AttemptResult(outcome, problem, hooks), at)
    if is_over and hooks:
        turns.hooks_written()
    return is_over


async def end_waiting(turns: Turns, row: PlacedRow, flow: Flow | None, result: AttemptResult, now: datetime) -> None:
    """The outcome is `expired`, `refused` or `failed`."""
    hooks = _hooks(turns, flow, row, result.outcome, now)
    if await turns.store.placed.end_waiting(row, result._replace(hooks=hooks), milliseconds(now)) and hooks:
        turns.hooks_written()


def values_of(flow: Flow, row: PlacedRow, cipher: PlacedCipher | None) -> dict[str, Any]:
    """Leave out stored values that no longer have the param's type or cannot be decrypted."""
    values = {}
    stored = _params(row)
    for name in flow.params.keys() & stored.keys():
        value = stored[name]
        text = cipher.decrypt(value) if cipher is not None and isinstance(value, str) else None
        if text is not None:
            value = orjson.loads(text)
        elif flow.params[name].sensitive and str(value).startswith(MASKED):
            continue
        try:
            values[name] = flow.params[name].type.cast(value)
        except ValueError:
            continue
    return values


def unfit_params(flow: Flow, row: PlacedRow, cipher: PlacedCipher | None) -> list[str]:
    """Those without a value that fits, as after a change of the flow, or that cannot be decrypted."""
    values, stored = values_of(flow, row, cipher), _params(row)
    needed = [name for name, param in flow.params.items() if name in stored or not param.has_default]
    return [name for name in needed if name not in values]


def _params(row: PlacedRow) -> dict[str, Any]:
    stored: dict[str, Any] = orjson.loads(row.params) if row.params else {}
    return stored


def call_of(flow: Flow, row: PlacedRow) -> CallData:
    return CallData(row.number, outbound_of(flow).from_number, direction="outbound", request=row.id)


def _hooks(turns: Turns, flow: Flow | None, row: PlacedRow, outcome: str, now: datetime) -> tuple[HookRow, ...]:
    if flow is None or outcome == ANSWERED or row.cancelled_at is not None:
        return ()
    context = turns.policy.turn_context(now, "")
    hidden = {
        name: value for name, value in _params(row).items() if name in flow.params and flow.params[name].sensitive
    }
    session = engine.new_session(flow, row.id, call_of(flow, row), values_of(flow, row, None) | hidden)
    hooks = engine.not_reached(flow, session, outcome, context)
    return hook_rows(hooks, f"{SESSION}{row.id}", milliseconds(now))
