"""Calls in Python: a handler runs again at each webhook with the results stored in the session."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import pytest

from ncco_server.engine.session import from_json, to_json
from ncco_server.flow.handlers.reading import AWAITED, RECORDED, LoadedHandler
from ncco_server.flow.loader import load
from ncco_studio.verify.prove import prove
from ncco_studio.verify.scenarios.fitting import env_names
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SORRY, HandledCall, handler, handler_issues, project_of
from tests.unit.server.engine.scripted_call import FAILSAFE, LEG, NOON

MENU = 'await call.choose("Press 1 or 2.", {"one": Choice(1, "one"), "two": Choice(2, ["two", "second"])}, tries=2)'


def said(flow: Any, *pressed: str) -> list[str]:
    call = HandledCall(flow)
    for digits in pressed:
        assert (call.press(digits) if digits else call.silence()) is not None
    return call.said


def test_a_handler_plays_one_ncco_up_to_each_wait_and_repeats_only_the_question() -> None:
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


def test_the_callers_input_is_a_text() -> None:
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


def test_each_computed_text_of_a_question_is_spoken_in_its_place() -> None:
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
def test_the_result_of_a_connect_is_its_outcome(status: str) -> None:
    call = HandledCall(handler('outcome = await call.connect("447700900111", timeout=20)\nawait call.talk(outcome)'))
    assert ["dials 447700900111"] == call.said
    assert 20 == call.ncco[0]["timeout"]
    assert call.dial(status)
    assert [status] == call.said


def test_a_connect_that_ends_the_call_leaves_the_handler_only_the_failures() -> None:
    body = """
        outcome = await call.connect("447700900111", name="sales")
        await call.talk({"busy": "Busy."}.get(outcome, "Nobody."))
    """
    flow = handler(body, explores=True)
    ways = {way.name: way.target.shown for way in flow.steps["sales"].exit.ways}
    assert {"completed": "end", "otherwise": "the end, line 6"} == ways
    call = HandledCall(flow)
    assert ["connect"] == [action["action"] for action in call.ncco]
    assert call.dial("busy")
    assert ["Busy."] == call.said


@each_case(
    ("spoken", "text"),
    [
        ("spoken(datetime(2026, 3, 5, 9), 'time')", "9 AM"),
        ("spoken(date(2026, 3, 5), 'day')", "Thursday 5 March"),
        ("spoken(12.5, 'GBP')", "12 pounds and 50 pence"),
        ("spoken(datetime(2026, 3, 5, 9), 'time', language='de-DE')", "9 Uhr"),
        ("digits('4711', 2)", "4 7, 1 1"),
        ("spell('Ada')", "A, D, A"),
    ],
)
def test_values_are_spoken_as_in_flow_files(spoken: str, text: str) -> None:
    flow = handler(
        f"await call.talk(call.{spoken})",
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


ACCOUNT = """
flow: account
outcomes: [known, unknown]
returns: {number: text, since: date, balance: number, pin: {type: text, sensitive: true}}
start: ask
steps:
  ask:
    do: [talk: "Your PIN."]
    collect: {into: pin, digits: 4, sensitive: true}
    retry: {tries: 1, then: {return: unknown, set: {number: "0"}}}
    goto: {return: known, set: {number: "4711", since: 2026-03-05, balance: 2.5, pin: "{{ pin }}"}}
