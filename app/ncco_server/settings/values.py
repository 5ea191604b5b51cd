"""Parsers for settings. Each raises ValueError, whose message does not name the setting; "" stays ""."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import orjson

from ncco_server.flow.files import comma_separated
from ncco_server.flow.language.mail import addresses
from ncco_server.ncco import check
from ncco_server.ncco.durations import is_spoken
from ncco_server.ncco.value_types import digits_in
from ncco_server.ncco.value_types.addresses import is_address
from ncco_server.store import database_file

_WEBHOOK_PATH: Final = re.compile(r"/webhooks/(?:answer|event|fallback)(?:/|$)")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+")
_PREFIX: Final = re.compile(r"[1-9][0-9]{0,14}|sips?:(?!@$)[^\s,@:;?<>]*(?:@(?:[A-Za-z0-9.-]+(?::[0-9]{1,5})?)?)?")
"""`sip:@` lacks its host, and would allow every address."""
_ARGON2: Final = re.compile(r"\$argon2(?:id|i|d)\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}")
_HOOK_PREFIX: Final = "whsec_"
_HOOK_BYTES: Final = (24, 64)
MIN_KEY_CHARACTERS: Final = 16
_MAX_PRIVATE_KEY_BYTES: Final = 65_536


_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Source: Amazon S3 User Guide, General purpose bucket naming rules."""
_PREFIX_PART: Final = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,200}")
_USER: Final = re.compile(r"//.*@")
_PORTS: Final = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    if not is_address(host):
        return host.lower() == "localhost"
    address = ipaddress.ip_address(host)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def read_host(text: str) -> str:
    host = text.strip().removeprefix("[").removesuffix("]")
    if is_address(host) or _HOST.fullmatch(host):
        return host
    raise ValueError(f'"{text}" is neither a host name nor an IP address')


def read_hosts(text: str | Iterable[str]) -> tuple[str, ...]:
    """In lower case. Commas separate names."""
    parts = text.split(",") if isinstance(text, str) else text
    hosts = tuple(part.strip().lower() for part in parts if part.strip())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f'"{host}" is not a host name')
    return hosts


def read_modules(text: str | Iterable[str]) -> tuple[str, ...]:
    names = comma_separated(text) if isinstance(text, str) else tuple(text)
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f'"{name}" is not the name of a module')
    return names


def read_public_url(text: str) -> str:
    """An http or https URL without a query, fragment or trailing slash.

    Lower case, and without a default port: keys are derived from it, and must be the same on every host.
    """
    if not text.strip():
        return ""
    url = _split(text.strip())
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"{_quoted(text)} is not an http or https URL")
    if _WEBHOOK_PATH.search(url.path):
        raise ValueError(f"{_quoted(text)} is the address of a webhook; the server adds /webhooks/... itself")
    if url.query or url.fragment:
        raise ValueError(f"{_quoted(text)} has a query or a fragment, so no path can be added")
    port = "" if url.port in (None, _PORTS[url.scheme]) else f":{url.port}"
    user, at, _ = url.netloc.rpartition("@")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{user}{at}{host}{port}{url.path.rstrip('/')}"


def _quoted(url: str) -> str:
    """Without user and password."""
    return f'"{_USER.sub("//***@", url)}"'


def read_console_url(text: str) -> str:
    """An https URL without a path; http is allowed on this machine."""
    return _read_origin(text, "so browsers would not keep its cookie")


def read_media_url(text: str) -> str:
    """As `read_console_url`: the application's token is sent there."""
    return _read_origin(text, "so others could read the token")


def _read_origin(text: str, because: str, may_be_plain: Callable[[str], bool] = is_loopback) -> str:
    """Only a scheme, host and port; `because` ends the message if http is refused."""
    written = read_public_url(text)
    url = urlsplit(written)
    if url.path or url.username is not None:
        raise ValueError(f"{_quoted(text)} has more than a scheme, a host and a port")
    if url.scheme == "http" and not may_be_plain(url.hostname or ""):
        raise ValueError(f"{_quoted(text)} is not encrypted, {because}")
    return written


