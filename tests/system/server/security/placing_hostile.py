"""Hostile values in every field of a call request: in the API, in the console's form, in CSV files and in hooks."""

from __future__ import annotations

import asyncio
import csv
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import click.testing
import httpx
import orjson

from ncco_server.desk.commands import main
from ncco_server.engine.dialling import refusal
from ncco_server.flow.loader import load
from ncco_server.service.library import released_row
from ncco_server.service.outbox import Verdict
from ncco_server.service.placing.hooks import places_calls
from ncco_server.service.turns import Policy, Turns
from ncco_server.store import HookRow, SqliteDatabase, Store, milliseconds
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.web.programs_app import programs_app
from ncco_studio.console.app import create_console
from tests.support.placing import PLAIN_REMINDER
from tests.system.server.security.nasty import Nasty
from tests.system.trial import Outcome, Trial
from tests.unit.studio.console.conftest import logged_in, settings_for

ALLOWED: Final = ("44",)
FILES: Final = {"flows/reminder.yaml": PLAIN_REMINDER, "flows/alarm.yaml": PLAIN_REMINDER.replace("reminder", "alarm")}
KEY: Final = "the key of a program"
ROWS: Final = 100
"""Rows in a CSV file."""
EXPECTED: Final = frozenset({200, 202, 303, 400, 401, 403, 404, 409, 413, 422})


@dataclass(slots=True)
class Requests:
    """The ways to request calls, and what went wrong.

    Attributes:
        replies: number of replies, by way and status.
    """

    folder: Path
    nasty: Nasty
    store: Store
    api: httpx.AsyncClient
    console: httpx.AsyncClient
    turns: Turns
    replies: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    async def ask_api(self) -> None:
        """Send a request to the API with some valid and some hostile fields."""
        nasty, dice = self.nasty, self.nasty.dice
        fields = {"flow": "reminder", "to": "447700900123", "with": {"name": "Ada"}, "at": "2026-03-04T12:00:00+00:00"}
        body: Any = {name: nasty.value() if dice.random() < 0.3 else value for name, value in fields.items()}
        if isinstance(body["with"], dict):
            body["with"] = {"name": nasty.value()} | ({nasty.text(): nasty.value()} if dice.random() < 0.2 else {})
        body |= {"expires": nasty.value()} if dice.random() < 0.3 else {}
        headers = {"Idempotency-Key": _latin(nasty.text()), "Content-Type": "application/json"}
        if dice.random() < 0.2:
            headers["Authorization"] = _latin(f"Bearer {nasty.text()}")
        content = json.dumps(body if dice.random() < 0.9 else nasty.value()).encode()
        self._judge("api", (await self.api.post("/calls", content=content, headers=headers)).status_code)
        query = {name: nasty.text() for name in ("flow", "state", "outcome", "before", "limit")}
        self._judge("api", (await self.api.get(f"/calls?{_encoded(query)}")).status_code)

    async def ask_console(self) -> None:
        """Send the console's form, then search for calls."""
        nasty, dice = self.nasty, self.nasty.dice
        fields = {"flow": "reminder", "to": "447700900123", "with.name": "Ada", "key": "1", "at": "", "expires": ""}
        form = {name: nasty.text() if dice.random() < 0.4 else value for name, value in fields.items()}
        form |= {f"with.{nasty.text()}": nasty.text()} if dice.random() < 0.2 else {}
        self._judge(
            "console", (await self.console.post("/calls/placed", content=_encoded(form), headers=_FORM)).status_code
        )
        query = {name: nasty.text() for name in ("q", "flow", "state", "batch", "before")}
        self._judge("console", (await self.console.get(f"/calls/placed?{_encoded(query)}")).status_code)

    async def ask_command(self) -> None:
        """Place calls from a CSV file; in about half of the files, all numbers are valid."""
        nasty = self.nasty
        is_hostile = nasty.dice.random() < 0.5
        file = self.folder / "people.csv"
        with file.open("w", encoding="utf-8", errors="replace", newline="") as opened:
            rows = csv.writer(opened)
            rows.writerow(["number", "name", *([nasty.text()] if is_hostile else [])])
            for _ in range(ROWS):
                rows.writerow([nasty.text() if is_hostile else "447700900123", nasty.text()])
        words = ["place", "reminder", "--csv", str(file), "--batch", nasty.text().replace("\0", "") or "batch"]
        words += ["--flows", str(self.folder / "flows"), "--templates", str(self.folder / "templates")]
        result = await asyncio.to_thread(click.testing.CliRunner(env=_environment(self.folder)).invoke, main, words)
        self.replies[f"command {result.exit_code}"] += 1
        if result.exit_code not in (0, 1, 2) or (result.exception and not isinstance(result.exception, SystemExit)):
            self.faults.append(f"command: {result.exception!r}")

    async def ask_hook(self) -> None:
        """Place a call with a hook, as a flow would render it: `to` and `with` can be anything."""
        nasty = self.nasty
        wanted = {"flow": "reminder", "to": nasty.text(), "with": {"name": nasty.text()}, "at": ""}
        if nasty.dice.random() < 0.3:
            wanted["to"] = "447700900123"
        now = datetime.now(UTC)
        hook = HookRow(
            id=f"{nasty.made:032x}",
            session="nobody",
            name="again",
            url="place:reminder",
            headers=b"{}",
            body=json.dumps(wanted, ensure_ascii=False).encode("utf-8", "replace"),
            created_at=milliseconds(now),
            due_at=milliseconds(now),
        )
        verdict = await places_calls(self.turns)(hook, now)
        self.replies[f"hook {verdict.outcome}"] += 1
        if verdict.outcome not in ("sent", "never"):
            self.faults.append(f"hook: {verdict}")

    async def judge_calls(self) -> int:
        """Check every stored call. Returns how many there are."""
        before, found = "", 0
        while rows := await self.store.placed.list(500, before):
            for row in rows:
                found += 1
                if refusal(row.number, ALLOWED) or not row.number.isascii() or row.flow not in ("reminder", "alarm"):
                    self.faults.append(f"{row.number} is called with {row.flow}")
                if not isinstance(orjson.loads(row.params), Mapping):
                    self.faults.append(f"{row.params} are no params")
            before = rows[-1].id
        return found

    def _judge(self, door: str, status: int) -> None:
        self.replies[f"{door} {status}"] += 1
        if status not in EXPECTED:
            self.faults.append(f"{door}: status {status}")


