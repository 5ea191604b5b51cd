"""A fake of Vonage's Application API: a server on the loopback."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

APPLICATION_ID: Final = "5f0c3b8e-6d1a-4c7e-9a55-2f1e0b7c9d10"

_VOICE: Final = {
    "webhooks": {
        "answer_url": {"address": "{public}/webhooks/answer", "http_method": "POST"},
        "fallback_answer_url": {"address": "{public}/webhooks/fallback", "http_method": "POST"},
        "event_url": {"address": "{public}/webhooks/event", "http_method": "POST"},
    },
    "signed_callbacks": True,
    "region": "eu-west",
}


@dataclass
class ApplicationApi:
    """The replies of the fake, and its requests.

    Attributes:
        url: where it listens.
        status, body, headers: of the next replies.
        numbers: the body of replies about numbers; None: `body`.
        wait_s: seconds before each reply.
        requests: method, path and `Authorization` of each request.
        stored: the documents of the PUTs; each is what the next GET gives, with `lost` taken out of its Voice.
        loses_replies: whether a PUT is stored, but the connection closes without a reply.
        edits: what somebody else changes in the application before the GETs to come, by their turn.
    """

    url: str
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    numbers: bytes | None = None
    wait_s: float = 0.0
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    stored: list[dict[str, Any]] = field(default_factory=list)
    lost: tuple[str, ...] = ()
    loses_replies: bool = False
    edits: dict[int, bytes] = field(default_factory=dict)


def application(public_url: str, **changes: Any) -> dict[str, Any]:
    """An application whose URLs are those of the server at `public_url`.

    `changes` are by path: `answer_url__http_method="GET"`, `signed_callbacks=False`, `voice=None`.
    """
    voice = json.loads(json.dumps(_VOICE).replace("{public}", public_url))
    document: dict[str, Any] = {"id": APPLICATION_ID, "name": "The shop", "capabilities": {"voice": voice}}
    for name, value in deepcopy(changes).items():
        url, _, key = name.partition("__")
        if name in ("voice",):
            document["capabilities"][name] = value
        elif name == "keys":
            document[name] = value
        elif key:
            voice["webhooks"][url][key] = value
        else:
            (voice["webhooks"] if name in voice["webhooks"] else voice)[name] = value
    return document


@contextmanager
def fake_application_api(tls: ssl.SSLContext | None = None) -> Iterator[ApplicationApi]:
    """Run the fake; with `tls`, it uses https."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            time.sleep(api.wait_s)
            if "/applications/" in self.path:
                api.body = api.edits.get(sum("/applications/" in path for _, path, _ in api.requests), api.body)
            self.reply(api.numbers if "/account/numbers" in self.path and api.numbers is not None else api.body)

        def do_PUT(self) -> None:
            api.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.stored.append(document)
            kept = deepcopy({**document, "id": APPLICATION_ID, "_links": {"self": {"href": self.path}}})
            for name in api.lost:
                del kept["capabilities"]["voice"][name]
            api.body = json.dumps(kept).encode()
            if api.loses_replies:
                self.close_connection = True
            else:
                self.reply(api.body)

        def reply(self, body: bytes) -> None:
            self.send_response_only(api.status)
            headers = {"Date": formatdate(usegmt=True), "Content-Length": str(len(body)), **api.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            with suppress(BrokenPipeError):  # the client did not read everything
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        api = ApplicationApi(f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
