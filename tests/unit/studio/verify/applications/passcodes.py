"""Passcodes: a member with the right PIN hears the code of the door."""

from ncco_server import Call, RunFailed, Secret, call_flow

HOOKS = {
    "locked": {
        "post": "https://door.example.com/locked",
        "params": {"member": "text"},
        "json": {"member": "{{ member }}"},
    }
}


async def door_code(member: str, pin: Secret) -> str | None:
    """Stands for a request: the code, or None for a wrong PIN."""
    return "2580" if (member, pin.reveal()) == ("100100", "4711") else None


@call_flow(numbers=["442079460807"], on_error="sorry", hooks=HOOKS)
async def passcodes(call: Call) -> None:
    member = await call.collect("Please enter your number, six digits.", digits=6)
    if member is None:
        await call.talk("Goodbye.")
        return
    for _ in range(3):
        pin = await call.collect("Please enter your PIN.", digits=4, sensitive=True)
        if pin is None:
            break
        try:
            code = await call.run(door_code, member, pin, limit_ms=1500)
        except RunFailed:
            await call.talk("The door does not answer. Please call again later.")
            return
        if code is not None:
            await call.talk(f"The code is {call.spell(code)}. Goodbye.")
            return
        await call.talk("That is not your PIN.")
    await call.send("locked", member=member)
    await call.talk("Please ask at the desk. Goodbye.")
