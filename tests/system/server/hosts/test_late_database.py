"""A host that starts before its PostgreSQL does, or with a PostgreSQL that it cannot use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from ncco_server.ncco import check
from tests.support import loopback, postgres_server
from tests.support.command import ncco
from tests.support.server import Server, running_server
from tests.support.waiting import happens
from tests.system.cli.projects import SHOP, write_project

CALL: dict[str, Any] = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
WITHIN_S = 40.0


def ask(server: Server, path: str, **fields: Any) -> httpx.Response:
    return loopback.post(f"http://{server.address}/webhooks/{path}", json={**CALL, **fields})


def is_unstored(answer: httpx.Response) -> bool:
    failure: str = answer.headers.get("ncco-failure", "")
    return failure == "no-store"


def test_a_host_that_starts_before_its_database_plays_the_failsafe_until_the_database_is_up(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    with postgres_server.running_server() as database:
        url = database.url(database.new_database())
        database.stop()
        env = {"NCCO_DATABASE_URL": url, "NCCO_KEY": "invented-key-of-both-hosts-for-tests-only", "NCCO_LOG": "json"}
        with running_server(tmp_path, cwd=tmp_path, env=env) as server:
            refused = [is_unstored(ask(server, "answer")) for _ in range(3)]
            fallback = ask(server, "fallback")
            unready = server.readiness()
            database.start()
            assert happens(lambda: not is_unstored(ask(server, "answer")), WITHIN_S)
            answer = ask(server, "answer")
            server.wait_until_ready()
            code = server.stop()

    assert ([True] * 3, 200, 503) == (refused, fallback.status_code, unready)
    assert [] == check(fallback.json())
    assert (200, "talk", 0) == (answer.status_code, answer.json()[0]["action"], code)
    assert 1 == server.printed.count("check that PostgreSQL runs"), server.printed
    assert 1 == server.printed.count('"store opened"')


@pytest.mark.parametrize(
    ("message", "user", "database"),
    [("refuses the user", f"{postgres_server.GUARDED}:wr0ng", "postgres"), ("does not exist", "", "nowhere")],
)
def test_an_unusable_database_fails_the_start(
    message: str, user: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = postgres_server.shared_server()
    server.ask("DROP ROLE IF EXISTS guarded")
    server.ask("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    write_project(tmp_path, shop=SHOP)
    monkeypatch.setenv("NCCO_DATABASE_URL", server.url(database, user or postgres_server.USER))
    monkeypatch.setenv("NCCO_KEY", "invented-key-of-both-hosts-for-tests-only")

    shown = ncco("serve", "--dev", "--port", "0")

    assert 2 == shown.exit_code
    assert message in shown.output
    assert "\n  fix: " in shown.output
