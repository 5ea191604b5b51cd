"""What `ncco doctor` finds on the network: the server, its public URL, and the application at Vonage. It only reads."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from app.cli.console_process import HOST
from app.cli.findings import Finding, Status
from app.cli.output import counted
from app.cli.serve import URLS
from app.errors import VonageApiError
from app.flow.model import Flow
from app.settings import Settings
from app.settings.fields import UUID
from app.vonage.applications import (
    Account,
    ConfiguredUrl,
    OwnedNumbers,
    VoiceCapability,
    VonageApplication,
    read_application,
    read_numbers,
)
from app.vonage.keys import rsa_modulus
from app.vonage.signatures import MAX_AGE_S
from app.web.webhooks import DEADLINE_S

WITHIN_S: Final = 5.0
"""Vonage waits as long for a reply. Source: delivery rules, socket timeout."""
MAX_BYTES: Final = 100_000
MOST_CLOCK_S: Final = 30
"""A clock that differs more gets a warning; from `MAX_AGE_S` on signatures are refused."""
LEAST_CERTIFICATE_DAYS: Final = 14
_METHODS: Final = {"answer": "GET", "fallback": "GET", "event": "POST"}
"""Vonage's defaults. Source: webhook reference."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a GET gave.

    Attributes:
        problem: why there was no reply; "" when there was one.
        is_untrusted: the certificate is not valid.
        status: of the reply; 0 without one.
        document: the reply, when it is a JSON object.
        headers: of the reply.
        ms: milliseconds until the whole reply.
        expires_at: of the certificate, in seconds since 1970; None without one.
    """

    problem: str = ""
    is_untrusted: bool = False
    status: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    ms: float = 0.0
    expires_at: float | None = None

    @property
    def server(self) -> str:
        """Which server replied to a GET of `/healthz`; "" when it is none of this product."""
        return str(self.document.get("server", "")) if self.document.get("status") == "up" else ""


async def network_findings(settings: Settings, flows: Collection[Flow]) -> list[Finding]:
    """All checks that send something; `flows` are those without errors."""
    trusted = httpx.create_ssl_context()
    async with httpx.AsyncClient(trust_env=False, timeout=WITHIN_S, verify=trusted) as client:
        here = await _probe(client, f"{_local_url(settings)}/healthz")
        findings = [check_local_server(settings, here, await _probe(client, f"{_local_url(settings)}/readyz"))]
        findings.append(await check_console(client, settings, here))
        there = Probe()
        if settings.public_url:
            there = await _probe(client, f"{settings.public_url}/healthz")
            findings += [*await check_address(settings.public_url), *check_public_url(settings.public_url, here, there)]
            findings += await check_plain_http(client, settings.public_url)
        else:
            findings.append(Finding("public url", "unchecked", "NCCO_PUBLIC_URL is not set"))
        application, date = await _application(client, settings, flows)
        findings += application
    return [*findings, check_clock(date, there.headers)]


def _local_url(settings: Settings) -> str:
    return settings.model_copy(update={"public_url": ""}).base_url


async def _probe(client: httpx.AsyncClient, url: str) -> Probe:
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(WITHIN_S), client.stream("GET", url) as response:
            expires_at = _expiry(response)
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    break
    except (TimeoutError, httpx.TimeoutException):
        return Probe(f"there is no reply within {WITHIN_S:g} seconds")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        untrusted = _certificate_error(error)
        return Probe(f"its certificate is not valid: {untrusted}" if untrusted else f"{error}", bool(untrusted))
    ms = (time.perf_counter() - begun) * 1000
    return Probe("", False, response.status_code, _json_object(body), response.headers, ms, expires_at)


def _expiry(response: httpx.Response) -> float | None:
    """When the certificate of the connection expires, in seconds since 1970; None without TLS."""
    stream = response.extensions.get("network_stream")
    secure = stream.get_extra_info("ssl_object") if stream is not None else None
    return ssl.cert_time_to_seconds(str(secure.getpeercert()["notAfter"])) if secure is not None else None


def _certificate_error(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return ""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def check_local_server(settings: Settings, here: Probe, ready: Probe) -> Finding:
    """Whether the server runs on this machine, and takes calls."""
    url = _local_url(settings)
    if here.server and (reasons := ready.document.get("reasons")):
        return Finding("server", "error", f"it runs, but takes no calls: {', '.join(reasons)}", "Look at its log.")
    if here.server and ready.document.get("rejected"):
        cure = f"Run `ncco check`; {url}/readyz lists what it refuses."
        return Finding("server", "warning", "it runs, but not with the flows as they are on disk", cure)
    if here.server:
        return Finding("server", "ok", f"it runs, and answers at {url}")
    if here.status:
        cure = "Choose another NCCO_PORT, or stop that program."
        return Finding("server", "error", f"another program, or another version, answers at {url}", cure)
    cure = "Start it with `ncco serve`, and run this again while it runs."
    return Finding("server", "unchecked", f"nothing answers at {url}", cure)


async def check_console(client: httpx.AsyncClient, settings: Settings, here: Probe) -> Finding:
    """Whether the console has a password and a port of its own. It is only asked whether it answers."""
    if not settings.has_console(dev=False):
        why = "no password is set (`ncco console password`)" if settings.console else "NCCO_CONSOLE is 0"
        return Finding("console", "ok", f"it is off outside of `--dev`: {why}")
    port, cure = settings.console_port, "Choose another NCCO_CONSOLE_PORT."
    if port and port in (settings.port, settings.metrics_port):
        return Finding("console", "error", f"its port {port} is that of the webhooks or of the metrics", cure)
    answers = bool((await _probe(client, f"http://{HOST}:{port}/")).status)
    if here.server and not answers:
        cure = "Look at what the server said when it started."
        return Finding("console", "warning", f"the server runs, and no console answers at port {port}", cure)
    if answers and not here.server:
        return Finding("console", "error", f"another program answers at its port {port}", cure)
    state = f"answers at http://{HOST}:{port}" if answers else f"port {port} is free"
    return Finding("console", "ok", f"it has a password, and {state}")


async def check_address(public_url: str) -> list[Finding]:
    """Whether the name of the public URL leads to an address that Vonage can reach."""
    host = urlsplit(public_url).hostname or ""
    try:
        async with asyncio.timeout(WITHIN_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        cure = "Correct NCCO_PUBLIC_URL, or add the name to the DNS. A tunnel's name ends with the tunnel."
        return [Finding("public url", "error", f"the name {host} cannot be resolved", cure)]
    addresses = sorted({str(address[0]) for *_, address in found})
    if any(ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses):
        return [Finding("public url", "ok", f"{host} has the address {', '.join(addresses)}")]
    cure = "Set NCCO_PUBLIC_URL to a name with a public address, such as that of a tunnel."
    return [Finding("public url", "error", f"{host} has only private addresses ({', '.join(addresses)})", cure)]


def check_public_url(public_url: str, here: Probe, there: Probe) -> Iterator[Finding]:
    """Whether the public URL is encrypted, and leads to this server."""
    if there.is_untrusted:
        cure = "Install a certificate of a public authority with its chain; Vonage refuses others without a retry."
        yield Finding("tls", "error", f"{public_url}: {there.problem}", cure)
        return
    if there.problem:
        cure = "Start the proxy or the tunnel, and let it pass /healthz and /webhooks/ to this server."
        yield Finding("public url", "error", f"{public_url} cannot be reached: {there.problem}", cure)
        return
    if there.expires_at is not None:
        yield _certificate(there.expires_at)
    yield _identity(public_url, here, there)


def _certificate(expires_at: float) -> Finding:
    days = int((expires_at - time.time()) // 86_400)
    message = f"the certificate is valid, for {counted(days, 'more day')}"
    if days >= LEAST_CERTIFICATE_DAYS:
        return Finding("tls", "ok", message)
    return Finding("tls", "warning", message, "Look at why it is not renewed: without it, no call is answered.")


def _identity(public_url: str, here: Probe, there: Probe) -> Finding:
    url = f"{public_url}/healthz"
    if not there.server:
        cure = "Let the proxy or tunnel pass /healthz and /webhooks/ on to this server."
        return Finding("public url", "error", f"{url} replies {there.status}, and not as this server does", cure)
    if not here.server:
        cure = "Start the server on this machine, so that both can be compared."
        return Finding("public url", "unchecked", f"{url} leads to a server; whether it is this one is unknown", cure)
    if here.server == there.server:
        return Finding("public url", "ok", f"{url} leads to this server, in {there.ms:.0f} ms")
    cure = (
        "With several hosts that is right. Otherwise point the proxy or the tunnel at this machine and its NCCO_PORT."
    )
    return Finding("public url", "warning", f"{url} leads to another server than the one on this machine", cure)


async def check_plain_http(client: httpx.AsyncClient, public_url: str) -> list[Finding]:
    """Whether http:// leads to https://, for an https URL on the usual port."""
    parts = urlsplit(public_url)
    if parts.scheme != "https" or parts.port is not None:
        return []
    plain = await _probe(client, f"http://{parts.netloc}{parts.path}/healthz")
    if plain.problem:
        return [Finding("http", "ok", "nothing answers without TLS")]
    if 300 <= plain.status < 400 and plain.headers.get("location", "").startswith("https://"):
        return [Finding("http", "ok", "http:// leads to https://")]
    cure = "Let the proxy redirect http:// to https://."
    return [Finding("http", "warning", f"http://{parts.netloc} answers without TLS", cure)]


