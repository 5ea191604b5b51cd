"""Webhooks about recordings that no platform would send: each gets a response, and stored values do no harm."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from tests.support import loopback
from tests.support.application_api import APPLICATION_ID
from tests.support.command import ncco
from tests.support.media_server import MediaServer, media_server, pem
from tests.support.server import Server, running

FLOW: Final = """\
flow: line
default: true
start: message
steps:
  message: {do: [{talk: Leave a message.}, {record: {beepStart: true}}], goto: end}
"""
FETCHED_WITHIN_S: Final = 120.0
NAMES: Final = ("\u202e\x1b[31mred", "<script>alert(1)</script>", "=?utf-8?q?x=0D=0ABcc:_e?=", "a" * 100_000)
SIZES: Final[tuple[Any, ...]] = (-1, 1e308, 10**30, "NaN", None, [], True)
IDS: Final[tuple[Any, ...]] = ("../../etc/passwd", "a" * 100_000, "\0", {"a": 1}, ["a"], "", None, "\ud800")
URLS: Final[tuple[Any, ...]] = ("x" * 100_000, "\0", ["a"], {}, 7, "https://x.vonage.com/\ud800", "")
FIELDS: Final[tuple[dict[str, Any], ...]] = (
    *({"size": size} for size in SIZES),
    {"start_time": "9999-12-31T23:59:59Z", "end_time": "0001-01-01T00:00:00Z"},
    {"start_time": "2026-01-01T00:00:00+23:59", "end_time": "2026-01-01T00:00:00-23:59"},
    {"start_time": "2099-12-31T23:59:59Z", "end_time": "2000-01-01T00:00:00Z"},
    {"start_time": 5, "end_time": {}},
    *({"recording_uuid": id_} for id_ in IDS),
    *({"recording_url": url} for url in URLS),
    *({"transcription_url": url} for url in URLS),
    *({"conversation_uuid": id_} for id_ in ("\0\u202e", "<script>" * 50)),
    *({"from": name, "to": name} for name in NAMES),
)


def post(server: Server, body: str) -> int:
    headers = {"content-type": "application/json"}
    return loopback.post(f"{server.url}/webhooks/event", content=body, headers=headers).status_code


def settings_of(media: MediaServer) -> dict[str, str]:
    return {"NCCO_MEDIA_URL": media.url, "VONAGE_APPLICATION_ID": APPLICATION_ID, "VONAGE_PRIVATE_KEY": pem()}


def fetched(server: Server) -> list[dict[str, Any]]:
    """All recordings, once the server has tried to fetch each."""
    until = time.monotonic() + FETCHED_WITHIN_S
    while True:
        form = ncco("recordings", "list", "--limit", "1000", "--format", "json", cwd=server.home, env=server.settings)
        rows: list[dict[str, Any]] = json.loads(form.stdout)["recordings"]
        if all(row["tries"] or row["state"] in ("kept", "failed", "gone") for row in rows):
            return rows
        assert time.monotonic() < until, rows
        time.sleep(0.1)


def test_hostile_webhooks_are_answered_and_stored_values_can_be_shown(tmp_path: Path) -> None:
    with media_server() as media, running(tmp_path, {"flows/line.yaml": FLOW}, settings_of(media)) as server:
        known = {"recording_url": media.put("/v1/files/1"), "conversation_uuid": "CON-1"}
        bodies = [json.dumps({**known, "recording_uuid": f"u{n}", **fields}) for n, fields in enumerate(FIELDS)]
        answers = [post(server, body) for body in (*bodies, *bodies, bodies[0][:-1] + ',"size":NaN}')]
        rows = fetched(server)
        text = ncco("recordings", "list", "--limit", "1000", cwd=tmp_path, env=server.settings)

    assert {200, 204} >= set(answers)
    assert 20 < len(rows) <= len(FIELDS)
    assert all(row["bytes"] is None or row["bytes"] >= 0 for row in rows)
    assert all(row["seconds"] is None or 0 <= row["seconds"] <= 172_800 for row in rows)
    assert "<202E><1B>[31mred" in text.output
    assert [] == [char for char in "\x1b\u202e\0" if char in text.output]
    serious = {line["event"] for line in server.log() if line["level"] in ("error", "critical")}
    assert {"recording given up"} == serious  # those at an invented address
