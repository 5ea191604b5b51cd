"""The paths through a handler: its steps as `ncco check` finds them, and what a proof finds on them."""

from __future__ import annotations

from typing import Any

from ncco_server.flow.model import later_hooks
from ncco_studio.verify.prove import prove
from ncco_studio.verify.scenarios.fitting import env_names
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import handler
from tests.unit.server.engine.scripted_call import NOON

MENU = 'await call.choose("Press 1 or 2.", {"one": Choice(1), "two": Choice(2)})'
NUMBER = "def number() -> str: return '447700900111'"
SHARED = {
    "flows/shared.yaml": """
shared: true
hours: {shop: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}
tables:
  callers:
    key: {number: phone}
    columns: {name: text, calls: int, since: date, pin: {type: text, sensitive: true}}
  open: {key: {day: date}, columns: {state: [yes_, no_]}}
  blocked: {key: {number: phone}}
"""
}


def found(body: str, before: str = "") -> tuple[list[str], str]:
    """The kind and line of each violation, and the status of the proof."""
    proof = prove(handler(body, SHARED, before=before, explores=True), NOON)
    return [f"{each.kind} {each.place.line}" for each in proof.violations], proof.verdict.status


def test_every_path_leads_from_step_to_step() -> None:
    body = f"""
        await call.talk("Welcome.")
        choice = {MENU}
        if choice == "one":
            outcome = await call.connect("447700900111", ends_call=False, name="sales")
            if outcome != "completed":
                await call.talk("Nobody is there.")
        elif choice == "two":
            if await call.hold(free, talk="Wait.", up_to_s=60, name="queue") == "ready":
                await call.talk("Yes.")
        else:
            await call.connect("447700900222", name="desk")
            await call.goto("sorry")
    """
    flow = handler(body, before="def free() -> bool: return True", explores=True)
    names = ("line 6", "sales", "queue", "desk")
    assert {
        "line 6": {"one": "sales", "two": "queue", "noinput": "desk", "nomatch": "desk"},
        "sales": {"completed": "the end", "otherwise": "the end, line 10"},
        "queue": {"ready": "the end, line 13", "too_long": "the end"},
        "desk": {"completed": "end", "otherwise": "line 16"},
    } == {name: {way.name: way.target.shown for way in flow.steps[name].exit.ways} for name in names}
    queue: Any = flow.steps["queue"].exit
    assert 60 == queue.longest_wait_s


def test_each_end_of_a_handler_is_a_step_of_its_own() -> None:
    body = f"""
        if {MENU} == "one":
            await call.result("yes")
            await call.talk("One.")
            return
        await call.result("no")
        await call.talk("Two.")
    """
    flow = handler(body, options='results={"yes": "it was one", "no": "it was two"}', explores=True)
    assert {"", "yes", "no"} == {step.result for step in flow.steps.values()}


def test_a_loop_ends_with_its_condition_and_has_few_states() -> None:
    body = f'while {MENU} != "two":\n    await call.talk("Once more.")\nawait call.talk("Done.")'
    assert len(handler(body, explores=True).steps) <= 4


def test_the_variables_that_a_handler_reads_are_known() -> None:
    flow = handler('await call.talk(call.env.get("GREETING", "Hello."))\nawait call.connect(call.env["DESK"])')
    assert ["DESK"] == env_names([flow])


def test_events_send_hooks_that_the_handler_declares() -> None:
    over = 'hooks={"over": {"post": "https://crm.example.com", "json": {"how": "{{ event.how }}"}}}'
    flow = handler(MENU, options=f'{over}, events={{"ended": "over", "hangup": "over"}}')
    assert ["over"] == [hook.name for hook in later_hooks({"ended": flow.events["ended"]})]


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
        (f'if {MENU} == "one": await call.talk("Yes.")\nawait call.talk("Bye.")', "proved"),
        ('await call.talk("Late." if await call.run(status) == "late" else "Baked.")', "refuted"),
        (f'{CAUGHT.format("status")}await call.talk("Late." if found == "late" else "Baked.")', "proved"),
        (f'{CAUGHT.format("words")}await call.talk("Late." if found == "late" else "Baked.")', "walked"),
        ('await call.talk("It is you." if call.from_ == "447700900123" else "Hello.")', "walked"),
        ('await call.talk("Good morning." if call.now.hour < 12 else "Hello.")', "walked"),
        ('await call.talk("Hello." if call.random() < 0.9 else "Good day.")', "walked"),
        ('await call.talk("Right." if await call.collect("Code?", digits=4) == "4711" else "Wrong.")', "walked"),
    ],
)
def test_a_handler_is_proved_only_if_every_value_was_tried(body: str, status: str) -> None:
    assert status == found(body, STATUS)[1]


