"""Values that stand for others: whatever a flow looks at, each side of each test is come to."""

from __future__ import annotations

import pytest

from tests.verify.prove.proved_flows import proof_of

LOOKUP = 'lookups: {{it: {{get: "https://example.com/it", returns: {{{}}}}}}}\n'
ASK = """  ask:
    lookup: it
    do:
      - talk: "Please key it in."
    {exit}
    goto: test
"""
TEST = """  test:
    branch:
      - if: {}
        goto: found
      - else: bye
"""
FOUND = """  found:
    do:
      - talk: "Found."
    goto: end
"""
LOOK = """  look:
    lookup: it
    do:
      - talk: "One moment."
    goto: test
"""
MENU = """  menu:
    do:
      - talk: "For sales press 1 or say sales."
    choices: {sales: {dtmf: 1, speech: [sales], goto: test}}
    retry: {tries: 1, then: test}
"""


def never(steps: str, head: str = "") -> list[str]:
    """What no caller takes, and what is wrong."""
    proof = proof_of(steps + FOUND, head)
    return [*(each.name for each in proof.never), *(each.message for each in proof.violations)]


@pytest.mark.parametrize(
    ("collect", "condition"),
    [
        ("digits: 4..8", "(code | length) == 6"),
        ("digits: 4", 'code | starts_with("1")'),
        ("digits: 4", 'code | ends_with("9")'),
        ("digits: 4", 'code | contains("77")'),
        ("digits: 4", 'code | starts_with("1") and code | ends_with("9")'),
        ("digits: 4", 'code[0:2] == "44"'),
        ("digits: 4", 'code[2:3] == "5"'),
        ("digits: 4", 'code[-2:] == "55"'),
        ("digits: 4", '(code | first) == "7"'),
        ("digits: 4", 'code[0:1] in ["7", "8"]'),
        ("digits: 4", "(code | int) > 5000"),
        ("digits: 4", "code == it.pin"),
        ("digits: 4", 'code + "1" == "12341"'),
        ("speech: any", '(code | lower) == "yes"'),
        ("speech: any", '(code | lower) | contains("no")'),
        ("speech: any, min_confidence: 0.5", "input.confidence < 0.7"),
    ],
)
def test_what_a_caller_gives_comes_to_both_sides(collect: str, condition: str) -> None:
    steps = ASK.format(exit=f"collect: {{into: code, {collect}}}") + TEST.format(condition)

    assert [] == never(steps, LOOKUP.format("pin: text"))


def test_digits_that_are_checked_against_a_look_up_fit_it_and_do_not() -> None:
    steps = ASK.format(exit="collect: {into: code, digits: 4, check: code == it.pin}") + TEST.format('code != ""')
    missed = never(steps.replace("else: bye", "else: found"), LOOKUP.format("pin: text"))

    assert ["else"] == missed


@pytest.mark.parametrize(
    ("returns", "condition"),
    [
        ("n: int", "it.n - 5 > 8"),
        ("n: int", "it.n + 5 < 2"),
        ("n: number", "it.n > 0.25 and it.n < 0.75"),
        ("n: int", "it.n > 0.5"),
        ("day: text", "it.ok and (it.day | int(0)) > 30"),
        ("a: text, b: text", "it.a == it.b"),
        ("a: int, b: int", "it.a < it.b"),
        ("number: phone", "it.number == call.from"),
        ("number: phone", "it.number == call.to"),
        ("names: [text]", "(it.names | length) > 4"),
        ("people: [{age: int}]", "it.ok and (it.people | length) > 3 and it.people[3].age > 7"),
        (
            "names: [text], i: int",
            "it.ok and it.names != [] and it.names[it.i] | default('') == 'a'",
        ),
        ("name: text", '(it.name | upper) == "BOB"'),
        ("name: text", 'not (it.name | contains("some"))'),
        ("tags: map", 'it.tags.tier is defined and it.tags.tier == "gold"'),
        ("tags: map", "it.tags.age is defined and it.tags.age > 7"),
    ],
)
def test_what_a_look_up_answers_comes_to_both_sides(returns: str, condition: str) -> None:
    assert [] == never(LOOK + TEST.format(condition), LOOKUP.format(returns))


