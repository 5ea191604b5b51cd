"""`ncco prove` of the flows in `flows.yaml`: every defect is found at its step, and a sound flow has no error."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml

from tests.contract.command import ncco

FLOWS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("flows.yaml").read_text(encoding="utf-8"))
DEFAULTS = """defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], tries: 2, then: bye}
  on: {error: sorry}
"""
ENDS = """  bye: {do: [{talk: "Goodbye."}], goto: end}
  sorry: {do: [{talk: "Please call again later."}], goto: end}
"""


def errors_of(flow: dict[str, Any], folder: Path) -> list[str]:
    """The errors that are found, as `kind step`; codes where `ncco check` finds any."""
    start, head = flow["steps"].partition(":")[0], flow.get("head", "").rstrip("\n")
    defaults = "" if "defaults:" in head else DEFAULTS
    text = f"flow: main\ndefault: true\nstart: {start}\n{head}\n{defaults}steps:\n{indent(flow['steps'], '  ')}{ENDS}"
    (folder / "flows").mkdir()
    for name, content in {"main": text, **flow.get("others", {})}.items():
        (folder / "flows" / f"{name}.yaml").write_text(content, encoding="utf-8")
    result = ncco("prove", "--format", "json", cwd=folder)
    if not result.stdout:
        issues = json.loads(ncco("check", "--format", "json", cwd=folder).stdout)["issues"]
        return [issue["code"] for issue in issues if issue["severity"] == "error"]
    found = json.loads(result.stdout)
    assert not any(each["stopped"] for each in found["flows"]), found
    return [f"{each['kind']} {each['step']}" for each in found["violations"] if each["severity"] == "error"]


@pytest.mark.parametrize("flow", FLOWS["defective"], ids=lambda flow: flow["name"])
def test_a_defect_is_found(flow: dict[str, Any], tmp_path: Path) -> None:
    assert flow["found"] in errors_of(flow, tmp_path)


@pytest.mark.parametrize("flow", FLOWS["sound"], ids=lambda flow: flow["name"])
def test_a_sound_flow_has_no_error(flow: dict[str, Any], tmp_path: Path) -> None:
    found = errors_of(flow, tmp_path)

    assert [each for each in found if each not in ("unreachable bye", "unreachable sorry")] == []
