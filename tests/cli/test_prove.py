"""`ncco prove`: what it prints, what it writes, and the code that it ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.played_projects import invoke_in
from tests.cli.projects import SHOP, TYPO, write_project

FAULTY = SHOP.replace("dtmf: 1, goto: sales}\n", "dtmf: 1, goto: sales}\n    tail: false\n")
FILE = "tests/scenarios/prove-shop-faults.yaml"


def test_a_good_flow_ends_with_0_and_says_how_much_was_walked(tmp_path: Path) -> None:
    done = invoke_in(write_project(tmp_path, shop=SHOP), "prove")

    assert 0 == done.exit_code, done.output
    assert done.output.startswith("shop: proved: 6 states, ")


def test_a_fault_ends_with_1_and_comes_with_its_place_its_cure_and_a_call(tmp_path: Path) -> None:
    done = invoke_in(write_project(tmp_path, shop=FAULTY), "prove", "shop")

    assert 1 == done.exit_code
    assert "flows/shop.yaml:5:3  lost_webhook" in done.output
    assert "the shortest call to 1, lost_webhook in menu:" in done.output
    assert "  lost_webhook in shop.menu:\n" in done.output


def test_saved_faults_are_played_by_ncco_test(tmp_path: Path) -> None:
    folder = write_project(tmp_path, shop=FAULTY)
    saved = invoke_in(folder, "prove", "--save", "tests/scenarios")
    played = invoke_in(folder, "test")

    assert 1 == saved.exit_code
    assert f"{FILE}: 1 scenario" in saved.output
    assert 1 == played.exit_code, played.output
    assert "lost_webhook: the call ends, and the caller has heard nothing since" in played.output


def test_saved_faults_hold_when_the_flow_is_mended(tmp_path: Path) -> None:
    folder = write_project(tmp_path, shop=FAULTY)
    invoke_in(folder, "prove", "--save", "tests/scenarios")
    (folder / "flows" / "shop.yaml").write_text(SHOP, encoding="utf-8")
    played = invoke_in(folder, "test")

    assert 0 == played.exit_code, played.output


def test_written_tests_take_every_outcome(tmp_path: Path) -> None:
    folder = write_project(tmp_path, shop=SHOP)
    written = invoke_in(folder, "prove", "--tests", "tests/scenarios")
    played = invoke_in(folder, "test", "--min", "100")

    assert 0 == written.exit_code
    assert 0 == played.exit_code, played.output


def test_texts_that_depend_on_the_way_are_those_of_the_call(tmp_path: Path) -> None:
    menus = "".join(
        f"""  ask{number}:
    do: [{{talk: "Press 2 or 3."}}]
    choices:
      two: {{dtmf: 2, set: {{v{number}: two}}, goto: ask{number + 1}}}
      three: {{dtmf: 3, set: {{v{number}: three}}, goto: ask{number + 1}}}
    retry: {{tries: 1, then: ask{number + 1}}}
