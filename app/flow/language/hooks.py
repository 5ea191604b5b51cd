"""Hooks: our own webhooks, sent after the caller has heard the reply.

hooks:
  voicemail_saved: {post: "{{ env.CRM_URL }}/voicemails"}
  survey_done:
    post: "{{ env.CRM_URL }}/surveys"
    headers: {Authorization: "Bearer {{ env.CRM_TOKEN }}"}
    params: {reason: text}
    json: {caller: "{{ call.from }}", answers: "{{ answers }}", reason: "{{ reason }}"}

A step sends them (`send: survey_done`), or an event does (`events: {record: voicemail_saved}`), for a step or a flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeAlias

from pydantic import Field

from app.errors import RenderError
from app.flow.actions.values import Object, leaves
from app.flow.language.base import FlowModel, Made, ReadWith, kept
from app.flow.language.exits import StepSource
from app.flow.language.json_schema import ANYTHING, TEXT, defined, named
from app.flow.language.outgoing import Named, NamedKind, plain_json, read_headers, read_json, read_url
from app.flow.language.reader import Fields, Reader
from app.flow.language.variables import read_params
from app.flow.model import Param, Value
from app.flow.nodes import Entry, Map, Node, Seq, Text
from app.flow.scope import Record, ScopeTypes, variable_type
from app.flow.templates import Native
from app.flow.types import TYPES
from app.ncco.webhooks import Webhook

OWN_NAMES: Final = frozenset({"event", "flow", "step"})
"""What is in scope of a hook, and not of the flow that sends it."""

_FIELDS: Final = (
    "status",
    "timestamp",
    "start_time",
    "end_time",
    "duration",
    "size",
    "recording_url",
    "recording_uuid",
    "transcription_url",
    "detail",
    "disconnected_by",
    "sip_code",
    "rate",
    "price",
    "network",
)
"""Source: webhook reference, Record, Transcription, Call status events."""

EVENT: Final = Record(dict.fromkeys(("name", *_FIELDS), TYPES["text"]))
"""`event` as expressions see it: texts, "" for what this event does not have."""

NO_EVENT: Final[Mapping[str, str]] = MappingProxyType(dict.fromkeys(EVENT.fields, ""))
"""`event` in a hook that a step sends by itself."""


def event_record(name: str, webhook: Webhook) -> dict[str, str]:
    """`event` of a webhook, e.g. of one that a recording is ready.

    Args:
        name: the word under `events` that names it: `record`, `transcription` or `hangup`.
        webhook: what Vonage sent.
    """
    found = {field: getattr(webhook, field, None) for field in _FIELDS}
    return {"name": name, **{field: "" if value is None else str(value) for field, value in found.items()}}


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_OF_CALL: Final = ("to", "from", "from_user", "uuid", "conversation_uuid")
_SIGNED: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"})
"""Headers that every hook has by itself. Source: Standard Webhooks, Webhook Metadata."""


class Hook(NamedTuple):
    """One webhook of ours, rendered for a call.

    Attributes:
        name: as the flow calls it.
        url: absolute, http or https; its host comes from the flow file or from `env`. "" when there is a problem.
        json: the body: any JSON value.
        headers: those that the flow writes, by name; values without line ends.
        problem: why it could not be rendered, in one sentence without any value of the call; "" when it could. Such a
            one cannot be sent, and is kept for somebody to look at.
    """

    name: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = _NOTHING
    problem: str = ""


def _read_post(node: Node, what: str, reader: Reader) -> Value | None:
    if isinstance(node, Map):
        cure = 'write `post: "https://.."`, with `json` and `headers` beside it'
        reader.report("E201", node.place, f"{what} is a map", cure)
        return None
    return read_url(node, what, reader)


def _read_body(node: Node, what: str, reader: Reader) -> Value | None:
    """JSON that may leave the server and be kept until it does: E331 for secrets of callers, E583 for all of ours."""
    json = read_json(node, what, reader)
    for leaf in leaves(json) if json else ():
        for name in sorted(leaf.used_names & reader.scope.secrets):
            message = f"{name} would be sent and kept until then; it is {reader.scope.unspoken[name]}"
            reader.report("E331", leaf.place, message)
        if isinstance(leaf, Native) and "env" in leaf.used_names and not leaf.used_env:
            reader.report("E583", leaf.place, "`env` as a whole would be sent: every setting, with its secrets")
    return json


def _read_headers(node: Node, what: str, reader: Reader) -> Object | None:
    if isinstance(node, Map):
        node = node._replace(entries=tuple(entry for entry in node.entries if _is_free(entry.key, reader)))
    return read_headers(node, what, reader)


def _is_free(key: Text, reader: Reader) -> bool:
    if key.value.lower() not in _SIGNED:
        return True
    reader.report("E581", key.place, f'every hook has a header "{key.value.lower()}" by itself')
    return False


class HookDefinition(FlowModel):
    """One entry of `hooks`. What is faulty in it is left out."""

    aliases: ClassVar = {
        **dict.fromkeys(("url", "uri", "to", "address", "get", "put", "patch", "method"), "post"),
        **dict.fromkeys(("body", "data", "payload"), "json"),
        "header": "headers",
        "with": "params",
    }
    hints: ClassVar = {
        **dict.fromkeys(("tries", "retries", "retry"), "delete it: the setting NCCO_HOOK_TRIES says it for all hooks"),
        "timeout": "delete it: nobody waits for a hook, and every try has the same time",
        "secret": "delete it: the setting NCCO_HOOK_SECRET signs all hooks",
        "python": "write `post`: a hook goes to another server",
    }
    cures: ClassVar = {"post": 'write `post: "https://.."`'}
    is_named: ClassVar = True

    name: Made[str]
    url: Annotated[Value | None, ReadWith(_read_post, TEXT)] = Field(None, alias="post")
    """The URL that it is posted to."""
    body: Annotated[Value | None, ReadWith(_read_body, ANYTHING)] = Field(None, alias="json")
    """The whole body, as JSON; without it the hook says what happened, in the shape of the Standard Webhooks."""
    headers: Annotated[Object | None, ReadWith(_read_headers, named(TEXT))] = None
    """Header lines; keys come from `env`."""
    params: Annotated[Mapping[str, Param], kept(defined("params"))] = Field(default_factory=dict)
    """What is given where it is sent, by name."""

    @property
    def values(self) -> tuple[Value, ...]:
        """Everything in it that may be computed."""
        return tuple(value for value in (self.url, self.body, self.headers) if value is not None)

    @property
    def used_names(self) -> frozenset[str]:
        """The names that it looks up in the call; its params and its own names are not among them."""
        used = frozenset[str]().union(*(value.used_names for value in self.values))
        return used - OWN_NAMES - self.params.keys()

    @property
    def used_files(self) -> frozenset[str]:
        """The template files that it is made of."""
        return frozenset[str]().union(*(value.used_files for value in self.values))

    def render(self, names: Mapping[str, Any], variables: Iterable[str] = ()) -> Hook:
        """What goes out in this call. Never raises: a hook that cannot be rendered has a problem instead.

        Args:
            names: everything in scope of the step, its `step` and `flow`, this hook's params, and `event` if there
                is one.
            variables: the names of those variables of the flow that the default body may hold.
        """
        names = {"event": NO_EVENT, **names}
        try:
            return self._rendered(names, variables)
        except RenderError as error:
            return Hook(self.name, "", problem=f"{error.code}: {error}")
        except ValueError as error:
            return Hook(self.name, "", problem=f"{self.place}: {error}")

    def _rendered(self, names: Mapping[str, Any], variables: Iterable[str]) -> Hook:
        url = self.url.render(names) if self.url else ""
        open_ = [name for name, param in self.params.items() if not param.variable.sensitive]
        body = self.body.render(names) if self.body else _default_body(self.name, names, open_, variables)
        headers = self.headers.render(names) if self.headers else {}
        return Hook(self.name, url, body, {name: text.strip() for name, text in headers.items()})


def _default_body(name: str, names: Mapping[str, Any], params: Iterable[str], variables: Iterable[str]) -> Any:
    """The body of hook `name`.

    Args:
        name: of the hook.
        names: everything in its scope.
        params: the names of its params. Sensitive ones are not among them.
        variables: the names of the flow's variables that it may hold. Sensitive ones are not among them.

    Raises:
        ValueError: a value is nothing that JSON has.
    """
    event = {field: text for field, text in names["event"].items() if text}
    data = {
        "call": {field: names["call"][field] for field in _OF_CALL if names["call"][field]},
        "flow": names["flow"],
        "step": names["step"],
        "event": event,
        "params": {param: names[param] for param in params},
        "variables": {variable: names[variable] for variable in variables if variable in names},
    }
    told = {field: value for field, value in data.items() if value != {}}
    return plain_json({"type": name, "timestamp": names["now"], "data": told})


def read_hooks(node: Node, reader: Reader) -> dict[str, HookDefinition]:
    """The map under `hooks`, by name; what is faulty is reported, and defined all the same.

    `reader` has the scope of the flow; for shared hooks, the names that every call has.
    """
    found = reader.map(node, "`hooks`", 'write `hooks: {name: {post: "https://.."}}`')
    read = [_read_hook(entry, reader) for entry in found.entries] if found else []
    return {hook.name: hook for hook in read if hook is not None}


def _read_hook(entry: Entry, reader: Reader) -> HookDefinition | None:
    name, place = entry.key.value, entry.key.place
    what = f'the hook "{name}"'
    if not _NAME.fullmatch(name):
        reader.report("E205", place, f'a hook cannot be named "{name}"', "use letters, digits, _, - and .")
    if not isinstance(entry.value, Map):
        shown = entry.value.value if isinstance(entry.value, Text) else "https://.."
        reader.report("E201", entry.value.place, f"{what} is not a map", f'write `{name}: {{post: "{shown}"}}`')
        fields = Fields(what, place, {}, {}, is_whole=False)
    else:
        fields = HookDefinition.read_words(entry.value, what, reader, place=place)
    node = fields.get("params")
    params = read_params(node, "`params`", reader) if node else {}
    for taken in sorted(OWN_NAMES & params.keys()):
        reader.report("E206", params[taken].variable.place, f'"{taken}" is a name that every hook has already')
        params[taken] = replace(params[taken], is_required=False)
    inner = replace(reader, scope=_scope(reader.scope, params))
    hook = HookDefinition.build(fields, inner, name=name, params=params)
    for value in hook.values if hook else ():
        _check_hidden(value, reader)
    return hook


def _scope(scope: ScopeTypes, params: Mapping[str, Param]) -> ScopeTypes:
    """What the values of a hook may use."""
    for name, param in params.items():
        scope = scope.having(name, variable_type(param.variable), "a sensitive param" * param.variable.sensitive)
    return scope.having("event", EVENT).having("flow", TYPES["text"]).having("step", TYPES["text"])


def _check_hidden(value: Value, reader: Reader) -> None:
    """E582 where a name means something of the hook's, and the flow has a variable that is called the same."""
    names = OWN_NAMES & reader.variables.keys()
    hidden = {(leaf.place, name) for leaf in leaves(value) for name in names & leaf.used_names}
    for place, name in sorted(hidden):
        message = f'in a hook "{name}" is not the variable of that name'
        reader.report("E582", place, message, f'give the variable "{name}" another name')


