"""The keys that a menu's prompts speak, and those that it takes (W600)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from ncco_server.flow.loader import load
from tests.support.cases import each_case

PATH: Final = "flows/test.yaml"
VARS: Final = {
    "name": {"type": "text", "default": ""},
    "offers": {"type": "text", "default": ""},
    "open": {"type": "bool", "default": False},
}
CASES: Final = yaml.safe_load(Path(__file__).with_name("prompts.yaml").read_text(encoding="utf-8"))


def flow_of(case: dict[str, Any]) -> str:
    step = {
        "do": [{"talk": case["say"], "language": "en-GB"}],
        "choices": {name: {**choice, "goto": "end"} for name, choice in case["choices"].items()},
        "retry": {"noinput": [{"talk": text} for text in case.get("retry", ["Pardon?"])], "then": "end"},
    }
    flow = {"flow": "test", "default": True, "start": "hello", "vars": VARS, "steps": {"hello": step}}
    return yaml.safe_dump(flow, allow_unicode=True, width=10_000, sort_keys=False)


@each_case("case", CASES, ids=lambda case: case["say"])
def test_a_prompt_that_speaks_other_keys_than_its_menu_takes_is_marked(case: dict[str, Any]) -> None:
    text = flow_of(case)

    places = [issue.place for issue in load({PATH: text}).issues if issue.code == "W600"]

    lines = text.split("\n")
    marked = [lines[place.line - 1][place.column - 1 :][: place.length] for place in places]
    assert [str(words) for words in case.get("marked", [])] == marked