"""


@each_case(
    ("digits", "heard"),
    [("1234", ["known 4711 March 2.5", "It is right."]), ("", ["unknown 0 None None"])],
)
def test_a_handler_gets_the_values_that_a_flow_returns(digits: str, heard: list[str]) -> None:
    """So it does in a proof and when it is played again; a sensitive value exists in this turn only."""
    code = "def check(pin):\n    return pin.reveal() == '1234'\n"
    body = """
        outcome, found = await call.run_flow("account", outcomes=["known", "unknown"], returns=True)
        month = found["since"] and f"{found['since']:%B}"
        await call.talk(f"{outcome} {found['number']} {month} {found['balance']}")
        if found["pin"] is not None:
            try:
                await call.talk("It is right." if await call.run(check, found["pin"]) else "It is wrong.")
            except RunFailed:
                await call.talk("Nobody knows.")
        await call.choose(None, {"one": Choice(1)}, tries=1)
        await call.talk(f"Goodbye, {found['number']}.")
    """
    flow = handler(body, {"flows/account.yaml": ACCOUNT}, before=code, explores=True)
    call = HandledCall(flow)
    assert call.press(digits) if digits else call.silence()
    assert heard == call.said
    assert b"1234" not in to_json(call.turn.session)
    assert call.press("1")
    assert [f"Goodbye, {heard[0].split()[1]}."] == call.said
    assert not prove(flow, NOON).violations


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


def test_a_subclass_of_str_counts_as_computed() -> None:
    before = "from enum import StrEnum\nclass Size(StrEnum):\n    BIG = 'big'"
    body = 'await call.talk(Size.BIG)\nawait call.talk(str.__new__(type("Text", (str,), {}), call.from_))'
    assert ["big", "447700900123"] == HandledCall(handler(body, before=before)).said


def test_a_handler_that_fails_is_run_once_in_a_turn() -> None:
    """It may have used all the time that other callers can wait."""
    flow = handler("RAN.append(1)\nraise ValueError", before="RAN = []")
    assert isinstance(flow.handler, LoadedHandler)
    ran = flow.handler.flow.function.__globals__["RAN"]
    before = len(ran)
    assert ["Something went wrong."] == HandledCall(flow).said
    assert 1 == len(ran) - before


FAULTS = {
    "an exception": "await call.talk({}['x'])",
    "no await": 'call.talk("Hello.")\nawait call.talk("Bye.")',
    "no await at the end": 'await call.talk("Hello.")\ncall.talk("Bye.")',
    "another await": "import asyncio\nawait asyncio.sleep(0)",
    "a call that blocks": "import time\ntime.sleep(3)",
    "an endless loop": "while True:\n    pass",
    "an endless loop that catches": "while True:\n    try:\n        sum([])\n    except Exception:\n        pass",
    "an invalid menu": 'await call.choose("Go.", {"one": Choice(1), "two": Choice(1)})',
    "a text that is too long": 'await call.talk("x" * 2000)',
    "another result": "return 5",
    "the end of the program": "import sys\nsys.exit(1)",
    "an interruption": "raise KeyboardInterrupt",
    "the end of the coroutine": "raise GeneratorExit",
    "a cancellation": "import asyncio\nraise asyncio.CancelledError",
    "an option that is a set": 'await call.conversation("x", canSpeak={call.uuid})',
}
REFUSED = (FAULTS["no await"], FAULTS["no await at the end"])
"""By the server when it loads the file, so no caller hears it."""


@each_case("body", FAULTS.values(), ids=FAULTS.keys())
def test_after_an_error_the_caller_hears_the_flow_for_errors(body: str) -> None:
    code = "\n".join(f"    {line}" for line in body.split("\n"))
    head = "from ncco_server import Call, Choice, call_flow\n\n"
    text = f'{head}@call_flow(default=True, on_error="sorry")\nasync def shop(call: Call):\n{code}\n'
    assert handler_issues(project_of(text))
    flow = project_of(text, explores=False).flows.get("shop")
    assert (flow is None) == body.startswith(REFUSED)
    assert flow is None or ["Something went wrong."] == HandledCall(flow).said


BROKEN = """
from ncco_server import Call, call_flow

@call_flow({options})
async def {name}(call: Call):
    {{}}["x"]
"""
SHARED_EXIT = {"flows/shared.yaml": "shared: true\ndefaults: {on: {error: {run: sorry}}}\n"}


@each_case(
    ("options", "others", "said"),
    [
        ('default=True, on_error="sorry"', {}, "Something went wrong."),
        ("default=True", SHARED_EXIT, "Something went wrong."),
        ("default=True", {}, FAILSAFE[0]["text"]),
        (
            'default=True, on_error="worse"',
            {"flows/worse.py": BROKEN.format(options="", name="worse")},
            FAILSAFE[0]["text"],
        ),
    ],
)
def test_an_error_takes_the_exit_of_the_handler_or_of_the_project_or_the_failsafe(
    options: str, others: Mapping[str, str], said: str
) -> None:
    texts = {"flows/shop.py": BROKEN.format(options=options, name="shop"), "flows/sorry.yaml": SORRY, **others}
    project = load(texts, {}, extent="project", handlers=["shop.py", "worse.py"])
    assert [said] == HandledCall(project.flows["shop"]).said


def test_a_handler_does_not_affect_the_timers_of_the_process() -> None:
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
def test_an_error_after_a_question_plays_what_the_flow_for_errors_plays_in_all_calls(
    do: str, said: list[str] | None
) -> None:
    """The failsafe NCCO plays instead if it is unknown what that flow would play."""
    sorry = f"flow: sorry\nstart: sorry\nsteps: {{sorry: {{do: {do}, goto: end}}}}\n"
    call = HandledCall(handler(MENU, {"flows/sorry.yaml": sorry}))
    tail = [each.get("text") or each["endpoint"][0]["number"] for each in call.ncco[2:]]
    assert (said or [each["text"] for each in FAILSAFE]) == tail


CHANGES = {
    "another question": ('"Press 1 or 2."', '"Press 1 or 2, please."'),
    "other choices": ('"two": Choice(2', '"three": Choice(3'),
    "another wait": ("await call.choose(", 'await call.collect("x", digits=1) or await call.choose('),
    "no wait": ("choice = await call.choose(", 'choice = "".format('),
    "another line": ("choice =", "\n    choice ="),
    "another prompt before it": ("choice =", 'await call.talk("Hello.")\n    choice ='),
    "a function before it": ("choice =", "await call.run(print)\n    choice ="),
    "other tries": ("tries=2", "tries=3"),
    "another name": ("tries=2", 'tries=2, name="menu"'),
    "the end": ("choice =", "return\n    choice ="),
}


@each_case(("old", "new"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("is_answered", [True, False])
def test_a_handler_that_behaves_differently_than_before_is_detected(old: str, new: str, *, is_answered: bool) -> None:
    """The same call continues with a changed handler, as if the handler depended on something outside."""
    code = f"""