def read_recordings(text: str) -> str:
    """A folder, `off`, or `s3://bucket` with an optional prefix that is valid in any URL."""
    scheme, separator, rest = text.partition("://")
    if not separator and not text.lower().startswith("s3:"):
        return text
    if scheme != "s3":
        raise ValueError(f"{_quoted(text)} is neither a folder nor s3://bucket/prefix")
    bucket, _, prefix = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(
            f"{_quoted(text)} does not name a bucket: 3 to 63 lower-case letters, digits, dots and hyphens"
        )
    prefix = prefix.removesuffix("/")
    if prefix and not all(_PREFIX_PART.fullmatch(part) for part in prefix.split("/")):
        raise ValueError(f"{_quoted(text)} has a prefix with characters other than letters, digits, dots, _ and -")
    return "/".join(filter(None, (f"s3://{bucket}", prefix)))


def read_s3_endpoint(text: str) -> str:
    """An https URL; http is allowed for this machine, private addresses and names without dots."""
    return _read_origin(text, "so others could hear the recordings", _is_near)


def _is_near(host: str) -> bool:
    return ipaddress.ip_address(host).is_private if is_address(host) else "." not in host


def read_api_url(text: str) -> str:
    """An https URL of Vonage, or one of this machine: the API secret is sent there."""
    found = read_public_url(text)
    url = urlsplit(found)
    host = url.hostname or ""
    if not is_loopback(host) and (url.scheme != "https" or not host.endswith((".vonage.com", ".nexmo.com"))):
        raise ValueError(f'"{text}" is not an https URL of Vonage')
    return found


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port  # raises ValueError
    except ValueError as fault:
        raise ValueError(f"{_quoted(text)} is not a URL: {fault}") from fault
    if re.search(r"[\s<>\"{}|\\^`]", text) or not text.isascii():
        raise ValueError(f"{_quoted(text)} has characters that are not allowed in a URL")
    return url


def read_database_url(text: str) -> str:
    database_file(text)
    return text.strip()


def read_smtp_url(text: str) -> str:
    """With both user and password, or neither."""
    if not text.strip():
        return ""
    try:
        url = urlsplit(text.strip())
        has_port = url.port is None or url.port > 0
    except ValueError:
        raise ValueError("is not a URL") from None
    if url.scheme not in ("smtp", "smtps") or not url.hostname or not has_port:
        raise ValueError("is not an smtp:// or smtps:// URL with a host")
    if url.path.strip("/") or url.query or url.fragment:
        raise ValueError("has more than a user, a password, a host and a port; write special characters as %40")
    if bool(url.username) != bool(url.password):
        raise ValueError("has a user without a password, or a password without a user")
    return text.strip()


def read_mail_address(text: str) -> str:
    if not text.strip():
        return ""
    found = addresses(text)
    if len(found) > 1:
        raise ValueError("is more than one email address")
    return found[0]


def read_prefixes(text: str | Iterable[str]) -> tuple[str, ...]:
    """Digits with the country code, or `sip:...`, separated by commas. A leading + or 00 is removed."""
    parts = text.split(",") if isinstance(text, str) else text
    prefixes = tuple(digits_in(part.strip()) for part in parts if part.strip())
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(
                f'"{prefix}" is not the beginning of a phone number with its country code, or of a SIP address'
            )
    return prefixes


def read_word(text: object) -> object:
    return text.strip().lower() if isinstance(text, str) else text


def read_plain(text: str) -> str:
    """Without spaces and quotes."""
    if not re.fullmatch(r"[!-~]*", text) or re.search("[\"'<>]", text):
        raise ValueError(f'"{text}" has spaces, quotes or other characters that are not allowed in a name')
    return text


def secret_text(text: str) -> str:
    """Strip spaces and line breaks.

    HMAC pads a key with zero bytes, so NUL characters are refused. The error never contains the secret.
    """
    secret = text.strip(" \t\r\n")
    if text and not secret.strip("\"' "):
        raise ValueError("consists only of spaces or quotes")
    if not secret.isprintable():
        code, place = next(
            (ord(character), at) for at, character in enumerate(secret, 1) if not character.isprintable()
        )
        raise ValueError(f"has a character that cannot be printed (U+{code:04X} at position {place})")
    return secret


def read_secret(text: str) -> str:
    """Vonage determines its length."""
    if "-----BEGIN" in text:
        raise ValueError("is a private or public key, not a signature secret")
    return secret_text(text)


def read_key(text: str) -> str:
    key = secret_text(text)
    if key and len(key) < MIN_KEY_CHARACTERS:
        raise ValueError(f"has {len(key)} characters, so it could be guessed")
    return key


