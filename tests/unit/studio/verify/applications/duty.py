"""Who is on call: engineers take over with their number, callers reach whoever is on duty."""

from ncco_server import Call, Choice, call_flow

MANAGER = "447700900402"


@call_flow(numbers=["442079460806"], on_error="sorry")
async def duty(call: Call) -> None:
    person = await call.row("engineers", number=call.person)
    if person:
        choice = await call.choose(
            "To be on duty today, press 1. To hear who is, press 2.", {"take": Choice(1), "hear": Choice(2)}
        )
        if choice == "take":
            is_first = await call.save("shifts", day=call.now.date(), set={"engineer": call.person}, only_new=True)
            await call.talk("You are on duty today." if is_first else "Somebody is on duty today.")
            return
    shift = await call.row("shifts", day=call.now.date())
    engineer = shift["engineer"]
    if not engineer:
        await call.talk("Nobody is on duty. I am connecting you to the manager.")
        await call.connect(MANAGER, timeout=30)
    elif person:
        await call.talk(f"On duty is {call.digits(engineer)}.")
        return
    else:
        await call.talk("I am connecting you to the engineer on duty.")
        if await call.connect(engineer, timeout=30) != "rejected":
            await call.connect(MANAGER, timeout=30)
    await call.talk("Nobody can be reached. Please call again later.")
