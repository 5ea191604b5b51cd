from __future__ import annotations

from tests.support.cases import each_case
from tests.unit.server.flow.actions.reading_parts import play
from tests.unit.server.flow.loading_flows import flow_of

HEAD = """
vars:
  legs: {type: list, default: []}
  leg: {type: text, default: leg-1}
  keys: {type: list, default: [], sensitive: true}
"""


def steps(item: str, end: str = "goto: end") -> str:
    return f"hello:\n  do:\n    - {item}\n  {end}\n"


@each_case(
    ("written", "legs"),
    [
        ('"{{ legs }}"', ["leg-2", "3"]),
        ('["{{ leg }}"]', ["leg-1"]),
        ('"{{ leg }}"', ["leg-1"]),
        ("[]", []),
    ],
)
def test_the_legs_that_can_be_heard_may_be_a_computed_list(written: str, legs: list[str]) -> None:
    parts = flow_of(steps(f"conversation: {{name: board, canHear: {written}}}"), HEAD).steps["hello"].parts

    assert [{"action": "conversation", "name": "board", "canHear": legs}] == play(
        parts, names={"legs": ["leg-2", 3], "leg": "leg-1"}
    )