_HOOKS: Final = NamedKind(
    "hook", "E580", "hooks", frozenset({"post", "url", "json", "headers"}), '{post: "https://.."}'
)


@dataclass(frozen=True, slots=True)
class SentHook(Named[HookDefinition]):
    """A hook as a step or a flow names it.

    Attributes:
        given: the values of its params, in the scope of the flow that sends it.
        variables: the names of that flow's variables that it may tell.
    """

    variables: tuple[str, ...] = ()

    def render(self, names: Mapping[str, Any]) -> Hook:
        """What goes out in this call; see `HookDefinition.render`. Never raises."""
        try:
            scope = self.scope(names)
        except RenderError as error:
            return Hook(self.name, "", problem=f"{error.code}: {error}")
        return self.definition.render(scope, self.variables)


def read_sent(node: Node, what: str, reader: Reader) -> tuple[SentHook, ...]:
    """The hooks under `send` or an event, in the order in which they go out. E580 for one that there is not."""
    told = tuple(name for name, variable in reader.variables.items() if not variable.sensitive)
    found = _HOOKS.read(node, reader.hooks, reader, what)
    return tuple(SentHook(named.definition, named.place, named.given, told) for named in found)


SentHooks: TypeAlias = Annotated[tuple[SentHook, ...], ReadWith(read_sent, defined("sent"))]


