"""Random orders of what senders do with hooks, on a database and in memory at once: both must say the same."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.store import SqliteDatabase, Store
from tests.store.memory_store import MemoryStore
from tests.store.postgres_stores import make_postgres
from tests.store.stored_rows import NOON_MS, hook_row, webhook_row

LEASE_MS = 20
IDS = st.integers(0, 15).map(lambda number: f"h{number}")
TRIES = st.integers(1, 3)


class Outboxes(RuleBasedStateMachine):
    """Each rule asks both stores; hooks have growing numbers, so that the order of each session can be checked."""

    def make(self) -> Store:
        return Store(SqliteDatabase(Path(self.folder.name) / "calls.db"))

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.stores: tuple[Store, ...] = (MemoryStore(), self.make())
        self.now = NOON_MS
        self.written = 0
        for store in self.stores:
            self.runner.run(store.open())

    def teardown(self) -> None:
        for store in self.stores:
            self.runner.run(store.close())
        self.runner.close()
        self.folder.cleanup()

    def compare(self, method: str, *arguments: object) -> object:
        expected, found = (self.runner.run(getattr(store, method)(*arguments)) for store in self.stores)

        assert expected == found

        return found

    @rule(sessions=st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
    def come_in(self, sessions: list[str]) -> None:
        first, self.written = self.written, self.written + len(sessions)
        hooks = [
            hook_row(f"h{first + index}", session=session, due_at=self.now) for index, session in enumerate(sessions)
        ]
        for store in self.stores:
            self.runner.run(store.record(webhook_row(), hooks=hooks))

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        self.compare("has_due_hooks", self.now)
        self.compare("claim_hooks", self.now, self.now + LEASE_MS, limit)

    @rule(id_=IDS)
    def sent(self, id_: str) -> None:
        self.compare("hook_sent", id_, self.now)

    @rule(id_=IDS, tries=TRIES, wait=st.integers(0, 30))
    def failed(self, id_: str, tries: int, wait: int) -> None:
        self.compare("hook_failed", id_, tries, self.now + wait, f"failed at {self.now}")

    @rule(id_=IDS, tries=TRIES, wait=st.integers(0, 30))
    def put_off(self, id_: str, tries: int, wait: int) -> None:
        self.compare("put_off_hook", id_, tries, self.now + wait)

    @rule(id_=IDS, tries=TRIES)
    def park(self, id_: str, tries: int) -> None:
        self.compare("park_hook", id_, tries, f"parked at {self.now}", self.now)

    @rule(ids=st.none() | st.lists(IDS, max_size=3))
    def retry(self, ids: list[str] | None) -> None:
        self.compare("retry_hooks", ids, self.now)

    @rule(ids=st.none() | st.lists(IDS, max_size=3))
    def drop(self, ids: list[str] | None) -> None:
        self.compare("drop_hooks", ids)

    @rule(by=st.integers(1, 25))
    def pass_time(self, by: int) -> None:
        self.now += by

    @invariant()
    def both_hold_the_same(self) -> None:
        self.compare("hooks", 100)
        self.compare("count_hooks")

    @invariant()
    def the_first_that_waits_of_each_session_will_be_due(self) -> None:
        waiting = [hook for hook in self.runner.run(self.stores[0].hooks(100)) if not hook.is_parked]
        firsts = {hook.session: hook for hook in sorted(waiting, key=lambda hook: int(hook.id[1:]), reverse=True)}

        assert [] == [hook.id for hook in firsts.values() if hook.due_at is None]


class OutboxesWithPostgres(Outboxes):
    """The same on PostgreSQL."""

    def make(self) -> Store:
        return make_postgres()


TestOutboxesWithPostgres = OutboxesWithPostgres.TestCase
TestOutboxesWithPostgres.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
TestOutboxes = Outboxes.TestCase
TestOutboxes.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
