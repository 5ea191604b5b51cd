"""A server in its own process leaks no secrets either, even if HTTP itself is broken or the server is killed."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import httpx

from tests.support import loopback
from tests.support.server import Server, running_server
from tests.system.server.security.canary_host import COMMON, PROJECT

KEYS = "840217395"
BROKEN = (
    f"GET /webhooks/event?dtmf={KEYS} HTTP/1.1\r\nno header\r\n\r\n",
    f"{KEYS} / HTTP/1.1\r\n\r\n",
    f"POST /webhooks/event HTTP/1.1\r\nHost: x\r\nContent-Length: {KEYS}\r\n\r\n{KEYS}",
    f"POST /webhooks/event HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{KEYS}\r\n",
    f"POST /webhooks/{KEYS}?{KEYS} HTTP/1.1\r\nHost: {KEYS}\r\nX-{KEYS}: {KEYS}\r\nContent-Length: 0\r\n\r\n",
    f"GET /{KEYS} HTTP/1.1\r\nHost: x\r\n\r\n",
)


def sent(server: Server, request: str) -> bytes:
    """The response to a request that no client would send."""
    host, _, port = server.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def test_no_secret_is_printed_or_stored(tmp_path: Path) -> None:
    settings = {
        "NCCO_INSECURE": "1",
        "NCCO_PYTHON_LOOKUPS": "canary_functions",
        "NCCO_PYTHON_FLOWS": "teller.py",
        "NCCO_PUBLIC_URL": "https://calls.example.com",
        "NCCO_LOG_LEVEL": "debug",
        "NCCO_DATABASE_URL": f"sqlite:///{tmp_path}/calls.db",
        "FLOW_CRM_URL": "http://127.0.0.1:9",
    }
    with running_server(tmp_path, "--port", "0", cwd=PROJECT, env=settings) as server:
        base = f"http://{server.address}"
        ncco = loopback.post(f"{base}/webhooks/answer/keys", json=COMMON).json()
        wait = base + httpx.URL(ncco[1]["eventUrl"][0]).path
        pressed = {**COMMON, "dtmf": {"digits": KEYS, "timed_out": False}}
        replies = [loopback.post(wait, json=pressed).content, loopback.get(wait, params={"dtmf": KEYS}).content]
        replies += [loopback.post(f"{base}/webhooks/event", content=json.dumps(pressed)[:-1]).content]
        replies += [sent(server, request) for request in BROKEN]
        server.send(signal.SIGKILL)
        server.process.wait(timeout=60)
        files = b"".join(file.read_bytes() for file in sorted(tmp_path.glob("calls.db*")))

    assert [] == [reply for reply in replies if KEYS.encode() in reply]
    assert KEYS not in server.printed
    assert KEYS.encode() not in files
    assert COMMON["from"].encode() in files
