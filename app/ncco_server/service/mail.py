"""Sends email hooks over SMTP, with the recording attached.

Retries keep their Message-ID, so that mail clients recognise duplicates.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Final, NamedTuple, TypeAlias

import aiosmtplib
import orjson

from ncco_server.service.outbox import Verdict
from ncco_server.service.recording_files import NO_KEY, RecordingFiles, in_thread
from ncco_server.store import HookRow, Recordings, moment_of

TRY_S: Final = 25.0
"""The outbox allows more."""
QUIT_S: Final = 1.0
READ_S: Final = 15.0
"""The email is then retried later."""
RECORDING_WAIT_S: Final = 600.0
"""The email is then sent without its recording."""
LOOK_AGAIN_S: Final = 5.0
ATTACHMENT_LIMIT: Final = 10 * 1024 * 1024
"""Our choice: many servers accept 25 MB, and base64 adds a third."""
_PERMANENT: Final = 500
"""From this reply code on, a retry would fail too. Source: RFC 5321, 4.2.1."""


class MailServer(NamedTuple):
    """The mail server and the sender's address.

    `is_tls`: from the first byte; otherwise STARTTLS is required, except on loopback.
    """

    host: str
    port: int
    user: str
    password: str
    is_tls: bool
    is_loopback: bool
    sender: str

    def __repr__(self) -> str:
        return f"<mail server {self.host}:{self.port}>"


class Attachment(NamedTuple):
    """A file attached to an email."""

    name: str
    content_type: str
    content: bytes


class NoAttachment(Exception):
    """There is no file to attach. The message tells the recipient why."""


Attach: TypeAlias = Callable[[str, str], Awaitable[Attachment | None]]
"""Takes the recording's ID and session; None if it has not arrived yet. Raises NoAttachment if it never will."""


async def attach_nothing(_: str, __: str) -> Attachment | None:
    """Raise NoAttachment."""
    raise NoAttachment("the server does not fetch recordings")


def attach_from(recordings: Recordings, files: RecordingFiles, *, has_key: bool) -> Attach:
    """`has_key` is whether the server can still fetch recordings."""

    async def attach(uuid: str, session: str) -> Attachment | None:
        row = await recordings.find(uuid)
        if row is None or row.session not in (session, ""):  # a forged webhook could name a recording of another call
            raise NoAttachment("the server does not know it")
        if row.state == "waiting":
            if not has_key:
                raise NoAttachment(NO_KEY)
            return None
        if row.state != "kept" or row.deleted_at is not None:
            raise NoAttachment(_STATES.get(row.state, "it was deleted"))
        if (row.size or 0) > ATTACHMENT_LIMIT:
            raise NoAttachment(f"it is larger than {ATTACHMENT_LIMIT // 1024**2} MB")
        try:
            async with asyncio.timeout(READ_S):
                audio = await in_thread(_content, files, row.id)
        except FileNotFoundError:
            raise NoAttachment("its file is gone") from None
        except OSError:  # the bucket is unavailable or slow
            return None
        if hashlib.sha256(audio).hexdigest() != row.sha256:
            raise NoAttachment("its file is damaged")
        return Attachment(row.file_name, row.content_type, audio)

    return attach


def _content(files: RecordingFiles, id_: str) -> bytes:
    with files.open(id_) as audio:
        return audio.read(ATTACHMENT_LIMIT + 1)  # the file may be larger than its row says


_STATES: Final = {"failed": "it could not be fetched", "gone": "Vonage no longer has it"}


class Mailer:
    """Makes one attempt to send an email; without a server, emails are parked."""

    def __init__(self, server: MailServer | None, attach: Attach = attach_nothing) -> None:
        self.server = server
        self._attach = attach

    async def __call__(self, hook: HookRow, now: datetime) -> Verdict:
        """`now` is aware, UTC."""
        if hook.problem and not hook.url:
            return Verdict("never", hook.problem)
        if self.server is None:
            return Verdict("never", "NCCO_SMTP_URL or NCCO_MAIL_FROM is not set")
        until = asyncio.get_running_loop().time() + TRY_S
        message = await self._message(hook, now, self.server)
        return Verdict("later", wait_s=LOOK_AGAIN_S) if message is None else await _send(message, self.server, until)

    async def _message(self, hook: HookRow, now: datetime, server: MailServer) -> EmailMessage | None:
        """Return None while its recording may still arrive."""
        mail = orjson.loads(hook.body)
        text = mail["text"]
        attachment = None
        if mail.get("recording"):
            try:
                attachment = await self._attach(mail["recording"], hook.session)
                waited_s = now.timestamp() - hook.created_at / 1000
                if attachment is None and waited_s < RECORDING_WAIT_S:
                    return None
                if attachment is None:
                    raise NoAttachment(f"it did not arrive within {RECORDING_WAIT_S / 60:g} minutes")
            except NoAttachment as error:
                text = f"{text}\n\nThe recording is not attached: {error}.".lstrip()
                attachment = None
        message = EmailMessage()
        message["From"] = server.sender
        message["To"] = ", ".join(mail["to"])
        message["Subject"] = _plain(mail["subject"]).replace("=?", "= ?")  # or it is decoded, line breaks included
        message["Date"] = moment_of(hook.created_at)
        message["Message-ID"] = f"<{hook.id}@{_domain(server)}>"
        message["Auto-Submitted"] = "auto-generated"  # no out-of-office replies. Source: RFC 3834, 5
        message.set_content(_plain(text))
        if attachment is not None:
            main, _, sub = attachment.content_type.partition("/")
            message.add_attachment(attachment.content, main, sub, filename=attachment.name)
        return message


