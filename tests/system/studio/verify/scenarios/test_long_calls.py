"""Calls that are too long to be played to their end."""

from __future__ import annotations

import pytest

from ncco_studio.verify.scenarios import caller
from tests.system.studio.verify.scenarios.playing import messages, played

HOLD = """\
flow: main
numbers: ["442079460000"]
start: wait
lookups: {place: {get: "https://example.com/place", returns: {free: bool}}}
defaults: {talk: {language: en-GB}, on: {error: bye}}
steps:
  wait:
    lookup: place
    do: [{talk: "Hold."}]
    hold: {until: place.free, up_to: 24h}
    on: {ready: bye, too_long: wait}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""


def test_a_step_that_brings_too_many_webhooks_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "MOST_WEBHOOKS", 200)
    result = played(HOLD, "- wait: 24h", "  given: {place: {value: {free: false}}}\n")

    (message,) = messages(result)
    assert "200 webhooks have arrived" in message
