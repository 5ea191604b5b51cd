"""nginx configured as on the page "When the server is down": it asks the server, or serves a file if nobody answers."""

from __future__ import annotations

import os
import pwd
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support import loopback
from tests.support.server import free_port
from tests.support.tracked import ROOT
from tests.system.server.hosts.proxy import NGINX, started, wait_until_up

pytestmark = pytest.mark.skipif(NGINX is None, reason="the program nginx is not installed; Debian's nginx has it")

PAGE = ROOT / "docs" / "explanation" / "faults.md"
AWAY = '[{"action":"talk","text":"We are away."}]'


def configured(folder: Path, port: int, server: str) -> str:
    """The page's block with this machine's folder and server, and a name server that never answers."""
    _, _, block = PAGE.read_text(encoding="utf-8").partition("```nginx\n")
    text = block.partition("```")[0].replace("/srv/ncco;", f"{folder};")
    text = text.replace("https://calls.example.com;", f"{server};").replace("127.0.0.53", f"127.0.0.1:{free_port()}")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    head = f"pid {folder}/pid; error_log {folder}/host.log; events {{}} http {{ {temporary}"
    return f"{head}\nserver {{ listen 127.0.0.1:{port};\n{text}\n}} }}"


@contextmanager
def web_host(folder: Path, server: str) -> Iterator[str]:
    """Run a web host that serves the file in `folder`. Yields its address."""
    port = free_port()
    (folder / "host.conf").write_text(configured(folder, port, server), encoding="utf-8")
    user = pwd.getpwuid(os.getuid()).pw_name
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "host.conf"), "-g", f"daemon off; user {user};"]
    with started(command) as process:
        wait_until_up(process, port, folder / "host.log")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "away.json").write_text(AWAY)
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("server", ["https://no-such-name.invalid", "http://127.0.0.1:1"])
def test_the_file_is_served_when_the_server_is_down_or_its_name_does_not_resolve(folder: Path, server: str) -> None:
    call = {"to": "442079460099", "from": "447700900123", "reason": "Socket timeout."}
    with web_host(folder, server) as host:
        replies = [
            loopback.post(f"{host}/webhooks/fallback", json=call),
            loopback.get(f"{host}/webhooks/fallback", params=call),
            loopback.get(f"{host}/away.json", params=call),
        ]

    assert [(200, "application/json", AWAY)] * 3 == [
        (reply.status_code, reply.headers["content-type"], reply.text) for reply in replies
    ]


class Server(BaseHTTPRequestHandler):
    """A server that continues the call, and repeats the request in its NCCO."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'[{"action":"talk","text":"%b %b"}]' % (self.path.encode(), body))

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serving() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_server_is_asked_first(folder: Path) -> None:
    with serving() as server, web_host(folder, server) as host:
        reply = loopback.post(f"{host}/webhooks/fallback?a=b", content=b"c")

    assert '[{"action":"talk","text":"/webhooks/fallback?a=b c"}]' == reply.text
