"""Hundreds of hostile keys and values in rows; `python -m tests.system.promises table_hostile` writes more."""

from __future__ import annotations

from pathlib import Path

from tests.system.server.security.table_hostile import write_rows

VALUES = 600


async def test_no_row_breaks_or_reveals_anything(tmp_path: Path) -> None:
    rows, stored = await write_rows(tmp_path, VALUES, seed=1)

    assert [] == sorted(set(rows.faults))[:20]
    assert stored > 50
    assert {"api 204", "console 303", "file 200", "call 204"} <= rows.replies.keys()
