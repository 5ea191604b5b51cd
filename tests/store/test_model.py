"""Random orders of what the service does, on a database and on the plain store at once: both must say the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from app.errors import StoreError
from app.store import SqliteDatabase, Store
from tests.store.memory_store import MemoryStore
from tests.store.postgres_stores import make_postgres
from tests.store.stored_rows import revision_row, session_row, turn_row, webhook_row

IDS = st.sampled_from(["leg-1", "leg-2", "é", ""])
LEGS = st.sampled_from(["leg-1", "leg-2", ""])
STATUSES = st.sampled_from(["", "busy", "ringing"])
SMALL = st.integers(-1, 3)
TRUTHS = st.booleans()


class Stores(RuleBasedStateMachine):
    """Each rule asks both stores and compares what they answer, errors by their class."""

    def make(self) -> Store:
        return Store(SqliteDatabase(Path(self.folder.name) / "calls.db"))

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.kept = self.make()
        self.memory = MemoryStore()
        self.runner.run(self.kept.open())
        self.runner.run(self.memory.open())

    def teardown(self) -> None:
        self.runner.run(self.kept.close())
        self.runner.close()
        self.folder.cleanup()

    def outcome(self, asked: Coroutine[Any, Any, object]) -> object:
        try:
            return self.runner.run(asked)
        except StoreError as refused:
            return type(refused)

    def compare(self, method: str, *arguments: object) -> None:
        expected = self.outcome(getattr(self.memory, method)(*arguments))
        found = self.outcome(getattr(self.kept, method)(*arguments))

        assert expected == found

    @rule(id_=IDS, leg=LEGS, is_over=TRUTHS)
    def open_call(self, id_: str, leg: str, is_over: bool) -> None:
        self.compare("open_call", session_row(id_, leg=leg, is_over=is_over), turn_row(id_), webhook_row(id_))

    @rule(id_=IDS, leg=LEGS, version=st.integers(1, 5), number=st.integers(0, 4), status=STATUSES)
    def advance(self, id_: str, leg: str, version: int, number: int, status: str) -> None:
        session = session_row(id_, leg=leg, version=version, is_over=number == 4, state=b"%d" % version)
        turn = turn_row(id_, number, cause_status=status)
        self.compare("advance", session, turn, webhook_row(id_, number - 1, 0, status))

    @rule(id_=IDS, turn=SMALL, wait=SMALL, status=STATUSES)
    def record(self, id_: str, turn: int, wait: int, status: str) -> None:
        self.compare("record", webhook_row(id_, turn, wait, status))

    @rule(leg=LEGS, id_=IDS)
    def end(self, leg: str, id_: str) -> None:
        self.compare("end", leg, webhook_row(id_, 0, 0, "completed"))

    @rule(hash_=IDS, flow=IDS)
    def save_revisions(self, hash_: str, flow: str) -> None:
        self.compare("save_revisions", [revision_row(hash_, flow=flow), revision_row("beef")])

    @rule(hash_=IDS, flow=IDS)
    def replace_revision(self, hash_: str, flow: str) -> None:
        self.compare("replace_revision", revision_row(hash_, flow=flow))

    @rule(id_=IDS)
    def load(self, id_: str) -> None:
        self.compare("load", id_)
        self.compare("revision", id_)

    @rule(id_=IDS, turn=SMALL, wait=SMALL, status=st.none() | STATUSES)
    def reply(self, id_: str, turn: int, wait: int, status: str | None) -> None:
        self.compare("reply", id_, turn, wait, status)

    @rule(id_=IDS, turn=SMALL)
    def statuses(self, id_: str, turn: int) -> None:
        self.compare("statuses", id_, turn)

    @rule()
    def open_again(self) -> None:
        self.runner.run(self.kept.close())
        self.runner.run(self.kept.open())


class StoresWithPostgres(Stores):
    """The same on PostgreSQL."""

    def make(self) -> Store:
        return make_postgres()


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestStoresWithPostgres = StoresWithPostgres.TestCase
TestStoresWithPostgres.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
