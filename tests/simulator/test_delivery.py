"""How webhooks are delivered. Source: delivery rules; webhook reference, Fallback; webhook signing."""

from __future__ import annotations

from typing import Any

import pytest

from app.simulator import Behaviour, Chaos, Response
from app.vonage.signatures import Verifier
from tests.simulator.scripted_server import ANSWER, FALLBACK, Line, ask, dial, playing, sounds, talk

SECRET = "invented-signature-secret-for-tests-only"
HELLO = playing([talk("Hello.")])
SLOW = playing([talk("too late")], seconds=6.0)
HTML = Response(200, {"content-type": "text/html; charset=utf-8"}, b"<html>")


async def answered(*replies: Any, fallback: Any = HELLO, **settings: Any) -> Line:
    line = Line({"answer": replies, "fallback": fallback}, **settings)
    call = await line.call()
    await call.listen()
    await line.vonage.run()
    return line


def asked(line: Line) -> list[str]:
    """Which of answer and fallback were asked, in order."""
    return [sent for sent in line.sent if not sent.startswith("event")]


@pytest.mark.parametrize(
    "failure",
    [
        SLOW,
        Response(0, failure="timeout"),
        Response(0, failure="connect timeout"),
        Response(0, failure="closed"),
        Response(0, failure="reset"),
        Response(429),
        Response(503),
        Response(504),
    ],
)
async def test_these_failures_are_tried_once_more(failure: Response) -> None:
    """Source: support article 115016024247."""
    line = await answered(failure, HELLO)

    assert ["answer", "answer"] == asked(line)


@pytest.mark.parametrize(
    "failure", [Response(400), Response(401), Response(404), Response(422), Response(500), Response(302), HTML]
)
async def test_other_failures_go_to_the_fallback_at_once(failure: Response) -> None:
    line = await answered(failure)

    assert ["answer", "fallback"] == asked(line)


async def test_a_second_failure_goes_to_the_fallback_which_is_tried_twice_too() -> None:
    line = await answered(Response(503), fallback=Response(503))

    assert ["answer", "answer", "fallback", "fallback"] == asked(line)


async def test_former_articles_speak_of_two_retries() -> None:
    line = await answered(Response(503), retries=2)

    assert ["answer", "answer", "answer", "fallback"] == asked(line)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (SLOW, "Socket timeout."),
        (Response(0, failure="closed"), "Connection closed."),
        (Response(0, failure="reset"), "Connection reset."),
        (Response(404), "Invalid response code."),
        (playing([{"action": "hangup"}]), "Invalid NCCO."),
        (HTML, "Invalid NCCO."),
        (Response(200), "Invalid NCCO."),
        (Response(204), "Invalid NCCO."),
        (playing({"status": "ok"}), "Invalid NCCO."),
        (playing(None), "Invalid NCCO."),
        (Response(200, {}, b"not json"), "Invalid NCCO."),
    ],
)
async def test_the_fallback_is_told_what_failed_and_why(failure: Response, reason: str) -> None:
    """Same data and two keys more. Source: webhook reference, Fallback."""
    line = await answered(failure)

    body = line.bodies("fallback")[0]
    assert (reason, {"url": ANSWER, "type": "answer"}) == (body["reason"], body["original_request"])
    assert {"to", "from", "uuid", "conversation_uuid"} < body.keys()


async def test_what_the_fallback_says_is_played() -> None:
    line = Line({"answer": Response(500), "fallback": HELLO})

    call = await line.call()
    await call.listen()

    assert ["talk Hello.", "ended"] == sounds(call)


async def test_without_a_fallback_the_call_ends_with_an_error() -> None:
    """Source: webhook reference, Fallback and Error."""
    line = await answered(Response(500), fallback_url="")

    assert ["answer"] == asked(line)
    assert ["failed to retrieve the ncco"] == [body["reason"] for body in line.bodies("event") if "reason" in body]
    assert "completed" == line.bodies("event")[-1]["status"]


