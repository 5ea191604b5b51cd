from __future__ import annotations

import pytest

from tests.flow.checks.usage.whole_projects import codes, faults, flow_text
from tests.flow.checks.usage.whole_projects import told as told_of

HEAD = """\
vars:
  pin: {type: text, sensitive: true}
  copy: {type: text, sensitive: true}
lookups:
  bank:
    post: https://bank.example.com/pins
    json: {pin: "{{ pin }}"}
    returns: {right: bool}
hooks:
  told: {params: {code: {type: text, default: "", sensitive: true}}, post: https://hooks.example.com/told}
"""
ASK = """\
hello:
  do: [{talk: Your PIN?}]
  collect: {into: pin, digits: 4, sensitive: true%s}
  retry: {then: end}
  goto: %s
"""
MENU = """\
menu:
  do: [{talk: Press 1.}]
  choices: {one: {dtmf: 1, goto: late}}
  retry: {then: end}
"""
USED = "\nused:\n  branch: [{if: copy == '1' or pin == '1', goto: end}, {else: end}]"
GONE = '"pin" is sensitive, and it is gone here: the step "menu" has waited in between'
LATER = '"pin" is sensitive, and it is gone when this is computed: that is in a later turn'


def late(step: str, *, goto: str = "menu") -> list[str]:
    """Code and message of every error in a flow whose step `late` stands behind a menu."""
    return told(f"{ASK % ('', goto)}{MENU}late:\n  {step}")


def told(steps: str, head: str = HEAD, **others: str) -> list[str]:
    """Code and message of every error."""
    return [found for fault in faults(steps, head, **others) if (found := fault.partition(" ")[2]).startswith("E")]


@pytest.mark.parametrize(
    "step",
    [
        "lookup: bank\n  branch: [{if: bank.right, goto: end}, {else: end}]",
        "branch: [{if: pin == '1', goto: end}, {else: end}]",
        "branch: [{if: \"pin[0:1] == '1'\", goto: end}, {else: end}]",
        "branch: [{if: \"call.custom_data[pin] == '1'\", goto: end}, {else: end}]",
        "branch: [{if: \"call.uuid | default(pin) == '1'\", goto: end}, {else: end}]",
        "set: {copy: '{{ pin }}'}\n  goto: end",
        "goto: {goto: hello, set: {copy: '{{ pin }}'}}",
        "do: [{talk: \"{% if pin == '1' %}One.{% endif %} Bye.\"}]\n  goto: end",
        "do: [{talk: \"{% for x in ['1'] %}{% if pin == x %}One.{% endif %}{% endfor %} Bye.\"}]\n  goto: end",
        "send: {told: {code: '{{ pin }}'}}\n  goto: end",
        "do: [{record: true}]\n  events: {record: {told: {code: '{{ pin }}'}}}\n  goto: end",
        "do: [{talk: Again?}]\n  collect: {into: copy, digits: 4, sensitive: true, check: copy == pin}\n"
        "  retry: {then: end}\n  goto: end",
        "do: [{talk: Press 1.}]\n  choices: {one: {dtmf: 1, set: {copy: '{{ pin }}'}, goto: end}}\n"
        "  retry: {then: end}",
        "lookup: bank\n  do: [{talk: Wait.}]\n  hold: {until: bank.right, up_to: 1m}\n"
        "  on: {ready: end, too_long: end}",
    ],
)
def test_what_reads_a_secret_behind_a_wait_is_told(step: str) -> None:
    assert [f"E631 {GONE}"] == late(step)


@pytest.mark.parametrize(
    "step",
    [
        "lookup: bank\n  branch: [{if: bank.right, goto: end}, {else: end}]",
        "set: {copy: '{{ pin }}'}\n  branch: [{if: copy == '1', goto: end}, {else: end}]",
        "send: {told: {code: '{{ pin }}'}}\n  goto: end",
        "do: [{talk: \"{% if pin == '1' %}One.{% endif %} Bye.\"}]\n  goto: end",
        "do: [{talk: Press 1.}]\n  choices: {one: {dtmf: 1, goto: end}}\n  retry: {then: end}\n"
        "  set: {copy: '{{ pin }}'}",
    ],
)
def test_what_reads_a_secret_without_a_wait_is_fine(step: str) -> None:
    assert [] == late(step, goto="late")


