"""`connect`: connects the caller to one target, or dials several in turn.

```yaml
do:
  - connect: ["447700900111", {number: "447700900222", timeout: 15}]
on: {completed: end, otherwise: voicemail}
```

Without `from` and `randomFromNumber`, `from` is the number that the caller dialled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from typing import Any

from ncco_server.errors import RenderError
from ncco_server.flow.action import Action, may_be_true, observer
from ncco_server.flow.actions.item import Item, gather, has_duplicate
from ncco_server.flow.effects import Effect, Phase
from ncco_server.flow.frame import Callback, Draft, Frame, Runs
from ncco_server.flow.grammar.fields import ENDPOINT_TYPES, action_fields, computed_type, endpoint_fields, read_list
from ncco_server.flow.grammar.reader import Reader, Resolver, read_fields
from ncco_server.flow.grammar.targets import read_flow_name, read_run
from ncco_server.flow.issues import did_you_mean, meant_word
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.templates.compiler import as_computed
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import Array, Constant, Object, OurNumber, Supplied, find
from ncco_server.ncco.value_types import FILLING, TYPES
from ncco_server.suggest import nearest

_NUMBER = re.compile(rf"['+\d(\[][\d{FILLING}]*")
_BY_SCHEME = {"tel:": "phone", "sip:": "sip", "sips:": "sip", "ws:": "websocket", "wss:": "websocket"}
BY_FIELDS = (
    ("phone", {"number"}),
    ("vbc", {"extension"}),
    ("sip", {"user", "domain"}),
    ("sip", {"domain"}),
    ("app", {"user"}),
)

ADDRESS_FIELDS = ("number", "uri", "user", "domain")


def _kind_of(text: str) -> str | None:
    lowered = text.strip().lower()
    kind = next((kind for scheme, kind in _BY_SCHEME.items() if lowered.startswith(scheme)), None)
    is_number = "{{" in text or "{%" in text or _NUMBER.fullmatch(text)
    return kind or ("phone" if is_number else None)


def _type_of(target: Map, reader: Reader) -> str | None:
    written = target.get("type")
    uri = target.get("uri")
    if written is None:
        kind = _kind_of(uri.value) if isinstance(uri, Text) else None
        if kind in (None, "phone"):
            kind = next((kind for kind, fields in BY_FIELDS if fields <= set(target.keys())), None)
        if kind is None:
            known = {field for _, fields in BY_FIELDS for field in fields} | {"uri", "type"}
            misspelt = next((key for key, _ in target.entries if nearest(key.value, known)), None)
            cure = None if misspelt is None else meant_word(misspelt.value, known, "")
            place = target.place if misspelt is None else misspelt.place
            reader.report("E405", place, "this target does not say what to connect to", cure)
        return kind
    text = reader.text(written, "type")
    if text is None or text.value in ENDPOINT_TYPES:
        return text.value if text else None
    reader.unknown("E405", text, ENDPOINT_TYPES, f'there is no endpoint "{text.value}"')
    return None


def address_of(endpoint: Mapping[str, Any]) -> str:
    """An endpoint within the account (app, vbc) has none: ""."""
    if "number" in endpoint:
        return str(endpoint["number"])
    if "uri" in endpoint:
        return str(endpoint["uri"])
    if "domain" in endpoint:
        return f"sip:{endpoint.get('user', '')}@{endpoint['domain']}"
    return ""


ON_ANSWER = "onAnswer"
_TONES = ("ringbackTone", "ringback")
_PLACEHOLDER_URL = "https://example.com/webhooks"

_FLOW_KEYS = frozenset({"run", "with", "flow", "goto"})


def read_answering(endpoint: Map, reader: Resolver) -> tuple[Map, Runs | None]:
    """The endpoint as in an NCCO, and the flow that its `onAnswer` names."""
    entry = endpoint.entry(ON_ANSWER)
    if entry is None:
        return endpoint, None
    if isinstance(entry.value, Text):
        reader.report("E201", entry.value.place, "`onAnswer` is a text", "write `onAnswer: {run: flow}`")
        return endpoint.without(ON_ANSWER), None
    if not isinstance(entry.value, Map) or not _FLOW_KEYS & set(entry.value.keys()):
        return endpoint, None
    runs = _read_runs(entry.value, entry.key.place, reader)
    url = Entry(Text("url", entry.key.place), Text(_PLACEHOLDER_URL, entry.key.place))
    tones = tuple(each for each in entry.value.entries if each.key.value in _TONES)
    wire = Entry(entry.key, Map((url, *tones), entry.value.place))
    return Map(tuple(wire if each is entry else each for each in endpoint.entries), endpoint.place), runs


def _read_runs(node: Map, place: Place, reader: Resolver) -> Runs | None:
    url = node.entry("url")
    if url is not None:
        message = "`onAnswer` names both a flow and another server, but the other party hears only one of them"
        reader.report("E403", url.key.place, message, "delete `url`, or delete `run` and `with`")
    words = ("run", "with", *_TONES)
    kept = node.without("url")
    fields = read_fields(kept, words, "`onAnswer`", reader, place=place)
    run = fields.need("run", "add `run: flow`", reader)
    name = read_flow_name(run, "`run`", reader) if run else None
    runs = read_run(name, fields.get("with"), reader) if name else None
    if runs is not None and name is not None:
        _check_answering(runs, name.place, reader)
    return runs


def _check_answering(runs: Runs, place: Place, reader: Resolver) -> None:
    """Report E331 for a sensitive param, which would be stored until the other party answers."""
    signature = reader.flows.get(runs.flow)
    for given in runs.given if signature else ():
        param = signature.params.get(given.name) if signature else None
        if param is not None and param.variable.sensitive:
            message = f'"{given.name}" of the flow "{runs.flow}" is sensitive, but would be stored for some time'
            reader.report(
                "E331", given.place, message, "change that flow so that it does not need the value, or ask for it there"
            )


_CURRENT_NUMBER = "\0number"
"""Authors cannot write this name."""

_PHONE = TYPES["phone"]
_NUMBER_TYPES = frozenset({"text", "phone", "int", "any", "words"})


@dataclass(frozen=True)
class CurrentNumber(Supplied):
    """The number in a list that is currently being dialled."""

    place: Place
    used_names: frozenset[str]

    def render(self, names: Mapping[str, Any]) -> Any:
        return names.get(_CURRENT_NUMBER, _PHONE.sample)


def read_numbers(endpoint: Map, reader: Resolver) -> Value | None:
    """None for a single number. E287: what a phone's `number` computes is never a number."""
    text = endpoint.get("number")
    computed = computed_type(text, reader)
    is_list = computed is not None and computed.family == "list" and computed.entry is not None
    dialled = computed.entry if is_list and computed is not None else computed
    if text is None or dialled is None:
        return None
    is_other = dialled.is_timed or dialled.name == "bool" or (dialled.words and not any(map(_digits, dialled.words)))
    if is_other or (is_list and dialled.name not in _NUMBER_TYPES):
        reader.report("E287", text.place, f"the value to dial is {dialled.described}, not a phone number")
    return read_list(text, TYPES["list"], reader, "the list of numbers") if is_list else None


