"""A handler runs again at each webhook, with the results stored in the session."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from ncco_server.engine.records import call_record
from ncco_server.engine.session import from_json, to_json
from ncco_server.flow.handlers.api import Call
from ncco_server.flow.handlers.reading import LoadedHandler
from ncco_server.flow.loader import load
from ncco_server.flow.runtime import AWAITED, RECORDED
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SAMPLE_CALL, HandledCall, handler, project_of
from tests.unit.server.engine.scripted_call import FAILSAFE

MENU = 'await call.choose("Press 1 or 2.", {"one": Choice(1, "one"), "two": Choice(2, ["two", "second"])}, tries=2)'
ROOT = Path(__file__).parents[4]
TIMED = f"""
import signal
from tests.unit.server.engine.handled_call import HandledCall, handler

signal.setitimer(signal.ITIMER_REAL, 200)
call = HandledCall(handler({f"while True: {MENU}"!r}))
call.press("1")
print(call.said)
print(signal.getitimer(signal.ITIMER_REAL)[0])
"""
HEAD = """
from ncco_server import Call, Choice, call_flow

@call_flow(default=True, on_error="sorry")
async def shop(call: Call):
"""


def failures(call: HandledCall) -> list[str]:
    return [line.what for line in call.turn.trace if line.did == "failed"]


# one run


def test_a_handler_that_fails_is_run_once_in_a_turn() -> None:
    """It may have used all the time that other callers can wait."""
    flow = handler("RAN.append(1)\nraise ValueError", before="RAN = []")
    assert isinstance(flow.handler, LoadedHandler)
    ran = flow.handler.flow.function.__globals__["RAN"]
    before = len(ran)
    assert ["Something went wrong."] == HandledCall(flow).said
    assert 1 == len(ran) - before


def test_a_handler_does_not_affect_the_timers_of_a_process_that_is_not_the_servers() -> None:
    """In a process of its own, because other tests begin the lifespan of a server."""
    ran = subprocess.run([sys.executable, "-c", TIMED], cwd=ROOT, capture_output=True, text=True, check=True)
    said, left_s = ran.stdout.splitlines()
    assert "Press 1 or 2." in said
    assert 100 < float(left_s) < 200


def test_the_results_of_a_call_have_at_most_one_megabyte() -> None:
    body = "for number in range(30): await call.run(large, number)"
    call = HandledCall(handler(body, before='def large(number): return "x" * 60000'))
    assert ["Something went wrong."] == call.said
    assert 17 == len(call.called)
    assert "R112" in failures(call)


def test_code_that_is_not_listed_is_never_run(tmp_path: Path) -> None:
    text = f"import call_flow\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n"
    for handlers in ([], ["other.py"], ["flows/shop.py"]):
        project = load({"flows/shop.py": text}, {}, extent="project", handlers=handlers)
        assert "E702" in [issue.code for issue in project.issues]
    assert not (tmp_path / "ran").exists()


@each_case(
    ("do", "said"),
    [
        ('[{talk: "We call you back."}]', ["We call you back."]),
        (
            '[{talk: "We call you back."}, {connect: "447700900333", from: "442079460000"}]',
            ["We call you back.", "447700900333"],
        ),
        ('[{talk: "Leave a message."}, {record: {endOnKey: "#"}}, {talk: "Thank you."}]', None),
        ('[{talk: "Sorry, {{ call.from }}."}]', None),
        ("[{checkpoint: sorry}]", None),
    ],
)
def test_an_error_after_a_question_plays_what_the_flow_for_errors_plays_in_all_calls(
    do: str, said: list[str] | None
) -> None:
    """The failsafe NCCO plays instead if it is unknown what that flow would play."""
    sorry = f"flow: sorry\nstart: sorry\nsteps: {{sorry: {{do: {do}, goto: end}}}}\n"
    call = HandledCall(handler(MENU, {"flows/sorry.yaml": sorry}))
    tail = [each.get("text") or each["endpoint"][0]["number"] for each in call.ncco[2:]]
    assert (said or [each["text"] for each in FAILSAFE]) == tail


def test_a_handler_knows_the_same_about_its_call_as_a_flow_file() -> None:
    names = call_record(HandledCall(handler('await call.talk("Hello.")')).session.call).keys()
    own = {"from_": "from"}
    known = {own.get(name, name) for name in vars(Call(SAMPLE_CALL, {})) if not name.startswith("_")}
    assert names == known - {"env", "made", "logged", "on_forgotten"}


# what later runs get


def test_a_call_continues_in_another_process_with_what_the_session_keeps() -> None:
    code = f"""{HEAD}
    started = call.now
    names = []
    for _ in range(3):
        names.append({MENU})
    await call.talk(f"{{names}} after {{(call.now - started).seconds}} seconds")