@each_case(
    ("body", "violations"),
    [
        ('if call.hours("shop").open:\n    await call.talk("We are open.")', ["dead_end 3"]),
        ('if call.random() < 0.9:\n    await call.talk("Hello.")', ["dead_end 3"]),
        (
            'row = await call.row("open", day=call.now.date())\n'
            'if row and row["state"] == "no_": raise ValueError\nawait call.talk("Hello.")',
            ["error_exit 6"],
        ),
        (
            'if await call.save("open", day=call.now.date(), only_new=True): raise ValueError\n'
            'await call.talk("Hello.")',
            ["error_exit 5"],
        ),
    ],
)
def test_a_proof_tries_hours_draws_and_rows(body: str, violations: list[str]) -> None:
    assert violations == found(body)[0]


def test_what_a_handler_computes_has_no_name_in_a_message() -> None:
    proof = prove(handler("await call.connect(await call.run(number))", before=NUMBER, explores=True), NOON)
    (message,) = (each.message for each in proof.violations if "E393" in each.message)
    assert message.endswith("a computed text: a value with characters that cannot be dialled")


def test_a_proof_says_in_python_what_to_write() -> None:
    proof = prove(handler('await call.connect("447700900111")', explores=True), NOON)
    (found,) = (each for each in proof.violations if each.kind == "error_exit")
    assert "`from_`" in found.message
    assert "`from_` to `call.connect`" in found.cure


def test_a_loop_through_a_flow_file_and_back_is_found() -> None:
    back = 'flow: back\nstart: only\nsteps:\n  only: {do: [talk: "One moment."], goto: {run: shop}}\n'
    body = f'if {MENU} is None:\n    await call.goto("back")\nawait call.talk("Goodbye.")'
    proof = prove(handler(body, {"flows/back.yaml": back}, explores=True), NOON)
    assert [("circle", "flows/shop.py")] == [(each.kind, each.place.file) for each in proof.violations]


SOUND = {
    "a row that this turn has saved exists": """
        await call.save("callers", number=call.person, set={"since": call.now.date()})
        row = await call.row("callers", number=call.person)
        if call.person:
            await call.talk(f"Since {row['since'].year}.")
        await call.talk("Hello.")
    """,
    "a row is the same when it is read again": """
        row = await call.row("callers", number=call.person)
        again = await call.row("callers", number=call.person)
        if row["calls"] != again["calls"]:
            raise ValueError
        await call.talk("Hello.")
    """,
    "a caller who withholds the number has no row": """
        row = await call.row("callers", number=call.person)
        if row and not call.person:
            raise ValueError
        await call.talk("Hello.")
    """,
    "a loop over many keys": """
        known = 0
        for digit in "012345":
            if await call.row("blocked", number=f"44770090000{digit}"):
                known += 1
        await call.talk(f"We know {known}.")
    """,
    "a PIN": """
        pin = await call.collect("Your PIN.", digits=8, sensitive=True)
        row = await call.row("callers", number=call.person)
        if pin is not None and pin != row["pin"]:
            await call.save("callers", number=call.person, set={"pin": pin}, increase={"calls": 1})
        await call.talk("Thank you.")
    """,
    "a loop that counts until the caller hangs up": """
        while True:
            row = await call.row("callers", number=call.person)
            await call.save("callers", number=call.person, increase={"calls": 1})
            if await call.choose(f"Call {row['calls']}. Press 1.", {"one": Choice(1)}) is None:
                break
        await call.talk("Goodbye.")
    """,
    "several rows": """
        rows = await call.rows("callers", where='calls > 3')
        for row in rows:
            await call.talk("Often." if row["calls"] > 9 else "Seldom.")
        await call.talk("Goodbye.")
    """,
}


@each_case("body", SOUND.values(), ids=SOUND.keys())
def test_correct_handlers_have_no_findings(body: str) -> None:
    violations, status = found(body)
    assert [] == violations
    assert status in ("walked", "proved", "partial")
