"""Durable calls, turns, webhooks and revisions."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from app.store.address import read_address
from app.store.contract import Store
from app.store.memory import MemoryStore
from app.store.sqlite import SqliteStore

__all__ = ["open_store"]

_CURE = (
    "write sqlite:///calls.db (a file in the working directory), sqlite:////var/lib/ncco/calls.db, "
    "postgresql://user:password@host/database, or memory://"
)


def open_store(url: str) -> Store:
    """The store that `url` names, not opened yet.

    `sqlite:///` is followed by a path, relative to the working directory or with a fourth slash absolute, taken as it
    stands (no escapes, no options). `postgresql://` and `postgres://` are what `read_address` takes. `memory://` keeps
    nothing. Raises ValueError with the cure.
    """
    scheme, found, rest = url.strip().partition("://")
    if not found:
        raise ValueError(f"a database URL has a scheme and ://; {_CURE}")
    match scheme.lower():
        case "sqlite":
            return SqliteStore(_file(rest))
        case "postgresql" | "postgres":
            return _postgres(url.strip())
        case "memory" if rest in ("", "/"):
            return MemoryStore()
        case "memory":
            raise ValueError("memory:// takes nothing behind it; write memory://")
        case _:
            raise ValueError(f"this version has no store for {scheme}://; {_CURE}")


def _postgres(url: str) -> Store:
    """A store of the package that needs the driver, which only those have who want it."""
    address = read_address(url)
    try:
        module = import_module("app.store.postgres")
    except ModuleNotFoundError as missing:
        if missing.name != "asyncpg":
            raise
        raise ValueError('PostgreSQL needs its driver; write pip install "ncco-server[postgres]"') from missing
    store: Store = module.PostgresStore(address)
    return store


def _file(rest: str) -> Path:
    """The path behind `sqlite://`."""
    if not rest.startswith("/"):
        raise ValueError(f"sqlite:// takes no host, so a third slash comes before the path; {_CURE}")
    name = rest.removeprefix("/")
    if name in ("", "/", ".", ":memory:"):
        raise ValueError(f"sqlite:/// needs the name of a file; {_CURE}")
    if name.endswith("/"):
        raise ValueError(f"{name} is the name of a folder; write sqlite:///{name}calls.db")
    if "?" in name or "\0" in name:
        raise ValueError(f"a database URL takes no options and no control characters; {_CURE}")
    return _at_home(name) if name.startswith("~/") else Path(name)


def _at_home(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise ValueError(f"this user has no home folder that ~ could mean; {_CURE}") from error
