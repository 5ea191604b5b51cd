"""A call with secrets, whose message is stored, mailed, backed up, reported and shown: no secret gets out.

The tests run once with SQLite and a folder, once with PostgreSQL and a bucket.
"""

from __future__ import annotations

import asyncio
import json
import tarfile
from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest
from aiosmtpd.smtp import AuthResult

from ncco_studio.console.app import create_console
from tests.support import loopback
from tests.support.application_api import APPLICATION_ID
from tests.support.command import ncco
from tests.support.media_server import MP3, File, MediaServer, media_server, pem
from tests.support.postgres_stores import ask, empty_database
from tests.support.s3_server import SECRET, S3Server, s3_server
from tests.support.server import Server, free_port, running
from tests.support.smtp_server import Mailbox, serving
from tests.support.waiting import happens
from tests.support.webhooks import facts, send
from tests.unit.studio.console.conftest import logged_in, settings_for

PIN: Final = "84021739"
CARD: Final = "4929840217395811"
WORDS: Final = "xylophone marmalade"
PASSWORD: Final = "smtp-password-canary"
API_SECRET: Final = "api-secret-canary"
SIGNATURE: Final = "signature-secret-canary-of-this-test"
CALLER: Final = "447700900123"
FLOW: Final = """\
flow: line
default: true
vars: {pin: {type: text, sensitive: true}, said: {type: text, sensitive: true}}
lookups:
  account:
    python: "accounts:account"
    timeout: 3500ms
    with: {pin: "{{ pin }}"}
    returns: {owner: text, card: {type: text, sensitive: true}}
    default: {owner: nobody, card: none}
hooks:
  office:
    mail:
      to: "{{ env.OFFICE_MAIL }}"
      subject: "A message from {{ call.from }}"
      text: "For {{ account.owner }}."
      attach: recording
start: word
steps:
  word:
    do: [{talk: "Your word?"}]
    collect: {into: said, speech: any, sensitive: true}
    retry: {then: end}
    goto: pin
  pin:
    do: [{talk: "Your PIN?"}]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {then: end}
    goto: message
  message:
    lookup: account
    do:
      - talk: "Hello {{ account.owner }}. Please leave a message."
      - record: {endOnKey: "#", beepStart: true, transcription: {language: en-GB}}
    events: {record: office}
    goto: end
"""
LOOKUP: Final = f"def account(pin):\n    return {{'owner': 'Ann', 'card': '{CARD}'}}\n"
PAGES: Final = (
    *(
        "/messages",
        "/messages?box=done",
        "/messages?box=deleted",
        "/messages.csv",
        "/calls",
        "/calls/leg-1",
        "/calls.csv",
    ),
    *("/report", "/report.csv", "/health", "/flows", "/flows/line"),
)


@pytest.fixture(scope="module")
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def media() -> Iterator[MediaServer]:
    with media_server() as server:
        yield server


@pytest.fixture(scope="module")
def storage() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module", params=["file", "postgres"])
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    mailbox: Mailbox,
    media: MediaServer,
    storage: S3Server,
) -> Iterator[Server]:
    stored = {"NCCO_DATABASE_URL": empty_database(), **storage.settings} if request.param == "postgres" else {}
    mailbox.taken.clear()
    with serving(mailbox, authenticator=lambda *_: AuthResult(success=True), auth_require_tls=False) as port:
        home = tmp_path_factory.mktemp("line")
        settings = {
            "NCCO_METRICS_PORT": str(free_port()),
            "NCCO_MEDIA_URL": media.url,
            "NCCO_LOG_LEVEL": "debug",
            "NCCO_SMTP_URL": f"smtp://phone:{PASSWORD}@localhost:{port}",
            "NCCO_MAIL_FROM": "phone@example.com",
            "NCCO_KEY": SIGNATURE,
            "NCCO_PYTHON_LOOKUPS": "accounts",
            "FLOW_OFFICE_MAIL": "office@example.com",
            "VONAGE_API_KEY": "abcd1234",
            "VONAGE_API_SECRET": API_SECRET,
            "VONAGE_APPLICATION_ID": APPLICATION_ID,
            "VONAGE_PRIVATE_KEY": pem(),
            **stored,
        }
        with running(home, {"flows/line.yaml": FLOW, "accounts.py": LOOKUP}, settings) as started:
            play(started, media)
            assert happens(
                lambda: mailbox.taken and [row["state"] for row in listed(started) if row["transcript"]] == ["kept"],
                120,
            )
            yield started


def post(server: Server, url: str, **fields: Any) -> str:
    """Send a webhook of the call. Returns the last callback URL in the reply's NCCO; "" if there is none."""
    ncco = send(server.url, url, **{**facts(), "from": CALLER, **fields})
    urls = [each["eventUrl"][0] for each in ncco if "eventUrl" in each]
    return urls[-1] if urls else ""