async def test_an_invalid_ncco_is_a_syntax_error() -> None:
    line = await answered(playing([{"action": "hangup"}]))

    reasons = [body["reason"] for body in line.bodies("event") if "reason" in body]
    assert ["Syntax error in NCCO. Invalid value type or action."] == reasons
    assert 'There is no action "hangup".' in line.vonage.log[2].attempts[0].verdict.problem


async def test_an_empty_array_ends_the_call_at_once() -> None:
    line = Line({"answer": playing([])})

    call = await line.call()
    end = await call.listen()

    assert (True, "end", 0.0, "platform") == (call.is_answered, end.kind, end.at, call.ended_by)


async def test_a_reply_without_a_content_type_is_read() -> None:
    line = await answered(Response(200, {}, b'[{"action": "talk", "text": "Hi."}]'))

    assert ["answer"] == asked(line)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 205])
async def test_statuses_up_to_205_are_good(status: int) -> None:
    line = await answered(Response(status, {"content-type": "text/plain"}, HELLO.body))

    assert ["answer"] == asked(line)


async def test_time_passes_while_a_server_does_not_answer() -> None:
    """5 seconds, a second, 5 seconds again; then the fallback."""
    line = Line({"answer": SLOW, "fallback": HELLO})

    await line.call()

    assert 11.0 == line.clock.ms / 1000


async def test_a_connection_must_stand_after_a_second() -> None:
    line = Line({"answer": Response(0, failure="connect timeout"), "fallback": HELLO})

    await line.call()

    assert 3.0 == line.clock.ms / 1000


async def test_an_in_call_failure_goes_on_with_the_running_ncco() -> None:
    line = Line({"answer": [ask(), talk("Goodbye.")], "input": Response(500), "fallback": Response(404)})

    call = await line.call()
    await call.press("1234")
    await call.listen()

    assert ["talk Goodbye.", "ended"] == sounds(call)[-2:]
    assert "event" == line.bodies("fallback")[0]["original_request"]["type"]
    assert "1234" == line.bodies("fallback")[0]["dtmf"]["digits"]


async def test_the_fallback_of_an_event_can_replace_the_ncco() -> None:
    line = Line({"answer": [ask(), talk("not heard")], "input": playing([{"action": "hangup"}]), "fallback": HELLO})

    call = await line.call()
    await call.silence()
    await call.listen()

    assert ["talk Hello.", "ended"] == sounds(call)


@pytest.mark.parametrize(("setting", "asks"), [("invalid", ["fallback"]), ("ignore", [])])
async def test_an_object_in_reply_to_an_event_is_invalid_or_nothing(setting: str, asks: list[str]) -> None:
    line = Line({"answer": [ask()], "input": playing({"status": "ok"})}, object_reply=setting)

    call = await line.call()
    await call.silence()
    await line.vonage.run()

    assert ["answer", "input", *asks] == asked(line)


async def test_notifications_are_retried_once_and_then_lost() -> None:
    line = Line({"answer": [talk("one")], "event": Response(503)})

    call = await line.call()
    await call.listen()
    await line.vonage.run()

    assert ["completed"] * 2 == [body["status"] for body in line.bodies("event") if body["status"] == "completed"]
    assert "fallback" not in line.sent


async def test_nobody_waits_for_a_notification() -> None:
    line = Line({"answer": [talk("one")], "event": Response(200, seconds=9)})

    call = await line.call()

    assert 0.0 == line.clock.ms / 1000
    assert 0.387 == (await call.listen()).at


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_our_own_verifier_finds_nothing_wrong_with_the_signature(method: Any) -> None:
    accounts = {"signature_secret": SECRET, "api_key": "ab12cd34", "application_id": "app-1"}
    line = await answered(HELLO, answer_method=method, **accounts)

    request = next(request for request in line.server.requests if request.url.startswith(ANSWER))
    payload = request.body or request.url.partition("?")[2].encode()
    verifier = Verifier([SECRET], "ab12cd34", "app-1")
    token = verifier.token(request.headers["authorization"].encode())
    claims = verifier.verify(token, method, payload, line.clock.at(0).timestamp())
    assert ("Vonage", 36) == (claims["iss"], len(claims["jti"]))


