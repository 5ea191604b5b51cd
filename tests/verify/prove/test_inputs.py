"""What callers can do where a call waits, and what nobody can."""

from __future__ import annotations

from app.verify.prove import Proof
from tests.verify.prove.proved_flows import proof_of

ENTRY = """  ask:
    do:
      - talk: "Your number, please."
    collect: {into: code, digits: %s}
    goto: bye
"""
FULL = """  menu:
    do:
      - talk: "Press any key."
    choices: {one: {dtmf: [%s], goto: bye}}
"""


def pressed(proof: Proof) -> set[str]:
    """The keys that are pressed on any way."""
    return {str(edge.trigger.line["press"]) for edge in proof.space.transitions if "press" in edge.trigger.line}


def test_nobody_presses_more_keys_than_are_taken() -> None:
    assert {"2", "222", "*"} == pressed(proof_of(ENTRY % "1..3"))
    assert {"2222", "222", "*"} == pressed(proof_of(ENTRY % "4"))


def test_in_a_menu_of_all_keys_nobody_presses_a_wrong_one() -> None:
    proof = proof_of(FULL % ", ".join(f'"{key}"' for key in "1234567890*#"))

    assert set("1234567890*#") == pressed(proof)
    assert ["nomatch, try 1", "nomatch, last try"] == [each.name for each in proof.never]
