"""The calls of Harbour Cruises, in Python: the same assistant, with another desk for each outcome."""

from dataclasses import dataclass
from enum import StrEnum

from ncco_server import Call, call_flow


class Wish(StrEnum):
    """What the assistant may hand back, besides `done`."""

    BOOKING = "booking"
    REFUND = "refund"
    PERSON = "person"


@dataclass
class Order:
    """The values that it may hand back."""

    order: str


DESKS = {Wish.BOOKING: "447700900444", Wish.REFUND: "447700900555", Wish.PERSON: "447700900333"}


@call_flow(numbers=["442079460521"], on_error="ferries", defaults={"talk": {"language": "en-GB", "style": 2}})
async def cruises(call: Call) -> None:
    """Connect the caller to the assistant, and then to whom it chose."""
    await call.talk("Thank you for calling Harbour Cruises. You are talking to our assistant.")
    given = await call.agent(call.env["BOT_URL"], outcomes=Wish, returns=Order, with_={"caller": call.from_}, limit=600)
    if given.outcome == "done":
        await call.talk("Thank you for calling. Goodbye.")
        return
    desk = DESKS[given.outcome] if isinstance(given.outcome, Wish) else DESKS[Wish.PERSON]
    await call.talk("I am connecting you to a colleague.")
    await call.connect(desk, timeout=25, name="desk")
    await call.talk("Nobody can take your call right now. Please call again later.")
