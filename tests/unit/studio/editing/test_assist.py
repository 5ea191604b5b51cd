"""What an editor gets at the cursor: cases from the data file, large projects and random texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ncco_studio.editing.assist import completions, definition, hover
from tests.support.cases import each_case
from tests.support.examples import examples

CASES: list[dict[str, Any]] = yaml.load(
    Path(__file__).with_suffix(".yaml").with_stem("assist").read_bytes(), yaml.CSafeLoader
)
HEAD = """\
flow: main
default: true
start: hello
vars: {tries: {type: int, default: 0}}
steps:
  hello:
    do:
      - talk: "Hello."
"""
MORE = """\
  bye:
    do:
      - talk: "Goodbye."
      - talk: {template: greeting.j2}
    goto: end
"""
PROJECT = {
    "flows/queue.yaml": "flow: queue\nstart: wait\noutcomes: [answered, gave_up]\nsteps:\n  queue: {goto: end}\n",
    "flows/shared.yaml": """\
shared: true
lookups:
  customer: {get: "https://crm.example.com", returns: {name: text, tier: [gold, standard]}}
# where calls are written down
hooks: {crm: {post: "https://crm.example.com"}}
hours:
  office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}
""",
    "templates/greeting.j2": "Welcome.",
}


def placed(case: dict[str, Any]) -> tuple[dict[str, str], str, int, int]:
    """The project with the text of a case, its file, and the line and column of the cursor."""
    file = case.get("file", "flows/main.yaml")
    text = case["text"].replace("{head}", HEAD).replace("{more}", MORE)
    before, _, after = text.partition("^")
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    return {"flows/main.yaml": HEAD + MORE, **PROJECT, file: before + after}, file, line, column


@each_case("case", CASES, ids=lambda case: case["name"])
def test_an_editor_gets_these_completions(case: dict[str, Any]) -> None:
    texts, file, line, column = placed(case)
    if "hover" in case:
        assert case["hover"] == hover(texts, file, line, column)
    elif "definition" in case:
        place = definition(texts, file, line, column)
        assert case["definition"] == (str(place) if place else None)
    else:
        found = completions(texts, file, line, column)
        options = {option.label: option for option in found.options}
        assert [] == [label for label in case.get("offers", ()) if label not in options], [*options]
        assert case.get("begins", []) == [*options][: len(case.get("begins", []))]
        assert [] == [label for label in case.get("lacks", ()) if label in options]
        assert all(part in options[label].detail for label, part in case.get("details", {}).items()), options
        if "replaces" in case:
            assert case["replaces"] == texts[file].split("\n")[line - 1][found.column - 1 : column - 1]


@pytest.mark.parametrize("file", ["flows/main.yaml", "templates/greeting.j2"])
def test_the_settings_of_the_server_are_offered(file: str) -> None:
    case = {
        "file": file,
        "text": "{{ env.^ }}" if "templates" in file else '{head}      - talk: "{{ env.^ }}"\n    goto: bye\n{more}',
    }
    found = completions(*placed(case), env=["OFFICE_MAIL", "CRM_URL"])

    assert ["CRM_URL", "OFFICE_MAIL"] == [option.label for option in found.options]


def test_steps_of_the_same_flow_are_offered_in_a_project_of_fifty_flows() -> None:
    steps = "".join(f"  s{number}: {{do: [{{talk: Hello.}}], goto: bye}}\n" for number in range(20))
    others = {f"flows/f{number}.yaml": f"{HEAD}    goto: bye\n{steps}{MORE}" for number in range(50)}
    texts = {**PROJECT, **others, "flows/main.yaml": f"{HEAD}    goto: bye\n{steps}{MORE}"}
    for typed in ("b", "by"):
        typing = {**texts, "flows/main.yaml": f"{HEAD}    goto: {typed}\n{steps}{MORE}"}
        offered = {option.label for option in completions(typing, "flows/main.yaml", 9, 11 + len(typed)).options}
        assert {"bye", *(f"s{number}" for number in range(20))} <= offered


@given(text=st.text("abc:-{}[]|\"'#&*!%@` \n\t\ud7ff.^0", max_size=60), at=st.integers(0, 60))
@examples(150)
def test_any_text_gets_an_answer(text: str, at: int) -> None:
    whole = f"{HEAD}{text}{MORE}"
    line, column = whole.count("\n", 0, len(HEAD) + at) + 1, at % 7 + 1
    texts = {**PROJECT, "flows/main.yaml": whole}

    found = completions(texts, "flows/main.yaml", line, column)
    assert 1 <= found.column
    assert all(option.label and option.insert for option in found.options)
    assert "" != hover(texts, "flows/main.yaml", line, column)
    place = definition(texts, "flows/main.yaml", line, column)
    assert place is None or place.file in texts