def read_hook_secret(text: str) -> str:
    """Source: Standard Webhooks, Signature scheme."""
    secret = secret_text(text)
    if not secret:
        return ""
    if not secret.startswith(_HOOK_PREFIX):
        raise ValueError(f"does not begin with {_HOOK_PREFIX}")
    written = secret.removeprefix(_HOOK_PREFIX)
    try:
        key = base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"is not base64 after {_HOOK_PREFIX}") from None
    if not _HOOK_BYTES[0] <= len(key) <= _HOOK_BYTES[1]:
        raise ValueError(f"has {len(key)} bytes, and {_HOOK_BYTES[0]} to {_HOOK_BYTES[1]} are needed")
    if not any(key):
        raise ValueError("has only zero bytes, which is the empty key")
    return secret


def read_password_hash(text: str) -> str:
    """Remove quotes, because some tools read `.env` literally."""
    written = text.strip().strip("'\"")
    if written and not _ARGON2.fullmatch(written):
        raise ValueError("is not an Argon2 hash; in double quotes or none, some tools replace $ and the name after it")
    return written


def read_private_key(text: str) -> str:
    """PEM text, which may be in one line, or the path of its file."""
    if not text.strip():
        return ""
    pem = text.replace("\\n", "\n") if "-----BEGIN" in text else _file_text(Path(text.strip()))
    if "PRIVATE KEY-----" not in pem:
        raise ValueError("does not contain a private key in PEM format")
    if not re.sub(r"[\t\r\n]", "", pem).isprintable():
        raise ValueError("has characters that cannot be printed")
    return pem.strip() + "\n"


def _file_text(file: Path) -> str:
    try:
        with file.expanduser().open("rb") as opened:
            return opened.read(_MAX_PRIVATE_KEY_BYTES).decode()
    except (OSError, ValueError) as fault:
        raise ValueError("is neither a private key nor the path of a file that can be read") from fault


def name_in_host(header: str) -> str:
    """Without the port; "" if there is no name or address."""
    try:
        url = urlsplit(f"//{header}")
        _ = url.port  # raises ValueError
    except ValueError:
        return ""
    return (url.hostname or "") if url.netloc == header and "@" not in header else ""


_FORWARDING: Final = (
    *("x-forwarded", "forwarded", "via", "x-real-ip", "x-original-", "x-client-ip", "true-client-ip"),
    *("cf-", "ngrok-", "tailscale-"),
)
"""Proxies and tunnels add these, in lower case."""


def is_direct(headers: Mapping[str, str]) -> bool:
    """Whether a request names this machine, without a proxy or tunnel. Headers are in lower case."""
    return is_loopback(name_in_host(headers.get("host", ""))) and not is_forwarded(headers)


def is_forwarded(headers: Iterable[str]) -> bool:
    """The names are in lower case."""
    return any(name.startswith(_FORWARDING) for name in headers)


DEFAULT: Final = "We are sorry, we cannot take your call right now. Please call again later."
_AUDIBLE_ACTIONS: Final = frozenset({"stream", "connect", "conversation"})


def read_failsafe(text: object) -> tuple[Mapping[str, Any], ...]:
    """An NCCO as JSON if it starts with `[` or `{`, otherwise the text of one `talk`.

    Raises ValueError also if a caller can hear nothing.
    """
    document = _document(text)
    actions = [document] if isinstance(document, dict) else document
    faults = [issue for issue in check(actions) if issue.severity == "error"]
    if faults:
        raise ValueError(f"is not a valid NCCO: {faults[0].path or '/'}: {faults[0].message} ({faults[0].fix})")
    if not any(map(_is_heard, actions)):
        raise ValueError("plays nothing that a caller can hear")
    return tuple(actions)


def _is_heard(action: Mapping[str, Any]) -> bool:
    return is_spoken(action["text"]) if action["action"] == "talk" else action["action"] in _AUDIBLE_ACTIONS


def _document(text: object) -> Any:
    if not isinstance(text, str):
        return list(text) if isinstance(text, tuple) else text
    if not text.lstrip().startswith(("[", "{")):
        return [{"action": "talk", "text": text.strip()}]
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise ValueError(f"looks like JSON, but is not: {fault}") from fault
