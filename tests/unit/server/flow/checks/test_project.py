from __future__ import annotations

from ncco_server.flow.loader import load
from tests.support.cases import each_case

STEPS = "start: hello\nsteps:\n  hello:\n    do:\n      - talk: Hello.\n    goto: end\n"


def faults(*heads: str) -> list[str]:
    texts = {f"flows/{number}.yaml": f"{head}\n{STEPS}" for number, head in enumerate(heads)}
    return [f"{issue.place} {issue.code} {issue.message}" for issue in load(texts).issues]


def test_a_duplicate_name_is_reported_with_both_places() -> None:
    assert ['flows/1.yaml:1:7 E210 the flow "a" already exists in flows/0.yaml:1'] == faults(
        "flow: a\ndefault: true", "flow: a\nentry: true"
    )


RUNS = """
flow: a
default: true
start: hello
steps:
  hello:
    run: b
    with: {team: sales}
    on: {done: end, otherwise: more}
  more:
    goto: {run: b, with: {team: sales}}
"""


@each_case(
    ("head", "fault"),
    [
        ("flow: a", 'flows/b.yaml:1:7 E210 the flow "a" already exists in flows/a.yaml:2'),
        ("flow: B b", 'flows/b.yaml:1:7 E205 a flow cannot be named "B b"'),
        ("params: {}", "flows/b.yaml:1:1 E204 the flow has no `flow`"),
        ("flow b", "flows/b.yaml:1:1 E101 this line has no colon"),
    ],
)
def test_a_flow_without_a_valid_name_may_be_referenced_by_its_file_name(head: str, fault: str) -> None:
    (found,) = load({"flows/a.yaml": RUNS, "flows/b.yaml": f"{head}\n{STEPS}"}).issues

    assert f"{found.place} {found.code} {found.message}".startswith(fault)


def test_the_first_of_two_flows_with_the_same_name_is_kept() -> None:
    texts = {
        f"flows/{name}.yaml": f"flow: a\n{word}: true\n{STEPS}" for name, word in (("x", "default"), ("y", "entry"))
    }

    assert load(texts).flows["a"].default


def test_a_duplicate_number_is_reported_with_both_places() -> None:
    assert ["flows/1.yaml:2:11 E211 calls to 442079460000 already start in flows/0.yaml:2"] == faults(
        'flow: a\nnumbers: ["442079460000"]', 'flow: b\nnumbers: ["+44 20 7946 0000"]'
    )


def test_a_number_that_is_given_twice_in_one_flow_is_reported_once() -> None:
    assert ["flows/0.yaml:2:27 E211 442079460000 is listed twice"] == faults(
        'flow: a\nnumbers: ["442079460000", "+442079460000"]'
    )


def test_a_second_default_is_reported_with_the_first() -> None:
    assert ["flows/1.yaml:2:1 E212 flows/0.yaml:2 is already the default"] == faults(
        "flow: a\ndefault: true", "flow: b\ndefault: true"
    )


def test_flows_that_share_nothing_have_no_issue() -> None:
    assert [] == faults(
        "flow: a\ndefault: true", 'flow: b\nnumbers: ["442079460000"]', "flow: c\nentry: true", "flow: d\nentry: true"
    )
