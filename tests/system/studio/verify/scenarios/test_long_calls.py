"""Calls that are too long to be played to their end."""

from __future__ import annotations

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


def test_a_step_that_brings_thousands_of_webhooks_is_given_up() -> None:
    result = played(HOLD, "- wait: 24h", "  given: {place: {value: {free: false}}}\n")

    (message,) = messages(result)
    assert "5,000 webhooks have arrived" in message