from ncco_server import Call, Choice, call_flow

@call_flow(default=True, on_error="sorry")
async def shop(call: Call):
    choice = {MENU}
    more = await call.choose("Again.", {{"one": Choice(1), "two": Choice(2)}})
    await call.talk(f"{{choice}} {{more}}")
"""
    assert old in code
    before = project_of(code, explores=False).flows["shop"]
    after = project_of(code.replace(old, new, 1), explores=False).flows.get("shop")
    call = HandledCall(before)
    if is_answered:
        assert call.press("1")
    call.flow = after or before
    assert after is not None
    assert call.press("1")
    assert ["Something went wrong."] == call.said
    assert "R111" in [line.what for line in call.turn.trace] or "R110" in [line.what for line in call.turn.trace]


@each_case(
    ("old", "new"),
    [("find, 1", "find, 2"), ("find, 1", "other, 1"), ("ready, 1", "ready, 2")],
    ids=["other arguments", "another function", "other arguments of a hold"],
)
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
    assert "R111" in [line.what for line in call.turn.trace]


def test_a_changed_question_is_detected_before_its_answer_counts_and_both_places_are_named() -> None:
    call = HandledCall(handler(MENU))
    call.flow = handler(f'await call.talk("Hello.")\n{MENU}')
    assert call.press("1")
    (problem,) = [line.because for line in call.turn.trace if line.what == "R111"]
    assert 'as number 1, it came to "line 5", and now to "line 6"' in problem


def test_a_changed_flow_that_a_handler_runs_is_detected_before_its_outcome_counts() -> None:
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
    assert "R111" in [line.what for line in call.turn.trace]


def test_a_session_of_an_earlier_version_continues_without_details_of_its_wait() -> None:
    call = HandledCall(handler(f'{MENU}\nawait call.talk("Thank you.")'))
    session = call.turn.session
    variables = {name: value for name, value in session.variables.items() if name != AWAITED}
    assert variables != session.variables
    call.turn = call.turn._replace(session=session._replace(variables=variables))
    assert call.press("1")
    assert ["Thank you."] == call.said


PIN = """
await call.run(check, "4711")
await call.choose("Press 1.", {"one": Choice(1)})
await call.talk("Thank you.")
"""
CHECK = "def check(pin):\n    return True\n"
OLD, NEW = b"o" * 32, b"n" * 32


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


def test_the_results_of_a_call_have_at_most_one_megabyte() -> None:
    call = HandledCall(
        handler(
            "for number in range(30): await call.run(large, number)", before='def large(number): return "x" * 60000'
        )
    )
    assert ["Something went wrong."] == call.said
    assert 17 == len(call.called)
    (problem,) = [line.because for line in call.turn.trace if line.what == "R112"]
    assert "1 MB" in problem


def test_a_function_may_change_its_argument_if_nothing_depends_on_it() -> None:
    body = """
        found = []
        await call.run(fill, found)
        await call.choose("Press 1.", {"one": Choice(1)})
        await call.talk("Thank you.")
    """
    call = HandledCall(handler(body, before="def fill(found): found.append(1)"))
    assert call.press("1")
    assert ["Thank you."] == call.said


def test_a_call_continues_in_another_process_with_what_the_session_keeps() -> None:
    code = f"""
from ncco_server import Call, Choice, call_flow

@call_flow(default=True)
async def shop(call: Call):
    started = call.now
    names = []
    for _ in range(3):
        names.append({MENU})
    await call.talk(f"{{names}} after {{(call.now - started).seconds}} seconds")
