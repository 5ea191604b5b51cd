"""`ncco simulate`: the events of a call, what it prints, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import each_case
from tests.system.cli.projects import write_project
from tests.system.cli.simulated import SHOP, call

MENU = '    0.0 s  hears     "Hello . For sales, press 1 or say sales."'


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path) -> Path:
    return write_project(tmp_path, shop=SHOP)


def lines(output: str) -> list[str]:
    """The lines of the output that begin with a time."""
    return [line for line in output.splitlines() if line[7:10] == " s "]


def test_a_call_is_heard_line_by_line() -> None:
    done = call("shop", "1", "completed")

    assert 0 == done.exit_code, done.output
    assert [
        MENU,
        "    3.6 s  presses   1",
        '    3.6 s  hears     "Connecting you."',
        "    4.4 s  rings     447700900111",
        "    8.4 s  joined by 447700900111",
        "   38.4 s  left by   447700900111",
        "   38.4 s  is over",
    ] == lines(done.output)


@each_case(
    ("events", "heard"),
    [
        ([], ["hangs up"]),
        (["hangup"], ["hangs up"]),
        (["says sales", "busy"], ['says      "sales"', "rings     447700900111", "Leave a message."]),
        (["silence", "silence", "silence"], ["I did not hear you.", "Leave a message.", "Goodbye."]),
    ],
)
def test_an_event_may_be_a_key_a_word_silence_a_result_or_the_end(events: list[str], heard: list[str]) -> None:
    done = call("shop", *events)

    assert 0 == done.exit_code, done.output
    assert [] == [text for text in heard if text not in done.output], done.output


def test_a_lookup_has_the_answer_that_is_given() -> None:
    assert "Hello Ann." in call("--given", "customer={name: Ann, tier: gold}").output


REMINDER = """\
flow: reminder
outbound: {from: "442079460000", retry: {on: [busy], after: 30m, tries: 2}}
params: {name: {type: text}}
start: tell
steps:
  tell: {do: [{talk: "Hello {{ name }}."}], goto: end}
"""


def test_a_flow_with_outbound_calls_and_takes_its_params(tmp_path: Path) -> None:
    write_project(tmp_path, reminder=REMINDER)
    done = call("reminder", "busy", "answered", "--given", "name=Ada")

    assert 0 == done.exit_code, done.output
    assert '"Hello Ada."' in done.output


@each_case(
    ("words", "told"),
    [
        (["nowhere"], 'there is no flow "nowhere"'),
        (["shp"], 'did you mean "shop"?'),
        (["no/such/folder"], "no/such/folder does not exist"),
        (["shop", "frobnicate"], "'frobnicate' is not an event of a call"),
        (["shop", "says"], "'says' is not an event of a call"),
        (["--given", "customer"], "customer is not NAME=VALUE"),
        (["--given", "customer={name: Ann"], "this { is not closed"),
        (["--given", "custmer={name: Ann}"], 'did you mean "customer"?'),
        (["--event-url", "https://example.com"], "--event-url only applies to a server at a URL"),
        (["--event-url", "example.com"], "'example.com' is not the URL of a server"),
        (["http://"], "'http://' is not the URL of a server"),
        (["http://[x/answer"], "'http://[x/answer' is not the URL of a server"),
        (["--method", "post"], "--method only applies to a server at a URL"),
    ],
)
def test_a_flow_that_cannot_be_called_ends_with_2(words: list[str], told: str) -> None:
    done = call(*words)

    assert (2, True) == (done.exit_code, told in done.output), done.output


def test_an_event_that_does_not_fit_ends_with_1() -> None:
    done = call("shop", "1", "silence")

    assert 1 == done.exit_code, done.output
    assert "event:2: " in done.output


def test_several_flows_need_a_name(tmp_path: Path) -> None:
    write_project(tmp_path, other=SHOP.replace("flow: shop", "flow: other").replace("460000", "460001"))

    assert 2 == call().exit_code
    assert "it is unclear which flow takes the call" in call().output
    assert 0 == call("other").exit_code


def test_a_project_and_a_file_of_it_can_be_called(tmp_path: Path) -> None:
    elsewhere = write_project(tmp_path / "elsewhere", shop=SHOP)

    assert 0 == call("elsewhere").exit_code
    assert MENU in call(elsewhere / "flows/shop.yaml").output


def test_a_flow_has_priority_over_a_folder_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()

    assert MENU in call("shop").output


FAILING = """\
flow: shop
default: true
start: dial
steps:
  dial:
    do:
      - talk: "One moment."
      - connect: "{{ call.from }}"
    on: {completed: end, otherwise: end}
"""


def test_a_flow_that_cannot_be_played_ends_with_1(tmp_path: Path) -> None:
    write_project(tmp_path, shop=FAILING)

    assert 1 == call().exit_code