@pytest.mark.parametrize(
    "condition",
    [
        'call.from | starts_with("4420")',
        'call.from | starts_with("44")',
        'call.to | ends_with("99")',
        "call.custom_data is defined and call.custom_data.tier is defined",
        'env.MODE == "night"',
        'env.MODE in ["night", "day"]',
        'env.MODE | starts_with("n")',
    ],
)
def test_facts_of_the_call_and_variables_of_the_server_come_to_both_sides(condition: str) -> None:
    assert [] == never(TEST.format(condition))


@pytest.mark.parametrize(
    "condition",
    [
        "input.confidence < 0.6",
        "input.confidence > 0.95",
        'input.text | contains("urgent")',
        'input.text == ""',
        'input.digits == "5"',
        'input.digits == ""',
    ],
)
def test_what_was_pressed_or_said_in_a_menu_comes_to_both_sides(condition: str) -> None:
    assert [] == never(MENU + TEST.format(condition))


def test_keys_that_a_menu_does_not_wait_for_are_not_pressed() -> None:
    found = never(MENU + TEST.format('input.digits == "55"'))

    assert 'if input.digits == "55"' == found[0]


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        ("A{{ code }}", 'full == "A12"'),
        ("{{ code }}-{{ more }}", 'full == "12-34"'),
        ("{{ code }}{{ more }}", 'full == "1234"'),
        ("{{ code + more }}", 'full == "1234"'),
        ("{{ code }}", 'full == "12"'),
        ("{{ code }}", '(full | length) == 2 and full | starts_with("7")'),
        ("{{ it.names }}", 'full | starts_with("7")'),
    ],
)
def test_texts_that_are_made_of_others_come_to_both_sides(value: str, condition: str) -> None:
    steps = """  one:
    lookup: it
    do:
      - talk: "The first."
    collect: {into: code, digits: 2}
    goto: two
  two:
    do:
      - talk: "The second."
    collect: {into: more, digits: 2}
    goto: join
  join:
    set: {full: "%s"}
    goto: test
"""
    head = 'vars: {full: {type: text, default: ""}}\n' + LOOKUP.format("names: text")

    assert [] == never(steps % value + TEST.format(condition), head)


def test_what_a_flow_gives_back_is_counted_as_far_as_its_caller_asks() -> None:
    steps = "  call:\n    run: sub\n    on: {done: test, error: sorry}\n" + TEST.format("n == 5")
    sub = """flow: sub
outcomes: [done]
returns: {n: int}
vars: {n: {type: int}}
start: ask
defaults: {talk: {language: en-GB}}
steps:
  ask:
    do:
      - talk: "Press 1 for one more, 2 to go on."
    choices:
      more: {dtmf: 1, set: {n: "{{ n + 1 }}"}, goto: ask}
      done: {dtmf: 2, goto: {return: done, set: {n: "{{ n }}"}}}
    retry: {tries: 1, then: {return: done, set: {n: 0}}}
"""
    proof = proof_of(steps + FOUND, "vars: {n: {type: int}}\n", sub=sub)

    assert ("test", "found") in proof.entered


def test_a_variable_of_the_server_is_walked_as_it_is_set_and_as_it_is_tested() -> None:
    proof = proof_of(TEST.format('env.MODE == "night"') + FOUND)
    modes = {edge.env["MODE"] for edge in proof.space.transitions}

    assert {"night", "something"} == modes


COUNTING = """  count:
    do:
      - talk: "Press 1, 2, 3 or 4."
    choices:
      more: {dtmf: 1, set: {m: "{{ m + 1 }}"}, goto: test}
      same: {dtmf: 2, set: {n: "{{ m }}"}, goto: test}
      one: {dtmf: 3, set: {n: "{{ n + 1 }}"}, goto: test}
      less: {dtmf: 4, set: {m: "{{ m - 1 }}"}, goto: test}
  test:
    branch:
      - if: %s
        goto: found
      - else: count
"""
VARS = "vars: {n: {type: int}, m: {type: int}}\n"


