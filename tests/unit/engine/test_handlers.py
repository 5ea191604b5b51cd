"""Calls in Python: a handler runs again at each webhook, with the results that the session has kept."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from ncco_server.engine.session import from_json, to_json
from ncco_server.flow.loader import load
from ncco_server.verify.scenarios.fitting import env_names
from tests.support.cases import each_case
from tests.unit.engine.handled_call import HandledCall, handler, project_of
from tests.unit.engine.scripted_call import FAILSAFE

MENU = 'await call.choose("Press 1 or 2.", {"one": Choice(1, "one"), "two": Choice(2, ["two", "second"])}, tries=2)'


def said(flow: Any, *pressed: str) -> list[str]:
    call = HandledCall(flow)
    for digits in pressed:
        assert (call.press(digits) if digits else call.silence()) is not None
    return call.said


def test_everything_up_to_a_wait_is_one_ncco_and_only_the_question_is_repeated() -> None:
    call = HandledCall(handler(f'await call.talk("Welcome.")\nawait {MENU.removeprefix("await ")}'))
    assert ["Welcome.", "Press 1 or 2."] == call.said
    assert {"maxDigits": 1} == call.ncco[2]["dtmf"]
    assert ["one", "second", "two"] == sorted(call.ncco[2]["speech"]["context"])
    assert call.press("7")
    assert ["Press 1 or 2."] == call.said


@each_case(
    ("heard", "result"),
    [
        ("1", "one"),
        ("2", "two"),
        (("the second", 0.9), "two"),
        (("7", "7"), None),
        (("", ""), None),
        (("", "1"), "one"),
    ],
)
def test_the_result_of_a_choice_is_its_name_or_none_after_the_last_try(heard: Any, result: str | None) -> None:
    call = HandledCall(handler(f'choice = {MENU}\nawait call.talk(f"It is {{choice}}.")'))
    for each in [heard] if isinstance(heard, str) or isinstance(heard[1], float) else heard:
        found = call.speak(each) if isinstance(each, tuple) else call.press(each) if each else call.silence()
        assert found is not None
    assert [f"It is {result}."] == call.said


@each_case(("heard", "result"), [("1", "Topic.TABLE"), ("2", "Topic.ORDER"), ("7", "None")])
def test_a_choice_from_an_enum_is_its_member(heard: str, result: str) -> None:
    before = """
        from enum import StrEnum

        class Topic(StrEnum):
            TABLE = "table"
            ORDER = "order"
    """
    flow = handler(
        """
        topic = await call.choose("Which?", {Topic.TABLE: Choice(1), Topic.ORDER: Choice(2)}, tries=1)
        await call.talk(f"It is {topic!r}.")
        """,
        before=before,
    )
    call = HandledCall(flow)
    assert call.press(heard)
    assert result in call.said[0]


def test_what_the_caller_enters_is_a_text() -> None:
    flow = handler("""
        number = await call.collect("Your number.", digits=(3, 5), tries=1)
        reason = await call.collect(None, speech=True, tries=1)
        await call.talk(f"{number!r}: {reason}")
    """)
    call = HandledCall(flow)
    assert {"maxDigits": 5, "submitOnHash": True} == call.ncco[1]["dtmf"]
    assert call.press("0042#")
    assert call.speak(("because", 0.9))
    assert ["'0042': because"] == call.said


def test_each_computed_text_of_a_question_is_said_in_its_place() -> None:
    flow = handler("""
        await call.talk(f"You call from {call.from_}.")
        for highest in (2, 3):
            keys = {str(key): Choice(key) for key in range(1, highest + 1)}
            await call.choose(f"From 1 to {highest}.", keys, noinput=f"I hear nothing, {highest}.",
                              nomatch=[f"Not {highest}.", f"Up to {highest}, please."], tries=3)
    """)
    call = HandledCall(flow)
    heard = [call.said]
    for digits in ("7", "8", "1", "", "9"):
        assert (call.press(digits) if digits else call.silence()) is not None
        heard.append(call.said)
    assert [
        ["You call from 447700900123.", "From 1 to 2."],
        ["Not 2.", "From 1 to 2."],
        ["Up to 2, please.", "From 1 to 2."],
        ["From 1 to 3."],
        ["I hear nothing, 3.", "From 1 to 3."],
        ["Up to 3, please.", "From 1 to 3."],
    ] == heard


@each_case("status", ["busy", "timeout", "unanswered", "rejected", "failed"])
def test_the_result_of_a_connect_is_what_came_of_it(status: str) -> None:
    call = HandledCall(handler('outcome = await call.connect("447700900111", timeout=20)\nawait call.talk(outcome)'))
    assert ["dials 447700900111"] == call.said
    assert 20 == call.ncco[0]["timeout"]
    assert call.dial(status)
    assert [status] == call.said


def test_a_connect_that_ends_the_call_leaves_the_handler_only_the_failures() -> None:
    body = """
        outcome = await call.connect("447700900111", ends_call=True, name="sales")
        await call.talk({"busy": "Busy."}.get(outcome, "Nobody."))
    """
    flow = handler(body)
    ways = {way.name: way.target.shown for way in flow.steps["sales"].exit.ways}
    assert {"completed": "end", "otherwise": "the end, line 6"} == ways
    call = HandledCall(flow)
    assert ["connect"] == [action["action"] for action in call.ncco]
    assert call.dial("busy")
    assert ["Busy."] == call.said


@each_case(
    ("spoken", "text"),
    [
        ("datetime(2026, 3, 5, 9), 'time'", "9 AM"),
        ("date(2026, 3, 5), 'day'", "Thursday 5 March"),
        ("12.5, 'GBP'", "12 pounds and 50 pence"),
        ("datetime(2026, 3, 5, 9), 'time', language='de-DE'", "9 Uhr"),
    ],
)
def test_values_are_spoken_as_in_flow_files(spoken: str, text: str) -> None:
    flow = handler(
        f"await call.talk(call.spoken({spoken}))",
        options=', defaults={"talk": {"language": "en-GB"}}',
        before="from datetime import date, datetime\n",
    )
    assert [text] == HandledCall(flow).said


def test_a_computed_number_needs_an_allowed_prefix_and_a_written_one_does_not() -> None:
    assert ["dials 447700900111"] == said(handler('NUMBERS = {"a": "447700900111"}\nawait call.connect(NUMBERS["a"])'))
    computed = handler('await call.connect("44770090" + str(111).zfill(4))')
    assert ["Something went wrong."] == said(computed)
    assert ["dials 447700900111"] == HandledCall(computed, dial_allow=("44",)).said


def test_a_function_is_called_once_and_its_result_is_kept() -> None:
    before = """
        from dataclasses import dataclass

        @dataclass
        class Order:
            status: str

        async def find(number: str) -> Order:
            return Order(f"order {number} is on its way")

        def count() -> int:
            return 3
    """
    flow = handler(
        f"""
        number = await call.collect("Your number.", digits=2)
        order = await call.run(find, number)
        await call.talk(order.status)
        times = await call.run(count)
        choice = {MENU}
        await call.talk(f"{{choice}}, {{order.status}}, {{times + 1}}")
        """,
        before=before,
    )
    call = HandledCall(flow)
    assert call.press("42")
    assert ["order 42 is on its way", "Press 1 or 2."] == call.said
    assert call.press("2")
    assert ["two, order 42 is on its way, 4"] == call.said
    assert ["find", "count"] == call.called


def test_a_function_that_fails_raises_run_failed() -> None:
    body = """
        try:
            await call.run(broken)
        except RunFailed as error:
            await call.talk(str(error))
    """
    flow = handler(body, before="def broken() -> str:\n    raise ValueError('secret')\n")
    assert ["the function raised ValueError"] == HandledCall(flow).said


def test_a_handler_hands_over_to_flow_files_and_runs_them() -> None:
    others = {
        "flows/leave.yaml": """
