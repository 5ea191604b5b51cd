from __future__ import annotations

import pytest

from tests.flow.loading_flows import codes_of, faults_of, flow_of

HELLO = """
hello:
  do:
    - talk: "Hello."
  goto: end
"""
USES = """
hello:
  branch:
    - if: count > 3
      goto: end
    - else: end
"""


@pytest.mark.parametrize(
    ("written", "type_name", "default", "words"),
    [
        ("{type: text}", "text", "", ()),
        ("{type: int}", "int", 0, ()),
        ("{type: int, default: 3}", "int", 3, ()),
        ("{type: number, default: 0.5}", "number", 0.5, ()),
        ("{type: number}", "number", 0.0, ()),
        ("{type: bool, default: true}", "bool", True, ()),
        ("{type: bool}", "bool", False, ()),
        ("{type: phone}", "phone", "", ()),
        ('{type: phone, default: ""}', "phone", "", ()),
        ('{type: phone, default: "+44 7700 900123"}', "phone", "447700900123", ()),
        ("{type: url, default: https://example.com/a}", "url", "https://example.com/a", ()),
        ("{type: list}", "list", [], ()),
        ("{type: list, default: [a, b]}", "list", ["a", "b"], ()),
        ("{type: map}", "map", {}, ()),
        ("{type: map, default: {a: b, c: [d]}}", "map", {"a": "b", "c": ["d"]}, ()),
        ("{type: [gold, silver], default: silver}", "text", "silver", ("gold", "silver")),
    ],
)
def test_a_variable_is_what_is_declared(written: str, type_name: str, default: object, words: tuple[str]) -> None:
    variable = flow_of(HELLO, f"vars: {{it: {written}}}\n").variables["it"]

    assert (type_name, default, words) == (variable.type_name, variable.default, variable.words)
    assert not variable.sensitive


def test_a_variable_may_be_sensitive() -> None:
    assert flow_of(HELLO, "vars: {pin: {type: text, sensitive: true}}\n").variables["pin"].sensitive


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("[count]", "E201 `vars` is a list → write `vars: {name: {type: text}}`"),
        ("{it: text}", "E201 the variable it is not described by a map → write `it: {type: text}`"),
        ("{it: 3}", "E201 the variable it is not described by a map → write `it: {type: int, default: 3}`"),
        ("{it: true}", "E201 the variable it is not described by a map → write `it: {type: bool, default: true}`"),
        (
            "{it: [a]}",
            "E201 the variable it is not described by a map → write `it: {type: list, default: [..]}`; "
            "for one of these words, `{type: [..], default: a}`",
        ),
        ("{it: []}", 'E201 the variable it is not described by a map → write `it: {type: text, default: ""}`'),
        ("{it: {typ: text}}", 'E202 the variable "it" has no "typ" → did you mean "type"?'),
        ("{it: {default: 3}}", 'E204 the variable "it" has no `type` → write `type: int`'),
        ('{it: {default: "3"}}', 'E204 the variable "it" has no `type` → write `type: text`'),
        ("{it: {default: [a]}}", 'E204 the variable "it" has no `type` → write `type: list`'),
        ("{it: {default: {a: b}}}", 'E204 the variable "it" has no `type` → write `type: map`'),
        ("{it: {}}", 'E204 the variable "it" has no `type` → write `type: text`'),
        ("{it: {type: [a, b]}}", 'E204 the variable "it" has no `default` → write `default: a`'),
        ("{it: {type: []}}", 'E203 `type` of the variable "it" allows no word → list the allowed words'),
        ("{it: {type: {a: b}}}", 'E201 `type` of the variable "it" is a map → write a text here'),
        ("{it: {type: string}}", 'E203 there is no type "string" → write `text`'),
        ("{it: {type: nubmer}}", 'E203 there is no type "nubmer" → did you mean "number"?'),
        (
            "{it: {type: int, default: two}}",
            'E203 `default` of the variable "it" cannot be "two" → a whole number is needed, such as 20',
        ),
        (
            '{it: {type: text, default: "{{ call.from }}"}}',
            'E203 `default` of the variable "it" has braces → write the value itself; a step computes one',
        ),
        (
            '{it: {type: list, default: [a, {b: "{% if c %}"}]}}',
            'E203 `default` of the variable "it" has braces → write the value itself; a step computes one',
        ),
        ("{it: {type: text, default: [a]}}", 'E203 `default` of the variable "it" cannot be a list → '),
        ("{it: {type: text, default: {a: b}}}", 'E203 `default` of the variable "it" cannot be a map → '),
        (
            "{it: {type: text, sensitive: yes}}",
            'E203 `sensitive` of the variable "it" cannot be "yes" → true or false is needed: write true',
        ),
        ("{it-is: {type: text}}", 'E205 a variable cannot be named "it-is" → use letters, digits and _, e.g. it_is'),
        ("{1: {type: text}}", 'E205 a variable cannot be named "1" → use letters, digits and _'),
        ("{call: {type: text}}", 'E206 "call" is a name that every call has already → choose another name'),
    ],
)
def test_a_fault_in_a_variable_is_reported_once_with_its_cure(written: str, fault: str) -> None:
    (found,) = faults_of(HELLO, f"vars: {written}\n")

    assert found.startswith(fault)


@pytest.mark.parametrize("written", ["{type: integer}", "{default: 0}", "3"])
def test_a_variable_of_unknown_type_is_not_held_against_its_uses(written: str) -> None:
    assert 1 == len(faults_of(USES, f"vars: {{count: {written}}}\n"))


