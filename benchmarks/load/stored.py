"""Database files with many stored calls, written by the store itself."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Final

from ncco_server.store import SessionRow, TurnRow, WebhookRow, open_store

AT_ONCE: Final = 512
NOW_MS: Final = 1_772_625_600_000

_SESSION: Final = SessionRow("", "", "", "frontdesk", "c" * 64, 1, b"s" * 756, False, NOW_MS, NOW_MS)
_TURN: Final = TurnRow("", 1, b"n" * 680, b"t" * 474, b"i" * 100, "w" * 32, -1, -1, "", NOW_MS)
_WEBHOOK: Final = WebhookRow("w" * 32, "answer", "", -1, -1, "", "", "", "POST", b"b" * 215, NOW_MS)


def fill(path: Path, count: int, seed: int = 1) -> None:
    """Open `count` calls, with documents as large as those of the flow in benchmarks/flows; none of the calls ends."""
    asyncio.run(_fill(path, count, random.Random(seed)))  # noqa: S311 - test data


async def _fill(path: Path, count: int, ids: random.Random) -> None:
    store = open_store(f"sqlite:///{path}")
    await store.open()
    for first in range(0, count, AT_ONCE):
        calls = [_new_call(f"{ids.getrandbits(128):032x}") for _ in range(min(AT_ONCE, count - first))]
        await asyncio.gather(*(store.open_call(*call) for call in calls))
    await store.close()


def _new_call(id_: str) -> tuple[SessionRow, TurnRow, WebhookRow]:
    conversation = f"CON-{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}"
    return (
        _SESSION._replace(id=id_, leg=id_, conversation=conversation),
        _TURN._replace(session=id_),
        _WEBHOOK._replace(session=id_, leg=id_, conversation=conversation),
    )
