"""The JSON Schema of flow files: files that load are valid, common mistakes are not, and every key is described."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ncco_server.flow.actions.item import ACTIONS, ITEM_WORDS
from ncco_server.flow.files import HANDLER_SUFFIX, is_flow_file, read_project
from ncco_server.flow.grammar.fields import ENDPOINT_TYPES
from ncco_server.flow.grammar.locales import Locale
from ncco_server.flow.grammar.variables import Declaration
from ncco_server.flow.hours.declaration import HoursWords
from ncco_server.flow.issues import RULES, RUNNING_RULES
from ncco_server.flow.language.choice import ChoiceDefinition
from ncco_server.flow.language.collect import DataEntry
from ncco_server.flow.language.defaults import Defaults
from ncco_server.flow.language.flow import FlowWords
from ncco_server.flow.language.hooks import HookDefinition
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.retry import RetryWords
from ncco_server.flow.language.shared import SharedWords
from ncco_server.flow.language.step import STEP_WORDS
from ncco_studio.schema import OfferedNames, flow_schema, project_names
from tests.support.cases import each_case
from tests.support.rule_examples import write_example
from tests.support.tracked import ROOT, tracked_files
from tests.unit.studio.schema.editor_yaml import as_editor_reads

FOREIGN_NAMES: OfferedNames = dict(zip(project_names({}), zip("abcdefghi", strict=True), strict=True))
LOADING_EXAMPLES = [
    f"{code} {kind}"
    for code, rule in (*RULES.items(), *RUNNING_RULES.items())
    for kind in ("bad", "good")
    if kind == "good" or rule.severity == "warning" or code in RUNNING_RULES
]
PROJECTS = sorted(
    str(folder.parent)
    for folder in {Path(name).parent for name in tracked_files()}
    if folder.name == "flows" and folder.parts[0] not in ("app", "tests")
)


@cache
def flow_files(*, with_names: bool = False) -> Any:
    return flow_schema(FOREIGN_NAMES if with_names else None)


@cache
def validator(*, with_names: bool = False) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(flow_files(with_names=with_names))


def definitions() -> Any:
    return flow_files()["definitions"]


@pytest.mark.parametrize("with_names", [False, True], ids=["plain", "foreign names"])
def test_the_schema_is_valid(with_names: bool) -> None:
    draft = jsonschema.Draft7Validator(jsonschema.Draft7Validator.META_SCHEMA)

    assert [] == [error.message for error in draft.iter_errors(flow_files(with_names=with_names))]


@each_case("name", LOADING_EXAMPLES)
def test_an_example_that_loads_is_valid(name: str, tmp_path: Path) -> None:
    code, kind = name.split()
    rule = RULES.get(code) or RUNNING_RULES[code]
    write_example(getattr(rule, kind), tmp_path)

    assert [] == faults_of(tmp_path)


@each_case("name", PROJECTS)
def test_a_project_that_loads_is_valid(name: str) -> None:
    assert [] == faults_of(ROOT / name)


def faults_of(root: Path) -> list[str]:
    """The schema errors of a project's flow files, also with a schema that offers the names of another project."""
    texts, _ = read_project(root / "flows", root / "templates")
    flows = [read(text) for path, text in texts.items() if is_flow_file(path)]

    assert flows or any(path.endswith(HANDLER_SUFFIX) for path in texts)
    both = (validator(), validator(with_names=True))
    errors = [error for flow in flows for each in both for error in each.iter_errors(flow)]
    return [f"{list(error.absolute_path)}: {error.message}" for error in errors]


def read(text: str) -> Any:
    return as_editor_reads(text)


