"""`ncco vonage`: a virtual Vonage on this machine, for any application that uses the Voice API."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from ncco_server.desk import options
from ncco_server.desk.environment import variables
from ncco_server.desk.output import FINE, CannotRun, read_text
from ncco_server.desk.transcript import CallLine, line_text
from ncco_server.flow.report import report
from ncco_server.service.phone_numbers import digits_of
from ncco_server.settings.values import read_private_key
from ncco_server.terminal import printable
from ncco_server.vonage.keys import new_private_key, rsa_private_key
from ncco_studio.simulator.delivery import Application, WebhookDelivery
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.simulator.rest.server import LiveVonage
from ncco_studio.simulator.servers import HttpServer
from ncco_studio.verify.played_lines import heard_line, webhook_line
from ncco_studio.verify.scenarios.people import read_people

HOST: Final = "127.0.0.1"
APPLICATION_ID: Final = str(uuid5(NAMESPACE_URL, "urn:virtual-vonage"))
FOLDER: Final = Path(".virtual-vonage")
KEY_FILE: Final = FOLDER / "private.key"
CERTIFICATE_FILE: Final = FOLDER / "certificate.pem"
CERTIFICATE_KEY_FILE: Final = FOLDER / "certificate.key"
ENDED_CALLS: Final = 1_000
"""Ended calls that `GET /v1/calls` still lists."""


def _numbers(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    line = options.number_of_line() if given else ""
    return tuple(digits_of(number, line) for number in given)


def _people(
    _context: click.Context, _parameter: click.Parameter, file: Path | None
) -> Mapping[str, Sequence[Behaviour]]:
    """Raises CannotRun."""
    if file is None:
        return {}
    text = read_text(file)
    people, issues = read_people(file.as_posix(), text)
    if issues:
        shown = report(issues, {file.as_posix(): text}, "text", colour=False)
        raise CannotRun(f"{file} cannot be used:\n\n{shown}", "see above, and docs/how-to/virtual-vonage.md")
    return people


@click.command(
    "vonage",
    epilog="""\b
Examples:
  ncco vonage                                            for clients that can use plain http
  ncco vonage --tls --speed 10                           for SDKs that only use https
  ncco vonage --people people.yaml                       who picks up, and what they press

Only webhooks and websockets leave this machine, and no phone rings. Exit codes: 0 stopped, 2 the address is in use or
an option is wrong.""",
)
@click.option("--port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="Port on 127.0.0.1.")
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=1.0,
    show_default=True,
    help="How many seconds of a call pass per second.",
)
@click.option("--tls", is_flag=True, help="Use https, with its own certificate.")
@click.option("--answer-url", default="", callback=options.read_url, help="The application's answer URL [none].")
@click.option("--event-url", default="", callback=options.read_url, help="The application's event URL [none].")
@click.option(
    "--number",
    "numbers",
    multiple=True,
    callback=_numbers,
    help="A number of the application, to which calls come in; can be repeated.",
)
@click.option(
    "--people",
    type=click.Path(path_type=Path),
    callback=_people,
    metavar="FILE",
    help="A file that says when each person picks up, and what they press and say.",
)
def command(
    *,
    port: int,
    speed: float,
    tls: bool,
    answer_url: str,
    event_url: str,
    numbers: tuple[str, ...],
    people: Mapping[str, Sequence[Behaviour]],
) -> int:
    """Run a virtual Vonage: the REST API for calls, and the webhooks of those calls."""
    known = variables()
    own_key = known.get("VONAGE_PRIVATE_KEY", "").strip()
    own_key = "" if own_key == str(KEY_FILE) else own_key  # `.env` may be written before the first start
    key = _private_key(own_key)
    with _listen(port) as listener, suppress(KeyboardInterrupt):
        address = f"{'https' if tls else 'http'}://{HOST}:{listener.getsockname()[1]}"
        application = Application(
            answer_url,
            event_url,
            numbers=numbers,
            region_url=address,
            signature_secret=known.get("VONAGE_SIGNATURE_SECRET", ""),
            api_key=known.get("VONAGE_API_KEY", ""),
            application_id=known.get("VONAGE_APPLICATION_ID") or APPLICATION_ID,
        )
        if tls:
            _write_certificate()
        click.echo(_greeting(address, application, is_own_key=not own_key, is_tls=tls))
        live = LiveVonage(application, key.public_key(), Parties(people), HttpServer(), speed, opens_sockets=True)
        certificate = (CERTIFICATE_FILE, CERTIFICATE_KEY_FILE) if tls else None
        asyncio.run(live.serve(listener, _Narrator(live.vonage).tell, certificate))
    return FINE


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise CannotRun(f"port {port} cannot be used: {error.strerror}", "name another one with --port") from error


def _private_key(text: str) -> RSAPrivateKey:
    """Read VONAGE_PRIVATE_KEY, or the folder's key, created if missing. Raises CannotRun."""
    try:
        if text:
            return rsa_private_key(read_private_key(text))
        if not KEY_FILE.exists():
            _write_private(KEY_FILE, new_private_key())
        return rsa_private_key(KEY_FILE.read_text(encoding="ascii"))
    except ValueError as error:
        where, cure = ("VONAGE_PRIVATE_KEY", "name another key") if text else (KEY_FILE, "delete it")
        raise CannotRun(f"{where} {error}", cure) from error