async def _application(
    client: httpx.AsyncClient, settings: Settings, flows: Collection[Flow]
) -> tuple[list[Finding], str]:
    """The findings about the application at Vonage, and the `Date` of Vonage's reply."""
    secret = settings.api_secret.get_secret_value()
    needed = {
        "VONAGE_APPLICATION_ID": UUID.fullmatch(settings.application_id),
        "VONAGE_API_KEY": settings.api_key,
        "VONAGE_API_SECRET": secret,
    }
    if missing := [name for name, value in needed.items() if not value]:
        cure = "Set the others in .env, and the secret for this command alone: VONAGE_API_SECRET=... ncco doctor"
        message = f"the URLs and numbers at Vonage are not checked, for want of {' and '.join(missing)}"
        return [Finding("vonage", "unchecked", message, cure)], ""
    account = Account(client, settings.vonage_api_url, settings.api_key, secret)
    try:
        found = await read_application(account, settings.application_id)
    except VonageApiError as error:
        status: Status = "error" if error.status in (401, 403, 404) else "unchecked"
        return [Finding("vonage", status, str(error), error.cure)], error.date
    findings = list(check_application(settings, found))
    try:
        findings += check_numbers(await read_numbers(account, settings.application_id), flows)
    except VonageApiError as error:
        findings.append(Finding("numbers", "unchecked", str(error), error.cure))
    return findings, found.date