RICH = """\
flow: rich
numbers: [442079460000, "+44 20 7946 0001"]
entry: true
start: hello
params: {team: text, tries: {type: int, default: 3}, tier: [gold, standard]}
outcomes: [done]
returns: {account: text}
locales: {en: {language: en-GB, style: 2}, fr: {language: fr-FR, premium: true, speech: fr-CA}}
vars: {seen: {type: list, default: []}, ticket: {type: text, default: ""}}
hours:
  office:
    timezone: Europe/London
    week: {mon-fri: [09:00-12:00, 13:00-17:30], sat: 10:00-14:00, sun: closed}
    holidays: [{country: GB, subdivision: ENG}, 2026-12-24, {2026-12-31: New Year's Eve}]
    override: {2026-12-24: 09:00-12:00, 2027-01-02: {hours: closed, name: Inventory}}
lookups:
  customer:
    get: "{{ env.CRM_URL }}/callers/{{ call.from }}"
    timeout: 700ms
    cache: 30s
    headers: {Authorization: "Bearer {{ env.TOKEN }}"}
    params: {item: text}
    returns: {name: text, tier: [gold, standard], agents: [{name: text, pin: {type: text, sensitive: true}}],
              card: {type: {code: text}, sensitive: true}, flags: {type: text, sensitive: bool}}
    default: {name: "", tier: standard}
  own: {python: "shop.stock:level", with: {item: "{{ ticket }}"}, returns: {level: int}}
hooks:
  saved: {post: "{{ env.CRM_URL }}/voicemails", json: {caller: "{{ call.from }}"}, params: {reason: text}}
events: {hangup: saved}
defaults:
  talk: {style: 3, loop: "2"}
  connect: {timeout: 20, from: 442079460000}
  retry: {noinput: {en: ["Sorry?"], fr: ["Pardon ?"]}, then: {run: other, with: {a: 1}}}
  choices: {operator: {dtmf: [0, "*"], speech: {en: [operator], fr: standard}, goto: end}}
  min_confidence: 0.4
  on: {error: hello}
steps:
  hello:
    lookup: [customer, {own: {item: "{{ ticket }}"}}]
    set: {seen: [a, "{{ ticket }}"], locale: fr}
    send: {saved: {reason: "new"}}
    do:
      - talk: {en: "Hello.", fr: {template: bonjour.j2}}
        bargeIn: "{{ ticket == 'x' }}"
      - {action: talk, text: "Hello.", level: 0.5}
      - talk: {template: hello.j2}
      - stream: [https://example.com/a.mp3]
        level: -0.5
      - record: true
      - record: {split: conversation, channels: 2, eventUrl: https://example.com/rec}
      - conversation: room
        record: true
        canSpeak: []
      - notify: {stage: greeted, number: 3}
      - wait: 1.5
      - checkpoint: heard
      - ncco: list.json.j2
      - input: {dtmf: {timeOut: 5}}
      - connect:
          - 447700900111
          - {type: sip, uri: "sip:a@example.com", headers: {X-A: b}, timeout: 30}
          - {type: phone, number: "{{ ticket }}", onAnswer: {run: whisper, with: {team: sales}}}
          - {endpoint: {type: app, user: anna}, timeout: 10}
      - {action: connect, endpoint: [{type: websocket, uri: "wss://x.example.com", content-type: audio/l16;rate=8000}]}
      - connect: [{number: 447700900111, timeout: 5}, {uri: "sip:a@example.com"}, {uri: "wss://example.com/x"}]
    events: {record: [saved, {saved: {reason: x}}]}
    tail: false
    choices:
      one: {dtmf: 12, goto: {goto: hello, set: {ticket: "1"}}}
      two: {dtmf: "#", goto: {return: done, set: {account: "1"}}}
    retry: {noinput: [{talk: "Again?", style: 4}, {stream: https://example.com/x.mp3}, {template: a.j2}],
            nomatch: "What?", tries: 3, reprompt: false, then: {noinput: end, nomatch: return}}
    on: {error: end}
  hold:
    hold: {until: customer.ok, up_to: 10m}
    on: {ready: end, too_long: {run: other}}
  run:
    run: other
    with: {a: 1, b: [x]}
    on: {done: end, otherwise: end, error: end}
  collect:
    collect: {into: ticket, digits: 6..8, check: ticket != "0", min_confidence: 0.3, sensitive: true}
    goto: end
  branch:
    branch:
      - {if: hours.office.open, goto: end}
      - else: {run: other}
"""
SHARED = """\
shared: true
hours: {office: {timezone: Europe/London, week: {mon-sun: 09:00-17:30}, holidays: {country: GB}}}
defaults: {talk: {language: en-GB}}
"""


@pytest.mark.parametrize("text", [RICH, SHARED])
def test_every_form_of_every_word_is_valid(text: str) -> None:
    found = [f"{list(error.absolute_path)}: {error.message}" for error in validator().iter_errors(read(text))]

    assert [] == found


