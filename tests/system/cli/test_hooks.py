"""`ncco hooks`, with and without a running server."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from standardwebhooks import Webhook

from ncco_server.store import Caused, HookRow, Store
from tests.support import loopback
from tests.support.command import ncco
from tests.support.scripted_replies import Answer, receiving
from tests.support.server import running_server
from tests.support.stored_rows import hook_row, in_store, webhook_row
from tests.support.waiting import happens
from tests.system.cli.projects import write_project

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
TELLING = """flow: telling
default: true
start: hello
hooks:
  called: {post: "{{ env.CRM_URL }}/called"}
  heard:
    post: "{{ env.CRM_URL }}/heard"
    headers: {X-Caller: "{{ call.from }}"}
    json: {caller: "{{ call.from }}", event: "{{ event.status }}"}
events: {hangup: heard}
steps:
  hello:
    send: [called, heard]
    do: [{talk: "For sales, press 1."}]
    choices: {sales: {dtmf: 1, goto: bye}}
    retry: {then: bye}
  bye: {do: [{talk: "Bye."}], goto: end}
"""
CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}


def put(
    path: Path, *hooks: HookRow, tried: Sequence[str] = (), parked: Sequence[str] = (), leased_until: int = 0
) -> None:
    """Store hooks in the database at `path`; those in `tried` have failed once, those in `parked` were given up."""

    async def write(store: Store) -> None:
        await store.record(webhook_row(), Caused(hooks=hooks))
        claimed = {hook.id for hook in await store.hooks.claim(hook_row().created_at, leased_until, 100)}
        for id_ in claimed & set(tried):
            in_an_hour = int((time.time() + 3_700) * 1000)
            await store.hooks.failed(id_, 1, in_an_hour, "status 500")
        for id_ in claimed & set(parked):
            await store.hooks.park(id_, 1, "status 410", hook_row().created_at)

    in_store(path, write)


def listed(path: Path) -> list[HookRow]:
    return list(in_store(path, lambda store: store.hooks.first(100)))


def listing(*words: str) -> tuple[Result, dict[str, Any]]:
    shown = ncco("hooks", "--format", "json", *words)
    return shown, json.loads(shown.stdout)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ncco.db"
    monkeypatch.setenv("NCCO_DATABASE_URL", f"sqlite:///{path}")
    return path


# Listing


def test_hooks_are_listed_for_a_program_without_their_content(database: Path) -> None:
    put(database, hook_row("msg_1"), hook_row("msg_2"), parked=["msg_1"])

    shown, found = listing()

    assert 1 == shown.exit_code
    assert (1, 1) == (found["waiting"], found["parked"])
    assert {
        "id": "msg_1",
        "state": "parked",
        "hook": "voicemail_saved",
        "call": "leg-1",
        "url": "https://crm.example.com/voicemails",
        "tries": 1,
        "problem": "status 410",
        "written_at": "2026-03-04T12:00:00.000Z",
        "next_try_at": None,
    } == found["hooks"][0]
    assert ("waiting", "2026-03-04T12:00:00.000Z") == (found["hooks"][1]["state"], found["hooks"][1]["next_try_at"])


def test_no_more_are_listed_than_asked_for(database: Path) -> None:
    put(database, *(hook_row(f"msg_{number}", session=f"leg-{number}") for number in range(5)))

    shown = ncco("hooks", "--limit", "2")

    assert "5 waiting, 0 parked; 2 of them are shown; use --limit" == shown.stdout.splitlines()[-1]
    assert 2 == shown.stdout.count("voicemail_saved")


def test_hook_that_is_being_sent_is_reported_as_such(database: Path) -> None:
    put(database, hook_row("msg_1"), leased_until=2**50)

    assert "    is being sent, 1 try\n" in ncco("hooks").stdout
    assert "sending" == listing()[1]["hooks"][0]["state"]


# Retrying


@pytest.mark.parametrize(
    ("words", "tried", "told"),
    [
        (["--all"], "1 hook is", "1 of them: cannot be sent, because they are incomplete"),
        (["msg_2"], "0 hooks are", "1 of them: cannot be sent, because they are incomplete"),
        (["msg_1"], "1 hook is", ""),
    ],
)
def test_hook_that_could_not_be_computed_is_not_tried_again(
    words: list[str], tried: str, told: str, database: Path
) -> None:
    put(
        database,
        hook_row("msg_1"),
        hook_row("msg_2", session="b", url="", is_parked=True, problem="E391: FLOW_HOOK_URL is not set"),
        parked=["msg_1"],
    )

    shown = ncco("hooks", "retry", *words)

    assert (int(bool(told)), True) == (shown.exit_code, shown.stdout.startswith(tried))
    assert shown.stderr.startswith(told)
    assert {"msg_2"} <= {hook.id for hook in listed(database) if hook.is_parked}


def test_an_unknown_hook_is_reported(database: Path) -> None:
    put(database, hook_row("msg_1"), hook_row("msg_2"))

    shown = ncco("hooks", "retry", "msg_2", "msg_9", "msg_1")

    assert 1 == shown.exit_code
    assert "1 hook is retried now" in shown.stdout
    assert "2 of them: do not exist, or wait for an earlier hook of the same call\n" == shown.stderr


@pytest.mark.parametrize("words", [[], ["--all", "msg_1"]])
@pytest.mark.parametrize("word", ["retry", "drop"])
def test_a_retry_needs_some_ids_or_all(word: str, words: list[str], database: Path) -> None:
    shown = ncco("hooks", word, *words)

    assert 2 == shown.exit_code
    assert "name the hooks, or add --all" in shown.stderr


# Forgetting


def test_parked_hooks_are_dropped(database: Path) -> None:
    put(database, *(hook_row(f"msg_{number}", session=str(number)) for number in range(4)), parked=["msg_0", "msg_1"])

    some = ncco("hooks", "drop", "msg_0", "msg_2", "msg_9")
    rest = ncco("hooks", "drop", "--all")

    assert (1, "1 hook is deleted\n") == (some.exit_code, some.stdout)
    assert "2 of them: not parked, but already sent or still waiting\n" == some.stderr
    assert (0, "1 hook is deleted\n") == (rest.exit_code, rest.stdout)
    assert ["msg_2", "msg_3"] == [hook.id for hook in listed(database)]


# With a server


def environment(url: str) -> dict[str, str]:
    return {"FLOW_CRM_URL": url, "NCCO_HOOK_SECRET": SECRET, "NCCO_LOG": "json"}


def test_hooks_of_a_call_arrive_signed_and_in_order(tmp_path: Path, database: Path) -> None:
    write_project(tmp_path, telling=TELLING)
    with receiving() as receiver, running_server(tmp_path, cwd=tmp_path, env=environment(receiver.url)) as server:
        answered = loopback.post(f"http://{server.address}/webhooks/answer", json=CALL)
        receiver.wait_for(2)
        ended = {**CALL, "status": "completed", "direction": "inbound", "timestamp": "2026-03-04T12:00:00.000Z"}
        loopback.post(f"http://{server.address}/webhooks/event", json=ended)
        called, heard, hung_up = receiver.wait_for(3)
        sent = 'ncco_hook_tries_total{outcome="sent"} 3.0'  # counted once the row is deleted
        assert happens(lambda: sent in loopback.get(f"http://{server.address}/metrics").text)

    assert "talk" == answered.json()[0]["action"]
    assert ["/called", "/heard", "/heard"] == receiver.paths
    assert "447700900123" == Webhook(SECRET).verify(called.body, called.headers)["data"]["call"]["from"]
    assert {"caller": "447700900123", "event": ""} == Webhook(SECRET).verify(heard.body, heard.headers)
    assert "447700900123" == heard.headers["x-caller"]
    assert {"caller": "447700900123", "event": "completed"} == Webhook(SECRET).verify(hung_up.body, hung_up.headers)
    assert (0, "no hooks are waiting: all of them were sent\n") == (ncco("hooks").exit_code, ncco("hooks").stdout)


def test_a_parked_hook_is_sent_by_the_running_server_after_a_retry(tmp_path: Path, database: Path) -> None:
    write_project(tmp_path, telling=TELLING)
    with receiving() as receiver, running_server(tmp_path, cwd=tmp_path, env=environment(receiver.url)) as server:
        receiver.answering(Answer(b"", 410), Answer(b"", 200))
        loopback.post(f"http://{server.address}/webhooks/answer", json=CALL)
        receiver.wait_for(2)
        _, before = listing()
        retried = ncco("hooks", "retry", before["hooks"][0]["id"])
        receiver.wait_for(3)

    assert (1, "called", "status 410: the receiver wants no more hooks") == (
        before["parked"],
        before["hooks"][0]["hook"],
        before["hooks"][0]["problem"],
    )
    assert 0 == retried.exit_code
    assert ["/called", "/heard", "/called"] == receiver.paths
    assert "hook parked" in server.printed
