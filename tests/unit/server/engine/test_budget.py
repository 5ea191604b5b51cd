"""No flow delays other callers, whatever its texts compute: a turn has a budget of steps."""

from __future__ import annotations

import time
from typing import Final

from ncco_server.engine import CallData
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

HEAD: Final = f"""
flow: test
default: true
start: hello
vars:
  items: {{type: list, default: [{", ".join(["é"] * 200)}]}}
  long: {{type: text, default: "{"é" * 3_000}"}}
  number: {{type: number, default: 1}}
hooks:
  report: {{post: "https://crm.example.com/calls", json: {{found: "HOOK"}}}}
lookups:
  order:
    get: "https://crm.example.com/orders/URL"
    returns: {{lines: list, more: list}}
    default: {{lines: [], more: []}}
hours:
  seldom:
    timezone: Europe/London
    week: {{mon: 10:00-10:01}}
    override: {{2026-03-04..2026-12-31: closed, 2027-01-01..2027-12-31: closed}}
defaults:
  on: {{error: sorry}}
steps:
  sorry:
    do:
      - talk: "Something went wrong on our side."
    goto: end
"""
LONG_S: Final = 5
"""Processor time in seconds: a turn takes a tenth of it, and without its budget many times as much."""
LOOPS: Final = "{% for a in items %}{% for b in items %}BODY{% endfor %}{% endfor %}"
ANSWER: Final = {"lines": [str(n) for n in range(200)], "more": [str(n) for n in range(200)]}

BODIES: Final = {
    "tags": "{% if a == 'x' %}{% elif b == 'y' %}{% endif %}" * 200,
    "filters": "{% if a | upper | lower | title | trim | capitalize == 'x' %}{% endif %}" * 40,
    "values that are empty": "{{ '' if a else 'x' }}" * 300,
    "variables": "{% set c = [a, b] + [b, a] %}" * 100,
    "a search": "{% if long in items or long not in items %}{% endif %}",
    "a concatenation": "{% if long + long + long == long %}{% endif %}",
    "lists": "{% if items + [] == [] + items %}{% endif %}",
    "opening hours": "{% if hours.seldom.next_open is defined %}{% endif %}" * 40,
    "headers": "{% if call.sip['X-Last'] == '' %}{% endif %}" * 40,
    "answers": "{% if order.lines == order.more %}{% endif %}",
}
TALKS: Final = {name: LOOPS.replace("BODY", body) for name, body in BODIES.items()} | {
    "conditions without loops": "{% if long | spell | length == 0 %}{% endif %}" * 100
}


def playing(step: str, *, head: str = HEAD) -> tuple[list[str], list[str], float]:
    """What a caller hears, why steps failed, and the processor time in seconds."""
    flow = load_flow(f"{head}  hello:\n{step}")
    before = time.process_time()
    caller = ScriptedCall(
        flow,
        answers={"order": ANSWER},
        call=CallData("442079460000", "447700900123", uuid="call", sip={f"X-{n}": "x" for n in range(500)}),
    )
    failed = [line.what for line in caller.turn.trace if line.did == "failed"]
    return caller.said, failed, time.process_time() - before


@each_case("name", TALKS)
def test_a_text_that_takes_too_long_leads_to_the_error_exit(name: str) -> None:
    said, failed, seconds = playing(f'    lookup: order\n    do: [{{talk: "{TALKS[name]}x"}}]\n    goto: end\n')

    assert ["Something went wrong on our side."] == said
    assert ["E396"] == failed
    assert seconds < LONG_S


def test_a_failing_hook_or_lookup_leaves_the_rest_of_the_turn_its_steps() -> None:
    head = HEAD.replace("HOOK", LOOPS.replace("BODY", BODIES["filters"])).replace("URL", TALKS["filters"])

    said, failed, seconds = playing(
        '    lookup: order\n    send: [report, report]\n    do: [{talk: "{{ items | first }}"}]\n    goto: end\n',
        head=head,
    )

    assert (["é"], []) == (said, failed)
    assert seconds < LONG_S


def test_all_texts_of_a_turn_share_its_budget() -> None:
    talk = '      - talk: "' + LOOPS.replace("BODY", "") + '{{ long[:500] }}"\n'

    assert (["é" * 500] * 2, []) == playing(f"    do:\n{talk * 2}    goto: end\n")[:2]
    assert ["E396"] == playing(f"    do:\n{talk * 9}    goto: end\n")[1]


def test_a_header_costs_as_much_as_the_search_for_it() -> None:
    loop = LOOPS.replace("items", "items[:50]").replace("BODY", "{% if call.sip['X-Last'] %}{% endif %}")

    assert ["E396"] == playing(f'    do: [{{talk: "{loop}x"}}]\n    goto: end\n')[1]


def test_a_search_in_two_long_lists_is_played() -> None:
    talk = LOOPS.replace("BODY", "{% if a == b and loop.first %}{{ a }}{% endif %}")

    assert (["é" * 200], []) == playing(f'    do: [{{talk: "{talk}"}}]\n    goto: end\n')[:2]


def test_a_variable_that_is_set_from_itself_is_read_at_once() -> None:
    text = "{% set all = items + items %}" + "{% set all = all + all %}" * 40

    assert ["E395"] == playing(f'    do: [{{talk: "{text}{{{{ all | list }}}}"}}]\n    goto: end\n')[1]
