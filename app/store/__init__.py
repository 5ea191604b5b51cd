"""Durable calls, turns, webhooks and revisions."""

from __future__ import annotations

from pathlib import Path

from app.store.contract import Store
from app.store.memory import MemoryStore
from app.store.sqlite import SqliteStore

__all__ = ["open_store"]

_CURE = "write sqlite:///calls.db (a file in the working directory), sqlite:////var/lib/ncco/calls.db, or memory://"


def open_store(url: str) -> Store:
    """The store that `url` names, not opened yet.

    `sqlite:///` is followed by a path, relative to the working directory or with a fourth slash absolute, taken as it
    stands (no escapes, no options). `memory://` keeps nothing. Raises ValueError with the cure.
    """
    scheme, found, rest = url.strip().partition("://")
    if not found:
        raise ValueError(f"a database URL has a scheme and ://; {_CURE}")
    match scheme.lower():
        case "sqlite":
            return SqliteStore(_file(rest))
        case "memory" if rest in ("", "/"):
            return MemoryStore()
        case "memory":
            raise ValueError("memory:// takes nothing behind it; write memory://")
        case _:
            raise ValueError(f"this version has no store for {scheme}://; {_CURE}")


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