@pytest.mark.parametrize(
    "condition", ["m > 2 and n > m", "m < -2 and n < m", "m > 2 and n == m", "n - m == 4", "n + 2 < m", "n > 3"]
)
def test_counters_that_are_held_against_each_other_come_to_both_sides(condition: str) -> None:
    proof = proof_of(COUNTING % condition + FOUND, VARS)

    assert ("test", "found") in proof.entered
    assert "walked" == proof.verdict
    assert {"test.n", "test.m"} >= set(proof.representatives) > set()


def test_a_counter_that_is_only_held_against_literals_is_walked_whole() -> None:
    steps = COUNTING.replace('"{{ m }}"', "0").replace('"{{ m - 1 }}"', "1")
    proof = proof_of(steps % "n > 3 and m == 2" + FOUND, VARS)

    assert ("test", "found") in proof.entered
    assert "proved" == proof.verdict
    assert {0, 1, 2, 3, 4} == {state.session.variables["n"] for state in proof.space.states}


@pytest.mark.parametrize(
    ("sets", "type_", "what"),
    [
        ('"{{ kept }}{{ input.digits }}"', 'type: text, default: ""', "no more than 5 entries or characters"),
        ('"{{ kept + [input.digits] }}"', "type: list", "no more than 3 entries or characters"),
    ],
)
def test_texts_and_lists_that_grow_are_walked_up_to_a_length(sets: str, type_: str, what: str) -> None:
    steps = """  ask:
    do:
      - talk: "Press 1 or 2."
    choices:
      one: {dtmf: 1, set: {kept: %s}, goto: test}
      two: {dtmf: 2, set: {kept: %s}, goto: test}
  test:
    branch:
      - if: %s
        goto: found
      - else: ask
"""
    test = 'kept == "212"' if "text" in type_ else 'kept != [] and kept[0] == "2"'
    proof = proof_of(steps % (sets, sets, test) + FOUND, f"vars: {{kept: {{{type_}}}}}\n")

    assert ("test", "found") in proof.entered
    assert (what,) == proof.representatives["test.kept"]


SAYS = """  look:
    lookup: it
    do:
      - {0}
    {1}
"""
DIALLED = "on: {completed: end, otherwise: bye}"


@pytest.mark.parametrize(
    ("returns", "does", "ways", "kind"),
    [
        ("name: text", 'talk: "{{ it.name }}"', "goto: end", "dead_end"),
        ("name: text", 'talk: "{{ it.name | first }}"', "goto: end", "error_exit"),
        ("day: text", 'talk: "On {{ it.day | spoken }}."', "goto: end", "error_exit"),
        ("age: text", 'talk: "You are {{ it.age | int }}."', "goto: end", "error_exit"),
        ("page: url", 'stream: "{{ it.page }}"', "goto: end", "error_exit"),
        ("number: text", 'connect: "{{ it.number }}"', DIALLED, "error_exit"),
        ("number: phone", 'connect: "{{ it.number }}"', DIALLED, "error_exit"),
        ("code: text", 'connect: "44{{ it.code }}"', DIALLED, "error_exit"),
    ],
)
def test_a_text_of_a_look_up_may_be_empty(returns: str, does: str, ways: str, kind: str) -> None:
    proof = proof_of(SAYS.format(does, ways), LOOKUP.format(returns))

    assert (kind, "look") in {(each.kind, each.step) for each in proof.violations}


@pytest.mark.parametrize("returns", ["number: text", "number: phone"])
@pytest.mark.parametrize("dials", ["{{ it.number }}", "44{{ it.number }}", "{{ kept }}"])
def test_behind_a_dialled_text_it_goes_on(returns: str, dials: str) -> None:
    steps = SAYS.format(f'connect: "{dials}"', DIALLED).replace(
        "    do:", '    set: {kept: "{{ it.number }}"}\n    do:'
    )
    proof = proof_of(steps, 'vars: {kept: {type: text, default: ""}}\n' + LOOKUP.format(returns))

    assert () == proof.never


