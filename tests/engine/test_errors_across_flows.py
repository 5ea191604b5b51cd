"""What becomes of a call when something breaks between two flows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.engine.run import LEVEL_LIMIT, STEP_LIMIT
from app.flow.language.outcomes import Run
from app.flow.loader import load
from tests.engine.scripted_call import ScriptedCall, load_flows

BROKEN = "{{ call.custom_data.nothing.at.all }}"
MAIN = """
flow: main
default: true
start: hello
vars: {account: {type: text}}
defaults: {on: {error: sorry}, retry: {then: sorry}}
steps:
  hello:
    do: [{talk: "Welcome."}]
    run: sub
    with: {team: GIVEN}
    on: {done: LINE}
  next:
    do: [{talk: "Next."}]
    goto: end
  sorry:
    do: [{talk: "Sorry."}]
    goto: end
"""
SUB = """
flow: sub
params: {team: text}
outcomes: [done]
returns: {account: text}
start: ask
DEFAULTS
steps:
  ask:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: back}}
    retry: {then: {return: done}}
  back:
    do: [{talk: "Back."}]
    goto: {return: done, set: {account: RETURNED}}
  oops:
    do: [{talk: "Oops."}]
    goto: end
"""
OTHER = """
flow: other
params: {topic: text}
start: a
steps:
  a:
    do: [{talk: "About {{ topic }}."}]
    goto: end
"""


def call(
    *,
    given: str = "sales",
    line: str = "next",
    returned: str = "A-1",
    defaults: str = "defaults: {on: {error: oops}}",
    main: str = MAIN,
) -> ScriptedCall:
    """A call through `main`, `sub` and `other`; what is broken is given here."""
    root = main.replace("GIVEN", f'"{given}"').replace("LINE", line)
    sub = SUB.replace("RETURNED", f'"{returned}"').replace("DEFAULTS", defaults)
    return ScriptedCall(load_flows({"main": root, "sub": sub, "other": OTHER}, "main"))


def test_a_param_that_cannot_be_computed_is_an_error_of_the_step_that_gives_it() -> None:
    assert ["Sorry."] == call(given=BROKEN).said


def test_a_returned_value_that_cannot_be_computed_is_an_error_of_the_step_that_returns_it() -> None:
    caller = call(returned=BROKEN)
    caller.press("1")

    assert ["Oops."] == caller.said


@pytest.mark.parametrize(
    "line",
    [
        f'{{run: other, with: {{topic: "{BROKEN}"}}}}',
        f'{{goto: next, set: {{account: "{BROKEN}"}}}}',
    ],
)
def test_a_line_that_cannot_be_computed_is_an_error_of_the_step_that_wrote_it(line: str) -> None:
    caller = call(line=line)
    caller.press("1")

    assert ["Back.", "Sorry."] == caller.said
    assert ("main", "") == (caller.session.flow, caller.session.at)
    assert () == caller.session.callers


def test_such_a_line_keeps_what_the_other_flow_has_returned() -> None:
    main = MAIN.replace('"Sorry."', '"Sorry, {{ account }}."')
    caller = call(main=main, line=f'{{run: other, with: {{topic: "{BROKEN}"}}}}')
    caller.press("1")

    assert ["Back.", "Sorry, A-1."] == caller.said


def test_a_line_that_cannot_be_computed_behind_a_webhook_is_an_error_of_its_step() -> None:
    caller = call(line=f'{{run: other, with: {{topic: "{BROKEN}"}}}}')
    caller.silence()
    caller.silence()
    caller.silence()

    assert ["Sorry."] == caller.said


@pytest.mark.parametrize(
    "exit_",
    [
        f'{{run: other, with: {{topic: "{BROKEN}"}}}}',
        f'{{goto: sorry, set: {{account: "{BROKEN}"}}}}',
    ],
)
def test_an_error_exit_that_cannot_be_computed_is_taken_once(exit_: str) -> None:
    main = MAIN.replace("defaults: {on: {error: sorry}", f"defaults: {{on: {{error: {exit_}}}")
    caller = call(main=main, given=BROKEN)

    assert ["Please call again later."] == caller.said
    assert caller.turn.is_failsafe


def test_an_error_exit_that_returns_what_cannot_be_computed_leads_to_that_of_the_caller() -> None:
    caller = call(
        returned=BROKEN,
        defaults=f'defaults: {{on: {{error: {{return: done, set: {{account: "{BROKEN}"}}}}}}}}',
    )
    caller.press("1")

    assert ["Sorry."] == caller.said


def test_an_error_exit_may_hand_the_call_over() -> None:
    main = MAIN.replace("defaults: {on: {error: sorry}", "defaults: {on: {error: {run: other, with: {topic: it}}}")
    caller = call(main=main, given=BROKEN)

    assert ["About it."] == caller.said
    assert "other" == caller.turn.session.at


def test_an_error_exit_whose_way_leads_on_to_a_broken_step_is_walked_once() -> None:
    main = MAIN.replace('  sorry:\n    do: [{talk: "Sorry."}]\n    goto: end', "  sorry:\n    goto: worse\n") + (
        f'  worse:\n    do: [{{talk: "{BROKEN}"}}]\n    goto: end\n'
    )
    caller = call(main=main, given=BROKEN)

    assert ["Please call again later."] == caller.said
    assert 1 == [line.step for line in caller.turn.trace if line.did == "entered"].count("sorry")


def test_what_vonage_refused_in_a_flow_that_has_returned_is_an_error_of_that_flow() -> None:
    sub = SUB.replace("RETURNED", '"A-1"').replace("DEFAULTS", "defaults: {on: {error: oops}}")
    sub = sub.replace('"Back."', '"Back{{ call.from_user }}."')
    root = MAIN.replace("GIVEN", '"x"').replace("LINE", "next")
    flow = load_flows({"main": root, "sub": sub, "other": OTHER}, "main")
    caller = ScriptedCall(flow)
    caller = ScriptedCall(flow, call=caller.session.call._replace(from_user="x" * 1600))
    caller.press("1")

    assert ["Oops."] == caller.said
    assert ["main"] == [level.flow for level in caller.turn.session.callers]


CHECKPOINT = """
flow: main
default: true
start: hello
steps:
  hello:
    do:
      - talk: "Welcome."
      - record: {endOnSilence: 3}
      - checkpoint: heard
    run: sub
    on: {done: end}
