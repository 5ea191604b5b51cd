"""An agent's requests over HTTP: without Vonage's signature, with the limits of every other webhook."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

import httpx
import pytest

from tests.support.cases import each_case
from tests.support.server import PUBLIC_URL
from tests.support.serving_thread import ServedProject, serving_project
from tests.support.webhooks import agent_token, callback, facts, signed_post

SECRET = "invented-signature-secret-for-tests-only"
FLOW = """
flow: support
default: true
start: assistant
steps:
  assistant:
    agent: {uri: "wss://bot.example.com/calls", outcomes: [person], returns: {order: text, parts: [text]}, limit: 10m}
    on: {person: desk, done: bye, failed: bye, too_long: bye}
  desk: {do: [{talk: "Order {{ agent.order }}. A person will help you."}, {wait: 1}], goto: end}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""
HANDED = {"outcome": "person", "values": {"order": "<b>4711</b>"}}
HANDED_TEXT = json.dumps(HANDED).encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProject]:
    settings = {"VONAGE_SIGNATURE_SECRET": SECRET}
    with serving_project(tmp_path_factory.mktemp("agents"), {"flows/support.yaml": FLOW}, settings) as server:
        yield server


@pytest.fixture
def client(served: ServedProject) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as opened:
        yield opened


def vonage(client: httpx.Client, url: str, **fields: Any) -> Any:
    """The NCCO in the reply to a signed webhook."""
    body = json.dumps(fields).encode()
    headers = {"Authorization": signed_post(body, SECRET), "Content-Type": "application/json"}
    reply = client.post(url.removeprefix(PUBLIC_URL), content=body, headers=headers).raise_for_status()
    return reply.json() if reply.content else None


def begun(client: httpx.Client, leg: str) -> tuple[str, str]:
    """The path at which the agent hands the caller back, and that of its events."""
    ncco = vonage(client, "/webhooks/answer", **facts(leg))
    headers = ncco[0]["endpoint"][0]["headers"]
    return headers["hand_back"].removeprefix(PUBLIC_URL), callback(ncco, "connect")


def test_an_agent_needs_no_signature_and_vonage_needs_one(client: httpx.Client, served: ServedProject) -> None:
    path, events = begun(client, "leg-1")
    assert 204 == client.post(f"{path}/said", json={"who": "caller", "text": "A person, please."}).status_code
    assert 204 == client.post(path, json=HANDED).status_code
    unsigned = client.post(events.removeprefix(PUBLIC_URL), json={"status": "disconnected"})
    assert 503 == unsigned.status_code
    played = vonage(client, events, **facts("aa01", status="disconnected"))
    assert "Order  b 4711 /b . A person will help you." == played[0]["text"]
    token = path.rpartition("/")[2]
    assert not [line for line in served.lines if token in line]
    assert not [file for file in served.home.glob("calls.db*") if token.encode() in file.read_bytes()]


REFUSED: dict[str, tuple[str, dict[str, Any], int]] = {
    "of another call's form": ("POST", {"content": b"x" * 10}, 422),
    "not JSON": ("POST", {"content": b"{"}, 422),
    "not a number": ("POST", {"content": b'{"outcome": "person", "values": {"order": NaN}}'}, 422),
    "a number without end": (
        "POST",
        {"content": b'{"outcome": "person", "values": {"order": 1' + b"0" * 5000 + b"}}"},
        422,
    ),
    "half a character": ("POST", {"content": b'{"outcome": "person", "values": {"order": "\\ud800"}}'}, 422),
    "bytes that are no text": ("POST", {"content": b'{"outcome": "person", "values": {"order": "\xff"}}'}, 422),
    "a form": ("POST", {"data": {"outcome": "person"}}, 422),
    "a form with a file": ("POST", {"data": {"outcome": "person"}, "files": {"values": b"{}"}}, 422),
    "a query": ("POST", {"params": {"outcome": "person"}}, 422),
    "asked about": ("OPTIONS", {}, 405),
    "a list": ("POST", {"json": [HANDED]}, 422),
    "deep": ("POST", {"content": b'{"outcome":' + b"[" * 5000 + b"]" * 5000 + b"}"}, 422),
    "large": ("POST", {"json": {"outcome": "person", "values": {"parts": ["x" * 9_000] * 8}}}, 413),
    "huge": ("POST", {"content": b'{"outcome": "' + b"x" * 2_000_000 + b'"}'}, 413),
    "read": ("GET", {}, 405),
    "replaced": ("PUT", {"json": HANDED}, 405),
}


@each_case("case", REFUSED)
def test_a_refused_request_says_what_is_wrong(client: httpx.Client, case: str) -> None:
    method, sent, status = REFUSED[case]
    path, _ = begun(client, case.replace(" ", "-").replace("'", ""))
    reply = client.request(method, path, **sent)
    assert status == reply.status_code
    assert {"error", "fix"} == reply.json().keys()
    assert 204 == client.post(path, json=HANDED).status_code