@pytest.mark.parametrize(
    "step",
    [
        "branch: [{if: pin is defined and pin == '1', goto: end}, {else: end}]",
        "branch: [{if: pin is not defined, goto: hello}, {if: pin == '1', goto: end}, {else: used}]" + USED,
        "branch: [{if: pin | default('') == '1', goto: end}, {else: end}]",
        "branch: [{if: pin | default(input.digits) == '1', goto: end}, {else: end}]",
        "set: {copy: \"{{ pin | default('none') }}\"}\n  goto: end",
        "do: [{talk: \"{% if pin is defined %}{% if pin == '1' %}One.{% endif %}{% endif %} Bye.\"}]\n  goto: end",
        "set: {pin: '1'}\n  goto: used" + USED,
        "branch: [{if: input.digits | default('') == '1', goto: end}, {else: end}]",
    ],
)
def test_who_minds_that_a_secret_may_be_gone_is_fine(step: str) -> None:
    assert [] == late(step)


@pytest.mark.parametrize(
    "step",
    [
        "lookup: bank\n  do: [{talk: Wait.}]\n  hold: {until: bank.right, up_to: 1m}\n"
        "  on: {ready: end, too_long: end}",
        "do: [{talk: Press 1.}]\n  choices: {one: {dtmf: 1, goto: end}}\n"
        "  retry: {noinput: [\"{% if pin == '1' %}One.{% endif %} Sorry.\"], then: end}",
        "do: [{talk: \"{% if pin == '1' %}One.{% endif %} Press 1.\"}]\n  choices: {one: {dtmf: 1, goto: end}}\n"
        "  retry: {then: end}",
        "do: [{connect: ['447700900111', '447700900112'], timeout: \"{{ 20 if pin == '1' else 30 }}\"}]\n"
        "  on: {completed: end, otherwise: end}",
        "do: [{record: true}]\n  events: {record: {told: {code: '{{ pin }}'}}}\n  goto: end",
    ],
)
def test_what_a_step_computes_once_more_after_its_own_wait_is_told(step: str) -> None:
    assert [f"E631 {LATER}"] == late(step, goto="late")


def test_what_an_included_file_reads_counts() -> None:
    text = flow_text(f"{ASK % ('', 'menu')}{MENU}late:\n  do: [{{talk: {{template: a.j2}}}}]\n  goto: end", HEAD)
    files = {"templates/a.j2": '{% include "b.j2" %}', "templates/b.j2": "Bye.{% if pin == '1' %} One.{% endif %}"}
    found = [fault for fault in told_of({"flows/test.yaml": text, **files}) if "E631" in fault]

    assert [f"templates/b.j2:1:11 E631 {GONE}"] == found


def test_what_rings_once_is_not_computed_again() -> None:
    step = "do: [{connect: '447700900111', timeout: \"{{ 20 if pin == '1' else 30 }}\"}]"

    assert [] == late(f"{step}\n  on: {{completed: end, otherwise: end}}", goto="late")


def test_a_hold_loses_what_was_received_before_it() -> None:
    hold = "do: [{talk: Wait.}]\n  hold: {until: 'false', up_to: 1m}\n  on: {ready: used, too_long: used}"

    assert [f"E631 {GONE.replace('menu', 'late')}"] == late(hold + USED, goto="late")


def test_only_the_first_place_of_each_secret_is_told() -> None:
    steps = f"{ASK % ('', 'menu')}{MENU}late:\n  goto: {{goto: used, set: {{copy: '{{{{ pin }}}}'}}}}{USED}"

    assert ["25:40"] == [fault.split()[0] for fault in faults(steps, HEAD) if "E631" in fault]


def test_what_the_error_step_reads_is_told_when_a_wait_may_fail() -> None:
    head = f"{HEAD}defaults: {{on: {{error: late}}}}\n"
    read = "late:\n  set: {copy: '{{ pin }}'}\n  goto: used"

    assert [f"E631 {GONE}"] == told(f"{ASK % ('', 'menu')}{MENU}{read}{USED}", head)


def test_the_events_of_a_flow_come_in_a_later_turn() -> None:
    head = f"{HEAD}events: {{hangup: {{told: {{code: '{{{{ pin }}}}'}}}}}}\n"

    assert [f"E631 {LATER}"] == told(ASK % ("", "end"), head)


@pytest.mark.parametrize(
    ("check", "field"), [(", check: input.digits == '1'", "digits"), (", check: input.text == '1'", "text")]
)
def test_input_does_not_hold_what_is_sensitive(check: str, field: str) -> None:
    assert [f'E631 "input.{field}" is empty behind the step "hello", whose input is sensitive'] == told(
        ASK % (check, "end")
    )


def test_input_holds_what_came_of_the_next_wait() -> None:
    assert [] == late("do: [{talk: 'You pressed {{ input.digits }}.'}]\n  goto: end")