def _write_private(file: Path, pem: str) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as opened:
        opened.write(pem)


def _write_certificate() -> None:
    """Create a certificate for this address, valid for a day, that clients can trust."""
    pem = new_private_key()
    key = rsa_private_key(pem)
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "virtual Vonage")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address(HOST))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_private(CERTIFICATE_KEY_FILE, pem)
    _write_private(CERTIFICATE_FILE, certificate.public_bytes(Encoding.PEM).decode("ascii"))


def _greeting(address: str, application: Application, *, is_own_key: bool, is_tls: bool) -> str:
    lines = [
        f"A virtual Vonage, which never calls real phones, listens on {address}",
        f"  application   {application.application_id}",
        f"  private key   {KEY_FILE if is_own_key else 'that of VONAGE_PRIVATE_KEY'}",
    ]
    if is_tls:
        lines.append(f"  certificate   {CERTIFICATE_FILE} (REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS)")
    signed = "signed with VONAGE_SIGNATURE_SECRET" if application.signature_secret else "not signed"
    return "\n".join([*lines, f"  webhooks      {signed}", ""])


class _Narrator:
    """Prints the prompts and webhooks of calls, and forgets old calls."""

    def __init__(self, vonage: Vonage) -> None:
        self._vonage = vonage
        self._legs = 0
        self._open: dict[Leg, tuple[int, str]] = {}
        self._known = 0
        self._sending: list[WebhookDelivery] = []

    def tell(self) -> None:
        vonage = self._vonage
        self._open |= dict.fromkeys(islice(vonage.legs.values(), self._legs, None), (0, ""))
        self._legs = len(vonage.legs)
        for leg, (first, status) in tuple(self._open.items()):
            if leg.status != status:
                click.echo(printable(leg.name) + line_text(CallLine("note", leg.status, at=leg.at)))
            for heard in leg.heard_since(first):
                click.echo(printable(leg.name) + line_text(heard_line(heard)))
            self._open[leg] = leg.heard_count, leg.status
            if leg.is_over:
                del self._open[leg]
        log = vonage.deliveries.log
        self._sending += log[self._known :]
        self._known = len(log)
        for delivery in self._sending:
            about = vonage.legs.get(delivery.leg)
            if delivery.is_over and delivery.attempts and about is not None:
                click.echo(printable(about.name) + line_text(webhook_line(delivery, about.zero_ms / 1000)))
        self._sending = [delivery for delivery in self._sending if not delivery.is_over]
        if self._legs > 2 * ENDED_CALLS:
            vonage.forget_ended(ENDED_CALLS)
            self._legs = len(vonage.legs)
            self._known = len(vonage.deliveries.log)
