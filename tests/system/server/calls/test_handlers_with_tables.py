"""A handler with tables in a real server, in scenarios, in the simulator, and replayed."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.support.command import ncco
from tests.system.cli.projects import write_project
from tests.system.studio.console_pages.test_recorded_calls import pressing
from tests.system.studio.simulator.own_server import own_line

SHARED: Final = """\
shared: true
tables:
  callers: {key: {number: phone}, columns: {name: text, calls: int}}
  desk: {key: {day: date}, columns: {number: phone}}
"""
SHOP: Final = """\
from ncco_server import Call, Choice, call_flow


@call_flow(numbers=["442079460302"], defaults={"talk": {"language": "en-GB"}})
async def shop(call: Call) -> None:
    before = await call.row("callers", number=call.person)
    await call.save("callers", number=call.person, increase={"calls": 1})
    after = await call.row("callers", number=call.person)
    await call.talk(f"{before['name'] or 'Hello'}, {before['calls']} calls, now {after['calls']}.")
    if await call.choose("For the desk, press 1.", {"desk": Choice(1)}, tries=1) is None:
        await call.talk("Goodbye.")
        return
    is_first = await call.save("desk", day=call.now.date(), set={"number": call.person}, only_new=True)
    again = await call.save("desk", day=call.now.date(), only_new=True)
    desk = await call.row("desk", day=call.now.date())
    await call.talk(f"{'You have' if is_first else 'Somebody has'} the desk: {desk['number'][-3:]}, {again}.")
"""
SCENARIOS: Final = """\
a regular caller has the desk:
  to: "442079460302"
  from: "447911123456"
  at: "2026-03-04T12:00+00:00"
  tables: {callers: [{number: "447911123456", name: Ada, calls: 4}]}
  script:
    - hear: ["Ada, 4 calls, now 5.", "For the desk, press 1."]
    - press: 1
    - hear: "You have the desk: 456, False."
  expect:
    tables:
      callers: [{number: "447911123456", name: Ada, calls: 5}]
      desk: [{day: "2026-03-04", number: "447911123456"}]

a caller who withholds the number finds the desk taken:
  to: "442079460302"
  from: anonymous
  at: "2026-03-04T12:00+00:00"
  tables: {desk: [{day: "2026-03-04", number: "447911123777"}]}
  script:
    - hear: ["Hello, 0 calls, now 0.", "For the desk, press 1."]
    - press: 1
    - hear: "Somebody has the desk: 777, False."
  expect: {tables: {callers: []}}

the answer of a row is given:
  to: "442079460302"
  from: "447911123456"
  given: {row of callers: [{name: Ben, calls: 1}, {name: Ben, calls: 7}]}
  script:
    - hear: ["Ben, 1 calls, now 7.", "For the desk, press 1."]
    - silence
    - hear: "Goodbye."
"""
NOON: Final = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path, shared=SHARED)
    (tmp_path / "flows/shop.py").write_text(SHOP)
    monkeypatch.setenv("NCCO_PYTHON_FLOWS", "shop.py")
    return tmp_path


def test_scenarios_give_and_expect_the_rows_of_a_handler(project: Path) -> None:
    folder = project / "tests/scenarios"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.yaml").write_text(SCENARIOS)
    env = {"NCCO_PYTHON_FLOWS": "shop.py"}
    assert 0 == ncco("check", cwd=project, env=env).exit_code
    tested = ncco("test", cwd=project, env=env)
    assert 0 == tested.exit_code, tested.output
    (folder / "shop.yaml").write_text(SCENARIOS.replace("name: Ada, calls: 5", "name: Ada, calls: 6"))
    assert "the table callers has other rows" in ncco("test", cwd=project, env=env).output
    proved = ncco("prove", cwd=project, env=env)
    assert 0 == proved.exit_code, proved.output
    simulated = ncco("simulate", "shop", "1", cwd=project, env=env)
    assert "Hello, 0 calls, now 1." in simulated.output
    assert "You have the desk: 123, False." in simulated.output


async def test_a_recorded_call_is_replayed_with_the_rows_that_it_read(project: Path) -> None:
    env = {"NCCO_PYTHON_FLOWS": "shop.py", "NCCO_DATABASE_URL": f"sqlite:///{project}/calls.db"}
    async with own_line(project / "flows", start=NOON, database_url=env["NCCO_DATABASE_URL"]) as vonage:
        for caller in ("447911123456", "447911123456", "447911123777"):
            leg = await vonage.call("442079460302", caller)
            await pressing("1")(leg)
            await vonage.run()
    replayed = await asyncio.to_thread(ncco, "replay", leg.uuid, "--format", "json", cwd=project, env=env)
    assert [True, True] == [each["same"] for each in json.loads(replayed.stdout)["turns"]], replayed.stdout
