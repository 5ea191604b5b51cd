"""What is written into scenario files, and what is renamed there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ncco_studio.editing.fixes import with_edits
from ncco_studio.editing.names import Name, NameKind, ProjectNames
from ncco_studio.editing.rename import CannotRename, edits_of
from ncco_studio.verify.scenarios.expectations import is_part
from ncco_studio.verify.scenarios.files import WrittenScenario, updated
from ncco_studio.verify.scenarios.model import read_scenarios
from ncco_studio.verify.scenarios.names import Meanings
from ncco_studio.verify.scenarios.script import (
    Alternative,
    DialStep,
    EndStep,
    HangUpStep,
    HearStep,
    PressStep,
    RecordedMessage,
    RecordStep,
    ScriptedParty,
    ScriptStep,
    SilenceStep,
    SpeakStep,
    SpokenInput,
    WaitStep,
)
from ncco_studio.verify.scenarios.values import Excerpt
from tests.support.cases import each_case

UNSURE = SpokenInput(text="sales", confidence=0.4, alternatives=(Alternative(text="sails", confidence=0.3),))
PARTY = ScriptedParty(to="447700900111", outcome="busy", rings=2.5, talks=1200.25, hangs_up="caller", presses=("1", ""))
STEPS = (
    HearStep(texts=(Excerpt('He said: "yes" \u2028'),)),
    PressStep(keys="1"),
    PressStep(keys="#", at_s=1.5),
    SpeakStep(speech=SpokenInput(text="yes")),
    SpeakStep(speech=UNSURE, at_s=12.345),
    SilenceStep(),
    DialStep(party=PARTY),
    RecordStep(message=RecordedMessage(seconds=7.5, key="#")),
    RecordStep(),
    WaitStep(seconds=3600.125),
    HangUpStep(when=17.25),
    HangUpStep(),
    EndStep(),
)


@each_case("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_written_step_is_read_back_unchanged(step: ScriptStep) -> None:
    body = {"call": {"flow": "shop"}, "script": [step.as_written()], "expect": {"end": "hangup"}}
    (read,), issues = read_scenarios("calls.yaml", WrittenScenario("yes", body).text)

    assert [] == issues
    assert ("yes", "shop") == (read.name, read.flow)
    assert [step.as_written()] == [each.as_written() for each in read.script]


def test_recorded_prompts_replace_the_open_expectations() -> None:
    text = 'a:\r\n  # first\r\n  script: [hear, press: 25, hear: "?"]  # "?"\nb:\n  script:\n  - hear\n'
    scenarios, _ = read_scenarios("calls.yaml", text)
    excerpts = [
        each for scenario in scenarios for step in scenario.script if isinstance(step, HearStep) for each in step.texts
    ]

    assert (
        'a:\r\n  # first\r\n  script: [hear: "One.", press: 25, hear: "Two."]  # "?"\nb:\n  script:\n  - hear: "One."\n'
    ) == updated(text, zip(excerpts, ("One.", "Two.", "One."), strict=True))


def test_the_text_none_is_not_a_missing_value() -> None:
    assert not is_part("None", None)
    assert not is_part(None, "None")
    assert is_part({"name": None}, {"name": None, "id": 1})


@each_case(
    "written, value",
    [("-1.50", -1.5), ("true", True), ("007", "007"), ("1\u0663", "1\u0663"), ("1" * 5000, "1" * 5000)],
)
def test_only_what_json_calls_a_number_is_one(written: str, value: object) -> None:
    (read,), _ = read_scenarios("calls.yaml", f"a: {{script: [hear], expect: {{variables: {{x: {written}}}}}}}")

    assert value == read.expect.variables["x"].value


DECLARED = 'lookups: {b: {get: "https://crm.example.com", returns: {x: text}}}'
FLOWS = {
    "flows/shared.yaml": 'shared: true\nhooks: {crm: {post: "https://crm.example.com"}}\n',
    "flows/one.yaml": f"flow: one\nnumbers: ['442079460001']\nstart: a\n{DECLARED}\n"
    "steps: {a: {lookup: b, send: crm, run: sub, on: {otherwise: end}}}\n",
    "flows/two.yaml": f"flow: two\nentry: true\nstart: a\n{DECLARED}\nsteps: {{a: {{lookup: b, goto: end}}}}\n",
    "flows/sub.yaml": f"flow: sub\nstart: a\n{DECLARED}\nsteps: {{a: {{lookup: b, goto: return}}}}\n",
}
FILE = "tests/scenarios/calls.yaml"


def scenarios_after(
    text: str, kind: NameKind, name: str, flow: str, new: str, *, flows: Mapping[str, str] = FLOWS
) -> str:
    names = ProjectNames(flows)
    texts = {FILE: text}
    old = names.definitions(kind, f"flows/{flow}.yaml")[name]
    return with_edits(texts, edits_of(Meanings(texts, names).renamed(old, new), texts, new))[FILE]


@each_case(
    ("kind", "name", "flow", "before", "after"),
    [
        ("lookups", "b", "one", "c: {flow: one, given: {one.b: {x: 1}}}", "c: {flow: one, given: {one.fee: {x: 1}}}"),
        ("lookups", "b", "two", "c: {flow: one, given: {one.b: {x: 1}}}", None),
        ("lookups", "b", "two", "c: {flow: two, given: {b: {x: 1}}}", "c: {flow: two, given: {fee: {x: 1}}}"),
        ("lookups", "b", "one", "c: {flow: two, given: {b: {x: 1}}}", None),
        ("lookups", "b", "two", "defaults: {given: {b: 1}}\nc: {flow: two}", "defaults: {given: {fee: 1}}\nc: {flow: two}"),  # noqa: E501 - one case, one line
        ("lookups", "b", "two", "defaults: {flow: two}\nc: {given: {'b': 1}}", "defaults: {flow: two}\nc: {given: {'fee': 1}}"),  # noqa: E501 - one case, one line
        ("hooks", "crm", "shared", "c: {to: +44 20 7946 0001, expect: {hooks: [crm]}}", "c: {to: +44 20 7946 0001, expect: {hooks: [fee]}}"),  # noqa: E501 - one case, one line
        ("hooks", "crm", "shared", "c: {flow: two, expect: {hooks: [{crm: 1}]}}", "c: {flow: two, expect: {hooks: [{fee: 1}]}}"),  # noqa: E501 - one case, one line
        ("flows", "two", "two", "c: {flow: two, given: {two.b: 1}}", "c: {flow: fee, given: {fee.b: 1}}"),
        ("flows", "two", "two", "c: {call: {flow: two}, given: {b: 1}}", "c: {call: {flow: fee}, given: {b: 1}}"),
    ],
)  # fmt: skip
def test_a_name_is_changed_where_it_is_meant(
    kind: NameKind, name: str, flow: str, before: str, after: str | None
) -> None:
    assert (before if after is None else after) == scenarios_after(before, kind, name, flow, "fee")


@each_case(
    ("flow", "text", "new", "reason"),
    [
        ("one", "c: {flow: one, given: {b: {x: 1}}}", "fee", 'calls.yaml:1:24 means "b" of the flows one, sub: write `one.b` and `sub.b` first'),  # noqa: E501 - one case, one line
        ("sub", "c: {flow: one, given: {b: {x: 1}}}", "fee", "write `one.b` and `sub.b` first"),
        ("two", "defaults: {given: {b: 1}}\nc: {flow: two}\nd: {flow: one}", "fee", "means \"b\" of the flows one, sub, two"),  # noqa: E501 - one case, one line
        ("two", "c: {flow: two, given: {fee: {x: 1}}}", "fee", 'already uses "fee"'),
        ("two", 'c: {flow: two, given: {"\\x62": {x: 1}}}', "fee", "write it without them first"),
    ],
)  # fmt: skip
def test_a_name_that_means_two_things_is_refused_with_the_reason(flow: str, text: str, new: str, reason: str) -> None:
    with pytest.raises(CannotRename) as refused:
        scenarios_after(text, "lookups", "b", flow, new)
    assert reason in str(refused.value)


def test_a_name_of_another_flow_of_the_call_is_refused() -> None:
    sub = FLOWS["flows/sub.yaml"].replace(" {b:", " {fee:").replace("lookup: b", "lookup: fee")
    flows = {**FLOWS, "flows/sub.yaml": sub}
    with pytest.raises(CannotRename, match='would also mean another "fee"'):
        scenarios_after("c: {flow: one, given: {b: {x: 1}}}", "lookups", "b", "one", "fee", flows=flows)


def test_an_answer_that_no_flow_of_the_call_needs_keeps_its_lookup_name() -> None:
    flows = {path: text for path, text in FLOWS.items() if path not in ("flows/one.yaml", "flows/sub.yaml")}
    flows["flows/other.yaml"] = "flow: other\nentry: true\nstart: a\nsteps: {a: {goto: end}}\n"
    text = "c: {flow: other, given: {b: {x: 1}}}"
    assert text.replace("b:", "fee:") == scenarios_after(text, "lookups", "b", "two", "fee", flows=flows)


def test_references_include_only_the_same_thing() -> None:
    names = ProjectNames(FLOWS)
    text = "c: {flow: one, given: {one.b: 1, sub.b: 2, two.b: 3}}\nd: {flow: one, given: {b: 1}}\n"
    definition: Name = names.definitions("lookups", "flows/one.yaml")["b"]
    found = Meanings({FILE: text}, names).references(definition)
    assert [(1, 28), (2, 24)] == [(each.place.line, each.place.column) for each in found]
