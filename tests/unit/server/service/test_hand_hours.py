"""Hours decided by hand: one row per calendar, on every host, which expires by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ncco_server.errors import StoreUnavailable
from ncco_server.flow.hours.calendar import ByHand, Calendar, Span, seconds
from ncco_server.flow.loader import load
from ncco_server.flow.nodes import Place
from ncco_server.service.calls import CallService
from ncco_server.service.hand_hours import RecentHandHours, decide, hand_hours, undecide
from ncco_server.store import SqliteDatabase, Store
from tests.support.postgres_stores import make_postgres
from tests.unit.server.service.served_call import NOON, POLICY, ServedCall

STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda folder: Store(SqliteDatabase(folder / "calls.db")),
    "postgres": make_postgres,
}
SHARED = 'shared: true\nhours: {salon: {timezone: Europe/London, week: {mon-sun: "00:00-24:00"}}}\n'
HANDLER = """\
from ncco_server import Call, Choice, call_flow

@call_flow(default=True)
async def salon(call: Call) -> None:
    await call.talk("Open." if call.hours("salon").open else "Closed.")
    await call.choose("Press 1.", {"book": Choice(1)}, tries=1)
    await call.talk("Goodbye.")
"""
ALWAYS = ((Span(0, 1440),),) * 7
SALON = Calendar("salon", ZoneInfo("Europe/London"), ALWAYS, {}, {}, Place("main.yaml", 3, 1))
OTHER = Calendar("salon", ZoneInfo("Europe/London"), ALWAYS, {}, {}, Place("other.yaml", 3, 1))
NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def closing(start: datetime, end: datetime, reason: str = "") -> ByHand:
    return ByHand(False, seconds(start), seconds(end), reason, "ada")


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
async def test_a_closing_is_seen_through_another_connection_until_it_ends(
    make: Callable[[Path], Store], tmp_path: Path
) -> None:
    async with make(tmp_path) as store:
        await decide(store.tables, SALON, closing(NOW, NOW + HOUR), NOW)

        async def is_open(at: datetime) -> bool:
            return SALON.with_hand((await hand_hours(store.tables, at)).get(SALON.key, ())).is_open(at)

        assert [False, False, True] == [
            await is_open(at) for at in (NOW, NOW + HOUR - timedelta(seconds=1), NOW + HOUR)
        ]
        assert OTHER.key not in await hand_hours(store.tables, NOW)
        assert not await hand_hours(store.tables, NOW + timedelta(days=3))


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
async def test_open_again_keeps_what_comes_later_and_what_earlier_turns_have_read(
    make: Callable[[Path], Store], tmp_path: Path
) -> None:
    async with make(tmp_path) as store:
        tomorrow = closing(NOW + timedelta(days=1), NOW + timedelta(days=2), "a staff outing")
        await decide(store.tables, SALON, tomorrow, NOW)
        now = closing(NOW, NOW + 2 * HOUR)
        await decide(store.tables, SALON, now, NOW)
        assert await undecide(store.tables, SALON, now, NOW + HOUR, "ada")
        assert not await undecide(store.tables, SALON, now, NOW + HOUR, "ada")
        assert not await undecide(store.tables, SALON, closing(NOW, NOW + 3 * HOUR), NOW + HOUR, "ada")
        found = SALON.with_hand((await hand_hours(store.tables, NOW + HOUR))[SALON.key])
        assert (False, True, False) == tuple(
            found.is_open(at) for at in (NOW, NOW + HOUR, NOW + timedelta(days=1, hours=1))
        )
        assert "a staff outing" == found.at(NOW + timedelta(days=1)).holiday
        await undecide(store.tables, SALON, tomorrow, NOW + HOUR, "ada")
        left = SALON.with_hand((await hand_hours(store.tables, NOW + HOUR))[SALON.key])
        assert left.is_open(NOW + timedelta(days=1, hours=1))


async def test_two_people_at_once_both_count(tmp_path: Path) -> None:
    async with STORES["sqlite"](tmp_path) as store, STORES["sqlite"](tmp_path) as other:
        first = closing(NOW + timedelta(days=1), NOW + timedelta(days=2))
        second = closing(NOW + timedelta(days=3), NOW + timedelta(days=4))
        await asyncio.gather(decide(store.tables, SALON, first, NOW), decide(other.tables, SALON, second, NOW))
        assert {first, second} == {*(await hand_hours(store.tables, NOW))[SALON.key]}


async def test_webhooks_read_it_once_a_second_and_see_a_closing_of_another_process_after_that(tmp_path: Path) -> None:
    async with STORES["sqlite"](tmp_path) as store, STORES["sqlite"](tmp_path) as other:
        moment = 0.0
        decided = RecentHandHours(store, lambda: moment)
        assert not await decided(NOW)
        await decide(other.tables, SALON, closing(NOW, NOW + HOUR), NOW)
        moment = 0.999
        assert not await decided(NOW)
        moment = 1.0
        assert {SALON.key} == (await decided(NOW)).keys()


async def test_what_could_not_be_read_is_read_by_the_next_webhook(tmp_path: Path) -> None:
    store = STORES["sqlite"](tmp_path)
    decided = RecentHandHours(store, lambda: 0.0)
    with pytest.raises(StoreUnavailable):
        await decided(NOW)
    async with store:
        await decide(store.tables, SALON, closing(NOW, NOW + HOUR), NOW)
        assert {SALON.key} == (await decided(NOW)).keys()


async def test_a_handler_finds_the_hours_of_its_earlier_turns_although_they_were_decided_just_before() -> None:
    texts = {"flows/shared.yaml": SHARED, "flows/salon.py": HANDLER}
    project = load(texts, extent="project", handlers=["salon.py"])
    async with Store(SqliteDatabase()) as store:
        moment = 0.0
        service = CallService(store, lambda: project, POLICY, read_hours=RecentHandHours(store, lambda: moment))
        await service.library.reload()
        call = ServedCall(service)
        await call.ring()
        await decide(store.tables, project.calendars["salon"], closing(NOON, NOON + HOUR), NOON)
        call = ServedCall(service)
        await call.ring(uuid="0" * 32, conversation_uuid="CON-2")
        moment = 1.0
        await call.press("1")
        assert ["Goodbye."] == call.said
