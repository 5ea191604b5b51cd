"""How webhooks are delivered. Source: delivery rules; webhook reference, Fallback; webhook signing."""

from __future__ import annotations

from typing import Any

import pytest

from ncco_server.vonage.signatures import Verifier
from ncco_studio.simulator.delivery import Chaos
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.servers import Response
from tests.unit.studio.simulator.scripted_server import ANSWER, Line, ask, dial, playing, sounds, talk

SECRET = "invented-signature-secret-for-tests-only"


HELLO = playing([talk("Hello.")])


async def answered(*replies: Any, fallback: Any = HELLO, **settings: Any) -> Line:
    line = Line({"answer": replies, "fallback": fallback}, **settings)
    call = await line.call()
    await call.listen()
    await line.vonage.run()
    return line


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_our_own_verifier_accepts_the_signature(method: Any) -> None:
    accounts = {"signature_secret": SECRET, "api_key": "ab12cd34", "application_id": "app-1"}
    line = await answered(HELLO, answer_method=method, **accounts)

    request = next(request for request in line.server.requests if request.url.startswith(ANSWER))
    payload = request.body or request.url.partition("?")[2].encode()
    verifier = Verifier([SECRET], "ab12cd34", "app-1")
    token = verifier.token(request.headers["authorization"].encode())
    claims = verifier.verify(token, method, payload, line.clock.at(0).timestamp())
    assert ("Vonage", 36) == (claims["iss"], len(claims["jti"]))


async def test_a_get_with_non_ascii_letters_and_its_own_query_is_signed_too() -> None:
    line = Line(
        {"answer": [talk("one")]}, answer_method="GET", answer_url=f"{ANSWER}?campaign=7", signature_secret=SECRET
    )

    await line.call(endpoint_type="app", from_user="Zoë & Jim", custom_data={"a": ["ü", 1]})

    request = next(request for request in line.server.requests if request.method == "GET")
    query = request.url.partition("?")[2]
    verifier = Verifier([SECRET])
    token = verifier.token(request.headers["authorization"].encode())
    assert verifier.verify(token, "GET", query.encode(), line.clock().timestamp())
    assert query.startswith("campaign=7&to=442079460000")


async def test_the_log_shows_the_request_the_reply_and_its_meaning() -> None:
    line = await answered(Response(503), HELLO)

    delivery = next(delivery for delivery in line.vonage.log if delivery.kind == "answer")
    assert ([503, 200], [0.0, 1.0]) == (
        [attempt.response.status for attempt in delivery.attempts],
        [attempt.at for attempt in delivery.attempts],
    )
    assert ("the status is 503", [talk("Hello.")]) == (delivery.attempts[0].result.problem, delivery.ncco)


async def test_an_application_without_an_event_url_gets_no_event() -> None:
    line = await answered(HELLO, event_url="")

    assert ["answer"] == line.sent


async def test_a_fragment_of_a_url_is_not_sent() -> None:
    line = Line({"answer": [talk("one")]}, answer_method="GET", answer_url=f"{ANSWER}#top")

    await line.call()

    assert "#" not in next(request.url for request in line.server.requests if request.method == "GET")


async def test_a_status_without_an_event_url_changes_nothing() -> None:
    line = Line({"answer": [dial(eventType="synchronous", eventUrl=[]), talk("on")]}, asks=True, event_url="")
    call = await line.call()
    await call.listen()
    await call.decide(Behaviour("busy"))
    await call.listen()

    assert "talk on" in sounds(call)
    assert not [sent for sent in call.log if sent.result and sent.result.failure]


async def test_an_error_without_an_event_url_is_in_the_log() -> None:
    line = Line({"answer": [{"action": "transfer", "conversationId": "CON-1"}]}, event_url="")
    call = await line.call()

    assert [("error", "Conversation CON-1 not found")] == [
        (sent.kind, sent.fields["reason"]) for sent in call.log if not sent.attempts
    ]


async def test_reports_from_elsewhere_go_to_the_event_url() -> None:
    line = Line({"answer": [ask()]}, chaos=Chaos(1, rate=1.0))
    call = await line.call()
    await line.vonage.send_event(call, {"status": "ringing", "more": 1})
    (told,) = [sent for sent in call.log if sent.fields.get("more") == 1]

    assert (call.uuid, "", True) == (told.fields["uuid"], told.attempts[0].fault, told.is_over)


async def test_a_server_on_this_machine_may_name_its_own_urls() -> None:
    line = await answered(playing([{"action": "stream", "streamUrl": ["http://localhost:5000/hello.mp3"]}]))

    assert [()] == [each.result.issues for each in line.vonage.log if each.kind == "answer" and each.result is not None]
