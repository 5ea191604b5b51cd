"""`ncco simulate`: whole calls from a pipe, what they print, and their exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.command import ncco
from tests.support.server import standing_in
from tests.system.cli.projects import write_project
from tests.system.cli.simulated import AT, SHOP, call, saved

MENU = '    0.0 s  hears     "Hello . For sales, press 1 or say sales."'


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path) -> Path:
    return write_project(tmp_path, shop=SHOP)


def lines(output: str) -> list[str]:
    """The lines of the output that begin with a time."""
    return [line for line in output.splitlines() if line[7:10] == " s "]


def test_a_call_is_heard_line_by_line() -> None:
    done = call(typed="1\ndial {talks: 20s}\n")

    assert 0 == done.exit_code, done.output
    assert [
        MENU,
        "    3.6 s  presses   1",
        '    3.6 s  hears     "Connecting you."',
        "    4.4 s  rings     447700900111",
        "    8.4 s  joined by 447700900111",
        "   28.4 s  left by   447700900111",
        "   28.4 s  is over",
    ] == lines(done.output)


def test_the_first_line_names_caller_called_number_and_time() -> None:
    assert "447700900123 calls 442079460000, 2026-03-04 10:00+00:00" == call().output.splitlines()[0]
    assert "447700900999 calls flow shop at 4420" == call("shop", "--from", "+44 7700 900999").output[:36]


@pytest.mark.parametrize("said", ["hangup", "quit"])
def test_the_caller_hangs_up(said: str) -> None:
    done = call(typed=f"{said}\n1\n")

    assert 0 == done.exit_code
    assert [MENU, "    3.6 s  hangs up"] == lines(done.output)


# what is typed in one call, and what is printed
CALLS: dict[str, list[tuple[str, list[str]]]] = {
    "Enter is silence, then a message": [
        ("\n\n\n", ["I did not hear you.", "says      something, for 5 s", '"Goodbye."']),
    ],
    "the caller may act while somebody is dialled": [
        ("1\nwait 6\ndial busy\n", ['   10.4 s  hears     "Leave a message."']),
        ("1\n5\nwait 2; 7; dial busy\n", ["    6.4 s  presses   7"]),
    ],
    "a first line that waits counts from the answer": [
        ("wait 1; 1\ndial busy\nrecord {key: '#'}\n", ["    1.0 s  presses   1"]),
    ],
    "Enter continues after a wait": [
        (
            "1; wait 0.3\n\ndial busy\n",
            ["[press or speak to interrupt; Enter: keep listening; ?: help]", "Leave a message."],
        ),
    ],
    "the NCCO and the webhooks are shown on demand": [
        (
            "1\nncco\nwebhook\nwebhooks\n",
            [
                '    "action": "connect",', '    "digits": "1",', "reply 200:",
                "    3.6 s  input     POST https://ncco.example/webhooks/input/",
            ],
        ),
    ],
    "hooks are shown and not sent": [("1\n", ["hook sold to https://crm-url.example/sales (not sent): "])],
    "an impossible input is reported": [
        ("frobnicate now\n", ['there is no step or command "frobnicate now"; ? lists them all. To say it, type:']),
        ("speka order\n", ['there is no step or command "speka order"; did you mean `speak`?']),
        ("press x\n", ['`press` cannot be "x"; write keys: digits, * and #']),
        ("speak\n", ["`speak` has no value"]),
        ("wait 2h\n", ["a caller can wait or speak for at most an hour at once"]),
        ("record\n", ["nothing is being recorded now"]),
        ("save calls.txt\n", ["calls.txt is not the name of a scenario file"]),
        ("1\nsilence\n", ["nothing waits for the caller now; let time pass"]),
        ("1\ndial {to: 447700900999, outcome: busy}\n", ["447700900111 is dialled, not 447700900999"]),
        ("1\ndial busy\nsilence; silence\n", ["Goodbye"]),
        ("dial busy\n", ["no phone is ringing now"]),
        ("hear Hello\n", ["this is an expectation, not a step"]),
        ("hangup; 1; 2\n", ["the call is over, so this was skipped: 2"]),
        ("wait 1; silence; wait 1; silence; 1; dial busy\n", ["nothing waits for the caller now; let time pass"]),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "told"),
    [pytest.param(*row, id=f"{claim}: {row[0]!r}") for claim, rows in CALLS.items() for row in rows],
)
def test_a_call_prints_what_happens_and_holds_when_it_is_played_again(typed: str, told: list[str]) -> None:
    done = call("--save", "calls.yaml", typed=typed)
    again = ncco("test", "calls.yaml")

    assert 0 == done.exit_code, done.output
    assert [] == [text for text in told if text not in done.output], done.output
    assert 0 == again.exit_code, again.output


def test_a_saved_call_does_not_use_the_answers_of_others_in_its_file() -> None:
    shared = "defaults: {given: {customer: {name: Ann, tier: gold}}}\nAnn calls:\n  script: [hear: Hello Ann.]\n"
    Path("calls.yaml").write_text(shared, encoding="utf-8")
    call("--save", "calls.yaml", typed="1\n")
    again = ncco("test", "calls.yaml")

    assert 0 == again.exit_code, again.output
    assert "2 scenarios played" in again.output


@pytest.mark.parametrize("caller", ["", "sip:ann@pbx.example.com"])
def test_callers_may_have_no_number(caller: str) -> None:
    done = call("--from", caller, "--save", "calls.yaml", typed="1\n")

    assert 0 == done.exit_code, done.output
    assert 0 == ncco("test", "calls.yaml").exit_code
    assert caller == saved(Path("calls.yaml"))["call"]["from"]


def test_a_call_saved_elsewhere_is_played_with_the_flows(tmp_path: Path) -> None:
    (tmp_path / "other" / "flows").mkdir(parents=True)

    assert "play it again with: ncco test other/calls.yaml --flows flows" in call("--save", "other/calls.yaml").output


QUEUE = """\
flow: queue
default: true
start: waiting
lookups:
  place: {get: "https://crm.example.com/place", returns: {free: bool}, default: {free: false}}
