"""The front desk of flows/reception.yaml in Python: callers hear the same, and Vonage gets the same NCCOs."""

from ncco_server import Call, Choice, call_flow

SALES, WORKSHOP, OPERATOR = "447700900111", "447700900222", "447700900333"
SHOP = {
    "timezone": "Europe/London",
    "week": {"mon-fri": "09:00-17:30", "sat": "10:00-16:00"},
    "holidays": {"country": "GB", "subdivision": "ENG"},
    "override": {"2030-12-24": "09:00-12:00"},
}


@call_flow(
    numbers=["442079460001"],
    default=True,
    on_error="sorry",
    defaults={"talk": {"language": "en-GB", "style": 2}, "connect": {"timeout": 20}},
    hours={"shop": SHOP},
)
async def reception(call: Call) -> None:
    """Put callers through to sales, the workshop or the operator, or take a message."""
    await call.talk("Thank you for calling Northgate Bicycles.")
    choice = await ask(call)
    while choice == "hours":
        await tell_hours(call)
        choice = await ask(call)
    if choice == "sales":
        await to_sales(call)
    elif choice == "support":
        await to_workshop(call)
    else:
        await to_operator(call)
    await take_message(call)


async def to_sales(call: Call) -> None:
    """Go on only if sales cannot be reached."""
    await call.talk("Connecting you to sales.")
    if await call.connect(SALES, name="sales") == "busy":
        await call.talk("All our sales colleagues are on the phone.")


async def to_workshop(call: Call) -> None:
    """Go on only if nobody can be reached. If the line itself is out of order, the operator answers."""
    await call.talk("Connecting you to the workshop. Please have your order number ready.")
    outcome = await call.connect(WORKSHOP, timeout=30, name="support")
    if outcome not in ("busy", "timeout"):
        await to_operator(call)


async def to_operator(call: Call) -> None:
    """Go on only if the operator cannot be reached."""
    await call.talk("I am putting you through.")
    await call.connect(OPERATOR, name="operator")


async def ask(call: Call) -> str | None:
    """The caller's choice, or None after three attempts."""
    return await call.choose(
        "For sales, press 1 or say sales. For repairs and support, press 2 or say support."
        " For our opening hours, press 3. To speak to somebody, press 0.",
        {
            "sales": Choice(1, ["sales", "buy", "order", "new bike"]),
            "support": Choice(2, ["support", "repair", "help", "problem"]),
            "hours": Choice(3, ["hours", "opening times"]),
            "operator": Choice(0, ["operator", "somebody", "reception"]),
        },
        noinput=["Sorry, I did not hear you.", "I still cannot hear you. You can also press a key on your phone."],
        nomatch=["Sorry, that is not one of the choices.", "Sorry, I did not understand that either."],
        name="menu",
    )


async def tell_hours(call: Call) -> None:
    """Say until when the shop is open, or when it opens again."""
    shop = call.hours("shop")
    if shop.open:
        await call.talk(f"We are open today until {call.spoken(shop.next_close, 'time')}.")
    else:
        await call.talk(f"We are closed. We open again {call.spoken(shop.next_open)}.")


async def take_message(call: Call) -> None:
    """Let the caller leave a message."""
    await call.talk(
        "Nobody can take your call right now. Please leave a message after the tone, and press hash to finish."
    )
    await call.record(beep_start=True, end_on_key="#", end_on_silence=5, time_out=120)
    await call.talk("Thank you for your message. Goodbye.")
