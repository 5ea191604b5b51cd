"""The cases of this folder: each file holds a project, its settings, and calls to it with the expected replies.

A file is a map:

    settings    of the server; `{stand_in}` is the address of the stand-in
    files       texts by path; `{like: PATH, flow: NAME, replace: [old, new, ...]}` is another flow of this file with
                other passages; `flow` is left out if it is the name of the file
    nccos       NCCOs by name, for replies that several exchanges have
    cases       a list

A case is one call, or several that belong together:

    case        the claim, in one sentence
    flow        the text of its flow file, `flows/CASE.yaml`, also by `like`; `flows`: several, by file name
    answers     what the stand-in replies to lookups
    exchanges   a list, in the order of the webhooks
    asked       the requests for lookups, as `GET /path`, in any order; left out: not looked at
    hooks       the hooks that came, as `{path: ..., json: ...}`, in any order; left out: none may come
    hidden      texts that must be neither in the log nor in the database

An exchange is one webhook and its reply:

    keys        in place of `send`: digits that the caller pressed, sent to `<input>`
    dial        in place of `send`: the status of the called leg, sent to `<event>`
    send        `answer`, `answer/{flow}`, `event`, `fallback`, or the name of a callback URL: `<input>`, `<event:2>`
    of          the number of the exchange (counted from 1) whose reply has this URL; left out: the last that has one
    with        fields, beside or in place of conversation.FACTS. body: a text, when that is no JSON
    method      GET, or POST when left out
    headers     more headers. signed: the claims of its token that differ, with `secret` and `age_s`
    again       in place of all these: the number of an exchange whose bytes are delivered once more
    status      of the reply, 200 when left out
    ncco        of the reply, or a name of `nccos`, or "*" for any; left out: the body is empty
    same_as     in place of `ncco`: the number of an exchange whose reply has the same bytes

An action of an NCCO is written in full, or as

    Hello.                          {action: talk, text: Hello.}
    {bargeIn: Press 1.}             {action: talk, text: Press 1., bargeIn: true}
    {digits: 1}                     an `input` with `type: [dtmf]` and `dtmf: {maxDigits: 1}`, to `<input>` by POST
    {digits: 1, speech: [sales]}    the same with `type: [dtmf, speech]` and `speech: {context: [sales]}`
    {digits: 1, speech: {...}}      the same with these settings of speech
    {dials: '4477..', timeout: 15}  a `connect` from 442079460000 whose events come to `<event>` by POST
    {reached: held}                 the `notify` of this checkpoint, to `<notify>` by POST
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FOLDER: Final = Path(__file__).parent


class Part(BaseModel):
    """A part of a file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Exchange(Part):
    """One webhook and its reply."""

    send: str = ""
    of: int | None = None
    fields: dict[str, Any] = Field({}, alias="with")
    body: str | None = None
    method: str = "POST"
    headers: dict[str, str] = {}
    signed: dict[str, Any] | None = None
    again: int | None = None
    status: int = 200
    ncco: Any = None
    same_as: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, given: dict[str, Any]) -> dict[str, Any]:
        fields = given.get("with", {})
        match given:
            case {"keys": digits, **rest}:
                pressed = {"dtmf": {"digits": digits, "timed_out": False}, "speech": {"results": []}}
                return {**rest, "send": "<input>", "with": pressed | fields}
            case {"dial": status, **rest}:
                leg = {"status": status, "uuid": "{call}-b", "direction": "outbound"}
                return {**rest, "send": "<event>", "with": leg | fields}
        return given


class Like(Part):
    """A flow that differs from another one in a few passages."""

    like: str
    flow: str = ""
    replace: list[str] = []


class Case(Part):
    """A call and what it shows."""

    case: str
    flow: str | Like = ""
    flows: dict[str, str] = {}
    answers: dict[str, Any] = {}
    exchanges: list[Exchange]
    asked: list[str] | None = None
    hooks: list[dict[str, Any]] = []
    hidden: list[str] = []


class Project(Part):
    """A project and the calls to it: a file of cases, or several that share a server."""

    settings: dict[str, str] = {}
    files: dict[str, str | Like] = {}
    nccos: dict[str, list[Any]] = {}
    cases: list[Case]

    @property
    def texts(self) -> dict[str, str]:
        """The files, once `with_files` has read them."""
        return {path: text for path, text in self.files.items() if isinstance(text, str)}

    def with_files(self) -> Project:
        """The same with the files of its cases."""
        given: dict[str, str | Like] = dict(self.files)
        for case in self.cases:
            given |= {f"flows/{case.case}.yaml": case.flow} if case.flow else {}
            given |= {f"flows/{name}.yaml": text for name, text in case.flows.items()}
        found: dict[str, str] = {}
        for path, text in given.items():
            found[path] = text if isinstance(text, str) else _changed(found[text.like], path, text)
        return self.model_copy(update={"files": found})

    def ncco(self, exchange: Exchange) -> Any:
        """The NCCO in the reply to an exchange."""
        ncco = self.nccos.get(exchange.ncco) if isinstance(exchange.ncco, str) else exchange.ncco
        return [_action(each) for each in ncco] if isinstance(ncco, list) else ncco


def _action(given: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(given, str):
        return {"action": "talk", "text": given}
    waiting = {"action": "input", "eventUrl": ["<input>"], "eventMethod": "POST"}
    match given:
        case {"bargeIn": str(text)} if "action" not in given:
            return {"action": "talk", "text": text, "bargeIn": True}
        case {"digits": number, "speech": speech}:
            settings = {"context": speech} if isinstance(speech, list) else speech
            return {**waiting, "type": ["dtmf", "speech"], "dtmf": {"maxDigits": number}, "speech": settings}
        case {"digits": number}:
            return {**waiting, "type": ["dtmf"], "dtmf": {"maxDigits": number}}
        case {"dials": number}:
            options = {name: value for name, value in given.items() if name != "dials"}
            events = {"eventType": "synchronous", "eventUrl": ["<event>"], "eventMethod": "POST"}
            endpoint = [{"type": "phone", "number": number}]
            return {"action": "connect", "from": "442079460000", "endpoint": endpoint, **events, **options}
        case {"reached": name}:
            payload = {"checkpoint": name, "leg": "{call}"}
            return {"action": "notify", "payload": payload, "eventUrl": ["<notify>"], "eventMethod": "POST"}
    return given


def _changed(text: str, path: str, wanted: Like) -> str:
    first, rest = text.split("\n", 1)
    assert first.startswith("flow: "), f"{wanted.like} begins with {first!r}"
    text = f"flow: {wanted.flow or Path(path).stem}\n{rest}"
    for old, new in zip(wanted.replace[::2], wanted.replace[1::2], strict=True):
        assert 1 == text.count(old), f"{wanted.like} holds {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return text


def load(file: Path) -> Project:
    """A file of cases. Raises ValidationError."""
    return Project.model_validate(yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def load_projects(folder: Path) -> dict[str, Project]:
    """Every file of cases by its name. One server plays all files that have the same settings."""
    projects = {file.stem: load(file).with_files() for file in sorted(folder.glob("*.yaml"))}
    together: dict[str, dict[str, str]] = {}
    for project in projects.values():
        together.setdefault(str(project.settings), {}).update(project.texts)
    return {name: one.model_copy(update={"files": together[str(one.settings)]}) for name, one in projects.items()}
