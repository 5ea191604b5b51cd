"""Recordings on a real server, from webhook to file: what is fetched, what never is, and what nobody may see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from tests.support.application_api import APPLICATION_ID
from tests.support.command import ncco
from tests.support.media_server import MP3, WAV, File, MediaServer, media_server, pem
from tests.support.server import Server, free_port, running
from tests.support.waiting import happens
from tests.support.webhooks import callback, facts, keys, send

CALLER: Final = "447700900123"
WITHIN_S: Final = 200.0
TEXT: Final = {"channels": [{"transcript": [{"sentence": "Please call me back."}]}]}
FLOW: Final = """\
flow: line
default: true
vars: {pin: {type: text, sensitive: true}, said: text}
start: name
steps:
  name:
    do: [{talk: "Who is calling?"}]
    collect: {into: said, speech: any}
    retry: {then: pin}
    goto: pin
  pin:
    do: [{talk: "Your PIN?"}]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {then: message}
    goto: message
  message:
    do:
      - talk: "Leave a message."
      - record: {endOnKey: "#", transcription: {language: en-GB}}
    goto: end
"""


@pytest.fixture(scope="module")
def media() -> Iterator[MediaServer]:
    with media_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, media: MediaServer) -> Iterator[Server]:
    settings = {
        "NCCO_METRICS_PORT": str(free_port()),
        "NCCO_MEDIA_URL": media.url,
        "VONAGE_APPLICATION_ID": APPLICATION_ID,
        "VONAGE_PRIVATE_KEY": pem(),
    }
    with running(tmp_path_factory.mktemp("line"), {"flows/line.yaml": FLOW}, settings) as started:
        yield started


def leave_message(server: Server, leg: str, name_audio: str, pin_audio: str) -> str:
    """Make a call whose caller says a name and a PIN. Returns the URL for the recording's events."""
    who = {**facts(leg), "from": CALLER}
    asked = send(server.url, "/webhooks/answer", **who)
    said = {"timeout_reason": "end_on_silence_timeout", "results": [{"text": "Zerlina", "confidence": "0.9"}]}
    asked = send(server.url, callback(asked), **who, speech={**said, "recording_url": name_audio})
    heard = {"speech": {"recording_url": pin_audio}, **keys("84021739")}
    return callback(send(server.url, callback(asked), **who, **heard), "record")


def listed(server: Server) -> list[dict[str, Any]]:
    shown = ncco("recordings", "list", "--format", "json", cwd=server.home, env=server.settings)
    return list(json.loads(shown.stdout)["recordings"])


def keep_message(server: Server, media: MediaServer, leg: str) -> list[dict[str, Any]]:
    """Leave a message. Returns the listed recordings of its call, including earlier ones, once they are stored."""
    secret = media.put(f"/v1/files/secret-pin-{leg}")
    events = leave_message(server, leg, media.put(f"/v1/files/name-{leg}", File(WAV)), secret)
    audio, text = media.put(f"/v1/files/message-{leg}"), media.put(f"/v1/files/text-{leg}", File(orjson.dumps(TEXT)))
    about = {"conversation_uuid": f"CON-{leg}", "recording_uuid": f"uuid-canary-{leg}"}
    times = {"start_time": "2026-03-04T09:15:40Z", "end_time": "2026-03-04T09:16:14Z"}
    for _ in range(2):
        send(server.url, events, **about, recording_url=audio, size=len(MP3), **times)
        send(server.url, events, **about, transcription_url=text, type="record", status="transcribed")

    def kept() -> list[dict[str, Any]] | None:
        rows = [row for row in listed(server) if row["call"] == leg]
        is_done = [row["state"] for row in rows] == ["kept"] * 2 and rows[0]["transcript"]
        return rows if is_done else None

    found = happens(kept, WITHIN_S)
    assert found
    return found


def test_a_message_is_stored_with_its_transcript_and_its_place_in_the_flow(server: Server, media: MediaServer) -> None:
    message, said = keep_message(server, media, "leg-1")

    assert ("record", "line", "message", 34.0) == tuple(message[name] for name in ("kind", "flow", "step", "seconds"))
    assert (CALLER, "442079460000") == (message["from"], message["to"])
    assert "Please call me back." == message["transcript"]
    assert ("voice-input", "line", "name", "audio/wav") == tuple(said[key] for key in ("kind", "flow", "step", "type"))
    folder = server.home / "calls.db-recordings"
    assert {message["id"], said["id"]} <= {file.name for file in folder.iterdir()}
    assert MP3 == (folder / message["id"]).read_bytes()
    assert [] == [path for path in media.requests if "secret-pin" in path]
    assert [] == media.refused


def test_ids_of_other_recordings_replace_and_restore_none(server: Server, media: MediaServer) -> None:
    audio, other = media.put("/v1/files/first"), media.put("/v1/files/other", File(WAV))
    events = {leg: leave_message(server, leg, media.put("/v1/files/n", File(WAV)), other) for leg in ("leg-8", "leg-9")}
    about = {"recording_uuid": "uuid-canary-8", "conversation_uuid": "CON-leg-8"}
    send(server.url, events["leg-8"], **about, recording_url=audio, size=len(MP3))

    def row() -> dict[str, Any] | None:
        kept = (
            row for row in listed(server) if (row["call"], row["kind"], row["state"]) == ("leg-8", "record", "kept")
        )
        return next(kept, None)

    kept = happens(row, WITHIN_S)
    assert kept
    forged = {**about, "recording_url": other, "size": len(WAV)}
    for url in (events["leg-9"], events["leg-8"], "/webhooks/event"):
        send(server.url, url, **forged)
        send(server.url, url, **about, transcription_url=other, type="record", status="transcribed")
    keep_message(server, media, "leg-10")  # whatever came before is handled
    assert kept["id"] == (row() or {})["id"]
    assert kept["sha256"] == (row() or {})["sha256"]

    ncco("forget", "--number", f"+{CALLER}", cwd=server.home, env=server.settings)
    for url in (*events.values(), "/webhooks/event"):
        send(server.url, url, **forged)
    keep_message(server, media, "leg-11")
    assert {"leg-11"} == {each["call"] for each in listed(server)}


def test_without_a_key_a_message_waits_and_says_why_until_there_is_one(tmp_path: Path, media: MediaServer) -> None:
    url = media.put("/v1/files/later")
    with running(tmp_path, {"flows/line.yaml": FLOW}, {"NCCO_MEDIA_URL": media.url}) as server:
        send(server.url, "/webhooks/event", conversation_uuid="CON-9", recording_uuid="r9", recording_url=url)
        (row,) = happens(lambda: [row for row in listed(server) if row["problem"]], WITHIN_S)
        assert ("waiting", 0) == (row["state"], row["tries"])
        assert "VONAGE_PRIVATE_KEY" in row["fix"]
        server.end()
        server.settings |= {"VONAGE_APPLICATION_ID": APPLICATION_ID, "VONAGE_PRIVATE_KEY": pem()}
        server.start()
        assert 0 == ncco("recordings", "retry", cwd=server.home, env=server.settings).exit_code

        (row,) = happens(lambda: [row for row in listed(server) if row["state"] == "kept"], WITHIN_S)
        assert "" == row["problem"]
