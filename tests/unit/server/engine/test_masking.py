"""Values that are masked, and texts that repeat them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine.secrets import Secrets, masked, values_at, without
from ncco_server.flow.scope import Path
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

ANSWER = {"pin": "12", "home": {"city": "Leeds", "code": 5}, "cards": [{"name": "V", "number": "3"}, {"name": "A"}]}


@each_case(
    ("paths", "kept", "seen"),
    [
        ((), ANSWER, ANSWER),
        ([("pin",)], {**ANSWER, "pin": "<12>"}, {"home": ANSWER["home"], "cards": ANSWER["cards"]}),
        (
            [("home", "code")],
            {**ANSWER, "home": {"city": "Leeds", "code": "<5>"}},
            {**ANSWER, "home": {"city": "Leeds"}},
        ),
        (
            [("cards", None, "number")],
            {**ANSWER, "cards": [{"name": "V", "number": "<3>"}, {"name": "A"}]},
            {**ANSWER, "cards": [{"name": "V"}, {"name": "A"}]},
        ),
        ([("pin", "more"), ("pin", None, "x"), ("home", None, "x"), ("cards", "x"), ("other", "x")], ANSWER, ANSWER),
    ],
    ids=range(5),
)
def test_a_value_at_a_sensitive_path_becomes_a_token_that_hides_it(paths: list[Path], kept: Any, seen: Any) -> None:
    assert kept == masked(ANSWER, paths, lambda text: f"<{text}>")
    assert seen == without(ANSWER, paths)


def test_a_map_as_a_whole_is_one_token() -> None:
    assert {"home": "<{'a': 1}>"} == masked({"home": {"a": 1}}, [("home",)], lambda text: f"<{text}>")


@each_case(
    ("paths", "found"),
    [
        ([()], [ANSWER]),
        ([("pin",), ("cards", None, "number")], ["12", "3"]),
        ([("home", "code"), ("pin", None), ("cards", "x"), ("none",)], [5]),
    ],
    ids=range(3),
)
def test_paths_select_these_values(paths: list[Path], found: list[Any]) -> None:
    assert found == list(values_at(ANSWER, paths))


FLOW = """
flow: card
default: true
start: say
lookups:
  card:
    get: https://bank.example.com/cards
    returns: {{until: text, code: {{type: text, sensitive: true}}, old: [{{code: {{type: text, sensitive: true}}}}]}}
    default: {{until: "", code: ""}}
defaults: {{on: {{error: sorry}}}}
steps:
  say:
    lookup: card
    branch:
      - if: {condition}
        goto: sorry
      - else: sorry
  sorry:
    do:
      - talk: Sorry.
    goto: end
