"""Refuses settings that are valid on their own, but unsafe together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

from ncco_server.errors import SettingsError
from ncco_server.ncco.value_types.addresses import is_address, is_private_address
from ncco_server.settings import values
from ncco_server.settings.fields import PLACEHOLDER_SECRET, UUID, Settings, variable

PLACEHOLDERS: Final = frozenset(
    {
        PLACEHOLDER_SECRET,
        "the API secret of the Vonage dashboard",
        "the API key of the Vonage dashboard",
        "the ID of the application",
        "...",
        "00000000-0000-0000-0000-000000000000",
        "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "78d335fa-323d-0114-9c3d-d6f0d48968cf",
    }
)
"""They come from our guides, and from Vonage's for the application ID."""
_PLACEHOLDER_HOSTS: Final = (".example.com", ".example.net", ".example.org", ".your-company.com")
_REFUSING: Final[Mapping[str, str]] = {
    "signature_secret": "Set it to the signature secret from the API settings of the Vonage dashboard.",
    "application_id": "Copy the application ID from the Vonage dashboard, or leave it unset.",
    "api_key": "Copy the API key from the API settings of the Vonage dashboard, or leave it unset.",
}
"""What every signed webhook is compared with, and the fix."""
MIN_SECRET_CHARACTERS: Final = 32
"""A shorter one could be guessed; Vonage asks for 32 bits. An API secret, copied by mistake, has at most 25.

Source: RFC 7518, section 3.2 (a key of HS256 has at least 256 bits); Vonage's rules for API secrets.
"""
_MIN_DIFFERENT: Final = 8
"""A random secret of hexadecimal digits has about 14."""
PUBLIC_URL_CURE: Final = (
    "Set it to the https:// address of your tunnel or proxy, such as https://calls.your-company.com."
)
_SIGN: Final = (
    "Set it to the signature secret from the API settings of the Vonage dashboard. To try things out, use `ncco serve "
    "--dev` with NCCO_HOST=127.0.0.1; NCCO_INSECURE=1 accepts unsigned webhooks everywhere."
)
_PROGRAM: Final = "Set VONAGE_SIGNATURE_SECRET and NCCO_PUBLIC_URL, or pass dev=True to try things out."
_PROGRAM_IN_DEV: Final = "Set it, or NCCO_HOST=127.0.0.1 if only this machine can reach the application."
_PORTS: Final = ("port", "metrics_port", "console_port")
_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def require_safe(settings: Settings, dev: bool, *, in_program: bool = False) -> None:
    if errors := list(unsafe(settings, dev, in_program=in_program)):
        raise errors[0].with_others(errors[1:])


def unsafe(settings: Settings, dev: bool, *, in_program: bool = False) -> Iterator[SettingsError]:
    """Reasons not to start: without signatures, anyone could control calls and run up a bill.

    `in_program` is for an application of somebody else, which listens itself, on a port of its own.
    """
    if not settings.is_signed and not settings.insecure and not (dev and values.is_loopback(settings.host)):
        message = "is not set, so anybody who can reach the server could send webhooks"
        cure = (_PROGRAM_IN_DEV if dev else _PROGRAM) if in_program else _SIGN
        yield SettingsError("VONAGE_SIGNATURE_SECRET", message, cure)
    for field, cure in _REFUSING.items() if settings.is_signed else ():
        if _text(settings, field) in PLACEHOLDERS:
            yield SettingsError(variable(field), "is the guide's placeholder, so every webhook would be refused", cure)
        elif field == "application_id" and settings.application_id and not UUID.fullmatch(settings.application_id):
            yield SettingsError(variable(field), "is not a UUID, so every webhook would be refused", cure)
    if not (settings.public_url or dev or settings.insecure):  # even on loopback, where a proxy may be in front
        yield SettingsError(
            "NCCO_PUBLIC_URL",
            "is not set, so Vonage would not know where to send what a caller presses",
            "Set it to the address at which Vonage reaches this server, such as https://calls.example.com; "
            f"{'dev=True' if in_program else '`ncco serve --dev`'} does not need it.",
        )
    if not in_program and (clash := port_clash(settings, "metrics_port")) is not None:
        yield clash


