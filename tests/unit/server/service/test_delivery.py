"""From a SQLite file to a real receiver, with everything that can go wrong in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from ncco_server.service.hook_posts import Poster
from ncco_server.service.outbox import Sender
from ncco_server.service.outgoing import new_client
from ncco_server.service.poller import Schedule
from ncco_server.store import HookRow, Store
from tests.support.scripted_replies import Answer, Receiver
from tests.support.stored_rows import hook_row
from tests.unit.server.service.outbox_kit import Heard, put, running, until

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
QUICK = Schedule(tries=8, first_s=0.001, poll_s=0.02)


@asynccontextmanager
async def sending(store: Store, ahead_s: float = 0.0, try_s: float = 5.0) -> AsyncIterator[Heard]:
    """A sender for `store` whose clock is `ahead_s` ahead."""
    heard = Heard()
    async with new_client() as client:
        poster = Poster(client, [SECRET], try_s=try_s)
        sender = Sender(store, poster, QUICK, heard, clock=lambda: datetime.now(UTC) + timedelta(seconds=ahead_s))
        async with running(sender):
            yield heard


def hook(receiver: Receiver, id_: str, session: str = "leg-1") -> HookRow:
    return hook_row(id_, session=session, url=f"{receiver.url}/{session}/{id_}", body=json.dumps({"id": id_}).encode())


async def test_hook_that_is_refused_at_first_arrives_with_the_same_id(store: Store, receiver: Receiver) -> None:
    receiver.answering(
        Answer(b"", 500), Answer(b"", 307, {"location": "/elsewhere"}), Answer(b"", 429), Answer(b"", 200)
    )
    await put(store, hook(receiver, "h1"))
    async with sending(store) as heard:
        await until(lambda: ("h1", "sent", None) in heard.told)

    assert ["h1"] * 4 == [post.headers["webhook-id"] for post in receiver.posts]
    assert {"id": "h1"} == Webhook(SECRET).verify(receiver.posts[-1].body, receiver.posts[-1].headers)
    assert ["/leg-1/h1"] * 4 == receiver.paths


async def test_a_hook_is_sent_again_to_a_receiver_that_is_too_slow(store: Store, receiver: Receiver) -> None:
    receiver.answering(Answer(after_s=30), Answer(b"", 200))
    await put(store, hook(receiver, "h1"))
    async with sending(store, try_s=1) as heard:
        await until(lambda: ("h1", "sent", None) in heard.told)

    *before, last = [outcome for _, outcome, _ in heard.told]
    assert ({"again"}, "sent") == (set(before), last)


async def test_hooks_of_a_call_never_overtake_each_other(store: Store, receiver: Receiver) -> None:
    answers = [Answer(b"", status, after_s=0.01) for status in (500, 200, 503, 500, 200, 200, 404)]
    receiver.answering(*answers * 4, Answer(b"", 200))
    calls = [f"leg-{number}" for number in range(4)]
    await put(store, *(hook(receiver, f"{call}-{number}", call) for number in range(5) for call in calls))
    async with sending(store) as heard:
        await until(lambda: len([outcome for _, outcome, _ in heard.told if outcome == "sent"]) == 20)

    assert [[f"/{call}/{call}-{number}" for number in range(5)] for call in calls] == [
        list(dict.fromkeys(paths_of(receiver, call))) for call in calls
    ]
    assert [sorted(paths_of(receiver, call)) for call in calls] == [paths_of(receiver, call) for call in calls]


def paths_of(receiver: Receiver, call: str) -> list[str]:
    return [path for path in receiver.paths if path.startswith(f"/{call}/")]
