"""What a scenario expects of a whole call, and what it gives to it: look-ups, variables of flows, hooks."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.engine import Lookup, LookupAnswer
from app.store import HookRow
from app.verify.scenarios.stage import Outside
from app.verify.scenarios.suite import run_suite
from tests.verify.scenarios.playing import file_of, messages, played, run, stage_for

CRM = """\
flow: main
numbers: ["442079460000"]
start: hello
vars: {seen: {type: int}, who: {type: text, default: nobody}}
lookups:
  customer:
    get: "{{ env.CRM_URL }}/callers/{{ call.from }}"
    returns: {name: text, code: text, visits: int, vip: bool, tags: list, orders: [{number: text, amount: number}]}
    default: {name: stranger}
hooks:
  seen:
    post: "{{ env.CRM_URL }}/seen"
    json: {who: "{{ who }}", visits: "{{ customer.visits }}", tags: "{{ customer.tags }}"}
  broken: {post: "{{ env.CRM_URL }}/x", json: {a: "{{ who | int }}"}}
steps:
  hello:
    lookup: customer
    set: {seen: "{{ seen + 1 }}", who: "{{ customer.name }}"}
    send: seen
    do:
      - talk: >-
          Hello {{ customer.name }}, {{ customer.code }}, {{ customer.visits }}, {{ customer.vip }}.
          {{ customer.tags | list }}.
          {% if customer.orders != [] %}{{ customer.orders[0].number }}: {{ customer.orders[0].amount + 1 }}{% endif %}
    branch:
      - if: not customer.ok and seen < 2
        goto: hello_again
      - else: end
  hello_again:
    lookup: customer
    do:
      - talk: "Again {{ customer.name }}."
    goto: end
"""
ANN = "{name: Ann, code: 007, visits: 3, vip: true, tags: [new, 7], orders: [{number: 0815, amount: 1.5}]}"


def head(given: str = f"{{customer: {ANN}}}", expect: str = "{end: completed}") -> str:
    return f"  given: {given}\n  expect: {expect}\n"


def test_an_answer_has_the_types_that_the_look_up_declares() -> None:
    result = played(CRM, "- hear: 'Hello Ann, 007, 3, true. new and 7. 0815: 2.5'\n- end", head())

    assert [] == messages(result)
    assert {"who": "Ann", "visits": 3, "tags": ["new", 7]} == json.loads(result.hooks[0].body)


@pytest.mark.parametrize(
    "given",
    [
        "{customer: {timeout: true}}",
        '{customer: {error: "503"}}',
        "{customer: {error: it is down}}",
        "{customer: {name: 5}}",
        "{}",
        "{main.customer: {value: none}}",
    ],
)
def test_without_an_answer_the_default_holds(given: str) -> None:
    assert [] == messages(played(CRM, "- hear: Hello stranger\n- hear: Again stranger\n- end", head(given)))


def test_why_there_is_no_answer_is_in_the_trace() -> None:
    given = '{customer: [{timeout: true}, {error: "503"}]}'
    result = played(CRM, "- hear: Hello stranger", head(given))

    assert ["not ok: timed out after 1000 ms, in 1000 ms", "not ok: status 503, in 0 ms"] == [
        line.because for line in result.decided if line.did == "asked"
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{customer: {nam: Ann}}", 'the look-up "customer" returns no "nam"'),
        ("{customer: {timeout: false}}", 'the look-up "customer" returns no "timeout"'),
        ("{main.customer: [{timeout: true}, {vips: true}]}", 'the look-up "main.customer" returns no "vips"'),
    ],
)
def test_an_answer_has_no_field_that_is_not_declared(given: str, told: str) -> None:
    suite = run(CRM, f"a call:\n{head(given)}  script: [end]\n")

    assert [("S107", told)] == [(issue.code, issue.message) for issue in suite.issues]


def test_an_answer_that_does_not_fit_is_told() -> None:
    notes = played(CRM, "- hear: Hello stranger", head("{customer: {name: Ann, visits: many}}")).notes

    assert any(note.startswith('the answer of the look-up "customer" does not fit, so its default') for note in notes)


def test_an_answer_may_be_anything_that_a_broken_server_says() -> None:
    assert [] == messages(played(CRM, "- hear: Hello stranger", head("{customer: {value: {nam: Ann}}}")))


def test_answers_come_in_turn() -> None:
    given = f"{{main.customer: [{{timeout: true}}, {ANN}]}}"

    assert [] == messages(played(CRM, "- hear: Hello stranger\n- hear: Again Ann", head(given)))


def test_a_look_up_that_nobody_answers_is_named() -> None:
    result = played(CRM, "- hear: Hello stranger\n- end", head("{}"))

    assert (
        'the look-up "customer" had no answer, so its default held; `given: {customer: ..}` gives one',
    ) == result.notes


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{end: completed, seconds: <60, said: [Hello Ann, 'new and 7'], hooks: [seen]}", []),
        ("{hooks: [{seen: {visits: 3, tags: [new, 7]}}], variables: {seen: 1, who: Ann}}", []),
        ("{ncco: [{action: talk, text: 'Hello Ann, 007, 3, true. new and 7. 0815: 2.5'}]}", []),
        ("{end: hangup}", ["the call ends otherwise"]),
        ("{end: failsafe}", ["the call ends otherwise"]),
        ("{seconds: 1}", ["the call lasts another time"]),
        ("{said: ['new and 7', Hello]}", ["this is not heard, or not in this order"]),
        ("{hooks: []}", ["other hooks are sent"]),
        ("{hooks: [{seen: {visits: 4}}]}", ['the hook "seen" says something else']),
        ("{hooks: [{seen: {tags: [new]}}]}", ['the hook "seen" says something else']),
        ("{hooks: [{seen: {more: 1}}]}", ['the hook "seen" says something else']),
        ("{variables: {seen: 2}}", ['the variable "seen" has another value']),
        ("{variables: {who: true}}", ['the variable "who" has another value']),
        ("{ncco: [connect]}", ["no such action is played, or not in this order"]),
        ("{ncco: [{action: talk, text: {a: b}}]}", ["no such action is played, or not in this order"]),
    ],
)
def test_what_is_expected(expect: str, told: list[str]) -> None:
    result = played(CRM, "- wait: 1s", head(expect=expect))

    assert told == [difference.message for difference in result.differences]


def test_an_action_that_nobody_gets_to_is_not_played() -> None:
    menu = """\
