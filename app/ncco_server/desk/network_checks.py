"""Checks the network: server, public URL, mail and clock. Changes nothing, but may send a test email."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from secrets import token_hex
from typing import Final
from urllib.parse import urlsplit

import httpx
import orjson

from ncco_server.assembly import mail_server_of
from ncco_server.desk.findings import Finding, error, ok, unchecked, warning
from ncco_server.desk.probe import WITHIN_S, Probe, probe
from ncco_server.ncco.signing import authorization, payload_hash
from ncco_server.ncco.value_types.addresses import is_private_address
from ncco_server.service.mail import problem_with, send_test
from ncco_server.service.outgoing import trusted_certificates
from ncco_server.service.released import CURE
from ncco_server.settings import Settings
from ncco_server.store import open_store
from ncco_server.vonage.signatures import MAX_AGE_S
from ncco_server.web.webhooks import CHECK_PATH
from ncco_server.wording import as_sentence

MAX_CLOCK_ERROR_S: Final = 30
"""A larger clock difference causes a warning; from `MAX_AGE_S` on, signatures are refused."""


def checking_client() -> httpx.AsyncClient:
    """Trust public certificates; use no proxy, follow no redirects, and keep no cookies."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(trust_env=False, timeout=WITHIN_S, verify=trusted_certificates(), cookies=no_cookies)


async def check_local_server(client: httpx.AsyncClient, settings: Settings, here: Probe) -> Finding:
    url = settings.address
    ready = await probe(client, f"{url}/readyz")
    reasons, rejected = (ready.document.get(name) or [] for name in ("reasons", "rejected"))
    if here.server and (away := [reason for reason in reasons if reason not in rejected]):
        shown = ", ".join(map(str, away))
        return error(f"it is running, but not taking calls: {shown}", "Look at its log.")
    if here.server and reasons:
        shown = ", ".join(map(str, reasons))
        return error(f"it is running, but not with the flows on disk: {shown}", f"{as_sentence(CURE)}.")
    if here.server and rejected:
        cure = f"Run `ncco check`; {url}/readyz lists the reasons."
        return warning("it is running, but not with the flows on disk", cure)
    if here.server:
        return ok(f"it is running, and answers at {url}")
    if here.status or _is_taken(url):
        cure = "Choose another NCCO_PORT, or stop that program."
        return error(f"another program, or another version of the server, uses the port of {url}", cure)
    return unchecked(f"nothing answers at {url}", "Start it with `ncco serve`, then run this again.")


def _is_taken(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), WITHIN_S).close()
    except OSError:
        return False
    return True


async def check_mail_server(settings: Settings, mail_to: str) -> list[Finding]:
    """Try the mail server. Send a test email to `mail_to` unless it is ""."""
    server = mail_server_of(settings)
    if server is None:
        return [error("a test email needs NCCO_SMTP_URL and NCCO_MAIL_FROM", "Set both.")] if mail_to else []
    if problem := await (send_test(server, mail_to) if mail_to else problem_with(server, WITHIN_S)):
        wrong = "NCCO_SMTP_URL, NCCO_MAIL_FROM or the address" if mail_to else "NCCO_SMTP_URL"
        cure = f"Correct {wrong}, or ask the administrator of the mail server."
        return [error(problem, cure)]
    if mail_to:
        return [ok(f"the mail server {server.host} accepted a test email to {mail_to}: check that it arrived")]
    return [ok(f"the mail server {server.host} accepts this server")]


async def addresses_of(url: str) -> list[str]:
    """Return [] if the name cannot be resolved."""
    try:
        async with asyncio.timeout(WITHIN_S):
            host = urlsplit(url).hostname or ""
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return sorted({str(address[0]) for *_, address in found})


def check_address(settings: Settings, addresses: Collection[str]) -> Finding:
    host = urlsplit(settings.public_url).hostname or ""
    if not addresses:
        cure = "Correct NCCO_PUBLIC_URL, or add the name to the DNS. A tunnel's name disappears with the tunnel."
        return error(f"the name {host} cannot be resolved", cure, "NCCO_PUBLIC_URL")
    if settings.has_local_vonage or not all(map(is_private_address, addresses)):
        return ok(f"{host} has the address {', '.join(addresses)}")
    cure = "Set NCCO_PUBLIC_URL to a name with a public address, such as a tunnel's."
    message = f"{host} has only private addresses ({', '.join(addresses)})"
    return error(message, cure, "NCCO_PUBLIC_URL")


