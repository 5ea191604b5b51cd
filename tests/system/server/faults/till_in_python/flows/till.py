"""The same calls as those of the flow file till.yaml. Their stored results say what the rows must contain."""

from __future__ import annotations

from ncco_server import Call, Choice, call_flow


@call_flow(
    default=True,
    events={"ended": {"save": {"table": "visitors", "id": "{{ call.uuid }}", "increase": {"ends": 1}}}},
)
async def till(call: Call) -> None:
    visits = firsts = 0
    while True:
        visits += 1
        await call.save("sums", name="all", increase={"visits": 1})
        await call.save("visitors", id=call.uuid, increase={"visits": 1})
        moment = f"{call.now:%H:%M:%S} {visits}"
        firsts += await call.save("moments", at=moment, set={"by": call.uuid}, only_new=True)
        row = await call.row("visitors", id=call.uuid)
        choice = await call.choose(
            f"You have come {row['visits']} times, and were the first {firsts} times.",
            {"again": Choice([1, 2, 3]), "bye": Choice(4)},
            tries=2,
        )
        if choice != "again":
            return
