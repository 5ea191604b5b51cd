"""Hooks sent as mail: from a SQLite file to a real SMTP server, with what can go wrong in between."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ncco_server.service.mail import (
    ATTACHMENT_LIMIT,
    RECORDING_WAIT_S,
    Attach,
    Attachment,
    Mailer,
    MailServer,
    NoAttachment,
    attach_from,
)
from ncco_server.service.outbox import Sender, Verdict, by_kind
from ncco_server.service.poller import Schedule
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.store import HookRow, RecordingRow, Recordings, Store
from tests.support.cases import each_case
from tests.support.keys import self_signed
from tests.support.smtp_server import Mailbox, serving
from tests.support.stored_rows import hook_row
from tests.unit.server.service.outbox_kit import Heard, put, running, until

NOW = datetime.now(UTC)
WAV = b"RIFF" + bytes(range(256)) * 40


def at(port: int, host: str = "localhost", **changes: Any) -> MailServer:
    return MailServer(host, port, "", "", False, True, "phone@example.com")._replace(**changes)


def mail(id_: str = "msg_1", *, age_s: float = 0, **changes: Any) -> HookRow:
    body = {"to": ["office@example.com"], "subject": "A message", "text": "Somebody called.", **changes}
    created = round((NOW - timedelta(seconds=age_s)).timestamp() * 1000)
    return hook_row(id_, url=f"mailto:{','.join(body['to'])}", body=orjson.dumps(body), created_at=created)


def attaching(found: Attachment | str | None) -> Attach:
    async def attach(recording: str, session: str) -> Attachment | None:
        assert ("r-1", "leg-1") == (recording, session)
        if isinstance(found, str):
            raise NoAttachment(found)
        return found

    return attach


@dataclass(frozen=True, slots=True)
class OneRecording:
    """The recordings of a store that has one."""

    row: RecordingRow

    async def find(self, uuid: str) -> RecordingRow | None:
        return self.row if uuid == self.row.uuid else None


async def test_mail_arrives_as_it_was_written() -> None:
    mailbox = Mailbox()
    row = mail(to=["a@example.com", "b@example.com"], subject="Grüße von +44 7700 900123", text="Größe: 1\n.\nEnde")
    with serving(mailbox) as port:
        assert Verdict("sent") == await Mailer(at(port))(row, NOW)

    [(addresses, message)] = mailbox.taken
    assert ["a@example.com", "b@example.com"] == addresses
    assert ("Grüße von +44 7700 900123", "phone@example.com") == (message["Subject"], message["From"])
    assert ("<msg_1@example.com>", "auto-generated") == (message["Message-ID"], message["Auto-Submitted"])
    assert "Größe: 1\n.\nEnde\n" == message.get_content().replace("\r\n", "\n")


@each_case(
    ("found", "age_s", "said", "attached"),
    [
        (Attachment("message.wav", "audio/x-wav", WAV), 0, "Somebody called.", [("message.wav", "audio/x-wav", WAV)]),
        ("it was deleted at Vonage", 0, "The recording is not attached: it was deleted at Vonage.", []),
        (None, RECORDING_WAIT_S + 1, "not attached: it did not arrive within 10 minutes.", []),
    ],
)
async def test_mail_attaches_its_recording_or_says_why_not(
    found: Attachment | str | None, age_s: float, said: str, attached: list[tuple[str, str, bytes]]
) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        verdict = await Mailer(at(port), attaching(found))(mail(recording="r-1", age_s=age_s), NOW)

    [(_, message)] = mailbox.taken
    text = message.get_body()
    assert Verdict("sent") == verdict
    assert text is not None and said in text.get_content()
    assert attached == [(p.get_filename(), p.get_content_type(), p.get_content()) for p in message.iter_attachments()]


@each_case(
    ("changes", "has_key", "why_not"),
    [
        ({}, True, ""),
        ({"session": ""}, True, ""),
        ({"session": "leg-2"}, True, "the server does not know it"),
        ({"uuid": "r-2"}, True, "the server does not know it"),
        ({"state": "waiting"}, False, "the server has no key to fetch it"),
        ({"state": "waiting"}, True, None),
        ({"state": "gone"}, True, "Vonage no longer has it"),
        ({"deleted_at": 1}, True, "it was deleted"),
        ({"size": ATTACHMENT_LIMIT}, True, ""),
        ({"size": ATTACHMENT_LIMIT + 1}, True, "it is larger than 10 MB"),
        ({"size": None}, True, ""),
        ({"sha256": "other"}, True, "its file is damaged"),
        ({"id": "b" * 32}, True, "its file is gone"),
    ],
)
async def test_a_recording_of_the_same_call_is_attached(
    tmp_path: Path, changes: dict[str, Any], has_key: bool, why_not: str | None
) -> None:
    row = RecordingRow("a" * 32, "r-1", "record", 0, "leg-1", size=9, content_type="audio/wav", state="kept")
    row = row._replace(**({"sha256": hashlib.sha256(WAV).hexdigest()} | changes))
    files = RecordingFolder(tmp_path)
    files.put("a" * 32, WAV)
    attach = attach_from(cast("Recordings", OneRecording(row)), files, has_key=has_key)
    if why_not:
        with pytest.raises(NoAttachment, match=why_not):
            await attach("r-1", "leg-1")
    else:
        found = await attach("r-1", "leg-1")
        assert (None if why_not is None else Attachment("message-1970-01-01-0000.wav", "audio/wav", WAV)) == found


@each_case(
    ("reply", "expected"),
    [
        ("451 try again", Verdict("again", "the mail server refuses the email (451)")),
        ("554 no", Verdict("never", "the mail server refuses the email (554)")),
        ("lost", Verdict("again", "the mail server closed the connection")),
    ],
)
async def test_refused_mail_is_retried_unless_the_refusal_is_permanent(reply: str, expected: Verdict) -> None:
    with serving(Mailbox(reply)) as port:
        assert expected == await Mailer(at(port))(mail(), NOW)


@each_case(
    ("refused", "expected"),
    [
        ({"a@example.com": "550 no"}, Verdict("sent", "the mail server refuses 1 of the addresses")),
        ({"a@example.com": "450 later"}, Verdict("again", "the mail server does not accept email for 1 of the")),
        (
            {"a@example.com": "550 no", "b@example.com": "550 no"},
            Verdict("never", "the mail server refuses every address (550)"),
        ),
        (
            {"a@example.com": "550 no", "b@example.com": "450 later"},
            Verdict("again", "the mail server refuses every address (450)"),
        ),
    ],
)
async def test_refused_addresses(refused: dict[str, str], expected: Verdict) -> None:
    mailbox = Mailbox()
    mailbox.refused = refused
    with serving(mailbox) as port:
        verdict = await Mailer(at(port))(mail(to=["a@example.com", "b@example.com"]), NOW)

    assert (expected.outcome, True) == (verdict.outcome, verdict.problem.startswith(expected.problem))


@each_case(
    ("greeting", "is_tls", "problem"),
    [
        (b"554 not you\r\n", False, "the mail server refuses the connection (554)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "the server there is not a mail server"),
        (
            b"220 hello\r\n",
            True,
            "no TLS connection to the mail server (WRONG_VERSION_NUMBER); "
            "smtps:// is for a port like 465, smtp:// for 587",
        ),
    ],
)
async def test_a_wrong_server_is_reported_and_tried_again(greeting: bytes, is_tls: bool, problem: str) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "localhost", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert Verdict("again", problem) == await Mailer(at(port, is_tls=is_tls))(mail(), NOW)


class SlowToLeave(Mailbox):
    """Accepts a mail and does not reply to QUIT; meanwhile the clock moves an hour ahead."""

    ahead_s = 0.0

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as aiosmtpd
        self.ahead_s = 3600
        await asyncio.sleep(20)
        return "221 Bye"


async def test_accepted_mail_counts_as_sent_however_the_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox, loop = SlowToLeave(), asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: time.monotonic() + mailbox.ahead_s)
    with serving(mailbox) as port:
        assert Verdict("sent") == await Mailer(at(port))(mail(), NOW)
    assert 1 == len(mailbox.taken)


def test_the_password_never_appears_in_the_log() -> None:
    assert "hunter2" not in repr(at(25, password="hunter2"))


async def test_mail_is_retried_if_the_server_is_down_and_fails_if_no_server_is_set() -> None:
    with serving(Mailbox()) as port:
        pass
    assert Verdict("again", "the mail server cannot be reached") == await Mailer(at(port))(mail(), NOW)
    assert Verdict("never", "NCCO_SMTP_URL or NCCO_MAIL_FROM is not set") == await Mailer(None)(mail(), NOW)


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost with its key."""
    file, key = self_signed(tmp_path, "localhost", 1)
    file.write_bytes(key.read_bytes() + file.read_bytes())
    return file