def check_numbers(owned: OwnedNumbers, flows: Collection[Flow]) -> Iterator[Finding]:
    """Whether calls reach the application, and a flow takes each of them."""
    linked = {number.msisdn for number in owned.numbers}
    if not linked:
        cure = "Link your number: in the Vonage dashboard, the tab Numbers of the application."
        yield Finding("numbers", "error", "no number is linked to the application, so no call reaches it", cure)
        return
    taken = {number for flow in flows for number in flow.numbers}
    takes_all = any(flow.default or flow.entry for flow in flows)
    if lost := sorted(linked - taken) if flows and not takes_all else []:
        cure = "Write it into `numbers` of a flow, or `default: true`."
        yield Finding("numbers", "error", f"no flow takes the calls to {', '.join(lost)}, linked at Vonage", cure)
    if owned.count <= len(linked) and (silent := sorted(taken - linked)):
        cure = "Link it to this application in the Vonage dashboard, or remove it from the flow."
        yield Finding("numbers", "warning", f"a flow takes calls to {', '.join(silent)}, not linked at Vonage", cure)
    if not lost:
        yield Finding("numbers", "ok", f"linked to the application: {', '.join(sorted(linked))}")


def check_application(settings: Settings, found: VonageApplication) -> Iterator[Finding]:
    """Whether the application is configured for this server."""
    voice = found.capabilities.voice
    if voice is None:
        cure = "Switch Voice on in the Vonage dashboard, and enter the URLs that `ncco serve` prints."
        yield Finding("vonage", "error", f'the application "{found.name}" has no Voice capability', cure)
        return
    urls = voice.webhooks
    configured = (urls.answer_url, urls.fallback_answer_url, urls.event_url)
    for (name, path), url in zip(URLS, configured, strict=True):
        yield from _check_url(name, f"{settings.public_url}{path}" if settings.public_url else "", url)
    yield _check_signing(settings, voice)
    region = f"calls are handled in the region {voice.region}" if voice.region else "no region is chosen"
    yield Finding("vonage", "ok", f'the application "{found.name}": {region}')
    yield from _check_key_pair(settings, found.keys.public_key)


