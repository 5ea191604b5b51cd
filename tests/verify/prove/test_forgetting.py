"""What was chosen or answered before is only forgotten where no value of it can make a difference."""

from __future__ import annotations

import pytest

from tests.verify.prove.proved_flows import found, proof_of

CHOSEN = """  ask:
    do:
      - talk: "Press a key."
    choices:
{choices}    retry: {{tries: 1, then: bye}}
  sure:
    do:
      - talk: "Sure? Press 1."
    choices: {{one: {{dtmf: 1, goto: use}}}}
    retry: {{tries: 1, then: bye}}
  use:
    do:
      - {use}
    {ways}
"""
DIALLED = "on: {completed: end, otherwise: bye}"


def chosen(values: list[str], use: str, ways: str = "goto: end") -> str:
    """A menu that keeps one of some values, another menu, and a step that uses what was kept."""
    choices = "".join(
        f'      c{key}: {{dtmf: {key}, set: {{v: "{value}"}}, goto: sure}}\n' for key, value in enumerate(values)
    )
    return CHOSEN.format(choices=choices, use=use, ways=ways)


NAMES = "names: {type: list, default: [one, two, three, four, five]}"
PRICES = "prices: {type: map, default: {small: 5, large: 9}}"


@pytest.mark.parametrize(
    ("variables", "values", "use", "ways"),
    [
        (f"v: {{type: int}}, {NAMES}", ["0", "4", "5"], 'talk: "It is {{ names[v] }}."', "goto: end"),
        (f"v: {{type: text}}, {PRICES}", ["small", "large", "huge"], 'talk: "{{ prices[v] }} pounds."', "goto: end"),
        ("v: {type: text}", ["17", "many"], 'talk: "It is {{ v | int }}."', "goto: end"),
        ("v: {type: text}", ["17", "many"], 'talk: "It is {{ (v | int) + 1 }}."', "goto: end"),
        ("v: {type: text}", ["17", "ab"], 'talk: "It is {{ v | first }}, or {{ v | digits }}."', "goto: end"),
        ("v: {type: text}", ["1234567", "12"], 'connect: "44{{ v }}"', DIALLED),
        ("v: {type: text}", ["1234567", "many"], 'connect: "44{{ v }}"', DIALLED),
    ],
)
def test_a_choice_that_leads_to_a_fault_later_is_not_taken_for_another(
    variables: str, values: list[str], use: str, ways: str
) -> None:
    proof = proof_of(chosen(values, use, ways), f"vars: {{{variables}}}\n")

    assert ("error_exit", "use") in found(proof)


@pytest.mark.parametrize(
    ("variables", "values", "use"),
    [
        (f"v: {{type: int}}, {NAMES}", ["0", "1", "4"], 'talk: "It is {{ names[v] }}."'),
        (f"v: {{type: text}}, {PRICES}", ["small", "large"], 'talk: "{{ prices[v] }} pounds."'),
        ("v: {type: text}", ["17", "18"], 'talk: "It is {{ (v | int) + 1 }}."'),
    ],
)
def test_what_fits_raises_no_alarm(variables: str, values: list[str], use: str) -> None:
    proof = proof_of(chosen(values, use), f"vars: {{{variables}}}\n")

    assert () == proof.violations
    assert "proved" == proof.verdict


def test_texts_that_are_only_spoken_are_one() -> None:
    proof = proof_of(chosen(["Ann", "Bob", "Cid"], 'talk: "Hello {{ v | upper }}."'), "vars: {v: {type: text}}\n")

    assert 1 == len([state for state in proof.space.states if state.session.step == "sure"])


def test_a_text_that_may_be_empty_is_told_from_one_that_says_something() -> None:
    proof = proof_of(chosen(["Ann", "", " "], 'talk: "{{ v }}"'), "vars: {v: {type: text}}\n")

    assert ("dead_end", "use") in found(proof)


def test_what_is_kept_by_a_step_that_fails_for_some_values_of_it_is_not_forgotten() -> None:
    steps = chosen(["0", "1", "2"], 'talk: "Thank you."').replace(
        "  use:\n", '  use:\n    set: {v: "{{ links[v] }}"}\n'
    )
    proof = proof_of(steps, "vars: {v: {type: int}, links: {type: list, default: [1, 0]}}\n")

    assert ("error_exit", "use") in found(proof)


def test_a_map_of_a_look_up_has_the_entries_that_it_is_looked_up_by() -> None:
    steps = chosen(["small", "large"], 'talk: "Thank you."').replace(
        '    do:\n      - talk: "Thank you."\n    goto: end\n',
        "    branch:\n      - if: it.prices[v] is defined\n        goto: bye\n      - else: sorry\n",
    )
    steps = steps.replace("  ask:\n", "  ask:\n    lookup: it\n", 1)
    head = 'lookups: {it: {get: "https://example.com/it", returns: {prices: map}}}\nvars: {v: {type: text}}\n'

    assert () == proof_of(steps, head).never


def test_a_number_that_is_kept_is_not_cut_where_a_text_grows_too() -> None:
    steps = """  ask:
    do:
      - talk: "Press 1 or 2."
    choices:
      one: {dtmf: 1, set: {v: "{{ call.from }}"}, goto: sure}
      two: {dtmf: 2, set: {v: "{{ v }}1"}, goto: ask}
  sure:
    do:
      - talk: "Sure? Press 1."
    choices: {one: {dtmf: 1, goto: test}}
  test:
    branch:
      - if: call.is_hidden or v != call.from
        goto: bye
      - else: ring
  ring:
    do:
      - talk: "One moment."
      - connect: "{{ v }}"
    on: {completed: end, otherwise: bye}
"""

    assert ("error_exit", "ring") not in found(proof_of(steps, 'vars: {v: {type: text, default: ""}}\n'))
