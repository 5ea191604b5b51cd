"""`ncco render`: plays a call against the real service with a store in memory, as far as the keys go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import click

from app.cli.jobs.environment import flow_variables, folders
from app.cli.jobs.naming import did_you_mean
from app.cli.jobs.project import Source, find, show_errors
from app.cli.jobs.server_settings import server_settings
from app.cli.work import FINE, ISSUES, CannotRun
from app.flow.model import Flow, Project
from app.service.calls import CallService
from app.service.delivery import Delivery, Reply
from app.service.library import Library
from app.service.policy import Policy
from app.store import Store, open_store

KEY: Final = b"ncco render signs the callbacks of a call that nobody makes"
"""The same in every run, so that the same call has the same NCCO."""

Call = Mapping[str, str | None]


def run(
    *,
    flow: str,
    call: Call,
    digits: tuple[str, ...],
    at: datetime,
    public_url: str,
    flows: Path | None,
    templates: Path | None,
    form: Literal["text", "json"],
) -> int:
    """Print the NCCO after the last of `digits`; ISSUES when the flows have errors or cannot be played.

    Raises CannotRun.
    """
    found = find(Source(*folders(flows, templates)), flow_variables())
    if found.has_errors:
        show_errors(found)
        return ISSUES
    named = _flow(found.project, flow)
    fields = {**call, "to": call["to"] or next(iter(named.numbers), "442079460000")}
    store = open_store("memory://")
    service = CallService(store, Library(store, lambda: found.project), _policy())
    caller = _Caller(service, fields, at, public_url.rstrip("/"))
    reply = asyncio.run(caller.play(named.name, digits))
    _show(reply, form)
    for line in asyncio.run(_failures(store)):
        click.echo(line, err=True)
    return ISSUES if reply.is_failsafe else FINE


def _flow(project: Project, name: str) -> Flow:
    flow = project.flows.get(name)
    if flow is None:
        raise CannotRun(f'there is no flow "{name}"', did_you_mean(name, project.flows))
    if not flow.is_startable:
        raise CannotRun(f'no call can start in flow "{name}"', "give it `numbers`, `default: true` or `entry: true`")
    return flow


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who calls: what each webhook says of the call, all of them at one moment."""

    service: CallService
    call: Call
    at: datetime
    public_url: str

    async def play(self, flow: str, digits: tuple[str, ...]) -> Reply:
        """The reply after the last of `digits`. Raises CannotRun when nothing asks for them."""
        await self.service.store.open()
        await self.service.library.reload()
        reply = await self.service.answer(self._delivery({}), flow)
        for keys in digits:
            token = _input_token(reply, keys)
            reply = await self.service.resume("input", token, self._delivery({"dtmf": {"digits": keys}}))
        return reply

    def _delivery(self, more: Mapping[str, Any]) -> Delivery:
        fields = {name: _sendable(value) for name, value in {**self.call, **more}.items() if value}
        return Delivery("POST", json.dumps(fields).encode(), fields, self.public_url, self.at)


def _policy() -> Policy:
    """What the server would be told, but for its keys. Raises CannotRun."""
    settings = server_settings()
    return Policy(keys=(KEY,), failsafe=settings.failsafe, env=flow_variables(), dial_allow=settings.dial_allow)


async def _failures(store: Store) -> list[str]:
    """Why a step of the last turn could not be played, one sentence each."""
    records = store.records()
    await records.open()
    (call,) = await records.calls(1)
    timeline = await records.timeline(call.session.id)
    trace = json.loads(timeline.turns[-1].trace) if timeline else []
    return [
        f'step "{line["step"]}" could not be played: {line["what"]}: {line["because"]}'
        for line in trace
        if line["did"] == "failed" and line["step"]
    ]


def _sendable(value: object) -> object:
    """A text as JSON can hold it: words of the command line need not be UTF-8."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _input_token(reply: Reply, keys: str) -> str:
    """The token of the `input` that waits for the keys. Raises CannotRun when nothing asks for any."""
    actions: list[dict[str, Any]] = json.loads(reply.ncco or b"[]")
    url = next((str(action["eventUrl"][0]) for action in actions if action["action"] == "input"), None)
    if url is None:
        where = f'step "{reply.step}"' if reply.step else "the end of the call"
        raise CannotRun(f"nothing waits for the keys {keys} at {where}", "leave out this --digits and those after it")
    return urlsplit(url).path.rpartition("/")[2]


def _show(reply: Reply, form: str) -> None:
    actions = json.loads(reply.ncco or b"[]")
    click.echo(json.dumps(actions, ensure_ascii=False, indent=None if form == "json" else 2))
    if reply.is_failsafe:
        click.echo("the caller hears the failsafe: nothing of the flow could be played", err=True)
    elif form == "text":
        step = f'waits in step "{reply.step}"' if reply.step else "ends after this"
        click.echo(f'flow "{reply.flow}": {reply.outcome}; the call {step}', err=True)
