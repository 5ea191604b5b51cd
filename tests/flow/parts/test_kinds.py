from __future__ import annotations

import pytest

from app.flow.model import Callback
from tests.flow.parts.reading_parts import drafts, faults_of, parts_of, played


@pytest.mark.parametrize(
    "spelling",
    [
        '- talk: "Hello."\n  language: en-GB\n  style: 2',
        '- talk: {text: "Hello.", language: en-GB, style: 2}',
        '- {action: talk, text: "Hello.", language: en-GB, style: 2}',
        '- {action: talk, text: "Hello.", language: en-GB, style: "2"}',
    ],
)
def test_the_three_spellings_say_the_same(spelling: str) -> None:
    assert [{"action": "talk", "text": "Hello.", "language": "en-GB", "style": 2}] == played(spelling)


@pytest.mark.parametrize(
    ("item", "action"),
    [
        ("- talk: Hello", {"action": "talk", "text": "Hello"}),
        ("- stream: https://example.com/a.mp3", {"action": "stream", "streamUrl": ["https://example.com/a.mp3"]}),
        ("- stream: [https://example.com/a.mp3]", {"action": "stream", "streamUrl": ["https://example.com/a.mp3"]}),
        ("- record: {}", {"action": "record"}),
        ("- record: true", {"action": "record"}),
        ("- record: true\n  endOnKey: '#'", {"action": "record", "endOnKey": "#"}),
        ("- record: {endOnSilence: 4, beepStart: true}", {"action": "record", "endOnSilence": 4, "beepStart": True}),
        ("- conversation: standup", {"action": "conversation", "name": "standup"}),
        ("- conversation: standup\n  record: true", {"action": "conversation", "name": "standup", "record": True}),
        ("- notify: {stage: greeted}", {"action": "notify", "payload": {"stage": "greeted"}}),
        ("- notify: {payload: {stage: greeted}}", {"action": "notify", "payload": {"stage": "greeted"}}),
        ("- wait: 0.5", {"action": "wait", "timeout": 0.5}),
        ("- wait: {timeout: 2}", {"action": "wait", "timeout": 2}),
        ("- transfer: CON-1", {"action": "transfer", "conversationId": "CON-1"}),
        ("- {action: transfer, conversation_id: CON-1}", {"action": "transfer", "conversationId": "CON-1"}),
        (
            "- transfer: CON-1\n  canHear: [leg-1]",
            {"action": "transfer", "conversationId": "CON-1", "canHear": ["leg-1"]},
        ),
        ("- conversation: room\n  canSpeak: []", {"action": "conversation", "name": "room", "canSpeak": []}),
        (
            "- {action: input, type: [dtmf], dtmf: {maxDigits: 2}}",
            {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 2}},
        ),
    ],
)
def test_main_values_stand_under_the_name(item: str, action: dict[str, object]) -> None:
    assert [action] == played(item)


def test_values_are_computed_for_each_call_and_cast_to_the_type_of_the_field() -> None:
    do = """
        - talk: "Hello {{ caller }}."
          loop: "{{ seconds }}"
          bargeIn: "{{ flag }}"
        - wait: "{{ seconds }}"
    """

    assert [
        {"action": "talk", "text": "Hello Ann.", "loop": 7, "bargeIn": True},
        {"action": "wait", "timeout": 7},
    ] == played(do)


def test_a_spoken_text_may_come_from_a_template_file() -> None:
    templates = {"greeting.j2": "Hello {{ caller }}."}

    assert [{"action": "talk", "text": "Hello Ann.", "style": 1}] == played(
        "- talk: {template: greeting.j2}\n  style: 1", templates=templates
    )
    assert [{"action": "talk", "text": "Hello Ann.", "style": 1}] == played(
        "- talk: {template: greeting.j2, style: 1}", templates=templates
    )
    assert [{"action": "talk", "text": "Hello Ann."}] == played(
        "- talk: {text: {template: greeting.j2}}", templates=templates
    )
    assert [{"action": "talk", "text": "Hello Ann."}] == played(
        "- {action: talk, template: greeting.j2}", templates=templates
    )


