"""From a SQLite file to a real receiver, with everything that can go wrong in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from ncco_server.service.hook_posts import Poster
from ncco_server.service.outbox import Sender
from ncco_server.service.outgoing import new_client
from ncco_server.service.poller import Schedule
from ncco_server.store import HookRow, SqliteDatabase, Store
from tests.support.stored_rows import hook_row
from tests.unit.server.service.outbox_kit import Heard, put, running, until
from tests.unit.server.service.receiver import Answer, Receiver, receiving

ROOT = Path(__file__).resolve().parents[4]
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
QUICK = Schedule(tries=8, first_s=0.001, poll_s=0.02)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(SqliteDatabase(tmp_path / "calls.db"))
    await made.open()
    yield made
    await made.close()


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
    receiver.answering(Answer(500), Answer(307, {"location": "/elsewhere"}), Answer(429), Answer(200))
    await put(store, hook(receiver, "h1"))
    async with sending(store) as heard:
        await until(lambda: ("h1", "sent", None) in heard.told)

    assert ["h1"] * 4 == [post.headers["webhook-id"] for post in receiver.posts]
    assert {"id": "h1"} == Webhook(SECRET).verify(receiver.posts[-1].body, receiver.posts[-1].headers)
    assert ["/leg-1/h1"] * 4 == receiver.paths


async def test_hook_waits_for_a_receiver_that_is_down_and_comes_back(store: Store) -> None:
    with receiving() as receiver:
        await put(store, hook(receiver, "h1"), hook(receiver, "h2"))
    async with sending(store) as heard:
        await until(lambda: len(heard.told) >= 2)
        with receiving(receiver.port) as back:
            await until(lambda: len(back.posts) >= 2)

    assert ["/leg-1/h1", "/leg-1/h2"] == back.paths


async def test_a_hook_is_sent_again_to_a_receiver_that_is_too_slow(store: Store, receiver: Receiver) -> None:
    receiver.answering(Answer(after_s=30), Answer(200))
    await put(store, hook(receiver, "h1"))
    async with sending(store, try_s=1) as heard:
        await until(lambda: ("h1", "sent", None) in heard.told)

    *before, last = [outcome for _, outcome, _ in heard.told]
    assert ({"again"}, "sent") == (set(before), last)


async def test_hooks_of_a_call_never_overtake_each_other(store: Store, receiver: Receiver) -> None:
    answers = [Answer(status, after_s=0.01) for status in (500, 200, 503, 500, 200, 200, 404)]
    receiver.answering(*answers * 4, Answer(200))
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


async def test_two_senders_on_one_file_send_each_hook_once(store: Store, receiver: Receiver, tmp_path: Path) -> None:
    other = Store(SqliteDatabase(tmp_path / "calls.db"))
    await other.open()
    receiver.answering(Answer(after_s=0.005))
    await put(store, *(hook(receiver, f"h{number}", f"leg-{number % 20}") for number in range(60)))
    async with sending(store) as first, sending(other) as second:
        await until(lambda: len(first.told) + len(second.told) == 60)
    await other.close()

    assert 60 == len(set(receiver.paths)) == len(receiver.paths)


@pytest.mark.parametrize(("how", "posts_before", "ahead_s"), [("write", [], 0.0), ("send", ["/h1"], 61.0)])
async def test_hook_of_a_server_that_was_killed_is_sent_by_the_next(
    how: str, posts_before: list[str], ahead_s: float, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answering(*([Answer(after_s=30)] * len(posts_before)), Answer(200))
    path = tmp_path / "calls.db"
    died = await asyncio.to_thread(kill_it, how, path, receiver, len(posts_before))
    store = Store(SqliteDatabase(path))
    await store.open()
    async with sending(store, ahead_s) as heard:
        await until(lambda: len(heard.told) == 2)
    await store.close()

    assert -signal.SIGKILL == died
    assert [*posts_before, "/h1", "/h2"] == receiver.paths


def kill_it(how: str, path: Path, receiver: Receiver, posts: int) -> int:
    """Run the dying process until this many POSTs arrived. Returns its exit code."""
    words = [sys.executable, "-m", "tests.unit.server.service.dying_process", how, str(path), receiver.url]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, env=dict(os.environ)) as process:
        receiver.wait_for(posts)
        process.communicate(b"\n")
        return process.returncode
