from __future__ import annotations

import pytest

from tests.flow.checks.usage.whole_projects import CUSTOMER, codes, faults, flow_text, told

HELLO = "hello:\n  do:\n    - talk: Hello.\n  goto: end"
SUB = "flow: sub\nstart: hello\nsteps:\n  hello:\n    do:\n      - talk: Hello.\n    goto: end\n"


def test_a_variable_that_nothing_uses_is_told_where_it_is_declared() -> None:
    assert ['4:8 W630 nothing uses the variable "x"'] == faults(HELLO, "vars: {x: {type: text}}\n")


@pytest.mark.parametrize(
    "step",
    [
        "hello:\n  set: {x: a}\n  goto: end",
        "hello:\n  do:\n    - talk: Press 1.\n  choices:\n    one: {dtmf: 1, set: {x: a}, goto: end}\n"
        "  retry: {then: end}",
        "hello:\n  do:\n    - talk: Hello.\n  goto: {goto: end, set: {x: a}}",
        "hello:\n  do:\n    - talk: '{{ call.from }}'\n  on: {error: {goto: end, set: {x: a}}}\n  goto: end",
    ],
)
def test_a_variable_that_is_only_set_is_told(step: str) -> None:
    assert ['4:8 W631 the variable "x" is set, and nothing reads it'] == faults(step, "vars: {x: {type: text}}\n")


def test_a_declared_variable_that_is_only_collected_is_told() -> None:
    step = "hello:\n  do:\n    - talk: What?\n  collect: {into: x, speech: any}\n  goto: end\n  retry: {then: end}"

    assert ['4:8 W631 the variable "x" is collected, and nothing reads it'] == faults(step, "vars: {x: {type: text}}\n")
    assert [] == faults(step)


@pytest.mark.parametrize(
    "step",
    [
        "hello:\n  do:\n    - talk: '{% if x %}Hello.{% endif %}'\n  goto: end",
        "hello:\n  do:\n    - stream: https://example.com/{{ x }}.mp3\n  goto: end",
        "hello:\n  do:\n    - connect: {type: sip, uri: 'sip:desk@example.com', headers: {X: '{{ x }}'}}\n"
        "  on: {completed: end, otherwise: end}",
        "hello:\n  do:\n    - talk: Press 1.\n  choices:\n    one: {dtmf: 1, goto: end}\n"
        "  retry: {noinput: ['Please, {{ x or call.from }}.'], then: end}",
        "hello:\n  branch:\n    - if: x == 'a'\n      goto: end\n    - else: end",
        "hello:\n  do:\n    - talk: Your PIN?\n  collect: {into: pin, digits: 4, check: pin == x}\n  goto: end\n"
        "  retry: {then: end}",
        "hello:\n  do:\n    - connect: '447700900111'\n      onAnswer: {run: sub, with: {y: '{{ x }}'}}\n"
        "  on: {completed: end, otherwise: end}",
        "hello:\n  do:\n    - talk: Hello.\n  goto: {run: sub, with: {y: '{{ x }}'}}",
        "hello:\n  run: sub\n  with: {y: '{{ x }}'}\n  on: {return: end}",
    ],
)
def test_whatever_looks_a_variable_up_reads_it(step: str) -> None:
    sub = flow_text("hello:\n  do:\n    - talk: 'Hello {{ y }}.'\n  goto: return", "params: {y: text}\n", "sub")
    head = "vars: {x: {type: text, default: a}}\n"

    assert [] == [fault for fault in faults(step, head, sub=sub) if "W630" in fault or "W631" in fault]


def test_a_hook_without_a_body_tells_every_variable_that_is_no_secret() -> None:
    head = (
        "vars: {x: {type: text, default: x}, y: {type: text, sensitive: true}}\n"
        "hooks: {done: {post: https://example.com/done}}\n"
    )

    assert ['4:37 W630 nothing uses the variable "y"'] == faults("hello:\n  send: done\n  goto: end", head)
    assert ['4:37 W630 nothing uses the variable "y"'] == faults(HELLO, head + "events: {hangup: done}\n")


