"""What comes of a case when a platform plays it, whichever platform that is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from tests.system.conformance.suite import Case, Sound


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that the server got; `at` is in seconds of any clock."""

    at: float
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """Tells it from every other request."""
        return hashlib.sha256(f"{self.at} {self.method} {self.url}".encode() + self.body).hexdigest()

    @property
    def path(self) -> str:
        """Without the host."""
        return urlsplit(self.url).path.strip("/")

    @property
    def fields(self) -> dict[str, Any]:
        """What it says: the body of a POST, the query of a GET."""
        if self.method == "POST":
            said: dict[str, Any] = json.loads(self.body)
            return said
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class ApiReply:
    """A reply of the Voice API; `body` is its JSON, None without one."""

    status: int
    body: Any = None


@dataclass(slots=True)
class Played:
    """What came of a case.

    Attributes:
        zero: when the caller was answered, or called if that never happened, on the clock of `webhooks`.
        uuid: of the caller's leg.
        heard: by whom: `caller`, a name of `callers`, or an address that was dialled.
        ended_by, ended_at: of the caller's leg, in seconds since `zero`.
        api_replies: those to the acts with `asks`, in order; of several `times` the last one.
        problems: acts that could not be done, and what was waited for instead of what the case says.
    """

    zero: float = 0.0
    uuid: str = ""
    is_answered: bool = False
    webhooks: list[Sent] = field(default_factory=list)
    heard: dict[str, list[Sound]] = field(default_factory=dict)
    ended_by: str | None = None
    ended_at: float = 0.0
    api_replies: list[ApiReply] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Platform(Protocol):
    """Something that plays cases: a simulator, or the platform itself."""

    async def play(self, case: Case) -> Played:
        """Play a case from the first ring to the last webhook."""


def legs_of(webhooks: list[Sent]) -> dict[str, str]:
    """The uuid of a leg by the number of its caller, or by the address that was dialled, as webhooks told it."""
    legs: dict[str, str] = {}
    for sent in webhooks:
        said = sent.fields
        uuid = said.get("uuid") or said.get("call_uuid")
        if uuid and said.get("direction") == "inbound" and said.get("from"):
            legs.setdefault(said["from"], uuid)
        elif uuid and "to" in said and "status" in said:
            legs.setdefault(said["to"], uuid)
    return legs


def conversations_of(webhooks: list[Sent]) -> dict[str, str]:
    """The conversation of each caller when the answer webhook came."""
    asked = [sent.fields for sent in webhooks if "region_url" in sent.fields]
    return {said["from"]: said["conversation_uuid"] for said in asked if said.get("from")}


def filled(value: Any, webhooks: list[Sent]) -> Any:
    """A value with `{uuid:NUMBER}` and `{conversation:NUMBER}` filled in from what the webhooks have told."""
    if isinstance(value, dict):
        return {key: filled(inner, webhooks) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, webhooks) for inner in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    for kind, known in (("uuid", legs_of(webhooks)), ("conversation", conversations_of(webhooks))):
        for number, found in known.items():
            value = value.replace(f"{{{kind}:{number}}}", found)
    return value