flow: leave
params: {team: text}
start: leave
steps:
  leave: {do: [talk: "Leave a message for {{ team }}."], goto: end}
""",
        "flows/verify.yaml": """
flow: verify
outcomes: [known, unknown]
start: ask
steps:
  ask:
    do: [talk: "Your PIN."]
    collect: {into: pin, digits: 4, sensitive: true}
    retry: {tries: 1, then: {return: unknown}}
    goto: {return: known}
""",
    }
    body = """
        outcome = await call.run_flow("verify", outcomes=["known", "unknown"])
        await call.talk(f"You are {outcome}.")
        await call.goto("leave", team="sales" if outcome == "known" else "support")
    """
    flow = handler(body, others)
    assert ["You are known.", "Leave a message for sales."] == said(flow, "1234")
    assert ["You are unknown.", "Leave a message for support."] == said(flow, "")


def test_a_flow_file_runs_a_handler_with_params_and_gets_its_outcome() -> None:
    code = """
        from datetime import date
        from ncco_server import Call, Choice, call_flow

        @call_flow(outcomes=["yes", "no"])
        async def shop(call: Call, name: str, day: date, times: int = 2) -> str:
            for number in range(times):
                if await call.choose(f"{name}, {number + 1}", {"yes": Choice(1), "no": Choice(2)}) == "yes":
                    return "yes"
            return "no"
    """
    main = """
flow: main
default: true
start: ask
steps:
  ask:
    run: shop
    with: {name: Ann, day: "2026-01-05"}
    on: {yes: gladly, no: sadly}
  gladly: {do: [talk: "Gladly."], goto: end}
  sadly: {do: [talk: "Sadly."], goto: end}
