"""`connect`: puts the caller through, to one target or to several one after another.

```yaml
do:
  - connect:
      - "447700900111"
      - {number: "447700900222", timeout: 15}
      - sip:desk@pbx.example.com
    timeout: 20
on:
  completed: end
  otherwise: voicemail
```

`from` is the number of ours that was called unless it or `randomFromNumber` is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from app.errors import RenderError
from app.flow.actions.action import Action, observer
from app.flow.actions.endpoints import ADDRESS_FIELDS, ON_ANSWER, address_of, endpoint_of, read_answering, type_of
from app.flow.actions.fields import ENDPOINT_TYPES, action_shape, computed_type, endpoint_shape, entries_in, read_list
from app.flow.actions.item import Item, gather
from app.flow.actions.values import Array, Given, Object, OurNumber, find
from app.flow.model import Callback, Draft, Frame, Part, Runs, Value
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.reader import Reader
from app.flow.types import TYPES, ValueType
from app.ncco.suggest import nearest

_IN_TURN = "\0number"
"""The name in scope of the number whose turn it is; no author can write it."""

_PHONE = TYPES["phone"]
_DIALLED = frozenset({"text", "phone", "int", "any", "words"})
"""The types of entries that may turn out to be phone numbers."""


@dataclass(frozen=True, slots=True)
class InTurn:
    """The number of a list whose turn it is, as a value of the endpoint."""

    place: Place
    used_names: frozenset[str]
    used_files: frozenset[str] = frozenset()

    @property
    def is_literal(self) -> bool:
        """Never."""
        return False

    def render(self, names: Mapping[str, Any]) -> Any:
        """The digits; a typical number where no list is rung."""
        return names.get(_IN_TURN, _PHONE.sample)


def read_numbers(endpoint: Map, reader: Reader) -> Value | None:
    """The list that the `number` of a phone computes; None for a single one. E287 for what can be no number."""
    text = endpoint.get("number")
    item = entries_in(text, reader)
    if text is None:
        return None
    if item is None:
        single = computed_type(text, reader)
        if isinstance(single, ValueType) and _never_fits(single):
            message = f"this is {single.described}, and none of that is a phone number"
            cure = "let it be a phone number: a look-up declares it with `returns: {number: phone}`"
            reader.report("E287", text.place, message, cure)
        return None
    if item.name not in _DIALLED or _never_fits(item):
        message = f"every entry of this list is {item.described}, not a phone number"
        cure = "let it be a list of phone numbers: a look-up declares it with `returns: {numbers: [phone]}`"
        reader.report("E287", text.place, message, cure)
    return read_list(text, TYPES["list"], reader, "the list of numbers")


def _never_fits(type_: ValueType) -> bool:
    """Whether it is one of some words, none of which is a number."""
    return bool(type_.words) and not any(map(_digits, type_.words))


def each_number(numbers: Value, frame: Frame) -> Iterator[Mapping[str, Any]]:
    """What is in scope while each number of the list is rung that may be dialled, in order. Raises RenderError."""
    for entry in numbers.render(frame.names):
        number = _digits(entry)
        if frame.may_dial(number) and number:
            yield {**frame.names, _IN_TURN: number}


def _digits(entry: object) -> str:
    try:
        return str(_PHONE.cast(entry))
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Party(Action):
    """A `connect` action with one endpoint.

    Attributes:
        numbers: the list whose numbers are dialled; None for a single number or address.
        heard: the flow that the other party hears before it is joined.
        is_computed: whether it takes a call to know which number or address is dialled.
    """

    numbers: Value | None = None
    heard: Runs | None = None
    is_computed: bool = field(init=False)

    def __post_init__(self) -> None:
        Action.__post_init__(self)
        object.__setattr__(self, "is_computed", _is_computed(self.fields["endpoint"]))

    @property
    def differs(self) -> bool:
        """Whether it asks for more than its fields: an allowed number, or a webhook of the other party."""
        return self.heard is not None or self.is_computed

    def turns(self, frame: Frame) -> Iterator[Mapping[str, Any]]:
        """What is in scope each time that it is rung: once, or for every number of its list. Raises RenderError."""
        if self.numbers is None:
            yield frame.names
        else:
            yield from each_number(self.numbers, frame)

    def may_be_dialled(self, frame: Frame) -> bool:
        """Whether a computed address of a list may be dialled: it is allowed, and a value of its type.

        One that cannot be computed at all fails when its turn comes.
        """
        if not self.is_computed:
            return True
        try:
            address = address_of(self.fields["endpoint"].render(frame.names)[0])
        except RenderError as error:
            return error.code != "E392" or frame.may_dial("")
        return not address or frame.may_dial(address)

    def draft(self, names: Mapping[str, Any]) -> Draft:
        """Its action in this call. Raises RenderError."""
        (draft,) = self.render(Frame(names))
        if self.is_computed:
            draft.dials = address_of(draft.action["endpoint"][0])
        if self.heard is not None:
            given = {each.name: each.value.render(names) for each in self.heard.given}
            draft.heard = {"flow": self.heard.flow, "given": given}
        return draft


def _is_computed(endpoints: Value) -> bool:
    """Whether a call computes which number or address is dialled.

    A websocket rings no phone, and its host is written in the flow (E332), so its path may be computed freely.
    """
    if find(endpoints, ("0", "type")).render({}) == "websocket":
        return False
    parts = (find(endpoints, ("0", name)) for name in ADDRESS_FIELDS)
    return any(not isinstance(part, Object) and not part.is_literal for part in parts)


_AUDIO = "audio/l16;rate=16000"
"""What a websocket is sent unless it says so: the specification asks for it, and the reference names it first."""


@dataclass(frozen=True, slots=True)
class Connect:
    """A `connect`, one action for each party that it rings."""

    place: Place
    targets: tuple[Party, ...]

    @property
    def rings_several(self) -> bool:
        """Whether it has a list, whose next target is rung when one has failed."""
        return len(self.targets) > 1 or self.targets[0].numbers is not None

    @property
    def names_flow(self) -> bool:
        """Whether a party hears a flow before it is joined."""
        return any(target.heard is not None for target in self.targets)

    def rung(self, frame: Frame) -> Iterator[tuple[Party, Mapping[str, Any]]]:
        """Whom it rings, one a turn, each with what is in scope then. Raises RenderError.

        Of a list, computed numbers that may not be dialled are passed over, and entries that are no numbers.
        """
        for target in self.targets:
            if target.numbers is not None or not self.rings_several or target.may_be_dialled(frame):
                for names in target.turns(frame):
                    yield target, names

    def render(self, frame: Frame) -> list[Draft]:
        """The action of the target whose turn it is; none when a list has nobody to ring. Raises RenderError."""
        rung = tuple(islice(self.rung(frame), frame.position + 1))
        return [target.draft(names) for target, names in rung[-1:]]

    def with_fields(self, fields: Mapping[str, Value], callback: Callback) -> Connect:
        """The same targets with more fields each, and another webhook."""
        return replace(self, targets=tuple(target.with_fields(fields, callback) for target in self.targets))


class ConnectKind:
    """How a `connect` is read."""

    word = "connect"

    def read(self, item: Item, reader: Reader) -> Part | None:
        """The connect of one item of `do`; None once its faults are reported."""
        main = Map(item.beside, item.place) if item.main is None else item.main
        shared = () if item.main is None else item.beside
        if _says_twice(item, reader):
            return None
        common = gather(shared, item.inherited, item.place).entries
        nodes = main.items if isinstance(main, Seq) else (main,)
        if not nodes:
            reader.report("E405", main.place, "the list under `connect` is empty")
        targets = [_read_target(node, common, item.place, reader) for node in nodes]
        read = tuple(target for target in targets if target is not None)
        return Connect(item.place, read) if read and len(read) == len(nodes) else None


def _says_twice(item: Item, reader: Reader) -> bool:
    """Whether where the connect leads is written in two spellings at once; E403 then."""
    doubled = next((entry.key for entry in item.beside if entry.key.value == "endpoint"), None)
    if item.main is not None and doubled is not None:
        message = "`endpoint` stands beside the main value of `connect`, which is the same field"
        reader.report("E403", doubled.place, message, "keep one of the two")
        return True
    if isinstance(item.main, Map) and item.main.get("endpoint") is not None and item.beside:
        first = item.beside[0].key
        message = f"`{first.value}` stands beside a map of the fields of `connect`"
        reader.report("E403", first.place, message, f"move `{first.value}` into that map")
        return True
    return False


def _read_target(node: Node, common: tuple[Entry, ...], place: Place, reader: Reader) -> Party | None:
    """One target: a number, an address, an endpoint, or an endpoint with fields of `connect` of its own."""
    if isinstance(node, Text):
        found = endpoint_of(node, reader)
        return None if found is None else _target(*found, gather((), common, place), place, reader)
    target = reader.map(node, "a target of `connect`")
    if target is None:
        return None
    if target.get("endpoint") is not None:
        return _read_wrapped(target, common, place, reader)
    kind = type_of(target, ENDPOINT_TYPES, reader)
    if kind is None:
        return None
    outer = tuple(entry for entry in target.entries if _is_of_connect(entry.key.value, kind))
    inner = tuple(entry for entry in target.entries if entry not in outer and entry.key.value != "type")
    return _target(kind, Map(inner, target.place), gather(outer, common, place), place, reader)


def _is_of_connect(name: str, kind: str) -> bool:
    """Whether a field of a target belongs to the connect around its endpoint; a misspelt one by what it is near."""
    inner, outer = endpoint_shape(kind).fields, action_shape("connect").fields
    if name in inner or name == "type":
        return False
    return name in outer or nearest(name, (*inner, *outer)) in outer


def _read_wrapped(target: Map, common: tuple[Entry, ...], place: Place, reader: Reader) -> Party | None:
    """A target in the NCCO's own form: `endpoint: [{type: ..}]` with the other fields around it."""
    node = target.get("endpoint")
    if isinstance(node, Seq) and len(node.items) == 1:
        node = node.items[0]
    if not isinstance(node, Map):
        cure = "write several targets as a list under `connect:`" if isinstance(node, Seq) else None
        reader.report("E405", (node or target).place, "`endpoint` is not one endpoint", cure)
        return None
    kind = type_of(node, ENDPOINT_TYPES, reader)
    if kind is None:
        return None
    outer = tuple(entry for entry in target.entries if entry.key.value != "endpoint")
    endpoint = Map(tuple(entry for entry in node.entries if entry.key.value != "type"), node.place)
    return _target(kind, endpoint, gather(outer, common, place), place, reader)


