"""Hooks: our own webhooks, sent after the caller has heard the reply.

hooks:
  voicemail_saved: {post: "{{ env.CRM_URL }}/voicemails"}
  voicemail_mail: {mail: {to: "{{ env.OFFICE_MAIL }}", subject: "A message from {{ call.from }}", attach: recording}}

A step sends them (`send: survey_done`), or an event does (`events: {record: voicemail_saved}`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeAlias

from ncco_server.errors import RenderError
from ncco_server.flow.actions.agent import HAND_BACK
from ncco_server.flow.effects import Effect
from ncco_server.flow.grammar.forms import ANYTHING, TEXT, Notation, Unread, has, named, ref
from ncco_server.flow.grammar.map_form import written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver, items, read_fields
from ncco_server.flow.grammar.variables import read_params, refuse_spoken
from ncco_server.flow.language.mail import MailDefinition
from ncco_server.flow.language.outgoing import (
    Definition,
    Named,
    plain_json,
    read_headers,
    read_json,
    read_named,
    read_url,
    scope_with,
)
from ncco_server.flow.language.placing import PlacedFlow
from ncco_server.flow.language.saves import OWN_NAMES, Save, read_saves
from ncco_server.flow.nodes import Entry, Map, Node
from ncco_server.flow.scope import Param, ScopeTypes
from ncco_server.flow.templates.values import Native, Value
from ncco_server.flow.values import Object, leaves
from ncco_server.ncco.statuses import STATUSES
from ncco_server.ncco.value_types import SENT, TYPES, JsonSchema, SentMap, SentText, open_record, record, texts_of
from ncco_server.ncco.webhooks import RecordWebhook, StatusWebhook, TranscriptionWebhook, Webhook

_OWN_FIELDS: Final = ("name", "how", "result", "call_result")
_SENT_FIELDS: Final = dict.fromkeys(
    field.alias or name
    for webhook in (StatusWebhook, RecordWebhook, TranscriptionWebhook)
    for name, field in webhook.model_fields.items()
)
HEADERS: Final = "headers"
"""The endpoint's headers or metadata. Source: webhook reference, Call status events."""
_INPUT: Final = re.compile("dtmf|speech|digits", re.IGNORECASE)

EVENT: Final = record(
    dict.fromkeys((*_OWN_FIELDS, *_SENT_FIELDS, "call_uuid", "type"), TYPES["text"]) | {HEADERS: open_record(SENT)},
    SENT,
)
"""A field that this event does not have is "", and `headers` an empty map."""

NO_EVENT: Final = SentMap(dict.fromkeys(EVENT.fields, "") | {HEADERS: SentMap()})


def event_record(
    name: str, webhook: Webhook, how: str = "", result: str = "", call_result: str = ""
) -> Mapping[str, Any]:
    """The value of `event` for a webhook, such as one that reports a recording: all that Vonage sent, as text.

    `name` is a word under `events`. `how` is `hangup`, `completed` or `lost`, and `call_result` one of
    `ncco_server.results.RESULTS`; both are "" unless the event is `ended`. `result` is the flow's own result, or else
    the outcome that it returned.
    """
    known = webhook.model_dump(by_alias=True).items()
    sent = _without_input({field: value for field, value in known if value is not None or field not in NO_EVENT})
    headers = sent.pop(HEADERS, None)
    nested = {texts_of(field): SentText.of(value).nested for field, value in sent.items()}
    texts = {field: SentText.of(_without_input(value)) for field, value in nested.items()}
    if isinstance(headers, Mapping):  # without the URL of an agent, which only the agent may use
        headers = {HEADERS: SentMap(texts_of({name: each for name, each in headers.items() if name != HAND_BACK}))}
    else:
        headers = {}
    return SentMap(
        {**NO_EVENT, **texts, **headers, "name": name, "how": how, "result": result, "call_result": call_result}
    )


def _without_input(value: Any) -> Any:
    """A caller's keys and words may be sensitive, and hooks are stored until they are sent."""
    if isinstance(value, Mapping):
        return {name: _without_input(inner) for name, inner in value.items() if not _INPUT.search(name)}
    return [*map(_without_input, value)] if isinstance(value, list) else value


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_CALL_FIELDS: Final = ("to", "from", "from_user", "uuid", "conversation_uuid", "request")
_SERVER_HEADERS: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"})
"""The server sets them on every hook. Source: Standard Webhooks, Webhook Metadata."""


