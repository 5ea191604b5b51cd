"""The store in one SQLite file: what most servers need, with nothing to install."""

from __future__ import annotations

from app.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
