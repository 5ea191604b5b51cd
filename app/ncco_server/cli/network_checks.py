"""Checks the network: server, console, public URL, mail and clock. Changes nothing, but may send a test email."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Final
from urllib.parse import urlsplit

import httpx
import orjson

from ncco_server.cli.findings import Finding
from ncco_server.cli.probe import WITHIN_S, Probe, probe
from ncco_server.cli.tunnels import check_tunnels, running_tunnels
from ncco_server.cli.vonage_checks import vonage_findings
from ncco_server.flow.model import Flow
from ncco_server.service.mail import problem_with, send_test
from ncco_server.service.outgoing import trusted_certificates
from ncco_server.settings import Settings
from ncco_server.settings.safety import console_fault, is_private_address
from ncco_server.settings.values import is_loopback
from ncco_server.simulator.servers import authorization, payload_hash
from ncco_server.store import open_store
from ncco_server.vonage.signatures import MAX_AGE_S
from ncco_server.web.webhooks import CHECK_PATH

MOST_CLOCK_S: Final = 30
"""A clock difference of this many seconds causes a warning. From `MAX_AGE_S` on, signatures are refused."""


async def network_findings(
    settings: Settings, flows: Collection[Flow], *, is_offline: bool, mail_to: str = ""
) -> list[Finding]:
    """Run all checks that send requests; if `is_offline`, only to this machine. `flows` must have no errors."""
    async with checking_client() as client:
        findings, headers = await server_findings(client, settings, is_offline=is_offline)
        if is_offline:
            left_out = "the public URL, email, Vonage and the clock are not checked because of --offline"
            return [*findings, Finding("network", "unchecked", left_out)]
        findings += await check_mail(settings, flows, mail_to)
        application, date = await vonage_findings(client, settings, flows)
        findings += application
    return [*findings, check_clock(date, headers)]


def checking_client() -> httpx.AsyncClient:
    """A client that trusts public certificates, and uses no redirects or proxies."""
    return httpx.AsyncClient(trust_env=False, timeout=WITHIN_S, verify=trusted_certificates())


async def server_findings(
    client: httpx.AsyncClient, settings: Settings, *, is_offline: bool = False
) -> tuple[list[Finding], Mapping[str, str]]:
    """Whether server and console answer on this machine and at the public URL; and the headers from the public URL."""
    here = await local_server(client, settings)
    findings = [check_local_server(settings, here, await probe(client, f"{settings.address}/readyz"))]
    findings.append(await check_console(client, settings, here))
    if is_offline:
        return findings, {}
    findings += await check_ways_to_console(client, settings)
    if not settings.public_url:
        return [*findings, Finding("public url", "unchecked", "NCCO_PUBLIC_URL is not set")], {}
    findings += check_tunnels(settings, await running_tunnels(client))
    there = await probe(client, f"{settings.public_url}/healthz")
    findings += await check_address(settings)
    if await _addresses(settings.public_url):
        findings += check_public_url(settings, here, there)
    if there.server:
        findings.append(await check_webhooks(client, settings))
    if not there.problem:
        findings += await check_plain_http(client, settings.public_url)
    return findings, there.headers


async def local_server(client: httpx.AsyncClient, settings: Settings) -> Probe:
    """The reply of `/healthz` on this machine."""
    return await probe(client, f"{settings.address}/healthz")


def check_local_server(settings: Settings, here: Probe, ready: Probe) -> Finding:
    """Whether the server runs on this machine and takes calls."""
    url = settings.address
    reasons = ready.document.get("reasons")
    if here.server and isinstance(reasons, list) and reasons:
        shown = ", ".join(map(str, reasons))
        return Finding("server", "error", f"it is running, but not taking calls: {shown}", "Look at its log.")
    if here.server and ready.document.get("rejected"):
        cure = f"Run `ncco check`; {url}/readyz lists the reasons."
        return Finding("server", "warning", "it is running, but not with the flows on disk", cure)
    if here.server:
        return Finding("server", "ok", f"it is running, and answers at {url}")
    if here.status or _is_taken(url):
        cure = "Choose another NCCO_PORT, or stop that program."
        return Finding(
            "server", "error", f"another program, or another version of the server, uses the port of {url}", cure
        )
    cure = "Start it with `ncco serve`, then run this again."
    return Finding("server", "unchecked", f"nothing answers at {url}", cure)


async def check_console(client: httpx.AsyncClient, settings: Settings, here: Probe) -> Finding:
    """Whether the console has a password and listens on its port. Sends only a request for a page."""
    if not settings.has_console(dev=False):
        why = "no password is set (`ncco console password`)" if settings.console else "NCCO_CONSOLE is 0"
        return Finding("console", "ok", f"it is off without `--dev`: {why}")
    if (fault := console_fault(settings)) is not None:
        return Finding("console", "error", str(fault), fault.cure)
    port = settings.console_port
    url = settings.console_address
    reply = await probe(client, f"{url}/") if here.server else Probe()
    if reply.is_console:
        return Finding("console", "ok", f"it has a password, and answers at {url}")
    if reply.is_late:
        cure = "Try again in a moment: after a start, the console takes some seconds."
        return Finding("console", "warning", f"its port {port} does not answer yet", cure)
    if _is_taken(url):
        cure = "Choose another NCCO_CONSOLE_PORT, or stop that program."
        return Finding("console", "error", f"another program uses its port {port}", cure)
    if here.server:
        cure = "Look at what the server printed when it started."
        return Finding("console", "warning", f"the server is running, but no console answers on port {port}", cure)
    return Finding("console", "ok", f"it has a password, and port {port} is free")


def _is_taken(url: str) -> bool:
    """Whether something listens at the host and port of a URL on this machine."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), WITHIN_S).close()
    except OSError:
        return False
    return True


