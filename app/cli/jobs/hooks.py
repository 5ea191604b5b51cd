"""`ncco hooks`: lists what is not sent yet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import click

from app.cli.jobs.counted import counted
from app.cli.jobs.outbox import find_store, opened
from app.cli.work import FINE, ISSUES
from app.store import HookCounts, HookRow, Store


def run(limit: int, form: Literal["text", "json"]) -> int:
    """Print up to `limit` hooks, parked ones first; ISSUES when any is parked. Raises CannotRun."""
    hooks, counts = asyncio.run(_read(find_store(), limit))
    now = datetime.now(UTC)
    if form == "json":
        rows = [_as_row(hook, now) for hook in hooks]
        click.echo(json.dumps({**counts._asdict(), "hooks": rows}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_as_text(hooks, counts, now)))
    return ISSUES if counts.parked else FINE


async def _read(store: Store, limit: int) -> tuple[Sequence[HookRow], HookCounts]:
    async with opened(store) as outbox:
        return await outbox.hooks(limit), await outbox.count_hooks()


def _state(hook: HookRow, now: datetime) -> str:
    if hook.is_parked:
        return "parked"
    if hook.leased_until > now.timestamp() * 1000:
        return "sending"
    return "behind" if hook.due_at is None else "waiting"


def _as_row(hook: HookRow, now: datetime) -> dict[str, Any]:
    """A hook for a program. What it says, and to whom exactly, may be secret: neither its body nor its headers."""
    return {
        "id": hook.id,
        "state": _state(hook, now),
        "hook": hook.name,
        "call": hook.session,
        "url": hook.url,
        "tries": hook.tries,
        "problem": hook.problem,
        "written_at": _moment(hook.created_at).isoformat(),
        "next_try_at": _moment(hook.due_at).isoformat() if hook.due_at is not None else None,
    }


def _as_text(hooks: Sequence[HookRow], counts: HookCounts, now: datetime) -> Iterator[str]:
    if not hooks:
        yield "no hooks wait: all of them are sent"
        return
    for hook in hooks:
        yield f"{hook.id}  {hook.name}  call {hook.session or 'unknown'}"
        yield f"    {_described(hook, now)}"
    shown = len(hooks)
    more = f"; {shown} of them are shown, see --limit" if shown < sum(counts) else ""
    yield f"{counts.waiting} waiting, {counts.parked} parked{more}"
    if any(hook.is_parked and hook.url for hook in hooks) or (counts.parked and shown < sum(counts)):
        yield "see to their receivers, then `ncco hooks retry ID` or `ncco hooks retry --all`"
    if any(hook.is_parked and not hook.url for hook in hooks):
        yield "what could not be computed is sent by no try: mend the flow or its variables for the calls to come; what"
        yield "it was about shows `ncco calls ID`, and `ncco hooks drop ID` forgets it"


def _described(hook: HookRow, now: datetime) -> str:
    tries = counted(hook.tries, "try", "tries") if hook.tries else "not tried yet"
    problem = f": {hook.problem}" if hook.problem else ""
    match _state(hook, now):
        case "parked":
            if not hook.url:
                return f"could not be computed{problem}"
            return f"parked after {tries}{problem}" if hook.tries else f"parked{problem}"
        case "sending":
            return f"is being sent, {tries}{problem}"
        case "behind":
            return "waits for an earlier hook of its call"
        case _:
            return f"{tries}{problem}; next try {_until(hook.due_at or 0, now)}"


def _until(due_at: int, now: datetime) -> str:
    seconds = int(due_at / 1000 - now.timestamp())
    if seconds <= 0:
        return "now"
    minutes, hours = seconds // 60, seconds // 3600
    return f"in {hours} h {minutes % 60} min" if hours else f"in {minutes} min" if minutes else f"in {seconds} s"


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
