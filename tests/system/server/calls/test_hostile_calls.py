"""What hostile webhooks must not do: end a call, or fill the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ncco_server.settings import load_settings
from ncco_server.web.log import configure_log
from tests.system.server.calls.asgi_call import BASE, Caller, Host, serving

FLOWS = Path(__file__).resolve().parents[4] / "flows"


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with serving(FLOWS) as host:
        yield host


@pytest.mark.parametrize(
    "data", ['{"a": 123456789012345678901234567890}', '{"a": "\\ud800"}', '{"a":' * 500 + "1" + "}" * 500]
)
async def test_deeply_nested_text_breaks_no_call(host: Host, data: str) -> None:
    caller = Caller(host, form="query")
    await caller.ring(custom_data=data)

    assert "Thank you for calling Northgate Bicycles." == caller.said[0]


@pytest.mark.parametrize("nested", [{"dtmf": '{"digits":"\\ud800"}'}, {"speech": '{"results":[{"text":"\\ud800"}]}'}])
async def test_half_a_character_in_an_input_is_a_wrong_answer(host: Host, nested: dict[str, object]) -> None:
    caller = Caller(host, form="query")
    await caller.ring()
    await caller.send(caller.url("input"), {**caller.common, **nested})

    assert "Sorry, that is not one of the choices." == caller.said[0]


async def test_a_log_line_stays_short_and_contains_no_control_characters(capfd: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(None, log="pretty", public_url=BASE, database_url="memory://")
    configure_log(settings)
    async with serving(FLOWS) as host:
        await Caller(host).send(
            "/webhooks/event", {"status": "ringing", "uuid": "\x1b[31mred", "conversation_uuid": "c" * 90_000}
        )
    out = capfd.readouterr().out

    assert "\x1b[31mred" not in out
    assert 5_000 > max(map(len, out.splitlines()), default=0)