def test_a_hook_with_a_body_tells_what_that_names() -> None:
    hook = "hooks: {done: {params: {z: text}, post: https://example.com/done, json: {x: '{{ x }}', z: '{{ z }}'}}}\n"
    head = "vars: {x: {type: text, default: x}, y: {type: text}}\n" + hook
    step = "hello:\n  send: {done: {z: a}}\n  events: {hangup: {done: {z: b}}}\n  goto: end"

    assert ['4:37 W630 nothing uses the variable "y"'] == faults(step, head)


def test_what_another_flow_gives_back_sets_a_variable() -> None:
    sub = flow_text("hello:\n  goto: {return: done, set: {x: a}}", "outcomes: [done]\nreturns: {x: text}\n", "sub")
    head = "vars: {x: {type: text}}\n"

    assert ["W631"] == codes("hello:\n  run: sub\n  on: {done: end}", head, sub=sub)


def test_what_a_text_says_in_single_braces_was_meant_to_be_used() -> None:
    assert ["W303"] == codes("hello:\n  do:\n    - talk: Hello {x}.\n  goto: end", "vars: {x: {type: text}}\n")


def test_a_param_that_nothing_reads_is_told() -> None:
    sub = SUB.replace("start:", "params: {team: text}\nstart:")
    step = "hello:\n  do:\n    - talk: Hello.\n  goto: {run: sub, with: {team: sales}}"

    assert ['flows/sub.yaml:2:10 W632 nothing reads the param "team"'] == faults(step, sub=sub)


def test_what_a_flow_never_gives_back_is_told() -> None:
    head = "outcomes: [done]\nreturns: {x: text}\n"
    sub = flow_text("hello:\n  goto: {return: done}", head, "sub")

    assert ['flows/sub.yaml:4:11 W633 this flow says that it gives back "x", and no return sets it'] == faults(
        "hello:\n  run: sub\n  on: {done: end}", sub=sub
    )


def test_a_value_that_is_given_back_without_declared_outcomes_is_given_back_by_return() -> None:
    sub = flow_text("hello:\n  goto: return", "returns: {x: text}\n", "sub")
    texts = {"flows/test.yaml": flow_text("hello:\n  run: sub\n  on: {return: end}"), "flows/sub.yaml": sub}

    assert ['flows/sub.yaml:3:11 W633 this flow says that it gives back "x", and no return sets it'] == told(texts)


def test_an_outcome_that_no_step_returns_is_told() -> None:
    sub = flow_text("hello:\n  goto: {return: done}", "outcomes: [done, failed]\n", "sub")

    assert ['flows/sub.yaml:3:18 W634 no step returns the outcome "failed"'] == faults(
        "hello:\n  run: sub\n  on: {done: end, failed: end}", sub=sub
    )


def test_an_outcome_may_come_of_an_error() -> None:
    head = "outcomes: [done, failed]\ndefaults: {on: {error: {return: failed}}}\n"
    sub = flow_text("hello:\n  goto: {return: done}", head, "sub")

    assert [] == faults("hello:\n  run: sub\n  on: {done: end, failed: end}", sub=sub)


def test_parts_of_a_flow_that_nothing_uses_are_told() -> None:
    head = (
        "hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}\n"
        "hooks: {done: {post: https://example.com/done}}\n"
    )

    assert [
        '4:9 W635 nothing looks at the opening hours "office"',
        '5:9 W635 nothing sends the hook "done"',
        '7:3 W635 no step asks the look-up "customer"',
    ] == faults(HELLO, head + CUSTOMER)


@pytest.mark.parametrize("test", ["hours.office.open", 'hours["office"].open', "hours[call.from_user].open"])
def test_hours_are_used_by_their_name_or_all_at_once(test: str) -> None:
    head = "hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}\n"

    assert [] == faults(f"hello:\n  branch:\n    - if: {test}\n      goto: end\n    - else: end", head)


SHARED = "shared: true\nhooks: {done: {post: https://example.com/done}}\n" + CUSTOMER


def test_a_shared_part_that_no_flow_uses_is_told_of_a_whole_project() -> None:
    texts = {"flows/test.yaml": flow_text(HELLO), "flows/shared.yaml": SHARED}

    assert [
        'flows/shared.yaml:2:9 W635 nothing sends the hook "done"',
        'flows/shared.yaml:4:3 W635 no step asks the look-up "customer"',
    ] == told(texts)
    assert [] == told(texts, "files")
    assert [] == told(texts, "revision")