def test_set_changes_variables_in_the_order_of_the_file() -> None:
    steps = HELLO.replace("  do:", '  set: {b: "{{ a + 1 }}", a: 5}\n  do:')

    sets = flow_of(steps, "vars: {a: {type: int}, b: {type: int}}\n").steps["hello"].sets

    assert [("b", 3), ("a", 5)] == [(each.name, each.value.render({"a": 2})) for each in sets]


def test_set_takes_a_list_or_a_map_as_it_is_written() -> None:
    steps = HELLO.replace("  do:", '  set: {a: [1, "{{ x }}"], b: {c: "{{ x }}", d: 2}}\n  do:')

    sets = flow_of(steps, "vars: {a: {type: list}, b: {type: map}, x: {type: text}}\n").steps["hello"].sets

    assert [["1", "y"], {"c": "y", "d": "2"}] == [each.value.render({"x": "y"}) for each in sets]


def test_a_list_is_no_value_of_a_text() -> None:
    steps = HELLO.replace("  do:", "  set: {a: [b]}\n  do:")

    assert ["E201 `a` is a list → write a text here"] == faults_of(steps, "vars: {a: {type: text}}\n")


def test_a_name_without_braces_is_no_number_and_its_cure_adds_them() -> None:
    steps = HELLO.replace("  do:", "  set: {count: count + 1}\n  do:")

    fault = (
        'E313 `count` cannot be "count + 1"'
        ' → a whole number is needed, such as 20; to compute it, write "{{ count + 1 }}"'
    )
    assert [fault] == faults_of(steps, "vars: {count: {type: int}}\n")


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("[a]", "E201 `set` is a list → write `set: {variable: value}`"),
        ("{a: [1]}", "E201 `a` is a list → write a text here"),
        ("{pinn: b}", 'E225 the variable "pinn" is not declared → did you mean "pin"?'),
        ("{zzz: b}", 'E225 the variable "zzz" is not declared → add `zzz: {type: text}` to `vars`; known are: a, pin'),
        (
            '{n: "{{ n + 1 }}"}',
            'E225 the variable "n" is not declared → add `n: {type: int}` to `vars`; known are: a, pin',
        ),
        ("{zz: [b]}", 'E225 the variable "zz" is not declared → add `zz: {type: list}` to `vars`; known are: a, pin'),
        ("{zz: {b: c}}", 'E225 the variable "zz" is not declared → add `zz: {type: map}` to `vars`; known are: a, pin'),
        ("{now: b}", 'E206 "now" belongs to the call and cannot be set → choose another name'),
        (
            '{a: "{{ pin }}"}',
            'E226 "a" would keep the sensitive "pin" in the open → declare `a` with `sensitive: true` under `vars`',
        ),
    ],
)
def test_a_fault_in_a_set_is_reported_once_with_its_cure(written: str, fault: str) -> None:
    steps = HELLO.replace("  do:", f"  set: {written}\n  do:")
    head = "vars: {a: {type: text}, pin: {type: text, sensitive: true}}\n"

    assert [fault] == faults_of(steps, head)


def test_a_sensitive_variable_may_keep_a_sensitive_value() -> None:
    steps = HELLO.replace("  do:", '  set: {copy: "{{ pin }}"}\n  do:')
    head = "vars: {pin: {type: text, sensitive: true}, copy: {type: text, sensitive: true}}\n"

    assert [] == faults_of(steps, head)


def test_a_flow_without_variables_says_how_one_is_declared() -> None:
    steps = HELLO.replace("  do:", "  set: {count: 1}\n  do:")

    assert ['E225 the variable "count" is not declared → add `vars: {count: {type: int}}` to the flow'] == faults_of(
        steps
    )


def test_another_word_for_vars_is_taken_for_it() -> None:
    assert ['E202 the flow has no "variables" → write `vars`'] == faults_of(USES, "variables: {count: {type: int}}\n")


@pytest.mark.parametrize(
    "played",
    [
        'notify: {code: "{{ pin }}"}',
        'notify: {codes: ["{% if pin %}{{ pin }}{% endif %}"]}',
        'stream: "https://example.com/{{ pin }}.mp3"',
        'conversation: "room {{ pin }}"',
        'connect: {type: sip, uri: "sip:a@example.com", headers: {code: "{{ pin }}"}}',
        'connect: {type: vbc, extension: "{{ pin }}"}',
        'connect: "{{ pin }}"',
    ],
)
def test_a_sensitive_value_may_stand_in_no_action_since_actions_are_kept(played: str) -> None:
    steps = f"""
        hello:
          do: [{{talk: "Key in your PIN."}}]
          collect: {{into: pin, digits: 4, sensitive: true}}
          retry: {{then: end}}
          goto: told
        told:
          do:
            - {played}
          goto: end
    """

    assert "E331" in codes_of(steps, "")


def test_a_sensitive_value_may_go_into_a_sensitive_variable_and_decide() -> None:
    head = 'vars: {copy: {type: text, default: "", sensitive: true}}\n'
    steps = """
        hello:
          do: [{talk: "Key in your PIN."}]
          collect: {into: pin, digits: 4, sensitive: true}
          retry: {then: end}
          goto: told
        told:
          set: {copy: "{{ pin }}"}
          do:
            - talk: "{% if copy == '1111' %}That is easy to guess.{% else %}Thank you.{% endif %}"
          goto: end
    """

    assert [] == codes_of(steps, head)