@asynccontextmanager
async def _connected(server: MailServer) -> AsyncIterator[aiosmtplib.SMTP]:
    """Ignore errors on closing: an accepted email must not be sent twice."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user or None,
        password=server.password or None,
        local_hostname=_domain(server),
        use_tls=server.is_tls,
        start_tls=None if server.is_tls else not server.is_loopback,
        timeout=TRY_S,
    )
    with closing(client):
        try:
            await client.connect()
            yield client
        finally:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=QUIT_S)


async def problem_with(server: MailServer, within_s: float) -> str:
    """Why email cannot be sent now; "" if the login succeeds. Sends nothing."""
    try:
        async with asyncio.timeout(within_s), _connected(server):
            return ""
    except TimeoutError:
        return f"the mail server did not answer within {within_s:g} s"
    except (aiosmtplib.SMTPException, OSError) as error:
        return _problem_of(error)


async def send_test(server: MailServer, to: str) -> str:
    """Return the mail server's reason for refusal, or ""."""
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = to
    message["Subject"] = "A test email from ncco-server"
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=_domain(server))
    message.set_content("`ncco doctor` sent this email. Callers' messages can be sent to this address too.")
    return (await _send(message, server, asyncio.get_running_loop().time() + TRY_S)).problem


def _plain(text: str) -> str:
    """Mail servers refuse control characters, which a caller's name could contain."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")


async def _send(message: EmailMessage, server: MailServer, until: float) -> Verdict:
    """`until` is in seconds of the event loop."""
    try:
        async with asyncio.timeout_at(until) as limit, _connected(server) as client:
            refused, _ = await client.send_message(message)
            limit.reschedule(None)  # accepted, however long closing the connection takes
    except TimeoutError:
        return Verdict("again", "the mail server did not answer in time", is_slow=True)
    except aiosmtplib.SMTPRecipientsRefused as error:
        return _refused("every address", min(recipient.code for recipient in error.recipients))
    except (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPConnectError) as error:
        return Verdict("again", _problem_of(error))
    except aiosmtplib.SMTPSenderRefused as error:
        return _refused("the sender", error.code)
    except aiosmtplib.SMTPResponseException as error:
        return _refused("the email", error.code) if error.code > 0 else Verdict("again", _problem_of(error))
    except (aiosmtplib.SMTPException, OSError) as error:
        return Verdict("again", _problem_of(error))
    late = [address for address, reply in refused.items() if reply.code < _PERMANENT]
    if late:
        return Verdict("again", f"the mail server does not accept email for {len(late)} of the addresses yet")
    return Verdict("sent", f"the mail server refuses {len(refused)} of the addresses" if refused else "")


def _refused(what: str, code: int) -> Verdict:
    return Verdict("never" if code >= _PERMANENT else "again", f"the mail server refuses {what} ({code})")


def _problem_of(error: Exception) -> str:
    """Say why without quoting the email."""
    match error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error:
        case ssl.SSLCertVerificationError():
            return "no TLS connection to the mail server: its certificate is not valid for its name"
        case ssl.SSLError(reason=reason):
            return f"no TLS connection to the mail server ({reason}); smtps:// is for a port like 465, smtp:// for 587"
        case aiosmtplib.SMTPAuthenticationError(code=code):
            return f"the mail server refuses the user or the password ({code})"
        case aiosmtplib.SMTPConnectResponseError(code=code):
            return f"the mail server refuses the connection ({code})"
        case aiosmtplib.SMTPResponseException(code=aiosmtplib.SMTPStatus.invalid_response):
            return "the server there is not a mail server"
        case aiosmtplib.SMTPServerDisconnected():
            return "the mail server closed the connection"
        case OSError() | aiosmtplib.SMTPConnectError():
            return "the mail server cannot be reached"
    return f"the mail server cannot be used: {error}"  # such as a server without STARTTLS or a login


def _domain(server: MailServer) -> str:
    return Address(addr_spec=server.sender).domain
