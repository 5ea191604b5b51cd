"""A kept connection in this process, and what is sent on it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import jwt
from uvicorn import Config
from uvicorn.server import ServerState

from app.service.delivery import Delivery
from app.web import create_app
from app.web.app import Application
from app.web.protocol import PatientProtocol
from tests.web.fake_calls import FakeCalls, settings_with

SECRET: Final = "invented-signature-secret-for-tests-only"

BODY: Final = b'{"to": "442079460000", "from": "447700900123", "uuid": "leg-1"}'


class Wire:
    """A transport that keeps what is written.

    Attributes:
        failure: what writing ends in, if it does. is_strict: whether nobody may write once it is closed.
        is_aborted: whether it was closed with what nobody had read yet.
    """

    def __init__(self) -> None:
        self.said = b""
        self.is_closed = self.is_strict = self.is_aborted = False
        self.failure: BaseException | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)}.get(name, default)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def write(self, data: bytes) -> None:
        assert not (self.is_strict and self.is_closed)
        if self.failure is not None:
            raise self.failure
        if not self.is_closed:
            self.said += data

    def pause_reading(self) -> None:
        """Nothing."""

    def resume_reading(self) -> None:
        """Nothing."""


def signed(body: bytes, path: str = "/webhooks/answer", *headers: bytes, secret: str = SECRET, **changes: Any) -> bytes:
    claims = {"iss": "Vonage", "iat": int(time.time()), "payload_hash": hashlib.sha256(body).hexdigest()} | changes
    lines = [
        f"POST {path} HTTP/1.1".encode(),
        b"host: calls.example.com",
        b"content-type: application/json",
        b"authorization: Bearer " + jwt.encode(claims, secret, algorithm="HS256").encode(),
        b"content-length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join((*lines, b"", body))


def door_of(calls: FakeCalls, *, is_short: bool, deadline_s: float = 4.0, **others: Any) -> Application:
    app = create_app(settings_with(signature_secret=SECRET), service=calls, deadline_s=deadline_s, **others)
    assert isinstance(app, Application)
    if not is_short:
        app.traced_door = app.door
    return app


def protocol_of(app: Application) -> tuple[PatientProtocol, Wire]:
    """A connection that has just been made."""
    config = Config(app, log_config=None, lifespan="off", access_log=False, proxy_headers=False)
    config.load()
    wire, state = Wire(), ServerState()
    state.default_headers = [(b"date", b"Wed, 04 Mar 2026 09:15:52 GMT")]
    protocol = PatientProtocol(config, state, {}, asyncio.get_running_loop())
    protocol.connection_made(wire)  # type: ignore[arg-type]  # as much of a transport as it needs
    return protocol, wire


async def said(app: Application, *chunks: bytes, wait_s: float = 0.0) -> Wire:
    """What comes back for these bytes."""
    protocol, wire = protocol_of(app)
    for chunk in chunks:
        protocol.loop.call_soon(protocol.data_received, chunk)  # as a loop does: in no task
        await asyncio.sleep(wait_s)
    for _ in range(20):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    return wire


def later(result: Any, seconds: float = 0.0) -> Callable[[Delivery], Awaitable[Any]]:
    """What a store does: a future that is set, then the reply."""

    async def act(_: Delivery) -> Any:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(seconds, _set, future)
        await future
        return result

    return act


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
