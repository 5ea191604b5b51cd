"""Numbers in advertisements: each leads to the shop, and is counted."""

from ncco_server import Call, call_flow

SHOP = "447700900333"
ADVERTS = {"442079460802": "poster", "442079460803": "radio"}
HOOKS = {
    "heard": {
        "post": "https://crm.example.com/adverts",
        "params": {"advert": "text", "caller": "text", "outcome": "text"},
        "json": {"advert": "{{ advert }}", "caller": "{{ caller }}", "outcome": "{{ outcome }}"},
    }
}


@call_flow(numbers=list(ADVERTS), on_error="sorry", hooks=HOOKS, results={"no_answer": "nobody answered"})
async def adverts(call: Call) -> None:
    advert = ADVERTS.get(call.to, "other")
    await call.save("adverts", name=advert, increase={"calls": 1})
    await call.talk("Thank you for calling. One moment, please.")
    outcome = await call.connect(SHOP, timeout=20)
    await call.send("heard", advert=advert, caller=call.person, outcome=outcome)
    await call.result("no_answer")
    await call.talk("We call you back." if not call.is_hidden else "Please call again later.")
