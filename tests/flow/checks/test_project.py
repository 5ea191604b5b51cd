from __future__ import annotations

from app.flow.loader import load

STEPS = "start: hello\nsteps:\n  hello:\n    do:\n      - talk: Hello.\n    goto: end\n"


def faults(*heads: str) -> list[str]:
    texts = {f"flows/{number}.yaml": f"{head}\n{STEPS}" for number, head in enumerate(heads)}
    return [f"{issue.place} {issue.code} {issue.message}" for issue in load(texts).issues]


def test_a_name_that_is_taken_names_both_places() -> None:
    assert ['flows/1.yaml:1:7 E210 the flow "a" is there already, in flows/0.yaml:1'] == faults(
        "flow: a\ndefault: true", "flow: a\nentry: true"
    )


def test_of_two_flows_with_one_name_the_first_is_kept() -> None:
    texts = {
        f"flows/{name}.yaml": f"flow: a\n{word}: true\n{STEPS}" for name, word in (("x", "default"), ("y", "entry"))
    }

    assert load(texts).flows["a"].default


def test_a_number_that_is_taken_names_both_places() -> None:
    assert ["flows/1.yaml:2:11 E211 calls to 442079460000 start in flows/0.yaml:2 already"] == faults(
        'flow: a\nnumbers: ["442079460000"]', 'flow: b\nnumbers: ["+44 20 7946 0000"]'
    )


def test_a_number_that_is_given_twice_in_one_flow_is_reported_once() -> None:
    assert ["flows/0.yaml:2:27 E211 442079460000 is given twice"] == faults(
        'flow: a\nnumbers: ["442079460000", "+442079460000"]'
    )


def test_a_second_default_names_the_first() -> None:
    assert ["flows/1.yaml:2:1 E212 flows/0.yaml:2 is the default already"] == faults(
        "flow: a\ndefault: true", "flow: b\ndefault: true"
    )


def test_flows_that_share_nothing_have_no_issue() -> None:
    assert [] == faults(
        "flow: a\ndefault: true", 'flow: b\nnumbers: ["442079460000"]', "flow: c\nentry: true", "flow: d\nentry: true"
    )
