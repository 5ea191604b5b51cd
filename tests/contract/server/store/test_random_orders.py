"""Random sequences of operations on SQLite and PostgreSQL at once: both must give the same results."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ncco_server.store import Caused, EndOfCall, HookRow, ResultRow, Store, StoreError, open_store
from tests.support.examples import examples
from tests.support.postgres_stores import make_postgres
from tests.support.stored_rows import NOON_MS, hook_row, session_row, turn_row, webhook_row

LEASE_MS = 20
HOOKS = st.integers(0, 12).map(lambda number: f"h{number}")
TRIES = st.integers(1, 3)
CALLS = st.sampled_from(["leg-1", "leg-2", "é", ""])
LEGS = st.sampled_from(["leg-1", "leg-2", ""])
STATUSES = st.sampled_from(["", "busy"])


class Databases(RuleBasedStateMachine):
    """Each rule runs on both. Hooks have increasing numbers, so the order in each session can be checked."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stores: tuple[Store, ...] = (open_store("memory://"), make_postgres())
        self.now = NOON_MS
        self.hooks = 0
        for store in self.stores:
            self.runner.run(store.open())

    def teardown(self) -> None:
        for store in self.stores:
            self.runner.run(store.close())
        self.runner.close()

    def compare(self, method: str, *arguments: object, **others: object) -> Any:
        found = [self._outcome(attrgetter(method)(store)(*arguments, **others)) for store in self.stores]

        assert found[0] == found[1]

        return found[0]

    def _outcome(self, asked: Any) -> object:
        try:
            found = self.runner.run(asked)
        except StoreError as refused:
            return type(refused)
        is_of_results = isinstance(found, list) and all(isinstance(each, ResultRow) for each in found)
        # PostgreSQL leaves out the key of a call that it refuses
        return [each._replace(call_key=0) for each in found] if is_of_results else found

    def new_hooks(self, session: str, count: int) -> list[HookRow]:
        first, self.hooks = self.hooks, self.hooks + count
        return [hook_row(f"h{first + place}", session=session, due_at=self.now) for place in range(count)]

    @rule(id_=CALLS, leg=LEGS, is_over=st.booleans())
    def open_call(self, id_: str, leg: str, is_over: bool) -> None:
        self.compare("open_call", session_row(id_, leg=leg, is_over=is_over), turn_row(id_), webhook_row(id_))

    @rule(id_=CALLS, leg=LEGS, version=st.integers(1, 4), number=st.integers(0, 3), status=STATUSES)
    def advance(self, id_: str, leg: str, version: int, number: int, status: str) -> None:
        session = session_row(id_, leg=leg, version=version, state=b"%d" % version)
        turn = turn_row(id_, number, cause_status=status)
        self.compare("advance", session, turn, webhook_row(id_, number - 1, 0, status))

    @rule(id_=CALLS, turn=st.integers(-1, 2), wait=st.integers(-1, 1), status=STATUSES, count=st.integers(0, 2))
    def record(self, id_: str, turn: int, wait: int, status: str, count: int) -> None:
        self.compare("record", webhook_row(id_, turn, wait, status), Caused(self.new_hooks(id_, count)))

    @rule(leg=LEGS, id_=CALLS)
    def end(self, leg: str, id_: str) -> None:
        calls = [EndOfCall(row.id, row.version, "inbound") for row in self.compare("calls_of", leg)]
        self.compare("end", leg, calls, webhook_row(id_, 0, 0, "completed"), Caused(self.new_hooks(id_, 1)))

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        self.compare("hooks.has_due", self.now)
        self.compare("hooks.claim", self.now, self.now + LEASE_MS, limit)

    @rule(id_=HOOKS)
    def sent(self, id_: str) -> None:
        self.compare("hooks.sent", id_, self.now)

    @rule(id_=HOOKS, tries=TRIES, wait=st.integers(0, 30))
    def failed(self, id_: str, tries: int, wait: int) -> None:
        self.compare("hooks.failed", id_, tries, self.now + wait, f"failed at {self.now}")
        self.compare("hooks.put_off", id_, tries + 1, self.now + wait)

    @rule(id_=HOOKS, tries=TRIES)
    def park(self, id_: str, tries: int) -> None:
        self.compare("hooks.park", id_, tries, f"parked at {self.now}", self.now)

    @rule(ids=st.none() | st.lists(HOOKS, max_size=3))
    def retry_or_drop(self, ids: list[str] | None) -> None:
        self.compare("hooks.retry", ids, self.now)
        self.compare("hooks.drop", ids and ids[:1])

    @rule(by=st.integers(1, 25))
    def pass_time(self, by: int) -> None:
        self.now += by

    @rule(id_=CALLS, turn=st.integers(-1, 2), status=st.none() | STATUSES)
    def read(self, id_: str, turn: int, status: str | None) -> None:
        self.compare("load", id_)
        self.compare("calls_of", id_)
        self.compare("reply", id_, turn, 0, status)
        self.compare("statuses", id_, turn)

    @invariant()
    def the_first_hook_of_each_session_will_be_due(self) -> None:
        waiting = [hook for hook in self.compare("hooks.first", 100) if not hook.is_parked]
        firsts = {hook.session: hook for hook in sorted(waiting, key=lambda hook: int(hook.id[1:]), reverse=True)}

        assert [] == [hook.id for hook in firsts.values() if hook.due_at is None]


TestDatabases = Databases.TestCase
TestDatabases.settings = examples(10, stateful_step_count=40)
