"""Handlers read and change rows of tables, with the turn that they run in."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from ncco_server.engine import CallData, Lookup, LookupAnswer
from ncco_server.flow.language.selection import TableSearch
from ncco_server.flow.model import Flow
from ncco_server.table_rows import applied, key_of, table_of
from ncco_studio.verify.prove import prove
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import HandledCall, handler, handler_issues, project_of
from tests.unit.server.engine.scripted_call import LEG, NOON

SHARED = """
shared: true
tables:
  callers:
    key: {number: phone}
    columns: {name: text, calls: int, since: date, due: datetime, pin: {type: text, sensitive: true}}
    keep: 180d
  open: {key: {day: date}, columns: {state: [yes_, no_]}}
  blocked: {key: {number: phone}}
"""
TABLES = {"flows/shared.yaml": SHARED}
NUMBER = 'callers["447700900123"]'
PIN = "84021739"


class RowCall(HandledCall):
    """A call with rows, by name; what its turns change is written after each turn."""

    def __init__(self, flow: Flow, rows: dict[str, Any] | None = None, **facts: Any) -> None:
        self.rows = dict(rows or {})
        super().__init__(flow, **facts)
        self._write()

    def _answer(self, lookup: Lookup) -> LookupAnswer:
        request = lookup.request
        if request.method != "TABLE":
            return super()._answer(lookup)
        if isinstance(request, TableSearch):
            names = sorted(name for name in self.rows if table_of(name) == request.table)
            return LookupAnswer(request.choose([(key_of(name), self.rows[name]) for name in names]))
        return LookupAnswer(applied(self.rows.get(request.row), request.row, request.pending))

    def press(self, digits: str, **fields: Any) -> list[dict[str, Any]] | None:
        found = super().press(digits, **fields)
        self._write()
        return found

    def _write(self) -> None:
        for change in self.turn.saves:
            row = change.apply(self.rows.get(change.row))
            self.rows[change.row] = row


def shop(body: str, before: str = "") -> Flow:
    return handler(body, TABLES, before=before)


def test_a_row_has_every_column_and_is_true_if_it_exists() -> None:
    flow = shop("""
        row = await call.row("callers", number=call.person)
        blocked = await call.row("blocked", number=call.person)
        await call.talk(f"{bool(row)}, {row.ok}, {row['name']}, {row['calls']}, {row['since']!r}, {row['due']}")
        await call.talk(f"{row['pin']!r}, {bool(blocked)}, {dict(blocked.columns)}")
    """)
    assert ["False, False, , 0, None, None", "***, False, {}"] == RowCall(flow).said
    row = {"name": "Ada", "since": "2026-03-04", "due": "2026-03-04T09:30:00+00:00", "pin": PIN}
    call = RowCall(flow, {NUMBER: row, 'blocked["447700900123"]': {}})
    assert [
        "True, True, Ada, 0, datetime.date(2026, 3, 4), 2026-03-04 09:30:00+00:00",
        "***, True, {}",
    ] == call.said
    assert PIN not in str((call.turn, call.session))


def test_a_row_is_read_with_what_the_turn_has_changed_before() -> None:
    flow = shop("""
        before = await call.row("callers", number=call.person)
        saved = await call.save("callers", number=call.person, set={"name": call.to, "since": call.now.date()},
                                increase={"calls": 2})
        after = await call.row("callers", number=call.person)
        await call.talk(f"{saved}: {before['calls']}, {after['calls']} since {after['since']}")
        await call.choose("Press 1.", {"one": Choice(1)})
        await call.save("callers", number=call.person, remove=True)
        gone = await call.row("callers", number=call.person)
        await call.talk(f"{before['calls']}, {after['calls']}, {gone.ok}")
    """)
    call = RowCall(flow, {NUMBER: {"calls": 3}})
    assert "True: 3, 5 since 2026-03-04" == call.said[0]
    assert {NUMBER: {"name": "442079460000", "since": "2026-03-04", "calls": 5}} == call.rows
    assert call.press("1")
    assert ["3, 5, False"] == call.said
    assert {NUMBER: None} == call.rows


def test_values_that_are_missing_are_saved_as_none() -> None:
    flow = shop('await call.save("callers", number=call.person, set={"since": None, "name": None, "due": call.now})')
    call = RowCall(flow, {NUMBER: {"since": "2026-03-04"}})
    assert {"since": "", "name": "", "due": "2026-03-04T12:00:10+00:00"} == call.rows[NUMBER]


@each_case(("rows", "result"), [({}, True), ({NUMBER: {"calls": 1}}, False)])
def test_only_a_row_that_is_new_is_added(rows: dict[str, Any], result: bool) -> None:
    flow = shop("""
        is_new = await call.save("callers", number=call.person, only_new=True)
        again = await call.save("callers", number=call.person, only_new=True)
        await call.talk(f"{is_new}, {again}")
    """)
    call = RowCall(flow, rows)
    assert [f"{result}, False"] == call.said
    assert [True] * result == [each.is_new for each in call.turn.saves]


def test_a_caller_who_withholds_the_number_has_no_row() -> None:
    flow = shop("""
        saved = await call.save("callers", number=call.person, increase={"calls": 1})
        row = await call.row("callers", number=call.person)
        await call.talk(f"{saved}, {row.ok}")
    """)
    call = RowCall(flow, call=CallData("442079460000", "anonymous", uuid=LEG))
    assert ["False, False"] == call.said
    assert () == call.turn.saves


def test_a_row_is_changed_when_the_caller_gets_there() -> None:
    flow = shop("""
        await call.record(endOnKey="#")
        await call.save("callers", number=call.person, increase={"calls": 1})
        await call.talk("Thank you.")
    """)
    call = RowCall(flow)
    assert not call.turn.saves
    assert call.reach("reached")
    assert [NUMBER] == [change.row for change in call.turn.saves]
    assert ["Thank you."] == call.said


@each_case("after", ["raise ValueError", "await call.talk(call.from_ * 200)"])
def test_a_handler_that_fails_has_saved_nothing_since_its_last_wait(after: str) -> None:
    code = f"""
        from ncco_server import Call, Choice, call_flow
        @call_flow(default=True, on_error="sorry")
        async def shop(call: Call):
            await call.save("callers", number=call.person, increase={{"calls": 1}})
            if await call.choose("Press 1.", {{"one": Choice(1)}}) == "one":
                await call.save("callers", number=call.person, increase={{"calls": 1}})
                {after}
    """
    call = RowCall(project_of(code, TABLES, explores=False).flows["shop"])
    assert call.press("1")
    assert ["Something went wrong."] == call.said
    assert {NUMBER: {"calls": 1}} == call.rows


PINS = """
    pin = await call.collect("Your PIN.", digits=8, sensitive=True)
    row = await call.row("callers", number=call.person)
    if pin == row["pin"]:
        await call.talk("That is right.")
        return
    if pin is not None:
        await call.save("callers", number=call.person, set={"pin": pin}, increase={"calls": 1})
        await call.talk("Saved.")
    else:
        await call.talk("Goodbye.")
