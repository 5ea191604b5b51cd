"""Hooks, results, opening hours and outcomes of calls in Python, as in a flow file."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from textwrap import dedent
from typing import Any

import pytest

from ncco_server.engine.records import call_record
from ncco_server.flow.handlers.api import Call
from ncco_server.flow.model import Flow, later_hooks
from ncco_studio.verify.prove import prove
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SAMPLE_CALL, HandledCall, handler, handler_issues, project_of
from tests.unit.server.engine.scripted_call import NOON, ScriptedCall, load_flow

SHARED = {
    "flows/all.yaml": """
shared: true
hooks:
  crm: {post: "https://crm.example.com/calls", params: {ticket: text, times: {type: int, default: 0}}}
  over: {post: "https://crm.example.com/over", json: {how: "{{ event.how }}", who: "{{ call.from }}"}}
hours:
  shop:
    timezone: Europe/London
    week: {mon-fri: 09:00-17:30}
    holidays: [{2026-05-04: "Early May bank holiday"}]
  till: {timezone: Europe/London, week: {mon-sun: "00:00-24:00"}}
results: {booked: an appointment was booked, refused: the caller did not want one}
"""
}


def shop(body: str, options: str = "", before: str = "") -> Flow:
    return handler(body, SHARED, options, before)


def sent(call: HandledCall) -> list[tuple[str, dict[str, Any]]]:
    return [(hook.name, hook.json["data"].get("params", {})) for hook in call.turn.hooks]


# hooks


def test_a_hook_is_sent_with_the_turn_and_its_computed_params() -> None:
    call = HandledCall(
        shop("""
            number = await call.collect("Your number.", digits=4)
            await call.send("crm", ticket=f"no {number}", times=len(str(number)))
            await call.talk("Thank you.")
        """)
    )
    assert [] == sent(call)
    call.press("1234")
    assert [("crm", {"ticket": "no 1234", "times": 4})] == sent(call)
    assert ["Thank you."] == call.said


def test_a_hook_does_not_contain_results_of_the_handler() -> None:
    """A result of the handler is not a variable of the flow, because it may be a secret of another system."""
    call = HandledCall(
        handler(
            """
            token = await call.run(login)
            number = await call.collect("Your number.", digits=4)
            await call.send("crm", ticket="5")
            """,
            SHARED,
            before="def login() -> str:\n    return 'a secret'\n",
        )
    )
    call.press("1234")
    assert [("crm", {"ticket": "5", "times": 0})] == sent(call)
    assert not {"variables"} & call.turn.hooks[0].json["data"].keys()


@each_case(
    ("body", "hooks"),
    [
        ('await call.send("over")', ["over"]),
        (
            'await call.send("over")\nawait call.send("crm", ticket="1")\nawait call.send("over")',
            ["over", "crm", "over"],
        ),
        ('await call.send("crm", ticket="1", times=None)', ["crm"]),
        ('for each in "12": await call.send("crm", ticket=each); await call.talk("Hello.")', ["crm", "crm"]),
        ('await call.talk("Hello.")\nawait call.send("over")\nawait call.choose("Go.", {"a": Choice(1)})', ["over"]),
        ('await call.talk("Hello.")\nawait call.send("over")\nawait call.goto("sorry")', ["over"]),
    ],
)
def test_hooks_are_sent_in_order(body: str, hooks: list[str]) -> None:
    assert hooks == [hook.name for hook in HandledCall(shop(body)).turn.hooks]


def test_after_a_recording_of_unknown_length_a_hook_is_sent_when_the_caller_gets_there() -> None:
    call = HandledCall(
        shop("""
            await call.record(endOnSilence=3, beepStart=True)
            await call.send("crm", ticket="1")
            await call.talk("Thank you.")
        """)
    )
    assert [] == sent(call)
    (wait,) = [each for each in call.session.waits if each.kind == "notify" and each.steers]
    assert call.reach(wait.name) is not None
    assert [("crm", {"ticket": "1", "times": 0})] == sent(call)
    assert ["Thank you."] == call.said


@each_case(
    ("body", "code"),
    [
        ('await call.send("crn", ticket="1")', "E580"),
        ('await call.send("crm")', "E271"),
        ('await call.send("crm", ticket="1", tickets="2")', "E270"),
        ('await call.send("crm", ticket="1", times="many")', "E313"),
        ('await call.result("boked")', "E281"),
    ],
)
def test_a_wrong_name_is_found_before_anybody_calls(body: str, code: str) -> None:
    try:
        handler(body, SHARED, explores=True)
    except AssertionError as error:
        assert code in str(error)
        assert "shop.py:5" in str(error)
    else:
        raise AssertionError("no error")


def test_events_send_hooks_that_the_handler_declares() -> None:
    flow = handler(
        'await call.choose("Go.", {"a": Choice(1)})',
        options=', hooks={"over": {"post": "https://crm.example.com", "json": {"how": "{{ event.how }}"}}},'
        ' events={"ended": "over", "hangup": "over"}',
    )
    assert ["over"] == [hook.name for hook in later_hooks({"ended": flow.events["ended"]})]


# opening hours

OPEN = """
    hours = call.hours("shop")
    if hours.open:
        await call.choose("We are open. Press 1.", {"a": Choice(1)}, tries=1)
    elif hours.reason == "holiday":
        await call.talk(f"It is {hours.holiday}.")
    else:
        await call.talk(f"We open on {hours.next_open:%A at %H:%M}.")
    await call.talk("Goodbye.")
