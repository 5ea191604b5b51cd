from __future__ import annotations

import pytest

from tests.flow.checks.usage.whole_projects import CUSTOMER, codes, faults, flow_text, told

SAY = "  do:\n    - talk: '{{ customer.name }}'\n  goto: end\n"
MENU = """\
hello:
  do:
    - talk: "Press 1 or 2."
  choices:
    one: {dtmf: 1, goto: asking}
    two: {dtmf: 2, goto: saying}
  retry: {then: end}
asking:
  lookup: customer
  goto: saying
"""


def test_a_look_up_that_no_step_asks_is_an_error_where_it_is_read() -> None:
    assert [
        '12:19 E630 the look-up "customer" is read here, and no step before asks it: it only holds its default'
    ] == faults("hello:\n" + SAY, CUSTOMER)


def test_a_look_up_is_asked_before_the_rest_of_its_step() -> None:
    assert [] == faults("hello:\n  lookup: customer\n" + SAY, CUSTOMER)


def test_a_look_up_that_is_asked_later_only_is_an_error() -> None:
    steps = "hello:\n" + SAY.replace("end", "later") + "later:\n  lookup: customer\n" + SAY

    assert ["E630"] == codes(steps, CUSTOMER)


def test_the_look_ups_of_a_step_are_asked_side_by_side() -> None:
    head = CUSTOMER + '  orders: {params: {id: text}, get: "https://example.com/{{ id }}", returns: {count: int}}\n'
    steps = "hello:\n  lookup: [customer, {orders: {id: '{{ customer.name }}'}}]\n" + SAY.replace(
        "customer.name", "orders.count"
    )

    assert [
        '12:42 E630 "customer" is read here while it is asked: the look-ups of a step are asked side by side'
    ] == faults(steps, head)
    assert [] == faults("hello:\n  lookup: customer\n  goto: next\n" + steps.replace("hello", "next"), head)


def test_a_look_up_that_some_calls_have_not_asked_is_a_warning_with_their_way() -> None:
    assert ['22:19 W638 a call may come here without asking the look-up "customer": hello → saying'] == faults(
        MENU + "saying:\n" + SAY, CUSTOMER
    )


@pytest.mark.parametrize(
    "text",
    [
        "{% if customer.name %}{{ customer.name }}{% endif %}",
        "{% if not customer.name %}Hello.{% else %}{{ customer.name }}{% endif %}",
        "{% if customer.ok and customer.visits > 3 %}Hello again.{% endif %}",
        "{% for tag in customer.tags %}{{ tag }}{{ customer.name }}{% endfor %}",
        "{% set name = customer.name %}{% if name %}{{ name }}{% endif %}",
        '{{ customer.name | default("friend", true) }}',
        '{{ customer.name or "friend" }}',
        '{{ customer.name if customer.name else "friend" }}',
        '{{ "yes" if customer.name is defined else "no" }}',
        '{% if customer["name"] != "" %}{{ customer["name"] | upper }}{% endif %}',
        '{% if "" != customer.name %}{{ customer.name }}{% endif %}',
        "{{ call.from }}",
    ],
)
def test_who_asks_whether_there_is_an_answer_may_read_it(text: str) -> None:
    steps = f"hello:\n  do:\n    - talk: '{text}'\n  goto: end\nother:\n  lookup: customer\n  goto: end\n"

    assert {"W215"} >= set(codes(steps, CUSTOMER))


@pytest.mark.parametrize(
    "text",
    [
        "{% if customer.visits > 3 %}Hello again.{% endif %}",
        "{{ customer.tags[0] }}",
        "{{ customer.tags[customer.visits] }}",
        "{{ customer.name[:3] }}",
        "{{ customer.visits + 1 }}",
        "{% for tag in call.custom_data.tags %}{{ customer.name }}{% endfor %}",
        "{% if call.from_user %}{{ customer.name }}{% endif %}",
        "{% if customer.visits > 3 or call.from_user %}Hello again.{% endif %}",
    ],
)
def test_who_only_uses_an_answer_needs_it(text: str) -> None:
    assert ["E630"] == codes(f"hello:\n  do:\n    - talk: '{text}'\n  goto: end\n", CUSTOMER)


