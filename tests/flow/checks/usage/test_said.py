from __future__ import annotations

import pytest

from tests.flow.checks.usage.whole_projects import CUSTOMER, codes, faults, flow_text, told

WORD = "w" * 200
OFFER = f"vars: {{offer: {{type: [none, {WORD}], default: none}}}}\n"
HEAD = f"vars: {{offer: {{type: [none, {WORD}], default: none}}, tries: {{type: int, default: 0}}}}\n"


def said(text: str, length: int, head: str = HEAD) -> list[str]:
    """What is wrong with a step that says `text` behind as many other letters."""
    steps = f"hello:\n  set: {{offer: none}}\n  do:\n    - talk: '{'a' * length}{text}'\n  goto: end"
    return [fault.split(" ", 1)[1] for fault in faults(steps, head) if "tries" not in fault]


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("{{ offer }}", 200),
        ("{{ offer | upper }}", 200),
        ("{{ offer | digits }}", 600),
        ('{{ offer | default("x") }}', 200),
        ('{{ "none" if call.from else offer }}', 200),
        ('{{ offer + "!!" }}', 202),
        ("{{ offer[5:100] }}", 95),
        ("{{ call.from }}{{ offer }}", 215),
        ("{{ tries }}{{ offer }}", 219),
        ("{% if tries %}{{ offer }}{% else %}{{ offer }}{{ offer }}{% endif %}", 400),
        ("{% for n in [1, 2] %}{{ offer }}{{ n }}{% endfor %}", 200),
        ("{% set n = offer %}{{ n }}{{ offer }}", 200),
    ],
)
def test_a_text_is_as_long_as_its_longest_values(text: str, most: int) -> None:
    expected = f"W641 this text has {1501:,} characters when its values are at their longest; 1,500 can be said"

    assert [expected] == [fault for fault in said(text, 1501 - most) if "W304" not in fault]
    assert [] == [fault for fault in said(text, 1500 - most) if "W304" not in fault and "W631" not in fault]


def test_tags_are_not_counted() -> None:
    text = "<speak>{{ offer }}" + "<break/>" * 20 + "a" * 1299
    steps = "hello:\n  set: {offer: none}\n  do:\n    - talk: '%s</speak>'\n  goto: end"

    assert [] == faults(steps % f"{text}a", OFFER)
    assert ["W641"] == codes(steps % f"{text}aa", OFFER)


def test_of_a_text_of_any_length_nothing_is_counted() -> None:
    steps = f"hello:\n  lookup: customer\n  do:\n    - talk: '{'a' * 1490} {{{{ customer.name }}}}'\n  goto: end"

    assert [] == faults(steps, CUSTOMER)


@pytest.mark.parametrize(("digits", "expected"), [("4", []), ("4..20", ["W641"])])
def test_digits_that_a_caller_keys_in_are_counted(digits: str, expected: list[str]) -> None:
    steps = (
        f"hello:\n  do:\n    - talk: Your number?\n  collect: {{into: number, digits: {digits}}}\n  goto: bye\n"
        f"  retry: {{then: end}}\nbye:\n  do:\n    - talk: '{'a' * 1490}{{{{ number }}}}'\n  goto: end"
    )

    assert expected == [code for code in codes(steps) if code not in {"W605", "W606"}]


def test_speech_that_a_caller_gives_may_have_any_length() -> None:
    steps = (
        "hello:\n  do:\n    - talk: Why?\n  collect: {into: why, speech: any, digits: 1..20}\n  goto: bye\n"
        f"  retry: {{then: end}}\nbye:\n  do:\n    - talk: '{'a' * 1490}{{{{ why }}}}'\n  goto: end"
    )

    assert [] == faults(steps)


def test_an_included_file_counts() -> None:
    texts = {
        "flows/test.yaml": flow_text(
            "hello:\n  set: {offer: none, tries: '1'}\n  do:\n    - talk: {template: a.j2}\n  goto: end", HEAD
        ),
        "templates/a.j2": '{% include "b.j2" %}{{ offer }}{{ tries }}',
        "templates/b.j2": "b" * 1400,
    }

    assert ["flows/test.yaml:9:26 W641"] == [" ".join(fault.split()[:2]) for fault in told(texts)]


def styled(type_: str, value: str, default: str, head: str = "") -> list[str]:
    """What is wrong with a talk with one computed field."""
    steps = f"hello:\n  do:\n    - talk: Hello.\n      {value}\n  goto: end"
    variable = f"vars: {{s: {{type: {type_}, default: {default}}}}}\n" if type_ else ""
    return [fault.split(" ", 1)[1] for fault in faults(steps, variable + head)]


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ('["1", "2"]', 'level: "{{ s }}"', 'E401 2 is not between -1 and 1. (when s is "2")'),
        ('["1", loud]', 'style: "{{ s }}"', 'E313 this does not fit when s is "loud": s does not fit: a whole number'),
        ('["1", "99"]', 'style: "{{ s }}"', 'W401 en-US has no style 99. (when s is "99")'),
        ("[en-GB, xx-YY]", 'language: "{{ s }}"', 'W401 "xx-YY" is not in the list of languages. (when s is'),
        ('["99", loud, "1"]', 'style: "{{ s }}"', 'E313 this does not fit when s is "loud"'),
    ],
)
def test_each_declared_word_has_to_fit_its_field(type_: str, value: str, expected: str) -> None:
    (fault,) = styled(type_, value, '"1"' if '"1"' in type_ else "en-GB")

    assert fault.startswith(expected)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ('["1", "0.5"]', 'level: "{{ s }}"'),
        ("int", 'style: "{{ s }}"'),
        ("[en-GB, en-US]", 'language: "{{ s }}"\n      style: 99'),
        ('["1"]', 'style: "{{ s | int + call.custom_data.n }}"'),
        (f"[{', '.join(f'x{number}' for number in range(25))}]", 'language: "{{ s }}"'),
    ],
)
def test_only_declared_words_are_tried(type_: str, value: str) -> None:
    default = "x1" if "x1" in type_ else "en-GB" if "en-GB" in type_ else '"1"'

    assert [] == [fault for fault in styled(type_, value, default) if "(when" in fault or "E313" in fault]


def test_the_words_of_a_look_up_are_tried() -> None:
    head = "lookups: {voice: {get: 'https://example.com/', returns: {level: ['1', '5']}, default: {level: '1'}}}\n"
    steps = "hello:\n  lookup: voice\n  do:\n    - talk: Hello.\n      level: '{{ voice.level }}'\n  goto: end"

    assert ['10:16 E401 5 is not between -1 and 1. (when voice.level is "5")'] == faults(steps, head)