"""
    call = HandledCall(project_of(code, explores=False).flows["shop"])
    for digits in "122":
        call.flow = project_of(code, explores=False).flows["shop"]
        assert from_json(to_json(call.turn.session)) == call.turn.session
        assert call.press(digits)
    assert ["['one', 'two', 'two'] after 30 seconds"] == call.said


def test_code_that_is_not_listed_is_never_run(tmp_path: Any) -> None:
    text = f"import call_flow\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n"
    for handlers in ([], ["other.py"], ["flows/shop.py"]):
        project = load({"flows/shop.py": text}, {}, extent="project", handlers=handlers)
        assert "E702" in [issue.code for issue in project.issues]
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
    (issue,) = handler_issues(project_of(code))
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
    found = [(issue.code, issue.place.line) for issue in handler_issues(project_of(code))]
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
    issues = handler_issues(project)
    assert [("W302", 9, "FLOW_KITCHEN is not set")] == [(each.code, each.place.line, each.message) for each in issues]
    assert ["KITCHEN"] == env_names(project.flows.values())


def test_the_steps_of_a_handler_cover_every_path_through_it() -> None:
    body = f"""
        await call.talk("Welcome.")
        choice = {MENU}
        if choice == "one":
            outcome = await call.connect("447700900111", ends_call=False, name="sales")
            if outcome != "completed":
                await call.talk("Nobody is there.")
        elif choice is None:
            await call.goto("sorry")
    """
    flow = handler(body, explores=True)
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
    flow = handler(body, options=options, explores=True)
    assert {"", "yes", "no"} == {step.result for step in flow.steps.values()}


@pytest.mark.parametrize("tries", [1, 2])
def test_a_loop_ends_with_its_condition_and_has_few_states(tries: int) -> None:
    body = f"""
        while (choice := {MENU}) != "two":
            await call.talk("Once more.")
        await call.talk("Done.")
    """
    flow = handler(body, explores=True)
    assert len(flow.steps) <= 4 and tries


ACTIONS: dict[str, tuple[str, Any]] = {
    "wait": ("wait(1.5)", {"action": "wait", "timeout": 1.5}),
    "conversation": (
        "conversation('team-' + call.from_, startOnEnter=False, canHear=[call.uuid])",
        {"action": "conversation", "name": "team-447700900123", "startOnEnter": False, "canHear": [LEG]},
    ),
    "transfer": ("transfer('CON-1', mute=True)", {"action": "transfer", "conversationId": "CON-1", "mute": True}),
    "notify": (
        "notify({'who': call.from_, 'on': True, 'at': [1, None]}, url='https://example.com/n', method='POST')",
        {
            "action": "notify",
            "payload": {"who": "447700900123", "on": True, "at": [1]},
            "eventUrl": ["https://example.com/n"],
            "eventMethod": "POST",
        },
    ),
    "ncco": (
        "ncco([{'action': 'stream', 'streamUrl': ['https://example.com/' + call.to + '.mp3'], 'level': None}])",
        {"action": "stream", "streamUrl": ["https://example.com/442079460000.mp3"]},
    ),
    "ncco with a computed action": (
        "ncco([{'act' + 'ion': 'ta' + 'lk', 'text': '{{ ' + call.to + ' }} <b>'}])",
        {"action": "talk", "text": "{{ 442079460000 }}  b"},
    ),
}


@each_case(("code", "action"), ACTIONS.values(), ids=ACTIONS.keys())
def test_an_action_produces_the_same_action_in_the_ncco(code: str, action: dict[str, Any]) -> None:
    assert [action] == HandledCall(handler(f"await call.{code}")).ncco


def test_a_handler_continues_after_a_conversation() -> None:
    flow = handler('await call.conversation("team")\nawait call.talk("Goodbye.")')
    assert ["conversation", "Goodbye."] == HandledCall(flow).said


def test_a_checkpoint_that_waits_decides_what_follows_when_the_caller_gets_there() -> None:
    call = HandledCall(
        handler("""
            await call.talk("Our terms.")
            await call.checkpoint("on_the_way")
            before = call.now
            await call.checkpoint("heard_terms", wait=True)
            await call.talk(f"That took {(call.now - before).seconds} seconds.")
        """)
    )
    assert ["Our terms."] == call.said
    assert ["on_the_way", "heard_terms"] == [each["payload"]["checkpoint"] for each in call.ncco[1:]]
    assert call.reach("heard_terms")
    assert ["That took 10 seconds."] == call.said


OPEN_ENDED = {
    "record": "record(endOnSilence=3)",
    "wait": "wait(5)",
    "conversation": "conversation('team')",
    "ncco": "ncco([{'action': 'record', 'endOnKey': '#'}])",
}


@each_case("code", OPEN_ENDED.values(), ids=OPEN_ENDED.keys())
def test_a_function_after_an_action_of_unknown_length_is_called_when_the_caller_gets_there(code: str) -> None:
    flow = handler(
        f'await call.{code}\nfound = await call.run(find)\nawait call.talk(found)\nawait call.talk("Bye.")',
        before="def find() -> str:\n    return 'Found.'\n",
    )
    call = HandledCall(flow)
    assert not hasattr(call, "called")
    assert call.reach("reached")
    assert (["find"], ["Found.", "Bye."]) == (call.called, call.said)


def test_a_function_after_a_recording_without_an_end_is_called_at_once() -> None:
    flow = handler("await call.record()\nawait call.talk(await call.run(find))", before="def find() -> str: return 'x'")
    assert ["record", "x"] == HandledCall(flow).said


HOLD = 'await call.talk(await call.hold(free, "anna", up_to_s=25, stream="https://example.com/a.mp3"))'


@each_case(
    ("answers", "heard"),
    [
        ("True", []),
        ("0, 'anna'", ["plays https://example.com/a.mp3"]),
        ("None, False, 1", ["plays https://example.com/a.mp3"] * 2),
        ("*[False] * 9,", ["plays https://example.com/a.mp3"] * 3),
        ("ValueError, True", ["plays https://example.com/a.mp3"]),
    ],
)
def test_a_hold_calls_its_function_until_it_says_yes_or_the_time_is_up(answers: str, heard: list[str]) -> None:
    before = f"""
        answers = [{answers}]

        def free(who: str):
            answer = answers.pop(0)
            if answer is ValueError:
                raise ValueError
            return answer
    """
    call = HandledCall(handler(f'await call.talk("One moment.")\n{HOLD}', before=before))
    said = [call.said]
    while any(wait.steers for wait in call.session.waits):
        assert call.reach("held")
        said.append(call.said)
    outcome = "too_long" if len(heard) == 3 else "ready"
    assert ["One moment.", *heard, outcome] == [text for texts in said for text in texts]


def test_a_hold_after_a_recording_begins_when_the_recording_has_ended() -> None:
    flow = handler(f"await call.record(endOnKey='#')\n{HOLD}", before="def free(who: str) -> bool: return False")
    call = HandledCall(flow)
    assert ["record"] == call.said
    assert call.reach("step.reached")
    assert (["free"], ["plays https://example.com/a.mp3"]) == (call.called, call.said)


def test_the_outcomes_of_a_hold_lead_to_what_follows() -> None:
    body = 'if await call.hold(free, talk="Wait.", up_to_s=60, name="queue") == "ready":\n    await call.talk("Yes.")'
    flow = handler(
        f"{body}\n    return\nawait call.goto('sorry')", before="def free() -> bool: return True", explores=True
    )
    ways = {way.name: way.target.shown for way in flow.steps["queue"].exit.ways}
    assert {"ready": "the end, line 6", "too_long": "line 8"} == ways
    assert 60 == flow.steps["queue"].exit.longest_wait_s


def test_connecting_a_list_without_an_allowed_number_fails() -> None:
    flow = handler("outcome = await call.connect([call.from_, call.from_])\nawait call.talk(outcome)")
    assert ["failed"] == HandledCall(flow).said


BROKEN_ACTIONS = {
    "E401": 'await call.ncco([{"action": "talk", "text": "Hi.", "level": 7}])',
    "E402": 'await call.ncco([{"action": "say", "text": "Hi."}])',
    "E412": 'await call.choose("Press 1.", {"a": Choice(1)}, input={"eventUrl": "https://example.com"})',
    "E220": 'await call.ncco([{"action": "input", "type": ["dtmf"]}])',
    "E272": 'await call.goto("nowhere")',
    "E278": "await call.hold(print, up_to_s=5)",
    "E409": 'await call.checkpoint("busy")',
    "E333": 'await call.talk(Ssml("<speak><break {}/></speak>").format(call.from_))',
    "E403": 'await call.ncco([{"action": "talk", "text": "Hi.", "goto": "end"}])',
    "W703": 'await call.ncco([{"text": "Hi."}])',
}


@each_case(("code", "line"), BROKEN_ACTIONS.items(), ids=BROKEN_ACTIONS.keys())
def test_a_wrong_action_is_found_before_anybody_calls(code: str, line: str) -> None:
    head = (
        "from ncco_server import Call, Choice, Ssml, call_flow\n\n@call_flow(default=True)\nasync def shop(call: Call):"
    )
    found = [(each.code, each.place.line) for each in project_of(f"{head}\n    {line}\n").issues]
    assert (code, 5) in found, found


def test_errors_of_computed_actions_are_found_in_the_call() -> None:
    flow = handler("await call.ncco(await call.run(made))", before="def made():\n    return [{'action': 'beep'}]\n")
    assert ["Something went wrong."] == HandledCall(flow).said


def test_values_in_ssml_are_escaped_and_its_tags_are_kept() -> None:
    before = """
        from ncco_server import Ssml

        LIST = Ssml(", ")
        NAME = Ssml("<s>{0:>4}</s>")
        TAG = "<speak>"
    """
    texts = {
        'Ssml("<speak>{{x}} {} {who!r}</speak>").format("R&D", who="<")': "<speak>{x} R&amp;D &apos;&lt;&apos;</speak>",
        'Ssml("<speak>{}</speak>").format(NAME.format(12))': "<speak><s>  12</s></speak>",
        'Ssml("<speak>") + LIST.join(["<", NAME.format(7)]) + Ssml("</speak>")': "<speak>&lt;, <s>   7</s></speak>",
        "TAG + call.from_": "speak 447700900123",
    }
    flow = handler("\n".join(f"await call.talk({text})" for text in texts), before=before)
    assert [*texts.values()] == HandledCall(flow).said


def test_tags_that_were_computed_are_refused() -> None:
    flow = handler("await call.talk(Ssml(TAG + call.from_))", before='from ncco_server import Ssml\nTAG = "<speak>"')
    call = HandledCall(flow)
    assert ["Something went wrong."] == call.said
    assert "put values in with `.format(..)`" in call.turn.trace[1].because


FLOWS = {
    "flows/sales.yaml": 'flow: sales\nstart: a\nsteps:\n  a: {do: [talk: "Sales."], goto: end}\n',
    "flows/secret.yaml": 'flow: secret\nstart: a\nsteps:\n  a: {do: [talk: "Secret."], goto: end}\n',
}


@each_case(
    ("result", "heard"),
    [
        ("sales", "Sales."),
        ("secret", "Something went wrong."),
        ("nowhere", "Something went wrong."),
        ("", "Something went wrong."),
    ],
)
def test_a_handler_goes_only_to_flows_that_its_file_names(result: str, heard: str) -> None:
    """So neither a caller nor another server can choose any flow, and the handler's revision contains all of them."""
    before = f"FLOWS = ['sales']\n\ndef find() -> str:\n    return ''.join({list(result)})\n"
    for code in ("call.goto(await call.run(find))", "call.run_flow(await call.run(find), outcomes=['return'])"):
        flow = handler(f"await {code}", FLOWS, before=before)
        assert [heard] == HandledCall(flow).said