"""


def test_a_sensitive_column_can_be_compared_and_saved_and_is_never_stored_with_the_call() -> None:
    flow = shop(PINS)
    call = RowCall(flow)
    assert call.press("".join([*PIN]))
    assert ["Saved."] == call.said
    assert PIN == call.rows[NUMBER]["pin"]
    assert PIN not in str((call.turn, call.session))
    again = RowCall(flow, call.rows)
    assert again.press("".join([*PIN]))
    assert ["That is right."] == again.said
    assert PIN not in str((again.turn, again.session))


@each_case(
    "line",
    [
        'save("callers", number=pin, increase={"calls": 1})',
        'row("callers", number=pin)',
        'talk(row["pin"].reveal())',
        'save("callers", number=call.person, set={"name": row["pin"].reveal()})',
    ],
)
def test_a_secret_goes_only_into_sensitive_columns(line: str) -> None:
    text = f"""
        from ncco_server import Call, call_flow
        @call_flow(default=True, on_error="sorry")
        async def shop(call: Call):
            pin = await call.collect("Your PIN.", digits=8, sensitive=True)
            row = await call.row("callers", number=call.person)
            await call.{line}
            await call.talk("Thank you.")
    """
    call = RowCall(project_of(text, TABLES, explores=False).flows["shop"], {NUMBER: {"pin": "11112222"}})
    assert call.press("".join([*PIN]))
    assert ["Something went wrong."] == call.said
    assert PIN not in str((call.turn, call.session))
    assert "11112222" not in str((call.turn, call.session))


@each_case(
    ("word", "code"),
    [
        ('row("caller", number="1")', "E550"),
        ('row("callers")', "E552"),
        ('row("callers", number=call.person, name="Ada")', "E202"),
        ('row("open", day="tomorrow")', "E203"),
        ('save("caller", number=call.person, remove=True)', "E550"),
        ('save("callers", number=call.person, set={"nam": "Ada"})', "E554"),
        ('save("callers", number=call.person, set={"calls": "many"})', "E313"),
        ('save("callers", number=call.person, set={"name": pin})', "E226"),
        ('save("callers", number=call.person, increase={"name": 1})', "E554"),
        ('save("callers", number=call.person, set={"calls": 1}, increase={"calls": 1})', "E553"),
        ('save("callers", number=call.person, remove=True, only_new=True)', "E553"),
    ],
)
def test_a_mistake_is_found_before_anybody_calls(word: str, code: str) -> None:
    text = f"""
        from ncco_server import Call, call_flow
        @call_flow(default=True)
        async def shop(call: Call):
            pin = await call.collect("Your PIN.", digits=8, sensitive=True)
            await call.{word}
            await call.talk("Hello.")
    """
    found = [(each.code, each.place.line) for each in handler_issues(project_of(text, TABLES)) if each.is_error]
    assert [(code, 6)] == found


@each_case(
    ("line", "message"),
    [
        ('(await call.row("callers", number=call.person))["nam"]', "the row has no column nam"),
        ('await call.save("callers", number=call.person, set={"name": ["Ada"]})', "a text, a number, true or false"),
        ('call.row("callers", number=call.person)', "`await`"),
    ],
)
def test_what_python_refuses_is_found_too(line: str, message: str) -> None:
    text = f"""
        from ncco_server import Call, call_flow
        @call_flow(default=True)
        async def shop(call: Call):
            {line}
            await call.talk("Hello.")
    """
    assert [each for each in handler_issues(project_of(text, TABLES)) if message in each.message]


def test_a_wrong_computed_value_takes_the_error_exit_and_is_named() -> None:
    flow = shop("""
        await call.save("callers", number=call.person, set={"since": call.custom_data.get("since", "")})
        await call.talk("Saved.")
    """)
    assert ["Saved."] == RowCall(flow).said
    call = RowCall(flow, call=CallData("442079460000", "447700900123", uuid=LEG, custom_data={"since": "soon"}))
    assert ["Something went wrong."] == call.said
    (failed,) = [line for line in call.turn.trace if line.did == "failed"]
    assert '"since" a date is needed' in failed.because
    assert () == call.turn.saves


def test_a_handler_that_reads_another_row_than_before_is_found() -> None:
    flow = shop(
        """
        NUMBERS.append("447700900111")
        await call.row("callers", number=NUMBERS[-1] + str(len(NUMBERS)))
        await call.choose("Press 1.", {"one": Choice(1)})
        """,
        before="NUMBERS = []",
    )
    call = RowCall(flow)
    assert call.press("1")
    assert ["Something went wrong."] == call.said
    assert ["R111"] == [line.what for line in call.turn.trace if line.did == "failed"][:1]


MENU = """
flow: shop
default: true
start: count
lookups:
  caller: {table: callers, number: "{{ call.person }}"}
