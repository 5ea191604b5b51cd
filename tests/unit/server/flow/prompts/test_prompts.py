"""Prompts and menus that agree, and those that do not, in six languages; and prompts of any text."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.checks.prompt_text import LONGEST_PROMPT, read_prompt
from ncco_server.flow.checks.prompts import MenuEntry, SpokenPrompt, check_entry, check_menu
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load
from ncco_server.flow.nodes import Place, Text
from tests.support.cases import each_case
from tests.support.examples import examples

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


FAULTS = cases("faults.yaml")
RIGHT = cases("right.yaml")


@each_case("case", FAULTS, ids=lambda case: case["say"])
def test_the_error_of_a_menu_is_found_at_its_words(case: Case) -> None:
    code, _, words = case["expected"].partition(" ")

    found = marked(flow_of(case))

    assert {code} == {issue.partition(" ")[0] for issue in found}
    assert any(issue.startswith(f"{code} {words}") for issue in found)


@each_case("case", RIGHT, ids=lambda case: case["say"])
def test_a_correct_menu_has_no_issue(case: Case) -> None:
    assert [] == marked(flow_of(case))


WORDS = """
press say enter select key keys star pound hash # * 1 2 3 12 4711 one two or and to for if between from 9:30
5.50 $ % 1st a.m. , . ! ? : ; - ( ) / digits digit {{x}} {% <break/> &amp; sales support drücken Sie die Taste
mit der Eins Zwei für wählen vierstellige Ziffern Raute sagen tapez le un dièse pour étoile chiffres dites
pulse el uno para almohadilla dígitos diga prema tasto per cancelletto cifre dica prima tecla cardinal jogo
velha \u2013 \n followed by each letter any
"""
PIECES = WORDS.split()
MENU = (
    MenuEntry("sales", ("1", "*"), ("sales",), Place("flows/a.yaml", 1, 1)),
    MenuEntry("support_desk", (), ("support", "help"), Place("flows/a.yaml", 2, 1)),
    MenuEntry("de", ("22",), (), Place("flows/a.yaml", 3, 1)),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=25).map(" ".join)
LANGUAGES = st.sampled_from(["", "en-GB", "de-DE", "fr-FR", "es-MX", "it-IT", "pt-BR", "nl-NL"])


@each_case("words", ["key the the the", "1,", "press the", "for a press 1", "- 1", "{{x}}", "one or"])
def test_a_text_of_repeated_words_is_read_quickly(words: str) -> None:
    begun = time.process_time()
    read_prompt(f"{words} " * (LONGEST_PROMPT // len(words)), "en-GB")

    assert time.process_time() - begun < 10


@examples(200)
@given(text=TEXTS, language=LANGUAGES, lengths=st.sampled_from([None, (4, 4), (1, 1), (2, 8)]), is_hash=st.booleans())
def test_any_text_is_read_and_its_issues_point_into_it(
    text: str, language: str, lengths: tuple[int, int] | None, is_hash: bool
) -> None:
    prompt = SpokenPrompt(Text(text, Place("flows/b.yaml", 1, 1)), read_prompt(text, language))

    found = [*check_menu([prompt], MENU, is_complete=True, other_keys=frozenset())]
    found += check_entry(prompt, lengths, ends_with_hash=is_hash)

    marked = [issue.place for issue in found if issue.place.file == "flows/b.yaml"]
    assert all(1 <= place.column and place.column - 1 + place.length <= len(text) for place in marked)
