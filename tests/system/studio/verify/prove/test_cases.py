"""Every case in `cases.yaml`: a flow, the expected verdict and the expected violations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

from tests.support.cases import each_case
from tests.system.studio.verify.prove.proved_flows import proof_of

LOOKUP = 'lookups: {{it: {{get: "https://example.com/it", returns: {{{}}}}}}}\n'


def cases() -> Iterator[Any]:
    """What each case and its group have, under its claim and number."""
    for group in yaml.load(Path(__file__).with_name("cases.yaml").read_bytes(), yaml.CSafeLoader):
        for claim, variants in group["cases"].items():
            for number, variant in enumerate(variants, 1):
                yield pytest.param(group | variant, id=f"{claim}, {number}")


def written(text: str, case: dict[str, Any]) -> str:
    """The text with what the case has for the words with a `$`."""
    return Template(text).safe_substitute({"put": "", **case, "if": json.dumps(case.get("if", ""))})


def flow_of(case: dict[str, Any]) -> tuple[str, str]:
    """The steps, and what comes before them."""
    steps = written(case["steps"], case)
    head = "".join(f"{line}\n" for line in case.get("head", "").splitlines())
    return steps, head + (LOOKUP.format(case["returns"]) if "returns" in case else "")


@each_case("case", cases)
def test_a_proof_has_the_expected_verdict(case: dict[str, Any]) -> None:
    others = {name: written(text, case) for name, text in case.get("others", {}).items()}
    proof = proof_of(*flow_of(case), **others)
    violations = [f"{each.kind} {each.step}{'' if each.is_error else ' (warning)'}" for each in proof.violations]

    assert case["verdict"] == proof.verdict.status
    assert case.get("violations", []) == list(dict.fromkeys(violations))
    assert case.get("never", []) == [f"{each.step}: {each.name}" for each in proof.verdict.never]
    assert case.get("represented", []) == sorted(proof.verdict.representatives)