"""
    project = project_of(code, {"flows/main.yaml": main})
    assert not project.has_errors, project.issues
    call = HandledCall(project.flows["main"])
    assert ["Ann, 1"] == call.said
    assert call.press("2")
    assert ["Ann, 2"] == call.said
    assert call.press("1")
    assert ["Gladly."] == call.said


FAULTS = {
    "an exception": "await call.talk({}['x'])",
    "no await": 'call.talk("Hello.")\nawait call.talk("Bye.")',
    "no await at the end": 'await call.talk("Hello.")\ncall.talk("Bye.")',
    "another await": "import asyncio\nawait asyncio.sleep(0)",
    "a call that blocks": "import time\ntime.sleep(60)",
    "an endless loop": "while True:\n    pass",
    "an endless loop that catches": "while True:\n    try:\n        sum([])\n    except Exception:\n        pass",
    "an invalid menu": 'await call.choose("Go.", {"one": Choice(1), "two": Choice(1)})',
    "a text that is too long": 'await call.talk("x" * 2000)',
    "another result": "return 5",
}


@each_case("body", FAULTS.values(), ids=FAULTS.keys())
def test_after_a_fault_the_caller_hears_the_flow_for_errors(body: str) -> None:
    code = "\n".join(f"    {line}" for line in body.split("\n"))
    head = "from ncco_server import Call, Choice, call_flow\n\n"
    project = project_of(f'{head}@call_flow(default=True, on_error="sorry")\nasync def shop(call: Call):\n{code}\n')
    assert "shop.py" in str([issue.place.file for issue in project.issues])
    flow = project.flows.get("shop")
    if flow is None:  # the check refuses it, so no caller hears it
        assert [issue for issue in project.issues if issue.is_error]
        return
    assert ["Something went wrong."] == HandledCall(flow).said


def test_a_handler_leaves_the_timers_of_the_process_alone() -> None:
    before = signal.setitimer(signal.ITIMER_REAL, 200)
    try:
        assert HandledCall(handler(f"while True: {MENU}")).press("1")
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


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
def test_after_a_question_comes_what_the_flow_for_errors_plays_in_all_calls(do: str, said: list[str] | None) -> None:
    """The failsafe NCCO comes instead if nobody can say now what that flow would play."""
    sorry = f"flow: sorry\nstart: sorry\nsteps: {{sorry: {{do: {do}, goto: end}}}}\n"
    call = HandledCall(handler(MENU, {"flows/sorry.yaml": sorry}))
    tail = [each.get("text") or each["endpoint"][0]["number"] for each in call.ncco[2:]]
    assert (said or [each["text"] for each in FAILSAFE]) == tail


CHANGES = {
    "another question": ('"Press 1 or 2."', '"Press 1 or 2, please."'),
    "other choices": ('"two": Choice(2', '"three": Choice(3'),
    "another wait": ("await call.choose(", 'await call.collect("x", digits=1) or await call.choose('),
    "no wait": ("choice = await call.choose(", "choice = dict("),
    "another line": ("choice =", "\n    choice ="),
    "another prompt before it": ("choice =", 'await call.talk("Hello.")\n    choice ='),
    "a function before it": ("choice =", "await call.run(print)\n    choice ="),
    "other tries": ("tries=2", "tries=3"),
    "another name": ("tries=2", 'tries=2, name="menu"'),
    "the end": ("choice =", "return\n    choice ="),
}


@each_case("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_handler_that_does_something_else_than_before_is_found(change: tuple[str, str]) -> None:
    """The same call goes on with another text of the handler, as if the handler depended on something outside."""
    code = f"""
from ncco_server import Call, Choice, call_flow

@call_flow(default=True, on_error="sorry")
async def shop(call: Call):
    choice = {MENU}
    more = await call.choose("Again.", {{"one": Choice(1), "two": Choice(2)}})
    await call.talk(f"{{choice}} {{more}}")
"""
    old, new = change
    assert old in code
    before = project_of(code).flows["shop"]
    after = project_of(code.replace(old, new, 1)).flows.get("shop")
    call = HandledCall(before)
    assert call.press("1")
    call.flow = after or before
    assert after is not None
    assert call.press("1")
    assert ["Something went wrong."] == call.said
    assert "R111" in [line.what for line in call.turn.trace] or "R110" in [line.what for line in call.turn.trace]


def test_a_call_goes_on_in_another_process_with_what_the_session_keeps() -> None:
    code = f"""
from ncco_server import Call, Choice, call_flow

@call_flow(default=True)
async def shop(call: Call):
    started = call.now
    names = []
    for _ in range(5):
        names.append({MENU})
    await call.talk(f"{{names}} after {{(call.now - started).seconds}} seconds")