"""


@each_case(
    ("at", "heard"),
    [
        ("2026-03-04T12:00:00+00:00", "We are open. Press 1."),
        ("2026-03-04T17:30:00+00:00", "We open on Thursday at 09:00."),
        ("2026-07-03T08:15:00+00:00", "We are open. Press 1."),
        ("2026-05-04T12:00:00+00:00", "It is Early May bank holiday."),
        ("2026-03-07T12:00:00+00:00", "We open on Monday at 09:00."),
    ],
)
def test_a_handler_reads_opening_hours(at: str, heard: str) -> None:
    assert heard == HandledCall(shop(OPEN), at=datetime.fromisoformat(at)).said[0]


def test_opening_hours_keep_the_value_that_the_handler_first_read() -> None:
    """The shop closes while the caller thinks. The handler runs again and must not reach another question."""
    flow = shop("""
        first = call.hours("shop").open
        choice = await call.choose(f"Open: {first}.", {"a": Choice(1)})
        then = call.hours("shop").open
        choice = await call.choose(f"Then: {then}.", {"a": Choice(1)})
        await call.talk(f"{first}, {then}")
    """)
    call = HandledCall(flow, at=datetime(2026, 3, 4, 17, 29, 45, tzinfo=UTC))
    assert ["Open: True."] == call.said
    assert call.press("1")
    assert ["Then: False."] == call.said
    assert call.press("1")
    assert ["True, False"] == call.said


def test_undeclared_opening_hours_are_an_error() -> None:
    with pytest.raises(AssertionError, match=r'shop.py:5.*E304 there are no opening hours "shp": shop, till'):
        handler("await call.talk(f\"{call.hours('shp').open}\")", SHARED, explores=True)


@each_case(
    ("body", "codes"),
    [
        ('if not call.hours("shop").open:\n    await call.result("boked")', {"E281"}),
        (
            'if not call.hours("shop").open and call.hours("till").open:\n    await call.result("boked")',
            {"E281"},
        ),
        ('if call.hours("shop").reason == "holiday":\n    {}["x"]', {"E703"}),
        (
            'await call.choose("Go.", {"a": Choice(1)})\nif not call.hours("shop").open:\n    {}["x"]',
            {"E703"},
        ),
        ('if not call.hours("till").open:\n    await call.result("boked")', set()),
    ],
)
def test_check_tries_a_handler_while_it_is_open_and_closed(body: str, codes: set[str]) -> None:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    head = "from ncco_server import Call, Choice, call_flow\n\n@call_flow(default=True)\nasync def shop(call: Call):\n"
    project = project_of(f"{head}{lines}    await call.talk('Hello.')\n", SHARED)
    assert codes == {issue.code for issue in handler_issues(project)}


def test_prove_finds_what_is_wrong_while_the_shop_is_closed() -> None:
    body = 'if call.hours("shop").open:\n    await call.talk("We are open.")'
    proof = prove(handler(body, SHARED, explores=True), NOON)
    assert ["dead_end"] == [each.kind for each in proof.violations]


QUESTION = 'await call.choose("Press 1.", {"one": Choice(1)})'
STATUS = """
from typing import Literal
def status() -> Literal["baked", "late"]: return "late"
def words() -> str: return "late"
"""
CAUGHT = "try: found = await call.run({})\nexcept RunFailed: found = 'late'\n"


@each_case(
    ("body", "status"),
    [
        ('await call.talk("Hello.")', "proved"),
        (f'if {QUESTION} == "one": await call.talk("Yes.")\nawait call.talk("Bye.")', "proved"),
        ('await call.talk("Late." if await call.run(status) == "late" else "Baked.")', "refuted"),
        (f'{CAUGHT.format("status")}await call.talk("Late." if found == "late" else "Baked.")', "proved"),
        (f'{CAUGHT.format("words")}await call.talk("Late." if found == "late" else "Baked.")', "walked"),
        ('await call.talk("It is you." if call.from_ == "447700900123" else "Hello.")', "walked"),
        ('await call.talk("Good morning." if call.now.hour < 12 else "Hello.")', "walked"),
        ('await call.talk("Right." if await call.collect("Code?", digits=4) == "4711" else "Wrong.")', "walked"),
    ],
)
def test_a_handler_is_proved_only_if_every_value_was_tried(body: str, status: str) -> None:
    assert status == prove(handler(body, before=STATUS, explores=True), NOON).status


# results


@each_case(("pressed", "result"), [("1", "booked"), ("2", "refused"), ("", "")])
def test_the_last_result_counts(pressed: str, result: str) -> None:
    call = HandledCall(
        shop("""
            choice = await call.choose("Press 1 or 2.", {"yes": Choice(1), "no": Choice(2)}, tries=1)
            if choice is not None:
                await call.result("refused")
            if choice == "yes":
                await call.talk("You have an appointment.")
                await call.result("booked")
        """)
    )
    assert (call.press(pressed) if pressed else call.silence()) is not None
    assert result == call.turn.facts.own


# exceptions, machine detection, random numbers, and what is known of the call


ANNEX = "from ncco_server import DialFailed, NoInput"


def test_a_question_that_must_be_answered_raises_an_exception() -> None:
    body = """
        try:
            choice = await call.choose("Press 1.", {"one": Choice(1)}, tries=1).or_raise()
            code = await call.collect("Your code.", digits=2, tries=1).or_raise()
        except NoInput as error:
            await call.talk(f"{error.outcome} to: {error.question}")
            return
        await call.talk(f"{choice}, {code}.")
    """
    answered, silent, wrong, halfway = (HandledCall(shop(body, before=ANNEX)) for _ in range(4))
    answered.press("1")
    answered.press("42")
    silent.silence()
    wrong.press("7")
    halfway.press("1")
    halfway.silence()

    assert ["one, 42."] == answered.said
    assert ["noinput to: Press 1."] == silent.said
    assert ["nomatch to: Press 1."] == wrong.said
    assert ["noinput to: Your code."] == halfway.said


def test_a_failed_dial_raises_an_exception_that_has_its_outcome() -> None:
    body = """
        try:
            await call.connect("447700900111").or_raise()
        except DialFailed as error:
            await call.talk(f"{error.tried} is {error.outcome}.")
    """
    call = HandledCall(shop(body, before=ANNEX))
    call.dial("busy")
    assert ["***111 is busy."] == call.said


def test_an_exception_that_nobody_catches_takes_the_error_exit() -> None:
    call = HandledCall(shop('await call.choose("Press 1.", {"one": Choice(1)}, tries=1).or_raise()'))
    call.silence()
    assert ["Something went wrong."] == call.said


@each_case(
    ("detect", "written", "heard"), [('"machine"', "machine", ["A mailbox."]), ('["beep"]', "beep", ["A beep."])]
)
def test_machine_detection_works_as_in_a_flow_file(detect: str, written: str, heard: list[str]) -> None:
    body = f"""
        result = await call.connect("447700900111", detect={detect})
        if result in ("machine", "beep"):
            await call.talk(f"A {{'mailbox' if result == 'machine' else 'beep'}}.")
        else:
            await call.talk("Sorry.")
    """
    flow = f"""
        flow: other
        default: true
        start: dial
        steps:
          dial:
            do: [{{connect: "447700900111"}}]
            on: {{completed: end, {written}: mailbox, otherwise: sorry}}
          mailbox: {{do: [talk: "{heard[0]}"], goto: end}}
          sorry: {{do: [talk: "Sorry."], goto: end}}
    """
    call, other = HandledCall(shop(body)), ScriptedCall(load_flow(dedent(flow)))
    options = [{name: value for name, value in each.ncco[0].items() if name != "eventUrl"} for each in (call, other)]
    assert options[0] == options[1]
    call.dial("machine", **({"sub_state": "beep_start"} if written == "beep" else {}))
    assert heard == call.said


def test_random_numbers_are_the_same_each_time_a_handler_runs() -> None:
    body = """
        drawn = [call.random() for _ in range(3)]
        await call.choose(str(drawn), {"one": Choice(1)})
        await call.talk(str([*drawn, call.random()]))
    """
    call = HandledCall(shop(body))
    first = ast.literal_eval(call.said[0])
    call.press("1")
    again = ast.literal_eval(call.said[0])

    assert first == again[:3]
    assert 4 == len(set(again))
    assert all(0 <= number < 1 for number in again)


def test_a_caller_lost_after_a_random_draw_is_found() -> None:
    lost = 'if call.random() < 0.9:\n    await call.talk("Hello.")'
    sound = 'await call.talk("Hello." if call.random() < 0.9 else "Good day.")'

    assert ["dead_end"] == [each.kind for each in prove(handler(lost, explores=True), NOON).violations]
    assert "walked" == prove(handler(sound, explores=True), NOON).status


def test_a_handler_knows_the_same_about_its_call_as_a_flow_file() -> None:
    names = call_record(HandledCall(shop('await call.talk("Hello.")')).session.call).keys()
    own = {"from_": "from"}
    known = {own.get(name, name) for name in vars(Call(SAMPLE_CALL, {})) if not name.startswith("_")}

    assert names == known - {"env", "made", "logged", "on_forgotten"}
