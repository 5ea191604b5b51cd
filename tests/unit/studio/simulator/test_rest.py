"""The REST API of the virtual Vonage: calls that a program places and controls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest

from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.rest.access import Access
from ncco_studio.simulator.rest.api import Platform, calls_api
from ncco_studio.simulator.servers import Response
from tests.support.cases import each_case
from tests.support.keys import rsa_key
from tests.unit.studio.simulator.scripted_server import BASE, FROM, TO, Line, dial, sounds, talk

APPLICATION = "4d1f5c1e-6a55-4d0e-9c7b-0a1b2c3d4e5f"
URL = "http://vonage.test"
NEW = {
    "to": [{"type": "phone", "number": FROM}],
    "from": {"type": "phone", "number": TO},
    "ncco": [talk("Your taxi is here.")],
}
LONG = "Your taxi is here, at the corner of the street." + " It waits." * 10
ASKED = {name: value for name, value in NEW.items() if name != "ncco"} | {"answer_url": [f"{BASE}/placed"]}


class Client:
    """A program that uses the API of a line."""

    def __init__(self, line: Line) -> None:
        self.line = line
        access = Access(APPLICATION, rsa_key().public_key(), line.clock)
        transport = httpx.ASGITransport(calls_api(Platform(line.vonage, access)))
        self._http = httpx.AsyncClient(transport=transport, base_url=URL)

    def token(self, owner: str = "", **claims: Any) -> str:
        """A token as the SDKs make them; None leaves a claim out."""
        now: datetime = self.line.clock()
        own = {"application_id": APPLICATION, "iat": now, "exp": now + timedelta(minutes=15), "jti": "1"}
        given = {name: value for name, value in (own | claims).items() if value is not None}
        return jwt.encode(given, rsa_key(owner), algorithm="RS256")

    async def ask(self, method: str, path: str = "", body: Any = None, token: str | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token() if token is None else token}"}
        return await self._http.request(method, f"/v1/calls{path}", json=body, headers=headers)

    async def place(self, **body: Any) -> Leg:
        """Place a call, and let two seconds pass."""
        reply = await self.ask("POST", body=body or NEW)
        assert 201 == reply.status_code, reply.text
        await self.line.vonage.run(2)
        return self.line.vonage.legs[reply.json()["uuid"]]


async def problem(reply: httpx.Response) -> tuple[int, str]:
    assert "application/problem+json" == reply.headers["content-type"]
    return reply.status_code, reply.json()["title"]


async def test_a_person_who_picks_up_presses_keys_each_time_the_call_waits() -> None:
    def input_at(name: str) -> dict[str, Any]:
        return {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}, "eventUrl": [f"{BASE}/{name}"]}

    client = Client(line := Line({}, {FROM: Behaviour(rings_s=6, talks_s=2, script=("1", "", "2"))}))

    await client.place(**{**NEW, "ncco": [input_at("first"), input_at("second"), input_at("third"), talk(LONG)]})
    await line.vonage.run()

    pressed = [line.bodies(name)[0]["dtmf"]["digits"] for name in ("first", "second", "third")]
    assert ["1", "", "2"] == pressed
    assert "user" == line.bodies("event")[-1]["disconnected_by"]


@each_case(
    "action",
    [
        talk("Hello.", loop=1e308),
        talk("Hello.", loop=10**17),
        talk(f"<speak>One<break time='{'9' * 400}s'/>two</speak>"),
        {"action": "stream", "streamUrl": [f"{BASE}/ten.mp3"], "loop": 1e300},
        {"action": "wait", "timeout": 1e308},
        {"action": "wait", "timeout": 10**400},
    ],
    ids=["talk", "talk, whole", "break", "stream", "wait", "wait, whole"],
)
async def test_a_duration_beyond_the_range_of_the_clock_ends_with_the_call(action: dict[str, Any]) -> None:
    client = Client(line := Line({}))

    call = await client.place(**{**NEW, "ncco": [action]}, length_timer=9)
    await client.ask("PUT", f"/{call.uuid}/talk", {"text": "Hello.", "loop": 10**400})
    await client.ask("PUT", f"/{call.uuid}/stream", {"stream_url": [f"{BASE}/ten.mp3"], "loop": 10**18})
    await line.vonage.run()

    assert (9.0, "platform") == ((call.ended_ms or 0) / 1000 - call.zero_ms / 1000, call.ended_by)


def transfer(**destination: Any) -> dict[str, Any]:
    return {"action": "transfer", "destination": {"type": "ncco", **destination}}


async def test_a_dialled_party_is_released_when_the_call_is_transferred() -> None:
    client = Client(line := Line({"answer": [dial()]}))
    call = await line.call()
    await call.listen(until=10)

    await client.ask("PUT", f"/{call.uuid}", transfer(ncco=[talk("Goodbye.")]))
    await line.vonage.run()

    assert call.dialled[0].is_over
    assert "talk Goodbye." in sounds(call)


@each_case(
    ("change", "name"),
    [
        ({"to": [{"type": "phone", "number": "0770"}]}, "to[0].number"),
        ({"to": [{"type": "fax", "number": FROM}]}, "to[0].type"),
        ({"to": [{"type": "phone", "number": FROM}] * 2}, "to"),
        ({"from": {"type": "phone", "number": "abc"}}, "from.number"),
        ({"ncco": [{"action": "shout"}]}, "ncco"),
        ({"ncco": None}, "body"),
        ({"machine_detection": "guess"}, "machine_detection"),
        ({"event_url": ["calls.example.com"]}, "event_url[0]"),
        ({"event_url": ["http://[::1"]}, "event_url[0]"),
        ({"ncco": None, "answer_url": ["http://[::1"]}, "answer_url[0]"),
        ({"ncco": None, "answer_url": ["http://x.test:0x50/"]}, "answer_url[0]"),
    ],
)
async def test_a_wrong_body_is_refused_with_the_place_of_the_error(change: dict[str, Any], name: str) -> None:
    client = Client(line := Line({}))

    reply = await client.ask("POST", body={**NEW, **change})

    assert (400, "Bad Request") == await problem(reply)
    assert [name] == [each["name"] for each in reply.json()["invalid_parameters"]]
    assert {} == line.vonage.legs


@each_case(
    "claims",
    [
        {"application_id": "another"},
        {"jti": None},
        {"iat": None},
        {"application_id": None},
        {"exp": datetime(2026, 3, 4).astimezone()},
        {"iat": datetime(2027, 3, 4).astimezone()},
        {"iat": "soon"},
        {"iat": 10**400},
        {"exp": 10**400},
    ],
)
async def test_a_token_must_belong_to_the_application(claims: dict[str, Any]) -> None:
    client = Client(Line({}))

    reply = await client.ask("GET", token=client.token(**claims))

    assert (401, "Unauthorized") == await problem(reply)


async def test_a_token_of_another_key_or_algorithm_is_refused() -> None:
    client = Client(Line({}))
    claims = {"application_id": APPLICATION, "iat": client.line.clock(), "jti": "1"}
    forged = [client.token("other"), jwt.encode(claims, "secret" * 10, "HS256"), jwt.encode(claims, "", "none"), ""]

    replies = [await client.ask("GET", token=token) for token in forged]

    assert [401] * 4 == [reply.status_code for reply in replies]


async def test_a_uuid_may_be_written_with_or_without_dashes() -> None:
    client = Client(Line({}))
    call = await client.place()
    dashed = str(UUID(call.uuid))

    shown = [(await client.ask("GET", f"/{each}")).json()["uuid"] for each in (call.uuid, dashed, dashed.upper())]
    hung_up = await client.ask("PUT", f"/{dashed}", {"action": "hangup"})

    assert [call.uuid] * 3 == shown
    assert 204 == hung_up.status_code
    assert call.is_over


async def test_a_plus_sign_is_not_part_of_a_number() -> None:
    client = Client(line := Line({}, {FROM: Behaviour("busy")}))
    numbers = {"to": [{"type": "phone", "number": f"+{FROM}"}], "from": {"type": "phone", "number": f"+{TO}"}}

    await client.place(**{**NEW, **numbers})
    await line.vonage.run()

    assert {(FROM, TO, "busy")} == {(each["to"], each["from"], "busy") for each in line.bodies("event")}
    assert "busy" in [each["status"] for each in line.bodies("event")]


async def test_every_event_of_a_placed_call_goes_to_the_url_in_its_request() -> None:
    replies = {"gone": Response(500), "placed": [talk(LONG)]}
    client = Client(line := Line(replies, {FROM: Behaviour(talks_s=600)}, fallback_url=""))
    own = {"event_url": [f"{BASE}/own"], "answer_method": "POST"}

    moved = await client.place(**ASKED, **own)
    await line.vonage.run(10)
    await client.ask(
        "PUT", f"/{moved.uuid}", {"action": "transfer", "destination": {"type": "ncco", "ncco": [talk("Hi.")]}}
    )
    await line.vonage.run()
    await client.place(**{**ASKED, "answer_url": [f"{BASE}/gone"]}, **own)
    await line.vonage.run()

    own_events = line.bodies("own")
    [transfer] = [each for each in own_events if "conversation_uuid_to" in each]
    assert {"conversation_uuid_from", "conversation_uuid_to", "uuid", "timestamp", "type"} == set(transfer)
    [error] = [each for each in own_events if "reason" in each]
    assert {"reason", "conversation_uuid", "timestamp"} == set(error)
    assert "failed to retrieve the ncco" == error["reason"]
    assert [] == line.bodies("event")


async def test_a_problem_has_the_documented_fields() -> None:
    client = Client(Line({}))

    unknown = (await client.ask("GET", "/none")).json()
    invalid = (await client.ask("POST", body={})).json()

    assert {"type", "title", "detail", "instance"} == set(unknown)
    assert {"type", "title", "detail", "instance", "invalid_parameters"} == set(invalid)
    assert {"name", "reason"} == set(invalid["invalid_parameters"][0])


async def test_the_oldest_ended_calls_are_dropped_with_their_webhooks() -> None:
    client = Client(line := Line({}))
    ended = [await client.place() for _ in range(3)]
    await line.vonage.run(120)
    running = await client.place()

    line.vonage.forget_ended(keep=1)
    listed = (await client.ask("GET")).json()
    gone = await client.ask("GET", f"/{ended[0].uuid}")

    kept = [ended[2].uuid, running.uuid]
    assert kept == [call["uuid"] for call in listed["_embedded"]["calls"]]
    assert (404, "Not Found") == await problem(gone)
    assert set(kept) == {delivery.leg for delivery in line.vonage.log}
    assert {ended[2].conversation.uuid, running.conversation.uuid} == set(line.vonage.conversations)
    await line.vonage.run()
    assert running.is_over


@pytest.mark.parametrize(("has_token", "status", "most"), [(False, 401, 0), (True, 413, 17)])
async def test_a_body_is_read_after_the_token_and_up_to_a_limit(*, has_token: bool, status: int, most: int) -> None:
    client = Client(Line({}))
    taken = 0
    app = calls_api(Platform(client.line.vonage, Access(APPLICATION, rsa_key().public_key(), client.line.clock)))
    sent = list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b" " * 65_536, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {client.token()}".encode())] if has_token else []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/calls",
        "headers": [*headers, (b"content-type", b"application/json")],
        "query_string": b"",
    }
    await app(scope, receive, send)

    assert (status, True) == (sent[0]["status"], taken <= most)


async def test_an_unknown_parameter_is_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(Line({}))

    await client.place(**NEW, limit=60)
    listed = await client.ask("GET", "?page_sise=5")

    assert 200 == listed.status_code
    first, second = caplog.messages
    assert first.startswith('Vonage has no parameter "limit", and ignores it; there are: ')
    assert 'Vonage has no parameter "page_sise", and ignores it; did you mean "page_size"?' == second
