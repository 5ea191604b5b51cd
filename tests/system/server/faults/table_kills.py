"""Kills a server again and again while calls change rows of tables, and compares the rows with the calls.

Each call counts in its variables, or in a handler's results, what it has written to the rows: the same transaction
stores them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from tests.system.server.faults.killing import WEBHOOKS_PER_KILL, Losses, Rows, kill_again_and_again, told
from tests.system.server.faults.phone import Luck
from tests.system.trial import Outcome, Trial, counted

TILL: Final = Path(__file__).with_name("till") / "flows"
TILL_IN_PYTHON: Final = Path(__file__).with_name("till_in_python") / "flows"
TWICE: Final = 0.2
"""The share of webhooks that come twice at the same moment."""


@dataclass
class Saved:
    """What the rows contain after the last kill, and violations after any kill."""

    losses: Losses = field(default_factory=Losses)
    visits: int = 0
    firsts: int = 0
    ends: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def compare(self, rows: Rows) -> None:
        """Compare every row with the variables of the calls."""
        visits = Counter[str]()
        firsts = Counter[str]()
        ends = Counter[str]()
        for id_, is_over, state in rows("SELECT id, is_over, state FROM calls"):
            variables = orjson.loads(state)["variables"]
            results = [(name, value) for name, _, value, *_ in variables.get("recorded", [])[1:]]
            visits[id_] = variables.get("visits", results.count(("save in sums", True)))
            firsts[id_] = variables.get("firsts", results.count(("save in moments", True)))
            ends[id_] = int(is_over)
        tables: dict[str, dict[str, tuple[dict[str, Any], int]]] = {"sums": {}, "visitors": {}, "moments": {}}
        for name, columns, version in rows("SELECT name, columns, version FROM ncco_rows"):
            table, _, key = name.partition("[")
            tables[table][key[1:-2]] = orjson.loads(columns), version
        self.visits = visits.total()
        self.ends = ends.total()
        self.firsts = firsts.total()
        counted = {id_: columns.get("visits", 0) for id_, (columns, _) in tables["visitors"].items()}
        ended = {id_: columns.get("ends", 0) for id_, (columns, _) in tables["visitors"].items()}
        written = {id_: version for id_, (_, version) in tables["visitors"].items()}
        first = Counter(columns["by"] for columns, _ in tables["moments"].values())
        all_visits = tables["sums"]["all"][0]["visits"] if tables["sums"] else 0
        self.faults["the sum of all calls is wrong"] += all_visits != self.visits
        self.faults["a call's visits were not each counted once"] += counted != +visits
        self.faults["a call's end was not counted once"] += +Counter(ended) != +ends
        self.faults["a row was not written once for each change"] += written != +(visits + ends)
        self.faults["a call was not told the truth about being first"] += +first != +firsts
        self.faults["a new row was written twice"] += any(version > 1 for _, version in tables["moments"].values())


async def kill_while_calls_save(
    folder: Path, kills: int, webhooks: int, *, url: str = "", seed: int = 1, phones: int = 24, flows: Path = TILL
) -> Saved:
    """Kill and restart a server; `url` is that of its database, by default a SQLite file in `folder`."""
    saved = Saved()
    saved.losses = await kill_again_and_again(
        folder,
        kills,
        webhooks,
        seed=seed,
        phones=phones,
        luck=Luck(twice=TWICE),
        url=url,
        look=lambda rows, _: saved.compare(rows),
        tells_ends=False,
        NCCO_FLOWS=str(flows),
        NCCO_PYTHON_FLOWS="till.py" if flows == TILL_IN_PYTHON else "",
        NCCO_KEY="a key of the till, which is not secret",
    )
    saved.faults = +(saved.faults + saved.losses.faults)
    return saved


async def tables_killed(trial: Trial) -> Outcome:
    """Kill a server while calls change rows: each change is written once."""
    saved = await kill_while_calls_save(
        trial.folder, trial.size, trial.size * WEBHOOKS_PER_KILL, url=trial.url(), seed=trial.seed
    )
    seen = [
        *told(saved.losses),
        f"{saved.visits} visits, of which {saved.firsts} were the first of their moment; {saved.ends} ends",
    ]
    unlucky = [] if saved.losses.unanswered else ["no kill came while a webhook was being handled"]
    return Outcome(seen, [*counted(saved.faults), *unlucky])