def each_number(numbers: Value, frame: Frame) -> Iterator[Mapping[str, Any]]:
    """Yield names in scope for each listed number that may be dialled. Raises RenderError."""
    for entry in numbers.render(frame.names):
        number = _digits(entry)
        if frame.may_dial(number) and number:
            yield {**frame.names, _CURRENT_NUMBER: number}


def _digits(entry: object) -> str:
    try:
        return str(_PHONE.cast(entry))
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class ConnectTarget(Action):
    """A `connect` action with one endpoint.

    Attributes:
        numbers: None for a single number or address.
        heard: the flow that the other party hears before being connected.
    """

    numbers: Value | None = None
    heard: Runs | None = None

    def effects(self, phase: Phase) -> Iterator[Effect]:
        yield from Action.effects(self, phase)
        yield from (Effect("dial", phase, address) for address in (*self.addresses, *self._found("extension")))
        if self.numbers is not None:
            yield Effect("play", phase, self.numbers, "connect.endpoint")
        if self.heard is not None:
            yield from self.heard.effects(phase)

    @cached_property
    def is_computed(self) -> bool:
        """Whether only a call knows the number or address to dial.

        A websocket rings no phone, and the flow names its host (E332), so its path may be computed freely.
        """
        if self.kind == "websocket":
            return False
        return any(not part.is_literal for part in self.addresses)

    @property
    def depends_on_call(self) -> bool:
        return self.is_computed or self.numbers is not None or self.heard is not None

    @property
    def addresses(self) -> tuple[Value, ...]:
        return self._found(*ADDRESS_FIELDS)

    def _found(self, *names: str) -> tuple[Value, ...]:
        found = (find(self.fields["endpoint"], ("0", name)) for name in names)
        return tuple(value for value in found if not isinstance(value, Object))

    @property
    def kind(self) -> str:
        return str(find(self.fields["endpoint"], ("0", "type")).render({}))

    def may_be_dialled(self, frame: Frame) -> bool:
        """Whether a computed address in a list is allowed and fits its type.

        An address that cannot be computed counts as allowed, and fails when it is dialled.
        """
        if not self.is_computed:
            return True
        try:
            address = address_of(self.fields["endpoint"].render(frame.names)[0])
        except RenderError as error:
            return error.code != "E392" or frame.may_dial("")
        return not address or frame.may_dial(address)

    def draft(self, names: Mapping[str, Any]) -> Draft:
        """Raises RenderError."""
        (draft,) = self.render(Frame(names))
        if self.is_computed:
            draft.dials = address_of(draft.action["endpoint"][0])
        if self.heard is not None:
            given = {each.name: each.value.render(names) for each in self.heard.given}
            draft.heard = {"flow": self.heard.flow, "given": given}
        return draft


