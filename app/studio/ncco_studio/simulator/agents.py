"""A speech bot behind a websocket: it hands the caller back, and tells what is said.

Its requests have no signature, and the faults of Vonage's network do not reach them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ncco_server.ncco.signing import compact_json
from ncco_studio.simulator.control import CallControl
from ncco_studio.simulator.legs import SURE, Leg
from ncco_studio.simulator.parties import Behaviour
from ncco_studio.simulator.scheduler import Routine, pause
from ncco_studio.simulator.servers import Request, Response

HAND_BACK: Final = "hand_back"
"""The header of the websocket with the URL of the agent."""
SHORTEST_LINE_S: Final = 1.0
"""The server takes one line a second."""

Who: TypeAlias = Literal["agent", "caller"]


@dataclass(frozen=True, slots=True)
class AgentBehaviour(Behaviour):
    """What an agent does. For `disconnected`, it closes its websocket after `talks_s`; otherwise it hangs up by REST.

    Attributes:
        hands: what it hands back before; empty for nothing.
        said: the conversation, which begins at once.
    """

    hands: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[tuple[Who, str], ...] = ()


def lasting_s(platform: CallControl, behaviour: AgentBehaviour) -> float:
    """How long it is connected, unless the limit comes first."""
    return max(behaviour.talks_s, sum(_line_s(platform, text) for _, text in behaviour.said))


def _line_s(platform: CallControl, text: str) -> float:
    return max(platform.durations.talk(text), SHORTEST_LINE_S)


def converse(platform: CallControl, agent: Leg, caller: Leg, behaviour: AgentBehaviour) -> Routine[None]:
    for who, text in behaviour.said:
        yield from _post(agent, "/said", {"who": who, "text": text})
        speaker = agent if who == "agent" else caller
        yield from speaker.speaking(_line_s(platform, text), [{"confidence": str(SURE), "text": text}])


def hand_back(agent: Leg, behaviour: AgentBehaviour) -> Routine[None]:
    if behaviour.hands:
        yield from _post(agent, "", behaviour.hands)


def _post(agent: Leg, path: str, body: Mapping[str, Any]) -> Routine[None]:
    """A refusal is a problem of the leg."""
    url = agent.identity.headers.get(HAND_BACK)
    if not url:
        agent.problem = "no agent is connected here: its headers have no `hand_back`"
        return
    response: Response = yield Request(
        "POST", f"{url}{path}", {"content-type": "application/json"}, compact_json(body).encode()
    )
    if response.seconds:
        yield from pause(response.seconds)
    if response.status != 204:
        agent.problem = f"the server refuses what the agent sends: {response.failure or _reason(response)}"


def _reason(response: Response) -> str:
    try:
        refused = json.loads(response.body)
        return f"{response.status} {refused['error']}; {refused['fix']}"
    except (ValueError, TypeError, KeyError):
        return str(response.status)
