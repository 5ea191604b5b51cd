from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.service.functions import reply_due
from ncco_server.service.lookup_sources import CALLS_PER_FUNCTION, PythonModules
from ncco_server.service.lookups import LATEST_BEGIN_S, RESERVE_S, CircuitBreakers, LookupClient
from tests.unit.server.service import sample_functions
from tests.unit.server.service.asking import PATIENCE_MS, ask, ask_one

MODULE = "tests.unit.server.service.sample_functions"


def calling(name: str, timeout_ms: int = PATIENCE_MS, /, **arguments: object) -> LookupRequest:
    return LookupRequest("PYTHON", function=f"{MODULE}:{name}", arguments=arguments, timeout_ms=timeout_ms)


@pytest.fixture
def released() -> Iterator[None]:
    sample_functions.released.clear()
    yield
    sample_functions.released.set()


@pytest.mark.parametrize("name", ["customer", "async_customer", "awaitable_customer"])
async def test_a_function_answers(client: LookupClient, name: str) -> None:
    answer = await ask_one(client, calling(name, number="447700900123"))

    assert ({"name": "Ann 447700900123"}, "") == (answer.value, answer.problem)


async def test_objects_come_back_as_json(client: LookupClient) -> None:
    assert {"name": "Ann", "since": "2026-03-04T00:00:00+00:00"} == (await ask_one(client, calling("thing"))).value


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("raising", "the function raised KeyError in sample_functions.py:"),
        ("async_raising", "the function raised KeyError in sample_functions.py:"),
        ("leaving", "the function raised SystemExit in sample_functions.py:"),
        ("async_leaving", "the function raised SystemExit in sample_functions.py:"),
        ("stopping", "the function raised StopIteration in sample_functions.py:"),
        ("cancelling", "the function was cancelled"),
        ("unprintable", "returned something that is not JSON"),
        ("circular", "returned something that is not JSON"),
        ("large", "larger than 64 KiB"),
        ("customer", "the function does not take no arguments"),
        ("nobody", f"{MODULE} has no function nobody"),
        ("not_callable", f"{MODULE} has no function not_callable"),
    ],
)
async def test_the_failure_of_a_function_is_reported_without_its_message(
    client: LookupClient, name: str, problem: str
) -> None:
    answer = await ask_one(client, calling(name))

    assert answer.value is None
    assert answer.problem.startswith(problem)
    assert "unspoken" not in answer.problem


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        (
            "tests.unit.server.service.nowhere",
            "tests.unit.server.service.nowhere cannot be imported (ModuleNotFoundError)",
        ),
        (
            "tests.unit.server.service.sample_broken",
            "tests.unit.server.service.sample_broken cannot be imported (RuntimeError)",
        ),
    ],
)
async def test_a_module_that_cannot_be_imported_is_reported(client: LookupClient, module: str, problem: str) -> None:
    request = LookupRequest("PYTHON", function=f"{module}:customer", timeout_ms=PATIENCE_MS)

    assert problem == (await ask_one(client, request)).problem


async def test_unexpected_arguments_are_named(client: LookupClient) -> None:
    answer = await ask_one(client, calling("customer", name="x", n=1))

    assert "the function does not take the arguments name, n" == answer.problem


async def test_a_function_of_a_c_library_is_called_as_it_is(client: LookupClient) -> None:
    request = LookupRequest("PYTHON", function="math:gcd", timeout_ms=PATIENCE_MS)

    assert 0 == (await ask_one(client, request)).value


@pytest.mark.parametrize("name", ["stuck", "async_stuck", "stubborn", "late"])
async def test_a_slow_function_times_out(client: LookupClient, name: str, released: None) -> None:
    answer = await ask_one(client, calling(name, 100))

    assert "timed out after 100 ms" == answer.problem
    assert answer.ms < PATIENCE_MS / 2


async def test_functions_leave_the_time_that_the_reply_needs(client: LookupClient, released: None) -> None:
    reply_due.set(asyncio.get_running_loop().time() + LATEST_BEGIN_S + RESERVE_S)

    answers = await ask(client, *[calling("stuck")] * (CALLS_PER_FUNCTION + 1))
    begun = [answer for answer in answers if not answer.is_cut_off]  # on a busy machine, some wait for a thread too
    waiting = [answer for answer in answers if answer.is_cut_off]

    assert {"timed out: on this busy machine, the reply would be late"} == {answer.problem for answer in begun}
    assert {f"not made: too many others are waiting for {MODULE}:stuck"} == {answer.problem for answer in waiting}
    assert waiting[-1] is answers[-1]
    assert waiting[-1].ms < min(answer.ms for answer in begun)