defaults: {on: {error: end}}
steps:
  waiting:
    lookup: place
    do: [talk: Please wait.]
    hold: {until: place.free, up_to: 10s}
    on: {ready: end, too_long: again}
  again:
    do: [talk: Still busy.]
    goto: waiting
"""


def test_a_lookup_may_be_called_twice_in_one_turn(tmp_path: Path) -> None:
    (tmp_path / "flows" / "shop.yaml").unlink()
    write_project(tmp_path, queue=QUEUE)
    done = call(typed="wait 30; hangup\n")

    assert 0 == done.exit_code, done.output
    assert '"Still busy."' in done.output


@pytest.mark.parametrize("typed", ["47110815\n", "4711; wait 1; 0815\n"])
def test_requests_of_a_lookup_are_shown_without_sensitive_values(typed: str, tmp_path: Path) -> None:
    pin = """\
flow: pin
default: true
start: ask
vars: {pin: {type: text, sensitive: true}}
lookups: {account: {post: "https://bank.example.com", json: {pin: "{{ pin }}"}, returns: {name: text}}}
steps:
  ask:
    do: [{talk: "Your PIN please."}]
    collect: {into: pin, digits: 8, sensitive: true}
    retry: {then: end}
    goto: next
  next: {lookup: account, do: [{talk: "Thank you."}], goto: end}
