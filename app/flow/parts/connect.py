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

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.flow.model import Callback, Draft, Frame, Laid, Part, Value
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.flow.parts.action import Action, observer
from app.flow.parts.address import ADDRESS_FIELDS, address_of, endpoint_of, type_of
from app.flow.parts.inheritance import gather
from app.flow.parts.spelling import Item
from app.flow.parts.values import Array, Given, Object, OurNumber, find
from app.flow.parts.wire import ENDPOINT_TYPES, action_shape, endpoint_shape
from app.flow.reader import Reader
from app.ncco.suggest import nearest

_AUDIO = "audio/l16;rate=16000"
"""What a websocket is sent unless it says so: the specification asks for it, and the reference names it first."""


@dataclass(frozen=True, slots=True)
class Connect:
    """A `connect`, one action for each target of its list."""

    place: Place
    targets: tuple[Action, ...]
    _computed: tuple[bool, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_computed", tuple(_is_computed(target) for target in self.targets))

    def render(self, frame: Frame) -> list[Draft]:
        """The action of the target whose turn it is. Raises RenderError."""
        number = min(frame.position, len(self.targets) - 1)
        (draft,) = self.targets[number].render(frame)
        if self._computed[number]:
            draft.dials = address_of(draft.action["endpoint"][0])
        return [draft]

    def laid_out(self) -> Laid | None:
        """The action of the first target; None when a call computes what it dials, which has to be allowed."""
        return None if self._computed[0] else self.targets[0].laid_out()

    def with_fields(self, fields: Mapping[str, Value], callback: Callback) -> Connect:
        """The same targets with more fields each, and another webhook."""
        return replace(self, targets=tuple(target.with_fields(fields, callback) for target in self.targets))


def _is_computed(target: Action) -> bool:
    """Whether it takes a call to know which number or address is dialled.

    A websocket rings no phone, and its host is written in the flow (E332), so its path may be computed freely.
    """
    if find(target.fields["endpoint"], ("0", "type")).render({}) == "websocket":
        return False
    parts = (find(target.fields["endpoint"], ("0", name)) for name in ADDRESS_FIELDS)
    return any(not isinstance(part, Object) and not part.is_literal for part in parts)


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


def _read_target(node: Node, common: tuple[Entry, ...], place: Place, reader: Reader) -> Action | None:
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


def _read_wrapped(target: Map, common: tuple[Entry, ...], place: Place, reader: Reader) -> Action | None:
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


def _target(kind: str, endpoint: Map, fields: Map, place: Place, reader: Reader) -> Action:
    what = f"the {kind} endpoint"
    inner = {"type": Given(kind, endpoint.place), **endpoint_shape(kind).read_fields(endpoint, reader, what)}
    if kind == "websocket":
        inner = {"content-type": Given(_AUDIO, endpoint.place)} | inner
    own = Map(tuple(entry for entry in fields.entries if entry.key.value != "endpoint"), fields.place)
    outer = action_shape("connect").read_fields(own, reader, "connect")
    array = Array((Object(inner, endpoint.place),), endpoint.place)
    callback = observer("connect", has_url="eventUrl" in outer, records=False)
    return Action("connect", place, {**_caller(kind, outer, place), **outer, "endpoint": array}, callback)


def _caller(kind: str, fields: Mapping[str, Value], place: Place) -> dict[str, Value]:
    """Our number as `from` of a call to a phone, unless `from` or `randomFromNumber: true` is written."""
    random = fields.get("randomFromNumber")
    is_random = random is not None and (not random.is_literal or random.render({}) is True)
    return {} if kind != "phone" or "from" in fields or is_random else {"from": OurNumber(place)}
