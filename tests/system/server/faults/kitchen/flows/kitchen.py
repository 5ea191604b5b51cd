"""A handler whose functions are in another module."""

from __future__ import annotations

from pans import GREETING, bake, boil  # type: ignore[import-not-found]  # it lies beside `flows`

from ncco_server import Call, Choice, call_flow


@call_flow(default=True)
async def kitchen(call: Call) -> None:
    """Asks what to do next, and does it with two functions, up to five times."""
    await call.talk(f"{GREETING}, {await call.run(boil, call.env['RAN'], call.uuid, '0', limit_ms=2000)}.")
    for number in range(5):
        choice = await call.choose(
            "For soup, press 1. For bread, press 2. For help, press 3.",
            {"soup": Choice(1), "bread": Choice(2), "help": Choice(3)},
            tries=2,
        )
        cooked = await call.run(boil, call.env["RAN"], call.uuid, f"{number}-cook", limit_ms=2000)
        served = await call.run(bake, call.env["RAN"], call.uuid, f"{number}-serve", limit_ms=2000)
        await call.talk(f"{choice}: {cooked}, {served}. {GREETING}.")
        if choice is None:
            return
        if choice == "help":
            outcome = await call.connect("447700900111", timeout=20, ends_call=False)
            await call.talk(f"{outcome}: {await call.run(boil, call.env['RAN'], call.uuid, f'{number}-help')}.")
