"""`ncco simulate` with the URL of a server that is independent of this project and has two faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from ncco_studio.simulator.servers import moved
from tests.support.cases import each_case
from tests.system.cli.simulated import call, served
from tests.system.studio.simulator.foreign_server import app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(app) as address:
        yield address


def test_a_call_to_an_independent_server_is_simulated(address: str) -> None:
    done = call(f"{address}/answer", "1", "--event-url", f"{address}/event")

    assert 0 == done.exit_code, done.output
    assert '"There is no news."' in done.output


elsewhere = FastAPI()


@elsewhere.get("/answer")
@elsewhere.post("/voice/answer")
def answer_from_elsewhere() -> list[dict[str, Any]]:
    asks = {"action": "input", "type": ["dtmf"], "eventUrl": ["https://Public.example.com:443/voice/choice?a=1"]}
    return [{"action": "talk", "text": "Press 1."}, asks]


@elsewhere.post("/choice")
async def choice_from_elsewhere(request: Request) -> list[dict[str, Any]]:
    digits = (await request.json())["dtmf"]["digits"]
    return [{"action": "talk", "text": f"You pressed {digits}, {request.query_params['a']}."}]


def test_callbacks_go_to_where_the_server_runs() -> None:
    with served(elsewhere) as address:
        done = call(f"{address}/answer", "1", "--public-url", "https://public.example.com/voice/")

    assert 0 == done.exit_code, done.output
    assert '"You pressed 1, 1."' in done.output


@pytest.mark.parametrize(
    ("url", "base", "sent"),
    [
        ("https://a.example/x?q=1#f", "https://a.example", "http://127.0.0.1:8000/x?q=1#f"),
        ("https://A.example:443/x", "https://a.example/", "http://127.0.0.1:8000/x"),
        ("https://a.example/voice/x", "https://a.example/voice", "http://127.0.0.1:8000/x"),
        ("https://a.example/voice", "https://a.example/voice/", "http://127.0.0.1:8000"),
        ("https://a.example/voices/x", "https://a.example/voice", "https://a.example/voices/x"),
        ("https://a.example.evil/x", "https://a.example", "https://a.example.evil/x"),
        ("http://a.example/x", "https://a.example", "http://a.example/x"),
        ("https://a.example:8443/x", "https://a.example", "https://a.example:8443/x"),
        ("http://[::1]:8000/x", "http://[::1]:8000", "http://127.0.0.1:8000/x"),
        ("https://[a/x", "https://a.example", "https://[a/x"),
    ],
)
def test_only_urls_below_the_public_url_are_moved(url: str, base: str, sent: str) -> None:
    assert sent == moved(url, base, "http://127.0.0.1:8000/webhooks/answer")


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("http://127.0.0.1:1/answer", 2, "there is no server at http://127.0.0.1:1/answer"),
        ("{address}/nothing", 1, ""),
    ],
)
def test_a_url_without_an_ncco_is_reported(address: str, url: str, code: int, told: str) -> None:
    done = call(url.format(address=address))

    assert (code, True) == (done.exit_code, told in done.output), done.output


def old_server() -> FastAPI:
    """A server that is older than the option `type` of an input, and writes an option that no document has."""
    own = FastAPI()

    @own.get("/answer")
    async def answer(request: Request) -> list[dict[str, Any]]:
        talk = {"action": "talk", "text": "Press a key.", "bargeIn": True, "voice": "Amy"}
        return [talk, {"action": "input", "maxDigits": 6, "eventUrl": [f"{request.base_url}choice"]}]

    @own.post("/choice")
    async def choice(body: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"action": "talk", "text": f"You pressed {body['dtmf']['digits']}."}]

    return own


def test_an_old_input_and_unknown_options_are_played_with_warnings() -> None:
    with served(old_server()) as address:
        done = call(f"{address}/answer", "123456")

    assert '"You pressed 123456."' in done.output
    assert "N106 /1: input needs type." in done.output
    assert "N105 /0/voice: " in done.output
    assert 0 == done.exit_code, done.output


def quiet_server() -> FastAPI:
    """A server that replies to digits with nothing, so that the NCCO continues."""
    own = FastAPI()

    @own.get("/answer")
    async def answer(request: Request) -> list[dict[str, Any]]:
        listen = {"action": "input", "type": ["dtmf"], "dtmf": {"submitOnHash": True}}
        urls = {"eventUrl": [f"{request.base_url}quiet"]}
        return [listen | urls, {"action": "talk", "text": "Still here."}, listen | urls]

    @own.post("/quiet")
    async def quiet() -> Response:
        return PlainTextResponse("")

    return own


def test_after_a_reply_without_an_ncco_the_call_continues() -> None:
    with served(quiet_server()) as address:
        done = call(f"{address}/answer", "12#")

    assert 0 == done.exit_code, done.output
    assert '"Still here."' in done.output


def signed_server(seen: list[tuple[str, Any]]) -> FastAPI:
    """A server that collects the claims of each signed webhook."""
    own = FastAPI()

    @own.post("/answer")
    @own.post("/event")
    async def receive(request: Request) -> list[dict[str, Any]]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        claims = jwt.decode(token, "s" * 32, algorithms=["HS256"], options={"verify_iat": False})
        seen.append((request.url.path, claims))
        return [{"action": "talk", "text": "Signed."}] if request.url.path == "/answer" else []

    return own


def test_webhooks_are_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, Any]] = []
    monkeypatch.setenv("VONAGE_API_KEY", "abcd1234")
    with served(signed_server(seen)) as address:
        urls = (f"{address}/answer", "--event-url", f"{address}/event")
        done = call(*urls, "--method", "post", "--signature-secret", "s" * 32)

    assert 0 == done.exit_code, done.output
    assert {"/answer", "/event"} == {path for path, _ in seen}
    assert "abcd1234" == seen[0][1]["api_key"]


def loop_server() -> FastAPI:
    """A server that answers each `notify` with the same `notify`, so that time never advances."""
    own = FastAPI()

    @own.post("/again")
    @own.get("/again")
    async def again(request: Request) -> list[dict[str, Any]]:
        return [{"action": "notify", "payload": {"a": 1}, "eventUrl": [str(request.url).partition("?")[0]]}]

    return own


def test_a_call_without_progress_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ncco_studio.simulator.scheduler.MOST_RESUMED", 50)
    with served(loop_server()) as address:
        done = call(f"{address}/again")

    assert 1 == done.exit_code, done.output


def careless_server() -> FastAPI:
    """A server whose NCCOs cannot work as intended."""
    own = FastAPI()

    @own.get("/{what}")
    async def answer(what: str) -> list[dict[str, Any]]:
        return CARELESS[what]

    return own


CARELESS: dict[str, list[dict[str, Any]]] = {
    "nofrom": [
        {"action": "talk", "text": "One moment."},
        {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900111"}]},
        {"action": "talk", "text": "Nobody is free."},
    ],
    "transfer": [{"action": "talk", "text": "One moment."}, {"action": "transfer", "conversationId": "CON-1"}],
    "unknown": [{"action": "talk", "text": "Hello.", "voiceName": "Amy"}],
    "socket": [{"action": "connect", "endpoint": [{"type": "websocket", "uri": "wss://bot.example.com/socket"}]}],
    "music": [
        {"action": "stream", "streamUrl": ["https://audio.example.com/a.mp3"], "bargeIn": True, "loop": 0},
        {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}},
    ],
}


@each_case(
    ("what", "events", "told", "code"),
    [
        ("nofrom", [], "a phone is dialled `from` a number, so 447700900111 is not reached", 0),
        ("transfer", [], "the platform reports an error: Conversation CON-1 not found", 0),
        ("unknown", [], "answer webhook: N910 /0/voiceName: voiceName is from older documentation.", 0),
        ("socket", ["disconnected"], "rings     wss://bot.example.com/socket", 0),
        ("music", [], "hears     audio https://audio.example.com/a.mp3", 0),
    ],
)
def test_questionable_replies_of_a_server_are_reported(what: str, events: list[str], told: str, code: int) -> None:
    with served(careless_server()) as address:
        done = call(f"{address}/{what}", *events)

    assert told in done.output
    assert code == done.exit_code, done.output
