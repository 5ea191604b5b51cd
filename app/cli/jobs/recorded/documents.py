"""Recorded calls for a program."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from app.cli.jobs.recorded.entries import Entry, fallback_reason
from app.cli.jobs.recorded.facts import CallFacts, moment
from app.store import HookRow


def dumped(document: Any, *, is_line: bool = False) -> str:
    """JSON; on one line when several follow one another."""
    text = orjson.dumps(document, default=str, option=0 if is_line else orjson.OPT_INDENT_2)
    return text.decode()


def call_document(facts: CallFacts, now: int) -> dict[str, Any]:
    """A call."""
    return {
        "id": facts.id,
        "leg": facts.leg,
        "conversation": facts.conversation,
        "from": facts.caller,
        "to": facts.called,
        "flow": facts.flow,
        "revision": facts.revision,
        "state": facts.state,
        "step": facts.step,
        "failed": facts.has_failed,
        "began_at": _time(facts.began_at),
        "ended_at": _time(facts.ended_at),
        "seconds": facts.seconds(now),
        "turns": facts.turns,
        "parent": facts.parent or None,
    }


def entry_document(entry: Entry) -> dict[str, Any]:
    """A webhook, with the turn that answered it."""
    row = entry.webhook
    return {
        "at": _time(row.received_at),
        "kind": row.kind,
        "told": entry.what,
        "status": row.status,
        "wait": {"turn": row.turn, "index": row.wait} if row.wait >= 0 else None,
        "method": row.method,
        "fallback": fallback_reason(entry.fields) or None,
        "fields": entry.fields,
        "again": entry.is_again,
        "turn": _turn(entry) if entry.turn is not None else None,
    }


def _turn(entry: Entry) -> Mapping[str, Any]:
    return {
        "number": entry.turn.number if entry.turn is not None else None,
        "outcome": entry.inputs.get("outcome"),
        "ms": entry.ms,
        "lookups": entry.inputs.get("lookups", {}),
        "why": entry.trace,
        "ncco": entry.ncco,
    }


def hook_document(hook: HookRow) -> dict[str, Any]:
    """A hook that is not sent yet; what it says, and to whom exactly, may be secret."""
    return {
        "id": hook.id,
        "hook": hook.name,
        "state": "parked" if hook.is_parked else "waiting",
        "tries": hook.tries,
        "problem": hook.problem,
        "written_at": _time(hook.created_at),
        "next_try_at": _time(hook.due_at),
    }


def _time(at_ms: int | None) -> str | None:
    found: datetime | None = None if at_ms is None else moment(at_ms)
    return None if found is None else found.isoformat(timespec="milliseconds").replace("+00:00", "Z")