@pytest.mark.parametrize(
    "step",
    [
        "  branch:\n    - if: customer.tier == 'gold'\n      goto: end\n    - else: end\n",
        "  branch:\n    - if: customer.vip\n      goto: end\n    - else: end\n",
        "  branch:\n    - if: not customer.vip and call.from_user == 'x'\n      goto: end\n    - else: end\n",
        "  do:\n    - talk: Your PIN?\n  collect: {into: pin, digits: 4, check: pin == customer.name}\n  goto: end\n"
        "  retry: {then: end}\n",
        "  do:\n    - talk: Press 1.\n  choices:\n    one: {dtmf: 1, goto: end}\n"
        "  retry: {noinput: ['{{ customer.name }}?'], then: end}\n",
        "  do:\n    - record: {timeOut: '{{ customer.visits }}'}\n  goto: end\n",
    ],
)
def test_conditions_prompts_and_fields_need_it_too(step: str) -> None:
    assert ["E630"] == codes("hello:\n" + step, CUSTOMER)


def test_text_of_an_included_file_needs_it() -> None:
    from_file = "hello:\n  do:\n    - talk: {template: a.j2}\n  goto: end\n"
    texts = {"flows/test.yaml": flow_text(from_file, CUSTOMER)}
    texts |= {
        "templates/a.j2": '{% if call.to %}{% include "b.j2" %}{% endif %}',
        "templates/b.j2": "{{ customer.name }}",
    }

    assert ["templates/b.j2:1:4 E630"] == [" ".join(fault.split()[:2]) for fault in told(texts)]


def test_a_branch_that_tests_an_answer_has_thought_of_it() -> None:
    steps = MENU.replace("goto: saying", "goto: testing") + (
        "testing:\n  branch:\n    - if: customer.ok\n      goto: saying\n    - else: end\nsaying:\n" + SAY
    )

    assert [] == faults(steps, CUSTOMER)


def test_an_error_may_come_before_a_look_up_was_asked() -> None:
    steps = (
        "hello:\n  do:\n    - talk: '{{ call.from }}'\n  on: {error: saying}\n  goto: asking\n"
        "asking:\n  lookup: customer\n  goto: saying\nsaying:\n" + SAY
    )

    assert ["W638"] == codes(steps, CUSTOMER)


def test_what_the_error_step_of_the_flow_says_needs_one_step_that_asks() -> None:
    head = CUSTOMER + "defaults: {on: {error: sorry}}\n"
    sorry = "sorry:\n" + SAY

    assert [] == faults("hello:\n  lookup: customer\n  goto: end\n" + sorry, head)
    assert ["E630"] == codes("hello:\n  do:\n    - talk: Hello.\n  goto: end\n" + sorry, head)


def test_of_a_step_that_no_call_enters_only_that_is_told() -> None:
    assert ["W215"] == codes("hello:\n  do:\n    - talk: Hello.\n  goto: end\nlost:\n" + SAY, CUSTOMER)


ASKED = """\
hello:
  do:
    - talk: "What is it about?"
  collect: {into: topic, speech: any}
  goto: bye
  retry: {then: bye}
"""
BYE = "bye:\n  do:\n    - talk: 'Thank you for {{ topic }}.'\n  goto: end\n"


def test_a_text_that_may_be_empty_is_told_with_the_way() -> None:
    assert ['13:33 W639 "topic" may still be empty here: nothing sets it on the way hello → bye'] == faults(ASKED + BYE)


def test_a_text_that_nothing_sets_is_empty() -> None:
    steps = "hello:\n  do:\n    - talk: 'Thank you for {{ topic }}.'\n  goto: end\n"

    assert ['8:33 W639 "topic" is empty here: nothing before sets it'] == faults(steps, "vars: {topic: {type: text}}\n")
    assert ['4:8 W646 nothing sets "topic": it is always ""'] == faults(
        steps, 'vars: {topic: {type: text, default: ""}}\n'
    )


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        ("int", "0"),
        ("number", "0"),
        ("bool", "false"),
        ("list", "an empty list"),
        ("map", "an empty map"),
        ("text", '""'),
        ("int, default: 0", "0"),
    ],
)
def test_a_variable_that_is_read_and_never_set_is_told(type_: str, shown: str) -> None:
    steps = "hello:\n  branch: [{if: x == x, goto: end}, {else: end}]\n"

    assert [f'4:8 W646 nothing sets "x": it is always {shown}'] == faults(steps, f"vars: {{x: {{type: {type_}}}}}\n")


