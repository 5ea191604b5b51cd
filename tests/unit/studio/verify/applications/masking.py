"""Two strangers talk without seeing each other's number."""

from ncco_server import Call, call_flow

OURS = "442079460804"


@call_flow(numbers=[OURS], on_error="sorry")
async def masking(call: Call) -> None:
    trip = await call.row("trips", rider=call.person)
    partner = trip["driver"]
    if not partner:
        trips = await call.rows("trips", where="driver == call.person", first=1)
        partner = trips[0]["rider"] if trips else ""
    if not partner:
        await call.talk("You have no trip today. Goodbye.")
        return
    await call.talk("I am connecting you. This call is not recorded.")
    outcome = await call.connect(partner, from_=OURS, timeout=30)
    if outcome in ("busy", "timeout"):
        await call.talk("Your partner cannot answer right now. Please try again in a minute.")
    else:
        await call.talk("Your partner cannot be reached.")
