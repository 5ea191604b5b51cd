"""What a step with an agent plays: a connect to the agent's websocket, and a notify behind it.

The `headers` of the websocket have the URL at which the agent hands the caller back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ncco_server.flow.action import AGENT, AGENT_OVER, Action, checkpoint
from ncco_server.flow.actions.connect import ConnectPart, ConnectTarget, read_connect
from ncco_server.flow.actions.item import Item
from ncco_server.flow.actions.part import Part
from ncco_server.flow.frame import Callback, Draft, Frame
from ncco_server.flow.grammar.reader import Reader, Resolver
from ncco_server.flow.nodes import Entry, Map, Place, Text
from ncco_server.flow.values import Array, Constant, Object, find

HAND_BACK: Final = "hand_back"
LIMIT: Final = "limit"
OURS: Final = (HAND_BACK, LIMIT, "event", "content-type")
"""What the first message to the websocket has besides the author's own names.

Source: WebSocket guide, first message.
"""
_LONG_URL: Final = "https://calls.example.com/webhooks/agent/" + "x" * 56
"""For checks of the headers before a call."""
_NOT_BEFORE: Final = frozenset({"conversation", "transfer", "input"})


@dataclass(frozen=True, slots=True)
class AgentPart(ConnectPart):
    """A connect to an agent's websocket."""

    def render(self, frame: Frame) -> list[Draft]:
        (draft,) = ConnectPart.render(self, frame)
        (endpoint,) = draft.action["endpoint"]
        headers = {**endpoint["headers"], HAND_BACK: frame.hand_back()}
        draft.action["endpoint"] = [{**endpoint, "headers": headers}]
        return [draft]

    def headers(self, frame: Frame) -> dict[str, Any]:
        """Raises RenderError."""
        headers = find(self.targets[0].fields["endpoint"], ("0", "headers")).render(frame.names)
        return {**headers, HAND_BACK: frame.hand_back()}


@dataclass(frozen=True, slots=True)
class AgentTarget(ConnectTarget):
    """The websocket of an agent, which gets another URL in each turn."""

    @property
    def depends_on_call(self) -> bool:
        return True


def read_agent(endpoint: Map, limit_s: int, place: Place, reader: Resolver) -> AgentPart | None:
    """`endpoint` is written as in an NCCO. None after an error."""
    kind = Entry(Text("type", place), Text("websocket", place))
    wrapped = Entry(Text("endpoint", place), Map((kind, *endpoint.entries), endpoint.place))
    item = Item("connect", place, Map((wrapped,), place), ())
    connect = read_connect(item.inherit(reader.inherited), reader)
    if connect is None:
        return None
    (target,) = connect.targets
    own = {"limit": Constant(limit_s, place), "eventType": Constant("synchronous", place)}
    fields = {**target.fields, **own, "endpoint": _with_ours(target, limit_s, place)}
    callback = Callback("event", AGENT, steers=True, limit_s=limit_s)
    return AgentPart(place, (AgentTarget("connect", place, fields, callback),))


def _with_ours(target: ConnectTarget, limit_s: int, place: Place) -> Array:
    endpoint = find(target.fields["endpoint"], ("0",))
    members = endpoint.members if isinstance(endpoint, Object) else {}
    written = members.get("headers")
    headers = {
        **(written.members if isinstance(written, Object) else {}),
        HAND_BACK: Constant(_LONG_URL, place),
        LIMIT: Constant(limit_s, place),
    }
    return Array((Object({**members, "headers": Object(headers, place)}, place),), place)


@dataclass(frozen=True, slots=True)
class AgentNeeds:
    """An agent is connected behind everything else that its step plays."""

    agent: AgentPart

    def complete(self, parts: tuple[Part, ...], place: Place, reader: Reader) -> tuple[Part, ...]:
        for part in parts:
            word = part.word if isinstance(part, Action) else "connect" if isinstance(part, ConnectPart) else ""
            if word == "connect" or word in _NOT_BEFORE:
                message = f"`{word}` is in the step of an agent, which is connected there"
                reader.report("E408", part.place, message, "move it to another step")
        return (*parts, self.agent, checkpoint(AGENT_OVER, place, steers=True))
