"""What a flow asks of the time itself is walked at moments that answer it differently."""

from __future__ import annotations

import pytest

from app.verify.prove.counterexample import covering
from tests.verify.prove.proved_flows import found, proof_of

ASKED = """  ask:
    branch:
      - if: {}
        goto: then
      - else: bye
  then:
    do:
      - talk: "Now."
    goto: end
"""
KEPT = """  ask:
    set: {{{name}: '{{{{ {value} }}}}'}}
    branch:
      - if: {test}
        goto: then
      - else: bye
  then:
    do:
      - talk: "Now."
    goto: end
"""
LONDON = 'now | in_zone("Europe/London")'


@pytest.mark.parametrize(
    "test",
    [
        f'({LONDON} | spoken("weekday")) in ["Saturday", "Sunday"]',
        f"(({LONDON} | text)[11:13] | int) < 9",
        f'{LONDON} | text | contains("-12-25T")',
        f'({LONDON} | text)[11:16] == "17:30"',
    ],
)
def test_a_question_of_the_time_is_answered_both_ways(test: str) -> None:
    proof = proof_of(ASKED.format(test))

    assert set() == found(proof)
    assert () == proof.never


def test_a_value_that_is_kept_of_the_time_is_walked_by_each_value() -> None:
    value = f"(({LONDON} | text)[11:13] | int)"
    proof = proof_of(KEPT.format(name="hour", value=value, test="hour == 21"), "vars: {hour: {type: int}}\n")

    assert () == proof.never


def test_a_time_that_is_only_said_is_walked_once() -> None:
    steps = f"""  say:
    set: {{at: '{{{{ {LONDON} | text }}}}'}}
    do:
      - talk: 'It is {{{{ {LONDON} | spoken("time") }}}}, {{{{ at }}}}.'
    goto: end
"""
    proof = proof_of(steps, 'vars: {at: {type: text, default: ""}}\n')

    assert 1 == len({edge.moment for edge in proof.space.transitions})


def test_an_answer_that_cannot_be_computed_is_one_too() -> None:
    steps = ASKED.format("((now | text)[0:4] | int(0)) > 2000 and ((now | text)[4:5] | int) > 2000")

    assert ("error_exit", "ask") in found(proof_of(steps))


def test_a_scenario_is_set_at_the_moment() -> None:
    proof = proof_of(ASKED.format(f'({LONDON} | spoken("weekday")) == "Sunday"'))
    wanted = {("test", "ask", f'if ({LONDON} | spoken("weekday")) == "Sunday"')}
    (written,) = covering(proof, wanted)

    assert "2026-03-08" == written.body["call"]["at"][:10]