def _target(kind: str, endpoint: Map, fields: Map, place: Place, reader: Reader) -> Party:
    endpoint, fields = _with_answer(kind, endpoint, fields, reader)
    heard, numbers = None, None
    if kind == "phone":
        endpoint, heard = read_answering(endpoint, reader)
        numbers = read_numbers(endpoint, reader)
    inner = _read_endpoint(kind, endpoint, numbers, reader)
    own = Map(tuple(entry for entry in fields.entries if entry.key.value != "endpoint"), fields.place)
    outer = action_shape("connect").read_fields(own, reader, "connect")
    array = Array((Object(inner, endpoint.place),), endpoint.place)
    callback = observer("connect", has_url="eventUrl" in outer, records=False)
    wire = {**_caller(kind, outer, place), **outer, "endpoint": array}
    return Party("connect", place, wire, callback, numbers=numbers, heard=heard)


def _with_answer(kind: str, endpoint: Map, fields: Map, reader: Reader) -> tuple[Map, Map]:
    """The endpoint of a phone with the `onAnswer` that stands beside it, and the fields without that."""
    beside = tuple(entry for entry in fields.entries if _is_answer(entry.key.value))
    if kind != "phone" or not beside:
        return endpoint, fields
    for entry in beside:
        if entry.key.value != ON_ANSWER:
            message = f'connect has no "{entry.key.value}"'
            reader.report("E202", entry.key.place, message, f'did you mean "{ON_ANSWER}"?')
    rest = Map(tuple(entry for entry in fields.entries if entry not in beside), fields.place)
    own = () if endpoint.get(ON_ANSWER) is not None else beside
    named = tuple(Entry(Text(ON_ANSWER, entry.key.place), entry.value) for entry in own)
    return Map((*endpoint.entries, *named), endpoint.place), rest


