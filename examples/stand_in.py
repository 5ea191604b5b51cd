"""Replace the server that an example's lookups and hooks call: `python stand_in.py answers.json`.

The file maps requests to answers. `"GET /customers?phone=447700900123"` matches that query; without a query, a key
matches every query. `"POST /pins/check pin=4711"` matches a JSON body with that entry, and takes precedence over a key
without an entry. The items of a list are the answers to successive requests; the last one is repeated. Any other GET
gets 404, and any other POST (a hook) gets 200. Each request is printed with its body.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Answers(BaseHTTPRequestHandler):
    """Answers requests from the file."""

    known: dict[str, list[Any]]

    def do_GET(self) -> None:
        """Answer a lookup."""
        self._answer("")

    def do_POST(self) -> None:
        """Answer a lookup with a body, or a hook."""
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _answer(self, body: str) -> None:
        sys.stdout.write(f"{self.command} {self.path} {body}".rstrip() + "\n")
        sys.stdout.flush()
        answers = next((self.known[key] for key in self._keys(body) if key in self.known), None)
        if answers is None:
            self._send(404 if self.command == "GET" else 200, {})
        else:
            self._send(200, answers.pop(0) if len(answers) > 1 else answers[0])

    def _keys(self, body: str) -> Iterator[str]:
        """The keys that match the request, the most specific first."""
        whole, path = f"{self.command} {self.path}", f"{self.command} {self.path.partition('?')[0]}"
        entries = json.loads(body) if body.startswith("{") else {}
        yield from (f"{path} {name}={value}" for name, value in entries.items())
        yield whole
        yield path

    def _send(self, status: int, answer: object) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Do nothing: the request has already been printed."""


def main() -> None:
    """Answer requests from the file until Ctrl-C."""
    options = argparse.ArgumentParser(description="Replace the servers that an example's lookups and hooks call.")
    options.add_argument("file", type=Path, help="answers.json of an example")
    options.add_argument("--port", type=int, default=8009, help="0 takes any free one [8009]")
    chosen = options.parse_args()
    written = json.loads(chosen.file.read_text(encoding="utf-8"))
    Answers.known = {key: answer if isinstance(answer, list) else [answer] for key, answer in written.items()}
    with ThreadingHTTPServer(("127.0.0.1", chosen.port), Answers) as server:
        sys.stdout.write(f"listening on http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
