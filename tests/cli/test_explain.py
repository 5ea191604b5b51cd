"""`ncco explain`: what a code means, and where each value of a step comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.jobs.codes import RULES
from tests.cli.projects import SHOP, TYPO, ncco, write_project

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


def lines_of(*words: str) -> list[str]:
    """What is printed of a step, blanks joined."""
    shown = ncco("explain", *words)
    assert 0 == shown.exit_code, shown.output
    return [" ".join(line.split()) for line in shown.stdout.splitlines()]


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_code_is_explained_with_a_wrong_and_a_right_example(code: str) -> None:
    shown = ncco("explain", code)

    assert 0 == shown.exit_code
    assert shown.stdout.startswith(f"{code}  {RULES[code].severity}: {RULES[code].title.removesuffix('.')}\ncure: ")
    assert "\nWrong:\n" in shown.stdout, f"{code} has no bad example"
    assert "\nRight:\n" in shown.stdout, f"{code} has no good example"


def test_what_is_said_of_the_wrong_example_is_shown_with_its_caret() -> None:
    shown = ncco("explain", "e214").stdout

    assert "What is said of it:\n  flows/bad.yaml:8:11  E214  unknown step" in shown
    assert "       |           ^^^^^^ did you mean" in shown


def test_a_rule_of_the_ncco_names_its_source_and_its_place_in_the_document() -> None:
    shown = ncco("explain", "N108").stdout

    assert "It is stated in: NCCO reference" in shown
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


def test_each_value_of_a_step_is_told_with_its_line(tmp_path: Path) -> None:
    write_main(tmp_path)

    assert [
        "step menu of flow main, flows/main.yaml:14",
        "",
        "lookup customer flows/main.yaml:15 this step",
        'set.tries "{{ tries + 1 }}" flows/main.yaml:16 this step',
        'do.1.talk.text "Hello {{ customer.name }}. For sales press 1, else 0." flows/main.yaml:18 this step',
        "do.1.talk.style 5 flows/main.yaml:19 this step",
        "instead of 2 flows/main.yaml:6 defaults of the flow",
        "instead of 1 flows/shared.yaml:3 shared defaults",
        'do.1.talk.language "en-GB" flows/main.yaml:6 defaults of the flow',
        "do.1.talk.level 0.5 flows/shared.yaml:3 shared defaults",
        "do.1.talk.bargeIn true flows/main.yaml:20 the server",
        'do.2.input.type "dtmf" flows/main.yaml:20 the server',
        "do.2.input.dtmf.maxDigits 1 flows/main.yaml:20 the server",
        "do.2.input.eventUrl a callback of this server, in each call another the server",
        'retry.noinput ["Yes?"] flows/main.yaml:22 this step',
        'instead of ["Sorry?"] flows/main.yaml:9 defaults of the flow',
        "retry.tries 3 flows/main.yaml:22 this step",
        "retry.then person flows/main.yaml:9 defaults of the flow",
        "choices.sales.dtmf 1 flows/main.yaml:21 this step",
        "choices.sales.goto person flows/main.yaml:21 this step",
        "choices.operator.dtmf 0 flows/main.yaml:8 defaults of the flow",
        "choices.operator.goto person flows/main.yaml:8 defaults of the flow",
        "on.error person flows/main.yaml:23 this step",
    ] == lines_of("main", "menu")


def test_each_target_of_a_connect_and_the_flows_error_are_told(tmp_path: Path) -> None:
    write_main(tmp_path)

    assert [
        "step person of flow main, flows/main.yaml:24",
        "",
        "do.1.ncco hello.json.j2 flows/main.yaml:26 this step",
        "do.2.connect.1.from the number that was called the server",
        "do.2.connect.1.timeout 20 flows/main.yaml:7 defaults of the flow",
        'do.2.connect.1.endpoint.type "phone" flows/main.yaml:27 the server',
        'do.2.connect.1.endpoint.number "447700900111" flows/main.yaml:27 this step',
        'do.2.connect.1.eventType "synchronous" flows/main.yaml:28 the server',
        "do.2.connect.1.eventUrl a callback of this server, in each call another the server",
        "do.2.connect.2.timeout 30 flows/main.yaml:27 this step",
        "instead of 20 flows/main.yaml:7 defaults of the flow",
        'do.2.connect.2.endpoint.type "sip" flows/main.yaml:27 the server',
        'do.2.connect.2.endpoint.uri "sip:a@example.com" flows/main.yaml:27 this step',
        'do.2.connect.2.eventType "synchronous" flows/main.yaml:28 the server',
        "do.2.connect.2.eventUrl a callback of this server, in each call another the server",
        "on.completed end flows/main.yaml:28 this step",
        "on.otherwise sorry flows/main.yaml:28 this step",
        "on.error sorry flows/main.yaml:10 defaults of the flow",
        "instead of sorry flows/shared.yaml:4 shared defaults",
    ] == lines_of("main", "person")


def test_values_of_locales_are_told_for_each(tmp_path: Path) -> None:
    text = MAIN.replace("vars:", "locales: {en: {language: en-GB, style: 3}, fr: {language: fr-FR}}\nvars:")
    write_project(
        tmp_path, main=text.replace('- talk: "Sorry."', '- talk: {en: "Sorry.", fr: "Désolé."}'), shared=SHARED
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "hello.json.j2").write_text("[]")

    lines = lines_of("main", "sorry")

    assert 'do.1.talk.text[fr] "Désolé." flows/main.yaml:32 this step' in lines
    assert 'do.1.talk.language[fr] "fr-FR" flows/main.yaml:4 locales of the flow' in lines
    assert "do.1.talk.style[en] 3 flows/main.yaml:4 locales of the flow" in lines


ONE_LINE = """\
flow: line
default: true
start: a
steps: {a: {do: [{talk: "One."}], goto: b}, b: {do: [{talk: "Two."}], goto: end}}
"""


def test_steps_on_one_line_are_told_apart(tmp_path: Path) -> None:
    write_project(tmp_path, line=ONE_LINE)

    assert {"this step"} == {line.rpartition(":4 ")[2] for line in lines_of("line", "b")[2:]}


PLAYED = """\
flow: played
default: true
start: a
defaults: {notify: {payload: {kind: call}}, retry: {then: end}}
steps:
  a:
    do:
      - stream: "https://example.com/{{ call.from }}.mp3"
      - checkpoint: heard
      - notify: {stage: "greeted"}
    choices:
      one: {dtmf: 1, speech: [a very long way to say one, and an even longer way to say the very same], goto: end}