def tls_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def allow(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: LoginPassword) -> AuthResult:
    return AuthResult(success=(b"phone", b"p@ss word") == (login.login, login.password), handled=False)


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")  # within TLS from the first byte
@pytest.mark.parametrize("is_tls", [True, False])
async def test_the_password_is_sent_only_over_tls(
    *, is_tls: bool, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    mailbox, context = Mailbox(), tls_of(certificate)
    options = {"ssl_context": context} if is_tls else {"tls_context": context, "require_starttls": True}
    with serving(
        mailbox,
        authenticator=allow,
        auth_required=True,
        auth_require_tls=not is_tls,
        auth_exclude_mechanism=["LOGIN"],
        **options,
    ) as port:
        server = at(port, "localhost", user="phone", password="p@ss word", is_tls=is_tls, is_loopback=False)
        assert Verdict("sent") == await Mailer(server)(mail(), NOW)
        wrong = await Mailer(server._replace(password="wrong"))(mail(), NOW)
        by_address = await Mailer(server._replace(host="127.0.0.1"))(mail(), NOW)

    assert Verdict("again", "the mail server refuses the user or the password (535)") == wrong
    assert ("again", True) == (by_address.outcome, "certificate" in by_address.problem)
    assert 1 == len(mailbox.taken)


async def test_server_without_tls_gets_no_mail_unless_it_is_loopback() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        verdict = await Mailer(at(port, is_loopback=False))(mail(), NOW)

    assert ("again", True, []) == (
        verdict.outcome,
        "STARTTLS extension not supported" in verdict.problem,
        mailbox.taken,
    )


# outbox


@asynccontextmanager
async def sending(store: Store, mailer: Mailer) -> AsyncIterator[Heard]:
    heard = Heard()
    sender = Sender(store, by_kind(mailer, mailer), Schedule(tries=8, first_s=0.001, poll_s=0.02), heard)
    async with running(sender):
        yield heard


async def test_mail_whose_reply_is_lost_comes_again_with_the_same_id(store: Store) -> None:
    mailbox = Mailbox("lost", "421 busy")
    await put(store, mail())
    with serving(mailbox) as port:
        async with sending(store, Mailer(at(port))) as heard:
            await until(lambda: ("msg_1", "sent", None) in heard.told)

    assert ["again", "again", "sent"] == [outcome for _, outcome, _ in heard.told]
    assert ["<msg_1@example.com>"] * 2 == [message["Message-ID"] for _, message in mailbox.taken]


async def test_waiting_for_a_recording_does_not_count_as_a_try(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ncco_server.service.mail.LOOK_AGAIN_S", 0.001)
    looks = iter([*[None] * 20, Attachment("message.wav", "audio/x-wav", WAV)])

    async def attach(_: str, __: str) -> Attachment | None:
        return next(looks)

    mailbox = Mailbox()
    await put(store, mail(recording="r-1")._replace(created_at=round(datetime.now(UTC).timestamp() * 1000)))
    with serving(mailbox) as port:
        async with sending(store, Mailer(at(port), attach)) as heard:
            await until(lambda: bool(heard.told))

    assert [("msg_1", "sent", None)] == heard.told
    assert 1 == len(list(mailbox.taken[0][1].iter_attachments()))


@each_case(("url", "outcome"), [("", Verdict("never", "E393: no text")), ("mailto:a@example.com", Verdict("sent"))])
async def test_mail_that_cannot_be_rendered_is_not_sent(url: str, outcome: Verdict) -> None:
    with serving(Mailbox()) as port:
        assert outcome == await Mailer(at(port))(mail()._replace(url=url, problem="E393: no text"), NOW)