def test_defaults_are_inherited_and_the_inner_ones_win() -> None:
    defaults = "talk: {language: en-GB, style: 2}\ninput: {dtmf: {timeOut: 5, maxDigits: 3}}"
    do = """
        - talk: "Hello."
          style: 1
        - input: {dtmf: {maxDigits: 1}}
    """

    assert [
        {"action": "talk", "text": "Hello.", "style": 1, "language": "en-GB"},
        {"action": "input", "dtmf": {"maxDigits": 1, "timeOut": 5}},
    ] == played(do, defaults)


def test_an_own_field_drops_its_inherited_rival() -> None:
    defaults = "conversation: {mute: true}"

    assert [{"action": "conversation", "name": "room", "canSpeak": ["leg-1"]}] == played(
        "- conversation: room\n  canSpeak: leg-1", defaults
    )


def test_a_fault_in_the_defaults_is_reported_once() -> None:
    faults = faults_of("- talk: a\n- talk: b", "talk: {styl: 2}")

    assert ['E202 1:8 talk has no "styl" | did you mean "style"?'] == faults


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("- record: nothing", "E404 1:11 `record` has no main value | write `record: {format: mp3}`"),
        ("- record: false", "E404 1:11 `record` has no main value | write `record: {format: mp3}`"),
        ("- input: [dtmf]", "E404 1:10 `input` has no main value | write `input: {type: dtmf}`"),
        ("- talk: [a, b]", 'E404 1:9 `talk` cannot take a list | write `talk: "Hello."`'),
        ("- wait: [1]", "E404 1:9 `wait` cannot take a list | write `wait: 0.5`"),
        (
            "- talk: a\n  text: b",
            "E403 2:3 `text` stands beside the main value of `talk`, which is the same field | keep one of the two",
        ),
        (
            "- talk: {text: a}\n  style: 1",
            "E403 2:3 `style` stands beside a map of the fields of `talk` | move `style` into that map",
        ),
        ("- talk: a\n  voice: Amy", 'E202 2:3 talk has no "voice" | here it is called language and style'),
        ("- input: {timeOut: 4}", 'E202 1:11 input has no "timeOut" | write it inside `dtmf`'),
        ("- input: {max_digits: 4}", 'E202 1:11 input has no "max_digits" | write it inside `dtmf`'),
        ("- notify: hello", "E404 1:11 `notify` cannot take a text | write `notify: {key: value}`"),
        (
            "- talk: {text: a, template: b.j2}",
            "E403 1:19 a talk has both `text` and `template` | keep one of the two",
        ),
        ("- talk: a\n  langauge: en-GB", 'E202 2:3 talk has no "langauge" | did you mean "language"?'),
        (
            "- talk: a\n  style: two",
            'E313 2:10 `style` of talk cannot be "two" | a whole number is needed, such as 20',
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(item: str, fault: str) -> None:
    assert [fault] == faults_of(item)


@pytest.mark.parametrize(
    ("item", "callback"),
    [
        ("- record: {}", Callback("event", "record", steers=False)),
        ("- connect: '447700900111'", Callback("event", "connect", steers=False)),
        ("- conversation: room\n  record: true", Callback("event", "conversation", steers=False)),
        ("- conversation: room\n  record: '{{ flag }}'", Callback("event", "conversation", steers=False)),
        ("- conversation: room", None),
        ("- conversation: room\n  record: false", None),
        ("- notify: {a: b}", Callback("notify", "notify", steers=False)),
        ("- input: {mode: asynchronous, type: dtmf}", Callback("event", "input", steers=False)),
        ("- input: {type: dtmf}", None),
        ("- record: {eventUrl: https://example.com/r}", None),
        ("- connect: '447700900111'\n  eventUrl: https://example.com/r", None),
        ("- talk: Hello", None),
    ],
)
def test_an_action_asks_for_its_webhook_unless_its_address_is_written(item: str, callback: Callback | None) -> None:
    (draft,) = drafts(parts_of(item))

    assert callback == draft.callback


def test_a_literal_action_is_a_dict_of_its_own_each_time() -> None:
    parts = parts_of("- talk: Hello")
    (first,) = drafts(parts)
    first.action["eventUrl"] = ["changed"]

    (second,) = drafts(parts)
    assert {"action": "talk", "text": "Hello"} == second.action