def _check_url(name: str, wanted: str, url: ConfiguredUrl) -> Iterator[Finding]:
    check, label = f"{name} url", f"the {name} URL"
    if not url.address:
        status: Status = "warning" if name == "fallback" else "error"
        yield Finding(
            check, status, f"{label} is not set at Vonage", f"Enter {wanted or 'it'} in the Vonage dashboard."
        )
        return
    if not wanted:
        yield Finding(check, "unchecked", f"{label} at Vonage is {url.address}; NCCO_PUBLIC_URL is not set")
    elif not _is_same(name, wanted, url.address):
        cure = f"Enter {wanted} in the Vonage dashboard."
        if name == "fallback":
            cure += " Another host, or a static NCCO (`ncco bundle`), is right too."
        yield Finding(check, "warning" if name == "fallback" else "error", f"{label} at Vonage is {url.address}", cure)
    else:
        yield Finding(check, "ok", f"{label} at Vonage is {url.address}")
    method = (url.http_method or _METHODS[name]).upper()
    if method not in ("POST", "GET"):
        yield Finding(check, "error", f"{label} is requested by {method}", "Choose POST in the Vonage dashboard.")
    elif method == "GET":
        cure = "Choose POST in the Vonage dashboard: with GET, numbers and keys get into the logs of proxies."
        yield Finding(check, "warning", f"{label} is requested by GET", cure)
    if url.socket_timeout is not None and url.socket_timeout <= DEADLINE_S * 1000:
        cure = "Set its socket timeout to 5000 ms in the Vonage dashboard."
        message = f"Vonage waits {url.socket_timeout} ms for {label}, and the server may take {DEADLINE_S * 1000:.0f}"
        yield Finding(check, "warning", message, cure)


def _is_same(name: str, wanted: str, address: str) -> bool:
    """Whether an address is the URL of this server; an answer URL may name a flow, and each may have a query."""
    try:
        have, want = httpx.URL(address.strip()), httpx.URL(wanted)
    except httpx.InvalidURL:
        return False
    if (have.scheme, have.host, have.port) != (want.scheme, want.host, want.port):
        return False
    path = have.path.rstrip("/")
    return path == want.path or (name == "answer" and path.rpartition("/")[0] == want.path)


def _check_signing(settings: Settings, voice: VoiceCapability) -> Finding:
    if voice.signed_callbacks:
        return Finding("signing", "ok", "Vonage signs the webhooks of the application")
    cure = "Switch signed webhooks on for the application in the Vonage dashboard."
    if voice.signed_callbacks is None:
        return Finding("signing", "unchecked", "Vonage does not say whether it signs the webhooks", cure)
    status: Status = "error" if settings.is_signed else "warning"
    message = "Vonage does not sign the webhooks of the application" + (
        ", so this server refuses all of them" if settings.is_signed else ""
    )
    return Finding("signing", status, message, cure)


def _check_key_pair(settings: Settings, public_key: str) -> Iterator[Finding]:
    """Whether the private key belongs to the application, when both are known."""
    private = settings.private_key.get_secret_value()
    if not (private and public_key):
        return
    try:
        is_pair = rsa_modulus(private) == rsa_modulus(public_key)
    except ValueError:  # of the private key, that is another check's finding
        return
    if is_pair:
        yield Finding("key", "ok", "VONAGE_PRIVATE_KEY belongs to the application")
    else:
        cure = "Generate a new key pair for the application in the Vonage dashboard, and keep its private.key."
        yield Finding("key", "error", "VONAGE_PRIVATE_KEY belongs to another application", cure)


def check_clock(date: str, headers: Mapping[str, str]) -> Finding:
    """Compare the clock with the `Date` of Vonage's reply, else with that of the public URL."""
    source = "Vonage's" if date else "the public URL's"
    date = date or headers.get("date", "")
    try:
        there = parsedate_to_datetime(date)
        off_s = (datetime.now(UTC) - there.astimezone(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return Finding("clock", "unchecked", "the clock has nothing to be compared with")
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