NESTED = """
from datetime import date, datetime, time

from ncco_server import Call, Choice, call_flow


@call_flow(name="{name}", outcomes=["yes", "no"]{options})
async def shop(call: Call, who: str, at: datetime, day: date = date(2026, 1, 5), hour: time = time(9, 30)) -> str:
{body}
"""
INNER = """
    await call.talk(f"Hello {who}, {at:%H:%M}, {day:%A}, {hour:%H}.")
    return await call.choose("Press 1 or 2.", {"yes": Choice(1), "no": Choice(2)}, tries=1) or "no"
"""
RUNS = """
    outcome = await call.run_flow("{flow}", outcomes=("yes", "no"), who=who + "{mark}", at=at)
    await call.talk(f"{{who}} got {{outcome}}.")
    return outcome
"""
BETWEEN = """
flow: between
params: {who: text, at: datetime}
timezone: Europe/London
outcomes: [yes, no]
start: inner
steps:
  inner: {run: inner, with: {who: "{{ who }}!", at: "{{ at }}"}, on: {yes: {return: yes}, no: {return: no}}}
"""
BEGINS = """
flow: begins
default: true
start: outer
steps:
  outer: {run: outer, with: {who: Ada, at: 2026-03-05T10:00+00:00}, on: {yes: end, no: end}}
"""


