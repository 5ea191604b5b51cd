"""Webhooks about recordings that no platform would send, and names of callers in mails: neither adds anything else."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from ncco_server.flow.language.mail import addresses
from ncco_server.service.mail import Mailer, MailServer
from ncco_server.service.outbox import Verdict
from tests.support import loopback
from tests.support.application_api import APPLICATION_ID
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.media_server import MediaServer, media_server, pem
from tests.support.server import Server, running
from tests.support.smtp_server import Mailbox, serving
from tests.support.stored_rows import hook_row

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


HEADERS: Final = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}
CALLERS: Final = (
    "x\r\nBcc: thief@example.net",
    "x\x85Bcc: thief@example.net",
    "x\u2028Bcc: thief@example.net",
    "=?utf-8?q?x=0D=0ABcc:_thief@example.net?=",
    "=?utf-8?b?DQpCY2M6IHRoaWVmQGV4YW1wbGUubmV0?=",
    "=\0?utf-8?q?x=0ABcc:_thief@example.net?=",
    "=?utf-8?q?=0D=0A=0D=0Aanother_text?=",
    "x\r\n.\r\nMAIL FROM:<thief@example.net>",
    "x\n.\nMAIL FROM:<thief@example.net>",
    "x\r.\rMAIL FROM:<thief@example.net>",
    "\0\x1b[31m\x07\x7f",
    "\u202egpj.exe",
    "\N{GRINNING FACE}" * 2_000,
    "a" * 10_000,
)


@each_case("name", CALLERS, ids=range(len(CALLERS)))
async def test_a_callers_name_stays_on_its_line(name: str) -> None:
    mailbox = Mailbox()
    body = {"to": ["office@example.com"], "subject": " ".join(f"From {name}".split()), "text": f"{name}\nEnd"}
    hook = hook_row("msg_1", url="mailto:office@example.com", body=orjson.dumps(body))
    with serving(mailbox) as port:
        server = MailServer("localhost", port, "", "", False, True, "phone@example.com")
        assert Verdict("sent") == await Mailer(server)(hook, datetime.now(UTC))

    [(taken, message)] = mailbox.taken
    assert ["office@example.com"] == taken
    assert HEADERS == set(message.keys())
    assert len(HEADERS) == len(message.items())
    assert message["Subject"].startswith("From ")
    assert message["Subject"].isprintable() or "\u202e" in name
    assert message.get_content().rstrip().endswith("End")
    assert "\0" not in message.get_content()


@each_case(
    "text",
    [
        *("office@example.com\nBcc: thief@example.net", "office@example.com\r\nx@example.net", "a@b.c\0", "a\0@b.c"),
        *("<a@example.com>", "Ann <a@example.com>", '"a b"@example.com', "a@[127.0.0.1]", "a@b.c d@e.f", "a@b.c;d@e.f"),
        *("a @example.com", "a(x)@example.com", "group:a@example.com;", "=?utf-8?q?a=0A?=@example.com", "a@b.c\x1fd"),
        *("", ",", "a@", "@example.net", "a..b@example.com", "a@b..c", f"{'x' * 250}@example.com"),
        ",".join(f"a{number}@example.com" for number in range(21)),
    ],
)
def test_an_invalid_mail_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="only email addresses") as refused:
        addresses(text)
    assert len(text) < 2 or text not in str(refused.value)
