"""The log for people: how it shows a call, a secret, a broken file and a lost call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import loopback
from tests.support.server import Server, running
from tests.support.waiting import happens

FLOW = """\
flow: shop
numbers: ["442079460000"]
start: menu
steps:
  menu:
    do:
      - talk: "For support, press 2. To pay, press 3."
    choices:
      support: {dtmf: 2, speech: [support], goto: support}
      pay: {dtmf: 3, goto: pay}
    retry: {noinput: ["Please press a key."], nomatch: ["Please press a key."], then: support}
  support:
    do:
      - talk: "Support calls you back."
    goto: end
  pay:
    do:
      - talk: "Enter your card number."
    collect: {into: card, digits: 8, sensitive: true}
    goto: support
    retry: {noinput: ["Please enter it."], nomatch: ["Please enter it."], then: support}
"""
URL = re.compile(r"http://[^\"]+/webhooks/input/[^\"]+")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("pretty")
    settings = {"NCCO_LOG": "pretty", "NCCO_RELOAD": "1", "NCCO_PUBLIC_URL": "", "TZ": "UTC"}
    with running(home, {"flows/shop.yaml": FLOW}, settings, "--dev") as started:
        yield started


def line_with(server: Server, text: str) -> str:
    """The first line with a text, without its time; waits some seconds for it."""
    line = happens(lambda: next((line for line in server.lines if text in line), ""))
    assert line, f"{text!r} is not in {server.lines}"
    return re.sub(r"^\d\d:\d\d:\d\d  |\s+\d+ ms$", "", line.rstrip("\n"))


def answer(server: Server, leg: str, caller: str) -> str:
    params = {"to": "442079460000", "from": caller, "uuid": leg, "conversation_uuid": f"CON-{leg}"}
    found = URL.search(loopback.get(f"{server.url}/webhooks/answer", params=params).text)
    assert found is not None
    return found[0]


def press(url: str, leg: str, caller: str, digits: str) -> str:
    body = {"dtmf": {"digits": digits, "timed_out": False}, "from": caller, "uuid": leg}
    return loopback.post(url, json=body).text


def test_a_call_is_one_line_for_each_webhook(server: Server) -> None:
    menu = answer(server, "leg-1", "447700900123")
    press(menu, "leg-1", "447700900123", "2")
    press(menu, "leg-1", "447700900123", "2")
    event = {"status": "completed", "uuid": "leg-1", "from": "447700900123", "duration": "7", "direction": "inbound"}
    loopback.post(f"{server.url}/webhooks/event", json=event)

    assert "+44 7700 900123 → shop: call → menu" == line_with(server, "900123 → shop: call")
    assert "+44 7700 900123 → shop: pressed 2 (support) → end" == line_with(server, "pressed 2")
    assert "+44 7700 900123 → shop: input (repeat)" == line_with(server, "repeat")
    assert "+44 7700 900123: completed, after 7 s" == line_with(server, "completed")
    assert "flows loaded  flows=shop" == line_with(server, "flows loaded")
    assert not any("\x1b" in line for line in server.lines)


def test_sensitive_values_are_not_in_the_log(server: Server) -> None:
    menu = answer(server, "leg-2", "12125550123")
    card = URL.search(press(menu, "leg-2", "12125550123", "3"))
    assert card is not None
    press(card[0], "leg-2", "12125550123", "84021739")

    assert "+1 212-555-0123 → shop: pressed keys (not stored) (collected) → end" == line_with(server, "not stored")
    assert not any("84021739" in line for line in server.lines)


def test_input_of_a_caller_cannot_rewrite_the_terminal(server: Server) -> None:
    menu = answer(server, "leg-3", "\x1b[2Jann")
    said = {"speech": {"results": [{"text": "support\x1b[2J\u202e\nerror", "confidence": "0.9"}]}, "uuid": "leg-3"}
    loopback.post(menu, json=said)

    line_with(server, "said")
    assert not any("\x1b" in line or "\u202e" in line for line in server.lines)
    assert not any(line.startswith("error") for line in server.lines)


def test_issues_of_a_saved_file_are_shown_with_their_lines(server: Server) -> None:
    flow = Path(server.home / "flows" / "shop.yaml")
    flow.write_text(FLOW.replace("goto: support}", "goto: suport}", 1), encoding="utf-8")

    assert line_with(server, "E214").startswith("flows/shop.yaml:9:51")
    assert 'did you mean "support"?' in line_with(server, "^^")
    assert "flows refused" in line_with(server, "flows refused")