@each_case(("digits", "outcome"), [("1", "yes"), ("2", "no"), ("", "no")])
def test_handlers_and_flow_files_run_each_other_with_params_and_outcomes(digits: str, outcome: str) -> None:
    zone = ', timezone="Europe/London"'
    texts = {
        "flows/a.py": NESTED.format(name="outer", options=zone, body=RUNS.format(flow="second", mark="1")),
        "flows/b.py": NESTED.format(name="second", options=zone, body=RUNS.format(flow="between", mark="2")),
        "flows/between.yaml": BETWEEN,
        "flows/c.py": NESTED.format(name="inner", options=zone, body=INNER),
        "flows/start.yaml": BEGINS,
    }
    project = load(texts, {}, extent="project", handlers=["a.py", "b.py", "c.py"])
    assert [] == [str(issue) for issue in project.issues]
    call = HandledCall(project.flows["begins"])
    assert ["Hello Ada12!, 10:00, Monday, 09.", "Press 1 or 2."] == call.said
    assert (call.press(digits) if digits else call.silence()) is not None
    assert [f"Ada1 got {outcome}.", f"Ada got {outcome}."] == call.said


def test_a_handler_that_runs_itself_is_found() -> None:
    project = project_of(NESTED.format(name="shop", options="", body=RUNS.format(flow="shop", mark="")))
    assert "E280" in {issue.code for issue in project.issues}


