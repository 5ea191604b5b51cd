"""Every outcome of a flow is counted, and is recognised in the trace of a call that took it."""

from __future__ import annotations

import asyncio

from ncco_server.flow.loader import load
from ncco_studio.pictures.graph import draw
from ncco_studio.verify.coverage import Coverage, coverage_lines, percent
from ncco_studio.verify.outcomes import outcomes_of
from ncco_studio.verify.scenarios.runner import run_suite
from tests.support.cases import each_case
from tests.system.studio.verify.scenarios.playing import file_of, stage_for

FLOW = """\
flow: main
numbers: ["442079460000"]
start: menu
locales: {en: {language: en-GB}, fr: {language: fr-FR}}
vars: {code: {type: text}, reason: {type: text}, vip: {type: bool}}
lookups:
  place: {get: "https://example.com/x", returns: {free: bool}, default: {free: false}}
defaults:
  on: {error: bye}
  retry: {noinput: {en: [What?], fr: [Quoi ?]}, nomatch: {en: [No.], fr: [Non.]}, then: bye}
  choices: {operator: {dtmf: 0, goto: dial}}
steps:
  menu:
    do:
      - talk: {en: "Press.", fr: "Appuyez."}
    choices:
      sales: {dtmf: 1, speech: {en: [sales], fr: [ventes]}, goto: code}
      help: {speech: {en: [help], fr: [aide]}, goto: speech}
    retry: {tries: 3, then: {noinput: dial, nomatch: bye}}
  code:
    do:
      - talk: {en: "Code.", fr: "Code."}
    collect: {into: code, digits: 4, check: code != "0000"}
    retry: {tries: 1, then: branch}
    goto: branch
  speech:
    do:
      - talk: {en: "Why?", fr: "Pourquoi ?"}
    collect: {into: reason, speech: any}
    goto: hold
  branch:
    branch:
      - if: code == "1111"
        goto: dial
      - if: code == "2222"
        goto: hold
      - else: sub
  dial:
    do:
      - connect: ["447700900111", "447700900222"]
    on: {completed: end, busy: bye, otherwise: terms, error: end}
  terms:
    do:
      - talk: {en: "Terms.", fr: "Termes."}
      - checkpoint: heard
    on: {heard: talked}
  talked:
    do:
      - connect: "447700900333"
    on: {completed: bye, otherwise: bye}
  hold:
    lookup: place
    do:
      - talk: {en: "Wait.", fr: "Attendez."}
    hold: {until: place.free, up_to: 5s}
    on: {ready: bye, too_long: bye}
  sub:
    run: sub
    on: {done: bye, otherwise: bye}
  bye:
    do:
      - talk: {en: "Bye.", fr: "Au revoir."}
    goto: end
"""
SUB = """\
flow: sub
outcomes: [done, lost, gone]
start: sub
defaults: {retry: {then: {return: gone}}}
steps:
  sub:
    do:
      - talk: Sub.
    choices:
      done: {dtmf: 1, goto: {return: done}}
      lost: {dtmf: 2, goto: {return: lost}}
    retry: {tries: 1}
"""
LONE = "flow: lone\nentry: true\nstart: a\nsteps:\n  a:\n    do:\n      - talk: Hi.\n    goto: end\n"


def test_every_outcome_has_its_name_and_its_line() -> None:
    project = load({"flows/main.yaml": FLOW, "flows/sub.yaml": SUB, "flows/lone.yaml": LONE}, {})
    found = [f"{outcome.place.line} {outcome.step}: {outcome.name}" for outcome in outcomes_of(project.flows["main"])]

    assert [
        "17 menu: sales by keys",
        "17 menu: sales by speech",
        "18 menu: help by speech",
        "11 menu: operator by keys",
        "10 menu: noinput, try 1",
        "10 menu: noinput, try 2",
        "19 menu: noinput, last try",
        "10 menu: nomatch, try 1",
        "10 menu: nomatch, try 2",
        "19 menu: nomatch, last try",
        "23 code: collected by keys",
        "24 code: noinput, last try",
        "24 code: nomatch, last try",
        "29 speech: collected by speech",
        "10 speech: noinput, try 1",
        "10 speech: noinput, last try",
        '33 branch: if code == "1111"',
        '35 branch: if code == "2222"',
        "37 branch: else",
        "41 dial: completed",
        "41 dial: busy",
        "41 dial: otherwise",
        "46 terms: heard",
        "50 talked: completed",
        "50 talked: otherwise",
        "52 hold: place answered",
        "52 hold: place default",
        "56 hold: ready",
        "56 hold: too_long",
        "59 sub: done",
        "59 sub: otherwise",
    ] == found
    assert ["a: entered"] == [f"{outcome.step}: {outcome.name}" for outcome in outcomes_of(project.flows["lone"])]