_AUDIO = "audio/l16;rate=16000"
"""A websocket's default format: the specification requires one, and the reference lists this one first."""


@dataclass(frozen=True, slots=True)
class ConnectPart:
    """A `connect`, with an action for each target; `is_list` if the targets are written as a list."""

    place: Place
    targets: tuple[ConnectTarget, ...]
    is_list: bool = False

    @property
    def actions(self) -> tuple[ConnectTarget, ...]:
        return self.targets

    def effects(self, phase: Phase) -> Iterator[Effect]:
        yield from chain.from_iterable(target.effects(phase) for target in self.targets)

    @property
    def may_ring_nobody(self) -> bool:
        """Forbidden numbers of a list are skipped, so none may be left."""
        return self.rings_several or (self.is_list and self.targets[0].is_computed)

    @property
    def rings_several(self) -> bool:
        return len(self.targets) > 1 or self.targets[0].numbers is not None

    @property
    def names_flow(self) -> bool:
        return any(target.heard is not None for target in self.targets)

    def rung(self, frame: Frame) -> Iterator[tuple[ConnectTarget, Mapping[str, Any]]]:
        """One target per turn, with its names in scope. Raises RenderError.

        Forbidden numbers of a list are skipped, and so are entries that are not numbers.
        """
        for target in self.targets:
            if target.numbers is not None or not self.may_ring_nobody or target.may_be_dialled(frame):
                turns = (frame.names,) if target.numbers is None else each_number(target.numbers, frame)
                yield from ((target, names) for names in turns)

    def render(self, frame: Frame) -> list[Draft]:
        rung = tuple(islice(self.rung(frame), frame.position + 1))
        return [target.draft(names) for target, names in rung[-1:]]

    def with_fields(self, fields: Mapping[str, Value], callback: Callback) -> ConnectPart:
        return replace(self, targets=tuple(target.with_fields(fields, callback) for target in self.targets))


def read_connect(item: Item, reader: Resolver) -> ConnectPart | None:
    main = Map(item.beside, item.place) if item.main is None else item.main
    shared = () if item.main is None else item.beside
    is_map = isinstance(item.main, Map) and item.main.get("endpoint") is not None
    if item.main is not None and has_duplicate(item, ("endpoint",), is_map=False, reader=reader):
        return None
    if is_map and has_duplicate(item, action_fields("connect").fields, is_map=True, reader=reader):
        return None
    common = gather(shared, item.inherited, item.place).entries
    nodes = main.items if isinstance(main, Seq) else (main,)
    if not nodes:
        reader.report("E405", main.place, "the list under `connect` is empty")
    is_list = len(nodes) > 1
    answers = tuple(entry for entry in common if is_list and _is_answer(entry.key.value))
    common = tuple(entry for entry in common if entry not in answers)
    targets = [_read_target(node, common, answers, item.place, reader) for node in nodes]
    read = tuple(target for target in targets if target is not None)
    if read and len(read) == len(nodes):
        for entry in answers if not any(target.kind == "phone" for target in read) else ():
            message = f"`{entry.key.value}` has no effect: none of these targets is a phone"
            reader.report("E202", entry.key.place, message, "delete it, or add a phone to the list")
        return ConnectPart(item.place, read, isinstance(main, Seq))
    return None


