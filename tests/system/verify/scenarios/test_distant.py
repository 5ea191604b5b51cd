"""Scenarios on a server at a URL: what is judged of them, what is not, and what befalls it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from app.simulator import Application
from app.verify.scenarios.model import ANY_NUMBER
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import RemoteStage, run_suite
from app.verify.scenarios.server import NoServer
from app.verify.scenarios.values import ScenarioReader
from tests.system.simulator.foreign_server import app
from tests.system.verify.scenarios.playing import file_of, messages

URL = "http://news.example.com"


def played(text: str, event_url: str = f"{URL}/event", chaos: int | None = None, server: Any = app) -> Result:
    """What comes of the one scenario of a text."""
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    stage = RemoteStage(Application(f"{URL}/answer", event_url, answer_method="GET"), chaos=chaos, transport=transport)
    return asyncio.run(run_suite(stage, [file_of(text)])).results[0]


NEWS = "a call:\n  script: [press: 1, hear: There is no news, end]\n"


def test_what_is_heard_is_judged() -> None:
    assert [] == messages(played(NEWS))
    assert ["2: something else is heard"] == messages(played(NEWS.replace("no news", "much news")))


@pytest.mark.parametrize(
    ("more", "unjudged"),
    [
        ("  given: {customer: {name: Ann}}\n", "given (the server asks its own lookups)"),
        ("  env: {CRM_URL: https://crm.example}\n", "env (the server has its own)"),
        ("  dial_allow: ['44']\n", "dial_allow (the server has its own)"),
        ("  flow: shop\n", "flow (the answer URL decides it)"),
        ("  at: 2027-01-01T10:00\n", "at (the server has its own clock)"),
        ("  expect: {hooks: []}\n", "expect.hooks (a server at a URL does not show it)"),
        ("  expect: {variables: {a: 1}}\n", "expect.variables (a server at a URL does not show it)"),
        ("  expect: {end: failsafe}\n", "expect.end: failsafe (a server at a URL does not show it)"),
    ],
)
def test_what_cannot_be_judged_is_told(more: str, unjudged: str) -> None:
    result = played(NEWS + more)

    assert [] == messages(result)
    assert (unjudged,) == result.unjudged


@pytest.mark.parametrize(
    ("call", "to"),
    [
        ("flow: shop", "442079460077"),
        ("flow: other", ANY_NUMBER),
        ("{flow: shop, to: '442079460078'}", "442079460078"),
        ("{}", ANY_NUMBER),
    ],
)
def test_the_number_of_a_flow_that_is_known_is_called(call: str, to: str) -> None:
    stage = RemoteStage(Application(f"{URL}/answer", ""), numbers={"shop": "442079460077"})
    (scenario,) = file_of(f"a call:\n  call: {{{call.strip('{}')}}}\n  script: [end]\n").scenarios

    assert to == stage.fit(scenario, ScenarioReader()).to


def test_a_fault_that_only_a_fallback_url_mends_is_told() -> None:
    refused = played("a call:\n  script:\n    - fault: refused\n    - hear: There is no news\n")

    assert "without --fallback-url nothing follows the `fault` of this scenario" in refused.notes


def test_everything_of_a_plain_scenario_is_judged() -> None:
    assert () == played(NEWS + "  expect: {end: completed, seconds: <20, said: [news], ncco: [talk, input]}\n").unjudged


def test_the_length_of_a_call_is_judged_save_on_an_unlucky_network() -> None:
    expected = NEWS + "  expect: {seconds: <1}\n"

    assert ["3: the call has another length"] == messages(played(expected))
    assert [] == messages(played(expected, chaos=7))


def test_an_event_is_sent_where_events_go() -> None:
    text = "a call:\n  script: [event: {status: ringing}, press: 1, end]\n"
    told = [sent for sent in played(text).webhooks if sent.fields.get("status") == "ringing"]

    assert 2 == len(told)
    assert ("event (no --event-url was given)",) == played(text, event_url="").unjudged


@pytest.mark.parametrize(
    ("fault", "found"),
    [("refused", "Invalid NCCO."), ("lost", ""), ("unreadable", "Invalid response code.")],
)
def test_faults_fall_on_the_next_webhook_that_is_waited_for(fault: str, found: str) -> None:
    text = f"a call:\n  script: [hear: Press 1, fault: {fault}, press: 1, wait: 1s]\n"
    (sent,) = [sent for sent in played(text).webhooks if sent.kind == "input"]

    assert sent.result is not None
    assert found == sent.result.failure


def test_an_answer_webhook_without_its_fields_is_a_fault_of_a_get() -> None:
    result = played("a call:\n  script: [fault: unreadable, hear: Press 1]\n")

    assert [] == messages(result)
    assert f"{URL}/answer" == result.webhooks[2].attempts[0].request.url.partition("?")[0]


async def nobody(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody listens")


def test_nobody_listens() -> None:
    transport = httpx.MockTransport(nobody)
    stage = RemoteStage(Application(f"{URL}/answer", ""), transport=transport)

    with pytest.raises(NoServer, match=f"there is no server at {URL}/answer"):
        asyncio.run(run_suite(stage, [file_of(NEWS)]))


async def says_nothing(scope: Any, _: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_a_server_without_an_ncco_is_the_failsafe() -> None:
    expected = "a call:\n  script: [end]\n  expect: {end: failsafe}\n"

    assert () == played(expected, server=says_nothing).unjudged
    assert [] == messages(played(expected, server=says_nothing))
    assert ["1: the caller hears nothing: no NCCO was played"] == messages(
        played("a call:\n  script: [end]\n", server=says_nothing)
    )


def test_each_call_has_ids_of_its_own() -> None:
    first, second = played(NEWS), played(NEWS)

    assert first.webhooks[0].fields["uuid"] != second.webhooks[0].fields["uuid"]
