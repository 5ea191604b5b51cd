"""Hooks for events that Vonage reports are sent once, however often and whenever an event is delivered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ncco_server.store import Store, open_store
from tests.unit.server.service.served_call import LEG, ServedCall, delivery, service_at

FLOW = """
flow: desk
default: true
entry: true
start: dial
events: {hangup: left}
hooks:
  left: {post: "https://example.com/left"}
  saved: {post: "https://example.com/saved"}
  was_busy: {post: "https://example.com/busy"}
  rang: {post: "https://example.com/rang"}
steps:
  dial:
    do:
      - record: {split: conversation, channels: 2}
      - connect: "447700900111"
    on: {completed: end, otherwise: menu}
    events: {record: saved, busy: was_busy, ringing: rang}
  menu:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: end}}
    retry: {then: end}
"""
RECORDED = {"recording_url": "https://api.nexmo.com/v1/files/1", "recording_uuid": "r", "size": 1}
OVER = {"status": "completed", "uuid": LEG, "direction": "inbound"}


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def call(store: Store, tmp_path: Path) -> ServedCall:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "desk.yaml").write_text(FLOW)
    return ServedCall(await service_at(store, flows))


async def told(store: Store) -> list[str]:
    return [hook.name for hook in await store.hooks.first(100)]


async def test_events_at_the_same_moment_are_reported_once(call: ServedCall, store: Store) -> None:
    await call.ring()
    record = call.ncco[0]["eventUrl"][0].rpartition("/")[2]
    await asyncio.gather(*(call.post("event", RECORDED, record) for _ in range(10)))
    await asyncio.gather(*(call.dial("ringing") for _ in range(10)))

    assert ["saved", "rang"] == await told(store)


async def test_a_hangup_is_reported_once(call: ServedCall, store: Store) -> None:
    await call.ring()
    await asyncio.gather(*(call.service.event(delivery(OVER)) for _ in range(10)))
    await call.service.event(delivery(OVER))

    assert ["left"] == await told(store)


async def test_the_hangup_of_a_caller_of_a_named_flow_is_reported(call: ServedCall, store: Store) -> None:
    await call.ring("desk")
    await call.service.event(delivery(OVER))

    assert ["left"] == await told(store)
