"""Calls through randomly generated projects: what must be true of each turn of each call."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, assume, event, given
from hypothesis import strategies as st

from ncco_server.engine import CallData, Turn, WaitRef, hang_up, observe
from ncco_server.engine.session import from_json, to_json
from ncco_server.engine.stretch import STEP_LIMIT
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_server.ncco import check
from ncco_server.ncco.webhooks import recognise
from tests.support.examples import examples
from tests.unit.server.engine.generated_flows import CALLS, LIMITS
from tests.unit.server.engine.generated_projects import ANSWERS, SECRET, WEBHOOKS, project_texts
from tests.unit.server.engine.scripted_call import LEG, ScriptedCall

KEYED_SECRET = {"dtmf": {"digits": SECRET}}
OTHER_KEYS = {"dtmf": {"digits": "12"}}
TEXTS = project_texts()
CALL = st.tuples(CALLS, LIMITS, ANSWERS, st.lists(st.tuples(WEBHOOKS, ANSWERS), max_size=7))


def loaded(texts: dict[str, str]) -> Flow:
    """The flow that calls begin in; a project with errors is skipped."""
    project = load(texts)
    for issue in project.issues:
        if issue.is_error:
            event(f"{issue.code} {issue.message[:60]}")
    assume("main" in project.flows)
    return project.flows["main"]


def played(flow: Flow, call: tuple[Any, ...]) -> list[Turn]:
    """All turns of a call."""
    facts, around, answers, webhooks = call
    scripted = ScriptedCall(flow, call=CallData(uuid=LEG, **facts), answers=answers, **around)
    turns = [scripted.turn]
    for (kind, fields), now_answered in webhooks:
        scripted.answers = now_answered
        if kind == "refused":
            scripted.refused()
        else:
            waits = [wait for wait in scripted.session.waits if wait.kind == kind]
            for wait in {wait.index: wait for wait in (*waits[:1], *waits[-1:])}.values():
                if wait in scripted.session.waits:
                    scripted.send_to(wait, fields if wait.sensitive or fields != KEYED_SECRET else OTHER_KEYS)
        turns.append(scripted.turn)
    return turns


def told(flow: Flow, turns: list[Turn]) -> bytes:
    """The requests of a call's hooks, including hooks that a later event would cause."""
    around = ScriptedCall(flow).next_context()
    hooks = [hook for turn in turns for hook in turn.hooks]
    for turn in turns:
        for wait in turn.session.waits:
            ref = WaitRef("event", LEG, turn.session.turn, wait.index)
            hooks += observe(flow, turns[-1].session, ref, recognise({"status": "busy"}), around).hooks
        hooks += hang_up(flow, turn.session, recognise({"status": "completed"}), around).hooks
    return orjson.dumps([(hook.url, hook.json, dict(hook.headers), hook.problem) for hook in hooks])


def kept(turns: list[Turn]) -> list[tuple[bytes, bytes, bytes]]:
    return [(orjson.dumps(turn.ncco), to_json(turn.session), orjson.dumps(turn.trace)) for turn in turns]


@examples(30, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large])
@given(TEXTS, st.lists(CALL, min_size=1, max_size=3))
def test_every_turn_is_right_whatever_the_flows_and_the_webhooks(texts: dict[str, str], calls: list[Any]) -> None:
    """A flow loaded from its own `sources` equals the original and handles each call the same way."""
    flow = loaded(texts)
    again = load(flow.sources).flows["main"]

    assert (flow.revision, flow.sources) == (again.revision, again.sources)
    for call in calls:
        turns = played(flow, call)

        assert kept(turns) == kept(played(again, call))
        for turn in turns:
            assert [] == [issue for issue in check(turn.ncco) if issue.severity == "error"]
            assert to_json(turn.session) == to_json(from_json(to_json(turn.session)))
            assert STEP_LIMIT >= sum(line.did == "entered" for line in turn.trace)
            assert SECRET.encode() not in to_json(turn.session) + orjson.dumps(turn.trace)
            event("failsafe" if turn.is_failsafe else turn.outcome)
        assert SECRET.encode() not in told(flow, turns)
