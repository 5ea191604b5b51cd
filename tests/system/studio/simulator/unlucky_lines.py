"""The sample flows and examples, each as a line that can be called, and a server that answers it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from random import Random
from typing import Any, Final, Self
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.handlers.api import Called
from ncco_server.flow.loader import load_files
from ncco_server.flow.model import Project
from ncco_server.service.calls import CallService
from ncco_server.service.functions import AnswerLookups
from ncco_server.service.turns import Policy, no_lookups
from ncco_server.settings import Settings
from ncco_server.settings.values import DEFAULT as SORRY
from ncco_server.settings.values import read_failsafe
from ncco_server.web import create_app
from ncco_studio.simulator.delivery import Application
from ncco_studio.verify.handlers.exploring import explore
from ncco_studio.verify.handlers.samples import samples_of
from ncco_studio.verify.scenarios.fitting import placeholder_env
from tests.support.memory_store import MemoryStore

ROOT: Final = Path(__file__).parents[4]
BASE: Final = "https://ncco.example"
SECRET: Final = "a signature secret for calls that nobody makes"
APPLICATION: Final = Application(
    answer_url=f"{BASE}/webhooks/answer",
    event_url=f"{BASE}/webhooks/event",
    fallback_url=f"{BASE}/webhooks/fallback",
    signature_secret=SECRET,
    api_key="ab12cd34",
)
PINS: Final = {"HOST_PIN": "246810", "GUEST_PIN": "135791"}
MOST_HOOKS: Final = 1000
ANYBODY: Final = ("4",)
"""Prefixes of numbers that can be dialled."""


@dataclass(frozen=True)
class Line:
    """A flow that callers can reach.

    Attributes:
        name: the name of the flow file or example.
        flows: the folder of the flow files.
        number: the number to call.
    """

    name: str
    flows: Path
    number: str

    def __str__(self) -> str:
        return self.name

    @property
    def project(self) -> Project:
        """The loaded project."""
        return project_in(self.flows)

    @cached_property
    def text(self) -> str:
        """The texts of all its files."""
        return "\n".join(text for flow in self.project.flows.values() for text in flow.sources.values())

    @cached_property
    def answers(self) -> dict[str, Any]:
        """Possible answers to lookups, by request, in the format of examples/stand_in.py."""
        file = self.flows.parent / "answers.json"
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return found

    @cached_property
    def env(self) -> dict[str, str]:
        """A value for each environment variable that the flows read."""
        return {**placeholder_env(self.project.flows.values()), **PINS}

    @cached_property
    def digits(self) -> tuple[str, ...]:
        """What callers might key in."""
        words = re.findall(r"\d{4,8}", f"{self.text} {json.dumps(self.answers)} {json.dumps(PINS)}")
        return tuple(sorted({*words, *"0123456789*#"}))

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """What callers might say."""
        lists = re.findall(r"speech: *\[([^\]]*)\]", self.text)
        return tuple(sorted({word.strip(" \"'") for words in lists for word in words.split(",")} | {"abracadabra"}))

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """The numbers and URIs that the flows can dial."""
        text = f"{self.text} {json.dumps(self.answers)}"
        return tuple(sorted(set(re.findall(r"\b\d{10,13}\b|sips?:[^\s\"'{}]+|wss?:[^\s\"'{}]+", text))))


class LookUps:
    """The lookup answers of one call. They depend on the seed and the lookup's key only, however often a flow asks."""

    def __init__(self, line: Line, seed: int) -> None:
        self._answers = line.answers
        self._seed = seed
        self._known: dict[str, LookupAnswer] = {}
        self._asked: dict[str, int] = {}

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """One answer for each lookup, in the same order."""
        for lookup in lookups:
            if lookup.key not in self._known:
                self._known[lookup.key] = self._new(lookup)
        return tuple(self._known[lookup.key] for lookup in lookups)

    def _new(self, lookup: Lookup) -> LookupAnswer:
        number = self._asked[lookup.name] = self._asked.get(lookup.name, 0) + 1
        luck = Random(f"{self._seed} {lookup.name} {number}")  # noqa: S311 - to be repeated
        if isinstance(lookup.request.code, Called):
            samples = samples_of(lookup.request.code.function).values
            return luck.choice([LookupAnswer(None, "nobody answers"), *map(LookupAnswer, samples)])
        fitting = self._fitting(lookup)
        if not fitting or luck.random() < 0.15:
            return LookupAnswer(None, "nobody answers")
        answer = Random(f"{self._seed} {lookup.name}").choice(fitting)  # noqa: S311 - to be repeated
        return LookupAnswer(answer[min(number, len(answer)) - 1] if isinstance(answer, list) else answer)

    def _fitting(self, lookup: Lookup) -> list[Any]:
        """The sample answers to requests with the same method and path depth."""
        wanted = (lookup.request.method, urlsplit(lookup.request.url).path.count("/"))
        found = []
        for request, answer in self._answers.items():
            method, url = request.split(" ")[:2]
            if (method, urlsplit(url).path.count("/")) == wanted:
                found.append(answer)
        return found


class Server:
    """The real server with the flows of one line.

    Attributes:
        app: the ASGI application.
        look_up: answers lookups.
        now: the time on the server's clock.
    """

    def __init__(self, line: Line) -> None:
        self._store = MemoryStore()
        env, failsafe = line.env, read_failsafe(SORRY)
        policy = Policy(keys=(b"signs the callbacks of calls that nobody makes",), failsafe=failsafe, env=env,
                        dial_allow=ANYBODY)  # fmt: skip
        self.look_up: AnswerLookups = no_lookups
        self.service = CallService(self._store, lambda: line.project, policy, look_ups=lambda: self.look_up)
        settings = Settings(public_url=BASE, signature_secret=SecretStr(SECRET), api_key=APPLICATION.api_key)
        self.now = datetime(2026, 3, 4, 9, 15, tzinfo=UTC)
        self.app = create_app(settings, service=self.service, clock=lambda: self.now, log=_silent())

    @classmethod
    async def started(cls, line: Line) -> Self:
        """Start a server with an empty store."""
        server = cls(line)
        await server._store.open()
        await server.service.library.reload()
        return server

    async def take_hooks(self) -> tuple[str, ...]:
        """Return the names of the hooks to be sent, sorted, and remove these hooks."""
        rows = await self._store.hooks.first(MOST_HOOKS)
        for row in rows:
            await self._store.hooks.sent(row.id, row.created_at)
        return tuple(sorted(row.name for row in rows))


def _silent() -> Any:
    def drop(*_: object) -> Any:
        raise structlog.DropEvent

    return structlog.wrap_logger(None, processors=[drop])


@cache
def project_in(flows: Path) -> Project:
    """The project with the flows in a folder, also those in Python; all lines of a folder share it."""
    return load_files(
        flows, flows.parent / "templates", handlers=[path.name for path in flows.glob("*.py")], explore=explore
    )


@cache
def lines() -> tuple[Line, ...]:
    """Each numbered flow in flows/, and each example with a numbered flow."""
    folders = [ROOT / "flows", *sorted((ROOT / "examples").glob("*/flows"))]
    found = []
    for folder in folders:
        flows = project_in(folder).flows.values()
        for flow in [flow for flow in flows if flow.numbers]:
            name = flow.name if folder == folders[0] else f"examples/{folder.parent.name}"
            found.append(Line(name, folder, flow.numbers[0]))
    return tuple(found)