def test_every_outcome_with_a_target_is_on_an_arrow() -> None:
    for flow in load({"flows/main.yaml": FLOW, "flows/sub.yaml": SUB}, {}).flows.values():
        drawn = {key for arrow in draw([flow], errors=True).arrows for key in arrow.outcomes}
        missing = [each.name for each in outcomes_of(flow) if each[:3] not in drawn]

        assert [] == [name for name in missing if not name.startswith(("place ", "noinput, try", "nomatch, try"))]


def coverage_of(text: str) -> Coverage:
    """The coverage of scenarios on the flows above; all scenarios must pass."""
    suite = asyncio.run(run_suite(stage_for(FLOW, {"sub": SUB, "lone": LONE}), [file_of(text)]))
    assert not suite.issues
    assert not [(result.scenario.name, result.differences) for result in suite.differing]
    return suite.coverage


def taken(script: str, head: str = "") -> list[str]:
    """The outcomes that one script takes."""
    found = coverage_of(
        f'a call:\n  to: "442079460000"\n{head}  script: [{script}, wait: 1h]\n  expect: {{seconds: <9999}}\n'
    )
    flows = found.flows.values()
    return [f"{o.step}: {o.name}" for flow in flows for o, count in flow.outcomes.items() if count]


@each_case(
    ("script", "head", "outcomes"),
    [
        ("press: 1, press: 1111, dial: '447700900111', end", "",
         'menu: sales by keys; code: collected by keys; branch: if code == "1111"; dial: completed'),
        ("speak: sales, silence", "",
         "menu: sales by speech; code: noinput, last try; branch: else; sub: otherwise; sub: noinput, last try"),
        ("speak: ventes", "", "menu: nomatch, try 1; menu: noinput, try 2; menu: noinput, last try; dial: completed"),
        ("press: 0, dial: busy, dial: busy", "", "menu: operator by keys; dial: busy"),
        ("press: 0, dial: failed, dial: timeout, dial: completed", "",
         "menu: operator by keys; dial: otherwise; terms: heard; talked: completed"),
        ("press: 0, dial: failed, dial: failed, dial: busy", "",
         "menu: operator by keys; dial: otherwise; terms: heard; talked: otherwise"),
        ("press: 9, press: 9, press: 9", "", "menu: nomatch, try 1; menu: nomatch, try 2; menu: nomatch, last try"),
        ("press: 1, press: '0000', press: 2", "",
         "menu: sales by keys; code: nomatch, last try; branch: else; sub: otherwise; sub: lost by keys"),
        ("press: 1, press: '0001', press: 1", "",
         "menu: sales by keys; code: collected by keys; branch: else; sub: done; sub: done by keys"),
        ("speak: {error: ERR}, press: 1, press: '2222'", "  given: {place: [{timeout: true}, {free: true}]}\n",
         'menu: sales by keys; code: collected by keys; branch: if code == "2222"; hold: place answered; '
         "hold: place default; hold: ready"),
        ("speak: help, speak: why not", "  given: {place: {free: true}}\n",
         "menu: help by speech; speech: collected by speech; hold: place answered; hold: ready"),
        ("speak: help, speak: why not", "",
         "menu: help by speech; speech: collected by speech; hold: place default; hold: too_long"),
        ("speak: help, silence, silence", "",
         "menu: help by speech; speech: noinput, try 1; speech: noinput, last try"),
    ],
)  # fmt: skip
def test_the_outcomes_of_a_call_are_recognised(script: str, head: str, outcomes: str) -> None:
    assert sorted(outcomes.split("; ")) == sorted(taken(script, head))


ALL = """\
defaults: {to: "442079460000"}
one:
  script: [press: 1, press: 1111, dial: "447700900111", end]
two:
  script: [press: 1, press: 1111, dial: busy, dial: busy]
three:
  flow: lone
  script: [hear: Hi]
"""


def test_coverage_is_shown_by_flow_with_what_is_missing() -> None:
    coverage = coverage_of(ALL)
    lines = list(coverage_lines(coverage))

    assert "outcomes taken:" == lines[0]
    assert "  main   16.1 %     5 of 31" in lines
    assert "  sub     0.0 %     0 of 4" in lines
    assert "  lone    100 %     1 of 1" in lines
    assert "  flows/main.yaml:17  main: menu: sales by speech" in lines
    assert (36, 6, 30) == (coverage.outcomes, coverage.taken, len(coverage.missing))
    assert 16.67 == round(coverage.percent, 2)


def test_a_percentage_is_100_only_when_nothing_is_missing() -> None:
    assert ["0.0 %", "99.9 %", "100 %"] == [percent(0), percent(99.99), percent(100)]
