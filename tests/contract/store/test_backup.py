"""The recipe of docs/how-to/backup.md for PostgreSQL, run on a server of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from app.store import open_store
from tests.contract.store import postgres_server
from tests.contract.store.postgres_stores import make_postgres
from tests.contract.store.stored_rows import hook_row, new_call, next_turn, revision_row, session_row
from tests.system.docs.blocks import blocks_of

PAGE = "docs/how-to/backup.md"


def recipe(server: postgres_server.Server, database: str) -> str:
    """The lines of the page, for this server."""
    (block,) = [block for block in blocks_of(PAGE) if "pg_dump --format" in block.code]
    code = block.code.replace("@db.example.com/ncco_restored", f"@127.0.0.1:{server.port}/ncco_restored")
    code = code.replace("@db.example.com/ncco", f"@127.0.0.1:{server.port}/{database}")
    return code.replace("--host=db.example.com", f"--host=127.0.0.1 --port={server.port}")


async def test_dump_of_a_running_database_is_restored_with_all_that_it_had(tmp_path: Path) -> None:
    store, server = make_postgres(), postgres_server.shared_server()
    server.ask("DROP DATABASE IF EXISTS ncco_restored")
    await store.open()
    await store.open_call(*new_call("leg-1"))
    await store.advance(*next_turn("leg-1", 1), hooks=[hook_row()])
    await store.save_revisions([revision_row()])
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs in this loop
        ["sh", "-eu", "-c", recipe(server, postgres_server.shared_database())],
        cwd=tmp_path,
        env={"PATH": f"{server.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    await store.close()

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "the newest" in done.stdout

    restored = open_store(server.url("ncco_restored"))
    await restored.open()

    assert next_turn("leg-1", 1)[0] == await restored.load("leg-1")
    assert b"ncco leg-1 0" == await restored.reply("leg-1", -1, -1, "")
    assert [hook_row()] == await restored.hooks(9)
    assert revision_row() == await restored.revision("c0ffee")

    await restored.open_call(*new_call("leg-2"))

    assert session_row("leg-2") == await restored.load("leg-2")

    await restored.close()