async def check_ways_to_console(client: httpx.AsyncClient, settings: Settings) -> list[Finding]:
    """Whether the proxy leads to the console and cannot be bypassed."""
    host = urlsplit(settings.public_url).hostname or ""
    port = settings.console_port
    found = []
    if host and port and not is_loopback(host):
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        found = list(check_console_reach(url, await probe(client, f"{url}/")))
    if settings.has_console(dev=False) and settings.console_url:
        found.append(check_console_url(settings.console_url, await probe(client, f"{settings.console_url}/login")))
    return found


def check_console_reach(url: str, reply: Probe) -> Iterator[Finding]:
    """The finding if the console's port answers at the public host with `reply`, bypassing the proxy."""
    if reply.is_console:
        cure = "Do not forward that port. From elsewhere, use an SSH tunnel, or a proxy with NCCO_CONSOLE_URL."
        yield Finding("console", "error", f"it can be reached from outside, without TLS, at {url}", cure)


def check_console_url(url: str, reply: Probe) -> Finding:
    """Whether the console's proxy leads to the console; `reply` is the login page's."""
    if reply.is_console and reply.status == httpx.codes.OK:
        return Finding("console", "ok", f"{url} leads to it, and asks for a password")
    cure = "Make the proxy forward this name to the console's port, with its Host header, or remove NCCO_CONSOLE_URL."
    message = f"{url} does not lead to it: {reply.problem or f'the reply has status {reply.status}'}"
    return Finding("console", "warning", message, cure)


async def check_mail(settings: Settings, flows: Collection[Flow], to: str = "") -> list[Finding]:
    """Whether the mail server accepts hooks' emails. Nothing if no hook sends email or there is no mail server.

    If `to` is given, a test email is sent there.
    """
    if settings.mail_server is None:
        if to:
            return [Finding("mail", "error", "a test email needs NCCO_SMTP_URL and NCCO_MAIL_FROM", "Set both.")]
        if not any(hook.definition.mail for flow in flows for hook in flow.hooks):
            return []
        cure = "Set both, or remove `mail` from the flows. Then `ncco hooks retry` sends the parked emails."
        return [Finding("mail", "warning", "NCCO_SMTP_URL or NCCO_MAIL_FROM is not set, so emails are parked", cure)]
    server = settings.mail_server
    if problem := await (send_test(server, to) if to else problem_with(server, WITHIN_S)):
        wrong = "NCCO_SMTP_URL, NCCO_MAIL_FROM or the address" if to else "NCCO_SMTP_URL"
        cure = f"Correct {wrong}, or ask the administrator of the mail server."
        return [Finding("mail", "error", problem, cure)]
    if to:
        return [
            Finding("mail", "ok", f"the mail server {server.host} accepted a test email to {to}: check that it arrived")
        ]
    return [Finding("mail", "ok", f"the mail server {server.host} accepts this server")]


async def _addresses(url: str) -> list[str]:
    """The addresses of a URL's host; none if its name cannot be resolved."""
    try:
        async with asyncio.timeout(WITHIN_S):
            host = urlsplit(url).hostname or ""
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return sorted({str(address[0]) for *_, address in found})


async def check_address(settings: Settings) -> list[Finding]:
    """Whether the host of the public URL resolves to an address that Vonage can reach."""
    host = urlsplit(settings.public_url).hostname or ""
    addresses = await _addresses(settings.public_url)
    if not addresses:
        cure = "Correct NCCO_PUBLIC_URL, or add the name to the DNS. A tunnel's name disappears with the tunnel."
        return [Finding("public url", "error", f"the name {host} cannot be resolved", cure, "NCCO_PUBLIC_URL")]
    if settings.has_local_vonage or not all(map(is_private_address, addresses)):
        return [Finding("public url", "ok", f"{host} has the address {', '.join(addresses)}")]
    cure = "Set NCCO_PUBLIC_URL to a name with a public address, such as a tunnel's."
    message = f"{host} has only private addresses ({', '.join(addresses)})"
    return [Finding("public url", "error", message, cure, "NCCO_PUBLIC_URL")]


