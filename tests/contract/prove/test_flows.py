"""`ncco prove` of the flows in `flows.yaml` and the projects in `corpus.yaml`.

Every defect is found at its step, and a sound flow has no error.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

DEFAULTS = """defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], tries: 2, then: bye}
  on: {error: sorry}
"""
ENDS = """  bye: {do: [{talk: "Goodbye."}], goto: end}
  sorry: {do: [{talk: "Please call again later."}], goto: end}
"""


def flows_of(sort: str, *files: Path) -> list[Any]:
    """The flows of a kind, `defective` or `sound`."""
    found = (flow for file in files for flow in yaml.load(file.read_bytes(), yaml.CSafeLoader)[sort])
    return [pytest.param(flow, id=flow["name"]) for flow in found]


def write_flow(flow: dict[str, Any], folder: Path) -> None:
    """A whole project, or a flow given by its steps."""
    files = flow.get("files", {})
    if not files:
        start, head = flow["steps"].partition(":")[0], flow.get("head", "").rstrip("\n")
        defaults = "" if "defaults:" in head else DEFAULTS
        text = (
            f"flow: main\ndefault: true\nstart: {start}\n{head}\n{defaults}steps:\n{indent(flow['steps'], '  ')}{ENDS}"
        )
        files = {f"flows/{name}.yaml": content for name, content in {"main": text, **flow.get("others", {})}.items()}
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def errors_of(flow: dict[str, Any], folder: Path) -> list[str]:
    """The errors found, as `kind step`, warnings that the flow names, and codes of `ncco check`."""
    write_flow(flow, folder)
    issues = json_of(ncco("check", "--format", "json", cwd=folder))["issues"]
    codes = [issue["code"] for issue in issues if issue["severity"] == "error" or issue["code"] == flow.get("found")]
    result = ncco("prove", "--format", "json", cwd=folder, env=flow.get("env"))
    if not result.stdout.startswith("{"):
        return codes
    found = json_of(result)
    assert not any(each["stopped"] for each in found["flows"]), found
    rows = [(f"{each['kind']} {each['step']}", each["severity"]) for each in found["violations"]]
    warned = flow.get("found", flow.get("without", "nothing"))
    return codes + [row for row, severity in rows if severity == "error" or row.startswith(warned)]


DATA = Path(__file__).with_name("flows.yaml"), Path(__file__).with_name("corpus.yaml")


@each_case("flow", partial(flows_of, "defective", *DATA))
def test_a_defect_is_found(flow: dict[str, Any], tmp_path: Path) -> None:
    assert flow["found"] in errors_of(flow, tmp_path)


@each_case("flow", partial(flows_of, "sound", *DATA))
def test_a_sound_flow_has_no_error(flow: dict[str, Any], tmp_path: Path) -> None:
    unused = {"unreachable bye", "unreachable sorry"} if "steps" in flow else set()

    assert [] == [each for each in errors_of(flow, tmp_path) if each not in unused]