async def _no_post(_: HookRow, __: datetime) -> Verdict:
    raise AssertionError("this hook places a call")


@asynccontextmanager
async def open_requests(folder: Path, seed: int) -> AsyncIterator[Requests]:
    """Open all ways to request calls, on one database."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    database = folder / "calls.db"
    project = load(FILES)
    store = Store(SqliteDatabase(database))
    policy = Policy(keys=(b"key of the test",), failsafe=({"action": "talk", "text": "Sorry."},), dial_allow=ALLOWED)
    console = create_console(settings_for(folder, database_url=f"sqlite:///{database}", dial_allow="44"), dev=True)
    api = programs_app(Store(SqliteDatabase(database)), ALLOWED, policy.keys)
    async with store, api.router.lifespan_context(api), await logged_in(console) as desk:
        await store.replace_revision(released_row(project, datetime.now(UTC)))
        await store.api_keys.add(KEY, ApiKeyRow("crm", ("reminder",), 0))
        turns = Turns(store, lambda: project, policy)
        await turns.library.reload()
        await console.state.console.store.open()
        headers = {"Authorization": f"Bearer {KEY}"}
        transport = httpx.ASGITransport(api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            yield Requests(folder, Nasty(seed), store, client, desk, turns)
        await console.state.console.close()


_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def _encoded(fields: Mapping[str, str]) -> str:
    """The fields as a browser sends them; invalid Unicode becomes invalid UTF-8."""
    return urlencode(fields, errors="surrogatepass")


def _latin(text: str) -> str:
    """The text reduced to what a header can contain."""
    return "".join(letter for letter in text if " " <= letter <= "~") or "-"


def _environment(folder: Path) -> dict[str, str]:
    return {"NCCO_DATABASE_URL": f"sqlite:///{folder}/calls.db", "NCCO_DIAL_ALLOW": "44"}


ROUND: Final = 50
"""The number of requests between two CSV files."""


async def requests_attacked(trial: Trial) -> Outcome:
    """Put hostile values into requested calls: no other number is stored, and no request causes a server error."""
    async with open_requests(trial.folder, trial.seed) as requests:
        while requests.nasty.made < trial.size:
            for _ in range(ROUND):
                await requests.ask_api()
                await requests.ask_console()
                await requests.ask_hook()
            await requests.ask_command()
        stored = await requests.judge_calls()
    seen = [f"{requests.nasty.made:,} values; {stored:,} calls stored"]
    seen += [", ".join(f"{door}: {count:,}" for door, count in sorted(requests.replies.items()))]
    return Outcome(seen, sorted(set(requests.faults)))
