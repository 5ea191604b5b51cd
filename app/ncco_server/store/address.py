"""The URL of a PostgreSQL database. Parsing it does not need the driver."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

EXAMPLE: Final = "postgresql://ncco:password@db.example.com/ncco"

POOLER: Final = "pooler"

_OPTIONS: Final = (
    "application_name",
    "host",
    "passfile",
    POOLER,
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
)
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ROLES: Final = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
_ROOT: Final = ".postgresql/root.crt"
"""In the home folder: where libpq looks for the certificates of authorities by default."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a PostgreSQL database.

    Attributes:
        dsn: never printed, because it contains the password.
        label: for messages: the URL without user, password and options.
        is_pooled: whether a pooler may run each transaction on a different connection.
    """

    dsn: str = field(repr=False)
    label: str
    is_pooled: bool = False


def read_address(url: str) -> Address:
    """Read `postgresql://user:password@host:port/database?sslmode=require`; hosts are separated by commas.

    `?host=` names the folder of a Unix socket. Missing parts come from libpq's environment variables (PGUSER, ...).
    Raises ValueError with the fix, but without the password.
    """
    parts = _split(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    _require_known(given)
    pooler = given.pop(POOLER, "")
    if pooler not in ("", "transaction", "session"):
        raise ValueError(f"{POOLER} is transaction or session; write ?{POOLER}=transaction")
    place = parts.netloc.rpartition("@")[2]
    _require_one_host(place, given)
    name = unquote(parts.path.removeprefix("/"))
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(given), ""))
    shown = place or given.get("host", "")
    return Address(dsn, f"postgresql://{shown}/{name}", pooler == "transaction")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
    except ValueError as fault:
        # urlsplit's message may quote the password.
        raise ValueError(f"it is not a URL; write {EXAMPLE}, with %40 for @ and %2F for / in the password") from fault
    if parts.fragment:
        raise ValueError(f"a # in a password is written %23; write {EXAMPLE}")
    if "/" in parts.path.removeprefix("/") or not parts.path.removeprefix("/"):
        cure = f"write {EXAMPLE}, with %2F for a / in the password"
        raise ValueError(f"it does not name a database: write one name after the host and a slash; {cure}")
    place = parts.netloc.rpartition("@")[2]
    if any(not _is_port(port) for host in place.split(",") if (port := _port_of(host)) is not None):
        raise ValueError(f"a port is a number from 1 to 65535; write {EXAMPLE}, with %3A for a : in the user's name")
    return parts


def _port_of(host: str) -> str | None:
    """None without a colon. IPv6 addresses have brackets."""
    _, found, port = host.rpartition("]")[2].rpartition(":")
    return port if found else None


def _is_port(port: str) -> bool:
    return port.isascii() and port.isdecimal() and 0 < int(port) < 65_536


def _require_known(given: dict[str, str]) -> None:
    for name in given:
        if name not in _OPTIONS:
            raise ValueError(f"{name!r} is not an option of a PostgreSQL URL; write one of {', '.join(_OPTIONS)}")
    if given.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(
            f"sslmode is one of {', '.join(_SSL_MODES)}; write ?sslmode=verify-full to be sure of the host"
        )
    if given.get("target_session_attrs", "any") not in _ROLES:
        raise ValueError(f"target_session_attrs is one of {', '.join(_ROLES)}; write ?target_session_attrs=read-write")


def _require_one_host(place: str, given: Mapping[str, str]) -> None:
    """The driver ignores `?host=` and `?port=` beside a host."""
    if place and ("host" in given or "port" in given):
        raise ValueError(f"it names the host or port twice; write {EXAMPLE}, with :5432 after the host for a port")
    hosts, ports = given.get("host", "").split(","), given.get("port", "5432").split(",")
    if not all(map(_is_port, ports)) or len(ports) not in (1, len(hosts)):
        raise ValueError("a port is a number from 1 to 65535, one for all hosts or one for each; write ?port=5432")


def tls_files(dsn: str) -> dict[str, Path]:
    """The files that a connection needs, by option."""
    given = dict(parse_qsl(urlsplit(dsn).query))

    def value(option: str) -> str:
        return given.get(option) or os.environ.get(f"PG{option.upper()}", "")

    found = {option: Path(value(option)) for option in ("sslrootcert", "sslcert", "sslkey") if value(option)}
    if value("sslmode").startswith("verify-"):
        found.setdefault("sslrootcert", Path(os.environ.get("HOME", "/"), _ROOT))
    return found if value("sslmode") != "disable" else {}
