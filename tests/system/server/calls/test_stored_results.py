"""The stored results of calls to all examples are those of the oracle, and stay when flows change.

Two hosts answer, and are killed in turn.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ncco_studio.console.app import create_console
from tests.support.fork_server import NCCO, run
from tests.support.postgres_stores import ask, empty_database
from tests.system.cli.running import plain_environment
from tests.system.server.calls.played_examples import compare, play_examples, write_examples
from tests.system.server.calls.result_oracle import Ask
from tests.system.server.hosts.host import KEY, hosts_of
from tests.unit.studio.console.conftest import logged_in, settings_for

SHOWN = {
    "/home": r'href="(?:/calls\?since=today|#missed)"><strong>\d+</strong>|href="/calls/[0-9a-f]{32}"|\d+ times',
    "/calls": r'href="/calls/[0-9a-f]{32}"|class="badge result.*?</span>',
    "/report": r'<ul class="stats".*?</ul>|<svg class="chart".*?</svg>|<table.*?</table>',
}
"""What the pages show of results. Names of steps and the form of numbers may follow the flows of the day."""


def rename(text: str) -> str:
    """Rename flows and steps, but not where they are used."""
    return re.sub(r"^(flow: |start: |  )(\w+)(:?)$", r"\1new_\2\3", text, flags=re.MULTILINE)


CHANGES: dict[str, Callable[[str], str] | None] = {
    "renamed": rename,
    "deleted": None,
}


def ask_file(path: Path) -> Ask:
    def read(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(sql).fetchall()

    return read


async def shown(url: str, project: Path) -> dict[str, list[str]]:
    """What pages and commands show of results."""
    found = {}
    console = create_console(settings_for(project, database_url=url, key=KEY), dev=True)
    async with await logged_in(console) as client:
        for address, pattern in SHOWN.items():
            page = await client.get(address)
            assert 200 == page.status_code, page.text
            found[address] = re.findall(pattern, page.text, re.DOTALL)
    await console.state.console.store.close()
    env = plain_environment(project, NCCO_DATABASE_URL=url, NCCO_KEY=KEY)
    for words in (["report", "--timezone", "UTC"], ["calls", "--limit", "100"]):
        done = run(
            [NCCO, *words, "--format", "json"], env=env, cwd=project, check=False, capture_output=True, text=True
        )
        assert 0 == done.returncode, done.stderr
        found[words[0]] = [json.loads(done.stdout)]
    return found


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_stored_results_match_the_oracle_and_stay_when_flows_change(tmp_path: Path, database: str) -> None:
    await agree_and_stay(tmp_path, database, calls=36, kills=1)


@pytest.mark.usefixtures("night")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_stored_results_of_a_thousand_calls_match_the_oracle(tmp_path: Path, database: str) -> None:
    await agree_and_stay(tmp_path, database, calls=1_000, kills=10)


async def agree_and_stay(tmp_path: Path, database: str, *, calls: int, kills: int) -> None:
    url = empty_database() if database == "postgres" else f"sqlite:///{tmp_path}/calls.db"
    read = ask if database == "postgres" else ask_file(tmp_path / "calls.db")
    project = tmp_path / "host-0"
    with hosts_of(tmp_path, url, (write_examples, write_examples)) as hosts:
        failed = await play_examples(hosts, calls, kills=kills)
    found = await compare(url, read, project)
    before = await shown(url, project)

    assert ([], []) == (found.wrong, failed)
    assert calls <= found.results.total()
    assert len(found.results) >= 3
    assert all(before.values())
    for change in CHANGES.values():
        for file in (project / "flows").iterdir():
            if change is None:
                file.unlink()
            else:
                file.write_text(change(file.read_text("utf-8")), "utf-8")
        assert before == await shown(url, project)