OUTBOUND = """, default=True, timezone="Europe/London", outbound={
    "from": "442079460150", "unless": [], "machine_detection": "continue", "on": {"machine": {"run": "sorry"}},
}"""


def test_a_handler_can_be_placed_with_params_and_machine_detection() -> None:
    text = NESTED.format(name="shop", options=OUTBOUND, body=INNER)
    project = load({"flows/shop.py": text, "flows/sorry.yaml": SORRY}, {}, extent="project", handlers=["shop.py"])
    assert {"W297"} == {issue.code for issue in project.issues}
    given = {"who": "Ada", "at": "2026-03-05T10:00:00+00:00"}
    call = HandledCall(project.flows["shop"], given=given)
    assert ["Hello Ada, 10:00, Monday, 09.", "Press 1 or 2."] == call.said
    assert call.detect("machine")
    assert ["Something went wrong."] == call.said
    assert [] == HandledCall(project.flows["shop"], given=given).press("1")


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


def test_the_cause_of_an_exception_is_reported_once_per_line() -> None:
    code = """
        from ncco_server import Call, Choice, call_flow

        async def find(number: str) -> dict[str, int] | None:
            return None

        @call_flow(default=True)
        async def shop(call: Call):
            await call.choose("Press 1 or 2.", {"one": Choice(1), "two": Choice(2)})
            order = await call.run(find, call.from_)
            await call.talk(f"It is {order['pounds']}.")
    """
    found = [issue.message for issue in project_of(code).issues if issue.place.line == 11]
    assert [
        "the handler raised KeyError: 'pounds', after find: {}",
        "the handler raised TypeError: 'NoneType' object is not subscriptable, after find: None",
    ] == sorted(found)


@each_case(
    ("words", "cure"),
    [
        ("hooks={'x': {'post': 'https://crm.example.com/x'}}", 'write `await call.send("x")`'),
        ("results={'x': 'it is x'}", 'write `await call.result("x")`'),
        ("outcomes=['x']", 'write `return "x"`'),
        ("hours={'x': {'timezone': 'Europe/London', 'week': {'mon': '09:00-17:00'}}}", 'read `call.hours("x").open`'),
        ("", "the argument `numbers`, `default=True` or `entry=True`"),
    ],
)
def test_fixes_are_written_in_python(words: str, cure: str) -> None:
    code = f"""
        from ncco_server import Call, call_flow

        @call_flow({words}{", default=True" if words else ""})
        async def shop(call: Call):
            await call.talk("Hello.")
    """
    found = [issue.cure for issue in handler_issues(project_of(code))]
    assert [cure] == [cure for each in found if cure in each], found


def test_a_loop_through_a_flow_file_and_back_is_found() -> None:
    back = 'flow: back\nstart: only\nsteps:\n  only: {do: [talk: "One moment."], goto: {run: shop}}\n'
    body = """
        choice = await call.choose("Press 1.", {"one": Choice(1)})
        if choice is None:
            await call.goto("back")
        await call.talk("Goodbye.")
    """
    proof = prove(handler(body, {"flows/back.yaml": back}, explores=True), NOON)
    assert [("circle", "flows/shop.py")] == [(each.kind, each.place.file) for each in proof.violations]


@each_case(
    ("body", "code", "cure"),
    [
        ('await call.choose("For sales, press 3.", {"sales": Choice(1)})', "W600", "`Choice(3)`"),
        ('await call.collect("Enter your code, or press 1 for help.", digits=4)', "W605", "`choose`"),
        ('await call.collect("Enter the five digits of your order.", digits=4)', "W606", "`digits=5`"),
        ('await call.choose("Press 1.", {"a": Choice(1)}, tries=2, noinput=["A?", "B?"])', "W241", "`tries=3`"),
    ],
)
def test_fixes_of_questions_are_written_in_python(body: str, code: str, cure: str) -> None:
    head = "from ncco_server import Call, Choice, call_flow\n\n@call_flow(default=True)\nasync def shop(call: Call):\n"
    found = {issue.code: issue.cure for issue in handler_issues(project_of(f"{head}    {body}\n"))}
    assert cure in found[code]


def test_actions_of_a_single_branch_of_a_step_are_found_and_checked() -> None:
    code = """
        from ncco_server import Call, Choice, call_flow

        @call_flow(
            default=True,
            results={"yes": "the caller comes", "no": "the caller does not come"},
            hooks={"yes": {"post": "https://crm.example.com/yes"}, "no": {"post": "https://crm.example.com/no"}},
        )
        async def shop(call: Call):
            choice = await call.choose("Press 1 or 2.", {"yes": Choice(1), "no": Choice(2)})
            if choice == "no":
                await call.talk("We are sorry.", language="xx-XX")
            await call.send("no" if choice == "no" else "yes")
            await call.result("no" if choice == "no" else "yes")
            await call.connect("447700900111")
    """
    found = [(issue.code, issue.place.line) for issue in handler_issues(project_of(code))]
    assert [("W401", 12)] == found


