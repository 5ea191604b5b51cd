from __future__ import annotations

from typing import Any

from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.service.lookups import AnswerCache, LookupClient, cache_key, lookups_of_turn
from tests.unit.server.service.asking import PATIENCE_MS, ask, ask_one, get, lookup
from tests.unit.server.service.conftest import StandingClock
from tests.unit.server.service.lookup_server import LookUpServer, broken_json, failing, good, html


def lacks_name(value: Any) -> str:
    return "" if isinstance(value, dict) and "name" in value else "`name` is missing"


def lacks_number(value: Any) -> str:
    return "" if isinstance(value, dict) and "number" in value else "`number` is missing"


async def test_a_valid_answer_is_cached(client: LookupClient, server: LookUpServer) -> None:
    request = get(server.url("good"), cache_ms=30_000, misfit=lacks_name)

    first, second = [await ask_one(client, request) for _ in range(2)]

    assert (False, True) == (first.is_cached, second.is_cached)
    assert first.value == second.value
    assert first.value is not second.value
    assert 1 == len(server.requests)


async def test_a_cached_answer_expires(server: LookUpServer) -> None:
    clock = StandingClock()
    client = LookupClient(PATIENCE_MS, clock=clock)
    request = get(server.url("good"), cache_ms=30_000)

    await ask_one(client, request)
    clock.now = 29.9
    young = await ask_one(client, request)
    clock.now = 30
    old = await ask_one(client, request)
    await client.close()

    assert (True, False) == (young.is_cached, old.is_cached)


async def test_a_bad_answer_is_not_kept(client: LookupClient, server: LookUpServer) -> None:
    request = get(server.url("c"), cache_ms=30_000)
    problems = []
    for behaviour in (html, broken_json, failing, good):
        server.behaviours["c"] = behaviour
        problems.append((await ask_one(client, request)).problem)

    assert ["not JSON (HTML)", "not JSON", "status 503", ""] == problems


async def test_an_answer_without_the_declared_fields_is_not_kept(client: LookupClient, server: LookUpServer) -> None:
    lying = get(server.url("good"), cache_ms=30_000, misfit=lacks_number)

    answers = [await ask_one(client, lying) for _ in range(2)]

    assert [False, False] == [answer.is_cached for answer in answers]
    assert 2 == len(server.requests)


async def test_a_cached_answer_is_used_only_if_it_has_the_required_fields(
    client: LookupClient, server: LookUpServer
) -> None:
    await ask_one(client, get(server.url("good"), cache_ms=30_000, misfit=lacks_name))

    answer = await ask_one(client, get(server.url("good"), cache_ms=30_000, misfit=lacks_number))

    assert not answer.is_cached


async def test_simultaneous_equal_requests_are_sent_once(client: LookupClient, server: LookUpServer) -> None:
    answers = await ask(client, *[get(server.url("slow"), cache_ms=30_000)] * 10)

    assert {""} == {answer.problem for answer in answers}
    assert 1 == len(server.requests)


async def test_a_request_that_times_out_does_not_affect_others_waiting_for_the_same_answer(
    client: LookupClient, server: LookUpServer
) -> None:
    request = lookup(get(server.url("slow"), cache_ms=30_000))
    hasty = lookups_of_turn(client.answer, 50)

    (short,) = await hasty((request,))
    (kept,) = await lookups_of_turn(client.answer, client.budget_ms)((request,))
    (hit,) = await hasty((request,))
    (still,) = await lookups_of_turn(client.answer, 0)((request,))

    assert short.problem.startswith("timed out after 50 ms, all that remained of the 30000 ms")
    assert ("", "") == (kept.problem, hit.problem)
    assert (True, True) == (hit.is_cached, still.is_cached)
    assert 1 == len(server.requests)


async def test_the_oldest_answer_is_evicted_first() -> None:
    memory = AnswerCache(StandingClock(), size=2)
    for key in (b"a", b"b"):
        memory.put(key, key, 1000)

    memory.get(b"a")
    memory.put(b"c", b"c", 1000)

    assert (b"a", None, b"c") == (memory.get(b"a"), memory.get(b"b"), memory.get(b"c"))


def test_requests_that_differ_in_anything_sent_are_cached_separately() -> None:
    url = "https://crm.example.com"
    requests = [
        get(url),
        get(url + "/"),
        get(url, headers={"A": "1"}),
        LookupRequest("POST", url),
        LookupRequest("POST", url, {"a": 1}),
        LookupRequest("PYTHON", function="crm:a"),
        LookupRequest("PYTHON", function="crm:a", arguments={"a": 1}),
    ]

    assert 7 == len({cache_key(request) for request in requests})
    assert cache_key(LookupRequest("POST", url, {"a": 1, "b": 2})) == cache_key(
        LookupRequest("POST", url, {"b": 2, "a": 1}, timeout_ms=5)
    )