class EventWords(FlowModel):
    """Each event with the hooks that are sent; `hangup` is ours.

    Source: webhook reference, Call status events, Record, Transcription.
    """

    aliases: ClassVar = {
        **dict.fromkeys(("recorded", "recording"), "record"),
        "transcribed": "transcription",
        "hang_up": "hangup",
    }
    hints: ClassVar = {"error": "write it under `on`: an error leads the call on"}
    unknown_code: ClassVar = "E284"

    record: SentHooks = ()
    """A recording is ready."""
    transcription: SentHooks = ()
    """A transcription is ready."""
    hangup: SentHooks = ()
    """The call is over."""
    started: SentHooks = ()
    """A call to somebody begins."""
    ringing: SentHooks = ()
    """It rings."""
    answered: SentHooks = ()
    """Somebody, or a machine, has answered."""
    machine: SentHooks = ()
    """A machine answered."""
    human: SentHooks = ()
    """A person answered."""
    beep: SentHooks = ()
    """A machine has played its tone."""
    completed: SentHooks = ()
    """They spoke, and hung up."""
    busy: SentHooks = ()
    """The other party is on the phone."""
    timeout: SentHooks = ()
    """It rang for too long."""
    unanswered: SentHooks = ()
    """Nobody answered, or the call was declined."""
    rejected: SentHooks = ()
    """The call was refused before it rang."""
    failed: SentHooks = ()
    """The call could not be connected."""
    cancelled: SentHooks = ()
    """The caller hung up before somebody answered."""
    disconnected: SentHooks = ()
    """A websocket was closed."""