"""
    call = HandledCall(project_of(code).flows["shop"])
    for digits in "122":
        call.flow = project_of(code).flows["shop"]
        assert from_json(to_json(call.turn.session)) == call.turn.session
        assert call.press(digits)
    assert ["['one', 'two', 'two'] after 30 seconds"] == call.said


def test_random_numbers_are_the_same_each_time_a_handler_runs() -> None:
    body = """
        drawn = [call.random() for _ in range(3)]
        await call.choose(str(drawn), {"one": Choice(1)})
        await call.talk(str([*drawn, call.random()]))
    """
    call = HandledCall(handler(body))
    first = ast.literal_eval(call.said[0])
    call.press("1")
    again = ast.literal_eval(call.said[0])

    assert first == again[:3]
    assert 4 == len(set(again))
    assert all(0 <= number < 1 for number in again)


def test_a_call_keeps_the_variables_that_its_handler_reads_and_no_others() -> None:
    flow = handler("""
        await call.talk(f"{call.env['GREETING']}, {call.env.get('TEAM')}, {'NIGHT' in call.env}.")
        await call.collect("Press 1.", digits=1)
        await call.talk(f"{call.env['GREETING']}, {call.env.get('TEAM')}, {'NIGHT' in call.env}.")
    """)
    call = HandledCall(flow, env={"GREETING": "Hello", "OTHER": "12345678"})
    call.around["env"] = {"GREETING": "Good evening", "TEAM": "kitchen", "NIGHT": "1"}
    assert call.press("1")
    assert ["Hello, None, False."] == call.said
    assert b"12345678" not in to_json(call.session)


def test_a_hook_does_not_contain_results_of_the_handler() -> None:
    """A result of the handler is not a variable of the flow, because it may be a secret of another system."""
    crm = {"flows/all.yaml": 'shared: true\nhooks: {crm: {post: "https://crm.example.com/calls"}}\n'}
    body = 'token = await call.run(login)\nawait call.send("crm")'
    call = HandledCall(handler(body, crm, before='def login() -> str: return "a secret"'))
    assert "variables" not in call.turn.hooks[0].json["data"]


# a handler that behaves differently than before, as if it depended on something outside

CHANGES = {
    "another question": ('"Press 1 or 2."', '"Press 1 or 2, please."'),
    "other choices": ('"two": Choice(2', '"three": Choice(3'),
    "another wait": ("await call.choose(", 'await call.collect("x", digits=1) or await call.choose('),
    "no wait": ("choice = await call.choose(", 'choice = "".format('),
    "another prompt before it": ("choice =", 'await call.talk("Hello.")\n    choice ='),
    "a function before it": ("choice =", "await call.run(print)\n    choice ="),
    "another name": ("tries=2", 'tries=2, name="menu"'),
    "the end": ("choice =", "return\n    choice ="),
}


@each_case(("old", "new"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("is_answered", [True, False])
def test_a_change_is_detected_before_an_answer_counts(old: str, new: str, *, is_answered: bool) -> None:
    code = f"""{HEAD}
    choice = {MENU}
    more = await call.choose("Again.", {{"one": Choice(1), "two": Choice(2)}})
    await call.talk(f"{{choice}} {{more}}")
"""
    assert old in code
    call = HandledCall(project_of(code).flows["shop"])
    if is_answered:
        assert call.press("1")
    call.flow = project_of(code.replace(old, new, 1)).flows["shop"]
    assert call.press("1")
    assert ["Something went wrong."] == call.said
    assert {"R110", "R111"} & {*failures(call)}


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_question_may_move_to_another_line(*, is_answered: bool) -> None:
    code = f"""{HEAD}
    await call.talk("Hello.")
    choice = {MENU}
    more = await call.choose("Again.", {{"one": Choice(1), "two": Choice(2)}})
    await call.talk(f"{{choice}} {{more}}")