def check_certificate(settings: Settings, there: Probe) -> list[Finding]:
    cure = "Install a certificate from a public authority, with its chain; Vonage refuses any other and does not retry."
    return [error(f"{settings.public_url}: {there.problem}", cure)] if there.is_untrusted else []


def check_public_url(settings: Settings, here: Probe, there: Probe, addresses: Collection[str]) -> list[Finding]:
    """Report nothing if the name has no address, or the certificate is untrusted."""
    return [_identity(settings, here, there)] if addresses and not there.is_untrusted else []


def _identity(settings: Settings, here: Probe, there: Probe) -> Finding:
    public_url = settings.public_url
    url = f"{public_url}/healthz"
    if there.problem:
        cure = "Start the proxy or the tunnel, and make it forward /healthz and /webhooks/ to this server."
        return error(f"{public_url} cannot be reached: {there.problem}", cure, "NCCO_PUBLIC_URL")
    if not there.server:
        cure = "Make the proxy or tunnel forward /healthz and /webhooks/ to this server."
        return error(f"{url} replies {there.status}, which this server would not", cure, "NCCO_PUBLIC_URL")
    if not here.server:
        cure = "Start the server on this machine, so that the two can be compared."
        return unchecked(f"{url} points to a server, but possibly not to this one", cure)
    if here.server == there.server:
        return ok(f"{url} leads to this server, in {there.ms:.0f} ms")
    message = f"{url} leads to a different server from the one on this machine"
    cure = "Otherwise point the proxy or the tunnel at this machine and its NCCO_PORT."
    store = open_store(settings.database_url)
    if store.is_durable and store.path is None:
        return warning(message, f"With several hosts, that is fine. {cure}")
    shared = "Several hosts need one database: NCCO_DATABASE_URL=postgresql://user:password@host/database."
    return error(f"{message}, and they cannot share {store.label}", f"{shared} {cure}", "NCCO_PUBLIC_URL")


async def check_webhooks(client: httpx.AsyncClient, settings: Settings, there: Probe) -> list[Finding]:
    """Check whether a request signed like Vonage's reaches the server unchanged, by a random text that it returns.

    `there` is the reply of `/healthz` at the public URL; without one, nothing is sent.
    """
    return [await _signed_request(client, settings)] if there.server else []


async def _signed_request(client: httpx.AsyncClient, settings: Settings) -> Finding:
    challenge = token_hex(16)
    body = orjson.dumps({"challenge": challenge})
    headers = {"content-type": "application/json"}
    if secret := settings.signature_secret.get_secret_value():
        accounts = {"api_key": settings.api_key, "application_id": settings.application_id}
        hashed = payload_hash("POST", "", body)
        headers |= authorization(secret, datetime.now(UTC), token_hex(16), hashed, **accounts)
    reply = await probe(client, f"{settings.public_url}{CHECK_PATH}", body=body, headers=headers)
    if reply.document.get("challenge") == challenge:
        return ok("a signed request comes through unchanged")
    if {"error", "fix"} <= reply.document.keys():
        cure = (
            "Make the proxy or tunnel forward /webhooks/ with the Authorization header and an unchanged body. If a "
            "setting or the version has changed, start the server again."
        )
        return error(f"a signed request is refused there: {reply.document['error']}", cure)
    cure = "Make the proxy or tunnel forward /webhooks/, with GET and POST."
    message = f"/webhooks/ leads elsewhere: {reply.problem or f'the reply has status {reply.status}'}"
    return error(message, cure)


def check_clock(date: tuple[str, str]) -> Finding:
    """`date` is a `Date` header, and whose it is."""
    text, source = date
    try:
        there = parsedate_to_datetime(text)
        off_s = (datetime.now(UTC) - there.astimezone(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        cure = "Compare `date -u` with another clock, or run this again once Vonage or the public URL answers."
        return unchecked("there is nothing to compare the clock with", cure)
    if abs(off_s) <= MAX_CLOCK_ERROR_S:
        return ok(f"the clock differs from {source} by {abs(off_s):.0f} s")
    cure = "Synchronise the clock (NTP): signatures are valid for five minutes."
    side = "ahead of" if off_s > 0 else "behind"
    wrong = error if abs(off_s) > MAX_AGE_S else warning
    return wrong(f"the clock is {abs(off_s):,.0f} s {side} {source}", cure)