flow: main
default: true
start: menu
steps:
  menu:
    do: [talk: Press 1.]
    choices: {one: {dtmf: 1, goto: bye}}
    retry: {then: bye}
  bye:
    do: [talk: Good bye.]
    goto: end
"""
    script = "- hear: Press 1\n- hangup"

    assert [] == messages(played(menu, script, "  expect: {ncco: [{action: talk, text: Press 1.}, input]}\n"))
    assert ["2: no such action is played, or not in this order"] == messages(
        played(menu, script, "  expect: {ncco: [input, talk]}\n")
    )


def test_a_hook_that_cannot_be_made_is_a_difference() -> None:
    flow = CRM.replace("send: seen", "send: broken")
    result = played(flow, "- hear: Hello Ann", head(expect="{hooks: [broken]}"))

    assert ['the hook "broken" cannot be sent'] == [text[3:36].rstrip(":") for text in messages(result)]


def test_a_failsafe_is_a_difference_unless_it_is_expected() -> None:
    flow = CRM.replace("Hello {{ customer.name }}", "Hello {{ customer.name | int }}")
    wrong, right = (played(flow, "- wait: 1s", head(expect=expect)) for expect in ("{seconds: <90}", "{end: failsafe}"))

    assert ["1: the caller hears the failsafe: nothing of the flow could be played"] == [
        m.partition(" (")[0] for m in messages(wrong)
    ]
    assert [] == messages(right)


def test_a_variable_that_has_no_stand_in_is_given() -> None:
    flow = CRM.replace('"{{ env.CRM_URL }}/x"', '"{{ env.CRM_URL }}/{{ env.SHOP }}"').replace(
        "seen: seen", "seen: seen"
    )
    hook = played(
        flow.replace("send: seen", "send: broken").replace("who | int", "who"),
        "- wait: 1s",
        head() + "  env: {SHOP: north}\n",
    ).hooks[0]

    assert "https://crm-url.example/north" == hook.url


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:\n  flow: mian\n  script: [end]\n", '1:1 S106 there is no flow "mian"; did you mean "main"?'),
        ("a:\n  flow: nothing\n  script: [end]\n", '1:1 S106 there is no flow "nothing"; there are: main, sub'),
        (
            "a:\n  flow: sub\n  script: [end]\n",
            '1:1 S106 no call can start in flow "sub"; call a flow that runs it, '
            "or give it `numbers`, `default: true` or `entry: true`",
        ),
        ('a:\n  to: "1"\n  script: [end]\n', "1:1 S106 no flow takes calls to 1; flows take calls to 442079460000"),
        (
            "a:\n  given: {custmer: {name: Ann}}\n  script: [end]\n",
            '2:11 S107 no flow has a look-up "custmer"; did you mean "customer"?',
        ),
        (
            "a:\n  given: {nothing: {name: Ann}}\n  script: [end]\n",
            '2:11 S107 no flow has a look-up "nothing"; there are: customer, main.customer',
        ),
        ("a:\n  script: [end]\n  expect: {hooks: [sen]}\n", '3:20 S108 no flow has a hook "sen"; did you mean "seen"?'),
        (
            "a:\n  script: [end]\n  expect: {variables: {whom: x}}\n",
            '3:24 S109 no flow has a variable "whom"; did you mean "who"?',
        ),
    ],
)
def test_what_the_flows_do_not_have_is_an_issue(text: str, told: str) -> None:
    suite = run(CRM, text, sub="flow: sub\nstart: a\nsteps: {a: {goto: end}}\n")
    (issue,) = suite.issues

    assert told == f"{issue.place.line}:{issue.place.column} {issue.code} {issue.message}; {issue.cure}"
    assert () == suite.results


TWO = "flow: {name}\nentry: true\nstart: a\nsteps:\n  a:\n    do:\n      - talk: {name}\n    goto: end\n"


def test_a_flow_is_found_by_its_name_its_number_or_because_it_is_the_only_one() -> None:
    one = TWO.replace("{name}", "main")
    by_name = run(one, "a:\n  flow: main\n  script: [hear: main]\n", other=TWO.replace("{name}", "other"))
    unclear = run(one, "a:\n  script: [hear: main]\n", other=TWO.replace("{name}", "other"))
    default = one.replace("entry: true", "default: true")

    assert by_name.results[0].holds
    assert ["add `flow:`, one of: main, other"] == [issue.cure for issue in unclear.issues]
    assert run(one, "a:\n  script: [hear: main]\n").results[0].holds
    assert run(default, "a:\n  script: [hear: main]\n").results[0].holds
    assert run(default, 'a:\n  to: "44"\n  script: [hear: main]\n').results[0].holds
    assert run(default, "a:\n  flow: main\n  script: [hear: main]\n").results[0].holds


def test_sip_and_application_calls_are_made() -> None:
    flow = TWO.replace(
        "talk: {name}", 'talk: "{{ call.sip[\\"X-Shop\\"] }} {{ call.from_user }} {{ call.endpoint_type }}"'
    ).replace("{name}", "main")

    assert run(flow, "a:\n  sip: {X-Shop: north}\n  script: [hear: north sip]\n").results[0].holds
    assert run(flow, "a:\n  user: ann\n  script: [hear: ann app]\n").results[0].holds


def test_a_number_is_dialled_when_a_prefix_allows_it() -> None:
    flow = """\