def _is_answer(name: str) -> bool:
    """Whether a key is `onAnswer`, or that in another spelling."""
    return name.replace("_", "").replace("-", "").lower() == ON_ANSWER.lower()


def _read_endpoint(kind: str, endpoint: Map, numbers: Value | None, reader: Reader) -> dict[str, Value]:
    """The fields of the endpoint; the number of a list is the one whose turn it is."""
    listed = {entry.key.value: entry for entry in endpoint.entries if numbers is not None}
    rest = Map(tuple(each for each in endpoint.entries if each is not listed.get("number")), endpoint.place)
    read = endpoint_shape(kind).read_fields(rest, reader, f"the {kind} endpoint")
    inner: dict[str, Value] = {"type": Given(kind, endpoint.place)}
    if kind == "websocket":
        inner["content-type"] = Given(_AUDIO, endpoint.place)
    if numbers is not None:
        inner["number"] = InTurn(numbers.place, numbers.used_names)
    return inner | read


def _caller(kind: str, fields: Mapping[str, Value], place: Place) -> dict[str, Value]:
    """Our number as `from` of a call to a phone, unless `from` or `randomFromNumber: true` is written."""
    random = fields.get("randomFromNumber")
    is_random = random is not None and (not random.is_literal or random.render({}) is True)
    return {} if kind != "phone" or "from" in fields or is_random else {"from": OurNumber(place)}