@each_case(
    ("right", "wrong"),
    [
        ("entry: true", "entyr: true"),
        ("start: hello", "begin: hello"),
        ("tail: false", "tial: false"),
        ("style: 3, loop", "stile: 3, loop"),
        ("level: 0.5", "level: 2.5"),
        ("- talk: {template: hello.j2}", "- say: hello"),
        ("- talk: {template: hello.j2}", "- talk"),
        ("action: talk", "action: tlak"),
        ("tries: 3, reprompt", "max: 3, reprompt"),
        ("dtmf: 12,", "dtmf: one,"),
        (", up_to: 10m", ""),
        ("      - else: {run: other}\n", "      - {if: customer.ok, goto: end}\n"),
        ("digits: 6..8", "digits: six"),
        ("{if: hours.office.open, goto: end}", "{if: hours.office.open}"),
        ("type: sip", "type: sips"),
        ("- checkpoint: heard", "- {checkpoint: heard, loop: 1}"),
        ("sensitive: true", "sensitive: perhaps"),
        ("pin: {type: text, sensitive: true}", "pin: {type: text, sensitiv: true}"),
        ("pin: {type: text, sensitive: true}", "pin: text, sensitive: true"),
        ("card: {type: {code: text}, sensitive: true}", "card: {type: txt, sensitive: true}"),
        ("{language: en-GB, style: 2}", "{langauge: en-GB, style: 2}"),
    ],
)
def test_common_mistakes_are_invalid(right: str, wrong: str) -> None:
    text = RICH.replace(right, wrong, 1)

    assert RICH != text
    assert not validator().is_valid(read(text))


@pytest.mark.parametrize("wrong", ["shared: true\nsteps: {}\n", "shared: true\nvars: {}\n"])
def test_a_shared_file_has_no_steps_and_variables(wrong: str) -> None:
    assert not validator().is_valid(read(wrong))


@each_case(
    ("place", "words"),
    [
        (("flow_file",), FlowWords.words()),
        (("shared_file",), SharedWords.words()),
        (("step",), STEP_WORDS),
        (("step", "properties", "collect"), DataEntry.words()),
        (("choices", "additionalProperties"), ChoiceDefinition.words()),
        (("retry",), RetryWords.words()),
        (("defaults",), (*ACTIONS, *Defaults.words())),
        (("vars", "additionalProperties"), Declaration.words()),
        (("lookups", "additionalProperties"), LookupDefinition.words()),
        (("hooks", "additionalProperties"), HookDefinition.words()),
        (("hours", "additionalProperties"), HoursWords.words()),
        (("locales", "additionalProperties"), Locale.words()),
        (("item",), (*ITEM_WORDS, "action")),
    ],
)
def test_every_key_of_the_loader_is_in_the_schema_with_a_description(
    place: tuple[str, ...], words: tuple[str, ...]
) -> None:
    node = definitions()
    for key in place:
        node = node[key]

    assert sorted(words) == sorted(node["properties"])
    assert [] == [word for word, schema in node["properties"].items() if not schema.get("description")]


@each_case("word", ACTIONS)
def test_every_option_of_an_action_is_described(word: str) -> None:
    properties = definitions()[f"{word}_pasted"]["properties"]

    assert [] == [name for name, schema in properties.items() if not schema.get("description")]


@each_case("kind", ENDPOINT_TYPES)
def test_every_endpoint_accepts_its_own_fields_and_the_fields_of_connect(kind: str) -> None:
    properties = definitions()[f"{kind}_target"]["properties"]

    assert {"type", "timeout", "from"} <= set(properties)
    assert kind == properties["type"]["const"]


def test_the_names_of_a_project_are_offered() -> None:
    texts = {"flows/rich.yaml": RICH, "flows/shared.yaml": SHARED, "templates/hello.j2": "Hi"}
    schema = flow_schema(project_names(texts))
    definitions = schema["definitions"]
    into = definitions["step"]["properties"]["collect"]["properties"]["into"]

    steps = ["branch", "collect", "hello", "hold", "run"]
    assert {"enum": [*steps, "end", "return"]} in definitions["goto"]["anyOf"]
    assert {"enum": ["customer", "own"]} in definitions["asked"]["anyOf"]
    assert {"enum": ["saved"]} in definitions["sent"]["anyOf"]
    assert {"enum": ["rich"]} in definitions["step"]["properties"]["run"]["anyOf"]
    assert {"enum": ["hello.j2"]} in definitions["ncco_item"]["properties"]["ncco"]["anyOf"]
    assert {"enum": ["seen", "team", "ticket", "tier", "tries"]} in into["anyOf"]
    assert {"done"} <= set(definitions["on"]["properties"])
    assert {"en", "fr"} == set(definitions["talk_item"]["properties"]["talk"]["anyOf"][2]["properties"])


@each_case("text", ["", "- a\n", "flow: [a]\nsteps: [b]\noutcomes: {a: b}\nvars: x\n", "{{{", "\x00"])
def test_a_file_that_is_not_a_flow_gives_no_names(text: str) -> None:
    assert not any(project_names({"flows/x.yaml": text}).values())