flow: main
entry: true
start: a
steps:
  a:
    do:
      - connect: "{{ call.from }}"
        from: "442079460000"
    on: {completed: end, otherwise: end, error: no}
  no:
    do:
      - talk: No.
    goto: end
"""
    text = 'a:\n  script: [hear: "No"]\nb:\n  dial_allow: ["44"]\n  script: [dial: "447700900123", end]\n'

    assert [True, True] == [result.holds for result in run(flow, text).results]


def test_outside_is_asked_and_told_only_when_that_is_wanted() -> None:
    asked: list[str] = []
    posted: list[str] = []

    async def ask(lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        asked.extend(lookup.request.url for lookup in lookups)
        answer = {"name": "Bo", "code": "1", "visits": 1, "vip": False, "tags": [], "orders": []}
        return tuple(LookupAnswer(answer) for _ in lookups)

    async def post(hook: HookRow) -> str:
        posted.append(hook.url)
        return "nobody is there"

    stage = stage_for(CRM, outside=Outside({"CRM_URL": "https://crm.test"}, lambda: ask, post))
    suite = asyncio.run(run_suite(stage, [file_of("a:\n  script: [hear: Hello Bo]\n")]))

    assert [True] == [result.holds for result in suite.results]
    assert ["https://crm.test/callers/447700900123"] == asked
    assert ["https://crm.test/seen"] == posted
    assert ("the hook seen was not sent: nobody is there",) == suite.results[0].notes


WAITING = """\
flow: main
entry: true
start: a
vars: {n: {type: int, default: 4}}
steps:
  a:
    run: sub
    on: {done: end}
"""
RUN = """\
flow: sub
outcomes: [done]
start: b
vars: {m: {type: int, default: 5}}
defaults: {retry: {then: {return: done}}}
steps:
  b:
    do:
      - talk: Hi.
    choices: {x: {dtmf: 1, goto: {return: done}}}
"""


def test_variables_of_a_flow_that_waits_count_too() -> None:
    expect = "  expect: {variables: {n: 4, m: 5}}\n"
    suite = run(WAITING, f"a:\n  script: [hear: Hi]\n{expect}b:\n  script: [press: 1]\n{expect}", sub=RUN)

    assert [] == messages(suite.results[0])
    assert ['6: the call has no variable "m" in the end; there are: n'] == messages(suite.results[1])