vars: {is_first: {type: bool}}
steps:
  count:
    save:
      - {table: callers, number: "{{ call.person }}", increase: {calls: 1}}
      - {table: open, day: "{{ now | date }}", set: {state: yes_}, only_new: true, into: is_first}
    goto: greet
  greet:
    lookup: caller
    do:
      - talk: "Call {{ caller.calls }}.{% if is_first %} You are the first.{% endif %}"
      - talk: "Your name?"
    choices: {ada: {dtmf: 1, goto: named}}
    retry: {tries: 1, then: end}
  named:
    save: {table: callers, number: "{{ call.person }}", set: {name: Ada}}
    goto: after
  after: {lookup: caller, do: [talk: "Goodbye, {{ caller.name }}."], goto: end}
"""
MENU_IN_PYTHON = """
    await call.save("callers", number=call.person, increase={"calls": 1})
    is_first = await call.save("open", day=call.now.date(), set={"state": "yes_"}, only_new=True)
    caller = await call.row("callers", number=call.person)
    await call.talk(f"Call {caller['calls']}." + (" You are the first." if is_first else ""))
    if await call.choose("Your name?", {"ada": Choice(1)}, tries=1) == "ada":
        await call.save("callers", number=call.person, set={"name": "Ada"})
        caller = await call.row("callers", number=call.person)
        await call.talk(f"Goodbye, {caller['name']}.")