@pytest.mark.parametrize(
    "head",
    [
        "vars: {x: {type: int, default: 3}}\n",
        "vars: {x: {type: bool, default: false}}\n",
        "vars: {x: {type: [a, b], default: a}}\n",
        "params: {x: int}\n",
    ],
)
def test_a_constant_and_a_param_need_not_be_set(head: str) -> None:
    steps = "hello:\n  branch: [{if: x == x, goto: end}, {else: end}]\n"

    assert [] == faults(steps, head)


@pytest.mark.parametrize(
    "step",
    [
        "set: {x: '{{ x + 1 }}'}\n  goto: end",
        "goto: {goto: hello, set: {x: '{{ x + 1 }}'}}",
        "do: [{talk: 'A digit, please. {{ x }}'}]\n  collect: {into: x, digits: 1}\n  retry: {then: end}\n  goto: end",
        "run: sub\n  on: {done: end}",
    ],
)
def test_what_something_sets_is_no_constant(step: str) -> None:
    sub = flow_text("hello:\n  goto: {return: done, set: {x: '1'}}", "outcomes: [done]\nreturns: {x: int}\n", "sub")
    found = faults(f"hello:\n  {step}", "vars: {x: {type: int}}\n", sub=sub)

    assert not [fault for fault in found if "W646" in fault]


@pytest.mark.parametrize(
    ("item", "type_"),
    [
        ("connect: '{{ topic }}'", "phone"),
        ("connect: {type: sip, user: '{{ topic }}', domain: example.com}", "text"),
        ("stream: '{{ topic }}'", "url"),
        ("stream: 'https://example.com/{{ topic }}.mp3'", "text"),
        ("conversation: '{{ topic }}'", "text"),
        ("transfer: '{{ topic }}'", "text"),
    ],
)
def test_what_is_dialled_or_played_may_not_be_empty(item: str, type_: str) -> None:
    steps = f"hello:\n  do:\n    - {item}\n"

    assert "W639" in codes(steps, f"vars: {{topic: {{type: {type_}}}}}\n")


@pytest.mark.parametrize(
    "text", ["{% if topic %}{{ topic }}{% endif %}", "{{ topic or 'it' }}", "{{ topic | default('it', true) }}"]
)
def test_who_asks_whether_there_is_a_text_may_say_it(text: str) -> None:
    assert [] == faults(ASKED + BYE.replace("'Thank you for {{ topic }}.'", f'"{text}"'))


@pytest.mark.parametrize("type_", ["int", "bool", "number"])
def test_nought_and_false_may_be_said(type_: str) -> None:
    steps = "hello:\n  do:\n    - talk: 'It is {{ x }}.'\n  goto: {goto: end, set: {x: '{{ x }}'}}\n"

    assert [] == faults(steps, f"vars: {{x: {{type: {type_}}}}}\n")


@pytest.mark.parametrize(
    "step",
    [
        "hello:\n  set: {topic: parcels}\n  goto: bye\n",
        "hello:\n  goto: {goto: bye, set: {topic: parcels}}\n",
        "hello:\n  do:\n    - talk: Press 1.\n  choices:\n    one: {dtmf: 1, set: {topic: parcels}, goto: bye}\n"
        "  retry: {then: end}\n",
        "hello:\n  branch:\n    - if: topic == ''\n      goto: end\n    - else: bye\n",
        "hello:\n  run: sub\n  on: {done: bye, failed: end}\n",
        "hello:\n  do:\n    - talk: Hello.\n  on: {error: {goto: bye, set: {topic: parcels}}}\n  goto: end\n",
    ],
)
def test_whatever_sets_a_text_fills_it(step: str) -> None:
    head = "outcomes: [done, failed]\nreturns: {topic: text}\n"
    sub = flow_text(
        "hello:\n  do:\n    - talk: '{{ call.from }}'\n  on: {error: {return: failed}}\n"
        "  goto: {return: done, set: {topic: parcels}}",
        head,
        "sub",
    )

    assert [] == [
        fault for fault in faults(step + BYE, "vars: {topic: {type: text}}\n", sub=sub) if "sub.yaml" not in fault
    ]


