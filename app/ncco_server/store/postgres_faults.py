"""Describes problems of a PostgreSQL database without its password or callers' input, for logs."""

from __future__ import annotations

import socket
import ssl
from typing import Final

import asyncpg

from ncco_server.errors import StoreError, StoreUnavailable, StoreUnusable
from ncco_server.store.address import Address, tls_files
from ncco_server.store.database import StoreFault

DRIVER_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_OTHER: Final = StoreFault("cannot be used", "see PostgreSQL's message, or name another database in NCCO_DATABASE_URL")
_UNREACHABLE: Final = StoreFault(
    "cannot be reached",
    "check that PostgreSQL runs, and that NCCO_DATABASE_URL has its host and port; if it closes connections, its log "
    "says why",
)
_SLOW: Final = StoreFault("does not answer in time", "check its load, its disk and the network")

_CONFIGURATION: Final = StoreFault(
    "cannot be used with these options",
    "correct the option in NCCO_DATABASE_URL, or the variable of libpq that has it (PGPORT, PGSSLMODE, ...)",
)
_WRONG_ROLE: Final = StoreFault(
    "has no host of the wanted role",
    "name the primary in NCCO_DATABASE_URL; target_session_attrs may say read-write, or be left out",
)
_UNKNOWN_HOST: Final = StoreFault(
    "has an unknown host name", "check the host in NCCO_DATABASE_URL, and this machine's DNS"
)
_NO_TLS: Final = StoreFault(
    "does not start TLS",
    "switch on ssl in postgresql.conf; if it is on, read PostgreSQL's log; only if nobody else can read the network, "
    "write ?sslmode=disable instead",
)
_TLS: Final = StoreFault(
    "fails to set up TLS",
    "read PostgreSQL's log, and check sslcert and sslkey in NCCO_DATABASE_URL, and the TLS versions on both sides",
)
_UNKNOWN_AUTHORITY: Final = StoreFault(
    "has a certificate of an unknown authority",
    "let sslrootcert in NCCO_DATABASE_URL name a file with the certificate of the authority that signed it",
)
_OTHER_HOST: Final = StoreFault(
    "has a certificate for another host",
    "write the host in NCCO_DATABASE_URL as the certificate does, or use sslmode=verify-ca, which does not compare it",
)
_EXPIRED: Final = StoreFault(
    "has a certificate that is not valid today", "renew PostgreSQL's certificate, and check this machine's clock"
)
_CERTIFICATES: Final = {9: _EXPIRED, 10: _EXPIRED, 62: _OTHER_HOST, 64: _OTHER_HOST}
"""By `verify_code`. Source: OpenSSL, x509_vfy.h."""

_POOLED: Final = StoreFault(
    "is behind a pooler that runs each transaction on another connection",
    "add ?pooler=transaction to NCCO_DATABASE_URL",
)
_FAULTS: Final = {
    "08P01": StoreFault(
        "is behind a pooler that refuses the connection",
        "add ?pooler=transaction to NCCO_DATABASE_URL, and check the database and the user in the pooler's settings",
    ),
    "25006": StoreFault("is read-only", "name the primary, or add ?target_session_attrs=read-write to the URL"),
    "26000": _POOLED,
    "28": StoreFault(
        "refuses the user",
        "allow it in pg_hba.conf, or name another one in NCCO_DATABASE_URL; if PostgreSQL requires TLS, add "
        "?sslmode=verify-full&sslrootcert=FILE",
    ),
    "28P01": StoreFault(
        "refuses the user or the password",
        "put the right ones in NCCO_DATABASE_URL (percent-encoded), or in PGPASSFILE, which only its owner may read",
    ),
    "3D": StoreFault("does not exist", "create it: createdb --owner=USER NAME"),
    "42P05": _POOLED,
    "42501": StoreFault(
        "does not allow this user to write",
        "let the user own the database, or GRANT CREATE, USAGE ON SCHEMA public TO it",
    ),
    "53100": StoreFault("has a full disk", "free space on PostgreSQL's disk"),
    "53300": StoreFault(
        "has too many connections", "raise max_connections or the role's CONNECTION LIMIT, or use a pooler"
    ),
    "55000": StoreFault("takes no connections", "allow them: ALTER DATABASE NAME ALLOW_CONNECTIONS true"),
    "55P03": StoreFault(
        "is locked by another transaction", "look in pg_stat_activity for a transaction that does not end"
    ),
    "57014": _SLOW,
    "57P01": StoreFault("is being stopped", "start it again"),
    "57P02": StoreFault("has crashed", "read PostgreSQL's log"),
    "57P03": StoreFault("is starting or stopping", "wait until it is running"),
    "XX001": StoreFault("is damaged", "restore a backup"),
    "XX002": StoreFault("has a damaged index", "REINDEX DATABASE"),
}
_CURES_OF_FILES: Final = {
    "sslrootcert": "add &sslrootcert=FILE to NCCO_DATABASE_URL: the certificate of the authority that signed that of "
    "PostgreSQL, or /etc/ssl/certs/ca-certificates.crt for a public one",
    "sslcert": "name the client's certificate in NCCO_DATABASE_URL, as sslcert=FILE that this user may read",
    "sslkey": "name the key of the client's certificate in NCCO_DATABASE_URL, as sslkey=FILE that this user may read",
}
_OF_ROWS: Final = ("22", "23", "54")
"""They report invalid data, violated constraints, and exceeded limits."""

