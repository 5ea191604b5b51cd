"""What a proof walks, what it calls it, and what it finds."""

from __future__ import annotations

import pytest

from app.verify.prove import Bounds, Permitted, never_run, prove
from app.verify.prove.counterexample import counter_examples, covering, text_of
from tests.verify.prove.proved_flows import NOW, flow_of, found, proof_of

MENU = """  menu:
    do:
      - talk: "Press 1 to end."
    choices: {leave: {dtmf: 1, speech: [leave], goto: bye}}
"""
LOOKUP = 'lookups: {{it: {{get: "https://example.com/it", returns: {{{0}}}}}}}\n'
TIERED = LOOKUP.replace("{{{0}}}", "{{{0}}}, default: {{tier: standard}}")
ASKED = """  ask:
    lookup: it
    do:
      - talk: "One moment."
    branch:
{arms}      - else: bye
"""


def arms(*conditions: str) -> str:
    return ASKED.format(arms="".join(f"      - if: {each}\n        goto: bye\n" for each in conditions))


def never(steps: str, head: str = "") -> list[str]:
    """The outcomes that no caller takes, by name."""
    return [outcome.name for outcome in proof_of(steps, head).never]


def test_what_is_finite_by_declaration_is_proved() -> None:
    proof = proof_of(arms("it.tier == 'gold'", "it.late"), TIERED.format("tier: [gold, standard], late: bool"))

    assert "proved" == proof.verdict
    assert {} == proof.representatives
    assert () == proof.never


@pytest.mark.parametrize(
    ("returns", "condition"),
    [
        ("n: int", "it.n > 3"),
        ("n: number", "it.n <= 0.5"),
        ("name: text", 'it.name == "Ann"'),
        ("name: text", 'it.name | lower | contains("ann")'),
        ("number: phone", 'it.number == ""'),
        ("page: url", 'it.page == "https://example.com/a"'),
        ("names: [text]", "(it.names | length) == 2"),
        ("names: [text]", "it.names == []"),
        ("names: list", "(it.names | length) > 1"),
        ("people: [{age: int}]", "it.people != [] and it.people[0].age >= 18"),
        ("address: {city: text}", 'it.address.city == "Rome"'),
        ("day: text", "it.ok and (it.day | int(0)) > 3"),
    ],
)
def test_values_of_every_type_come_to_both_sides_of_a_test(returns: str, condition: str) -> None:
    proof = proof_of(arms(condition), LOOKUP.format(returns))

    assert () == proof.never
    assert "walked" == proof.verdict
    assert all(name.startswith("it.") for name in proof.representatives)


def test_fields_that_nobody_reads_are_not_varied() -> None:
    head = TIERED.format("late: bool, name: text, age: int, tags: [text], place: {city: text}, tier: [standard, b]")

    assert {} == proof_of(arms("it.late"), head).representatives


@pytest.mark.parametrize(
    ("count", "how"), [(6, "each two values of two fields together"), (40, "each value of each field once")]
)
def test_many_fields_are_varied_two_by_two_and_very_many_one_by_one(count: int, how: str) -> None:
    names = [f"n{number}" for number in range(count)]
    head = LOOKUP.format(", ".join(f"{name}: int" for name in names))
    proof = proof_of(arms(*(f"it.{name} == 1" for name in names)), head)

    assert () == proof.never
    assert (how,) == proof.representatives["it"]


def test_what_two_of_many_fields_decide_together_is_walked() -> None:
    names = [f"n{number}" for number in range(6)]
    head = LOOKUP.format(", ".join(f"{name}: int" for name in names))

    assert [] == never(arms(*(f"it.{name} == 1 and it.n5 == 7" for name in names[:5])), head)


def test_many_look_ups_side_by_side_are_answered_one_by_one() -> None:
    fields = ", ".join(f"f{number}: bool" for number in range(6))
    parts = ", ".join(f'{name}: {{get: "https://example.com/{name}", returns: {{{fields}}}}}' for name in "abc")
    arms_ = "".join(f"      - if: {name}.f{number}\n        goto: bye\n" for name in "abc" for number in range(6))
    steps = ASKED.format(arms=arms_).replace("lookup: it", "lookup: [a, b, c]")

    proof = proof_of(steps, f"lookups: {{{parts}}}\n")

    assert () == proof.never
    assert ("each answer of each one once",) == proof.representatives["a, b, c"]


@pytest.mark.parametrize(
    "condition",
    [
        'call.to == "442079460999"',
        'call.from == "447700900777"',
        'call.from_user == "ann"',
        'call.sip["X-Tenant"] == "7"',
        'call.endpoint_type == "app"',
        'call.custom_data is defined and call.custom_data.tier is defined and call.custom_data.tier == "gold"',
    ],
)
def test_facts_of_the_call_are_walked_by_the_literals_that_test_them(condition: str) -> None:
    steps = ASKED.format(arms=f"      - if: {condition}\n        goto: bye\n").replace("    lookup: it\n", "")

    assert [] == never(steps)