"""
        for number in range(3)
    )
    text = (
        "flow: shop\ndefault: true\nstart: ask0\nvars: {v0: {type: text}, v1: {type: text}, v2: {type: text}}\nsteps:\n"
        + menus
        + '  ask3: {do: [{talk: "You said {{ v0 }}, {{ v1 }} and {{ v2 }}."}], goto: end}\n'
    )
    folder = write_project(tmp_path, shop=text)
    written = invoke_in(folder, "prove", "--tests", "tests/scenarios")
    played = invoke_in(folder, "test", "--min", "100")

    assert "left out" not in written.output
    assert 0 == played.exit_code, played.output


def test_json_has_every_flow_and_every_fault(tmp_path: Path) -> None:
    done = invoke_in(write_project(tmp_path, shop=FAULTY), "prove", "--format", "json")
    told = json.loads(done.stdout)

    assert ["shop"] == [flow["flow"] for flow in told["flows"]]
    assert [("lost_webhook", "menu", "flows/shop.yaml", 5)] == [
        (each["kind"], each["step"], each["file"], each["line"]) for each in told["violations"]
    ]
    assert "script:" in told["violations"][0]["scenario"]


def test_github_gets_annotations(tmp_path: Path) -> None:
    done = invoke_in(write_project(tmp_path, shop=FAULTY), "prove", "--format", "github")

    assert done.stdout.startswith("::error file=flows/shop.yaml,line=5,")


def test_a_bound_that_is_too_low_ends_with_1(tmp_path: Path) -> None:
    done = invoke_in(write_project(tmp_path, shop=SHOP), "prove", "--states", "1")

    assert 1 == done.exit_code
    assert "shop: stopped at 1 states: " in done.output


def test_flows_with_errors_are_not_walked(tmp_path: Path) -> None:
    done = invoke_in(write_project(tmp_path, shop=TYPO), "prove")

    assert 1 == done.exit_code
    assert "E214" in done.output


@pytest.mark.parametrize(
    ("flow", "told"), [("shopp", 'did you mean "shop"?'), ("other", "there are: shop")], ids=["near", "strange"]
)
def test_a_flow_that_is_not_there_ends_with_2(tmp_path: Path, flow: str, told: str) -> None:
    done = invoke_in(write_project(tmp_path, shop=SHOP), "prove", flow)

    assert 2 == done.exit_code
    assert told in done.output


def test_a_folder_without_flows_is_told_as_check_tells_it(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    proved, checked = (invoke_in(tmp_path, command) for command in ("prove", "check"))

    assert (1, checked.output) == (proved.exit_code, proved.output)
    assert "E123  there is no flow file in flows" in proved.output


def test_a_folder_that_cannot_be_written_ends_with_2(tmp_path: Path) -> None:
    folder = write_project(tmp_path, shop=FAULTY)
    (folder / "here").write_text("a file", encoding="utf-8")

    assert 2 == invoke_in(folder, "prove", "--save", "here/tests").exit_code


def test_values_that_stand_for_others_and_what_never_happens_are_told(tmp_path: Path) -> None:
    branch = '    branch:\n      - if: call.from == "447700900456"\n        goto: vip\n      - else: vip\n  vip:\n'
    text = SHOP.replace("  sales:\n    do:", f"  sales:\n{branch}    do:")
    done = invoke_in(write_project(tmp_path, shop=text), "prove")

    assert 0 == done.exit_code, done.output
    assert "shop: walked: " in done.output
    assert '  call.from represents others: "447700900123", "447700900456"' in done.output


LOTTERY = """
flow: lottery
default: true
start: guess
vars: {sum: {type: int}, guess: {type: int}, n: {type: int}}
defaults: {retry: {noinput: ["Hello?"], nomatch: ["A digit."], then: over}, on: {error: over}}
steps:
  guess:
    do: [talk: "Digit {{ n + 1 }}."]
    collect: {into: guess, digits: 1}
    goto: add
  add:
    set: {sum: "{{ sum + guess }}", n: "{{ n + 1 }}"}
    branch:
      - if: n < 3
        goto: guess
      - if: sum == 15
        goto: won
      - else: over
  won:
    do: [talk: "You have won!"]
    goto: end
  over:
    do: [talk: "Your sum is {{ sum }}."]
    goto: end
"""


def test_an_outcome_that_only_other_values_take_is_not_said_to_be_taken_by_nobody(tmp_path: Path) -> None:
    folder = write_project(tmp_path, lottery=LOTTERY)
    text, document = invoke_in(folder, "prove"), invoke_in(folder, "prove", "--format", "json")
    (proof,) = json.loads(document.stdout)["flows"]

    assert "  not reached with these values: add: if sum == 15\n" in text.output
    assert (False, [{"step": "add", "outcome": "if sum == 15"}]) == (proof["certain"], proof["never"])


def test_an_outcome_that_nobody_takes_is_said_to_be_one(tmp_path: Path) -> None:
    shop = SHOP.replace("goto: sales}", "goto: ask}").replace(
        "  sales:\n", "  ask:\n    branch:\n      - if: 1 > 2\n        goto: end\n      - else: sales\n  sales:\n"
    )
    done = invoke_in(write_project(tmp_path, shop=shop), "prove")

    assert "  never: ask: if 1 > 2\n" in done.output


def test_flows_are_told_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = ["zoo", "bank", "shop", "ant"]
    flows = {name: SHOP.replace("flow: shop", f"flow: {name}") for name in names}
    entries = {name: text.replace("numbers:", "entry: true\n#") for name, text in flows.items()}
    done = invoke_in(write_project(tmp_path, **entries), "prove")

    assert sorted(names) == [line.partition(":")[0] for line in done.output.splitlines() if "proved" in line]


def test_a_project_elsewhere_is_named_by_its_folder_or_by_a_file_of_it(tmp_path: Path) -> None:
    write_project(tmp_path / "there", shop=FAULTY)
    elsewhere = write_project(tmp_path / "here", other=SHOP.replace("flow: shop", "flow: other"))
    folder = invoke_in(elsewhere, "prove", "../there")
    file = invoke_in(elsewhere, "prove", "../there/flows/shop.yaml")
    missing = invoke_in(elsewhere, "prove", "../nowhere")

    assert 1 == folder.exit_code
    assert "../there/flows/shop.yaml:5:3  lost_webhook" in folder.output
    assert 1 == file.exit_code
    assert "../there/flows/shop.yaml:5:3  lost_webhook" in file.output
    assert 2 == missing.exit_code
    assert "../nowhere does not exist" in missing.output
