"""Plays cases against a server and returns their results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.contract.server.calls.cases import Case, Project
from tests.contract.server.calls.conversation import Conversation, Reply
from tests.support.server import Server, StandIn, running, standing_in
from tests.support.serving_thread import ServedProject, serving_project


@dataclass(frozen=True)
class Played:
    """The result of a case: the replies, the requests for lookups, and the hooks."""

    replies: list[Reply]
    asked: list[str]
    hooks: list[dict[str, Any]]


@dataclass(frozen=True)
class Stage:
    """A server of a project."""

    server: Server | ServedProject
    stand_in: StandIn
    client: httpx.Client

    def play(self, case: Case) -> Played:
        """Play one case."""
        leg = hashlib.sha256(case.case.encode()).hexdigest()[:32]
        self.stand_in.reset({key.replace("{call}", leg): answer for key, answer in case.answers.items()})
        conversation = Conversation(self.client, {"call": leg, "stand_in": self.stand_in.url})
        replies = [conversation.send(exchange) for exchange in case.exchanges]
        hooks = [
            {"path": conversation.named(hook.path), "json": conversation.plain(hook.json)}
            for hook in self.stand_in.wait_for_hooks(len(case.hooks))
        ]
        asked = [conversation.named(f"{request.method} {request.path}") for request in self.stand_in.asked]
        return Played(replies, asked, sorted(hooks, key=str))

    def written(self) -> bytes:
        """Everything that the server wrote: its log and its database."""
        files = [path.read_bytes() for path in self.server.home.glob("calls.db*")]
        return b"".join(["".join(self.server.lines).encode(), *files])


@contextmanager
def staged(project: Project, home: Path, *, in_thread: bool) -> Iterator[Stage]:
    """A server for a project, in the folder `home`."""
    serve = serving_project if in_thread else running
    with standing_in() as stand_in:
        settings = {name: value.replace("{stand_in}", stand_in.url) for name, value in project.settings.items()}
        settings["NCCO_LOOKUP_BUDGET_MS"] = "3500"  # on a busy machine a reply takes a second
        with serve(home, project.texts, settings) as server, httpx.Client(base_url=server.url, timeout=30) as client:
            yield Stage(server, stand_in, client)