"""
    (tmp_path / "flows" / "shop.yaml").unlink()
    write_project(tmp_path, pin=pin)
    shown = call(typed=typed).output
    assert 'lookup account asks POST https://bank.example.com {"pin": "***"}' in shown


def test_a_call_that_never_waits_for_the_caller_ends_after_an_hour(tmp_path: Path) -> None:
    (tmp_path / "flows" / "shop.yaml").unlink()
    minutes = ", ".join(["talk: " + "Please wait. " * 100] * 5)
    write_project(tmp_path, queue=QUEUE.replace("talk: Please wait.", minutes))
    done = call()

    assert "[the server is no longer waiting for the caller; Enter: hang up; ?: help]" in done.output
    assert 3_400 < float(lines(done.output)[-1].split()[0]) <= 3_600.1


def test_a_simulated_fault_is_saved_as_a_step() -> None:
    done = call("--save", "calls.yaml", typed="fault lost; 1\ndial busy\nhangup\n")

    assert {"fault": "lost"} in saved(Path("calls.yaml"))["script"]
    assert 0 == done.exit_code, done.output
    assert 0 == ncco("test", "calls.yaml").exit_code


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], 'there is no flow "nowhere"'),
        (["shp"], 'did you mean "shop"?'),
        (["no/such/folder"], "no/such/folder does not exist"),
        (["--event-url", "https://example.com"], "--event-url only applies to a server at a URL"),
        (["--event-url", "example.com"], "'example.com' is not the URL of a server"),
        (["http://", "--to", "44"], "'http://' is not the URL of a server"),
        (["http://[x/answer"], "'http://[x/answer' is not the URL of a server"),
        (["https://example.com/answer", "--live"], "--live and --env are for flows"),
        (["--at", "tomorrow"], "tomorrow is not a valid time"),
        (["--at", "9999-12-31T23:59-14:00"], "is too far in the past or the future; use a year from 2000 to 2100"),
        (["--from", "bob"], "bob: a phone number is needed"),
        (["--env", "CRM"], "CRM is not NAME=VALUE"),
        (["--env", "CRM=a", "--env", "CRM=b"], "CRM is given twice"),
        (["--save", "calls.txt"], "calls.txt is not the name of a scenario file"),
        (["--save", "flows.yaml/"], "flows.yaml is a folder"),
        (["--method", "post"], "--method only applies to a server at a URL"),
        (["--signature-secret", "shh"], "--signature-secret only applies to a server at a URL"),
    ],
)
def test_a_flow_that_cannot_be_called_ends_with_2(words: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "flows.yaml").mkdir()
    done = ncco("simulate", *words)

    assert 2 == done.exit_code, done.output
    assert told in done.output


def test_several_flows_need_a_name_or_a_number(tmp_path: Path) -> None:
    write_project(tmp_path, other=SHOP.replace("flow: shop", "flow: other").replace("460000", "460001"))

    assert 2 == call().exit_code
    assert "it is unclear which flow takes the call" in call().output
    assert "name the flow, one of: other, shop: `ncco simulate other`" in call().output
    assert 0 == call("other").exit_code
    assert 0 == call("--to", "442079460001").exit_code
    assert "no flow takes calls to 442079460009" in call("--to", "442079460009").output


def test_the_flow_for_refused_callers_takes_no_other_call(tmp_path: Path) -> None:
    refused = SHOP.replace("flow: shop", "flow: refused").replace('numbers: ["442079460000"]', "entry: true")
    tables = "shared: true\ntables: {blocked: {key: {number: phone}, keep: 180d}}\n"
    write_project(tmp_path, refused=refused, shared=f"{tables}refuse: {{table: blocked, run: refused}}\n")

    assert "calls 442079460000, " in call(typed="hangup\n").output
    assert "calls flow refused at" in call("refused", typed="hangup\n").output


def test_a_project_and_a_file_of_it_can_be_called(tmp_path: Path) -> None:
    elsewhere = write_project(tmp_path / "elsewhere", shop=SHOP, other=SHOP.replace("flow: shop", "flow: other"))
    (elsewhere / "flows" / "other.yaml").unlink()

    assert 0 == call("elsewhere").exit_code
    assert "flow shop" in call("elsewhere/flows/shop.yaml", "--to", "442079460000").output
    assert 'elsewhere/flows/shop.yaml:19: step "menu"' in call("elsewhere", typed="1\nwhy\n").output


def test_a_flow_has_priority_over_a_folder_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()

    assert "calls flow shop" in call("shop").output


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
    done = call("--save", "failed.yaml")

    assert 1 == done.exit_code, done.output
    assert "nothing in a flow could be played" in done.output
    assert {"end": "failsafe"} == saved(tmp_path / "failed.yaml")["expect"]
    assert 0 == ncco("test", "failed.yaml").exit_code


SPEECH = """\
flow: shop
default: true
start: ask
steps:
  ask:
    do:
      - talk: "What is it about?"
    collect: {into: reason, speech: any}
    retry: {then: thanks}
    goto: thanks
  thanks:
    do:
      - talk: "Thank you."
    goto: end
