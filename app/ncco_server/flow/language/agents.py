"""`agent`: connects the caller to a speech bot, which hands the caller back with an outcome.

agent:
  uri: "{{ env.BOT_URL }}"
  with: {customer: "{{ customer.id }}"}      # in the `headers` of the websocket
  outcomes: [booking, person]                # what the bot may hand back, besides `done`
  returns: {order: text}                     # usable as `agent.order`
  limit: 10m
on: {booking: desk, person: desk, done: end, failed: desk, too_long: desk}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final

from ncco_server.flow.action import AGENT
from ncco_server.flow.actions.agent import OURS, AgentNeeds, AgentPart, read_agent
from ncco_server.flow.frame import Frame
from ncco_server.flow.grammar.fields import endpoint_fields
from ncco_server.flow.grammar.forms import ANYTHING, TEXT, Duration, Unread, listed, named, ref
from ncco_server.flow.grammar.map_form import MapForm, written_as
from ncco_server.flow.grammar.reader import Fields, Reader, Resolver, read_fields
from ncco_server.flow.issues import write_one_of
from ncco_server.flow.language.exits import StepExit, StepSource
from ncco_server.flow.language.outcomes import ERROR, OUTCOMES, OnWords, OutcomeTarget, read_lines, read_outcomes
from ncco_server.flow.language.returns import Misfit, Returned, read_answer, read_returns
from ncco_server.flow.nodes import Entry, Map, Node, Place
from ncco_server.flow.runtime import (
    FAILED,
    TOO_LONG,
    Decision,
    Go,
    Jump,
    Outcome,
    StepShape,
    TakenDecision,
    Way,
    WrongHandBack,
)
from ncco_server.ncco.checks import MAX_HEADERS_BYTES
from ncco_server.ncco.value_types import NO_BEGINNING, Kind, record
from ncco_server.ncco.value_types.kind import size_as_json

DONE: Final = "done"
RESERVED: Final = (DONE, FAILED, TOO_LONG)
_ENDPOINT: Final = {"uri": "uri", "content-type": "content-type", "authorization": "authorization", "with": "headers"}
_NOTHING: Final = Returned(record({}))


class AgentForm(MapForm):
    """The map under `agent`."""

    example: ClassVar = 'agent: {uri: "wss://..", outcomes: [person], limit: 10m}'
    is_at_key: ClassVar = True
    cures: ClassVar = {
        "uri": 'add `uri: "wss://.."`, the address of the agent',
        "limit": "add `limit: 10m`, so that no caller stays with the agent forever",
    }

    uri: Annotated[Node, Unread(TEXT)]
    """The address of the agent's websocket."""
    content_type: Annotated[Node | None, Unread(TEXT)] = written_as("content-type", default=None)
    """The format of its audio; `audio/l16;rate=16000` by default."""
    authorization: Annotated[
        Node | None, Unread(endpoint_fields("websocket").fields["authorization"].json_schema())
    ] = None
    """How Vonage identifies itself at the websocket, as in the NCCO."""
    given: Annotated[Node | None, Unread(named(ANYTHING))] = written_as("with", default=None)
    """What the agent gets in the first message, beside `hand_back` and `limit`: at most 512 bytes together."""
    outcomes: Annotated[Node | None, Unread(listed(TEXT))] = None
    """The outcomes that the agent may hand back, besides `done`."""
    returns: Annotated[Node | None, Unread(named(ref("returned")))] = None
    """The values that the agent may hand back, each with its type. They are usable as `agent.name`."""
    limit_ms: Annotated[int, Duration("10s", "2h")] = written_as("limit")
    """How long the caller stays with the agent at most: 90s, 10m. Source: NCCO reference, Connect (limit)."""


class AgentWords(OnWords):
    """The words of a step with an agent."""

    agent: AgentForm | None = None
    """A speech bot at a websocket, which hands the caller back; `on` says where the call goes after each outcome."""


