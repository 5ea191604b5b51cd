"""Makes the databases in this folder with an earlier version.

Run as `python -m tests.system.server.databases.make NCCO VERSION`.

NCCO is the `ncco` command of that version in its checkout's .venv, VERSION its number, such as 0.3. README.md describes
the files.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support import loopback
from tests.support.postgres_server import USER, Server, running_server
from tests.support.webhooks import facts, keys
from tests.system.server.databases.serving import DOTENV, FLOWS, HERE, server_of, serving, settings

FIRST, SECOND, DIALLED, FAILED, OVER, TERMS = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "123456")


class Caller:
    """Sends webhooks as Vonage does, and records them with their replies."""

    def __init__(self, address: str, legs: dict[str, str]) -> None:
        self._address = address
        self._latest = legs
        self.sent: list[dict[str, Any]] = []

    def send(self, path: str, fields: dict[str, Any]) -> None:
        """Send a webhook; an NCCO in the reply becomes the current one."""
        reply = loopback.post(f"http://{self._address}{path}", json=fields)
        assert reply.status_code in (200, 204), (path, reply.status_code, reply.text)
        self.sent.append({"path": path, "json": fields, "status": reply.status_code, "reply": reply.text})
        if reply.text:
            self._latest[fields["uuid"]] = reply.text

    def ring(self, leg: str) -> None:
        """Start a new call."""
        self.send("/webhooks/answer", facts(leg))

    def press(self, leg: str, digits: str) -> None:
        """Press keys at the current input."""
        self.send(self._path(leg, "input"), facts(leg, **keys(digits)))

    def dial(self, leg: str, status: str) -> None:
        """Report what happened to the dialled party."""
        self.send(self._path(leg, "connect"), facts(leg, status=status, direction="outbound"))

    def hear_terms(self, leg: str) -> None:
        """Report that the caller has reached the checkpoint."""
        payload = next(action["payload"] for action in json.loads(self._latest[leg]) if action["action"] == "notify")
        self.send(self._path(leg, "notify"), facts(leg, payload=payload))

    def record(self, leg: str) -> None:
        """Report that a recording is ready."""
        self.send(self._path(leg, "record"), {**facts(leg), "recording_url": "https://api.nexmo.com/v1/files/1"})

    def hang_up(self, leg: str) -> None:
        """Report the end of the call."""
        self.send("/webhooks/event", facts(leg, status="completed", direction="inbound"))

    def _path(self, leg: str, kind: str) -> str:
        action = next(action for action in json.loads(self._latest[leg]) if action["action"] == kind)
        url = action["eventUrl"]
        return urlsplit(url[0] if isinstance(url, list) else url).path


def earlier_flows(home: Path) -> Path:
    """The flows with other words, which are another revision."""
    house = shutil.copytree(FLOWS, home / "earlier") / "house.yaml"
    text = house.read_text(encoding="utf-8").replace("Good day.", "Welcome.")
    house.write_text(text.replace("Now ringing", "Connecting you to"), encoding="utf-8")
    return house.parent


def play(ncco: str, url: str, home: Path) -> dict[str, Any]:
    """Make the calls. Returns the webhooks sent so far (`before`), and the latest reply to each leg (`legs`)."""
    legs: dict[str, str] = {}
    with serving(home, url, flows=earlier_flows(home), ncco=ncco) as address:
        caller = Caller(address, legs)
        for leg in (FIRST, DIALLED, FAILED, OVER):
            caller.ring(leg)
        caller.press(DIALLED, "1")
        caller.press(FAILED, "9")
        caller.press(OVER, "2")
        caller.record(OVER)
        caller.hang_up(OVER)
    with serving(home, url, ncco=ncco) as address:
        later = Caller(address, legs)
        for leg in (SECOND, TERMS):
            later.ring(leg)
        later.press(TERMS, "3")
    return {"before": caller.sent + later.sent, "legs": legs}


def finish(ncco: str, url: str, home: Path, legs: dict[str, str]) -> list[dict[str, Any]]:
    """Continue the open calls to their ends. Returns the webhooks that were sent."""
    with serving(home, url, ncco=ncco) as address:
        caller = Caller(address, legs)
        caller.press(FIRST, "1")
        caller.dial(DIALLED, "busy")
        caller.press(FAILED, "3")
        caller.press(SECOND, "1")
        caller.hear_terms(TERMS)
        caller.press(TERMS, "2")
    return caller.sent


def make(ncco: str, kind: str, url: str, home: Path, save: Callable[[Path], None]) -> None:
    """Play the calls. `save` copies the closed database into the folder, which also gets a backup of a SQLite one."""
    folder = HERE / kind
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    played = play(ncco, url, home)
    save(folder)
    if url.startswith("sqlite:"):
        subprocess.run([ncco, "backup", folder / "backup.tar.gz"], check=True, cwd=home, env=settings(home, url))
    after = finish(ncco, url, home, played["legs"])
    parts = {"before": played["before"], "after": after}
    lists = [f'"{name}": [\n{lines_of(webhooks)}\n]' for name, webhooks in parts.items()]
    (folder / "webhooks.json").write_text("{" + ",\n".join(lists) + "}\n", encoding="utf-8")


def lines_of(webhooks: list[dict[str, Any]]) -> str:
    """The elements of a JSON array, one on each line."""
    return ",\n".join(json.dumps(each, ensure_ascii=False) for each in webhooks)


def make_sqlite(ncco: str, version: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)

        def save(folder: Path) -> None:
            (folder / "ncco.db.gz").write_bytes(gzip.compress((home / "ncco.db").read_bytes(), mtime=0))
            shutil.copy(home / "ncco.db-key", folder)

        make(ncco, f"sqlite-{version}", f"sqlite:///{home}/ncco.db", home, save)


def make_postgres(ncco: str, version: str) -> None:
    with tempfile.TemporaryDirectory() as name, running_server() as server:
        database = server.new_database()

        def save(folder: Path) -> None:
            (folder / "ncco.sql.gz").write_bytes(gzip.compress(dump(server, database).encode(), mtime=0))

        make(ncco, f"postgres-{version}", server.url(database), Path(name), save)


def make_dotenv(ncco: str, version: str) -> None:
    """Write all settings of `.env.example`, and `DOTENV`. That version must not warn about any."""
    text = (Path(ncco).parents[2] / ".env.example").read_text("utf-8")
    given = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", text, re.MULTILINE)) | DOTENV
    file = HERE / f"dot-env-{version}"
    file.write_text("".join(f"{name}={value}\n" for name, value in given.items()), encoding="utf-8")
    with tempfile.TemporaryDirectory() as name, server_of(file, Path(name), ncco=ncco) as server:
        assert "warning" not in server.printed, server.printed


def dump(server: Server, database: str) -> str:
    """The database as SQL statements that any client can run."""
    words = ["--inserts", "--no-owner", "--no-privileges", "--no-comments", f"--port={server.port}", "--host=127.0.0.1"]
    command = [str(server.programs / "pg_dump"), *words, f"--username={USER}", database]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    kept = (
        line
        for line in text.splitlines()
        if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))
    )
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    make_sqlite(*sys.argv[1:])
    make_postgres(*sys.argv[1:])
    make_dotenv(*sys.argv[1:])