def read_events(node: Node, what: str, reader: Reader) -> Mapping[str, tuple[SentHook, ...]]:
    """The map under `events`: event → the hooks that are sent."""
    found = reader.map(node, what, "write `events: {record: hook}`")
    events = EventWords.parse(found, what, reader) if found else None
    return {name: getattr(events, name) for name in events.written.values} if events else {}


def check_events(source: StepSource) -> None:
    """W288 for what nothing in the step brings: a recording, a transcription of one."""
    node, reader = source.fields.get("events"), source.reader
    kinds = {item.kind for item in source.played}
    if not isinstance(node, Map) or not source.plays_whole or "ncco" in kinds:
        return
    records = "record" in kinds or ("conversation" in kinds and _is_written("record", source))
    for entry in node.entries:
        name = entry.key.value
        if name in ("record", "transcription") and not records:
            reader.report("W288", entry.key.place, f"`{name}` never comes: nothing in this step records")
        elif name == "transcription" and not _is_written(name, source):
            message = "`transcription` never comes: no record of this step asks for one"
            reader.report(
                "W288", entry.key.place, message, "write `transcription: {}` in the record, or delete the line"
            )


def _is_written(option: str, source: StepSource) -> bool:
    """Whether an action of the step, or a default of its actions, has the option."""
    actions = (source.reader.inherited.get(item.kind) for item in source.played)
    return any(action is not None and _holds(action, option) for action in (source.fields.get("do"), *actions))


def _holds(node: Node, key: str) -> bool:
    if isinstance(node, Map):
        return key in node.keys() or any(_holds(entry.value, key) for entry in node.entries)  # noqa: SIM118 - a Map
    return isinstance(node, Seq) and any(_holds(item, key) for item in node.items)
