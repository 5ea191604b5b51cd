"""The types that an author's mypy finds in a program and in a handler: `make types` checks this file, nothing runs it.

A wrong argument must be an error: an `ignore` that ignores nothing is one, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Never, TypeAlias, assert_never, assert_type

from ncco_server import Call, Choice, HandedBack, Ncco, Row, Secret, call_flow, check, create_app


class Topic(StrEnum):
    """What a caller wants."""

    TABLE = "table"
    ORDER = "order"


@dataclass
class Order:
    """What a function finds, or a row."""

    status: str


Day: TypeAlias = Literal["today", "tomorrow"]
DAYS: Mapping[Day, Choice] = {"today": Choice(1), "tomorrow": Choice(2)}
TOPICS = {Topic.TABLE: Choice(1), Topic.ORDER: Choice(2)}
Dialled: TypeAlias = Literal["busy", "timeout", "unanswered", "rejected", "failed", "disconnected"]
Detected: TypeAlias = Literal["machine", "human", "beep"]
Completed: TypeAlias = Literal["completed"]
Reached: TypeAlias = Literal["disconnected"]
HandedOver: TypeAlias = Literal["done"]
NotHandedBack: TypeAlias = Literal["failed", "too_long"]


async def find(number: str, limit: int = 3) -> Order | None:
    """An order."""
    return Order(number) if limit else None


def count(number: str) -> int:
    """A function that is not `async`."""
    return len(number)


def program() -> None:
    """What a program of FastAPI's imports."""
    ncco = Ncco.build_ncco(Ncco.Talk(text="Hello"))
    assert_type([issue.code for issue in check(ncco)], list[str])
    assert_type(create_app(dev=True).version, str)
    check(1, 2)  # type: ignore[call-arg]  # it takes one argument


@call_flow(outcomes=["done"])
async def asks(call: Call, team: str) -> str:
    """What a caller answers, and what functions return."""
    topic = await call.choose("Which?", TOPICS)
    assert_type(topic, Topic | None)
    if topic is not None and topic is not Topic.TABLE and topic is not Topic.ORDER:
        assert_never(topic)
    assert_type(await call.choose("Which?", TOPICS).or_raise(), Topic)
    assert_type(await call.choose("When?", DAYS), Day | None)
    assert_type(await call.choose("Which?", {"table": Choice(1), "order": Choice(2)}), str | None)
    assert_type(await call.choose("How many?", {str(each): Choice(each) for each in range(3)}), str | None)
    await call.choose("Which?", {1: Choice(1)})  # type: ignore[type-var]  # a name is a text
    assert_type(await call.collect("Your number.", digits=5), str | None)
    assert_type(await call.collect("Your number.", digits=5).or_raise(), str)
    assert_type(await call.collect("Your PIN.", digits=4, sensitive=True), Secret | None)
    assert_type(
        await call.run_all(call.run(find, team), call.run(count, team)),
        tuple[Order | None, int],
    )
    assert_type(await call.run_all([call.run(count, team) for _ in team]), tuple[int, ...])
    assert_type(await call.run(find, team), Order | None)
    assert_type(await call.run(find, team, 3), Order | None)
    assert_type(await call.run(count, team, limit_ms=50), int)
    await call.run(count, 3)  # type: ignore[arg-type]  # its function takes a text
    assert_type(await call.run_flow("pay", outcomes=("paid", "refused")), str)
    given = await call.agent("wss://bot.example.com", outcomes=Topic, returns=Order, limit=600)
    assert_type(given.outcome, Topic | HandedOver | NotHandedBack)
    assert_type(given.values, Order | None)
    assert_type(await call.agent("wss://bot.example.com", limit=60).or_raise(), HandedBack[Never, None])
    assert_type(await call.run_flow("pay", outcomes=tuple(Topic)), Topic)
    return "done"


@call_flow(outcomes=["done"])
async def dials(call: Call) -> str:
    """How dials end: the options decide which outcomes there are."""
    number = "447700900111"
    assert_type(await call.connect(number), Dialled)
    assert_type(await call.connect(number, detect=["machine"]), Dialled | Detected)
    assert_type(await call.connect(number).or_raise(), Reached)
    assert_type(await call.connect(number, ends_call=False), Dialled | Completed)
    assert_type(await call.connect(number, detect="beep", ends_call=False), Dialled | Completed | Detected)
    assert_type(await call.connect(number, ends_call=False).or_raise(), Reached | Completed)
    assert_type(await call.connect(number, detect="machine").or_raise(), Reached | Detected)
    return "done"


@call_flow(outcomes=["done"])
async def reads(call: Call) -> str:
    """Rows of tables."""
    assert_type(await call.row("callers", number=call.person), Row)
    assert_type(await call.row("callers", number=call.person, type=Order), Order | None)
    assert_type(await call.rows("callers", where="price > 3"), list[Row])
    assert_type(await call.rows("callers", order="price", type=Order), list[Order])
    await call.row("callers", number=[1])  # type: ignore[call-overload]  # a key is a text, a number or a date
    is_new = await call.save("callers", number="1", set={"day": call.now, "name": None}, only_new=True)
    assert_type(is_new, bool)
    await call.save("callers", number="1", increase={"calls": "1"})  # type: ignore[dict-item]  # not a number
    return "done"
