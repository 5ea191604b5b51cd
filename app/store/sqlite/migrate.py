"""Bring a SQLite file to the newest schema with alembic. Slow to import: only a file that needs it imports this."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.exc import DBAPIError

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(connection: sqlite3.Connection, version_table: str) -> None:
    """Run the migrations that the file of `connection` lacks: all of them or none.

    The write lock is taken first, so that of two processes one migrates and the other finds the work done. Raises
    sqlite3.Error.
    """
    try:
        _upgrade(connection, version_table)
    except DBAPIError as wrapped:
        raise wrapped.orig or wrapped from wrapped


def _upgrade(connection: sqlite3.Connection, version_table: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    # SQLAlchemy ends whatever transaction it finds when it first connects: the lock is taken after that.
    with engine.connect() as joined:
        joined.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = joined
        config.attributes["version_table"] = version_table
        command.upgrade(config, "head")
        joined.commit()