async def test_a_function_that_never_returns_blocks_no_other_lookup(client: LookupClient, released: None) -> None:
    patient = LookupClient(PATIENCE_MS, modules=PythonModules({MODULE}), breakers=CircuitBreakers(failures=1000))

    stuck = await ask(patient, *[calling("stuck", 100)] * CALLS_PER_FUNCTION)
    soon = reply_due.set(asyncio.get_running_loop().time() + LATEST_BEGIN_S)
    waiting = await ask(patient, *[calling("stuck", 100)] * 5)
    reply_due.reset(soon)
    others = await ask(patient, *[calling("customer", number="1")] * 40)
    store = await asyncio.to_thread(lambda: "written")
    await patient.close()

    assert {"timed out after 100 ms"} == {answer.problem for answer in stuck}
    assert {f"not made: too many others are waiting for {MODULE}:stuck"} == {answer.problem for answer in waiting}
    assert {""} == {answer.problem for answer in others}
    assert "written" == store


async def test_a_queued_lookup_gets_its_full_time_limit_afterwards(client: LookupClient, released: None) -> None:
    first = [calling("stuck")] * CALLS_PER_FUNCTION
    asking = asyncio.create_task(ask(client, *first, calling("stuck", 1000)))
    await asyncio.sleep(1.1)
    sample_functions.released.set()
    answers = await asking

    assert {""} == {answer.problem for answer in answers}
    assert answers[-1].ms > 1000


async def test_a_queued_lookup_is_skipped_if_the_ones_before_it_failed(released: None) -> None:
    client = LookupClient(30_000, modules=PythonModules({MODULE}))

    asked = [asyncio.create_task(ask_one(client, calling("held", 200))) for _ in range(2 * CALLS_PER_FUNCTION)]
    in_front = {(await each).problem for each in asked[:CALLS_PER_FUNCTION]}
    sample_functions.released.set()
    waited = {(await each).problem for each in asked[CALLS_PER_FUNCTION:]}
    await client.close()
    while client.late_functions:  # noqa: ASYNC110 - the loop must not close while their threads hand over results
        await asyncio.sleep(0.01)

    paused = f"not asked: {MODULE}:held has failed 5 times in a row and is paused"
    assert {"timed out after 200 ms"} == in_front - {paused}  # on a busy machine, some of them begin late
    assert {paused} == waited


async def test_a_function_that_raises_is_called_again(client: LookupClient) -> None:
    for _ in range(6):
        answer = await ask_one(client, calling("raising"))

    assert answer.problem.startswith("the function raised KeyError")


@pytest.mark.parametrize("module", ["os", "tests.unit.server.service", f"{MODULE}.more", ""])
async def test_a_module_that_is_not_allowed_is_not_imported(client: LookupClient, module: str) -> None:
    request = LookupRequest("PYTHON", function=f"{module}:system", arguments={"command": "true"})

    assert f"NCCO_PYTHON_LOOKUPS does not name the module {module}" == (await ask_one(client, request)).problem


async def test_a_function_that_a_module_only_imports_is_not_offered_unless_it_says_so(client: LookupClient) -> None:
    assert f"{MODULE} has no function run" == (await ask_one(client, calling("run", args=["true"]))).problem
    assert "" == (await ask_one(client, calling("offered"))).problem


async def test_a_module_in_a_folder_that_the_console_writes_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/evil_of_this_test.py").write_text("def run():\n    return {}\n")
    modules = PythonModules({"templates.evil_of_this_test"}, tmp_path / "flows", (tmp_path / "templates",))
    request = LookupRequest("PYTHON", function="templates.evil_of_this_test:run", timeout_ms=PATIENCE_MS)
    client = LookupClient(PATIENCE_MS, modules=modules)

    answer = await ask_one(client, request)
    await client.close()

    assert "templates.evil_of_this_test is in a folder of flows or templates" == answer.problem


async def test_a_module_beside_the_flows_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "crm_of_this_test.py").write_text("def customer():\n    return {'name': 'Ann'}\n")
    request = LookupRequest("PYTHON", function="crm_of_this_test:customer", timeout_ms=PATIENCE_MS)
    modules = PythonModules({"crm_of_this_test"}, tmp_path / "flows")
    client, again = LookupClient(PATIENCE_MS, modules=modules), LookupClient(modules=modules)

    answer = await ask_one(client, request)
    await client.close()
    await again.close()

    assert {"name": "Ann"} == answer.value
    assert 1 == sys.path.count(str(tmp_path))