def test_a_variable_of_the_server_that_is_compared_with_digits_has_as_many() -> None:
    steps = """  ask:
    do:
      - talk: "Key in your PIN."
    collect: {into: pin, digits: 4, sensitive: true, check: pin == env.PIN}
    goto: bye
"""
    proof = proof_of(steps)

    assert {"PIN": "1111"} == proof.env
    assert () == proof.never


def test_a_variable_of_the_server_that_is_dialled_is_a_number_and_one_that_is_set_stays() -> None:
    steps = """  hello:
    do:
      - talk: "One moment."
      - connect: "{{ env.DESK }}"
    on: {completed: end, otherwise: bye}
"""

    assert proof_of(steps).env["DESK"].isdigit()
    assert {"DESK": "441632960000"} == prove(flow_of(steps), NOW, env={"DESK": "441632960000"}).env


def test_free_speech_is_walked_by_the_words_that_are_looked_for() -> None:
    steps = """  ask:
    do:
      - talk: "How many?"
    collect: {into: people, speech: any}
    goto: check
  check:
    branch:
      - if: (people | int(0)) > 8
        goto: bye
      - if: people == "none"
        goto: bye
      - else: bye
"""

    assert [] == never(steps)


def test_the_time_itself_is_a_value_that_stands_for_others() -> None:
    steps = ASKED.format(arms="      - if: now < hours.office.next_open\n        goto: bye\n").replace(
        "    lookup: it\n", ""
    )
    head = "hours: {office: {timezone: Europe/London, week: {mon: 09:00-10:00}}}\n"

    assert "now" in proof_of(steps, head).representatives


def test_dates_of_the_past_are_not_explored() -> None:
    steps = ASKED.format(arms='      - if: hours.office.reason == "override"\n        goto: bye\n').replace(
        "    lookup: it\n", ""
    )
    head = "hours: {office: {timezone: Europe/London, week: {mon: 09:00-10:00}, override: {2020-01-06: closed}}}\n"
    proof = proof_of(steps, head)

    assert ('if hours.office.reason == "override"',) == tuple(each.name for each in proof.never)
    assert ("dates from 2026-03-04 on",) == proof.representatives["hours.office"]
    assert not proof.is_certain


def test_a_walk_stops_at_its_bounds_and_blames_no_step_for_it() -> None:
    flow = flow_of(MENU)
    by_states = prove(flow, NOW, bounds=Bounds(states=1))
    by_seconds = prove(flow, NOW, bounds=Bounds(seconds=0))

    assert ("stopped", "1 states") == (by_states.verdict, by_states.space.stopped)
    assert ("stopped", "0 seconds") == (by_seconds.verdict, by_seconds.space.stopped)
    assert set() == found(by_states)


def test_what_a_caller_may_be_asked_to_bear_can_be_set() -> None:
    flow = flow_of(MENU)

    assert {("silence", "menu")} == {
        (each.kind, each.step) for each in prove(flow, NOW, permitted=Permitted(silence_s=5)).violations
    }
    assert {"steps"} == {each.kind for each in prove(flow, NOW, permitted=Permitted(steps=1)).violations}


def test_a_counter_that_nobody_tests_makes_no_states() -> None:
    counted = MENU.replace("goto: bye", 'set: {n: "{{ n + 1 }}"}, goto: menu')
    proof = proof_of(counted, "vars: {n: {type: int}}\n")

    assert {0} == {state.session.variables["n"] for state in proof.space.states}


def test_an_error_exit_of_a_flow_that_waits_is_followed() -> None:
    steps = """  hello:
    run: sub
    on: {good: bye, error: later}
  later:
    do:
      - talk: "Later."
    goto: end
"""
    sub = """flow: sub
outcomes: [good]
start: say
steps:
  say:
    do:
      - talk: "Your tier is {{ call.custom_data.tier }}."
    goto: {return: good}
"""
    proof = proof_of(steps, "", sub=sub)

    assert ("error_exit", "say") in found(proof)
    assert ("test", "later") in proof.entered


def test_where_only_faults_lead_in_a_flow_that_is_run_is_no_lost_step() -> None:
    steps = MENU.replace("goto: bye", "goto: {run: sub}")
    sub = """flow: sub
start: say
defaults: {on: {error: later}}
steps:
  say:
    do:
      - talk: "Hello."
    goto: end
  later:
    do:
      - talk: "Later."
    goto: end
"""
    proof = proof_of(steps, "", sub=sub)

    assert [] == never_run({"test": proof.flow, **proof.flow.subs}, [proof])