@pytest.mark.parametrize(
    "guarded",
    [
        '"Hello {{ it.name }}."',
        '"{% if it.name %}{{ it.name | first }}{% else %}Nobody{% endif %}"',
        '"{{ it.name | default(\\"Nobody\\", true) }}"',
        '"You are {{ it.name | int(0) }}."',
        '"It is {% if it.name %}{{ it.name | spoken }}{% endif %}."',
    ],
)
def test_a_text_that_may_be_empty_raises_no_alarm_where_it_is_allowed_for(guarded: str) -> None:
    proof = proof_of(SAYS.format(f"talk: {guarded}", "goto: bye"), LOOKUP.format("name: text"))

    assert {"unreachable"} >= {each.kind for each in proof.violations}


PLACED = """  ring:
    lookup: it
    branch:
      - if: {test}
        goto: bye
      - else: dial
  dial:
    do:
      - talk: "One moment."
      - connect: "447700900111"
        timeout: "{{{{ it.{name} }}}}"
    on: {{completed: end, otherwise: bye}}
"""


@pytest.mark.parametrize("kind", ["int", "number", "text"])
def test_a_number_in_an_option_of_an_action_is_also_one_that_is_out_of_range(kind: str) -> None:
    proof = proof_of(PLACED.format(name="ring", test="not it.ok"), LOOKUP.format(f"ring: {kind}"))

    assert "dial" in {each.step for each in proof.violations}


def test_a_number_that_is_tested_before_it_is_used_is_no_fault() -> None:
    proof = proof_of(PLACED.format(name="ring", test="it.ring < 1 or it.ring > 120"), LOOKUP.format("ring: int"))

    assert () == proof.violations


def test_digits_that_are_keyed_in_for_an_option_are_all_nines_too() -> None:
    steps = """  ask:
    do:
      - talk: "For how many seconds?"
    collect: {into: seconds, digits: 1..3}
    goto: dial
  dial:
    do:
      - talk: "One moment."
      - connect: "447700900111"
        timeout: "{{ seconds }}"
    on: {completed: end, otherwise: bye}
"""

    assert {"dial"} == {each.step for each in proof_of(steps, "vars: {seconds: {type: int}}\n").violations}


def test_a_line_end_in_a_header_is_worth_a_warning() -> None:
    steps = """  dial:
    lookup: it
    do:
      - talk: "One moment."
      - connect: {type: sip, uri: "sip:desk@pbx.example.com", headers: {X-Note: "{{ it.note }}"}}
    on: {completed: end, otherwise: bye}
"""
    proof = proof_of(steps, LOOKUP.format("note: text"))
    mended = proof_of(
        steps.replace("{{ it.note }}", "{{ it.note | replace('\\n', ' ') }}"), LOOKUP.format("note: text")
    )

    assert [("error_exit", "warning")] == [(each.kind, each.severity) for each in proof.violations]
    assert ("walked", ()) == (proof.verdict, mended.violations)


@pytest.mark.parametrize(
    "returns", ["key: {type: text, sensitive: true}", "card: {key: {type: text, sensitive: true}}"]
)
def test_a_secret_is_no_text_that_may_stand_beside_it_in_the_open(returns: str) -> None:
    key = "it.card.key" if "card" in returns else "it.key"
    look = LOOK.replace("One moment.", "Hello {{ it.name }}.")
    head = LOOKUP.format(f"name: text, {returns}")
    proof = proof_of(look + TEST.format(f'{key} == ""') + FOUND, head)
    said = [action.get("text", "") for edge in proof.space.transitions for action in edge.ncco.actions]

    assert "something" in proof.representatives["it.name"]
    assert {"kept to itself", ""} == set(proof.representatives[key])
    assert any("Hello something." in text for text in said)
