"""Hostile keys and values of rows, written by the API, the console, the command and files, and shown everywhere."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import click.testing
import httpx
from structlog.testing import capture_logs

from ncco_server.desk.commands import main
from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.service.library import released_row
from ncco_server.store import Store, open_store
from ncco_server.store.api_keys import ApiKeyRow
from ncco_server.store.sql import ROWS_TABLE
from ncco_server.web.programs_app import programs_app
from ncco_studio.console.app import create_console
from tests.system.server.security.nasty import CORPUS, Nasty
from tests.system.studio.console_pages.test_hostile_values import Tags
from tests.system.trial import Outcome, Trial
from tests.unit.server.service.served_call import POLICY, ServedCall, service_at
from tests.unit.studio.console.conftest import logged_in, settings_for

SHARED: Final = """\
shared: true
tables:
  notes:
    key: {title: text}
    columns: {text: text, calls: int, link: url, day: date, pin: {type: text, sensitive: true}}
  guarded: {key: {title: text}, columns: {text: text}}
hooks: {told: {post: "https://crm.example.com/told"}}
lookups: {note: {table: notes, title: spoken}}
"""
MAIN: Final = """\
flow: main
default: true
start: speak
steps:
  speak:
    lookup: note
    send: told
    do:
      - talk: "Your note is {{ note.text }}."
      - talk: "<speak>Your note is <break time='1s'/> {{ note.text }}.</speak>"
    branch:
      - if: note.pin == "0000"
        goto: end
      - else: end
"""
FILES: Final = {"flows/shared.yaml": SHARED, "flows/main.yaml": MAIN}
CANARIES: Final = tuple(f"canary-{number}-of-a-pin" for number in range(8))
FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Characters that begin a formula. Source: OWASP, CSV Injection."""
KEY: Final = "the key of a program"
EXPECTED: Final = frozenset({200, 204, 303, 400, 404, 405, 412, 413, 422})
FILE_ROWS: Final = 20
_TAG: Final = re.compile(r"<\s*/?\s*([A-Za-z!?][\w:-]*)")


