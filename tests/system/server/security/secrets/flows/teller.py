"""A handler that does with a caller's keys what it should not."""

from __future__ import annotations

import logging

from ncco_server import Call, RunFailed, Secret, call_flow


async def check(keys: Secret, how: str) -> dict[str, object]:
    """Repeats the keys, or raises them."""
    logging.getLogger("teller").warning("%r", keys)
    if how == "raise":
        raise ValueError(f"these are wrong: {keys.reveal()}")
    return {"text": f"You entered {keys.reveal()}.", "number": int(keys.reveal()), keys.reveal(): keys.reveal()}


@call_flow(entry=True)
async def teller(call: Call) -> None:
    """Says what functions make of the keys, and reveals them too late if the caller presses 1."""
    keys = await call.collect("Enter your keys.", digits=(8, 9), sensitive=True)
    if keys is None:
        return
    for how in ("repeat", "raise"):
        try:
            await call.talk(f"Result: {await call.run(check, keys, how)}")
        except RunFailed as failed:
            await call.talk(str(failed))
    if await call.collect("To say them, press 1.", digits=1) == "1":
        await call.talk(keys.reveal())