@pytest.mark.parametrize(
    ("on", "expected"),
    [("{done: bye, failed: end}", []), ("{done: end, failed: bye}", ["W639"]), ("{otherwise: bye}", ["W639"])],
)
def test_what_a_flow_gives_back_depends_on_its_outcome(on: str, expected: list[str]) -> None:
    head = "outcomes: [done, failed]\nreturns: {topic: text}\ndefaults: {on: {error: {return: failed}}}\n"
    sub = flow_text("hello:\n  goto: {return: done, set: {topic: parcels}}", head, "sub")

    assert expected == codes(f"hello:\n  run: sub\n  on: {on}\n" + BYE, "vars: {topic: {type: text}}\n", sub=sub)


def test_a_flow_that_never_comes_back_gives_nothing_back() -> None:
    sub = flow_text("hello:\n  do:\n    - talk: Goodbye.\n  goto: end", "outcomes: [done]\n", "sub")

    assert ["W634", "W639"] == sorted(
        codes("hello:\n  run: sub\n  on: {done: bye}\n" + BYE, "vars: {topic: {type: text}}\n", sub=sub)
    )


def test_a_param_is_given() -> None:
    head = "params: {name: {type: text}}\n"
    sub = flow_text("hello:\n  do:\n    - talk: 'Hello {{ name }}.'\n  goto: end", head, "sub")

    assert [] == faults("hello:\n  do:\n    - talk: Hello.\n  goto: {run: sub, with: {name: a}}", sub=sub)


def test_a_variable_of_words_is_never_empty() -> None:
    head = "vars: {topic: {type: [a, b], default: a}}\n"

    assert [] == faults("hello:\n  do:\n    - talk: '{{ topic }}'\n  goto: end", head)


def test_an_action_list_of_a_file_and_a_list_of_numbers_read_too() -> None:
    document = flow_text("hello:\n  do:\n    - ncco: a.json.j2\n  goto: end", CUSTOMER)
    texts = {"flows/test.yaml": document, "templates/a.json.j2": '[{"action": "talk", "text": "{{ customer.name }}"}]'}
    listed = "hello:\n  do:\n    - connect: '{{ customer.tags }}'\n  on: {completed: end, otherwise: end}"

    assert ["E630"] == [fault.split()[1] for fault in told(texts)]
    assert ["E630"] == codes(listed, CUSTOMER)


@pytest.mark.parametrize(
    "step",
    [
        "  branch:\n    - if: customer.ok\n      goto: end\n    - else: end\n",
        "  do:\n    - talk: 'Hello{% if customer.name %} {{ customer.name }}{% endif %}.'\n  goto: end\n",
    ],
)
def test_where_nothing_ever_asks_it_helps_not_to_ask_whether_there_is_an_answer(step: str) -> None:
    assert ["E630"] == codes("hello:\n" + step, CUSTOMER)


def test_a_template_that_several_flows_share_may_ask_whether_there_is_an_answer() -> None:
    texts = {
        "flows/shared.yaml": "shared: true\n" + CUSTOMER,
        "flows/test.yaml": flow_text("hello:\n  do:\n    - talk: {template: a.j2}\n  goto: end"),
        "flows/other.yaml": flow_text(
            "hello:\n  lookup: customer\n  do:\n    - talk: {template: a.j2}\n  goto: end", "entry: true\n", "other"
        ),
        "templates/a.j2": "Hello{% if customer.ok %} {{ customer.name }}{% endif %}.",
    }

    assert [] == told(texts)


def test_what_a_hook_tells_may_come_later() -> None:
    head = CUSTOMER + "hooks: {done: {post: https://example.com/done, json: {name: '{{ customer.name }}'}}}\n"
    steps = (
        "hello:\n  do:\n    - record: {timeOut: 9}\n  send: done\n  events: {record: done}\n  goto: next\n"
        "next:\n  lookup: customer\n  goto: end\n"
    )

    assert [] == faults(steps, head)
