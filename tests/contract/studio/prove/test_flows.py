"""`ncco prove` of the flows and projects in `flows.yaml`: a defect is found at its step, a sound one has no error."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

FLOWS = Path(__file__).with_name("flows.yaml")
DEFAULTS = """defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], tries: 2, then: bye}
  on: {error: sorry}
"""
DESK = """  desk:
    do: [{talk: "I am putting you through."}, {connect: "447700900333", timeout: 20}]
    on: {completed: end, otherwise: bye}
"""
ENDS = """  bye: {do: [{talk: "Goodbye."}], goto: end}
  sorry: {do: [{talk: "Please call again later."}], goto: end}
"""


def flows_of(sort: str, file: Path = FLOWS) -> list[Any]:
    """The flows of a kind, `defective` or `sound`, in a file."""
    found = yaml.load(file.read_bytes(), yaml.CSafeLoader)[sort]
    return [pytest.param(flow, id=flow["name"]) for flow in found]


def files_of(flow: dict[str, Any], name: str = "main") -> dict[str, str]:
    """The files of a whole project, or of a flow with this name given by its steps."""
    if "files" in flow:
        return dict(flow["files"])
    steps, head = flow["steps"], flow.get("head", "").rstrip("\n")
    start = steps.partition(":")[0]
    defaults = "" if "defaults:" in head else DEFAULTS
    desk = DESK if ": desk" in steps and "\ndesk:" not in f"\n{steps}" else ""
    text = f"flow: {name}\ndefault: true\nstart: {start}\n{head}\n{defaults}steps:\n{indent(steps, '  ')}{desk}{ENDS}"
    return {f"flows/{flow_name}.yaml": content for flow_name, content in {name: text, **flow.get("others", {})}.items()}


def write_flow(flow: dict[str, Any], folder: Path) -> None:
    for name, content in files_of(flow).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def errors_of(flow: dict[str, Any], folder: Path) -> list[str]:
    """The errors found, as `kind step`, and warnings that the flow names; or the errors that come before a proof."""
    write_flow(flow, folder)
    result = ncco("prove", "--format", "json", cwd=folder, env=flow.get("env"))
    if not result.stdout.startswith("{"):
        issues = json_of(ncco("check", "--format", "json", cwd=folder, env=flow.get("env")))["issues"]
        return [issue["code"] for issue in issues if issue["severity"] == "error"]
    found = json_of(result)
    assert not any(each["stopped"] for each in found["flows"]), found
    rows = [(f"{each['kind']} {each['step']}", each["severity"]) for each in found["violations"]]
    warned = flow.get("found", flow.get("without", "nothing"))
    return [row for row, severity in rows if severity == "error" or row.startswith(warned)]


@each_case("flow", partial(flows_of, "defective"))
def test_a_defect_is_found(flow: dict[str, Any], tmp_path: Path) -> None:
    assert flow["found"] in errors_of(flow, tmp_path)


@each_case("flow", partial(flows_of, "sound"))
def test_a_sound_flow_has_no_error(flow: dict[str, Any], tmp_path: Path) -> None:
    unused = {"unreachable bye", "unreachable sorry"} if "steps" in flow else set()

    assert [] == [each for each in errors_of(flow, tmp_path) if each not in unused]
