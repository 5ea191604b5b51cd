"""Whole calls with hostile values in every field, and checks that no reply contains what it must not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import structlog
import yaml
from fastapi import FastAPI
from starlette.types import Message

from ncco_server.assembly import policy_of
from ncco_server.engine.waits.called_party import APART, JOINED
from ncco_server.flow.loader import load_files
from ncco_server.flow.model import Flow
from ncco_server.ncco import check
from ncco_server.service.calls import CallService
from ncco_server.service.lookups import LookupClient, lookups_of_turn
from ncco_server.service.placing.requests import RefusedRequest, WantedCall, checked
from ncco_server.service.placing.webhooks import urls_of
from ncco_server.settings import load_settings
from ncco_server.store import PlacedRow, PlacingLimits, milliseconds
from ncco_server.web import create_app
from tests.support.memory_store import MemoryStore
from tests.support.tracked import ROOT
from tests.system.server.security.nasty import Nasty
from tests.system.trial import Outcome, Trial

OWN: Final = "calls.example.com"
CRM: Final = "crm.example.com"
ALLOWED: Final = "447700"
KEYS: Final = (b"key of the test",)
EXAMPLES: Final = sorted(folder for folder in (ROOT / "examples").iterdir() if (folder / "flows").is_dir())
PROJECTS: Final = (ROOT, *EXAMPLES, Path(__file__).with_name("agents"))
NOON: Final = datetime(2026, 3, 4, 12, tzinfo=UTC)
ALWAYS: Final = 1_000_000
STATUSES: Final = (
    *("ringing", "answered", "completed", "busy", "timeout", "failed", "rejected", "unanswered", "machine"),
    "disconnected",
)
TURNS: Final = 7
"""The number of webhooks in a call."""

_NUMBERS: Final = re.compile(r"(?<![0-9])[0-9]{7,15}(?![0-9])")
_HOSTS: Final = re.compile(r"(?:https?|wss?)://([A-Za-z0-9.-]+)|sips?:[^@\s\"']*@([A-Za-z0-9.-]+)")
_TAGS: Final = re.compile(r"<\s*/?\s*([A-Za-z][\w:-]*)")


@dataclass
class Sample:
    """A project, and the texts of its author: anything else in a reply comes from the caller.

    Attributes:
        faults: what went wrong.
        asked: the number of lookups.
        outcomes, returns: what agents hand back; and what they and lookups return, with its type.
        handed: the number of hand-backs that were accepted.
    """

    folder: Path
    app: FastAPI
    service: CallService
    starts: tuple[str, ...]
    sources: str
    outcomes: tuple[str, ...]
    returns: Mapping[str, Any]
    nasty: Nasty
    faults: list[str] = field(default_factory=list)
    asked: int = 0
    handed: int = 0
    now: datetime = NOON
    replies: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The response of a hostile lookup server; also checks that the request is as the flow defines it."""
        self.asked += 1
        if request.url.host != CRM:
            self.faults.append(f"a lookup asks {request.url.host}")
        names = {name.decode().lower() for name, _ in request.headers.raw}
        if strange := names - _HEADERS:
            self.faults.append(f"a lookup has the headers {strange}")
        if any(b"\n" in text or b"\r" in text for _, text in request.headers.raw):
            self.faults.append("a header of a lookup has several lines")
        match self.nasty.dice.randrange(10):
            case 0:
                return httpx.Response(200, json=self.nasty.value())
            case 1:
                return httpx.Response(302, headers={"location": "https://evil.example.com/"})
            case 2:
                return httpx.Response(200, content=self.nasty.text().encode("utf-8", "replace"))
        answer = {name: self.nasty.typed(type_) for name, type_ in self.returns.items()}
        return httpx.Response(200, content=json.dumps(answer).encode())

    def judge(self, ncco: list[dict[str, Any]]) -> None:
        """Note anything in a reply that must not be there."""
        self.replies += 1
        self.faults += [str(issue) for issue in check(ncco) if issue.severity == "error"]
        for action in ncco:
            is_ours = action["action"] in _MADE_BY_US or action in _WAITS_OF_OURS
            if not is_ours and not re.search(rf"\b{action['action']}\b", self.sources):
                self.faults.append(f"the action {action['action']} is not of this flow")
            for endpoint in action.get("endpoint", ()):
                self._judge_endpoint(endpoint)
            for url in _urls(action):
                if (host := urlsplit(url).hostname) not in self._hosts:
                    self.faults.append(f"the host {host} is not of this flow")
            self._judge_text(action.get("text", "") if action["action"] == "talk" else "")

    def _judge_endpoint(self, endpoint: Mapping[str, Any]) -> None:
        number = str(endpoint.get("number", ""))
        is_written = number in self._numbers
        is_allowed = number.startswith(ALLOWED) and bool(_NUMBERS.fullmatch(number))
        if "number" in endpoint and not (is_written or is_allowed):
            self.faults.append(f"{number!r} is dialled")
        uri = str(endpoint.get("uri", ""))
        if uri.startswith("sip") and uri not in self.sources:
            self.faults.append(f"{uri!r} is dialled")

    def _judge_text(self, text: str) -> None:
        found = {tag.lower() for tag in _TAGS.findall(text)} if text.lstrip().startswith("<speak") else set()
        if strange := found - self._tags:
            self.faults.append(f"the tags {strange} are not of this flow")
        if "<speak" in text.lower() and not text.lstrip().startswith("<speak"):
            self.faults.append("a text holds a tag of its own")

    def __post_init__(self) -> None:
        self._numbers = set(_NUMBERS.findall(self.sources))
        found = (one or other for one, other in _HOSTS.findall(self.sources))
        self._hosts = {OWN, CRM, *found}
        self._tags = {tag.lower() for tag in _TAGS.findall(self.sources)} | {"speak"}


