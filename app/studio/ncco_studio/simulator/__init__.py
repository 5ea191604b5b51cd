"""A simulated Vonage, which calls any webhook server in virtual time.

async with HttpServer() as server:
    vonage = Vonage(Application(answer_url=..., event_url=...), server, VirtualClock())
    call = await vonage.call("442079460000", "447700900123")
    await call.listen()
    await call.press("1")
    await call.hang_up()
    print(call.transcript)
"""
