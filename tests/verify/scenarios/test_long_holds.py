"""A caller who is held second by second: a scenario of it comes to an end, and says why."""

from __future__ import annotations

from tests.verify.scenarios.playing import messages, played

HELD = """\
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
GIVEN = "  given: {place: {value: {free: false}}}\n"


def test_a_script_that_ends_while_the_caller_is_held_hangs_up() -> None:
    result = played(HELD, "- hear: Hold.", head=GIVEN)

    assert [] == messages(result)


def test_nobody_is_dialled_while_a_caller_is_held_for_ever() -> None:
    result = played(HELD, "- dial: busy", head=GIVEN)

    assert ["4: anybody is not dialled: nothing happens until the caller does something"] == messages(result)


def test_waiting_ends_with_the_patience_for_webhooks() -> None:
    result = played(HELD, "- wait: 24h", head=GIVEN)

    assert ["4: 5,000 webhooks have come, and 84420.0 s are left to wait"] == messages(result)


def test_a_wait_is_as_long_as_it_is_written() -> None:
    result = played(HELD, "- wait: 10m\n- hangup", head=f"{GIVEN}  expect: {{seconds: 600}}\n")

    assert [] == messages(result)


def test_a_circle_of_short_holds_is_found_in_bounded_time() -> None:
    result = played(HELD, "- hear: Hold.", head=f"{GIVEN}  expect: {{without: circle}}\n")

    assert ["3: circle: the call goes on for ever when nobody does anything more"] == messages(result)


def test_a_wait_of_a_fraction_ends() -> None:
    result = played(HELD, "- wait: 21.7s\n- wait: 0.1s\n- wait: 33.3333s\n- hangup", head=GIVEN)

    assert [] == messages(result)