MAILTO: Final = "mailto:"
PLACE: Final = "place:"


class Hook(NamedTuple):
    """A hook, rendered for a call.

    Attributes:
        url: absolute, http or https. For an email, `mailto:` and the addresses; for a call, `place:` and the flow. ""
            if there is a problem.
        json: any JSON value; for an email or a call, the result of `MailDefinition.render` or `Placing.render`.
        headers: values have no line ends.
        problem: why it could not be rendered, without values of the call, or ""; such a hook is kept unsent for people
            to see.
    """

    name: str
    url: str
    json: Any = None
    headers: Mapping[str, str] = _NOTHING
    problem: str = ""


def _read_post(node: Node, what: str, reader: Resolver) -> Value | None:
    if isinstance(node, Map):
        cure = 'write `post: "https://.."`, with `json` and `headers` next to it'
        reader.report("E201", node.place, f"{what} is a map", cure)
        return None
    return read_url(node, what, reader)


def _read_body(node: Node, what: str, reader: Resolver) -> Value | None:
    """The body is stored until sent: E331 for callers' secrets, E583 for all of `env`."""
    json = read_json(node, what, reader)
    if json is None:
        return None
    reader.refuse_secrets(json, "sent, and stored until it is sent")
    for leaf in leaves(json):
        if isinstance(leaf, Native) and "env" in leaf.used_names and not leaf.used_env:
            reader.report("E583", leaf.place, "all of `env` would be sent: every setting, including secrets")
    return json


def _read_headers(node: Node, what: str, reader: Resolver) -> Object | None:
    if isinstance(node, Map):
        reserved = [entry for entry in node.entries if entry.key.value.lower() in _SERVER_HEADERS]
        for key, _ in reserved:
            reader.report("E205", key.place, f'the server sets the header "{key.value.lower()}" of hooks', "delete it")
        node = node._replace(entries=tuple(entry for entry in node.entries if entry not in reserved))
    return read_headers(node, what, reader)


class HookDefinition(Definition):
    """One entry of `hooks`."""

    noun: ClassVar = "hook"
    section: ClassVar = "hooks"
    undeclared_code: ClassVar = "E580"
    example: ClassVar = '{post: "https://.."}'

    post: Annotated[Value | None, Notation(_read_post, TEXT)] = None
    """The URL to which it is posted."""
    mail: MailDefinition | None = None
    """The email to send instead of a post."""
    placing: PlacedFlow | None = written_as("place", default=None)
    """The call to place instead of a post."""
    body: Annotated[Value | None, Notation(_read_body, ANYTHING)] = written_as("json", default=None)
    """The whole body, as JSON. By default, the hook reports what happened, in the format of Standard Webhooks."""
    headers: Annotated[Object | None, Notation(_read_headers, named(TEXT))] = None
    """HTTP headers; keys come from `env`."""
    params: Annotated[Mapping[str, Param], Unread(ref("params"))] = field(default_factory=dict)
    """The params that a step or an event passes when it sends the hook, by name."""

    @property
    def url(self) -> Value | None:
        """Return None for an email or a call."""
        return self.post

    @property
    def has_default_body(self) -> bool:
        return self.body is None and self.mail is None and self.placing is None

    @property
    def values(self) -> tuple[Value, ...]:
        return (*super().values, *(value for way in (self.mail, self.placing) if way for value in way.values))

    @classmethod
    def json_schema(cls) -> JsonSchema:
        return {**super().json_schema(), "anyOf": [has(way) for way in _WAYS]}

    def render(self, names: Mapping[str, Any], variables: Iterable[str] = ()) -> Hook:
        """Never raises: a hook that cannot be rendered has a problem.

        `names` also has the `step`, the `flow`, this hook's params, and `event`. The default body may contain the
        `variables`.
        """
        names = {"event": NO_EVENT, **names}
        try:
            return self._rendered(names, variables)
        except RenderError as error:
            return Hook(self.name, "", problem=f"{error.code}: {error}")
        except ValueError as error:
            return Hook(self.name, "", problem=f"{self.place}: {error}")

    def _rendered(self, names: Mapping[str, Any], variables: Iterable[str]) -> Hook:
        if self.mail is not None:
            mail = self.mail.render(names)
            return Hook(self.name, MAILTO + ",".join(mail["to"]), mail)
        if self.placing is not None:
            return Hook(self.name, PLACE + self.placing.flow.value, self.placing.render(names))
        url = self.url.render(names) if self.url else ""
        plain_params = [name for name, param in self.params.items() if not param.variable.sensitive]
        body = self.body.render(names) if self.body else _default_body(self.name, names, plain_params, variables)
        headers = self.headers.render(names) if self.headers else {}
        return Hook(self.name, url, body, {name: text.strip() for name, text in headers.items()})