"""


def test_free_speech_accepts_no_keys(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SPEECH)
    done = call(typed="1\nspeak: busy lines\n")

    assert "[speak something; Enter: silence; ?: help]" in done.output
    assert "keys are not accepted here; say something" in done.output
    assert 'says      "busy lines"' in done.output
    assert '"Thank you."' in done.output


def test_colours_are_only_for_terminals() -> None:
    assert "\x1b" not in call(typed="1\n", env={"NO_COLOR": None}).output


def test_live_asks_servers_and_sends_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_CRM_URL", "http://127.0.0.1:1")
    done = call("--live", typed="1\ndial busy\n")

    assert "live: lookups are made and hooks are sent" in done.output
    assert "lookup customer asks GET http://127.0.0.1:1/callers/447700900123" in done.output
    assert "it does not answer: " in done.output
    assert "hook sold to http://127.0.0.1:1/sales was not sent: " in done.output


def test_answers_of_real_servers_are_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP.replace("    returns:", "    timeout: 3500ms\n    returns:"))
    with standing_in() as crm:
        crm.answers = {"GET /callers/447700900123": {"name": "Ann", "tier": "gold", "more": None}}
        monkeypatch.setenv("FLOW_CRM_URL", crm.url)
        done = call("--live", "--save", "calls.yaml")

    assert '"Hello Ann. For sales, press 1 or say sales."' in done.output
    assert [{"value": {"name": "Ann", "tier": "gold"}}] == saved(tmp_path / "calls.yaml")["given"]["customer"]
    assert 0 == ncco("test", "calls.yaml").exit_code


def test_input_that_is_not_utf_8_is_not_an_error() -> None:
    done = ncco("simulate", *AT, stdin=b"speak \xff\xfe\nhangup\n")

    assert 0 == done.exit_code
    assert "says      " in done.output


def test_phrases_are_offered_as_written(tmp_path: Path) -> None:
    flow = tmp_path / "shop.yaml"
    more = "      desk: {speech: Jürgen's desk, goto: end}\n    min_confidence:"
    flow.write_text(SHOP.replace("[sales, buy]", "[销售, buy]").replace("    min_confidence:", more), "utf-8")

    assert "or speak 销售 or Jürgen's desk; Enter" in call(flow).output


@pytest.mark.parametrize(
    ("expected", "option"),
    [
        ("machine, human; Enter", "machineDetection: continue"),
        ("machine, human, beep; Enter", "advancedMachineDetection: {behavior: continue}"),
    ],
)
def test_the_outcomes_of_machine_detection_are_offered(expected: str, option: str, tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP.replace("        timeout: 20\n", f"        timeout: 20\n        {option}\n"))

    assert expected in call(typed="1\n").output


# `--save`


def test_a_call_is_saved_after_the_others_in_a_file() -> None:
    saved = Path("tests/scenarios/calls.yaml")
    first = call("--save", saved, typed="1\ndial busy\n\n")
    second = call("shop", "--env", "CRM_URL=https://crm.example.com", typed=f"save {saved}\n1\ndial busy\n\n")
    tested = ncco("test")

    assert 'written to tests/scenarios/calls.yaml as "a caller presses 1, dials 4477009' in first.output
    assert "the call will be written to tests/scenarios/calls.yaml when it is over" in second.output
    assert 'and leaves a message (2)"' in second.output
    assert 0 == tested.exit_code, tested.output
    assert "2 scenarios played, all hold" in tested.output
    first_saved, second_saved = yaml.safe_load(saved.read_text()).values()
    assert {"end": "completed", "hooks": ["sold"]} == first_saved["expect"]
    assert {"CRM_URL": "https://crm.example.com"} == second_saved["env"]


def test_a_file_with_errors_is_not_changed() -> None:
    Path("calls.yaml").write_text("a: [\n")
    done = call("--save", "calls.yaml")

    assert 2 == done.exit_code
    assert "has an issue, so nothing is added" in done.output
    assert "a: [\n" == Path("calls.yaml").read_text()


def test_an_unwritable_file_is_reported_before_the_call() -> None:
    Path("file").write_text("")
    done = call("--save", "file/calls.yaml")

    assert (2, "") == (done.exit_code, done.stdout)
    assert "Error: file/calls.yaml cannot be written\n  fix: name a file in a folder of your own" in done.stderr


def test_an_unwritable_file_is_reported_during_the_call_which_continues() -> None:
    Path("file").write_text("")
    done = call(typed="save file/calls.yaml\nhangup\n")

    assert 0 == done.exit_code
    assert "file/calls.yaml cannot be written" in done.output