def test_what_stands_twice_in_a_scenario_is_written_twice() -> None:
    steps = arms("it.tier == 'gold'").replace("      - else: bye", "      - else: menu") + MENU
    proof = proof_of(steps, TIERED.format("tier: [gold, standard]"))
    text = text_of(covering(proof, {("test", "menu", "leave by keys"), ("test", "menu", "nobody")}))

    assert "press: '1'" in text
    assert "&id" not in text


def test_violations_of_one_step_have_scenarios_with_names_of_their_own() -> None:
    steps = """  hello:
    lookup: it
    do:
      - talk: "{{ it.names[0] }}"
      - connect: "{{ it.number }}"
    on: {completed: end, otherwise: bye}
"""
    proof = proof_of(steps, LOOKUP.format("names: [text], number: phone"))
    names = [each.name for each in counter_examples(proof)]

    assert len(names) == len(set(names)) > 0


def test_a_flow_in_which_nothing_is_decided_is_entered_and_a_scenario_does_so() -> None:
    steps = """  say:
    do:
      - talk: "Hello."
    goto: {run: sub}
"""
    sub = """flow: sub
start: say
defaults: {talk: {language: en-GB}}
steps:
  say:
    do:
      - talk: "Goodbye."
    goto: end
"""
    proof = proof_of(steps, "", sub=sub)
    wanted = {("test", "say", "entered"), ("sub", "say", "entered")}

    assert () == proof.never
    assert wanted <= proof.taken
    assert 1 == len(covering(proof, wanted))


def test_a_step_that_runs_a_flow_may_bear_the_name_of_one_in_it() -> None:
    steps = "  ask:\n    run: sub\n    on: {good: bye, bad: sorry}\n"
    sub = """flow: sub
outcomes: [good, bad]
start: ask
defaults: {talk: {language: en-GB}}
steps:
  ask:
    do:
      - talk: "Press 1."
    choices: {one: {dtmf: 1, goto: {return: good}}}
    retry: {tries: 1, then: {return: bad}}
"""
    proof = proof_of(steps, "", sub=sub)

    assert () == proof.never


def test_hours_that_never_open_again_are_walked() -> None:
    steps = """  hello:
    branch:
      - if: hours.event.open
        goto: bye
      - else: later
  later:
    do:
      - talk: "We open {{ hours.event.next_open | spoken }}."
    goto: end
"""
    head = "hours: {event: {timezone: Europe/London, week: {mon: closed}, override: {2026-12-05: 09:00-12:00}}}\n"
    guarded = "We open {% if hours.event.reopens %}{{ hours.event.next_open | spoken }}{% else %}no more{% endif %}."

    assert {("error_exit", "later")} == found(proof_of(steps, head))
    assert set() == found(proof_of(steps.replace("We open {{ hours.event.next_open | spoken }}.", guarded), head))


@pytest.mark.parametrize(
    ("condition", "severity", "verdict"),
    [
        ("it.n + 1 == 3 and it.n + 1 == 4", "warning", "walked"),
        ("it.n == 3 and it.n == 4", "error", "refuted"),
        ("it.n > 3 and it.n in [1, 2, 3]", "error", "refuted"),
        ("it.late and not it.late", "error", "refuted"),
        ("it.tier == 'gold' and it.tier == 'standard'", "error", "refuted"),
    ],
)
def test_a_step_is_only_said_to_be_lost_where_no_value_was_left_out(
    condition: str, severity: str, verdict: str
) -> None:
    steps = arms(condition).replace("goto: bye\n", "goto: lost\n", 1)
    steps += '  lost:\n    do:\n      - talk: "You have found me."\n    goto: end\n'
    head = TIERED.format("n: int, late: bool, tier: [gold, standard]")
    proof = proof_of(steps, head)

    assert [("unreachable", "lost", severity)] == [(each.kind, each.step, each.severity) for each in proof.violations]
    assert verdict == proof.verdict


@pytest.mark.parametrize(
    ("returns", "condition"),
    [
        ("n: int, m: int", "it.n - it.m == 7"),
        ("n: int, m: int", "it.n + it.m > 40"),
        ("n: number, m: number", "it.m - it.n > 2.5"),
        ("name: text", "(it.name | length) > 20"),
        ("a: text, b: text", "(it.a | length) == 3 and it.a != it.b"),
    ],
)
def test_differences_and_lengths_are_met(returns: str, condition: str) -> None:
    assert [] == never(arms(condition), LOOKUP.format(returns))


def test_a_flow_with_a_fault_is_refuted_however_it_was_walked() -> None:
    steps = "  menu:\n    goto: end\n"

    assert "refuted" == proof_of(steps).verdict