def placeholders(settings: Settings) -> Iterator[SettingsError]:
    """Those that do not prevent the start."""
    host = urlsplit(settings.public_url).hostname or ""
    if f".{host}".endswith(_PLACEHOLDER_HOSTS):
        yield SettingsError(
            "NCCO_PUBLIC_URL",
            f"has the guides' example host, {host}, so what callers press would be sent there",
            "Set it to the address of your proxy or tunnel.",
        )
    for field in ("api_secret", *(() if settings.is_signed else _REFUSING)):
        if _text(settings, field) in PLACEHOLDERS:
            yield SettingsError(variable(field), "is the guide's placeholder", "Set it to your own, or remove it.")


def weak_secrets(settings: Settings) -> Iterator[SettingsError]:
    others = {variable(name): _text(settings, name) for name in ("api_secret", "application_id", "api_key")}
    for field in ("signature_secret", "signature_secret_previous"):
        secret = _text(settings, field)
        copied = next((name for name, value in others.items() if secret and secret == value), "")
        problem = f"is {copied}, not the signature secret" if copied else _weakness(secret)
        if problem:
            yield SettingsError(
                variable(field),
                problem,
                "Copy the signature secret from the API settings of the Vonage dashboard; if it is really that short, "
                f"choose one of at least {MIN_SECRET_CHARACTERS} random characters there. In double quotes, a shell "
                "replaces $ and the name after it.",
            )


def _weakness(secret: str) -> str:
    """Why a signature secret could be guessed, or ""."""
    length = len(secret)
    if 0 < length < MIN_SECRET_CHARACTERS:
        return f"has {length} character{'s' * (length > 1)}, which is short enough to guess"
    if secret and (len(set(secret)) < _MIN_DIFFERENT or secret in (secret + secret)[1:-1]):
        return "repeats the same characters, so it could be guessed"
    return ""


def unreachable(settings: Settings) -> Iterator[SettingsError]:
    """A public URL that Vonage cannot reach, or only without TLS. A stand-in on this machine can."""
    url = urlsplit(settings.public_url)
    host = url.hostname or ""
    if not host or settings.has_local_vonage:
        return
    is_local_name = not is_address(host) and "." not in host.strip(".")
    if values.is_loopback(host) or is_private_address(host) or is_local_name:
        where = "this machine" if values.is_loopback(host) else "your own network"
        yield SettingsError(
            "NCCO_PUBLIC_URL",
            f"is {settings.public_url}: Vonage cannot reach a name or an address of {where}",
            PUBLIC_URL_CURE,
        )
    elif url.scheme != "https":
        message = "begins with http://, so what callers press is sent unencrypted"
        yield SettingsError("NCCO_PUBLIC_URL", message, PUBLIC_URL_CURE)


def console_fault(settings: Settings) -> SettingsError | None:
    """Why the console cannot start. Webhooks are answered even so."""
    if not settings.has_logins and not values.is_loopback(settings.console_host):
        where = f"{settings.console_host}:{settings.console_port}"
        return SettingsError(
            "NCCO_CONSOLE_HOST",
            f"lets other machines reach {where}, but the console has no login",
            "Create one with `ncco console password --name`, or set it to 127.0.0.1.",
        )
    return port_clash(settings, "console_port")


def port_clash(settings: Settings, field: Literal["metrics_port", "console_port"]) -> SettingsError | None:
    hosts = {"port": settings.host, "metrics_port": settings.metrics_host, "console_port": settings.console_host}
    ports = {each: getattr(settings, each) for each in _PORTS}
    for other in _PORTS[: _PORTS.index(field)]:
        if ports[field] and ports[field] == ports[other] and _overlap(hosts[field], hosts[other]):
            name = variable(field)
            free = next(port for port in range(8000, 8004) if port not in ports.values())
            cure = f"Choose another port for one of them, such as {name}={free}."
            return SettingsError(name, f"is {ports[field]}, the same port as {variable(other)}", cure)
    return None


def _overlap(host: str, other: str) -> bool:
    return host == other or host in _EVERY_ADDRESS or other in _EVERY_ADDRESS


def _text(settings: Settings, field: str) -> str:
    value = getattr(settings, field)
    return value if isinstance(value, str) else str(value.get_secret_value())