def _default_body(name: str, names: Mapping[str, Any], params: Iterable[str], variables: Iterable[str]) -> Any:
    """`params` and `variables` exclude sensitive names. Raises ValueError if a value cannot be JSON."""
    known = names["event"].items()
    event = {field: value.nested if isinstance(value, SentText) else value for field, value in known if value}
    data = {
        "call": {field: names["call"][field] for field in _CALL_FIELDS if names["call"].get(field)},
        "flow": names["flow"],
        "step": names["step"],
        "event": event,
        "params": {param: names[param] for param in params},
        "variables": {variable: names[variable] for variable in variables if variable in names},
    }
    shown = {field: value for field, value in data.items() if value != {}}
    return plain_json({"type": name, "timestamp": names["now"], "data": shown})


def read_hooks(node: Node, reader: Resolver) -> dict[str, HookDefinition]:
    """An invalid hook is reported, but still defined.

    `reader` has the flow's scope or, for shared hooks, the names that every call has.
    """
    read = [_read_hook(entry, reader) for entry in HookDefinition.entries(node, reader)]
    return {hook.name: hook for hook in read if hook is not None}


def _read_hook(entry: Entry, reader: Resolver) -> HookDefinition | None:
    name = entry.key.value
    place = entry.key.place
    what = f'the hook "{name}"'
    reader.check_name(entry.key, "a hook", _NAME, "use letters, digits, _, - and .")
    found = reader.map(entry.value, what, f'write `{name}: {{post: "https://.."}}`')
    if found is None:
        return HookDefinition(name=name, written=Fields(what, place, {}, {}))
    fields = HookDefinition.read_words(found, what, reader, place=place)
    node = fields.get("params")
    params = read_params(node, "`params`", reader) if node else {}
    refuse_spoken((param.variable for param in params.values()), reader)
    for taken in sorted(OWN_NAMES & params.keys()):
        reader.report(
            "E205",
            params[taken].variable.place,
            f'"{taken}" already has a meaning in every hook',
            "choose another name",
        )
    scope = _with_own_names(scope_with(params, reader.scope))
    way = _way_of(fields, reader)
    hook = HookDefinition.build(
        fields.without(*_others_than(way)),
        replace(reader, scope=scope),
        cures=_NO_POST if way == "post" else {},
        name=name,
        params=params,
    )
    _check_hidden([leaf for value in hook.values for leaf in leaves(value)] if hook else [], reader)
    return hook


def _with_own_names(scope: ScopeTypes) -> ScopeTypes:
    return scope.with_name("event", EVENT).with_name("flow", TYPES["text"]).with_name("step", TYPES["text"])


def _check_hidden(values: Iterable[Value], reader: Resolver) -> None:
    """Report E205 for a name of the hook's or event's own used like a variable."""
    hidden = OWN_NAMES & reader.variables.keys()
    for at, own in sorted({(value.place, own) for value in values for own in hidden & value.used_names}):
        message = f'in hooks and `events`, "{own}" is not the variable with that name'
        reader.report("E205", at, message, f'give the variable "{own}" another name')


_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "post": ("post", "json", "headers"),
    "mail": ("mail",),
    "place": ("place",),
}
_NO_POST: Final = {"post": 'write `post: "https://.."`'}


def _others_than(way: str) -> tuple[str, ...]:
    return tuple(word for words in _WAYS.values() for word in words if word not in _WAYS[way])


