"""The webhooks of a call in any order, twice, late or after its end. What is always true of a session:

- Its turns are numbered without gaps, and each answers a wait that the previous turn opened.
- No two turns answer the same delivery.
- Its version is the number of its turns, plus one once it is over.
- Once it is over, it gets no further turns.
- A repeated delivery gets the same bytes, whatever came in between.
- Each reply is an NCCO that can be played, or empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from ncco_server.flow.frame import CallbackKind
from ncco_server.ncco import check
from ncco_server.service.delivery import Reply
from tests.support.examples import examples
from tests.support.memory_store import MemoryStore
from tests.system.server.faults.served import PROJECT
from tests.unit.server.service.served_call import ANSWER, LEG, delivery, service_at

T = TypeVar("T")
Url = tuple[CallbackKind, str]

STATUSES: Final = ("started", "ringing", "answered", "busy", "timeout", "rejected", "failed", "completed", "human")
STEERED: Final = frozenset({"busy", "timeout", "rejected", "failed"})


class AnyOrder(RuleBasedStateMachine):
    """One call, and every callback URL that it ever got."""

    urls = Bundle("urls")

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.turns_at_end: int | None = None
        self.heard: dict[tuple[str, str, str], bytes] = {}

    @initialize(target=urls)
    def open(self) -> Any:
        """The first answer webhook."""
        self.run(self.store.open())
        self.service = self.run(service_at(self.store, PROJECT / "flows"))
        return multiple(*self.urls_of(self.run(self.service.answer(delivery(ANSWER)))))

    @rule(target=urls)
    def answer_again(self) -> Any:
        """The answer webhook again."""
        return multiple(*self.urls_of(self.run(self.service.answer(delivery(ANSWER)))))

    @rule(target=urls, url=urls, digits=st.sampled_from(["1", "2", "3", "4", "", "9"]))
    def press(self, url: Url, digits: str) -> Any:
        """Keys at a menu, for the first time or again."""
        if url[0] != "input":
            return multiple()
        fields = {"dtmf": {"digits": digits, "timed_out": not digits}, "uuid": LEG}
        return multiple(*self.send(url, fields, ""))

    @rule(target=urls, url=urls, status=st.sampled_from(STATUSES))
    def dial(self, url: Url, status: str) -> Any:
        """Any outcome of a dial."""
        if url[0] != "event":
            return multiple()
        return multiple(*self.send(url, {"status": status, "uuid": "aa01", "direction": "outbound"}, status))

    @rule(target=urls, url=urls)
    def reach(self, url: Url) -> Any:
        """A checkpoint, for the first time or again."""
        if url[0] != "notify":
            return multiple()
        return multiple(*self.send(url, {"payload": {"checkpoint": "any"}, "conversation_uuid": "CON-1"}, ""))

    @rule(url=urls)
    def record(self, url: Url) -> None:
        """A recording webhook, which can come at any time."""
        if url[0] == "event":
            self.send(
                url, {"recording_url": "https://api.nexmo.com/v1/files/1", "conversation_uuid": "CON-1"}, "record"
            )

    @rule()
    def hang_up(self) -> None:
        """The end of the leg, for the first time or again."""
        fields = {"status": "completed", "uuid": LEG, "direction": "inbound"}
        self.run(self.service.event(delivery(fields)))
        if self.turns_at_end is None:
            self.turns_at_end = len(self.store.turns[LEG])

    @invariant()
    def turns_follow_one_another(self) -> None:
        """The first two rules at the top of this module."""
        turns = self.store.turns.get(LEG, [])
        numbers = [turn.number for turn in turns]
        causes = [(turn.cause_turn, turn.cause_wait, turn.cause_status) for turn in turns]

        assert list(range(1, len(numbers) + 1)) == numbers
        assert [turn.number - 1 for turn in turns[1:]] == [turn.cause_turn for turn in turns[1:]]
        assert len(causes) == len(set(causes))

    @invariant()
    def the_version_counts(self) -> None:
        """The third rule at the top of this module."""
        session = self.store.sessions.get(LEG)

        assert session is None or len(self.store.turns[LEG]) + session.is_over == session.version

    @invariant()
    def what_is_over_stays_over(self) -> None:
        """The fourth rule at the top of this module."""
        assert self.turns_at_end is None or len(self.store.turns[LEG]) == self.turns_at_end

    def send(self, url: Url, fields: dict[str, Any], status: str) -> list[Url]:
        """Send a webhook to a callback URL. Returns the callback URLs in the reply."""
        reply = self.run(self.service.resume(url[0], url[1], delivery(fields)))
        key = (url[0], url[1], status)
        if reply.ncco and (url[0] != "event" or status in STEERED):
            assert self.heard.setdefault(key, reply.ncco) == reply.ncco
        elif key in self.heard:
            raise AssertionError(f"{key} was answered before, and is not any more")
        return self.urls_of(reply)

    def urls_of(self, reply: Reply) -> list[Url]:
        """The callback URLs in a reply, after a check that it can be played."""
        ncco = orjson.loads(reply.ncco) if reply.ncco else []
        assert [] == [issue.code for issue in check(ncco) if ncco and issue.severity == "error"]
        found = [url for action in ncco for url in action.get("eventUrl", ())]
        return [(url.rsplit("/", 2)[1], url.rsplit("/", 2)[2]) for url in found]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the service."""
        return asyncio.run(work)


AnyOrder.TestCase.settings = examples(60, stateful_step_count=25)
TestAnyOrder = AnyOrder.TestCase