"""
    call = HandledCall(project_of(code).flows["shop"])
    for digits in "12212":
        call.flow = project_of(code).flows["shop"]
        assert from_json(to_json(call.turn.session)) == call.turn.session
        assert call.press(digits)
    assert ["['one', 'two', 'two', 'one', 'two'] after 50 seconds"] == call.said


def test_code_that_is_not_listed_is_never_run(tmp_path: Any) -> None:
    text = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    for handlers in ([], ["other.py"], ["flows/shop.py"]):
        project = load({"flows/shop.py": text}, {}, extent="project", handlers=handlers)
        assert ["E702"] == [issue.code for issue in project.issues]
    assert not (tmp_path / "ran").exists()


@each_case(
    ("code", "line", "words"),
    [
        ("x = (", 1, "not Python"),
        ("import nothing_of_this_name", 1, "ModuleNotFoundError"),
        ("\nraise SystemExit(3)", 2, "SystemExit"),
        ("x = 1", 1, "call_flow"),
        (
            "from ncco_server import call_flow\n@call_flow\nasync def a(call): ...\n@call_flow\nasync def b(call): ...",
            4,
            "second handler",
        ),
    ],
)
def test_a_file_that_cannot_be_loaded_is_reported_at_its_line(code: str, line: int, words: str) -> None:
    (issue,) = [issue for issue in project_of(code).issues if issue.place.file == "flows/shop.py"]
    assert ("E701", line) == (issue.code, issue.place.line)
    assert words in issue.message


def test_the_errors_of_steps_are_found_before_anybody_calls() -> None:
    code = """
        from ncco_server import Call, Choice, call_flow

        @call_flow(default=True)
        async def shop(call: Call):
            if await call.choose("Press 1 or 2.", {"one": Choice(1), "two": Choice(2)}) == "two":
                if await call.connect("447700900111") == "busy":
                    await call.choose("Press 3.", {"a": Choice(3), "b": Choice(3)})
    """
    issues = [issue for issue in project_of(code).issues if issue.is_error]
    assert [("E233", 8)] == [(issue.code, issue.place.line) for issue in issues]


def test_an_uncaught_failure_of_a_function_is_a_warning() -> None:
    code = """
        from ncco_server import Call, call_flow

        async def find() -> str:
            return "x"

        @call_flow(default=True)
        async def shop(call: Call):
            await call.talk(await call.run(find))
    """
    found = [(issue.code, issue.place.line) for issue in project_of(code).issues if issue.place.file == "flows/shop.py"]
    assert [("W703", 9)] == found


def test_a_variable_that_is_not_set_is_a_warning_where_it_is_read_without_a_default() -> None:
    code = """
        from ncco_server import Call, call_flow

        @call_flow(default=True)
        async def shop(call: Call):
            await call.talk(call.env.get("GREETING", "Welcome."))
            if call.env.get("CLOSED"):
                return
            await call.connect(call.env["KITCHEN"])
    """
    project = project_of(code)
    issues = [issue for issue in project.issues if issue.place.file == "flows/shop.py"]
    assert [("W302", 9, "FLOW_KITCHEN is not set")] == [(each.code, each.place.line, each.message) for each in issues]
    assert ["KITCHEN"] == env_names(project.flows.values())


def test_the_steps_of_a_handler_are_those_of_every_way_through_it() -> None:
    flow = handler(f"""
        await call.talk("Welcome.")
        choice = {MENU}
        if choice == "one":
            outcome = await call.connect("447700900111", name="sales")
            if outcome != "completed":
                await call.talk("Nobody is there.")
        elif choice is None:
            await call.goto("sorry")
    """)
    menu, sales = flow.steps["line 6"], flow.steps["sales"]
    ways = {way.name: way.target.shown for way in (*menu.exit.ways, *sales.exit.ways)}
    assert {"one": "sales", "two": "the end", "noinput": "line 12", "nomatch": "line 12"}.items() <= ways.items()
    assert {"completed": "the end", "otherwise": "the end, line 10"}.items() <= ways.items()


def test_each_end_of_a_handler_is_a_step_of_its_own() -> None:
    options = ', results={"yes": "it was one", "no": "it was two"}'
    body = """
        if await call.choose("Press 1 or 2.", {"one": Choice(1), "two": Choice(2)}) == "one":
            await call.result("yes")
            await call.talk("One.")
            return
        await call.result("no")
        await call.talk("Two.")
    """
    flow = handler(body, options=options)
    assert {"", "yes", "no"} == {step.result for step in flow.steps.values()}


@pytest.mark.parametrize("tries", [1, 2])
def test_a_loop_ends_with_its_condition_and_its_states_are_few(tries: int) -> None:
    flow = handler(f"""
        while (choice := {MENU}) != "two":
            await call.talk("Once more.")
        await call.talk("Done.")
    """)
    assert len(flow.steps) <= 4 and tries
