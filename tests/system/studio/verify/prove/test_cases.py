"""Every case in `cases.yaml`: a flow, the expected verdict and the expected violations."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from tests.support.cases import each_case
from tests.system.studio.verify.prove.proved_flows import proof_of

GROUPS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))
CASES = [(group, case) for group in GROUPS for case in group["cases"]]
LOOKUP = 'lookups: {{it: {{get: "https://example.com/it", returns: {{{0}}}}}}}\n'


@each_case(("group", "case"), CASES, ids=[case["case"] for _, case in CASES])
def test_a_proof_has_the_expected_verdict(group: dict[str, Any], case: dict[str, Any]) -> None:
    steps = indent(group["steps"].replace("$if", case.get("if", "")), "  ")
    head = LOOKUP.format(case["returns"]) if "returns" in case else case.get("head", "")
    proof = proof_of(steps, head, **group.get("others", {}))
    violations = [f"{each.kind} {each.step}{'' if each.is_error else ' (warning)'}" for each in proof.violations]

    assert case["verdict"] == proof.status
    assert case.get("violations", []) == list(dict.fromkeys(violations))
    assert case.get("never", []) == [f"{each.step}: {each.name}" for each in proof.never]
    assert case.get("represented", []) == sorted(proof.representatives)