_ENDING: Final = ("57P01", "57P02", "57P03")
"""PostgreSQL closed the connection without running the statement."""

_CONFLICTS: Final = ("40001", "40P01")
_NO_START: Final = ("28", "3D", "42501")
_NO_START_FAULTS: Final = (_CONFIGURATION, _TLS, _UNKNOWN_AUTHORITY, _OTHER_HOST)


def _state(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _fault(error: BaseException) -> StoreFault:
    state = _state(error)
    known = _FAULTS.get(state) or _FAULTS.get(state[:2])
    if known:
        return known
    match error:
        case TimeoutError():
            return _SLOW
        case asyncpg.ClientConfigurationError():
            return _CONFIGURATION
        case asyncpg.TargetServerAttributeNotMatched():
            return _WRONG_ROLE
        case ssl.SSLCertVerificationError():
            return _CERTIFICATES.get(error.verify_code, _UNKNOWN_AUTHORITY)
        case ssl.SSLError() if not isinstance(error, ssl.SSLEOFError):
            return _TLS
        case socket.gaierror():
            return _UNKNOWN_HOST
        case ConnectionError() if type(error) is ConnectionError:  # only asyncpg raises it, before TLS
            return _NO_TLS
    return _UNREACHABLE if is_lost(error) else _OTHER


def is_lost(error: BaseException) -> bool:
    """Return whether a read can be repeated."""
    if isinstance(error, OSError | asyncpg.PostgresConnectionError) or _state(error) in _ENDING:
        return True
    is_ours = isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError)
    return is_ours and not isinstance(error, asyncpg.ClientConfigurationError) and not is_row_error(error)


def is_standby_error(error: BaseException) -> bool:
    return _state(error) == "25006"


def is_conflict(error: BaseException) -> bool:
    return _state(error) in _CONFLICTS


def is_row_error(error: BaseException) -> bool:
    return _state(error)[:2] in _OF_ROWS


def _error_text(error: BaseException) -> str:
    """Leave out the values of a row, which the driver quotes if it cannot send them."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, asyncpg.DataError):
        return "a value does not fit its column"
    return str(error).partition("\n")[0]


def refused(label: str, error: BaseException) -> StoreError:
    return StoreError(f"{label} refuses the write ({_error_text(error)})")


def own_error(label: str, error: Exception) -> Exception | None:
    """Return None if the database fails, and with it the whole group."""
    if is_row_error(error):
        return refused(label, error)
    return None if isinstance(error, DRIVER_ERRORS) else error


def unavailable(label: str, error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"{label} {_fault(error).message} ({_error_text(error)})")


def unusable(label: str, error: BaseException) -> StoreError:
    """Return StoreUnusable, or StoreUnavailable if a retry may succeed."""
    fault = _fault(error)
    state = _state(error)
    if state in _NO_START or state[:2] in _NO_START or fault in _NO_START_FAULTS:
        return StoreUnusable(f"{label} {fault.message} ({_error_text(error)})", fault.cure)
    return StoreUnavailable(f"{label} {fault.message} ({_error_text(error)})", fault.cure)


def require_files(address: Address) -> None:
    """Raise StoreUnusable, because asyncpg does not say which file it cannot read."""
    for option, path in tls_files(address.dsn).items():
        try:
            path.read_bytes()
            if option == "sslrootcert":
                ssl.create_default_context(cafile=path)
        except OSError as error:
            reason = "it has no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
            problem = f"{address.label} cannot be used: {path} of {option} cannot be read ({reason})"
            raise StoreUnusable(problem, _CURES_OF_FILES[option]) from error
