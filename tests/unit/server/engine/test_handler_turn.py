"""Handlers with given results, and their next action, as tests of handlers use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ncco_server import Call, Choice, NoInput, RunFailed, Secret, call_flow, turn_of
from tests.support.cases import each_case

TEAMS = {"kitchen": "447700900111"}
PIN = """
flow: pin
params: {tries: int, name: text}
outcomes: [right, wrong]
start: ask
steps:
  ask:
    do: [talk: "Your PIN, {{ name }}."]
    collect: {into: pin, digits: 4, sensitive: true}
    goto: {return: right}
    retry: {then: {return: wrong}}
"""


@dataclass
class Order:
    """What an agent hands back."""

    number: str
    day: date | None


async def count(word: str) -> int:
    return len(word)


@call_flow(numbers=["442079460150"])
async def shop(call: Call, team: str = "kitchen") -> None:
    choice = await call.choose("Press 1 or 2.", {"dial": Choice(1), "count": Choice(2)}, name="menu")
    if choice == "dial":
        outcome = await call.connect(TEAMS.get(team, call.from_), name=team)
        await call.talk(f"The outcome is {outcome}.")
    elif choice == "count":
        word = await call.collect("Say a word.", speech=True, name="word")
        try:
            await call.talk(f"It has {await call.run(count, word or '')} letters.")
        except RunFailed as error:
            await call.talk(f"Failed: {error}.")
    else:
        await call.talk(f"Goodbye, {call.from_}, from {call.to}." + " " * (1 // (call.from_ != "1")))


@call_flow
async def asking(call: Call) -> None:
    try:
        await call.collect("Your code.", digits=4).or_raise()
    except NoInput as error:
        await call.talk(f"It was {error.outcome}.")


@call_flow
async def assisted(call: Call) -> None:
    given = await call.agent("wss://bot.example.com", outcomes=["refund"], returns=Order, limit=60)
    await call.talk(f"{given.outcome}: {given.values}.")


def test_an_agent_hands_back_an_outcome_and_values() -> None:
    assert ["refund: Order(number='4711', day=datetime.date(2026, 3, 5))."] == (
        turn_of(assisted, [("refund", {"number": 4711, "day": "2026-03-05"})]).said
    )
    assert ["done: Order(number='', day=None)."] == turn_of(assisted, ["done"]).said
    assert ["too_long: None."] == turn_of(assisted, ["too_long"]).said
    with pytest.raises(ValueError, match="result 1: there is no value `colour`; allowed: number"):
        turn_of(assisted, [("refund", {"colour": "red"})])
    with pytest.raises(ValueError, match=r"result 1: .* not for 'sales'"):
        turn_of(assisted, ["sales"])


def test_a_question_without_an_answer_gets_the_given_reason() -> None:
    assert ["It was noinput."] == turn_of(asking, [None]).said
    assert ["It was nomatch."] == turn_of(asking, [NoInput("", "nomatch")]).said


def _handler(folder: Path) -> Any:
    (folder / "pin.yaml").write_text(PIN)
    return checked


@call_flow
async def checked(call: Call) -> None:
    await call.talk(
        await call.run_flow("pin", outcomes=["right", "wrong"], name="pin", params={"name": "Ann"}, tries=3)
    )


@each_case(
    ("results", "said", "waits_for"),
    [
        ([], ["Press 1 or 2."], "menu"),
        (["dial"], [], "kitchen"),
        (["dial", "busy"], ["The outcome is busy."], ""),
        (["count"], ["Say a word."], "word"),
        (["count", "tree"], [], "count"),
        (["count", "tree", 4], ["It has 4 letters."], ""),
        (["count", "tree", RunFailed("no")], ["Failed: no."], ""),
        ([None], ["Goodbye, 447700900123, from 442079460150."], ""),
    ],
)
def test_a_handler_continues_with_the_results(results: list[Any], said: list[str], waits_for: str) -> None:
    turn = turn_of(shop, results)
    assert (said, waits_for, "") == (turn.said, turn.waits_for, turn.problem)


@each_case(
    ("results", "message"),
    [
        (["oder"], "result 1: \"menu\" waits for 'dial' or 'count' or None, and not for 'oder'"),
        (["dial", "away"], 'result 2: "kitchen" waits for'),
        (["dial", "busy", "more"], "result 3: the handler does not wait for anything anymore"),
        (["count", "tree", "four"], "result 3: count cannot return 'four'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_an_impossible_result_is_refused(results: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match="result") as raised:
        turn_of(shop, results)
    assert message in str(raised.value)


def test_the_rest_of_the_call_can_be_given() -> None:
    assert "447700900222" == dialled(
        turn_of(shop, ["dial"], params={"team": "x"}, from_="447700900222", dial_allow=["44"])
    )
    assert "the handler raised ZeroDivisionError" in turn_of(shop, [None], from_="1").problem


def dialled(turn: Any) -> str:
    return str(turn.ncco[0]["endpoint"][0]["number"])


def test_a_flow_that_the_handler_runs_is_heard_and_its_outcome_goes_to_the_handler(tmp_path: Path) -> None:
    handler = _handler(tmp_path)
    assert ["Your PIN, Ann."] == turn_of(handler, flows=tmp_path).said
    assert ["wrong"] == turn_of(handler, ["wrong"], flows=tmp_path).said
    with pytest.raises(ValueError, match=r'there is no flow "pin".*give their folder'):
        turn_of(handler)


@call_flow
async def welcomed(call: Call) -> None:
    outcome, found = await call.run_flow(
        "pin", outcomes=["right", "wrong"], returns=True, params={"name": "Ann"}, tries=3
    )
    await call.talk(f"{outcome} {found['day']} {'no PIN' if found['pin'] is None else 'a PIN'}")


def test_the_values_of_a_flow_are_given_beside_its_outcome(tmp_path: Path) -> None:
    _handler(tmp_path)
    returns = "returns: {day: date, pin: {type: text, sensitive: true}}\nstart:"
    (tmp_path / "pin.yaml").write_text(PIN.replace("start:", returns))
    values = {"day": date(2026, 3, 5), "pin": Secret.of("4711")}
    assert ["right 2026-03-05 a PIN"] == turn_of(welcomed, [("right", values)], flows=tmp_path).said
    assert ["wrong None no PIN"] == turn_of(welcomed, ["wrong"], flows=tmp_path).said
    with pytest.raises(ValueError, match="waits for 'right' or 'wrong', and not for 'known'"):
        turn_of(welcomed, [("known", values)], flows=tmp_path)


PIN_IN_PYTHON = """
from ncco_server import Call, call_flow

