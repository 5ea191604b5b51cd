"""What the platform sent during one probe, and what it was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ncco_server.ncco.statuses import OVER

Action: TypeAlias = Mapping[str, Any]
Role: TypeAlias = Literal["caller", "subject", "third", "second_caller", "second_subject"]
"""The party of a leg: `caller` is placed by the REST API, `subject` is the incoming call that it becomes at the second
number, and `third` is the incoming call at the first number if the subject connects to it. A second placed call has
roles of its own.
"""


@dataclass(frozen=True, slots=True)
class ProbeReply:
    """A reply to a webhook.

    Attributes:
        body: an NCCO, or text; None for an empty reply.
        delay_s: seconds before it is sent.
        location: where a redirect leads: a name, which becomes a URL.
    """

    body: Sequence[Action] | str | None = None
    status: int = 200
    content_type: str = "application/json"
    delay_s: float = 0.0
    location: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook.

    Attributes:
        name: the last part of its path: `answer`, `event`, `fallback`, or a name from a probe's NCCO.
        role: whose webhook it is; None if unknown.
        at: its arrival, in seconds of the check's clock.
        fields: of its body or query, as sent.
        claims: of its token, unverified; None without one.
    """

    name: str
    role: Role | None
    method: str
    at: float
    fields: Mapping[str, Any]
    claims: Mapping[str, Any] | None = None

    @property
    def uuid(self) -> str:
        return str(self.fields.get("uuid") or self.fields.get("call_uuid") or "")

    @property
    def status(self) -> str:
        return str(self.fields.get("status") or "")


@dataclass(slots=True)
class ProbeExchange:
    """One run of a probe.

    Attributes:
        placed_at: of the first call, in seconds of the check's clock.
        patience_s: how long the placed call stays; its end then says nothing about the subject.
        statuses: of the probe's requests to the REST API, by name; 0 without a reply.
        acted_at: when the probe made them.
    """

    placed_at: float
    patience_s: float
    received: list[Received] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    acted_at: dict[str, float] = field(default_factory=dict)

    def all(self, which: str, role: Role | None = None) -> list[Received]:
        """In the order of arrival; `which` is the name of webhooks, or `leg answered` for those with a status."""
        name, _, status = which.partition(" ")
        return [
            each
            for each in self.received
            if each.name == name and role in (None, each.role) and status in ("", each.status)
        ]

    def first(self, which: str, role: Role | None = None) -> Received | None:
        return next(iter(self.all(which, role)), None)

    def has_done(self, act: str) -> bool:
        """Whether this request to the REST API, if it names one, succeeded."""
        return not act or 200 <= self.statuses.get(act, 0) < 300

    def event(self, status: str, role: Role | None = None) -> Received | None:
        """The first event with this status, wherever it was sent."""
        return next((each for each in self.received if each.status == status and role in (None, each.role)), None)

    def is_over(self, role: Role) -> bool:
        """Whether a leg of this party has had its last status."""
        return any(each.role == role and each.status in OVER for each in self.received)

    def after(self, asked: str, role: Role = "subject") -> str | None:
        """What follows `asked`: the rest of the NCCO, which sends `tail`, or the end of the call."""
        if self.first(asked) is None:
            return None
        if self.first("tail") is not None:
            return "continues"
        ended = next((each for each in self.received if each.role == role and each.status in OVER), None)
        return "ends" if ended is not None and ended.at - self.placed_at < self.patience_s else None

    @property
    def is_given_up(self) -> bool:
        """Whether the platform has asked the fallback, or the call has ended."""
        return self.first("fallback") is not None or self.is_over("subject") or self.is_over("caller")