@dataclass(slots=True)
class Rows:
    """The ways to write rows, and what went wrong.

    Attributes:
        replies: number of replies, by way and status.
        seen: everything that people and programs were shown.
    """

    folder: Path
    nasty: Nasty
    store: Store
    api: httpx.AsyncClient
    console: httpx.AsyncClient
    calls: CallService
    replies: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def _row(self) -> dict[str, Any]:
        """Some hostile columns, and one of the canaries."""
        dice = self.nasty.dice
        row = {name: self.nasty.text() for name in ("calls", "link", "day") if dice.random() < 0.1}
        return {**row, "text": self.nasty.text(), "pin": dice.choice(CANARIES)}

    def _see(self, way: str, reply: httpx.Response) -> httpx.Response:
        self.replies[f"{way} {reply.status_code}"] += 1
        if reply.status_code not in EXPECTED:
            self.faults.append(f"{way}: status {reply.status_code}")
        self.seen.append(f"{reply.headers}{reply.text}")
        if reply.headers.get("content-type", "").startswith("text/html") and (active := Tags(reply.text).active):
            self.faults.append(f"{way}: {active}")
        return reply

    async def by_api(self) -> None:
        """Write one row and several, read them, and search for one."""
        nasty = self.nasty
        title = nasty.text()
        path = f"/tables/notes/{quote(title, safe='', errors='surrogatepass')}"
        url = httpx.URL("http://api").copy_with(raw_path=path.encode())
        columns = {**self._row(), **({nasty.text(): nasty.value()} if nasty.dice.random() < 0.2 else {})}
        self._see("api", await self.api.request(nasty.dice.choice(("PUT", "PATCH")), url, content=_json(columns)))
        self._see("api", await self.api.get(url))
        rows = [{"title": nasty.text(), **self._row()} for _ in range(3)]
        removed = [{"title": nasty.text()}] if nasty.dice.random() < 0.1 else []
        self._see("api", await self.api.post("/tables/notes", content=_json({"rows": rows, "remove": removed})))
        query = urlencode({"search": nasty.text()[:200], "after": nasty.text()[:600]}, errors="surrogatepass")
        self._see("api", await self.api.get(f"/tables/notes?{query}"))

    async def by_console(self) -> None:
        """Send the form of a row, open the row, and search."""
        title = self.nasty.text()
        form = {"key.title": title, **{f"column.{name}": text for name, text in self._row().items()}}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._see("console", await self.console.post("/tables/notes/row", content=_form(form), headers=headers))
        self._see("console", await self.console.get(f"/tables/notes/row?{_form({'key': title})}"))
        self._see("console", await self.console.get(f"/tables/notes?{_form({'q': self.nasty.text()[:200]})}"))

    async def by_file(self) -> None:
        """Import a file in the console, and by the command, and change a row by the command."""
        written = io.StringIO()
        table = csv.writer(written)
        table.writerow(["title", "text", "pin"])
        is_hostile = self.nasty.dice.random() < 0.5  # a file with one wrong cell is refused as a whole
        for number in range(FILE_ROWS):
            title = self.nasty.text() if is_hostile else f"row {number}"
            text = self.nasty.text() if is_hostile else f"={number}"
            table.writerow([title, text, self.nasty.dice.choice(CANARIES)])
        content = written.getvalue().encode("utf-8", "replace")
        file = {"file": ("rows.csv", content, "text/csv")}
        self._see("file", await self.console.post("/tables/notes/import", files=file))
        (self.folder / "rows.csv").write_bytes(content)
        await self._command("import", str(self.folder / "rows.csv"))
        row = (f"{name}={value}" for name, value in self._row().items())
        await self._command("set", "--", self.nasty.text(), *row)
        await self._command("show", "--search", self.nasty.text())

    async def _command(self, *words: str) -> str:
        env = {"NCCO_DATABASE_URL": f"sqlite:///{self.folder}/calls.db"}
        arguments = ["table", "notes", words[0], "--in", str(self.folder / "flows"), *words[1:]]
        result = await asyncio.to_thread(click.testing.CliRunner(env=env).invoke, main, arguments)
        self.replies[f"command {result.exit_code}"] += 1
        if result.exit_code not in (0, 1, 2) or (result.exception and not isinstance(result.exception, SystemExit)):
            self.faults.append(f"command {words[0]}: {result.exception!r}")
        self.seen.append(result.output)
        return result.stdout_bytes.decode()

    async def by_call(self, number: int) -> None:
        """Speak a hostile value, and send it in a hook."""
        row = {"text": self.nasty.text(), "pin": self.nasty.dice.choice(CANARIES)}
        self._see("call", await self.api.patch("/tables/notes/spoken", content=_json(row)))
        call = ServedCall(self.calls)
        leg = f"{number:08x}-0000"
        await call.ring(uuid=leg, conversation_uuid=f"CON-{leg}")
        self.seen.append(json.dumps(call.ncco))
        if ["talk", "talk"] != [action["action"] for action in call.ncco]:
            self.faults.append(f"the call plays {call.ncco}")
            return
        plain, marked = call.said
        if _TAG.search(plain):
            self.faults.append(f"a tag in {plain}")
        if ["speak", "break", "speak"] != _TAG.findall(marked):
            self.faults.append(f"tags in {marked}")

    async def judge(self) -> int:
        """Check what is stored, and how it is shown. Returns the number of rows."""
        stored, after = list[Any](), ""
        while piece := await self.store.tables.of_table("notes", after):
            stored += piece
            after = piece[-1].name
        if [("guarded", {"text": "as it was"})] != [
            (row.name.partition("[")[0], row.columns) for row in await self.store.tables.of_table("guarded")
        ]:
            self.faults.append("another table was changed")
        shown, query = list[Any](), ""
        while True:
            page = (await self.api.get(f"/tables/notes?{query}")).json()
            shown += page["rows"]
            if page["next"] is None:
                break
            query = _form({"after": page["next"]})
        public = [{name: value for name, value in row.columns.items() if name != "pin"} for row in stored]
        if public != [row["columns"] for row in shown]:
            self.faults.append("the API shows other rows")
        exported = self._see("export", await self.console.get("/tables/notes/rows.csv")).text
        if exported != await self._command("export"):
            self.faults.append("the command exports other rows")
        await self._judge_file(exported, len(stored))
        path: str | None = "/tables/notes"
        while path:
            page_text = self._see("console", await self.console.get(path)).text
            found = re.search(r'href="([^"]*)">More rows', page_text)
            path = found[1].replace("&amp;", "&") if found else None
        return len(stored)

    async def _judge_file(self, text: str, rows: int) -> None:
        lines = list(csv.reader(io.StringIO(text, newline="")))
        if len(lines) != rows + 1 or {len(line) for line in lines} != {5}:
            self.faults.append(f"the file has {len(lines)} lines instead of {rows + 1}, or other cells")
        numbers = re.compile(r"-?[0-9.]+")
        self.faults += [
            f"the cell {cell!r}"
            for line in lines
            for cell in line
            if cell[:1] in FORMULA and cell and not numbers.fullmatch(cell)
        ]

    def judge_canaries(self, logs: str) -> None:
        """Check that no canary is anywhere but in its column: calls, turns and hooks are in other tables."""
        shown = "".join(self.seen) + logs + "".join(_texts_of(self.folder / "calls.db"))
        self.faults += [f"{canary} is shown" for canary in CANARIES if canary in shown]