def test_how_sure_the_recogniser_was_is_no_secret() -> None:
    assert [] == late("branch: [{if: input.confidence > 0, goto: end}, {else: end}]", goto="late")


ASKING = """\
flow: asking
params: {wanted: {type: text, default: "", sensitive: true}, plain: {type: text, default: ""}}
outcomes: [done, failed]
returns: {pin: {type: text, sensitive: true}}
start: ask
steps:
  ask:
    do: [{talk: Your PIN?}]
    collect: {into: entered, digits: 4, sensitive: true}
    retry: {then: {return: failed}}
    goto: check
  check:
    branch: [{if: entered == plain, goto: {return: failed}}, {else: back}]
  back:
    goto: {return: done, set: {pin: "{{ entered }}"}}
"""
SAYING = """\
flow: saying
params: {code: {type: text, sensitive: true}}
start: say
steps:
  say:
    do: [{talk: "{% if code == '1' %}One{% else %}None{% endif %}"}]
    goto: return
"""
RUNS = """\
hello:
  run: asking
  with: {plain: x%s}
  on: {done: next, failed: %s, error: end}
next:
  %s
other:
  branch: [{if: pin == '1', goto: end}, {else: end}]
"""
PIN = "vars: {pin: {type: text, sensitive: true}}\n"


def errors(steps: str, head: str = PIN, **others: str) -> list[str]:
    """The messages of all E631."""
    return [fault.partition("E631 ")[2] for fault in faults(steps, head, **others) if " E631 " in fault]


def test_what_a_flow_returns_is_there_in_the_turn_of_the_return() -> None:
    runs = RUNS % ("", "end", "run: saying\n  with: {code: '{{ pin }}'}\n  on: {return: other}")

    assert [] == errors(runs, asking=ASKING, saying=SAYING)


def test_a_flow_that_waits_loses_the_secrets_of_whoever_runs_it() -> None:
    runs = RUNS % ("", "other", "run: asking\n  with: {plain: y}\n  on: {done: end, failed: other}")

    assert ['"pin" is sensitive, and it is gone here: the step "next" has waited in between'] == errors(
        runs, asking=ASKING
    )


def test_a_flow_that_does_not_wait_loses_nothing() -> None:
    saying = SAYING.replace("goto: return", "goto: {return: return}")
    runs = RUNS % ("", "end", "run: saying\n  with: {code: x}\n  on: {otherwise: other}")

    assert [] == errors(runs, asking=ASKING, saying=saying)


def test_a_param_is_gone_once_its_flow_has_waited() -> None:
    asking = ASKING.replace("entered == plain", "entered == wanted")
    given = RUNS % (", wanted: '1'", "end", "goto: end")

    assert ['"wanted" is sensitive, and it is gone here: the step "ask" has waited in between'] == errors(
        given, asking=asking
    )
    assert [] == errors(RUNS % ("", "end", "goto: end"), asking=asking)


def test_what_is_handed_over_or_returned_too_late_is_told() -> None:
    gone = '"pin" is sensitive, and it is gone here: the step "menu" has waited in between'
    steps = f"{ASK % ('', 'menu')}{MENU}late:\n  goto: {{run: saying, with: {{code: '{{{{ pin }}}}'}}}}"
    returning = """
  wait:
    do: [{talk: Press 1.}]
    choices: {one: {dtmf: 1, goto: {return: return, set: {code: "{{ code }}"}}}}
    retry: {then: end}
"""
    head = "flow: saying\nreturns: {code: {type: text, sensitive: true}}"
    sub = SAYING.replace("flow: saying", head).replace("goto: return", "goto: wait") + returning
    runs = "hello:\n  run: saying\n  with: {code: '1'}\n  on: {return: end}"

    assert [gone] == errors(steps, saying=SAYING)
    assert ['"code" is sensitive, and it is gone when this is computed: that is in a later turn'] == errors(
        runs, saying=sub
    )


def test_flows_that_run_each_other_are_followed_once() -> None:
    other = SAYING.replace("    goto: return", "    run: asking\n    with: {code: '1'}\n    on: {return: end}")
    asking = other.replace("flow: saying", "flow: asking").replace("run: asking", "run: saying")
    found = codes("hello:\n  run: saying\n  with: {code: '1'}\n  on: {return: end}", PIN, saying=other, asking=asking)

    assert "E280" in found
    assert "E631" not in found


def test_a_flow_with_an_error_tells_nothing_of_what_it_does() -> None:
    broken = SAYING.replace("goto: return", "goto: nowhere")
    runs = RUNS % ("", "end", "run: saying\n  with: {code: x}\n  on: {otherwise: other}")

    assert [] == errors(runs, asking=ASKING, saying=broken)


