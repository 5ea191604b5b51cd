"""Which schema a SQLite file has, found without changing it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from app.store.schema import Schema, compared
from app.store.sqlite.faults import unusable
from app.store.sqlite.opening import SCHEMAS, found_schema


def schema_of(path: Path, wait_ms: int) -> Schema:
    """The schema of a file; a file that is not there or empty has none. Raises StoreError. Blocks."""
    if not path.is_file():
        return compared("", SCHEMAS)
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=wait_ms / 1000)
        try:
            return compared(found_schema(path, connection), SCHEMAS)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unusable(path, error) from error
