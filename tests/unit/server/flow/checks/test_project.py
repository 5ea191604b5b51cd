from __future__ import annotations

from ncco_server.flow.loader import load
from tests.support.cases import each_case

STEPS = "start: hello\nsteps:\n  hello:\n    do:\n      - talk: Hello.\n    goto: end\n"


def faults(*heads: str) -> list[str]:
    texts = {f"flows/{number}.yaml": f"{head}\n{STEPS}" for number, head in enumerate(heads)}
    return [f"{issue.place} {issue.code} {issue.message}" for issue in load(texts).issues]


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


def test_flows_that_share_nothing_have_no_issue() -> None:
    assert [] == faults(
        "flow: a\ndefault: true", 'flow: b\nnumbers: ["442079460000"]', "flow: c\nentry: true", "flow: d\nentry: true"
    )
