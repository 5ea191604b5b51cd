"""The pages of calls that the webhook server answered, in virtual time."""

from __future__ import annotations

import html
import re
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from ncco_studio.console.app import create_console
from ncco_studio.simulator.legs import Leg
from tests.system.studio.simulator.own_server import own_line
from tests.unit.studio.console.conftest import REPOSITORY, logged_in, settings_for

Acts: TypeAlias = Callable[[Leg], Awaitable[None]]
WEDNESDAY: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
CALLER: Final = "447911123456"
BANK: Final = """\
flow: bank
numbers: ["442079460009"]
start: ask
vars: {pin: text}
lookups:
  account:
    python: "bank_of_tests:account"
    timeout: 3500ms
    with: {pin: "{{ pin }}"}
    returns: {owner: text, balance: {type: text, sensitive: true}}
    default: {owner: nobody, balance: "0"}
hooks:
  greeted: {post: "http://127.0.0.1:9/greeted"}
steps:
  ask:
    do: [{talk: "Please key in your PIN."}]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
    goto: account
  account: {lookup: account, branch: [{if: account.ok, goto: known}, {else: unknown}]}
  known: {send: greeted, do: [{talk: "Hello {{ account.owner }}."}], goto: more}
  unknown: {do: [{talk: "I do not know you."}], goto: more}
  more:
    do: [{talk: "For more, press 1."}]
    choices: {more: {dtmf: 1, goto: end}}
    retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: end}
"""
ACCOUNT: Final = """\
def account(pin):
    if pin == "00000000":
        raise OSError(f"no account for {pin}")
    return {"owner": "Ann", "balance": "4711835529 pounds"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("flows", "templates"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".*"))
    (tmp_path / "flows/bank.yaml").write_text(BANK)
    (tmp_path / "bank_of_tests.py").write_text(ACCOUNT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("NCCO_PYTHON_LOOKUPS", "bank_of_tests")
    return tmp_path


def database(project: Path) -> str:
    return f"sqlite:///{project}/calls.db"


async def record(project: Path, to: str, acts: Acts) -> str:
    """Make a call. Returns its id."""
    flows = project / "flows"
    async with own_line(flows, start=WEDNESDAY, database_url=database(project)) as vonage:
        leg = await vonage.call(to, CALLER)
        await acts(leg)
        await vonage.run()
        return leg.uuid


def pressing(*keys: str) -> Acts:
    """Press a key whenever the call waits ("" for silence), then listen to the end."""

    async def acts(leg: Leg) -> None:
        for each in keys:
            await leg.listen()
            await (leg.press(each) if each else leg.silence())
        if not leg.is_over:
            await leg.listen()

    return acts


async def page_of(project: Path, id_: str) -> str:
    settings = settings_for(project, database_url=database(project))
    console = create_console(settings, dev=True)
    async with await logged_in(console) as client:
        page = (await client.get(f"/calls/{id_}")).text
    await console.state.console.close()
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split()).replace(" ,", ",")


async def test_a_call_shows_lookup_answers_their_durations_and_its_hooks(project: Path) -> None:
    page = await page_of(project, await record(project, "442079460009", pressing("84021739", "1")))

    assert re.search(r'→ account: ok, in \d+ ms, \{"owner": "Ann", "balance": "••••", "ok": true\}', page), page
    line = BANK[: BANK.index("lookup: account")].count("\n") + 1
    assert f"flows/bank.yaml line {line}" in page
    assert "greeted waiting" in page
    assert not [secret for secret in ("84021739", "4711835529") if secret in page]


async def test_a_call_shows_why_a_lookup_failed_without_sensitive_values(project: Path) -> None:
    page = await page_of(project, await record(project, "442079460009", pressing("00000000", "1")))

    assert re.search(r"→ account: not ok: .*OSError.*, in \d+ ms", page)
    assert "no account for" not in page


async def test_a_damaged_call_is_shown(project: Path) -> None:
    id_ = await record(project, "442079460001", pressing("3"))
    with closing(sqlite3.connect(project / "calls.db")) as calls, calls:
        calls.execute("UPDATE calls SET state = ?", (b"{",))

    assert "For sales, press 1" in await page_of(project, id_)
