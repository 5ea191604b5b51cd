"""The result of a case, on any platform."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from tests.system.studio.conformance.suite import Case, Sound


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that the server received; `at` is in seconds, on a clock with any starting point."""

    at: float
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """A hash that differs for every request."""
        return hashlib.sha256(f"{self.at} {self.method} {self.url}".encode() + self.body).hexdigest()

    @property
    def path(self) -> str:
        """The URL's path, without slashes at its ends."""
        return urlsplit(self.url).path.strip("/")

    @property
    def fields(self) -> dict[str, Any]:
        """The request's fields: the body of a POST, the query of a GET."""
        if self.method == "POST":
            said: dict[str, Any] = json.loads(self.body)
            return said
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class ApiReply:
    """A reply of the Voice API; `body` is the decoded JSON, or None if there is none."""

    status: int
    body: Any = None


@dataclass(slots=True)
class Played:
    """The result of a case.

    Attributes:
        zero: when the caller was answered (or called, if never answered), on the clock of `webhooks`.
        uuid: the caller's leg.
        heard: sounds by listener: `caller`, a name in `callers`, or a dialled address.
        ended_by: who ended the caller's leg.
        ended_at: when the caller's leg ended, in seconds since `zero`.
        api_replies: the replies to the acts with `asks`, in order; with `times`, the last reply only.
        problems: acts that were impossible, and waits that ended differently from what the case says.
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
    """Plays cases: a simulator, or the real platform."""

    async def play(self, case: Case) -> Played:
        """Play a case from the first ring to the last webhook."""


def legs_of(webhooks: list[Sent]) -> dict[str, str]:
    """The uuids of legs by the caller's number or the dialled address, read from the webhooks."""
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
    """The conversation of each caller at the time of the answer webhook."""
    asked = [sent.fields for sent in webhooks if "region_url" in sent.fields]
    return {said["from"]: said["conversation_uuid"] for said in asked if said.get("from")}


def filled(value: Any, webhooks: list[Sent]) -> Any:
    """Replace `{uuid:NUMBER}` and `{conversation:NUMBER}` in a value with ids from the webhooks."""
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
