"""A real server in a process of its own, and a raw socket to talk to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

FLOW = 'flow: hello\ndefault: true\nstart: hi\nsteps:\n  hi:\n    do:\n      - talk: "Hello."\n    goto: end\n'
PROGRAM = """
import sys
from app.settings import load_settings
from app.web.server import serve

def ready(host, port):
    print(port, flush=True)

if __name__ == "__main__":
    serve(load_settings(None), dev="dev" in sys.argv, reload="reload" in sys.argv, workers=1 + ("two" in sys.argv),
          ready=ready)
"""


@dataclass
class Running:
    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self, *chunks: bytes, timeout_s: float = 5.0) -> bytes:
        """Everything that comes back for these bytes until the server falls silent or closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as connection:
            for chunk in chunks:
                connection.sendall(chunk)
            return received(connection)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def received(connection: socket.socket, silence_s: float = 0.3) -> bytes:
    """What comes until nothing comes for a while."""
    answer = b""
    connection.settimeout(5)
    try:
        while chunk := connection.recv(65536):
            answer += chunk
            connection.settimeout(silence_s)
    except (TimeoutError, ConnectionError):
        pass
    return answer


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, *words: str, **variables: str) -> Iterator[Running]:
    """A server on a free port with one flow; up when this yields, ended when it returns."""
    (folder / "flows").mkdir(exist_ok=True)
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "flows" / "hello.yaml").write_text(FLOW)
    (folder / "program.py").write_text(PROGRAM)
    root = Path(__file__).resolve().parents[2]
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "NCCO_PORT": "0", "NCCO_LOG": "json"}
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_FILE"):
        given |= {name: os.environ[name]} if name in os.environ else {}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "program.py", *words], cwd=folder, env=given | variables, stdout=subprocess.PIPE,
            stderr=log, text=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.strip().isdigit(), line + (folder / "log").read_text()
        server = Running(process, int(line))
        assert httpx.get(f"{server.url}/readyz", timeout=20).status_code == 200
        yield server
    finally:
        process.kill()
        process.communicate()
