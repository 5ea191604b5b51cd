"""A reply that goes out in one piece is the reply that uvicorn would send in two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.web.protocol import PatientProtocol

Send = Callable[[Any], Awaitable[None]]
JSON = (b"content-type", b"application/json")
LENGTH = (b"content-length", b"2")
GET = b"GET /webhooks/answer HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /webhooks/answer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def replying(*messages: dict[str, Any]) -> Callable[[Any, Any, Send], Awaitable[None]]:
    async def app(_: Any, __: Any, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(text: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": more}


async def talk(protocol: type[HttpToolsProtocol], app: Any, requests: bytes) -> tuple[bytes, int]:
    """All that the server says to these requests until it closes, and in how many pieces."""
    config = Config(app, log_config=None, lifespan="off", access_log=False, timeout_keep_alive=1)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Wed, 04 Mar 2026 09:15:52 GMT")]
    pieces: list[bytes] = []

    class Counting(protocol):  # type: ignore[misc, valid-type]  # given when it runs
        def connection_made(self, transport: asyncio.Transport) -> None:
            class Wire:
                def __getattr__(self, name: str) -> Any:
                    return getattr(transport, name)

                def write(self, data: bytes) -> None:
                    pieces.append(bytes(data))
                    transport.write(data)

            super().connection_made(Wire())

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Counting(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.write(requests)
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    server.close()
    return said, len(pieces)


WHOLE = [
    pytest.param(replying(start(JSON, LENGTH), body(b"[]")), id="ncco"),
    pytest.param(replying(start((b"content-length", b"0")), body(b"")), id="empty"),
    pytest.param(replying(start(JSON, LENGTH, (b"ncco-problem", b"no flow")), body(b"{}")), id="problem"),
    pytest.param(replying(start(JSON, LENGTH, status=503), body(b"{}")), id="no store"),
]
OTHERS = [
    pytest.param(replying(start(JSON, LENGTH), body(b"[", more=True), body(b"]")), id="in parts"),
    pytest.param(replying(start(JSON), body(b"[]")), id="no length"),
    pytest.param(replying(start(JSON, (b"content-length", b"3")), body(b"[]")), id="short"),
    pytest.param(replying(start(JSON, (b"content-length", b"1")), body(b"[]")), id="long"),
    pytest.param(replying(start(status=204), body(b"")), id="204"),
    pytest.param(replying(start((b"content-length", b"0"), status=304), body(b"")), id="304"),
    pytest.param(replying(start(LENGTH, (b"connection", b"close")), body(b"[]")), id="close"),
    pytest.param(replying(start(LENGTH, (b"allow", b"GET, POST"), status=405), body(b"[]")), id="allow"),
    pytest.param(replying(start(LENGTH, (b"ncco-problem", b"a\r\nset-cookie: b")), body(b"[]")), id="injection"),
    pytest.param(replying(start(LENGTH, (b"ncco-problem", b"a\nb")), body(b"[]")), id="line feed"),
    pytest.param(replying(start(JSON, LENGTH), start(JSON, LENGTH)), id="two heads"),
    pytest.param(replying(start(JSON, LENGTH), body(b"[]"), body(b"[]")), id="two bodies"),
    pytest.param(replying(body(b"[]")), id="no head"),
    pytest.param(replying(), id="nothing"),
]


@pytest.mark.parametrize("app", WHOLE)
async def test_a_whole_reply_is_sent_in_one_piece_with_the_bytes_of_uvicorn(app: Any) -> None:
    theirs, two = await talk(HttpToolsProtocol, app, GET)
    ours, one = await talk(PatientProtocol, app, GET)

    assert theirs == ours
    assert (2, 1) == (two, one)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("app", [*WHOLE, *OTHERS])
@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(GET + GET + LAST, id="three at once"),
        pytest.param(LAST, id="the last"),
        pytest.param(GET.replace(b"GET", b"HEAD") + LAST, id="head"),
        pytest.param(GET.replace(b"HTTP/1.1", b"HTTP/1.0"), id="1.0"),
    ],
)
async def test_every_other_reply_has_the_bytes_of_uvicorn(app: Any, requests: bytes) -> None:
    theirs, _ = await talk(HttpToolsProtocol, app, requests)
    ours, _ = await talk(PatientProtocol, app, requests)

    assert theirs == ours


@pytest.mark.filterwarnings("ignore")
async def test_an_application_that_ends_behind_its_head_has_failed() -> None:
    said, _ = await talk(PatientProtocol, replying(start(JSON, LENGTH)), GET)

    assert said.startswith(b"HTTP/1.1 500 ")
    assert said.endswith(b"\r\n\r\nInternal Server Error")


async def test_what_is_to_be_sent_to_a_client_that_has_gone_is_not_sent_and_nothing_fails() -> None:
    failed: list[BaseException] = []
    finished = asyncio.Event()

    async def app(_: Any, __: Any, send: Send) -> None:
        protocol.transport.abort()  # uvicorn has not been told yet
        try:
            for message in (start(JSON, LENGTH), body(b"[]")):
                await send(message)
        except Exception as error:  # noqa: BLE001 - whatever it is
            failed.append(error)
        finished.set()

    config = Config(app, log_config=None, lifespan="off", access_log=False)
    config.load()

    class Gone:
        """As uvloop has it: nobody may write any more."""

        is_closed = False

        def __getattr__(self, _: str) -> Any:
            return lambda *_, **__: None

        def is_closing(self) -> bool:
            return self.is_closed

        def abort(self) -> None:
            self.is_closed = True

        def write(self, _: bytes) -> None:
            raise RuntimeError("the handle is closed")

    protocol = PatientProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(Gone())  # type: ignore[arg-type]  # as much of a transport as it needs
    protocol.data_received(GET)
    await asyncio.wait_for(finished.wait(), 5)
    protocol.connection_lost(None)

    assert [] == failed