def _read_target(
    node: Node, common: tuple[Entry, ...], answers: tuple[Entry, ...], place: Place, reader: Resolver
) -> ConnectTarget | None:
    """`common` are the fields next to the list; `answers` is the `onAnswer` there, for phones only."""
    found = _read_form(node, reader)
    if found is None:
        return None
    kind, endpoint, outer = found
    fields = gather(outer, (*common, *answers) if kind == "phone" else common, place)
    heard = None
    numbers = None
    if kind == "phone":
        endpoint, fields = _with_answer(endpoint, fields, reader)
        endpoint, heard = read_answering(endpoint, reader)
        numbers = read_numbers(endpoint, reader)
    inner: dict[str, Value] = {"type": Constant(kind, endpoint.place)}
    if kind == "websocket":
        inner["content-type"] = Constant(_AUDIO, endpoint.place)
    if numbers is not None:
        inner["number"] = CurrentNumber(numbers.place, numbers.used_names)
        endpoint = endpoint.without("number")
    inner |= endpoint_fields(kind).read_fields(endpoint, reader, f"the {kind} endpoint")
    written = action_fields("connect").read_fields(fields.without("endpoint"), reader, "connect")
    is_shown = kind == "phone" and "from" not in written and not may_be_true(written, "randomFromNumber")
    wire: dict[str, Value] = {"from": OurNumber(place)} if is_shown else {}
    wire |= {**written, "endpoint": Array((Object(inner, endpoint.place),), endpoint.place)}
    callback = observer("connect", has_url="eventUrl" in written, records=False)
    return ConnectTarget("connect", place, wire, callback, numbers=numbers, heard=heard)


def _read_form(node: Node, reader: Resolver) -> tuple[str, Map, tuple[Entry, ...]] | None:
    if isinstance(node, Text):
        kind = _kind_of(node.value)
        if kind is None:
            cure = as_computed(node.value, TYPES["phone"], reader.scope, is_unfit=True)
            reader.report("E405", node.place, f'"{node.value}" is neither a number nor an address', cure or None)
            return None
        field = Entry(Text("number" if kind == "phone" else "uri", node.place), node)
        return kind, Map((field,), node.place), ()
    target = reader.map(node, "a target of `connect`")
    if target is None:
        return None
    wrapped = target.get("endpoint")
    if isinstance(wrapped, Seq) and len(wrapped.items) == 1:
        wrapped = wrapped.items[0]
    if wrapped is not None and not isinstance(wrapped, Map):
        cure = "write several targets as a list under `connect:`" if isinstance(wrapped, Seq) else None
        reader.report("E405", wrapped.place, "`endpoint` must be a single endpoint", cure)
        return None
    kind = _type_of(wrapped or target, reader)
    if kind is None:
        return None
    if wrapped is not None:
        return kind, wrapped.without("type"), target.without("endpoint").entries
    outer = tuple(entry for entry in target.entries if _is_of_connect(entry.key.value, kind))
    return kind, target.without("type", *(entry.key.value for entry in outer)), outer


def _is_of_connect(name: str, kind: str) -> bool:
    """False for a field of the endpoint; a misspelt name counts as the nearest."""
    inner, outer = endpoint_fields(kind).fields, action_fields("connect").fields
    if name in inner or name == "type":
        return False
    return name in outer or nearest(name, (*inner, *outer)) in outer


def _with_answer(endpoint: Map, fields: Map, reader: Reader) -> tuple[Map, Map]:
    """Move an `onAnswer` next to a phone's endpoint into it; return it and the other fields."""
    beside = tuple(entry for entry in fields.entries if _is_answer(entry.key.value))
    for entry in beside:
        if entry.key.value != ON_ANSWER:
            message = f'connect has no "{entry.key.value}"'
            reader.report("E202", entry.key.place, message, did_you_mean(ON_ANSWER))
    own = () if endpoint.get(ON_ANSWER) is not None else beside
    named = tuple(Entry(Text(ON_ANSWER, entry.key.place), entry.value) for entry in own)
    rest = fields.without(*(entry.key.value for entry in beside))
    return Map((*endpoint.entries, *named), endpoint.place), rest


def _is_answer(name: str) -> bool:
    others = action_fields("connect").fields
    return name not in others and nearest(name, (ON_ANSWER, *others)) == ON_ANSWER