"""


@each_case("rows", [{}, {NUMBER: {"calls": 4}}, {'open["2026-03-04"]': {}}])
def test_a_handler_and_a_flow_file_give_the_same_nccos_and_rows(rows: dict[str, Any]) -> None:
    written = project_of("", {**TABLES, "flows/shop.yaml": MENU}).flows["shop"]
    calls = [RowCall(flow, rows) for flow in (written, shop(MENU_IN_PYTHON))]
    for call in calls:
        assert call.press("1")
    one, two = calls
    assert one.rows == two.rows
    assert one.ncco == two.ncco
    assert ["Goodbye, Ada."] == one.said


@each_case(
    "state",
    [
        "row['state'] if row else 'no_'",
        "'no_' if await call.save('open', day=call.now.date(), only_new=True) else 'yes_'",
    ],
)
def test_a_proof_tries_every_row(state: str) -> None:
    body = f"""
        row = await call.row("open", day=call.now.date())
        state = {state}
        if state == "yes_":
            raise ValueError
        await call.talk("Hello.")
    """
    flow = handler(body, TABLES, explores=True)
    assert [9] == [each.place.line for each in prove(flow, NOON).violations]


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
        for digit in "0123456789":
            if await call.row("blocked", number=f"44770090000{digit}"):
                known += 1
        await call.talk(f"We know {known}.")
    """,
    "a PIN": PINS,
    "a loop that counts until the caller hangs up": """
        while True:
            row = await call.row("callers", number=call.person)
            await call.save("callers", number=call.person, increase={"calls": 1})
            if await call.choose(f"Call {row['calls']}. Press 1.", {"one": Choice(1)}) is None:
                break
        await call.talk("Goodbye.")
    """,
}


@each_case("body", SOUND.values(), ids=SOUND.keys())
def test_correct_handlers_have_no_findings(body: str) -> None:
    code = """
        from ncco_server import Call, Choice, call_flow
        @call_flow(numbers=["442079460150"])
        async def shop(call: Call):
    """
    project = project_of(dedent(code) + "\n".join(f"    {line}" for line in dedent(body).splitlines()), TABLES)
    assert [] == [f"{each.place}: {each.code} {each.message}" for each in handler_issues(project)]
    proof = prove(project.flows["shop"], NOON)
    assert [] == [(each.place.line, each.message) for each in proof.violations]
    assert proof.status in ("walked", "proved", "partial")


