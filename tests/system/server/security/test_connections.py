"""What clients can make a server hold, on real connections with short time limits."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ncco_server.web.connections import LimitedProtocol
from tests.support.cases import each_case
from tests.support.serving_thread import serving_thread

LARGE = 50_000_000
LONG_S = 30.0


class Limited(LimitedProtocol):
    most_connections = 3
    head_s = 0.3
    request_s = 0.6
    send_s = 0.5


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    match scope["path"]:
        case "/body":
            reply = PlainTextResponse(f"{len(await request.body())} bytes")
        case "/large":
            reply = PlainTextResponse("x" * LARGE)
        case _:
            reply = PlainTextResponse("hello")
    await reply(scope, receive, send)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving_thread(application, http=Limited, timeout_keep_alive=1, access_log=False) as port:
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), LONG_S)


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection. Raises TimeoutError if it does not."""
    found = b""
    with suppress(ConnectionError):  # it may close before it has read everything
        while chunk := connection.recv(65536):
            found += chunk
    return found


def head(path: str = "/", *lines: str) -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "host: x", *lines, "", "")).encode()


@each_case(
    ("sent", "status"),
    [
        (b"", b""),  # silent
        (b"GET / HT", b"408"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"408"),
        (head() + b"GET / HTTP/1.1\r\nhos", b"200"),  # a second head that stalls
        (head("/body", "content-length: 100") + b"a", b""),
        (head("/body", "transfer-encoding: chunked") + b"1\r\na\r\n", b""),
        (head("/", "content-length: 100") + b"a", b"200"),  # nobody reads this body
        (head(), b"200"),  # idle
    ],
)
def test_stalled_connections_are_closed(port: int, sent: bytes, status: bytes) -> None:
    with connected(port) as connection:
        began = time.monotonic()
        connection.sendall(sent)
        found = everything(connection)

    assert status == found[9:12], found
    assert time.monotonic() - began < 10


@each_case(
    "sent", [b"GET / HTTP/1.1\r\nx: ", head("/body", "content-length: 100000"), head(*["/", "content-length: 9"])]
)
def test_trickling_bytes_do_not_extend_the_time_limit(port: int, sent: bytes) -> None:
    began = time.monotonic()
    with connected(port) as connection, suppress(ConnectionError):
        connection.sendall(sent)
        while time.monotonic() - began < LONG_S:
            connection.sendall(b"a")
            time.sleep(0.05)

    assert time.monotonic() - began < LONG_S


def test_a_client_that_does_not_read_is_dropped(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(head("/large"))
        time.sleep(2)  # longer than it may wait
        received = len(everything(connection))

    assert received < LARGE


def test_a_slow_but_steady_request_is_answered(port: int) -> None:
    with connected(port) as connection:
        for part in (b"POST /body HTTP/1.1\r\n", b"host: x\r\ncontent-length: 2\r\n\r\n", b"a", b"b"):
            connection.sendall(part)
            time.sleep(0.02)
        found = connection.recv(65536)

    assert found.startswith(b"HTTP/1.1 200")


def test_a_body_does_not_count_as_the_next_requests_head(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(head("/body", "content-length: 100000") + b"a" * 100_000 + b"GET / HTTP/1.1\r\nhost")
        time.sleep(0.1)
        connection.sendall(b": x\r\nconnection: close\r\n\r\n")
        found = everything(connection)

    assert (2, True) == (found.count(b"HTTP/1.1 200"), found.endswith(b"hello"))


def test_requests_in_a_row_are_answered_beyond_every_time_limit(port: int) -> None:
    with connected(port) as connection:
        for _ in range(10):
            connection.sendall(head("/body", "content-length: 2") + b"ab")
            found = b""  # the body may come apart from its head
            while not found.endswith(b"2 bytes") and (part := connection.recv(65536)):
                found += part
            assert found.endswith(b"2 bytes")
            time.sleep(0.15)


def test_more_connections_are_refused_until_one_ends(port: int) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(3)]
        for connection in held:
            connection.sendall(head())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        with connected(port) as fourth:
            refused = everything(fourth)
        held[0].close()
        deadline = time.monotonic() + LONG_S
        accepted = b""
        while not accepted.startswith(b"HTTP/1.1 200") and time.monotonic() < deadline:
            with connected(port) as fifth:
                fifth.sendall(head("/", "connection: close"))
                accepted = everything(fifth)

    assert refused.startswith(b"HTTP/1.1 503")
    assert accepted.startswith(b"HTTP/1.1 200")


@each_case(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
        (b"GET http://x/ HTTP/1.1\r\nhost:\r\n\r\n", b"200"),
        (head("/", *[f"x{number}: y" for number in range(100)]), b"431"),
        (head("/", *[f"x{number}: y" for number in range(99)]), b"200"),
        (head("/", "x: " + "y" * 66_000), b"431"),
        (head("/?" + "y" * 66_000), b"431"),
    ],
)
def test_a_wrong_or_too_large_request_head_is_refused(port: int, sent: bytes, status: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        found = everything(connection)

    assert status == found[9:12], found


@each_case("protocol", ["websocket", "h2c"])
def test_an_upgrade_is_ignored_and_not_logged(port: int, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    with connected(port) as connection:
        connection.sendall(head("/", "connection: upgrade", f"upgrade: {protocol}"))
        found = connection.recv(65536)

    assert found.startswith(b"HTTP/1.1 200")
    assert [] == caplog.messages
