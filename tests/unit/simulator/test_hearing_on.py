"""A call that is played on by what its caller hears."""

from __future__ import annotations

import json

from app.simulator import Application, Request, Response, VirtualClock, Vonage

TWO_TALKS = [{"action": "talk", "text": "One."}, {"action": "talk", "text": "Two."}]


class Talks:
    """Answers every call with two talks."""

    def __init__(self, clock: VirtualClock) -> None:
        self.now = clock.now

    async def deliver(self, request: Request) -> Response:
        is_answer = request.url.endswith("/answer")
        return Response(200, {"content-type": "application/json"}, json.dumps(TWO_TALKS).encode() if is_answer else b"")


async def test_hearing_stops_where_something_more_begins() -> None:
    clock = VirtualClock()
    application = Application("https://ncco.example/answer", "https://ncco.example/event")
    call = await Vonage(application, Talks(clock), clock).call("442079460000", "447700900123")

    begun = [heard.text for heard in call.transcript if heard.kind == "talk"]
    more, end = await call.hear(), await call.hear()

    assert ["One."] == begun
    assert ("until", "end") == (more.kind, end.kind)
    assert ["One.", "Two."] == [heard.text for heard in call.transcript if heard.kind == "talk"]
