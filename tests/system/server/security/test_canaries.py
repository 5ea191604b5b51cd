"""No sensitive value is ever written: not to the database, its WAL file, the log, the metrics, or a reply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ncco_server.errors import StoreUnavailable
from ncco_server.service.calls import CallService
from ncco_server.store import Store
from ncco_server.store.function_results import SELECT_ALL
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.system.server.security.canary_host import LEG, CanaryHost, as_query, canary_host, url_of

KEYS = "840217395"
WORDS = "xylophone marmalade"
CARD = "4929840217395811"


@pytest.fixture(params=["json"])
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CanaryHost]:
    """A production server; for tests marked `in_both_forms`, also a development server."""
    async with canary_host(tmp_path, form=request.param, dev=request.param == "pretty") as host:
        yield host


in_both_forms = pytest.mark.parametrize("host", ["json", "pretty"], indirect=True)


DIGITS: list[Any] = [
    {"digits": KEYS, "timed_out": False},
    {"digits": int(KEYS), "timed_out": False},
    {"DIGITS": KEYS},
    {KEYS: True},
    [KEYS],
]


@in_both_forms
@pytest.mark.parametrize("dtmf", DIGITS, ids=range(len(DIGITS)))
async def test_keys_that_are_pressed(host: CanaryHost, dtmf: Any) -> None:
    for name in ("dtmf", "DTMF", "speech", "custom_data", "headers"):
        url = await host.ring("keys", uuid=name)
        await host.post(url, {name: dtmf, "uuid": name})
        await host.post(url, {name: dtmf, "uuid": name, "more": KEYS})

    assert {} == host.traces_of(KEYS)


@pytest.mark.parametrize(
    "content",
    [
        {"data": {"uuid": LEG, "dtmf": json.dumps({"digits": KEYS})}},
        {"data": {"uuid": LEG, "dtmf[digits]": KEYS}},
        {"content": f'{{"uuid": "{LEG}", "dtmf": {{"digits": "{KEYS}"'},
        {"content": f'{{"dtmf": {{"digits": "{KEYS}"}}}}'.encode("utf-16")},
        {"content": KEYS},
        {"content": '{"a":' * 100 + f'"{KEYS}"' + "}" * 100},
        {"content": f'{{"dtmf": "{KEYS}"}}' + " " * 1_100_000},
        {"files": {"dtmf": ("keys", KEYS)}},
    ],
    ids=range(8),
)
async def test_keys_in_a_body_that_can_hardly_be_read(host: CanaryHost, content: dict[str, Any]) -> None:
    await host.send("POST", await host.ring("keys"), **content)
    for where in ("event", "fallback", "answer", "answer/keys", "answer/nobody", "nowhere"):
        await host.send("POST", f"/webhooks/{where}", **content)

    assert {} == host.traces_of(KEYS)


async def test_keys_in_a_query(host: CanaryHost) -> None:
    url = await host.ring("keys")
    query = as_query({"uuid": LEG, "dtmf": {"digits": KEYS, "timed_out": False}})
    others = ("event", "fallback", "answer", "answer/keys", "nowhere", "input/forged")
    for path in (*(f"/webhooks/{other}" for other in others), url):
        await host.send("GET", path, params=query)
        await host.send("POST", path, params=query)
        await host.send("PUT", path, params=query, content=KEYS)
        assert {} == host.traces_of(KEYS), path


PRESSED = {"dtmf": {"digits": KEYS, "timed_out": False}}
WRONG_PLACES: list[tuple[str, dict[str, Any]]] = [
    ("/webhooks/answer", PRESSED),
    ("/webhooks/answer/keys", PRESSED),
    ("/webhooks/event", PRESSED),
    ("/webhooks/event", {**PRESSED, "status": "completed"}),
    ("/webhooks/event", {**PRESSED, "status": "answered", "direction": "inbound"}),
    ("/webhooks/event", {"input": PRESSED}),
    ("/webhooks/event", {"status": "completed", "speech": {"results": [{"text": KEYS}]}}),
    ("/webhooks/event", {**PRESSED, "type": "error", "reason": f"no answer for {KEYS}"}),
    ("/webhooks/event", {"type": "error", "reason": f"could not send dtmf={KEYS}"}),
    ("/webhooks/event", {"reason": f"https://calls.example.com/webhooks/input/x?dtmf={KEYS}", "uuid": LEG}),
    ("/webhooks/fallback", PRESSED),
    ("/webhooks/fallback", {"reason": f"dtmf {KEYS}", "original_request": {"type": "event", "url": f"/x?dtmf={KEYS}"}}),
    ("/webhooks/fallback", {"reason": "Invalid NCCO.", "original_request": {"url": f"/webhooks/input/x?dtmf={KEYS}"}}),
    ("/webhooks/fallback", {**PRESSED, "reason": "Socket timeout.", "original_request": {"type": "event"}}),
    ("/webhooks/fallback", {"reason": "Invalid NCCO.", "original_request": {"url": "/webhooks/answer/x", **PRESSED}}),
    ("/webhooks/fallback", {"original_request": {"type": "answer", "body": json.dumps(PRESSED)}}),
]


@in_both_forms
async def test_keys_that_come_where_nobody_asked_for_any(host: CanaryHost) -> None:
    await host.ring("keys")
    for path, fields in WRONG_PLACES:
        await host.post(path, fields)
        assert {} == host.traces_of(KEYS), (path, fields)


async def test_keys_that_a_handler_gets(host: CanaryHost) -> None:
    url = await host.ring("teller")
    token = url.rpartition("/")[2]
    played = await host.post(url, PRESSED)
    assert "Result: {'text': 'secret:" in str(played[0])
    assert "the function raised ValueError" in str(played[1])
    await host.post(url, PRESSED)
    await host.post(f"/webhooks/event/{token}", PRESSED)
    await host.post(url_of(played), {"dtmf": {"digits": "1", "timed_out": False}})

    assert {} == host.traces_of(KEYS)


class Dying(Store):
    """A store that fails before it stores a turn."""

    async def advance(self, *_: Any, **__: Any) -> None:
        raise StoreUnavailable("away")


async def test_keys_that_a_function_repeats_before_its_turn_is_stored(host: CanaryHost) -> None:
    url = await host.ring("teller")
    host.service.store.__class__ = Dying
    await host.post(url, PRESSED)

    assert [2] == [len(await host.service.store.database.read(SELECT_ALL))]
    assert {} == host.traces_of(KEYS)


@pytest.mark.parametrize("reason", ["Socket timeout.", "Invalid NCCO.", "Invalid response code."])
async def test_keys_that_the_fallback_repeats(host: CanaryHost, reason: str) -> None:
    url = await host.ring("keys")
    original = {"reason": reason, "original_request": {"url": url, "type": "event"}}
    await host.post("/webhooks/fallback", {**PRESSED, **original})
    await host.post("/webhooks/fallback", {**PRESSED, **original})

    assert {} == host.traces_of(KEYS)


async def test_keys_that_come_again_late_and_for_a_call_that_is_over(host: CanaryHost) -> None:
    url = await host.ring("keys")
    await host.post(url, {"dtmf": {"digits": "2580"}})
    await host.post(url, PRESSED)
    await host.post("/webhooks/event", {"status": "completed", "direction": "inbound"})
    await host.post(url, PRESSED)

    assert {} == host.traces_of(KEYS)


async def test_keys_for_a_call_that_the_store_has_lost(host: CanaryHost) -> None:
    url = await host.ring("keys")
    await host.service.store.forget(["447700900123"])
    await host.post(url, PRESSED)

    assert {} == host.traces_of(KEYS)


async def test_keys_on_the_urls_of_other_waits(host: CanaryHost) -> None:
    ask = await host.ring("words")
    ncco = await host.post(ask, {"speech": {"results": [{"text": "yes", "confidence": "0.9"}]}})
    dial = next(url for action in ncco for url in action.get("eventUrl", ()) if "/event/" in url)
    await host.post(dial, {**PRESSED, "status": "ringing"})
    note = url_of(await host.post(dial, {"status": "busy", "uuid": "leg-2"}))
    await host.post(dial, {**PRESSED, "status": "busy", "uuid": "leg-2"})
    await host.post(note, {**PRESSED, "payload": {"checkpoint": "passed"}})
    for url in (ask, dial, note):
        for kind in ("input", "notify", "event", "onanswer"):
            await host.post(f"/webhooks/{kind}/{url.rpartition('/')[2]}", PRESSED)

    assert {} == host.traces_of(KEYS)


@pytest.mark.parametrize(
    "speech",
    [
        {"results": [{"text": WORDS, "confidence": "0.9"}]},
        {"results": [{"text": WORDS, "confidence": "0.1"}, {"text": WORDS.upper(), "confidence": "0.05"}]},
        {"results": [{"text": WORDS, "confidence": WORDS}]},
        {"results": WORDS},
        {"error": WORDS, "timeout_reason": WORDS},
        {"results": [WORDS]},
        {WORDS: WORDS},
        [WORDS],
        {"recording_url": f"https://api.nexmo.com/{WORDS}"},
    ],
)
async def test_words_that_are_said(host: CanaryHost, speech: Any) -> None:
    url = await host.ring("words")
    await host.post(url, {"speech": speech})
    await host.send("GET", url, params=as_query({"uuid": LEG, "speech": speech}))

    assert {} == host.traces_of(WORDS)


async def of_pin(folder: Path, answer: Callable[[httpx.Request], httpx.Response], canary: str) -> dict[str, int]:
    """The places that contain a canary after a call whose lookup gets `answer`."""
    async with canary_host(folder, answer=answer) as host:
        url = await host.ring("keys")
        await host.post(url, {"dtmf": {"digits": "2580"}})
        await host.post("/webhooks/event", {"status": "completed", "direction": "inbound"})
        return host.traces_of(canary)


def raises(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


@each_case(
    "answer",
    [
        lambda _: httpx.Response(200, json={"name": "Ann", "card": CARD, "limit": 3}),
        lambda _: httpx.Response(200, json={"name": "Ann", "card": "1", "limit": CARD}),
        lambda _: httpx.Response(200, json={"name": "Ann", "card": {CARD: CARD}, "limit": {"a": CARD}}),
        lambda _: httpx.Response(200, json={"card": CARD}),
        lambda _: httpx.Response(200, json={"name": "Ann", "card": "1", "limit": 1, "more": CARD}),
        lambda _: httpx.Response(200, json=CARD),
        lambda _: httpx.Response(200, text=f'{{"card": "{CARD}"'),
        lambda _: httpx.Response(500, text=CARD),
        lambda _: httpx.Response(302, headers={"location": f"http://x/{CARD}"}),
        lambda _: httpx.Response(200, headers={"content-encoding": CARD}, text="{}"),
        lambda _: httpx.Response(200, headers={"x": CARD}, text=CARD * 5_000),
        raises(httpx.ConnectError(CARD)),
        raises(httpx.RemoteProtocolError(CARD)),
        raises(RuntimeError(CARD)),
    ],
    ids=range(14),
)
async def test_what_a_lookup_answers(tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response]) -> None:
    assert {} == await of_pin(tmp_path, answer, CARD)


async def test_what_is_given_to_lookups_functions_hooks_and_sub_flows(tmp_path: Path) -> None:
    told = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.content)
        return httpx.Response(200, json={"name": "Ann", "card": "1", "limit": 3})

    assert {} == await of_pin(tmp_path, answer, '"2580"')
    assert [b'{"pin":"2580"}'] == told


GOOD = {"message": "Hello", "lines": [{"text": "a", "code": "b"}], "inner": {"at": "", "more": {}, "all": []}}
BESIDE = {"count": 1, "number": "447700900999", "share": 0.5}


def inner(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "inner": {**GOOD["inner"], **fields}}  # type: ignore[dict-item]  # one of its values is a map


ECHOES: list[Any] = [
    {**GOOD, "message": KEYS},
    {**GOOD, "message": int(KEYS)},
    {**GOOD, "message": f"The PIN {KEYS} is wrong."},
    {**GOOD, "message": f"44770090{KEYS}5"},
    {**GOOD, "lines": [{"text": KEYS, "code": KEYS}, {"text": f"<{KEYS}>", "code": ""}]},
    {**GOOD, "lines": [{"text": "a", "code": "b", "more": KEYS}], KEYS: KEYS},
    {**GOOD, "lines": [KEYS]},
    {**GOOD, "message": {KEYS: KEYS}},
    {"message": KEYS},
    inner(at=f"https://crm.example.com/pins/{KEYS}?pin={KEYS}"),
    inner(at=KEYS),
    inner(more={KEYS: "a"}),
    inner(more={"a": {"b": [{KEYS: [KEYS, int(KEYS), float(KEYS), {"c": f"PIN {KEYS}"}]}]}}),
    inner(all=[KEYS, int(KEYS), [KEYS], {"a": KEYS, KEYS: True}]),
    {**BESIDE, "count": int(KEYS)},
    {**BESIDE, "number": f"447{KEYS}"},
    {**BESIDE, "share": float(KEYS) + 0.5},
    {**BESIDE, "share": f"{KEYS}.25"},
    [KEYS],
]


@each_case("answer", ECHOES, ids=range(len(ECHOES)))
async def test_an_answer_that_repeats_what_it_was_asked_with(tmp_path: Path, answer: Any) -> None:
    assert {} == await of_echo(tmp_path, lambda _: httpx.Response(200, json=answer))


@each_case("written", ["8 4 0 2 1 7 3 9 5", "840-217-395", "840,217,395", "\uff18402173\uff195"])
async def test_an_answer_that_repeats_it_in_another_way(tmp_path: Path, written: str) -> None:
    answer = {**GOOD, "message": f"PIN {written}", "inner": {"at": "", "more": {written: written}, "all": [written]}}

    assert {} == await of_echo(tmp_path, lambda _: httpx.Response(200, json=answer), written)


FAULTS: list[Callable[[httpx.Request], httpx.Response]] = [
    lambda _: httpx.Response(400, json={"error": f"PIN {KEYS}"}, headers={"x-error": KEYS}),
    lambda _: httpx.Response(503, text=f"<html>{KEYS}</html>", headers={"retry-after": KEYS}),
    lambda _: httpx.Response(302, headers={"location": f"https://crm.example.com/{KEYS}"}),
    lambda _: httpx.Response(200, headers={"content-encoding": KEYS}, text="{}"),
    lambda _: httpx.Response(200, headers={"content-type": KEYS, "set-cookie": f"pin={KEYS}"}, json=GOOD),
    lambda _: httpx.Response(200, text=f"PIN {KEYS}"),
    lambda _: httpx.Response(200, json={**GOOD, "message": KEYS * 2_000}),
    lambda request: (_ for _ in ()).throw(httpx.ConnectError(f"{request.url}/{KEYS}", request=request)),
    lambda request: (_ for _ in ()).throw(httpx.InvalidURL(f"{request.url}/{KEYS}")),
    lambda request: (_ for _ in ()).throw(UnicodeEncodeError("ascii", KEYS, 0, 1, KEYS)),
]


@each_case("answer", FAULTS, ids=range(len(FAULTS)))
async def test_an_error_that_repeats_what_was_asked(
    tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    assert {} == await of_echo(tmp_path, answer)


async def of_echo(
    folder: Path, answer: Callable[[httpx.Request], httpx.Response], canary: str = KEYS
) -> dict[str, int]:
    """The places that contain a canary after a call whose lookups get `answer`, and after two more turns."""
    asked: list[bytes] = []

    def noted(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        return answer(request)

    async with canary_host(folder, answer=noted) as host:
        url = await host.ring("echo")
        menu = await host.post(url, {"dtmf": {"digits": KEYS}})
        await host.post(url_of(menu), {"dtmf": {"digits": "1"}})
        await host.post("/webhooks/event", {"status": "completed", "direction": "inbound"})
        assert [f'{{"pin":"{KEYS}"}}'.encode()] * 2 == asked
        return host.traces_of(canary) | host.traces_of(KEYS)


async def test_recorded_calls_show_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {**GOOD, "message": KEYS, "lines": [{"text": KEYS, "code": KEYS}]}
    await of_echo(tmp_path, lambda _: httpx.Response(200, json=answer))
    monkeypatch.setenv("NCCO_DATABASE_URL", f"sqlite:///{tmp_path}/calls.db")
    wanted = [("calls",), ("calls", LEG), ("calls", "--format", "json"), ("replay", LEG), ("hooks",)]
    words = [
        *wanted,
        ("calls", LEG, "--format", "json"),
        ("replay", LEG, "--format", "json"),
        ("hooks", "--format", "json"),
    ]
    shown = [await asyncio.to_thread(ncco, *each) for each in words]

    assert [] == [each for each, done in zip(words, shown, strict=True) if KEYS in done.output]
    assert "secret:" in shown[5].output
    assert "sensitive" in shown[3].output


class Broken(CallService):
    """A service that fails, with the caller's keys in the error message."""

    error: Exception

    async def resume(self, *_: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("error", [StoreUnavailable("away"), KeyError(KEYS)])
async def test_an_error_of_ours_during_the_call(host: CanaryHost, error: Exception) -> None:
    url = await host.ring("keys")
    host.service.__class__ = type("OfThisTest", (Broken,), {"error": error})
    await host.post(url, PRESSED)

    assert {} == host.traces_of(KEYS)


async def test_a_webhook_that_takes_too_long(tmp_path: Path) -> None:
    async with canary_host(tmp_path, deadline_s=1e-6) as host:
        await host.post("/webhooks/answer/keys", PRESSED)
        await host.post("/webhooks/input/abc", PRESSED)

        assert {} == host.traces_of(KEYS)


async def test_this_search_finds_values_that_are_not_sensitive(host: CanaryHost) -> None:
    await host.post("/webhooks/answer/keys", {"custom_data": {"order": "A-173905"}})

    assert {"calls.db-wal"} <= set(host.traces_of("A-173905"))
