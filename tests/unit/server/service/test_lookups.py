from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import httpx
import pytest

from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.service.lookups import LookupClient, lookups_of_turn
from ncco_server.service.outgoing import NoAddress, PrivateAddress, UntrustedCertificate
from tests.support.cases import each_case
from tests.unit.server.service.asking import PATIENCE_MS, ask, ask_one, get, lookup
from tests.unit.server.service.lookup_server import Connection, LookUpServer, good

ANN = {"name": "Ann", "tier": "gold"}


async def test_a_get_has_the_headers_of_the_client_and_its_key(client: LookupClient, server: LookUpServer) -> None:
    await ask_one(client, get(server.url("good?number=%2B44"), headers={"Authorization": "Bearer t", "X-Name": "Zoë"}))

    head = server.requests[0]
    assert head.startswith("GET /good?number=%2B44 HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer t\r\n" in head
    assert "\r\nX-Name: Zoë\r\n" in head
    assert "\r\nIdempotency-Key: leg:1:flow.step.customer\r\n" in head
    assert "\r\nUser-Agent: ncco-server\r\n" in head
    assert "\r\nAccept: application/json\r\n" in head
    assert "\r\nAccept-Encoding: identity\r\n" in head


async def test_headers_written_by_the_author_win(client: LookupClient, server: LookUpServer) -> None:
    headers = {"accept": "application/vnd.crm+json", "content-type": "application/vnd.crm+json"}

    await ask_one(client, LookupRequest("POST", server.url("good"), {"a": [1, None]}, headers))

    head, _, body = server.requests[0].partition("\r\n\r\n")
    assert '{"a":[1,null]}' == body
    assert 1 == head.lower().count("accept:")
    assert 1 == head.lower().count("content-type:")
    assert "content-type: application/vnd.crm+json" in head


async def test_a_post_sends_json_and_none_sends_nothing(client: LookupClient, server: LookUpServer) -> None:
    await ask(client, LookupRequest("POST", server.url("good"), 0), LookupRequest("POST", server.url("good")))

    first, second = sorted(server.requests, key=len, reverse=True)
    assert first.startswith("POST /good HTTP/1.1\r\n")
    assert "Content-Type: application/json\r\n" in first
    assert first.endswith("\r\n\r\n0")
    assert "Content-Type" not in second
    assert second.endswith("\r\n\r\n")


async def test_a_key_that_is_too_long_or_has_strange_characters_is_still_a_valid_header(
    client: LookupClient, server: LookUpServer
) -> None:
    request = get(server.url("good"))

    lookups = (lookup(request, key="a\r\nX: y\ud800"), lookup(request, key="k" * 300))
    answers = await lookups_of_turn(client.answer, client.budget_ms)(lookups)

    heads = "".join(server.requests)
    assert ["", ""] == [answer.problem for answer in answers]
    assert "Idempotency-Key: a%0D%0AX:%20y" in heads
    assert "k" * 256 not in heads


@pytest.mark.parametrize("path", ["good", "created", "packed", "deflated", "marked"])
async def test_unusual_but_valid_replies_are_answers(client: LookupClient, server: LookUpServer, path: str) -> None:
    answer = await ask_one(client, get(server.url(path)))

    assert (ANN, "") == (answer.value, answer.problem)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("html", "not JSON (HTML)"),
        ("empty", "the answer is empty"),
        ("broken_json", "not JSON"),
        ("not_a_number", "not JSON"),
        ("deep", "not JSON"),
        ("large", "larger than 64 KiB"),
        ("endless", "larger than 64 KiB"),
        ("bomb", "larger than 64 KiB"),
        ("badly_packed", "compressed in a way that cannot be decompressed"),
        ("half_packed", "compressed in a way that cannot be decompressed"),
        ("strangely_packed", "compressed in a way that was not requested"),
        ("redirect", "status 302: redirects are not followed"),
        ("missing", "status 404"),
        ("missing_at_length", "status 404"),
        ("failing", "status 503"),
        ("overloaded", "status 429"),
        ("many_headers", "the connection was lost"),
        ("closing_early", "the connection was lost"),
        ("hanging_up", "the connection was lost"),
        ("dying", "the connection was lost"),
        ("babbling", "the connection was lost"),
        ("silent", "timed out after 150 ms"),
        ("dribbling", "timed out after 150 ms"),
        ("endless_headers", "timed out after 150 ms"),
        ("never_now", "timed out after 150 ms"),
    ],
)
async def test_a_bad_server_is_reported_in_one_sentence(
    client: LookupClient, server: LookUpServer, path: str, problem: str
) -> None:
    limit_ms = 150 if problem.startswith("timed out") else PATIENCE_MS

    answer = await ask_one(client, get(server.url(path), timeout_ms=limit_ms))

    assert (None, problem) == (answer.value, answer.problem)
    assert answer.ms < PATIENCE_MS / 2
    assert 1 >= len(server.requests)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/c", "http://\x00/c"])