"""
ASKING = """
flow: sub
outcomes: [done]
start: ask
steps:
  ask:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: {return: done}}}
    retry: {then: {return: done}}
"""


@pytest.mark.parametrize(("kind", "fields"), [("notify", {"payload": {}}), ("event", {"recording_url": "https://x"})])
def test_a_webhook_of_the_flow_that_waits_steers_nothing(kind: str, fields: dict[str, object]) -> None:
    caller = ScriptedCall(load_flows({"main": CHECKPOINT, "sub": ASKING}, "main"))

    assert caller.send(fields, kind) is None
    assert "ask" == caller.session.step


def test_a_return_of_goto_gives_back_only_what_the_flow_declares() -> None:
    main = CHECKPOINT.replace("start: hello", "start: hello\nvars: {secret: {type: text}}").replace("done", "return")
    sub = ASKING.replace("outcomes: [done]\n", "vars: {secret: {type: text}}\n").replace(
        "goto: {return: done}", "goto: {goto: return, set: {secret: x}}"
    )
    project = load({"flows/main.yaml": main, "flows/sub.yaml": sub.replace("{return: done}", "return")})

    assert ["E274"] == [issue.code for issue in project.issues]


BEHIND = """
flow: main
default: true
start: hello
vars: {name: {type: text, default: Ann}}
ERROR
steps:
  hello:
    run: sub
    on: {done: end, error: STEP}
  sorry:
    do: [{talk: "Sorry, {{ name }}."}]
    goto: end
  reception:
    do: [{connect: "447700900333"}]
    goto: end
