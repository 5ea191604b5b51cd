"""Thousands of hostile values in call requests; `python -m tests.system.promises placing_hostile` sends more."""

from __future__ import annotations

from pathlib import Path

from tests.system.server.security.placing_hostile import open_requests

REQUESTS = 60


async def test_no_request_calls_another_number_or_breaks_anything(tmp_path: Path) -> None:
    async with open_requests(tmp_path, seed=1) as requests:
        for _ in range(REQUESTS):
            await requests.ask_api()
            await requests.ask_console()
            await requests.ask_hook()
        await requests.ask_command()
        found = await requests.judge_calls()

    assert [] == requests.faults
    assert found
    assert {"api 202", "api 400", "api 422", "api 401", "console 303", "console 422", "hook sent", "hook never"} <= {
        *requests.replies
    }
