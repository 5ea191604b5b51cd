"""The office of a law firm: a menu, and the lawyer of a case by its number."""

from ncco_server import Call, Choice, RunFailed, call_flow

OFFICE = "447700900100"
LAWYERS = {"ann": "447700900111", "ben": "447700900222"}
HOURS = {"office": {"timezone": "Europe/London", "week": {"mon-fri": "09:00-17:00"}}}


async def lawyer_of(case: str) -> str | None:
    """Stands for a request: the lawyer's name."""
    return {"12345": "ann"}.get(case)


@call_flow(numbers=["442079460801"], on_error="sorry", hours=HOURS)
async def office(call: Call) -> None:
    if not call.hours("office").open:
        await call.talk("We are closed. Please call again tomorrow.")
        return
    choice = await call.choose(
        "If you have a case, press 1. For anything else, press 2.",
        {"case": Choice(1, "case"), "other": Choice(2)},
        noinput="I did not hear you.",
    )
    lawyer = None
    if choice == "case":
        case = await call.collect("Please enter the five digits of your case.", digits=5)
        try:
            lawyer = await call.run(lawyer_of, case) if case is not None else None
        except RunFailed:
            await call.talk("I cannot look up your case right now.")
    await call.talk("I am putting you through.")
    if lawyer in LAWYERS:
        outcome = await call.connect(LAWYERS[lawyer], timeout=20)
        if outcome == "busy":
            await call.talk("Your lawyer is on the phone.")
    await call.connect(OFFICE, timeout=25)
    await call.talk("Nobody is free right now. Please call again later.")
