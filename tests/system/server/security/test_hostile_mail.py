"""A caller's name adds nothing else to a mail, and mail goes only to complete addresses that the author wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import orjson
import pytest

from ncco_server.flow.language.mail import addresses
from ncco_server.service.mail import Mailer, MailServer
from ncco_server.service.outbox import Verdict
from tests.support.cases import each_case
from tests.support.smtp_server import Mailbox, serving
from tests.support.stored_rows import hook_row

HEADERS: Final = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}
NAMES: Final = (
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


@each_case("name", NAMES, ids=range(len(NAMES)))
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