def _way_of(fields: Fields, reader: Reader) -> str:
    way = next((word for word in ("place", "mail") if word in fields.values), "post")
    others = [word for word in _others_than(way) if way in fields.values and word in fields.values]
    for word in [word for word in others if word in _WAYS] or others:
        cure = "write two hooks, and send both" if word in _WAYS else "delete it: it belongs to `post`"
        reader.report("E403", fields.at(word), f"{fields.what} has `{word}` and `{way}`", cure)
    return way


@dataclass(frozen=True, slots=True)
class SentHook(Named[HookDefinition]):
    """A hook that a step or a flow sends, with the names of variables that it may send."""

    own_names: ClassVar[frozenset[str]] = OWN_NAMES

    variables: tuple[str, ...] = ()

    @property
    def hook(self) -> SentHook | None:
        return self

    def later_effects(self) -> Iterator[Effect]:
        yield from self.effects("send", "event")

    def render(self, names: Mapping[str, Any]) -> Hook:
        """Never raises."""
        try:
            scope = self.scope(names)
        except RenderError as error:
            return Hook(self.name, "", problem=f"{error.code}: {error}")
        return self.definition.render(scope, self.variables)


def read_sent(node: Node, what: str, reader: Resolver) -> tuple[SentHook, ...]:
    """In order. E580: an unknown hook. E586: an email with a recording that does not exist."""
    found = _read_sent(node, what, reader)
    for hook in found:
        if hook.definition.mail is not None and hook.definition.mail.attach:
            reader.report("E586", hook.place, f'the email "{hook.name}" attaches a recording, but {what} has none')
    return found


def _read_sent(node: Node, what: str, reader: Resolver) -> tuple[SentHook, ...]:
    public = tuple(name for name, variable in reader.variables.items() if not variable.sensitive)
    found = read_named(HookDefinition, node, reader.hooks, reader, what)
    return tuple(SentHook(named.definition, named.place, named.given, public) for named in found)


Later: TypeAlias = SentHook | Save

SentHooks: TypeAlias = Annotated[tuple[SentHook, ...], Notation(read_sent, ref("sent"))]

EVENTS: Final[Mapping[str, str]] = {
    "record": "A recording is ready.",
    "transcription": "A transcription is ready.",
    "hangup": "The caller left before the flow had ended.",
    "ended": "The call is over, however it ended; sent once.",
    **{name: status.meaning for name, status in STATUSES.items()},
}
"""The events that Vonage reports, and `hangup` and `ended`, which are ours.

Source: webhook reference, Call status, Record, Transcription.
"""

STEP_EVENTS: Final = {event: meaning for event, meaning in EVENTS.items() if event != "ended"}
"""A call ends after its last step, so a step has no `ended`."""

_RECORDING_EVENTS: Final = frozenset({"record", "transcription"})


def read_events(node: Node, reader: Resolver, known: Mapping[str, str]) -> Mapping[str, tuple[Later, ...]]:
    what = "`events`"
    found = reader.map(node, what, "write `events: {record: hook}`")
    if found is None:
        return {}
    fields = read_fields(found, known, what, reader, code="E202")
    return {name: tuple(_read_later(written, name, reader)) for name, written in fields.values.items()}


def _read_later(node: Node, event: str, reader: Resolver) -> Iterator[Later]:
    """`save` changes rows, unless a hook has this name."""
    read = _read_sent if event in _RECORDING_EVENTS else read_sent
    for item in items(node):
        entries = item.entries if isinstance(item, Map) else ()
        words = {"save", "table"} - reader.hooks.keys()
        own = {entry.key.value: entry for entry in entries if entry.key.value in words}
        if "save" in own:
            yield from _read_later_saves(own["save"].value, reader)
        elif "table" in own:
            cure = f"write `{event}: {{save: {{table: .., ..}}}}`"
            reader.report("E580", own["table"].key.place, "`table` belongs to a `save`, not to a hook", cure)
        if not own:
            yield from read(item, f"`{event}`", reader)
        elif "save" in own and isinstance(item, Map) and (others := item.without(*own)).entries:
            yield from read(others, f"`{event}`", reader)


def _read_later_saves(node: Node, reader: Resolver) -> tuple[Save, ...]:
    found = read_saves(node, replace(reader, scope=_with_own_names(reader.scope)), is_later=True)
    _check_hidden([leaf for save in found for value in save.values for leaf in leaves(value)], reader)
    return found