_HEADERS: Final = frozenset(
    {"host", "accept", "accept-encoding", "user-agent", "connection", "idempotency-key", "content-type"}
    | {"content-length", "authorization", "x-api-key"}
)
_MADE_BY_US: Final = frozenset({"talk", "input", "notify", "record"})
_WAITS_OF_OURS: Final = (JOINED, APART)


def _urls(action: Mapping[str, Any]) -> Iterator[str]:
    for name in ("eventUrl", "streamUrl", "musicOnHoldUrl", "ringbackTone"):
        found = action.get(name, ())
        yield from [found] if isinstance(found, str) else found
    for endpoint in action.get("endpoint", ()):
        if "onAnswer" in endpoint:
            yield from (url for name, url in endpoint["onAnswer"].items() if name in ("url", "ringbackTone"))
        if str(endpoint.get("uri", "")).startswith(("ws:", "wss:")):
            yield endpoint["uri"]


async def open_sample(folder: Path, seed: int) -> Sample:
    """Start the whole server for one project, without a network."""
    flows = [path for path in sorted((folder / "flows").rglob("*")) if path.suffix in (".yaml", ".py")]
    texts = [path.read_text() for path in flows]
    handlers = [path.name for path in (folder / "flows").glob("*.py")]
    templates = folder / "templates"
    texts += [path.read_text() for path in sorted(templates.rglob("*")) if path.is_file()]
    sources = "\n".join(texts)
    names = set(re.findall(r"env\.([A-Z_]+)", sources))
    env = {name: f"https://{CRM}" if name.endswith("_URL") else "7294" for name in names}
    env["BOT_URL"] = f"wss://{CRM}"
    settings = load_settings(
        None, public_url=f"https://{OWN}", database_url="memory://", insecure=True, dial_allow=ALLOWED, flow_env=env
    )
    store = MemoryStore()
    await store.open()

    def answer(request: httpx.Request) -> httpx.Response:
        return sample.answer(request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    asking = LookupClient(http=http)
    service = CallService(
        store,
        lambda: load_files(folder / "flows", templates, env, handlers=handlers),
        policy_of(settings),
        look_ups=lambda: lookups_of_turn(asking.answer, asking.budget_ms),
    )
    read = await service.library.reload()
    assert not read.has_errors, read.issues
    log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[lambda *_: ""])
    app = create_app(settings, service=service, log=log, clock=lambda: sample.now)
    starts = tuple(_start(flow) for flow in read.flows.values() if flow.is_startable)
    sample: Sample = Sample(folder, app, service, starts, sources, *_returns(texts), Nasty(seed))
    return sample