async def test_a_url_that_cannot_be_sent_is_reported(client: LookupClient, url: str) -> None:
    assert "the URL or a header cannot be sent" == (await ask_one(client, get(url))).problem


async def test_proxies_of_the_environment_are_ignored(server: LookUpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    client = LookupClient(PATIENCE_MS)

    answer = await ask_one(client, get(server.url("good")))
    await client.close()

    assert "" == answer.problem


async def test_a_cookie_of_a_reply_is_in_no_later_request(client: LookupClient, server: LookUpServer) -> None:
    async def setting(connection: Connection) -> None:
        await connection.answer(b"1", "200 OK", f"Set-Cookie: session-{len(server.requests)}=of-a-caller; Path=/")

    server.behaviours["session"] = setting
    for _ in range(3):
        await ask_one(client, get(server.url("session")))

    assert (3, []) == (len(server.requests), [each for each in server.requests if "cookie:" in each.lower()])


async def test_the_url_of_a_request_is_not_logged(
    client: LookupClient, server: LookUpServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = await ask_one(client, get(server.url("good?pin=9431")))

    assert (ANN, []) == (answer.value, [text for text in caplog.messages if "9431" in text])


async def test_a_user_in_a_url_logs_in(client: LookupClient, server: LookUpServer) -> None:
    await ask_one(client, get(server.url("good", "ann:secret@127.0.0.1")))

    assert "\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n" in server.requests[0]


async def test_the_lookups_of_a_step_are_sent_concurrently(client: LookupClient, server: LookUpServer) -> None:
    async def good_once_all_are_there(connection: Connection) -> None:
        while server.open_connections < 6:  # noqa: ASYNC110 - the server is a task of its own
            await asyncio.sleep(0.01)
        await good(connection)

    server.behaviours["together"] = good_once_all_are_there
    answers = await ask(client, *[get(server.url("together"))] * 6)

    assert {""} == {answer.problem for answer in answers}


async def test_all_steps_of_a_turn_share_one_budget(server: LookUpServer) -> None:
    client = LookupClient(budget_ms=2000)
    turn = lookups_of_turn(client.answer, client.budget_ms)
    slow, silent = lookup(get(server.url("slow"))), lookup(get(server.url("silent"), timeout_ms=1950))

    (first,) = await turn((slow,))
    (second,) = await turn((silent,))
    (third,) = await turn((slow,))
    (another,) = await lookups_of_turn(client.answer, client.budget_ms)((slow,))
    await client.close()

    assert "" == first.problem
    assert second.problem.startswith("timed out after ")
    assert second.problem.endswith(" ms, all that remained of the 2000 ms for all lookups")
    assert "not asked: the 2000 ms for all lookups of a turn are used up" == third.problem
    assert "" == another.problem


async def test_cancelling_a_lookup_cancels_its_request(client: LookupClient, server: LookUpServer) -> None:
    asking = asyncio.create_task(ask_one(client, get(server.url("silent"))))
    while not server.requests:  # noqa: ASYNC110 - the server is a task of its own
        await asyncio.sleep(0.01)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0)
    assert ANN == (await ask_one(client, get(server.url("good")))).value


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> LookupClient:
    return LookupClient(http=httpx.AsyncClient(transport=httpx.MockTransport(handler)))


@each_case(
    ("error", "problem"),
    [
        (UntrustedCertificate("[SSL: CERTIFICATE_VERIFY_FAILED]"), "the certificate of the host is not trusted"),
        (NoAddress("crm.example.com has no address"), "the host has no address"),
        (
            PrivateAddress("crm.example.com has only private or link-local addresses"),
            "the host has only private or link-local addresses; NCCO_PRIVATE_HOSTS can allow private ones",
        ),
        (httpx.ReadError("secret"), "the connection was lost"),
        (KeyError("secret"), "failed: KeyError"),
    ],
)
async def test_the_reason_why_a_host_cannot_be_asked_is_reported(error: Exception, problem: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    assert problem == (await ask_one(answering(fail), get("https://crm.example.com"))).problem


async def test_closing_the_client_ends_open_requests(server: LookUpServer) -> None:
    client = LookupClient(PATIENCE_MS)
    asking = asyncio.create_task(ask_one(client, get(server.url("silent"))))
    while not server.requests:  # noqa: ASYNC110 - the server is a task of its own
        await asyncio.sleep(0.01)

    await client.close()

    assert "the server is closing" == (await asking).problem
