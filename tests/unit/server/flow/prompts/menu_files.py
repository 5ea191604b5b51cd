"""Builds a flow from a menu or a data entry of `faults.yaml` and `right.yaml`, and lists its issues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load

PATH = "flows/test.yaml"
FOLDER = Path(__file__).parent
VARS = {
    "code": {"type": "text", "default": ""},
    "name": {"type": "text", "default": ""},
    "position": {"type": "int", "default": 0},
    "offers": {"type": "text", "default": ""},
    "open": {"type": "bool", "default": False},
    "teams": {"type": "list", "default": []},
}

Case = dict[str, Any]


def cases(file: str) -> list[Case]:
    """The menus of one of the two files."""
    return list(yaml.load((FOLDER / file).read_text(encoding="utf-8"), yaml.CSafeLoader))


def flow_of(case: Case) -> str:
    """The flow file of a case: `say`, `language`, `retry`, and `choices` or `collect`."""
    step: dict[str, Any] = {"do": [{"talk": case["say"], "language": case.get("language", "en-GB")}]}
    if "choices" in case:
        step["choices"] = {name: {**choice, "goto": "end"} for name, choice in case["choices"].items()}
    if "collect" in case:
        step |= {"collect": {"into": "code", **case["collect"]}, "goto": "end"}
    prompts = [{"talk": text, "language": case.get("language", "en-GB")} for text in case.get("retry", [])]
    step["retry"] = {"noinput": prompts, "then": "end"} if prompts else {"then": "end"}
    flow = {"flow": "test", "default": True, "start": "hello", "vars": VARS, "steps": {"hello": step}}
    return yaml.dump(flow, Dumper=yaml.CSafeDumper, allow_unicode=True, width=10_000, sort_keys=False)


def issues_of(text: str, templates: dict[str, str] | None = None) -> list[FlowIssue]:
    """The issues of a flow file, except unused declarations."""
    files = {f"templates/{name}": content for name, content in (templates or {}).items()}
    return [issue for issue in load({PATH: text, **files}).issues if not issue.code.startswith("W63")]


def marked(text: str, templates: dict[str, str] | None = None) -> list[str]:
    """Code and marked words of every issue."""
    texts = {PATH: text, **{f"templates/{name}": content for name, content in (templates or {}).items()}}
    return [_marked(issue, texts[issue.place.file]) for issue in issues_of(text, templates)]


def _marked(issue: FlowIssue, text: str) -> str:
    line = text.split("\n")[issue.place.line - 1]
    return f"{issue.code} {line[issue.place.column - 1 :][: issue.place.length]}"