def test_what_is_allowed_is_named_in_the_reply_only(client: httpx.Client, served: ServedProject) -> None:
    path, _ = begun(client, "leg-2")
    assert "4929123" in client.post(path, json={"outcome": "4929123"}).text
    assert not [line for line in served.lines if "4929123" in line]
    assert "allowed: person, done" == client.post(path, json={"outcome": "sales"}).json()["fix"]
    reply = client.post(path, json={"outcome": "person", "values": {"colour": "red"}})
    assert "allowed: order (text), parts (a list)" == reply.json()["fix"]


def test_a_line_that_comes_too_soon_is_told_when_to_come_again(client: httpx.Client) -> None:
    path, _ = begun(client, "leg-3")
    line = {"who": "agent", "text": "Hello."}
    first, second = client.post(f"{path}/said", json=line), client.post(f"{path}/said", json=line)
    assert (204, 429, "1") == (first.status_code, second.status_code, second.headers["retry-after"])


def test_a_forged_url_is_refused_before_its_body_has_come(client: httpx.Client) -> None:
    path, _ = begun(client, "leg-5")
    forged = f"{path[:-1]}{'B' if path.endswith('A') else 'A'}"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), 30) as connection:
        head = f"POST {forged} HTTP/1.1\r\nHost: calls.example.com\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode() + b'{"outcome": ')
        assert b"HTTP/1.1 404" == connection.recv(65536)[:12]


def hostile(path: str, ended: str, luck: Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hand-backs that must not be accepted: forged, of a call that has ended, too large or deep, of wrong types."""
    token = path.rpartition("/")[2]
    foreign = agent_token(b"the key of another deployment", "victim")
    while True:
        at = luck.randrange(len(token))
        other = "ABCDEFGHIJKLMNOPabcdefghij0123456789-_".replace(token[at], "")
        forged = token[:at] + luck.choice(other) + token[at + 1 :]
        yield f"/webhooks/agent/{forged}", {"json": HANDED}
        yield f"/webhooks/agent/{foreign}", {"json": HANDED}
        yield ended, {"json": HANDED}
        yield (
            path,
            {"json": {"outcome": luck.choice(["failed", "too_long", "error", "end", "desk", "", None, 1, {}, []])}},
        )
        value = luck.choice([{"a": 1}, ["a"], True, "x" * luck.randrange(10_001, 60_000), {"order": {"order": "x"}}])
        yield path, {"json": {"outcome": "person", "values": {"order": value}}}
        yield path, {"json": {"outcome": "person", "values": {luck.choice(["__class__", "", "order ", "agent"]): "x"}}}
        yield path, {"json": {"outcome": "person", luck.choice(["goto", "ncco", "step", "Outcome"]): "desk"}}
        depth = luck.randrange(65, 20_000)
        yield path, {"content": b'{"outcome":"person","values":' + b'{"order":' * depth + b"1" + b"}" * (depth + 1)}
        yield path, {"content": b'{"outcome":"person","x":"' + b"x" * luck.randrange(1_100_000, 3_000_000) + b'"}'}
        yield path, {"content": HANDED_TEXT[: luck.randrange(len(HANDED_TEXT) - 1)]}
        yield path, {"content": luck.randbytes(luck.randrange(1, 2_000)), "headers": {"Content-Type": "text/plain"}}


def test_300_hostile_hand_backs_move_no_call(client: httpx.Client, served: ServedProject) -> None:
    path, events = begun(client, "victim")
    ended, ended_events = begun(client, "ended")
    vonage(client, ended_events, **facts("aa02", status="disconnected"))
    other, _ = begun(client, "another call")
    assert 204 == client.post(other, json=HANDED).status_code
    sent = islice(hostile(path, ended, Random(1)), 300)  # noqa: S311 - the same in each run
    assert {404, 410, 413, 422} == {client.post(url, **request).status_code for url, request in sent}
    played = vonage(client, events, **facts("aa03", status="disconnected"))
    assert ["Goodbye."] == [action["text"] for action in played]
    assert 410 == client.post(path, json=HANDED).status_code
    tokens = [each.rpartition("/")[2] for each in (path, ended, other)]
    assert not [line for line in served.lines if any(token in line for token in tokens)]


def test_a_forged_url_is_not_found(client: httpx.Client) -> None:
    path, events = begun(client, "leg-4")
    swapped = f"/webhooks/agent/{events.rpartition('/')[2]}"
    assert [404] * 4 == [
        client.post(each, json=HANDED).status_code for each in (swapped, f"{swapped}/said", path[:-1], f"{path}AA")
    ]