def _texts_of(database: Path) -> Iterator[str]:
    """All values in a database, without those of declared tables."""
    with closing(sqlite3.connect(database)) as opened:
        for (table,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table != ROWS_TABLE:
                for row in opened.execute(f'SELECT * FROM "{table}"'):
                    yield "".join(each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _form(fields: Mapping[str, str]) -> str:
    return urlencode(fields, errors="surrogatepass")


async def write_rows(folder: Path, values: int, seed: int) -> tuple[Rows, int]:
    """Write rows until this many values have been used. Returns the number of stored rows, too."""
    with capture_logs() as logs:
        async with open_rows(folder, seed) as rows:
            for title in CORPUS:
                await rows.api.post("/tables/notes", content=_json({"rows": [{"title": title, "text": title}]}))
            number = 0
            while rows.nasty.made < values:
                for _ in range(10):
                    await rows.by_api()
                    await rows.by_console()
                    await rows.by_call(number)
                    number += 1
                await rows.by_file()
            stored = await rows.judge()
            rows.judge_canaries(str(logs))
    return rows, stored


@asynccontextmanager
async def open_rows(folder: Path, seed: int) -> AsyncIterator[Rows]:
    """Open all ways to write rows, on one database."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    url = f"sqlite:///{folder}/calls.db"
    console = create_console(settings_for(folder, database_url=url), dev=True)
    api = programs_app(open_store(url), (), POLICY.keys)
    async with open_store(url) as store:
        await store.replace_revision(released_row(load(FILES), datetime.now(UTC)))
        await store.api_keys.add(KEY, ApiKeyRow("crm", (), 0, ("notes", "guarded")))
        calls = await service_at(store, folder / "flows")
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        transport = httpx.ASGITransport(api, raise_app_exceptions=False)
        async with (
            api.router.lifespan_context(api),
            httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client,
            await logged_in(console) as desk,
        ):
            desk.headers["Accept"] = "text/html"
            await client.put("/tables/guarded/here", content=_json({"text": "as it was"}))
            yield Rows(folder, Nasty(seed), store, client, desk, calls)
        await console.state.console.store.close()


async def rows_attacked(trial: Trial) -> Outcome:
    """Put hostile keys and values into rows: nothing is injected, and no canary of a sensitive column is shown."""
    rows, stored = await write_rows(trial.folder, trial.size, trial.seed)
    seen = [f"{rows.nasty.made:,} values; {stored:,} rows stored"]
    seen += [", ".join(f"{way}: {count:,}" for way, count in sorted(rows.replies.items()))]
    return Outcome(seen, sorted(set(rows.faults)))
