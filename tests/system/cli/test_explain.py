"""`ncco explain`: what a code means, and where each value of a step comes from."""

from __future__ import annotations

from ncco_server.desk.commands.explain import all_rules
from tests.system.cli.projects import ncco

RULES = all_rules()


def test_every_code_is_explained_with_a_wrong_and_a_right_example() -> None:
    for code in sorted(code for code in RULES if code[0] in "EWRJN"):
        shown = ncco("explain", code).stdout
        assert shown.startswith(f"{code}  {RULES[code].severity}: {RULES[code].title.removesuffix('.')}\nfix: ")
        assert "\nWrong:\n" in shown, f"{code} has no bad example"
        assert "\nRight:\n" in shown, f"{code} has no good example"
