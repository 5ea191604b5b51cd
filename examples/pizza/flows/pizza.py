"""The calls of Luigi's: book a table, or ask for an order."""

from dataclasses import dataclass

from ncco_server import Call, Choice, RunFailed, call_flow

KITCHEN = "447700900111"


@dataclass
class Order:
    """What the shop knows about an order."""

    status: str
    minutes: int


ORDERS = {"12345": Order("in the oven", 20), "23456": Order("on its way to you", 5)}


async def find_order(number: str) -> Order | None:
    """Stands for a request to the shop's own system."""
    return ORDERS.get(number)


@call_flow(numbers=["442079460150"], on_error="voicemail", defaults={"talk": {"language": "en-GB"}})
async def pizza(call: Call) -> None:
    """Book a table, or say how far an order is, and put the caller through to the kitchen."""
    await call.talk("Welcome to Luigi's.")
    choice = await call.choose(
        "For a table, press 1 or say table. For your order, press 2 or say order.",
        {"table": Choice(dtmf=1, speech=["table", "book"]), "order": Choice(dtmf=2, speech=["order", "delivery"])},
        noinput="I did not hear you.",
        name="menu",
    )
    if choice == "order":
        await tell_order(call)
    await call.connect(KITCHEN, timeout=20, name="kitchen")
    await call.goto("voicemail", team="kitchen")


async def tell_order(call: Call) -> None:
    """Say how far an order is. The call goes on to the kitchen afterwards."""
    number = await call.collect("Please enter the five digits of your order.", digits=5, name="number")
    if number is None:
        return
    try:
        order = await call.run(find_order, number)
    except RunFailed:
        await call.talk("I cannot look up your order right now. I connect you to the kitchen.")
        return
    if order is None:
        await call.talk("I do not know that number. I connect you to the kitchen.")
    else:
        await call.talk(f"Your order is {order.status}. It takes {order.minutes} more minutes.")