def _start(flow: Flow) -> str:
    return flow.numbers[0] if flow.numbers else ""


def _returns(texts: list[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The outcomes of the project's agents, and every field that lookups and agents declare, with its type."""
    found: dict[str, Any] = {}
    outcomes = ["done"]
    for text in texts:
        if text.lstrip().startswith(("flow:", "shared:", "#")):
            document = yaml.load(text, Loader=yaml.CSafeLoader)  # PyYAML's Python loader rejects `phone?`
            for definition in (document.get("lookups") or {}).values():
                found |= definition.get("returns") or {}
            for step in (document.get("steps") or {}).values():
                agent = step.get("agent", {})
                found |= agent.get("returns") or {}
                outcomes += agent.get("outcomes") or ()
    return tuple(outcomes), found


async def play_call(sample: Sample, number: int) -> None:
    """Make a call with hostile values in every field of every webhook."""
    nasty, dice = sample.nasty, sample.nasty.dice
    sample.now = NOON + number * timedelta(minutes=97)
    leg = f"{number:032x}" if dice.random() < 0.9 else nasty.text() or "leg"
    to = dice.choice(sample.starts or (nasty.text(),))
    facts = {"uuid": leg, "conversation_uuid": f"CON-{number}", "from": nasty.text(), "to": to}
    more = {
        "from_user": nasty.text(),
        "custom_data": nasty.value(),
        "region_url": nasty.text(),
        "endpoint_type": nasty.text(),
        "SipHeader_X-Tenant": nasty.text(),
        f"SipHeader_{nasty.text()}": nasty.text(),
        nasty.text(): nasty.value(),
    }
    ncco = await _send(sample, await _answer_path(sample, number), {**facts, **more})
    for _ in range(TURNS):
        for hand_back in _hand_backs(ncco):
            await _send_as_agent(sample, urlsplit(hand_back).path)
        urls = [url for action in ncco for url in (*action.get("eventUrl", ()), *_on_answer(action))]
        if not urls:
            break
        url = urlsplit(dice.choice(urls)).path
        reply = await _send(sample, url, {**facts, **_webhook(nasty, url)})
        ncco = reply or ncco
    await _send(sample, "/webhooks/event", {**facts, "status": dice.choice(STATUSES), "reason": nasty.text()})


async def _answer_path(sample: Sample, number: int) -> str:
    """The path of the answer webhook: at times that of a placed call, always if the project takes no incoming calls."""
    dice = sample.nasty.dice
    placed = [flow for flow in sample.service.library.current.flows.values() if flow.outbound is not None]
    if not placed or (sample.starts and dice.random() < 0.5):
        return "/webhooks/answer"
    flow = dice.choice(placed)
    row = _wanted(sample, flow, f"{ALLOWED}{number:06}")
    store = sample.service.store.placed
    await store.add([row])
    at = milliseconds(sample.now)
    begun = await store.begin(row, flow.revision, at, at, PlacingLimits(ALWAYS, ALWAYS))
    assert begun.attempt is not None
    return urlsplit(urls_of("", sample.service.policy.keys[0], begun.attempt)[0]).path


def _wanted(sample: Sample, flow: Flow, to: str) -> PlacedRow:
    """A call with hostile params; those with a wrong type are replaced by sample values."""
    values: dict[str, Any] = {name: sample.nasty.text() for name in flow.params}
    for _ in flow.params:
        try:
            return checked(_call(flow, to, values), {flow.name: flow}, (ALLOWED,), NOON, KEYS)
        except RefusedRequest as error:
            values |= {
                name: param.type.sample
                for name, param in flow.params.items()
                if error.where in ("with", f"with.{name}")
            }
    return checked(_call(flow, to, values), {flow.name: flow}, (ALLOWED,), NOON, KEYS)


def _call(flow: Flow, to: str, values: Mapping[str, Any]) -> WantedCall:
    return WantedCall(flow=flow.name, to=to, values=values, origin="cli")


def _on_answer(action: Mapping[str, Any]) -> list[str]:
    return [each["onAnswer"]["url"] for each in action.get("endpoint", ()) if "onAnswer" in each]


def _hand_backs(ncco: list[dict[str, Any]]) -> list[str]:
    endpoints = [each for action in ncco for each in action.get("endpoint", ())]
    return [each["headers"]["hand_back"] for each in endpoints if "hand_back" in each.get("headers", {})]


async def _send_as_agent(sample: Sample, path: str) -> None:
    """Say something, and try to hand the caller back until that is accepted."""
    nasty, dice = sample.nasty, sample.nasty.dice
    await _post(sample, f"{path}/said", {"who": dice.choice(["agent", nasty.value()]), "text": nasty.value()})
    for _ in range(dice.randrange(5)):
        names = dice.sample(sorted(sample.returns), dice.randrange(min(8, len(sample.returns) + 1)))
        values = {name: nasty.typed(sample.returns[name]) for name in names}
        handed = {"outcome": dice.choice([*sample.outcomes, nasty.value()]), "values": values}
        sample.handed += await _post(sample, path, handed) == httpx.codes.NO_CONTENT


async def _post(sample: Sample, path: str, fields: Mapping[str, Any]) -> int:
    status, _ = await _request(sample.app, path, json.dumps(fields).encode(), b"")
    if status not in {204, 409, 410, 422, 429}:
        sample.faults.append(f"an agent is answered {status}")
    return status


def _webhook(nasty: Nasty, url: str) -> dict[str, Any]:
    """The fields of a webhook to a callback URL; some of them let the call continue."""
    dice = nasty.dice
    if "/input/" not in url:
        status = dice.choice(STATUSES) if dice.random() < 0.8 else nasty.text()
        return {"status": status, "from": nasty.text(), "payload": nasty.value(), "recording_url": nasty.text()}
    kind = dice.random()
    if kind < 0.4:
        digits = dice.choice(["1", "2", "3", "0", "*", "7294", "123456", "12345678#"])
        return {"dtmf": {"digits": digits, "timed_out": False}}
    if kind < 0.7:
        return {"dtmf": {"digits": nasty.text(), "timed_out": nasty.value()}, "speech": nasty.value()}
    results = [{"text": nasty.text(), "confidence": dice.choice(["0.9", "0.1", nasty.text()])} for _ in range(2)]
    return {"speech": {"results": results, "error": nasty.text() if dice.random() < 0.1 else None}}


async def _send(sample: Sample, path: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send a webhook as JSON, as a form or as a query. Returns the NCCO in the reply, which is checked."""
    form = sample.nasty.dice.randrange(4)
    flat = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    encoded = urlencode(flat, errors="replace").encode()
    body = b"" if form == 0 else encoded if form == 1 else json.dumps(fields).encode()
    status, reply = await _request(sample.app, path, body, encoded if form == 0 else b"")
    if status != httpx.codes.OK:
        sample.faults.append(f"{path} is answered {status}")
        return []
    ncco: list[dict[str, Any]] = json.loads(reply) if reply else []
    if ncco:
        sample.judge(ncco)
    return ncco


async def _request(app: FastAPI, path: str, body: bytes, query: bytes) -> tuple[int, bytes]:
    scope = {
        "type": "http",
        "method": "GET" if query else "POST",
        "path": path,
        "query_string": query,
        "headers": [(b"content-type", b"application/json")] if body.startswith(b"{") else [],
        "scheme": "https",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


async def samples_attacked(trial: Trial) -> Outcome:
    """Put hostile values into every field of whole calls of every sample: NCCOs stay valid, lookups keep their host."""
    seen, faults = [], []
    for folder in PROJECTS:
        sample, number = await open_sample(folder, trial.seed), 0
        while sample.nasty.made < trial.size / len(PROJECTS):
            await play_call(sample, number)
            number += 1
        faults += [f"{folder.name}: {fault}" for fault in sorted(set(sample.faults))]
        faults += [] if sample.replies >= number else [f"{folder.name}: {number} calls got {sample.replies} NCCOs"]
        seen.append(
            f"{folder.name:12} {sample.nasty.made:7,} values in {number:5,} calls, {sample.replies:6,} NCCOs,"
            f" {sample.asked:6,} lookups: {len(sample.faults)} faults"
        )
    return Outcome(seen, faults)