def play(server: Server, media: MediaServer) -> None:
    """Make a call whose caller enters a PIN, says a sensitive word, and leaves a message."""
    spoken = media.put(f"/v1/files/{PIN}-sensitive")
    url = post(server, "/webhooks/answer")
    said = {"results": [{"text": WORDS, "confidence": "0.9"}], "recording_url": spoken}
    url = post(server, url, speech=said)
    url = post(server, url, dtmf={"digits": PIN, "timed_out": False}, speech={"recording_url": spoken})
    text = {"channels": [{"transcript": [{"sentence": "Please call me back."}]}]}
    about = {"recording_uuid": "uuid-1", "conversation_uuid": "CON-leg-1"}
    wrong = {"dtmf": PIN, "speech": WORDS, "size": len(MP3)}  # fields that do not belong here
    post(server, url, **about, **wrong, recording_url=media.put("/v1/files/1"))
    transcript = media.put("/v1/files/2", File(orjson.dumps(text)))
    post(server, url, **about, transcription_url=transcript, type="record", status="transcribed")
    post(server, "/webhooks/event", status="completed", direction="inbound")


def listed(server: Server) -> list[dict[str, Any]]:
    shown = ncco("recordings", "list", "--format", "json", cwd=server.home, env=server.settings)
    return list(json.loads(shown.stdout)["recordings"])


def metrics(server: Server) -> str:
    return loopback.get(f"http://127.0.0.1:{server.settings['NCCO_METRICS_PORT']}/metrics").text


async def pages(server: Server) -> dict[str, str]:
    """The console's pages for a person who may only view."""
    settings = settings_for(server.home, database_url=server.settings["NCCO_DATABASE_URL"], key=SIGNATURE)
    app = create_console(settings, dev=True)
    async with app.router.lifespan_context(app), await logged_in(app, may_change=False) as client:
        found = {path: await client.get(path) for path in PAGES}
        return {path: f"{reply.headers} {reply.text}" for path, reply in found.items()}


def commands(server: Server) -> dict[str, str]:
    """The output of commands."""
    words = (
        *("recordings", "recordings list --format json", "report", "report --format csv", "report --format json"),
        *("calls", "calls leg-1", "calls leg-1 --format json", "hooks", "hooks --format json", "replay leg-1"),
        *("backup backup.tar", "doctor --offline", "forget --dry-run --number +447700900123"),
    )
    return {each: ncco(*each.split(), cwd=server.home, env=server.settings).output for each in words}


def in_archive(server: Server) -> dict[str, str]:
    """A backup's file names and database; PostgreSQL has none."""
    if not (server.home / "backup.tar").exists():
        return {}
    with tarfile.open(server.home / "backup.tar") as archive:
        database = archive.extractfile("ncco.db")
        assert database is not None
        return {"database": database.read().decode("latin-1"), "names": " ".join(archive.getnames())}


def rows(server: Server, storage: S3Server) -> bytes:
    """The whole content of the database and the bucket."""
    if "AWS_REGION" not in server.settings:
        return b"".join(path.read_bytes() for path in server.home.glob("calls.db*") if path.is_file())
    tables = ask("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
    found = [ask(f"SELECT row::text FROM {table} AS row") for (table,) in tables]
    return repr((found, storage.objects)).encode()


def kept(server: Server, storage: S3Server) -> list[str]:
    """The names of the audio files in the folder or the bucket."""
    folder = server.home / "calls.db-recordings"
    return list(storage.recordings) if "AWS_REGION" in server.settings else [path.name for path in folder.iterdir()]


async def test_no_secret_is_revealed(server: Server, mailbox: Mailbox, media: MediaServer, storage: S3Server) -> None:
    [(_, mail)] = mailbox.taken
    places = {**await asyncio.to_thread(commands, server), **await pages(server), **in_archive(server)}
    places |= {"files": " ".join(path.name for path in server.home.rglob("*")), "mail": mail.as_string()}
    places |= {"metrics": metrics(server), "rows": rows(server, storage).decode("latin-1")}
    places |= {"log": server.printed, "asked": " ".join(media.requests)}
    key = pem().splitlines()[1]
    secrets = (PIN, CARD, WORDS, PASSWORD, API_SECRET, SIGNATURE, key, "eyJhbGciOi", SECRET)

    assert [] == [(place, secret) for place, text in places.items() for secret in secrets if secret in text]
    callers = (CALLER, "uuid-1", "/v1/files", "Please call me")
    assert [] == [(place, each) for place in ("log", "metrics", "files") for each in callers if each in places[place]]
    assert 'ncco_recording_tries_total{outcome="kept"}' in places["metrics"]
    assert "recording kept" in places["log"]
    assert "For Ann." in places["mail"]
    assert "Please call me back." in places["/messages"]
    assert "leg-1" in places["calls"]
    assert [MP3] == [part.get_content() for part in mail.iter_attachments()]


def test_forgotten_callers_are_gone_from_audio_and_transcripts(server: Server, storage: S3Server) -> None:
    (row,) = listed(server)
    gone = [b"Please call me back.", CALLER.encode(), b"uuid-1"]
    assert [row["id"]] == kept(server, storage)
    assert b"Please call me back." in rows(server, storage)

    done = ncco("forget", "--number", f"+{CALLER}", cwd=server.home, env=server.settings)

    assert "1 recording" in done.output
    assert [] == kept(server, storage)
    assert [] == listed(server)
    assert [] == [text for text in gone if text in rows(server, storage)]