@call_flow(outcomes=["right", "wrong"])
async def pin(call: Call, name: str, tries: int) -> str:
    await call.collect(f"Your PIN, {name}.", digits=4)
    return "right"
"""


def test_a_handler_may_go_to_other_handlers_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "prices.py").write_text("WINE = 9\n")
    (tmp_path / "pin.py").write_text(PIN_IN_PYTHON)
    (tmp_path / "menu.py").write_text(PIN_IN_PYTHON.replace("def pin", "def menu"))
    assert ["Press 1 or 2."] == turn_of(shop, flows=tmp_path).said  # "menu" is also the name of one of its waits
    assert ["Your PIN, Ann."] == turn_of(checked, flows=tmp_path).said
    assert ["wrong"] == turn_of(checked, ["wrong"], flows=tmp_path).said


def is_right(pin: Secret, right: Secret) -> bool:
    return pin == right


@call_flow
async def guarded(call: Call) -> None:
    pin = await call.collect("Your PIN.", digits=4, sensitive=True).or_raise()
    row = await call.row("pins", number=call.person)
    await call.talk("Right." if pin == row["pin"] else "Wrong.")
    await call.run(is_right, pin, row["pin"])


PINS = "shared: true\ntables:\n  pins: {key: {number: phone}, columns: {pin: {type: text, sensitive: true}}}\n"


def test_secrets_are_compared_by_their_values(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text(PINS)
    right = turn_of(guarded, ["4711", {"pin": Secret.of("4711")}], flows=tmp_path)
    wrong = turn_of(guarded, [Secret.of("4711"), {"pin": "4712"}], flows=tmp_path)
    assert (Secret.of("4711"), Secret.of("4711")) == right.arguments
    assert (Secret.of("4711"), Secret.of("4712")) == wrong.arguments
    assert (True, False) == (is_right(*right.arguments), is_right(*wrong.arguments))
    assert ["Right."] == turn_of(guarded, ["4711", {"pin": "4711"}, True], flows=tmp_path).said
    assert ["Wrong."] == turn_of(guarded, ["4711", {"pin": "4712"}, False], flows=tmp_path).said


CALLERS = """
shared: true
tables:
  callers: {key: {number: phone}, columns: {name: text, calls: int}}
  first: {key: {day: date}}
"""


@call_flow
async def regular(call: Call) -> None:
    await call.save("callers", number=call.person, increase={"calls": 1})
    row = await call.row("callers", number=call.person)
    is_first = await call.save("first", day=call.now.date(), only_new=True)
    await call.talk(f"{row.ok}, {row['name']}, {is_first}, {await call.run(count, row['name'])}")


def test_the_results_of_rows_are_their_columns_and_whether_they_are_new(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text(CALLERS)
    assert ["True, Ada, False, 3"] == turn_of(regular, [{"name": "Ada"}, False, 3], flows=tmp_path).said
    assert ["False, , True, 0"] == turn_of(regular, [None, True, 0], flows=tmp_path).said
    assert "row of callers" == turn_of(regular, [], flows=tmp_path).waits_for
    with pytest.raises(ValueError, match="result 1: a row is a dict"):
        turn_of(regular, ["Ada"], flows=tmp_path)


@call_flow
async def best(call: Call) -> None:
    rows = await call.rows("callers", order="-calls")
    await call.talk(", ".join(f"{row['name']} {row['calls']}" for row in rows))


def test_given_rows_need_no_other_columns_than_those_that_matter(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text(CALLERS)
    rows = [{"number": "447700900123", "name": "Ada"}, {"number": "447700900124", "name": "Bert", "calls": 2}]
    assert ["Ada 0, Bert 2"] == turn_of(best, [rows], flows=tmp_path).said