async def test_a_get_with_letters_beyond_ascii_and_a_query_of_its_own_is_signed_as_well() -> None:
    line = Line(
        {"answer": [talk("one")]}, answer_method="GET", answer_url=f"{ANSWER}?campaign=7", signature_secret=SECRET
    )

    await line.call(endpoint_type="app", from_user="Zoë & Jim", custom_data={"a": ["ü", 1]})

    request = next(request for request in line.server.requests if request.method == "GET")
    query = request.url.partition("?")[2]
    verifier = Verifier([SECRET])
    token = verifier.token(request.headers["authorization"].encode())
    assert verifier.verify(token, "GET", query.encode(), line.clock.now.timestamp())
    assert query.startswith("campaign=7&to=442079460000")


async def test_without_a_secret_nothing_is_signed() -> None:
    line = await answered(HELLO)

    assert not [request for request in line.server.requests if "authorization" in request.headers]


async def test_the_log_tells_what_was_sent_what_came_and_what_it_meant() -> None:
    line = await answered(Response(503), HELLO)

    delivery = next(delivery for delivery in line.vonage.log if delivery.kind == "answer")
    assert ([503, 200], [0.0, 1.0]) == (
        [attempt.response.status for attempt in delivery.attempts],
        [attempt.at for attempt in delivery.attempts],
    )
    assert ("the status is 503", [talk("Hello.")]) == (delivery.attempts[0].verdict.problem, delivery.ncco)


async def test_the_url_of_the_fallback_is_asked_as_the_answer_is() -> None:
    line = await answered(Response(500), answer_method="GET")

    request = next(request for request in line.server.requests if request.url.startswith(FALLBACK))
    assert "GET" == request.method
    assert f'{{"url":"{ANSWER}","type":"answer"}}' == line.bodies("fallback")[0]["original_request"]


async def test_an_application_without_an_event_url_is_told_nothing() -> None:
    line = await answered(HELLO, event_url="")

    assert ["answer"] == line.sent


async def test_a_fragment_of_a_url_is_not_sent() -> None:
    line = Line({"answer": [talk("one")]}, answer_method="GET", answer_url=f"{ANSWER}#top")

    await line.call()

    assert "#" not in next(request.url for request in line.server.requests if request.method == "GET")


async def test_a_state_that_nobody_is_told_of_changes_nothing() -> None:
    line = Line({"answer": [dial(eventType="synchronous", eventUrl=[]), talk("on")]}, asks=True, event_url="")
    call = await line.call()
    await call.listen()
    await call.decide(Behaviour("busy"))
    await call.listen()

    assert "talk on" in sounds(call)
    assert not [sent for sent in call.log if sent.verdict and sent.verdict.failure]


async def test_an_error_that_nobody_is_told_of_is_in_the_log() -> None:
    line = Line({"answer": [{"action": "transfer", "conversationId": "CON-1"}]}, event_url="")
    call = await line.call()

    assert [("error", "Conversation CON-1 not found")] == [
        (sent.kind, sent.fields["reason"]) for sent in call.log if not sent.attempts
    ]


async def test_what_somebody_tells_of_a_call_goes_where_events_go() -> None:
    line = Line({"answer": [ask()]}, chaos=Chaos(1, rate=1.0))
    call = await line.call()
    await call.tell({"status": "ringing", "more": 1})
    (told,) = [sent for sent in call.log if sent.fields.get("more") == 1]

    assert (call.uuid, "", True) == (told.fields["uuid"], told.attempts[0].disturbance, told.is_over)