"""


def test_lists_and_what_the_server_knows_of_the_call_are_told(tmp_path: Path) -> None:
    write_project(tmp_path, played=PLAYED)

    lines = lines_of("played", "a")

    assert 'do.1.stream.streamUrl "https://example.com/{{ call.from }}.mp3" flows/played.yaml:8 this step' in lines
    assert 'do.2.notify.payload.checkpoint "heard" flows/played.yaml:9 the server' in lines
    assert "do.2.notify.payload.leg call.uuid the server" in lines
    assert 'do.3.notify.payload.stage "greeted" flows/played.yaml:10 this step' in lines
    assert "choices.one.speech.1 a very long way to say one flows/played.yaml:12 this step" in lines


def test_the_flow_that_a_called_party_hears_is_named(tmp_path: Path) -> None:
    ringing = SHOP.replace("    goto: end\n", "      - connect: '447700900111'\n        onAnswer: {run: whisper}\n")
    heard = "flow: whisper\nstart: a\nsteps: {a: {do: [{talk: Hello.}], goto: end}}\n"
    write_project(tmp_path, shop=f"{ringing}    on: {{completed: end, otherwise: end}}\n", whisper=heard)

    assert "do.2.connect.endpoint.onAnswer.run whisper flows/shop.yaml:15 this step" in lines_of("shop", "sales")


def test_a_step_in_json(tmp_path: Path) -> None:
    write_main(tmp_path)

    shown = json.loads(ncco("explain", "main", "sorry", "--format", "json").stdout)

    assert ("main", "sorry") == (shown["flow"], shown["step"])
    assert {
        "name": "do.1.talk.style",
        "value": "2",
        "origin": "defaults of the flow",
        "file": "flows/main.yaml",
        "line": 6,
        "column": 34,
        "hides": [
            {
                "name": "do.1.talk.style",
                "value": "1",
                "origin": "shared defaults",
                "file": "flows/shared.yaml",
                "line": 3,
                "column": 17,
            }
        ],
    } == next(row for row in shown["values"] if row["name"] == "do.1.talk.style")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["shpo", "menu"], 2, 'there is no flow "shpo"\n  cure: did you mean "shop"?'),
        (["shop", "meun"], 2, 'flow "shop" has no step "meun"\n  cure: did you mean "menu"?'),
        (["shop"], 2, "a step is missing behind the flow\n  cure: name one of its steps: menu, sales"),
        (["broken", "menu"], 1, "E214"),
    ],
)
def test_what_cannot_be_told_says_why(words: list[str], code: int, message: str, tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP, broken=TYPO.replace("shop", "broken").replace("460000", "460001"))

    shown = ncco("explain", *words)

    assert code == shown.exit_code
    assert message in shown.stderr


def test_files_are_named_as_the_caller_can_open_them(tmp_path: Path) -> None:
    write_project(tmp_path / "a", shop=SHOP)

    assert "step sales of flow shop, a/flows/shop.yaml:11" in lines_of("shop", "sales", "--flows", "a/flows")[0]