@dataclass(frozen=True, slots=True)
class Agent(StepExit[AgentWords]):
    """Waits for an agent, which decides by what it hands back.

    Attributes:
        lines: include `failed` and `too_long`, which the server decides.
        returned: the type of the values.
    """

    word: ClassVar = "agent"
    form: ClassVar = AgentWords
    shape: ClassVar[StepShape] = "hold"
    is_early: ClassVar = True
    has_agent: ClassVar = True

    lines: Mapping[str, OutcomeTarget]
    returned: Returned
    limit_ms: int
    part: AgentPart
    place: Place

    @property
    def allowed(self) -> tuple[str, ...]:
        """What the agent may hand back."""
        return tuple(name for name in self.lines if name not in (FAILED, TOO_LONG))

    @property
    def longest_wait_s(self) -> float:
        return self.limit_ms / 1000

    @property
    def plays_again(self) -> bool:
        return False

    def needs(self) -> AgentNeeds:
        return AgentNeeds(self.part)

    def written_ways(self) -> Iterator[Way]:
        for name, line in self.lines.items():
            is_handed_back = name in self.allowed
            yield Way(name, line.target, line.place, (name,), passes_input=is_handed_back, is_immediate=name == FAILED)

    def outcome_of(self, decision: TakenDecision, heard_by: str, *, is_at_once: bool) -> str:
        return FAILED if is_at_once else decision.what

    def enter(self, frame: Frame) -> Jump | None:
        """Fail at once if Vonage would refuse the headers. Raises RenderError."""
        size = size_as_json(self.part.headers(frame))
        if size <= MAX_HEADERS_BYTES:
            return None
        line = self.lines[FAILED]
        why = f"the headers for the agent have {size} bytes; {MAX_HEADERS_BYTES} is the limit"
        return Jump(line.target, line.place, why)

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        line = self.lines.get(outcome.name)
        if line is None:
            return None
        because = f'{outcome.because}; the line "{outcome.name}" decides'
        others = tuple(f"{other}: it was {outcome.name}" for other in self.lines if other != outcome.name)
        return Decision(Go(line.target), outcome.name, line.place, because, others, answer=outcome.answer)

    def read_hand_back(self, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        for name in body.keys() - {"outcome", "values"}:
            raise WrongHandBack(f"{_shown(name)} is unknown", "send only `outcome` and `values`")
        outcome = body.get("outcome")
        if outcome not in self.allowed:
            problem = (
                "`outcome` is missing" if outcome is None else f"{_shown(outcome)} is not an outcome of this agent"
            )
            raise WrongHandBack(problem, f"allowed: {_listed(self.allowed)}")
        values = body.get("values")
        if values is None:
            values = {}
        fields = self.returned.fields
        cure = f"allowed: {_listed(f'{name} ({kind.described})' for name, kind in fields.items())}"
        if not isinstance(values, Mapping):
            raise WrongHandBack("`values` is not a map", cure)
        for name in values.keys() - fields.keys():
            raise WrongHandBack(f"there is no value {_shown(name)}", cure)
        found = empty_answer(self.returned.type)
        try:
            for name, value in values.items():
                if value is not None:
                    found[name] = read_answer(fields[name], value, name)
        except Misfit as misfit:
            raise WrongHandBack(f"`{misfit.path}` {misfit.problem}", misfit.needed or cure) from None
        return str(outcome), found

    @classmethod
    def of_words(cls, words: AgentWords, source: StepSource) -> Agent | None:
        reader = source.reader
        agent = words.agent
        place = words.at("agent")
        if agent is None:
            return None
        named_outcomes = tuple(read_outcomes(agent.outcomes, reader, RESERVED)) if agent.outcomes else ()
        part = read_agent(_endpoint(agent, reader), agent.limit_ms // 1000, place, reader)
        lines = _read_on(words, named_outcomes, reader)
        returned = _read_returned(agent, reader)
        if part is None or not lines.keys() >= {FAILED, TOO_LONG}:
            return None
        return cls(lines, returned, agent.limit_ms, part, place)


def _shown(name: object) -> str:
    return f"`{name[:100]}`" if isinstance(name, str) else "this"


def _listed(names: Any) -> str:
    return ", ".join(names) or "nothing"


def empty_answer(kind: Kind) -> Any:
    """What stands for values that an agent leaves out; "" also for one of a list of words."""
    if kind.is_record:
        return {name: empty_answer(inner) for name, inner in kind.fields.items()}
    return "" if kind.empty is None else kind.empty


def _endpoint(agent: AgentForm, reader: Reader) -> Map:
    entries = []
    for word, name in _ENDPOINT.items():
        node = agent.written.get(word)
        if node is None:
            continue
        if word == "with":
            for key, _ in reader.entries(node, "`with`", "write `with: {name: value}`"):
                if key.value in OURS:
                    message = f"the agent gets `{key.value}` in any case"
                    reader.report("E205", key.place, message, "choose another name")
            if not isinstance(node, Map):
                continue
        entries.append(Entry(agent.written.keys[word]._replace(value=name), node))
    return Map(tuple(entries), agent.place)


def _read_on(words: AgentWords, outcomes: tuple[str, ...], reader: Resolver) -> Mapping[str, OutcomeTarget]:
    known = (*outcomes, *RESERVED)
    cure = f"add `on: {{{', '.join(f'{name}: step' for name in known)}}}`"
    on = words.written.need("on", cure, reader)
    found = reader.map(on, "`on`", cure) if on else None
    if found is None:
        return {}
    hints = dict.fromkeys(OUTCOMES, write_one_of(known))
    fields = read_fields(found, (*known, ERROR), "`on`", reader, place=words.at("on"), hints=hints, code="E263")
    needed = [*outcomes, FAILED, TOO_LONG] if outcomes else [*RESERVED]
    missing = ", ".join(name for name in needed if name not in fields.values)
    if missing and fields.is_whole:
        message = f"`on` does not say where a call goes on {missing}"
        reader.report("E276", fields.place, message, f"add a line for each of {missing}")
    return read_lines(fields, reader)


def _read_returned(agent: AgentForm, reader: Resolver) -> Returned:
    node = agent.returns
    if node is None:
        return _NOTHING
    returned = read_returns(Fields("the agent", agent.place, {}, {"returns": node}), reader)
    if returned.secrets:
        message = "what an agent hands back is stored until the caller goes on"
        reader.report("E331", agent.at("returns"), message, "leave out `sensitive`, or ask for it in another step")
    for names, what in ((reader.variables, "a variable"), (reader.lookups, "a lookup")):
        if AGENT in names:
            cure = f"give {what.removeprefix('a ')} `{AGENT}` another name"
            reader.report(
                "E539", agent.at("returns"), f'{what} has the same name as the values of the agent, "agent"', cure
            )
    known = reader.scope.get(AGENT)
    for name, kind in returned.fields.items() if known is not None else ():
        if known is not None and known.fields.get(name) not in (None, in_expressions(kind)):
            message = f"`{name}` has another type in the step of another agent"
            reader.report("E203", agent.at("returns"), message, "declare it with the same type, or rename one of them")
    return returned


def in_expressions(kind: Kind) -> Kind:
    """The type of what an agent hands back. A url must not begin a URL, unless its hosts are declared."""
    if kind.name == "url" and not kind.hosts:
        return NO_BEGINNING
    if kind.fields:
        return replace(kind, fields={name: in_expressions(inner) for name, inner in kind.fields.items()})
    return kind if kind.item is None else replace(kind, item=in_expressions(kind.item))


def returned_in(steps: Map, zone: str) -> Kind | None:
    """The type of `agent`: the fields of all agents of a flow. None if none returns values. Reports nothing."""
    fields: dict[str, Kind] = {}
    for entry in steps.entries:
        agent = entry.value.get(AGENT) if isinstance(entry.value, Map) else None
        node = agent.get("returns") if isinstance(agent, Map) else None
        if isinstance(node, Map):
            read = read_returns(Fields("the agent", node.place, {}, {"returns": node}), Reader(zone=zone))
            fields = {**read.fields, **fields}
    return record(fields) if fields else None
