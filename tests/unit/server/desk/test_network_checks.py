"""What `ncco doctor` reports about an application, a certificate and a clock."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx

from ncco_server.desk.checks import Surroundings, findings_of
from ncco_server.desk.machine_checks import check_mail
from ncco_server.desk.network_checks import (
    addresses_of,
    check_address,
    check_certificate,
    check_clock,
    check_mail_server,
    check_public_url,
    check_webhooks,
)
from ncco_server.desk.probe import Probe
from ncco_server.desk.vonage_checks import check_numbers
from ncco_server.flow.loader import load
from ncco_server.settings import load_settings
from ncco_server.vonage.applications import ConfiguredUrl, OwnedNumbers, VoiceCapability, VoiceUrls, VonageApplication
from ncco_server.vonage.signatures import Verifier
from tests.support.application_api import application
from tests.support.cases import each_case
from tests.support.smtp_server import Mailbox, serving

PUBLIC = "https://calls.example.com"
ADDRESSES = ["8.8.8.8"]
HERE = Probe(status=200, document={"status": "up", "server": "a1"})
THERE = Probe(status=200, document={"status": "up", "server": "b2"})


@each_case(
    ("changes", "check", "expected"),
    [
        ({}, "answer url", ("ok", f"{PUBLIC}/webhooks/answer")),
        ({}, "signing", ("ok", "signs")),
        ({}, "vonage", ("ok", "eu-west")),
        ({"answer_url__address": "https://old.example.com/webhooks/answer"}, "answer url", ("error", "old.example")),
        ({"answer_url__address": f"{PUBLIC}/webhooks/event"}, "answer url", ("error", "/webhooks/event")),
        ({"answer_url__address": f"{PUBLIC}/webhooks/answer/shop?a=1"}, "answer url", ("ok", "/answer/shop")),
        ({"answer_url__address": f"{PUBLIC}:443/webhooks/answer/"}, "answer url", ("ok", "/answer/")),
        (
            {"answer_url__address": f"{PUBLIC.replace('https', 'http')}/webhooks/answer"},
            "answer url",
            ("error", "http:"),
        ),
        ({"answer_url__address": "http://[broken"}, "answer url", ("error", "[broken")),
        ({"answer_url": None}, "answer url", ("error", "not set")),
        ({"event_url__address": ""}, "event url", ("error", "not set")),
        ({"fallback_answer_url": None}, "fallback url", ("warning", "not set")),
        ({"fallback_answer_url__address": "https://static.example.net/a"}, "fallback url", ("warning", "static.")),
        ({"event_url__http_method": None}, "event url", ("ok", "/webhooks/event")),
        ({"event_url__http_method": "PUT"}, "event url", ("error", "with PUT")),
        ({"signed_callbacks": False}, "signing", ("error", "refuses all")),
        ({"signed_callbacks": None}, "signing", ("unchecked", "does not say")),
        ({"voice": None}, "vonage", ("error", "no Voice capability")),
        ({"region": None}, "vonage", ("ok", "no region")),
    ],
)
async def test_every_setting_of_an_application_is_checked(
    tmp_path: Path, changes: dict[str, Any], check: str, expected: tuple[str, str]
) -> None:
    settings = load_settings(None, flows=tmp_path, public_url=PUBLIC, signature_secret="an-invented-secret")
    found = VonageApplication.model_validate(application(PUBLIC, **changes))
    async with httpx.AsyncClient() as client:
        around = Surroundings(settings, client)
        around.application = asyncio.ensure_future(asyncio.sleep(0, found))
        findings = await findings_of(around, "vonage")

    status, says = expected
    assert [status] == [each.status for each in findings if each.check == check and says in each.message]


@each_case(
    ("there", "check", "expected"),
    [
        (HERE, "public url", ("ok", "this server")),
        (THERE, "public url", ("error", "a different server")),
        (Probe(status=502), "public url", ("error", "502")),
        (Probe("no reply within 5 seconds"), "public url", ("error", "no reply")),
        (Probe("its certificate is not valid: expired", is_untrusted=True), "tls", ("error", "expired")),
    ],
)
def test_a_public_url_reaches_this_server_with_a_valid_certificate(
    there: Probe, check: str, expected: tuple[str, str]
) -> None:
    status, says = expected
    settings = load_settings(None, public_url=PUBLIC)
    found = {
        "tls": check_certificate(settings, there),
        "public url": check_public_url(settings, HERE, there, ADDRESSES),
    }

    assert [status] == [each.status for each in found[check]]
    assert says in found[check][0].message


@each_case(
    ("database", "status"),
    [("postgresql://a:b@db/ncco", "warning"), ("sqlite:///ncco.db", "error"), ("memory://", "error")],
)
def test_several_hosts_need_one_database(database: str, status: str) -> None:
    settings = load_settings(None, public_url=PUBLIC, database_url=database)
    (found,) = check_public_url(settings, HERE, THERE, ADDRESSES)

    assert status == found.status
    assert "several hosts" in found.cure.lower()


@each_case(
    ("status", "reply", "expected"),
    [
        (200, {"challenge": None}, ("ok", "unchanged")),
        (200, {"challenge": "0" * 32}, ("error", "leads elsewhere")),
        (401, {"error": "wrong signature: another api key", "fix": "..."}, ("error", "another api key")),
        (404, {"error": "not found", "fix": "..."}, ("error", "not found")),
        (502, {}, ("error", "status 502")),
    ],
)
async def test_a_signed_request_must_come_back_through_the_public_url(
    status: int, reply: dict[str, str | None], expected: tuple[str, str]
) -> None:
    secret = "an-invented-signature-secret-of-some-length"

    def respond(request: httpx.Request) -> httpx.Response:
        verifier = Verifier([secret], "k1")
        claims = verifier.verify(
            verifier.token(request.headers["authorization"].encode()), "POST", request.content, time.time()
        )
        assert "k1" == claims["api_key"]
        sent = json.loads(request.content)
        return httpx.Response(status, json={name: value or sent["challenge"] for name, value in reply.items()})

    settings = load_settings(None, public_url=PUBLIC, signature_secret=secret, api_key="k1")
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
        (found,) = await check_webhooks(client, settings, THERE)

    assert expected[0] == found.status
    assert expected[1] in found.message


@each_case(("off_s", "status"), [(-3600, "error"), (-60, "warning"), (0, "ok"), (60, "warning"), (3600, "error")])
def test_a_clock_that_differs_is_reported_before_signatures_fail(off_s: int, status: str) -> None:
    assert status == check_clock((formatdate(time.time() + off_s, usegmt=True), "Vonage's")).status


@each_case("date", ["", "yesterday", "Sat, 99 Nov 2026 16:50:13 GMT", "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_an_invalid_date_is_ignored(date: str) -> None:
    assert "unchecked" == check_clock((date, "Vonage's")).status


TAKES_ALL = 'flow: hello\ndefault: true\nstart: hi\nsteps: {hi: {do: [{talk: "Hello."}], goto: end}}\n'
PLACES = TAKES_ALL.replace("default: true", 'outbound: {from: "442079460001"}')
TAKES_ONE = TAKES_ALL.replace("default: true", 'numbers: ["442079460000"]')
BY_NAME = TAKES_ALL.replace("default: true", "entry: true")


@each_case(
    ("linked", "flow", "path", "expected"),
    [
        (["442079460000"], TAKES_ONE, "", {"ok": "442079460000"}),
        (["442079460001"], TAKES_ALL, "", {"ok": "442079460001"}),
        (["442079460001"], TAKES_ONE, "", {"error": "442079460001", "warning": "442079460000"}),
        (["442079460001"], BY_NAME, "/hello?team=sales", {"ok": "442079460001"}),
        (["442079460001"], BY_NAME, "", {"error": "442079460001"}),
        ([], TAKES_ALL, "", {"error": "no number is linked"}),
        ([], PLACES, "", {"ok": "no flow takes calls"}),
        (["442079460000"], PLACES, "", {"ok": "no flow takes calls, so calls to 442079460000 hear an apology"}),
    ],
)
def test_linked_numbers_are_compared_with_the_numbers_in_the_flows(
    linked: list[str], flow: str, path: str, expected: dict[str, str]
) -> None:
    url = ConfiguredUrl(address=f"https://calls.example.com/webhooks/answer{path}")
    voice = VoiceCapability(webhooks=VoiceUrls(answer_url=url))
    owned = OwnedNumbers.model_validate({"count": len(linked), "numbers": [{"msisdn": number} for number in linked]})
    flows = load({"flows/a.yaml": flow}).flows.values()
    found = {str(each.status): each.message for each in check_numbers(owned, flows, voice)}

    assert set(expected) == set(found)
    assert all(expected[status] in found[status] for status in expected)


@each_case(("host", "status"), [("127.0.0.1", "error"), ("localhost", "error"), ("[::1]", "error"), ("8.8.8.8", "ok")])
async def test_a_host_needs_a_public_address(host: str, status: str) -> None:
    settings = load_settings(None, public_url=f"https://{host}")

    assert status == check_address(settings, await addresses_of(settings.public_url)).status


FLOW = """\
flow: main
default: true
start: hello
hooks: {missed: {mail: {to: office@example.com, subject: A call}}}
steps: {hello: {send: missed, do: [{talk: Hello.}], goto: end}}
"""


async def test_mail_is_checked_by_logging_in_and_sent_only_on_request() -> None:
    mailing = load({"flows/main.yaml": FLOW}).flows.values()
    mailbox = Mailbox()
    with serving(mailbox) as port:
        set_up = load_settings(smtp_url=f"smtp://localhost:{port}", mail_from="phone@example.com")
        found = await check_mail_server(set_up, "")
        assert [] == mailbox.taken
        found += await check_mail_server(set_up, "owner@example.com")
    found += await check_mail_server(set_up, "")
    found += check_mail(load_settings(), mailing)
    found += await check_mail_server(load_settings(), "owner@example.com")

    assert [
        ("ok", "the mail server localhost accepts this server"),
        ("ok", "the mail server localhost accepted a test email to owner@example.com: check that it arrived"),
        ("error", "the mail server cannot be reached"),
        ("warning", "NCCO_SMTP_URL or NCCO_MAIL_FROM is not set, so emails are parked"),
        ("error", "a test email needs NCCO_SMTP_URL and NCCO_MAIL_FROM"),
    ] == [(each.status, each.message) for each in found]
    assert [] == [
        *check_mail(load_settings(), ()),
        *check_mail(set_up, mailing),
        *await check_mail_server(load_settings(), ""),
    ]
    [(addresses, message)] = mailbox.taken
    assert (["owner@example.com"], "phone@example.com") == (addresses, message["From"])