def check_public_url(settings: Settings, here: Probe, there: Probe) -> Iterator[Finding]:
    """Whether the public URL is encrypted and leads to this server."""
    public_url = settings.public_url
    if there.is_untrusted:
        cure = (
            "Install a certificate from a public authority, with "
            "its chain; Vonage refuses any other and does not retry."
        )
        yield Finding("tls", "error", f"{public_url}: {there.problem}", cure)
        return
    if there.problem:
        cure = "Start the proxy or the tunnel, and make it forward /healthz and /webhooks/ to this server."
        message = f"{public_url} cannot be reached: {there.problem}"
        yield Finding("public url", "error", message, cure, "NCCO_PUBLIC_URL")
        return
    yield _identity(settings, here, there)


def _identity(settings: Settings, here: Probe, there: Probe) -> Finding:
    url = f"{settings.public_url}/healthz"
    if there.is_console:
        cure = (
            f"Point the proxy or the tunnel at NCCO_PORT, {settings.port}. The console must not be "
            "reachable from outside."
        )
        return Finding("public url", "error", f"{settings.public_url} leads to the console instead of the server", cure)
    if not there.server:
        cure = "Make the proxy or tunnel forward /healthz and /webhooks/ to this server."
        message = f"{url} replies {there.status}, which this server would not"
        return Finding("public url", "error", message, cure, "NCCO_PUBLIC_URL")
    if not here.server:
        cure = "Start the server on this machine, so that the two can be compared."
        return Finding("public url", "unchecked", f"{url} points to a server, but possibly not to this one", cure)
    if here.server == there.server:
        return Finding("public url", "ok", f"{url} leads to this server, in {there.ms:.0f} ms")
    message = f"{url} leads to a different server from the one on this machine"
    cure = "Otherwise point the proxy or the tunnel at this machine and its NCCO_PORT."
    store = open_store(settings.database_url)
    if store.is_durable and store.path is None:
        return Finding("public url", "warning", message, f"With several hosts, that is fine. {cure}")
    shared = "Several hosts need one database: NCCO_DATABASE_URL=postgresql://user:password@host/database."
    message += f", and they cannot share {store.label}"
    return Finding("public url", "error", message, f"{shared} {cure}", "NCCO_PUBLIC_URL")


async def check_webhooks(client: httpx.AsyncClient, settings: Settings) -> Finding:
    """Whether a request signed as Vonage signs it reaches the server unchanged: the server returns a random text."""
    challenge = token_hex(16)
    body = orjson.dumps({"challenge": challenge})
    headers = {"content-type": "application/json"}
    if secret := settings.signature_secret.get_secret_value():
        accounts = {"api_key": settings.api_key, "application_id": settings.application_id}
        hashed = payload_hash("POST", "", body)
        headers |= authorization(secret, datetime.now(UTC), token_hex(16), hashed, **accounts)
    reply = await probe(client, f"{settings.public_url}{CHECK_PATH}", body=body, headers=headers)
    if reply.document.get("challenge") == challenge:
        return Finding("webhooks", "ok", "a signed request comes through unchanged")
    if {"error", "cure"} <= reply.document.keys():
        cure = (
            "Make the proxy or tunnel forward /webhooks/ with all headers and an unchanged body. If a setting or the "
            "version has changed, start the server again."
        )
        return Finding("webhooks", "error", f"a signed request is refused there: {reply.document['error']}", cure)
    cure = "Make the proxy or tunnel forward /webhooks/, with GET and POST."
    message = f"/webhooks/ leads elsewhere: {reply.problem or f'the reply has status {reply.status}'}"
    return Finding("webhooks", "error", message, cure)


async def check_plain_http(client: httpx.AsyncClient, public_url: str) -> list[Finding]:
    """Whether http:// redirects to https://, if the public URL is https on the usual port."""
    parts = urlsplit(public_url)
    if parts.scheme != "https" or parts.port is not None:
        return []
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    plain = await probe(client, f"http://{host}{parts.path}/healthz")
    if plain.problem:
        return [Finding("http", "ok", "nothing answers without TLS")]
    if 300 <= plain.status < 400 and plain.headers.get("location", "").startswith("https://"):
        return [Finding("http", "ok", "http:// leads to https://")]
    cure = "Make the proxy redirect http:// to https://."
    return [Finding("http", "warning", f"http://{host} answers without TLS", cure)]


def check_clock(date: str, headers: Mapping[str, str]) -> Finding:
    """Compare the clock with the `Date` header of Vonage's reply, or of the public URL's if there is none."""
    source = "Vonage's" if date else "the public URL's"
    date = date or headers.get("date", "")
    try:
        there = parsedate_to_datetime(date)
        off_s = (datetime.now(UTC) - there.astimezone(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        cure = "Compare `date -u` with another clock, or run this again once Vonage or the public URL answers."
        return Finding("clock", "unchecked", "there is nothing to compare the clock with", cure)
    if abs(off_s) <= MOST_CLOCK_S:
        return Finding("clock", "ok", f"the clock differs from {source} by {abs(off_s):.0f} s")
    cure = "Synchronise the clock (NTP): signatures are valid for five minutes."
    side = "ahead of" if off_s > 0 else "behind"
    return Finding(
        "clock",
        "error" if abs(off_s) > MAX_AGE_S else "warning",
        f"the clock is {abs(off_s):,.0f} s {side} {source}",
        cure,
    )