"""


def behind(error: str = "", step: str = "sorry", sub: str = "") -> list[str]:
    """What stands behind the `input` of a flow that another one runs."""
    main = BEHIND.replace("ERROR", error).replace("error: STEP", f"error: {step}" if step else "otherwise: end")
    main = main.replace("done: end, otherwise: end", "done: end")
    asking = ASKING.replace("start: ask", f"start: ask\n{sub}" if sub else "start: ask")
    ncco = ScriptedCall(load_flows({"main": main, "sub": asking}, "main")).ncco
    asked = [action["action"] for action in ncco].index("input")
    return [str(action.get("text", action["action"])) for action in ncco[asked + 1 :]]


def test_the_error_exit_of_the_step_that_waits_stands_behind_an_input() -> None:
    assert ["Sorry, Ann."] == behind()


def test_the_error_exit_of_the_flow_that_waits_stands_behind_an_input() -> None:
    assert ["connect"] == behind(error="defaults: {on: {error: reception}}", step="")


def test_the_own_error_exit_stands_behind_an_input_before_that_of_the_flow_that_waits() -> None:
    own = ASKING + '  oops:\n    do: [{talk: "Oops."}]\n    goto: end\n'
    asking = own.replace("start: ask", "start: ask\ndefaults: {on: {error: oops}}")
    main = BEHIND.replace("ERROR", "").replace("STEP", "sorry")
    ncco = ScriptedCall(load_flows({"main": main, "sub": asking}, "main")).ncco

    assert "Oops." == ncco[-1]["text"]


@pytest.mark.parametrize("step", ["", "end", "hello"])
def test_the_failsafe_stands_behind_an_input_where_no_error_exit_plays_anything(step: str) -> None:
    assert ["Please call again later."] == behind(step=step)


def test_an_outcome_that_leads_nowhere_is_an_error_of_the_step_that_waits() -> None:
    main = BEHIND.replace("ERROR", "").replace("STEP", "sorry")
    flow = load_flows({"main": main, "sub": ASKING}, "main")
    step = flow.steps["hello"]

    assert isinstance(step.exit, Run)
    deaf = replace(flow, steps={**flow.steps, "hello": replace(step, exit=replace(step.exit, lines={}))})
    caller = ScriptedCall(deaf)
    caller.press("1")

    assert ["Sorry, Ann."] == caller.said
    assert "R106" in {line.what for line in caller.turn.trace}


def chained(levels: int) -> ScriptedCall:
    """A call through flows each of which runs the next one."""
    flows = {
        f"f{number}": f"flow: f{number}\nstart: a\nsteps:\n  a:\n    run: f{number + 1}\n    on: {{return: return}}\n"
        for number in range(levels)
    }
    flows["f0"] = flows["f0"].replace("flow: f0", "flow: f0\ndefault: true").replace("return: return", "return: end")
    asking = ASKING.replace("outcomes: [done]\n", "").replace("{return: done}", "return")
    flows[f"f{levels}"] = asking.replace("flow: sub", f"flow: f{levels}")
    return ScriptedCall(load_flows(flows, "f0"))


def test_as_many_flows_as_a_call_may_be_in_come_back_one_after_the_other() -> None:
    caller = chained(LEVEL_LIMIT - 1)
    caller.press("1")

    assert LEVEL_LIMIT - 1 == len(chained(LEVEL_LIMIT - 1).session.callers)
    assert caller.session.is_over
    assert "failed" not in {line.did for line in caller.turn.trace}


def test_more_flows_than_a_call_may_be_in_are_an_error() -> None:
    caller = chained(LEVEL_LIMIT)

    assert ["Please call again later."] == caller.said
    assert "R103" in {line.what for line in caller.turn.trace}


def test_more_steps_than_a_turn_may_enter_are_an_error() -> None:
    steps = "".join(f"  s{n}: {{goto: s{n + 1}}}\n" for n in range(STEP_LIMIT))
    text = (
        f'flow: test\ndefault: true\nstart: s0\nsteps:\n{steps}  s{STEP_LIMIT}: {{do: [{{talk: "Hi."}}], goto: end}}\n'
    )
    caller = ScriptedCall(load_flows({"test": text}, "test"))

    assert ["Please call again later."] == caller.said
    assert "R103" in {line.what for line in caller.turn.trace}
