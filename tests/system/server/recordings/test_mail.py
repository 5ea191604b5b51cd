"""A mail with a recording, from Vonage's webhook to the mailbox, although the server is killed in between."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.application_api import APPLICATION_ID
from tests.support.command import ncco
from tests.support.media_server import MP3, File, MediaServer, media_server, pem
from tests.support.server import Server, running, standing_in
from tests.support.smtp_server import Mailbox, serving
from tests.support.waiting import happens
from tests.support.webhooks import callback, facts, send

FLOW = """\
flow: line
default: true
start: message
hooks:
  message_mail:
    mail:
      to: "{{ env.OFFICE_MAIL }}"
      subject: "A message from {{ call.from }}"
      text: "{{ event.size }} bytes"
      attach: recording
steps:
  message:
    do:
      - talk: "Please leave a message."
      - record: {endOnSilence: 4, beepStart: true}
    events: {record: message_mail}
    goto: end
"""
RECORDED = {
    "recording_uuid": "11111111-2222-4333-8444-555566667777",
    "conversation_uuid": "CON-leg-1",
    "size": 8_011,
    "start_time": "2026-03-04T09:15:40Z",
    "end_time": "2026-03-04T09:16:10Z",
    "timestamp": "2026-03-04T09:16:10.640Z",
}

FLOW_WITH_A_POST = """\
flow: line
default: true
start: message
hooks:
  message_mail:
    mail: {to: "{{ env.OFFICE_MAIL }}", subject: "A message from {{ call.from }}", attach: recording}
  caller_left:
    post: "{{ env.CRM }}/left"
steps:
  message:
    do:
      - record: {endOnSilence: 4, beepStart: true}
      - talk: "Press 1 to leave another one."
    events: {record: message_mail, hangup: caller_left}
    choices:
      again: {dtmf: 1, goto: message}
    retry: {then: end}
"""


def mail_settings(port: int, media: MediaServer) -> dict[str, str]:
    return {
        "NCCO_SMTP_URL": f"smtp://localhost:{port}",
        "NCCO_MAIL_FROM": "phone@example.com",
        "NCCO_MEDIA_URL": media.url,
        "NCCO_KEY": "k" * 32,
        "FLOW_OFFICE_MAIL": "office@example.com, owner@example.com",
        "VONAGE_APPLICATION_ID": APPLICATION_ID,
        "VONAGE_PRIVATE_KEY": pem(),
    }


def waiting_at(server: Server, command: str) -> str:
    return ncco(command, "--format", "json", cwd=server.home, env=server.settings).output


def tries_nothing(server: Server) -> bool:
    """Whether no attempt is running. A killed one would be held for up to a minute."""
    return "fetching" not in waiting_at(server, "recordings") and "sending" not in waiting_at(server, "hooks")


def test_a_mail_waits_for_its_recording_and_is_sent_without_one_that_is_gone(tmp_path: Path) -> None:
    expected = {"447700900123": [MP3], "447700900124": []}
    mailbox = Mailbox("421 busy")
    with media_server() as media, serving(mailbox) as port:
        settings = mail_settings(port, media)
        with running(tmp_path, {"flows/line.yaml": FLOW}, settings) as server:
            for caller, status in zip(expected, (200, 404), strict=True):
                call = {**facts(f"leg-{caller}"), "from": caller}
                record = callback(send(server.url, "/webhooks/answer", **call), "record")
                url = media.put(f"/v1/files/{caller}", File(status=503), File(status=status))
                told = {**RECORDED, **call, "recording_uuid": f"uuid-{caller}", "recording_url": url}
                for _ in range(2):  # Vonage can deliver it twice
                    send(server.url, record, **told)
            assert happens(lambda: len(expected) <= len(media.requests) and tries_nothing(server))
            server.end()
            server.start()
            assert happens(lambda: len(expected) == len(mailbox.taken), 150)
            assert happens(lambda: "message_mail" not in waiting_at(server, "hooks"))

    found = {}
    for addresses, mail in mailbox.taken:
        caller = mail["Subject"].removeprefix("A message from ")
        text = mail.get_body()
        attached = list(mail.iter_attachments())
        found[caller] = [part.get_content() for part in attached]
        assert ["office@example.com", "owner@example.com"] == addresses
        assert text is not None and text.get_content().startswith("8011 bytes")
        assert bool(attached) != ("The recording is not attached: Vonage no longer has it." in text.get_content())
        assert all("message-2026-03-04-0915.mp3" == part.get_filename() for part in attached)
    assert expected == found
    assert len(expected) == len(mailbox.taken)


def test_a_mail_does_not_wait_for_a_recording_that_no_key_can_fetch(tmp_path: Path) -> None:
    mailbox = Mailbox()
    with media_server() as media, serving(mailbox) as port:
        settings = {**mail_settings(port, media), "VONAGE_PRIVATE_KEY": ""}
        with running(tmp_path, {"flows/line.yaml": FLOW}, settings) as server:
            record = callback(send(server.url, "/webhooks/answer", **facts()), "record")
            told = {**RECORDED, "recording_url": media.put("/v1/files/1", File())}
            send(server.url, record, **told)
            happens(lambda: mailbox.taken)

    [(_, mail)] = mailbox.taken
    text = mail.get_body()
    assert text is not None
    assert "The recording is not attached: the server has no key to fetch it." in text.get_content()


def test_a_waiting_mail_blocks_no_hook_and_is_not_sent_after_its_caller_is_forgotten(tmp_path: Path) -> None:
    mailbox = Mailbox()
    with media_server() as media, serving(mailbox) as port, standing_in() as crm:
        settings = {**mail_settings(port, media), "FLOW_CRM": crm.url}
        with running(tmp_path, {"flows/line.yaml": FLOW_WITH_A_POST}, settings) as server:
            record = callback(send(server.url, "/webhooks/answer", **facts()), "record")
            told = {**RECORDED, "recording_url": media.put("/v1/files/1", File(status=503))}
            send(server.url, record, **told)
            ended = facts(status="completed", direction="inbound", timestamp="2026-03-04T09:16:20.000Z")
            send(server.url, "/webhooks/event", **ended)
            hooks = crm.wait_for_hooks(1)
            waiting = waiting_at(server, "hooks")
            forgotten = ncco("forget", "--number", "+447700900123", cwd=tmp_path, env=server.settings)
            media.put("/v1/files/1", File())
            time.sleep(8)  # longer than the five seconds between the server's checks for the recording
            left = waiting_at(server, "hooks")

    assert ["/left"] == [hook.path for hook in hooks]
    assert "message_mail" in waiting
    assert "1 recording deleted" in forgotten.output
    assert "message_mail" not in left
    assert [] == mailbox.taken
