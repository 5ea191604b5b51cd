from __future__ import annotations

import pytest

from app.flow.actions.connect import Connect
from app.flow.loader import load
from app.flow.model import Project
from tests.flow.loading_flows import HEAD
from tests.flow.parts.reading_parts import faults_of, played

WHISPER = (
    "flow: whisper\nentry: true\nparams: {team: text, pin: {type: text, default: '', sensitive: true}}\nstart: hello\n"
    + ("steps:\n  hello: {do: [talk: 'A call for {{ team }}.'], goto: end}\n")
)


def project(connect: str, head: str = "") -> Project:
    step = f"steps:\n  hello:\n    do:\n      - connect: {connect}\n    on: {{completed: end, otherwise: end}}\n"
    return load({"flows/test.yaml": HEAD + head + step, "flows/whisper.yaml": WHISPER})


def faults(connect: str, head: str = "") -> list[str]:
    return [f"{issue.code} {issue.message} → {issue.cure}" for issue in project(connect, head).issues]


def heard(connect: str) -> list[str | None]:
    """The flow that each target hears."""
    found = project(connect)
    assert not found.issues, found.issues
    part = found.flows["test"].steps["hello"].parts[0]
    assert isinstance(part, Connect)
    return [target.heard.flow if target.heard else None for target in part.targets]


@pytest.mark.parametrize(
    ("connect", "flows"),
    [
        ('{number: "447700900111", onAnswer: {run: whisper, with: {team: sales}}}', ["whisper"]),
        ('{type: phone, number: "447700900111", onAnswer: {run: whisper, with: {team: a}}}', ["whisper"]),
        ('"447700900111"\n        onAnswer: {run: whisper, with: {team: sales}}', ["whisper"]),
        ('["447700900111", "447700900222"]\n        onAnswer: {run: whisper, with: {team: a}}', ["whisper", "whisper"]),
        ('[{number: "447700900111", onAnswer: {run: whisper, with: {team: a}}}, "447700900222"]', ["whisper", None]),
        ('{endpoint: [{type: phone, number: "447700900111", onAnswer: {run: whisper, with: {team: a}}}]}', ["whisper"]),
    ],
)
def test_a_phone_hears_the_flow_that_is_named(connect: str, flows: list[str | None]) -> None:
    assert flows == heard(connect)


def test_the_flow_is_part_of_the_flow_that_dials() -> None:
    flow = project('{number: "447700900111", onAnswer: {run: whisper, with: {team: a}}}').flows["test"]

    assert {"whisper"} == set(flow.subs)
    assert "flows/whisper.yaml" in flow.sources


def test_a_url_stays_what_it_is() -> None:
    (action,) = played("- connect: {number: '447700900111', onAnswer: {url: 'https://example.com/n'}}")
    (beside,) = played("- connect: '447700900111'\n  onAnswer: {url: 'https://example.com/n'}")

    assert {"url": "https://example.com/n"} == action["endpoint"][0]["onAnswer"]
    assert action == beside


def test_what_a_target_says_wins_over_what_stands_beside_the_list() -> None:
    (action,) = played(
        "- connect: [{number: '447700900111', onAnswer: {url: 'https://a.example/n'}}]\n"
        "  onAnswer: {url: 'https://b.example/n'}"
    )

    assert {"url": "https://a.example/n"} == action["endpoint"][0]["onAnswer"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("{run: whisper}", 'E271 the flow "whisper" needs "team" → write `with: {team: ..}`'),
        ("{run: whisper, with: {team: a, tem: b}}", 'E270 the flow "whisper" takes no "tem" → did you mean "team"?'),
        ("{run: wisper, with: {team: a}}", 'E272 there is no flow "wisper" → did you mean "whisper"?'),
        ("{flow: whisper, with: {team: a}}", 'E202 `onAnswer` has no "flow" → write `run`'),
        ("{with: {team: a}}", "E204 `onAnswer` has no `run` → add `run: flow`"),
        (
            "{run: whisper, with: {team: a}, url: 'https://a.example/n'}",
            "E285 `onAnswer` names a flow and another server, and the other party hears one of them"
            " → keep `run` or `url`",
        ),
        (
            "{run: whisper, with: {team: a, pin: '1'}}",
            'E286 "pin" of the flow "whisper" is sensitive, and would be kept until somebody answers'
            " → let that flow do without it, or ask for it there",
        ),
        ("whisper", "E201 `onAnswer` is a text → write `onAnswer: {run: whisper}`"),
        ("https://a.example/n", "E201 `onAnswer` is a text → write `onAnswer: {url: https://a.example/n}`"),
        (
            "{run: whisper, with: {team: a}, ringbackTone: nowhere}",
            'E313 `ringbackTone` of `onAnswer` of the phone endpoint cannot be "nowhere"'
            " → a URL is needed, such as https://example.com/hold.mp3",
        ),
        (
            "{run: whisper, with: {team: a}, ringbackTones: 'https://a.example/r.mp3'}",
            'E202 `onAnswer` has no "ringbackTones" → did you mean "ringbackTone"?',
        ),
    ],
)
def test_a_fault_is_reported_once_with_its_cure(answer: str, fault: str) -> None:
    assert [fault] == faults(f'{{number: "447700900111", onAnswer: {answer}}}')


@pytest.mark.parametrize("name", ["onanswer", "on_answer", "OnAnswer"])
def test_another_spelling_of_it_is_told(name: str) -> None:
    assert [f'E202 connect has no "{name}" → did you mean "onAnswer"?'] == faults(
        f'"447700900111"\n        {name}: {{run: whisper, with: {{team: sales}}}}'
    )


def test_a_secret_cannot_be_given_in_the_open() -> None:
    found = faults(
        '{number: "447700900111", onAnswer: {run: whisper, with: {team: "{{ code }}"}}}',
        "vars: {code: {type: text, default: '', sensitive: true}}\n",
    )

    assert ["E226"] == [fault[:4] for fault in found]


def test_a_faulty_flow_to_hear_is_not_blamed_twice() -> None:
    files = {
        "flows/test.yaml": HEAD
        + "steps:\n  hello:\n    do: [connect: {number: '447700900111', onAnswer: {run: whisper, with: {a: b}}}]\n"
        + "    on: {completed: end, otherwise: end}\n",
        "flows/whisper.yaml": WHISPER + "  more: [\n",
    }

    assert ["E114"] == [issue.code for issue in load(files).issues]


@pytest.mark.parametrize("answer", ["{run: [whisper]}", "[whisper]"])
def test_what_is_no_name_is_reported_once(answer: str) -> None:
    assert ["E201"] == [fault[:4] for fault in faults(f'{{number: "447700900111", onAnswer: {answer}}}')]


@pytest.mark.parametrize("target", ["sip:desk@pbx.example.com", "{user: ann}"])
def test_only_a_phone_hears_something_first(target: str) -> None:
    (found,) = faults_of(f"- connect: {target}\n  onAnswer: {{url: 'https://a.example/n'}}")

    assert found.startswith('E202 2:3 connect has no "onAnswer"')