def test_an_issue_about_a_prompt_is_at_the_beginning_of_its_line() -> None:
    code = """
        from ncco_server import Call, Choice, call_flow

        @call_flow(default=True)
        async def shop(call: Call):
            await call.choose("For sales, press 3.", {"sales": Choice(1)})
    """
    found = [issue.place[1:] for issue in project_of(code).issues if issue.code == "W600"]
    assert [(6, 5, 1)] == found


@each_case(
    ("arguments", "places"),
    [
        ('numbers=["442079460600", "44 20"]', ["26 E203"]),
        ("results={'a': 'ü'}, hooks={'crm': {'post': '{{ cal.uuid }}'}}", ["48 E303"]),
        ("hooks={'crm': {'post': '\\x7b{ cal.uuid }}'}}", ["24 E303"]),
        ("hooks=HOOKS", ["17 E303"]),
        ("hooks=dict(crm={'post': '{{ cal.uuid }}'})", ["7 E303"]),
        ('on_error="nobody"', ["10 E272"]),
    ],
)
def test_an_issue_about_an_argument_is_where_the_argument_is_written(arguments: str, places: list[str]) -> None:
    code = f"""
from ncco_server import Call, call_flow
HOOKS = {{"crm": {{
    "post": "{{{{ cal.uuid }}}}",
}}}}
@call_flow(
{arguments},
)
async def shop(call: Call):
    await call.talk("Hello.")
"""
    found = [issue for issue in handler_issues(project_of(code)) if issue.is_error]
    line = 4 if "HOOKS" in arguments else 7
    assert [(line, each) for each in places] == [
        (issue.place.line, f"{issue.place.column} {issue.code}") for issue in found
    ]


def test_calls_stay_in_a_stored_revision_that_a_later_check_finds_wrong() -> None:
    code = """
    from ncco_server import Call, Choice, call_flow

    @call_flow(default=True)
    async def shop(call: Call):
        if await call.choose("Press 1.", {"one": Choice(1)}) == "one":
            await call.talk(nmae)
    """
    project = project_of(code)
    assert ["E703"] == [issue.code for issue in handler_issues(project) if issue.is_error]
    assert not project.flows.get("shop")
    stored = load({"flows/shop.py": dedent(code)}, {}, handlers=["shop.py"])
    assert "shop" in stored.flows


def test_functions_that_run_together_give_their_results_in_order() -> None:
    before = """
        from dataclasses import dataclass

        @dataclass
        class Order:
            status: str

        async def find(number: str) -> Order:
            return Order(f"order {number}")

        def count() -> int:
            return 3

        def broken() -> str:
            raise ValueError
    """
    flow = handler(
        f"""
        number = await call.collect("Your number.", digits=2)
        order, times, other = await call.run_all(call.run(find, number), call.run(count), call.run(find, "7"))
        choice = {MENU}
        none = await call.run_all([call.run(find, each) for each in ""])
        try:
            await call.run_all(call.run(broken), call.run(count))
        except RunFailed as error:
            await call.talk(f"{{choice}}, {{order.status}}, {{times + 1}}, {{other.status}}, {{none}}")
        """,
        before=before,
        explores=True,
    )
    call = HandledCall(flow)
    assert call.press("42")
    assert ["Press 1 or 2."] == call.said
    assert ["find", "count", "find"] == call.called
    assert call.press("2")
    assert ["two, order 42, 4, order 7, ()"] == call.said
    assert ["find", "count", "find", "broken", "count"] == call.called


def test_only_functions_run_together() -> None:
    flow = handler('await call.run_all(call.talk("Hello."))')
    assert ["Something went wrong."] == said(flow)


def test_a_param_may_be_a_phone_number() -> None:
    desk = """
        from ncco_server import Call, Phone, call_flow

        @call_flow
        async def desk(call: Call, number: Phone = Phone("447700900123")) -> None:
            await call.talk(call.digits(number))
    """
    begins = 'flow: begins\ndefault: true\nstart: a\nsteps:\n  a: {goto: {run: desk, with: {number: "%s"}}}\n'
    heard: list[str] = []
    for number in ("+44 7700 900111", "nobody"):
        texts = {"flows/desk.py": dedent(desk), "flows/begins.yaml": begins % number}
        project = load(texts, {}, extent="project", handlers=["desk.py"])
        errors = [issue.message for issue in project.issues if issue.is_error]
        heard += errors or HandledCall(project.flows["begins"]).said
    assert ["4 4, 7 7 0, 0 9 0, 0 1 1 1", '`number` cannot be "nobody"'] == heard
