from __future__ import annotations

from typing import Any

from ncco_server.engine.secrets import masked, values_at, without
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
        ([("pin", "more"), ("home", None, "x"), ("cards", "x"), ("other", "x")], ANSWER, ANSWER),
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
