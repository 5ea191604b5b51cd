"""`ncco explain`: what a code means, and where each value of a step comes from."""

from __future__ import annotations

from ncco_server.desk.commands.explain import all_rules
from tests.support.cases import each_case
from tests.system.cli.projects import ncco

RULES = all_rules()


@each_case("code", sorted(code for code in RULES if code[0] in "EWRJN"))
def test_every_code_is_explained_with_a_wrong_and_a_right_example(code: str) -> None:
    shown = ncco("explain", code)

    assert 0 == shown.exit_code
    assert shown.stdout.startswith(f"{code}  {RULES[code].severity}: {RULES[code].title.removesuffix('.')}\nfix: ")
    assert "\nWrong:\n" in shown.stdout, f"{code} has no bad example"
    assert "\nRight:\n" in shown.stdout, f"{code} has no good example"