"""
    call = HandledCall(project_of(code).flows["shop"])
    if is_answered:
        assert call.press("1")
    call.flow = project_of(code.replace("@call_flow", "# the shop\n@call_flow", 1)).flows["shop"]
    assert call.press("1")
    assert ("one one" if is_answered else "Again.") in call.said
    assert not failures(call)


@each_case(("old", "new"), [("find, 1", "find, 2"), ("find, 1", "other, 1"), ("ready, 1", "ready, 2")])
def test_a_function_called_differently_than_before_is_detected(old: str, new: str) -> None:
    body = """
        await call.run(find, 1)
        await call.hold(ready, 1, up_to_s=60, talk="One moment.")
        await call.choose("Press 1.", {"one": Choice(1)})
        await call.choose("Again, 1.", {"one": Choice(1)})
    """
    before = "def find(number): return number\ndef other(number): return number\ndef ready(number): return True"
    call = HandledCall(handler(body, before=before))
    call.flow = handler(body.replace(old, new), before=before)
    assert call.press("1")
    assert ["Something went wrong."] == call.said
    assert "R111" in failures(call)


def test_a_change_before_a_flow_that_the_handler_runs_is_detected() -> None:
    age = """
        flow: age
        outcomes: [adult, child]
        start: ask
        steps:
          ask:
            do: [talk: "Press 1."]
            choices: {one: {dtmf: 1, goto: {return: adult}}}
            retry: {then: {return: child}}
    """
    others = {"flows/age.yaml": dedent(age)}
    body = 'await call.talk("Hello.")\nawait call.run_flow("age", outcomes=["adult", "child"])'
    call = HandledCall(handler(body, others))
    call.flow = handler(body.replace("Hello", "Good morning"), others)
    assert call.press("1")
    assert "R111" in failures(call)


# calls that began with an earlier version or another key

PIN = """
await call.run(check, "4711")
await call.choose("Press 1.", {"one": Choice(1)})
await call.talk("Thank you.")
"""
CHECK = "def check(pin):\n    return True\n"
OLD, NEW = b"o" * 32, b"n" * 32


def test_a_session_without_details_of_its_wait_continues() -> None:
    call = HandledCall(handler(f'{MENU}\nawait call.talk("Thank you.")'))
    session = call.turn.session
    variables = {name: value for name, value in session.variables.items() if name != AWAITED}
    assert variables != session.variables
    call.turn = call.turn._replace(session=session._replace(variables=variables))
    assert call.press("1")
    assert ["Thank you."] == call.said


def test_a_session_with_digests_of_an_earlier_version_continues() -> None:
    call = HandledCall(handler(PIN, before=CHECK))
    session = call.turn.session
    begun, (name, _, *others) = session.variables[RECORDED]
    (number, place, _, line) = session.variables[AWAITED]
    before = {RECORDED: [begun, [name, "3358d511", *others]], AWAITED: [number, place, "20a704fd", line]}
    call.turn = call.turn._replace(session=session._replace(variables={**session.variables, **before}))
    assert call.press("1")
    assert ["Thank you."] == call.said


def test_a_digest_says_nothing_without_the_key_of_the_server() -> None:
    found = [
        HandledCall(handler(PIN.replace("4711", pin), before=CHECK), keys=(key,)).turn.session.variables[RECORDED][1][1]
        for pin in ("4711", "4712")
        for key in (OLD, NEW)
    ]
    assert 4 == len(set(found))


@each_case(("keys", "said"), [((NEW, OLD), "Thank you."), ((NEW,), "Something went wrong.")])
def test_a_call_continues_while_the_key_of_its_digests_is_valid(keys: tuple[bytes, ...], said: str) -> None:
    call = HandledCall(handler(PIN, before=CHECK), keys=(OLD,))
    call.around["keys"] = keys
    assert call.press("1")
    assert [said] == call.said
