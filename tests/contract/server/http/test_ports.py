"""The limits on every port: webhooks, placing API, console and metrics."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from ncco_server.store import ApiKeyRow
from tests.contract.server.http.serving import received, serving
from tests.support.server import STARTS_WITHIN_S, free_port
from tests.support.stored_rows import in_store
from tests.support.waiting import happens, listens

NAMES = ("server", "API", "console", "metrics")
LINE = "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n"
KEY = "the key of a program"
CALL = b'{"flow": "hello", "to": "447700900123"}'


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of one server, by name."""
    folder = tmp_path_factory.mktemp("ports")
    ports = {name: free_port() for name in NAMES}
    variables = {f"NCCO_{name.upper()}_PORT": str(ports[name]) for name in NAMES[1:]}
    database = folder / "calls.db"
    with serving(folder, "--dev", NCCO_CONSOLE="1", NCCO_DATABASE_URL=f"sqlite:///{database}", **variables) as server:
        in_store(database, lambda store: store.api_keys.add(KEY, ApiKeyRow("crm", ("hello",), 0)))
        ports["server"] = server.port
        for port in ports.values():
            asked(port, "connection: close")  # it serves once it has replied
        yield ports


def connected(port: int) -> socket.socket:
    """A connection, after waiting for a listener."""
    assert happens(lambda: listens(port), STARTS_WITHIN_S)
    return socket.create_connection(("127.0.0.1", port), 30)


def status(answer: bytes) -> bytes:
    return answer[9:12]


def asked(port: int, *lines: str, body: bytes = b"", first: str = LINE) -> bytes:
    with connected(port) as connection:
        connection.sendall(first.encode() + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body)
        return received(connection)


def test_silent_connections_and_stalled_heads_are_closed_on_every_port(ports: dict[str, int]) -> None:
    silent = {name: connected(port) for name, port in ports.items()}
    stalled = {name: connected(port) for name, port in ports.items()}
    for connection in stalled.values():
        connection.sendall(LINE.encode())
    closed = {name: received(connection) for name, connection in silent.items()}
    answers = {name: status(received(connection)) for name, connection in stalled.items()}
    for connection in (*silent.values(), *stalled.values()):
        connection.close()

    assert dict.fromkeys(ports, b"") == closed
    assert dict.fromkeys(ports, b"408") == answers


@pytest.mark.parametrize("name", NAMES)
def test_a_head_is_limited_on_every_port(ports: dict[str, int], name: str) -> None:
    port = ports[name]

    assert b"431" == status(asked(port, *[f"x{number}: y" for number in range(100)]))
    assert b"431" == status(asked(port, "x: " + "y" * 66_000))
    assert b"400" == status(asked(port, first="GET / HTTP/1.1\r\n"))
    assert b"431" != status(asked(port, "connection: close", *[f"x{number}: y" for number in range(90)]))


@pytest.mark.parametrize(("key", "expected"), [("wrong", b"401"), (KEY, b"408")])
def test_a_stalled_body_is_refused_by_its_key_and_then_by_its_time(
    ports: dict[str, int], key: str, expected: bytes
) -> None:
    began = time.monotonic()
    answer = asked(
        ports["API"],
        f"authorization: Bearer {key}",
        "idempotency-key: k1",
        f"content-length: {len(CALL)}",
        body=CALL[:9],
        first=LINE.replace("GET /", "POST /calls"),
    )
    seconds = time.monotonic() - began

    assert expected == status(answer)
    assert seconds >= (0 if key == "wrong" else 4)


@pytest.mark.parametrize(
    ("name", "path"), [("server", "/healthz"), ("server", "/readyz"), ("server", "/metrics"), ("API", "/openapi.json")]
)
def test_head_sends_no_body(ports: dict[str, int], name: str, path: str) -> None:
    answer = asked(ports[name], "connection: close", first=LINE.replace("GET /", f"HEAD {path}"))

    assert b"200" == status(answer)
    assert answer.endswith(b"\r\n\r\n")
