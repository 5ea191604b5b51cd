"""What is known about the agent that a call waits for: `Session.agent`.

    answered_at    when the websocket was answered, in milliseconds since 1970
    over           `failed` or `too_long`: Vonage has reported the end of the leg
    outcome        what the agent handed back, with `values`, which are complete

Each change raises the call's version, so that a turn that was played without it is played again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from ncco_server.engine.run import Run
from ncco_server.engine.session import OpenWait, Session, TurnContext
from ncco_server.engine.waits import kind_of
from ncco_server.errors import RenderError
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import WrongHandBack
from ncco_server.ncco.webhooks import Webhook


def noted(session: Session, wait: OpenWait, webhook: Webhook | None, now: datetime) -> Session:
    """The session with what a webhook reports about its agent; the same object if that is nothing new."""
    new = kind_of(wait).notes(session, wait, webhook, now)
    return session if new.keys() <= session.agent.keys() else session._replace(agent={**new, **session.agent})


def agent_wait(session: Session) -> OpenWait | None:
    """None if the call does not wait for an agent."""
    return next((wait for wait in session.waits if wait.limit_s), None)


def agent_step(flow: Flow, session: Session, context: TurnContext) -> Step | None:
    """The step of the agent that the call waits for; None if there is none."""
    wait = agent_wait(session)
    with suppress(RenderError):
        return Run(flow, session, context).scopes.step_of(wait.step) if wait is not None else None
    return None


def hand_back(flow: Flow, session: Session, body: Mapping[str, Any], context: TurnContext) -> Session:
    """The session of a call that waits for an agent, with what the agent hands back.

    Raises WrongHandBack if the step does not allow it, or has failed in the meantime.
    """
    step = agent_step(flow, session, context)
    if step is None:
        raise WrongHandBack("the step of this agent is gone", "close the websocket")
    outcome, values = step.exit.read_hand_back(body)
    return session._replace(agent={**session.agent, "outcome": outcome, "values": values})
