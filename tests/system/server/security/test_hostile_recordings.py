"""Webhooks about recordings that no platform would send: each gets a response, and stored values do no harm."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from tests.support import loopback
from tests.support.command import ncco
from tests.support.server import Server, running

FLOW: Final = """\
flow: line
default: true
start: message
steps:
  message:
    do: [{talk: Leave a message.}, {record: {beepStart: true}}]
    goto: end
"""
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


def test_hostile_webhooks_are_answered_and_stored_values_can_be_shown(tmp_path: Path) -> None:
    known = {"recording_url": "https://api.nexmo.com/v1/files/1", "conversation_uuid": "CON-1"}
    with running(tmp_path, {"flows/line.yaml": FLOW}, {}) as server:
        bodies = [json.dumps({**known, "recording_uuid": f"u{n}", **fields}) for n, fields in enumerate(FIELDS)]
        answers = [post(server, body) for body in (*bodies, *bodies, bodies[0][:-1] + ',"size":NaN}')]
        time.sleep(3)  # the server looks for recordings to fetch
        text = ncco("recordings", "list", "--limit", "1000", cwd=tmp_path, env=server.settings)
        form = ncco("recordings", "list", "--limit", "1000", "--format", "json", cwd=tmp_path, env=server.settings)
        rows = json.loads(form.stdout)["recordings"]

    assert {200, 204} >= set(answers)
    assert 20 < len(rows) <= len(FIELDS)
    assert all(row["bytes"] is None or row["bytes"] >= 0 for row in rows)
    assert all(row["seconds"] is None or 0 <= row["seconds"] <= 172_800 for row in rows)
    assert "<202E><1B>[31mred" in text.output
    assert [] == [char for char in "\x1b\u202e\0" if char in text.output]
    assert [] == [line for line in server.log() if line["level"] in ("error", "critical")]
