"""Calls that flow files and handlers hand over to each other, and replayed."""

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

FRONT: Final = """\
flow: front
numbers: ["442079460301"]
start: begin
steps:
  begin: {do: [{talk: "Welcome."}], run: stock, with: {shelf: 1}, on: {sold: again, left: end}}
  again:
    do: [{talk: "Anything else?"}]
    choices: {more: {dtmf: 1, goto: {run: stock, with: {shelf: 2}}}}
    retry: {then: end}
"""
AGE: Final = """\
flow: age
outcomes: [adult, child]
start: ask
steps:
  ask:
    do: [{talk: "Are you of age? Press 1 for yes."}]
    choices: {yes_: {dtmf: 1, goto: {return: adult}}}
    retry: {tries: 1, then: {return: child}}
"""
BYE: Final = """\
flow: bye
params: {price: int}
start: bye
steps:
  bye:
    do: [{talk: "That is {{ price }} pounds."}]
    choices: {back: {dtmf: 1, goto: {run: stock, with: {shelf: 3}}}}
    retry: {then: end}
"""
STOCK: Final = """\
from itertools import count

from ncco_server import Call, Choice, RunFailed, call_flow

COUNT = count()


@call_flow(numbers=["442079460302"], outcomes=["sold", "left"], defaults={"talk": {"language": "en-GB"}})
async def stock(call: Call, shelf: int = 7) -> str:
    wine = await call.run(bottles, shelf)
    beer = await call.run(bottles, shelf + 10)
    await call.talk(f"There are {wine} and {beer} bottles.")
    try:
        await call.run(broken)
    except RunFailed:
        await call.talk("The till is closed.")
    if await call.run_flow("age", outcomes=["adult", "child"]) == "child":
        return "left"
    price = await call.run(price_of, shelf)
    if shelf == 1 and price is not None and wine % 1000 == price["pounds"] - 2:
        await call.run(not_found_by_exploring)
    if price is None:
        await call.goto("bye", price=0)
    if await call.choose(f"It costs {price['pounds']}. Press 1.", {"buy": Choice(1)}, tries=1) is None:
        return "left"
    if shelf != 1:
        await call.goto("bye", price=price["pounds"])
    return "sold"


def bottles(shelf: int) -> int:
    return shelf * 1000 + next(COUNT)


def broken() -> None:
    raise OSError("no till")


def not_found_by_exploring() -> str:
    return "found"


def price_of(shelf: int) -> dict[str, int] | None:
    return None if shelf == 3 else {"pounds": next(COUNT)}
"""
NOON: Final = datetime(2026, 3, 4, 12, tzinfo=UTC)
CALLS: Final = {
    "a flow file runs a handler that runs a flow file": ("442079460301", ("1", "1", "1", "", "")),
    "a handler goes to a flow file, which goes to it again": ("442079460302", ("1", "1", "1", "1")),
    "a handler is left early": ("442079460302", ("",)),
}


async def test_calls_are_replayed_with_the_results_of_each_of_their_handlers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, front=FRONT, age=AGE, bye=BYE)
    (tmp_path / "flows/stock.py").write_text(STOCK)
    monkeypatch.setenv("NCCO_PYTHON_FLOWS", "stock.py")
    monkeypatch.setenv("NCCO_DATABASE_URL", database := f"sqlite:///{tmp_path}/calls.db")
    legs = {}
    async with own_line(tmp_path / "flows", start=NOON, database_url=database) as vonage:
        for name, (to, keys) in CALLS.items():
            legs[name] = await vonage.call(to, "447911123456")
            await pressing(*keys)(legs[name])
            await vonage.run()

    for name, (_, keys) in CALLS.items():
        uuid = legs[name].uuid
        replayed = await asyncio.to_thread(ncco, "replay", uuid, "--format", "json", cwd=tmp_path)
        turns = json.loads(replayed.stdout)["turns"]
        assert [] == [each for each in turns if not each["same"]], name
        assert len(turns) >= len(keys), replayed.stdout
