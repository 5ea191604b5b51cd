"""Callback URLs that this server did not write get a 404: forged, truncated, of another kind or deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ncco_server.engine import WaitRef
from ncco_server.flow.frame import CallbackKind
from ncco_server.service.tokens import make_token
from ncco_server.settings import load_settings
from ncco_server.settings.secrets import wait_keys
from tests.system.server.calls.asgi_call import BASE, Caller, Host, serving

FLOWS = Path(__file__).resolve().parents[4] / "flows"
KINDS: tuple[CallbackKind, ...] = ("input", "notify", "event", "onanswer", "agent")
ACCOUNT = "the-signature-secret-of-the-account"
HERE = wait_keys(load_settings(None, signature_secret=ACCOUNT, public_url=BASE))[0]
THERE = wait_keys(load_settings(None, signature_secret=ACCOUNT, public_url="https://staging.example.com"))[0]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with serving(FLOWS, signature_key=HERE) as host:
        yield host


async def status(host: Host, kind: str, token: str) -> int:
    reply = await host.client.post(httpx.URL(f"{BASE}/webhooks/{kind}/{token}"), json={"dtmf": {"digits": "1"}})
    return reply.status_code


async def token_of(host: Host) -> str:
    caller = Caller(host)
    await caller.ring()
    return caller.url("input").rpartition("/")[2]


async def test_a_token_that_is_changed_cut_or_longer_is_unknown(host: Host) -> None:
    token = await token_of(host)
    changed = [token[:at] + ("A" if letter != "A" else "B") + token[at + 1 :] for at, letter in enumerate(token)]
    cut = [token[:length] for length in range(1, len(token))]
    longer = [f"{token}{more}" for more in ("A", "=", "==", "!", "%20", "%00", ".", "A" * 400)]
    inside = [f"{token[:9]}{more}{token[9:]}" for more in ("!", "%0A", "=", "*")]

    assert {404} == {await status(host, "input", forged) for forged in (*changed, *cut, *longer, *inside)}


async def test_a_token_of_another_kind_is_unknown(host: Host) -> None:
    token = await token_of(host)

    assert {404} == {await status(host, kind, token) for kind in KINDS[1:]}


@pytest.mark.parametrize("key", [b"", b"\0" * 32, ACCOUNT.encode(), THERE], ids=["none", "zeros", "secret", "there"])
async def test_a_token_of_another_key_is_unknown(host: Host, key: bytes) -> None:
    await Caller(host).ring()
    for kind in KINDS:
        wait = WaitRef(kind, "3f9a1c77d2e84b0c9a5566778899aabb", 1, 0)
        assert 404 == await status(host, kind, make_token(key, wait)), kind


async def test_any_text_is_unknown(host: Host) -> None:
    for token in ("..", "%2e%2e", "x", "0", "-", "_" * 48, "%F0%9F%98%80", "a;b", "a%2Fb", "'", "<a>"):
        assert {404} == {await status(host, kind, token) for kind in KINDS}, token


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("", {"dtmf": {"digits": "1", "timed_out": False}}),
        ("", {"status": "completed", "direction": "inbound"}),
        ("/webhooks/event", {"dtmf": {"digits": "1", "timed_out": False}}),
        ("/webhooks/event", {"status": "answered", "direction": "inbound"}),
        ("/webhooks/event", {"status": "transfer", "conversation_uuid_from": "CON-1", "conversation_uuid_to": "CON-2"}),
        ("/webhooks/event", {"recording_url": "https://api.nexmo.com/v1/files/1", "recording_uuid": "1"}),
    ],
)
async def test_ids_of_another_call_have_no_effect_without_its_token(
    host: Host, path: str, fields: dict[str, object]
) -> None:
    other, own = Caller(host), Caller(host, "0" * 32)
    await other.ring()
    await own.ring()
    before = host.store.sessions[other.leg]
    url = path or own.url("input")
    reply = await own.send(url, {**other.common, "call_uuid": other.leg, **fields})

    assert 200 == reply.status_code
    assert before == host.store.sessions[other.leg]
    assert path == "" or reply.content == b""
    assert b"" != (await other.press("1")).content
