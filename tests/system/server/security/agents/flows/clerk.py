"""A handler that says and dials what an agent hands back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Literal

from ncco_server import AgentFailed, Call, Choice, Phone, call_flow


class Wish(StrEnum):
    ORDER = "order"
    PERSON = "person"


@dataclass
class Given:
    id: str
    name: str
    count: int
    price: float
    sure: bool
    tel: Phone | None
    day: date | None
    at: time | None
    moment: datetime | None
    tier: Literal["gold", "silver"] | None
    tags: list[str]
    days: list[date]
    wishes: list[Wish]


@call_flow(numbers=["442079460222"])
async def clerk(call: Call) -> None:
    while True:
        try:
            given = await call.agent(
                "wss://bot.example.com/calls", outcomes=Wish, returns=Given, with_={"who": call.from_}, limit=600
            ).or_raise()
        except AgentFailed as error:
            await call.talk(f"Not handed back: {error.outcome}.")
        else:
            order = given.values
            if given.outcome is Wish.PERSON and order.tel:
                await call.connect(order.tel)
            await call.talk(
                f"{order.id} {order.name} {order.count} {order.price} {order.sure} {order.tags} {order.tier}"
            )
            await call.talk(f"{order.day} {order.at} {order.moment} {order.days}")
        await call.choose("Press 1.", {"more": Choice(1)})
