"""A service with a real store and real flow files, and a caller that sends webhooks as Vonage would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from ncco_server.flow.files import read_project
from ncco_server.flow.frame import CallbackKind
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.turns import Policy
from ncco_server.store import Store
from tests.support.webhooks import callback, facts, keys

LEG = "3f9a1c77d2e84b0c9a5566778899aabb"
ANSWER = facts(LEG, conversation_uuid="CON-1")
POLICY = Policy(
    keys=(b"a key for tests only, 32 bytes..", b"the key before"),
    failsafe=({"action": "talk", "text": "Please call again later."},),
    env={"PIN": "84021739"},
)
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def delivery(fields: Mapping[str, Any] | None, problem: str = "") -> Delivery:
    """A POST with these fields; None is an unreadable body."""
    known = fields or {}
    return Delivery("POST", orjson.dumps(known), known, "https://calls.example.com", NOON, problem)


async def service_at(store: Store, flows: Path, policy: Policy = POLICY, **more: Any) -> CallService:
    """A service of an open store with the flow files in `flows`, which must have no errors."""
    service = CallService(store, reader(flows), policy, **more)
    read = await service.library.reload()
    assert not read.has_errors, read.issues
    return service


async def service_of(store: Store, *texts: str, policy: Policy = POLICY, **more: Any) -> CallService:
    """A service of an open store with these flow files, which must have no errors."""
    names = [yaml.safe_load(text).get("flow", "shared") for text in texts]
    project = _loaded(tuple((f"flows/{name}.yaml", text) for name, text in zip(names, texts, strict=True)))
    service = CallService(store, lambda: project, policy, **more)
    read = await service.library.reload()
    assert not read.has_errors, read.issues
    return service


def reader(flows: Path) -> Callable[[], Project]:
    """Reads `flows`, with `templates` beside it. The same texts are loaded once per process."""

    def read() -> Project:
        texts, issues = read_project(flows, flows.parent / "templates")
        project = _loaded(tuple(texts.items()))
        return replace(project, issues=(*issues, *project.issues))

    return read


@cache
def _loaded(texts: tuple[tuple[str, str], ...]) -> Project:
    return load(dict(texts), extent="project")


class NoRevisions(Store):
    """A store that has lost every revision."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.database)

    async def revision(self, hash_: str) -> None:
        return None


class ServedCall:
    """One call at a service; it remembers the last NCCO and posts to the URLs in it."""

    def __init__(self, service: CallService) -> None:
        self.service = service
        self.ncco: list[dict[str, Any]] = []
        self.now = NOON

    async def ring(self, flow: str | None = None, **fields: Any) -> Reply:
        return self._heard(await self.service.answer(self._delivery({**ANSWER, **fields}), flow))

    async def press(self, digits: str) -> Reply:
        return await self.post("input", {**keys(digits), "uuid": LEG})

    async def dial(self, status: str, **fields: Any) -> Reply:
        return await self.post("event", {"status": status, "uuid": "aa01", "direction": "outbound", **fields})

    async def hang_up(self, **fields: Any) -> None:
        """The event of the end of the caller's leg."""
        over = {"status": "completed", "uuid": LEG, "direction": "inbound", "duration": "7", "price": "0.01390000"}
        await self.service.event(delivery({**over, **fields}))

    async def post(self, kind: CallbackKind, fields: Mapping[str, Any], token: str = "") -> Reply:
        return self._heard(await self.service.resume(kind, token or self.token(kind), self._delivery(fields)))

    def token(self, kind: str) -> str:
        """The token of the last callback URL of this kind in the NCCO."""
        return callback(self.ncco, kind).rpartition("/")[2]

    @property
    def said(self) -> list[str]:
        return [str(action["text"]) for action in self.ncco if action["action"] == "talk"]

    def _delivery(self, fields: Mapping[str, Any]) -> Delivery:
        return replace(delivery(fields), received_at=self.now)

    def _heard(self, reply: Reply) -> Reply:
        if reply.ncco:
            self.ncco = orjson.loads(reply.ncco)
        return reply
