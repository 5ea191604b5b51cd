"""`ncco explain`: what a code means, and where each value of a step comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.explain import RULES
from tests.cli.projects import ncco, write_project

MAIN = """\
flow: main
default: true
start: menu
vars: {tries: {type: int, default: 0}}
defaults:
  talk: {language: en-GB, style: 2}
  connect: {timeout: 20}
  choices: {operator: {dtmf: 0, goto: person}}
  retry: {noinput: ["Sorry?"], then: person}
  on: {error: sorry}
lookups:
  customer: {get: "https://example.com/customer", returns: {name: text}, default: {name: ""}}
steps:
  menu:
    lookup: customer
    set: {tries: "{{ tries + 1 }}"}
    do:
      - talk: "Hello {{ customer.name }}. For sales press 1, else 0."
        style: 5
    choices:
      sales: {dtmf: 1, goto: person}
    retry: {noinput: ["Yes?"], tries: 3}
    on: {error: person}
  person:
    do:
      - ncco: hello.json.j2
      - connect: ["447700900111", {type: sip, uri: "sip:a@example.com", timeout: 30}]
    on: {completed: end, otherwise: sorry}
  sorry:
    do:
      - talk: "Sorry."
    goto: end
"""
SHARED = """\
shared: true
defaults:
  talk: {style: 1, level: 0.5}
  on: {error: sorry}
"""


def write_main(folder: Path) -> None:
    write_project(folder, main=MAIN, shared=SHARED)
    (folder / "templates").mkdir()
    (folder / "templates" / "hello.json.j2").write_text('[{"action": "talk", "text": "Hello."}]')


@pytest.mark.parametrize("code", sorted(code for code in RULES if code[0] in "EWRJN"))
def test_every_code_is_explained_with_a_wrong_and_a_right_example(code: str) -> None:
    shown = ncco("explain", code)

    assert 0 == shown.exit_code
    assert shown.stdout.startswith(f"{code}  {RULES[code].severity}: {RULES[code].title.removesuffix('.')}\ncure: ")
    assert "\nWrong:\n" in shown.stdout, f"{code} has no bad example"
    assert "\nRight:\n" in shown.stdout, f"{code} has no good example"


def test_what_is_said_of_the_wrong_example_is_shown_with_its_caret() -> None:
    shown = ncco("explain", "e214").stdout

    assert "What is reported:\n  flows/bad.yaml:8:11  E214  unknown step" in shown
    assert "       |           ^^^^^^ did you mean" in shown


def test_a_rule_of_the_ncco_names_its_source_and_its_place_in_the_document() -> None:
    shown = ncco("explain", "N108").stdout

    assert "Source: NCCO reference" in shown
    assert "N108  /0/timeout: 121 is not between 1 and 120." in shown


def test_a_code_in_json() -> None:
    shown = json.loads(ncco("explain", "E121", "--format", "json").stdout)

    assert ["code", "severity", "title", "cure", "about", "wrong", "right"] == list(shown)
    assert "Caf\ufffd" in shown["wrong"]
    assert "Café" in shown["right"]


def test_every_code_is_listed_without_one() -> None:
    assert len(RULES) == len(ncco("explain").stdout.splitlines())
    assert sorted(RULES) == [row["code"] for row in json.loads(ncco("explain", "--format", "json").stdout)]


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("W214", "did you mean E214? `ncco explain` lists all of them"),
        ("E2140", "did you mean E214?"),
        ("E222", "near it are E219, E220, E225; "),
        ("X888", "`ncco explain` lists all of them"),
    ],
)
def test_a_code_that_does_not_exist_ends_with_2_and_its_neighbours(code: str, cure: str) -> None:
    shown = ncco("explain", code)

    assert 2 == shown.exit_code
    assert f"there is no code {code}\n  cure: {cure}" in shown.stderr