def test_a_shared_part_is_used_by_any_flow() -> None:
    other = flow_text("hello:\n  lookup: customer\n  send: done\n  goto: end").replace("flow: test", "flow: other")
    texts = {"flows/test.yaml": flow_text(HELLO), "flows/shared.yaml": SHARED}

    assert [] == told(texts | {"flows/other.yaml": other.replace("default: true", "entry: true")})


def test_a_shared_part_behind_one_of_the_flow_itself_is_not_used() -> None:
    texts = {
        "flows/test.yaml": flow_text("hello:\n  lookup: customer\n  send: done\n  goto: end", CUSTOMER),
        "flows/shared.yaml": SHARED,
    }

    assert ['flows/shared.yaml:4:3 W635 no step asks the look-up "customer"'] == told(texts)


def test_beside_an_error_nothing_is_unused() -> None:
    texts = {
        "flows/test.yaml": flow_text(HELLO, "vars: {x: {type: text}}\n"),
        "flows/shared.yaml": SHARED,
        "flows/broken.yaml": "flow: [",
    }

    assert ["E"] == [fault.split()[1][0] for fault in told(texts) if "broken" in fault]
    assert ['flows/test.yaml:4:8 W630 nothing uses the variable "x"'] == [
        fault for fault in told(texts) if "broken" not in fault
    ]
    assert ["E225"] == codes("hello:\n  set: {y: a}\n  goto: end", "vars: {x: {type: text}}\n")


def test_shared_parts_alone_are_used_by_nobody_yet() -> None:
    assert [] == told({"flows/shared.yaml": SHARED})


def test_a_template_that_nothing_uses_is_told() -> None:
    texts = {
        "flows/test.yaml": flow_text("hello:\n  do:\n    - talk: {template: a.j2}\n  goto: end"),
        "templates/a.j2": 'Hello {% include "b.j2" %}.',
        "templates/b.j2": "{{ call.from }}",
        "templates/old/c.j2": "Goodbye.",
        "templates/README.txt": "What callers hear.",
        "templates/notes.md": "What callers hear.",
    }

    assert ["templates/old/c.j2:1:1 W636 no flow and no template uses old/c.j2"] == told(texts)
    assert [] == told(texts, "files")


def test_a_template_whose_name_is_spoken_was_meant_to_be_used() -> None:
    texts = {
        "flows/test.yaml": flow_text("hello:\n  do:\n    - talk: a.j2\n  goto: end"),
        "templates/a.j2": "Hello.",
    }

    assert ["W414"] == [fault.split()[1] for fault in told(texts)]


LOCALES = "locales: {en: {language: en-GB}, fr: {language: fr-FR}, de: {language: de-DE}}\n"
SAID = "  do:\n    - talk: {en: Hello., fr: Bonjour., de: Guten Tag.}\n  goto: end"


def test_locales_that_nobody_can_choose_are_told() -> None:
    assert ["4:34 W637 every call stays in the locale en: nothing sets `locale` to fr, de"] == faults(
        f"hello:\n{SAID}", LOCALES
    )


def test_one_locale_need_not_be_chosen() -> None:
    assert [] == faults(HELLO, "locales: {en: {language: en-GB}}\n")


def test_a_locale_may_be_chosen_in_another_flow() -> None:
    choosing = flow_text("hello:\n  set: {locale: fr}\n" + SAID, LOCALES, "choosing").replace(
        "start:", "entry: true\nstart:"
    )

    assert [] == faults(f"hello:\n{SAID}", LOCALES, choosing=choosing)


def test_shared_locales_are_told_once() -> None:
    texts = {
        "flows/shared.yaml": "shared: true\n" + LOCALES,
        "flows/a.yaml": flow_text(f"hello:\n{SAID}"),
        "flows/b.yaml": flow_text(f"hello:\n{SAID}", "entry: true\n", "b"),
    }

    assert ["flows/shared.yaml:2:34 W637"] == [" ".join(fault.split()[:2]) for fault in told(texts)]