CALLERS = {
    f'callers["44770090012{number}"]': {"name": name, "calls": calls, "pin": PIN}
    for number, (name, calls) in enumerate([("Ada", 3), ("Bert", 12), ("Cleo", 7)])
} | {'open["2026-03-04"]': {"state": "yes_"}}


@each_case(
    ("arguments", "found"),
    [
        ("", "Ada, Bert, Cleo"),
        ("where='calls > 3', order='-calls'", "Bert, Cleo"),
        ("order='calls', first=2", "Ada, Cleo"),
        ("where='number == call.person'", ""),
        ("where='calls > 100'", ""),
        ("number='447700900121'", "Bert"),
        ("where='calls > ' + str(call.now.day)", None),
        ("order='price'", None),
        ("first=0", None),
    ],
)
def test_rows_are_chosen_as_in_flow_files(arguments: str, found: str | None) -> None:
    call = RowCall(
        shop(f"""
        rows = await call.rows("callers", {arguments})
        await call.choose("Press 1.", {{"one": Choice(1)}}, tries=1)
        await call.talk(", ".join(row["name"] for row in rows) or "nobody")
    """),
        CALLERS,
    )
    if found is None:
        assert ["Something went wrong."] == call.said
        return
    assert PIN not in str((call.turn, call.session))
    call.press("1")
    assert [found or "nobody"] == call.said


def test_rows_have_the_type_that_a_handler_gives() -> None:
    before = """
        from dataclasses import dataclass
        from typing import TypedDict
        from ncco_server import Secret

        @dataclass
        class Caller:
            name: str
            pin: Secret

        class Number(TypedDict):
            number: str
            calls: int
    """
    flow = shop(
        """
        caller = await call.row("callers", number="447700900120", type=Caller)
        missing = await call.row("callers", number=call.person, type=Caller)
        rows = await call.rows("callers", first=1, type=Number)
        await call.talk(f"{caller!r}, {missing}, {rows}")
    """,
        before,
    )
    assert ["Caller(name='Ada', pin=***), None, [{'number': '447700900120', 'calls': 3}]"] == RowCall(
        flow, CALLERS
    ).said


def test_a_key_may_be_called_type() -> None:
    """As the argument that says what a row becomes."""
    flow = handler(
        """
        gold = await call.row("plans", type="gold", year=2026)
        none = await call.row("plans", type=None, year=2026)
        every = await call.rows("plans", type="gold")
        await call.talk(f"{gold['name']}, {none.ok}, {[each['year'] for each in every]}")
    """,
        {"flows/shared.yaml": "shared: true\ntables: {plans: {key: {type: text, year: int}, columns: {name: text}}}\n"},
    )
    assert ["Best, False, [2026]"] == RowCall(flow, {'plans["gold",2026]': {"name": "Best"}}).said


def test_a_type_with_a_field_that_is_no_column_is_an_error() -> None:
    before = """
        from dataclasses import dataclass

        @dataclass
        class Caller:
            name: str
            price: int
    """
    (issue,) = handler_issues(
        project_of(
            "from ncco_server import Call, call_flow\n"
            + dedent(before)
            + "\n@call_flow(default=True)\nasync def shop(call: Call) -> None:\n"
            + "    await call.row('callers', number=call.person, type=Caller)\n",
            TABLES,
        )
    )
    assert 'the table callers has no "price"' in issue.message
    assert "name, calls" in issue.cure


def test_proofs_try_rows() -> None:
    flow = handler(
        """
        rows = await call.rows("callers", where='calls > 3')
        if not rows:
            await call.talk("Nobody.")
        for row in rows:
            await call.talk(row["name"] or "No name.")
            await call.talk("Often." if row["calls"] > 9 else "Seldom.")
    """,
        TABLES,
        explores=True,
    )
    proof = prove(flow, NOON)
    assert ((), "walked") == (proof.violations, proof.status)
