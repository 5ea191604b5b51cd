"""Agents on websockets: what they may do while a call waits for them, and what a proof takes for granted of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from ncco_server.engine import OpenWait
from ncco_server.engine.waits import kind_of
from ncco_server.engine.waits.agent import NEAR_LIMIT_MS, AgentOverWait
from ncco_server.flow.language.agents import Agent
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import WrongHandBack
from ncco_server.ncco.statuses import STATUSES
from ncco_server.ncco.webhooks import NotifyWebhook, StatusWebhook
from ncco_server.wording import counted
from ncco_studio.verify.prove.samples import Representatives
from ncco_studio.verify.prove.trigger import Trigger
from ncco_studio.verify.prove.uses import flows_run_from

LONGEST_CONNECT_S: Final = 7200.0
"""Source: NCCO reference, Connect (limit)."""
_CLOSED: Final = StatusWebhook.read(STATUSES["disconnected"].fields)
_UNREACHED: Final = StatusWebhook.read(STATUSES["unanswered"].fields)


def agent_triggers(values: Representatives, flow: Flow, step: Step, wait: OpenWait) -> Iterator[Trigger]:
    """The end of its leg or, for the wait behind it, of the connect: with a hand-back and without."""
    agent = step.exit
    if isinstance(agent, Agent):
        bodies = list(_bodies(values, flow, agent))
        behind = isinstance(kind_of(wait), AgentOverWait)
        yield from (_after_connect if behind else _at_end_of_leg)(agent, bodies, wait)


def _bodies(values: Representatives, flow: Flow, agent: Agent) -> Iterator[Mapping[str, Any]]:
    """Each outcome with the edges of each value. What does not fit is refused, and moves no call."""
    answers = values.answers(flow.name, agent.word, agent.returned)
    for outcome in agent.allowed:
        yield {"outcome": outcome}
        for answer in answers:
            body = {"outcome": outcome, "values": answer}
            try:
                agent.read_hand_back(body)
            except WrongHandBack:
                continue
            yield body


def _at_end_of_leg(agent: Agent, bodies: list[Mapping[str, Any]], wait: OpenWait) -> Iterator[Trigger]:
    for body in bodies:
        yield Trigger("agent", _line(body), wait.index, _CLOSED, handed=(body,))
    yield Trigger("agent", {"agent": "closes"}, wait.index, _CLOSED)
    near_s = agent.longest_wait_s - NEAR_LIMIT_MS / 1000 + 1
    yield Trigger("agent", {"agent": {"after": f"{near_s:g}s"}}, wait.index, _CLOSED, waited=near_s)
    yield Trigger("agent", {"agent": "unreachable"}, wait.index, _UNREACHED)


def _after_connect(agent: Agent, bodies: list[Mapping[str, Any]], wait: OpenWait) -> Iterator[Trigger]:
    """The report of the leg's end may come before or be lost; a hand-back may come after it, and twice."""
    notify = NotifyWebhook.read({"payload": {"checkpoint": wait.name}})
    limit_s = agent.longest_wait_s
    for duration, line in ((10, "hangs up"), (limit_s, "silent")):
        completed = StatusWebhook.read({**STATUSES["completed"].fields, "duration": f"{duration:.0f}"})
        for reported in (completed, None):
            yield Trigger("agent", {"agent": line}, wait.index, notify, reported=reported, waited=duration)
        for body in {body["outcome"]: body for body in bodies}.values():
            handed = _line(body, does="hangs up")
            yield Trigger("agent", handed, wait.index, notify, reported=completed, handed=(body, body))


def _line(body: Mapping[str, Any], **more: str) -> Mapping[str, Any]:
    values = {name: value for name, value in body.get("values", {}).items() if value is not None}
    return {"agent": {"hands": body["outcome"], **({"values": values} if values else {}), **more}}


def taken_for_granted(root: Flow, entered: Set[tuple[str, str]]) -> Iterator[str]:
    """What must be true of agents, and of Vonage, for a verdict; `entered` are steps."""
    silent: dict[str, float] = {}
    limited: list[str] = []
    flows = flows_run_from(root).values()
    for step in (step for flow in flows for step in flow.steps.values() if (flow.name, step.name) in entered):
        for target in (each for each in step.targets if each.kind == "websocket"):
            limit = target.fields.get("limit")
            lasts = float(limit.render({})) if limit is not None and limit.is_literal else LONGEST_CONNECT_S
            place = target.place
            where = f"line {place.line}" if place.file == root.place.file else f"{place.file}:{place.line}"
            silent[where] = lasts
            limited += [where] if isinstance(step.exit, Agent) else []
    if silent:
        each = ", ".join(f"{_long(lasts)} ({where})" for where, lasts in silent.items())
        yield f"if the agent speaks: it may leave callers in silence for up to {each}"
    if limited:
        yield f"`too_long` relies on Vonage going on after a connect ({', '.join(limited)})"


def _long(seconds: float) -> str:
    return counted(round(seconds), "second") if seconds % 60 else counted(round(seconds / 60), "minute")