"""


@each_case(
    ("condition", "is_shown"),
    [
        ("(card.until | int) > 1", True),
        ("(card.code | int) > 1", False),
        ("((card.code | first) | int) > 1", False),
        ("((card.until + card.code) | int) > 1", False),
        ("((card.old[0].code | last) | int) > 1", False),
    ],
)
def test_an_error_is_shown_unless_it_may_quote_a_sensitive_value(condition: str, is_shown: bool) -> None:
    answer = {"until": "May", "code": "x-ray", "old": [{"code": "zebra"}]}
    call = ScriptedCall(load_flow(FLOW.format(condition=condition)), answers={"card": answer})

    (because,) = [line.because for line in call.turn.trace if line.did == "failed"]
    assert because.startswith("not shown") != is_shown
    assert () == call.turn.errors


def echoes(*secrets: Any) -> Secrets:
    known = Secrets()
    for secret in secrets:
        known.learn(secret)
    return known


@each_case(
    ("secret", "text"),
    [
        ("2580", "2580"),
        ("2580", "Your PIN 2580 is wrong."),
        ("2580", "https://x.example.com/pins/2580?a"),
        ("2580", "%32%35%38%30"),
        ("2580", "\uff12\uff15\uff18\uff10"),
        ("2580", "\u0662\u0665\u0668\u0660"),
        (2580, "2580"),
        (["1111", {"pin": "2580"}], "is 2580"),
        ("840217", "id44770840217395"),
        ("blue", "It is Blue."),
        ("Xylophone Marmalade", "said xylophone%20marmalade"),
        ("stra\u00dfe 12", "STRASSE 12"),
        ("hunter2", "axhunter2b"),
        ("a", " A "),
        ("ok", "OK"),
    ],
)
def test_a_text_that_holds_a_secret_is_found(secret: Any, text: str) -> None:
    assert echoes(secret).are_in(text)


@each_case(
    ("secret", "text"),
    [
        ("2580", ""),
        ("2580", "0852"),
        ("2580", "447712580123"),
        ("2580", "+44 77 12580 123"),
        ("2580", "25 and 80"),
        ("840217", "84-02-17"),
        ("4929840217395811", "card 4929-8402-1739-5811"),
        ("4929840217395811", "**** **** **** 5811"),
        ("blue", "bluebell"),
        ("12", "it is 12"),
        ("", ""),
        (" ", " "),
        (True, "true"),
        (None, "none"),
        ([], ""),
    ],
)
def test_a_text_without_the_secret_is_not_found(secret: Any, text: str) -> None:
    assert not echoes(secret).are_in(text)


@each_case(
    ("secret", "number", "is_found"),
    [
        ("2580", 2580, True),
        ("2580", 12580, False),
        ("840217", 1840217.5, True),
        ("12", 12, False),
        ("447700900123", "447700900123", True),
    ],
)
def test_a_number_that_holds_a_secret_is_found(secret: str, number: Any, is_found: bool) -> None:
    assert is_found is echoes(secret).are_part_of(number)


def test_no_secret_is_known_at_first() -> None:
    assert not Secrets()
    assert echoes("1")


LETTERS = "abcXYZ"
OTHERS = LETTERS + " .,:;!?-_/&=()[]<>\u00e9\u4e2d"


@given(st.text(LETTERS, min_size=6), st.text(LETTERS + OTHERS), st.text(LETTERS + OTHERS))
def test_a_long_secret_is_found_anywhere(secret: str, before: str, behind: str) -> None:
    assert echoes(secret).are_in(f"{before}{secret}{behind}")


@given(st.from_regex("[0-9]{4,5}", fullmatch=True), st.text(OTHERS), st.text(OTHERS))
def test_digits_are_found_beside_anything_but_digits(secret: str, before: str, behind: str) -> None:
    assert echoes(secret).are_in(f"{before}{secret}{behind}")


PIN = """
flow: pin
default: true
start: ask
steps:
  ask: {do: [{talk: "Your PIN?"}], collect: {into: pin, digits: 4, sensitive: true}, retry: {then: bye}, goto: first}
  first: {do: [{talk: "Press 1."}], choices: {one: {dtmf: 1, goto: second}}, retry: {then: bye}}
  second: {do: [{talk: "Press 2."}], choices: {two: {dtmf: 2, goto: bye}}, retry: {then: bye}}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""


def test_a_secret_stays_a_token_as_long_as_the_call_lasts() -> None:
    call = ScriptedCall(load_flow(PIN))
    kept = []
    for keys in ("4711", "1", "2"):
        call.press(keys)
        kept.append(call.session.variables["pin"])

    assert ["secret:4"] * 3 == kept


CODE = """
flow: code
start: hello
params: {code: {type: text, sensitive: true, spoken: true}}
outbound: {from: "442079460000", unless: []}
lookups: {note: {get: "https://crm.example.com/note", returns: {text: text}, default: {text: ""}}}
defaults: {on: {error: bye}}
steps:
  hello: {do: [{talk: "Press 1."}], choices: {one: {dtmf: 1, goto: code}}, retry: {then: bye}}
  code: {lookup: note, do: [{talk: "Your code is {{ code | digits }}."}], goto: end}
  bye: {do: [{talk: "Goodbye."}], goto: end}
"""


class Reversed:
    """Encrypts a text by reversing it."""

    def encrypt(self, text: str) -> str:
        return text[::-1]

    def decrypt(self, token: str) -> str | None:
        return token[::-1]


def test_an_answer_that_repeats_a_spoken_value_of_an_earlier_turn_gets_a_token() -> None:
    answers = {"note": {"text": "her code is 471199"}}
    call = ScriptedCall(load_flow(CODE), given={"code": "471199"}, answers=answers, cipher=Reversed())
    call.press("1")

    assert "4 7 1, 1 9 9" in call.said[0]
    assert "471199" not in str(call.turn.answers)