CARDS = """\
lookups:
  customer:
    get: "https://crm.example.com/{{ call.uuid }}"
    returns: {name: text, card: {type: text, sensitive: true}}
  pay:
    params: {card: {type: text, sensitive: true}}
    post: https://pay.example.com
    json: {card: "{{ card }}"}
    returns: {paid: bool}
"""
ASK_CARD = "hello:\n  lookup: customer\n  do: [{talk: 'Hello {{ customer.name }}.'}]\n  goto: %s\n"
PAY = "late:\n  lookup: {pay: {card: '{{ customer.card }}'}}\n  branch: [{if: pay.paid, goto: end}, {else: end}]"


def test_the_sensitive_field_of_a_look_up_lives_for_the_turn_that_has_asked() -> None:
    gone = '"customer.card" is sensitive, and it is gone here: the step "menu" has waited in between'

    assert [] == told(f"{ASK_CARD % 'late'}{PAY}", CARDS)
    assert [f"E631 {gone}"] == told(f"{ASK_CARD % 'menu'}{MENU}{PAY}", CARDS)


@pytest.mark.parametrize(
    ("step", "is_told"),
    [
        ("branch: [{if: customer.card == '1', goto: end}, {else: end}]", True),
        ("branch: [{if: customer.card is defined and customer.card == '1', goto: end}, {else: end}]", False),
        ("branch: [{if: customer.name == '1', goto: end}, {else: end}]", False),
        ("branch: [{if: customer.ok, goto: end}, {else: end}]", False),
        ("lookup: customer\n  branch: [{if: customer.card == '1', goto: end}, {else: end}]", False),
        (
            "lookup: customer\n  do: [{talk: Wait.}]\n  hold: {until: customer.card == '1', up_to: 1m}\n"
            "  on: {ready: end, too_long: end}",
            False,
        ),
    ],
)
def test_the_other_fields_stay_and_who_asks_again_has_it_again(step: str, is_told: bool) -> None:
    found = told(f"{ASK_CARD % 'menu'}{MENU}late:\n  {step}", CARDS)

    assert is_told is bool(found)


NESTED = """\
lookups:
  customer:
    get: "https://crm.example.com/{{ call.uuid }}"
    returns:
      name: text
      home: {city: text, code: {type: text, sensitive: true}}
      cards: [{name: text, number: {type: text, sensitive: true}}]
"""


@pytest.mark.parametrize(
    ("step", "gone"),
    [
        ("branch: [{if: customer.home.code == '1', goto: end}, {else: end}]", "customer.home.code"),
        ("branch: [{if: customer.home.city == '1', goto: end}, {else: end}]", ""),
        ("branch: [{if: \"customer.cards[0].number == '1'\", goto: end}, {else: end}]", "customer.cards[].number"),
        ("branch: [{if: \"customer.cards[0].name == '1'\", goto: end}, {else: end}]", ""),
        ("branch: [{if: customer.cards | length > 0, goto: end}, {else: end}]", ""),
        ("branch: [{if: customer.home.code is defined, goto: end}, {else: end}]", ""),
        (
            "branch: [{if: \"(customer.cards | first).number == '1'\", goto: end}, {else: end}]",
            "customer.cards[].number",
        ),
        ("branch: [{if: \"(customer.name | default('x'))[0:1] == '1'\", goto: end}, {else: end}]", ""),
        (
            "branch: [{if: \"customer.cards[customer.home.code | int].name == '1'\", goto: end}, {else: end}]",
            "customer.home.code",
        ),
        ('do: [{talk: "{% for c in customer.cards %}{{ c.name }}{% endfor %} Bye."}]\n  goto: end', ""),
        (
            "do: [{talk: \"{% for c in customer.cards %}{% if c.number == '1' %}One.{% endif %}{% endfor %} Bye.\"}]\n"
            "  goto: end",
            "customer.cards[].number",
        ),
        (
            "do: [{talk: \"{% set h = customer.home %}{% if h.code == '1' %}One.{% endif %} Bye.\"}]\n  goto: end",
            "customer.home.code",
        ),
        (
            "do: [{talk: \"{% set h = customer.home %}{% if h.code is defined and h.code == '1' %}One.{% endif %}"
            ' Bye."}]\n  goto: end',
            "",
        ),
    ],
)
def test_what_is_sensitive_further_in_is_gone_and_the_rest_stays(step: str, gone: str) -> None:
    found = told(f"{ASK_CARD % 'menu'}{MENU}late:\n  {step}", NESTED)
    message = f'E631 "{gone}" is sensitive, and it is gone here: the step "menu" has waited in between'

    assert ([message] if gone else []) == found
