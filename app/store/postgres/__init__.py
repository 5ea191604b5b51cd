"""The store in a PostgreSQL database, which several hosts may share.

Needs asyncpg: `pip install "ncco-server[postgres]"`. Only a database URL that asks for it imports this package.
"""

from __future__ import annotations

from app.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
