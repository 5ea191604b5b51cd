"""Databases with many stored calls, written by the store itself."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from ncco_server.store import SessionRow, TurnRow, WebhookRow, open_store

AT_ONCE: Final = 512
NOW_MS: Final = 1_772_625_600_000

_SESSION: Final = SessionRow("", "", "", "frontdesk", "c" * 64, 1, b"", False, NOW_MS, NOW_MS)
_TURN: Final = TurnRow("", 1, b"", b"", b"", "w" * 32, -1, -1, "", NOW_MS)
_WEBHOOK: Final = WebhookRow("w" * 32, "answer", "", -1, -1, "", "", "", "POST", b"", NOW_MS)


def fill(url: str, count: int) -> None:
    """Open `count` calls, with documents as large as those of the flow in benchmarks/flows; none of the calls ends."""
    asyncio.run(_fill(url, count, random.Random(1)))  # noqa: S311 - test data


async def _fill(url: str, count: int, ids: random.Random) -> None:
    async with open_store(url) as store:
        for first in range(0, count, AT_ONCE):
            calls = [f"{ids.getrandbits(128):032x}" for _ in range(first, min(first + AT_ONCE, count))]
            await asyncio.gather(*(store.open_call(*_new_call(call)) for call in calls))


def _new_call(id_: str) -> tuple[SessionRow, TurnRow, WebhookRow]:
    conversation = f"CON-{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}"
    text = f'{{"from":"447700900123","uuid":"{id_}","talk":"Thank you for calling. For sales, press 1."}},'.encode() * 7
    return (
        _SESSION._replace(id=id_, leg=id_, conversation=conversation, state=text[:756]),
        _TURN._replace(session=id_, ncco=text[:680], trace=text[:474], inputs=text[:100]),
        _WEBHOOK._replace(session=id_, leg=id_, conversation=conversation, body=text[:215]),
    )
