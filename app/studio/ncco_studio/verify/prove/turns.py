"""Turns: the engine plays each trigger once for every combination of lookup answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from math import prod
from typing import Any, Final, NamedTuple, TypeAlias

from ncco_server.engine import Lookup, LookupAnswer, Turn, TurnContext, WaitRef
from ncco_server.engine.dialling import PREMIUM_PREFIXES
from ncco_server.engine.interpreter import Playing
from ncco_server.flow.language.selection import ROWS
from ncco_server.flow.language.tables import TableRead
from ncco_server.flow.model import Flow
from ncco_server.ncco.durations import is_spoken
from ncco_server.settings.values import DEFAULT, read_failsafe
from ncco_server.table_rows import applied
from ncco_studio.verify.outcomes import Following
from ncco_studio.verify.prove.liveness import Liveness
from ncco_studio.verify.prove.samples import Representatives
from ncco_studio.verify.sample_values import Path, frozen

Answers: TypeAlias = tuple[tuple[str, LookupAnswer], ...]
"""As (name, answer), in order."""
Given: TypeAlias = tuple[tuple[LookupAnswer, ...], ...]
"""The answers to the lookups that a turn has made at once, in order."""
Rows: TypeAlias = dict[str, tuple[str, str, LookupAnswer]]
"""The rows that a turn has read, as they were before it, with the flow and the name of the lookup."""

NO_REPLY: Final = LookupAnswer(None, "timed out")
MOST_TOGETHER: Final = 512
"""Of more combinations of concurrent lookups' answers, each answer is tried once."""
FAILSAFE: Final[tuple[Mapping[str, Any], ...]] = read_failsafe(DEFAULT)
NO_DIAL_LIMIT: Final = 1_000_000
"""States ignore how often a call has dialled."""
ALL_PREFIXES: Final = ("sip:", "sips:", *"123456789", *PREMIUM_PREFIXES)
"""Every number and address: what a server may dial is a setting, not part of the flow."""
_SIMILAR: Final = 50
"""By how many characters texts of about the same length may differ."""


class PlayedTurn(NamedTuple):
    """A turn with the answers of its lookups.

    Attributes:
        turn: None if the webhook changed nothing.
        follow: its trace's steps and outcomes; None before the trace is read.
        is_timed: whether the turn depends on the time.
    """

    turn: Turn | None
    answers: Answers
    follow: Following | None = None
    is_timed: bool = False


class _Choice(NamedTuple):
    """Where a turn has asked, and could get other answers.

    Attributes:
        given: the answers before.
        read: what the rest of the turn can read of the answers before.
    """

    given: Given
    others: Sequence[tuple[LookupAnswer, ...]]
    read: Any


@dataclass
class PossibleTurns:
    """Plays a flow's turns with every combination of lookup answers.

    Of two combinations after which the rest of a turn is the same, one is left out, when a turn has shown that the
    answers before a lookup make no difference.
    """

    root: Flow
    values: Representatives
    liveness: Liveness
    _answers: dict[tuple[str, str], tuple[LookupAnswer, ...]] = field(default_factory=dict)

    def of(self, begin: Callable[[], Playing[Turn] | Playing[Turn | None]]) -> Iterator[PlayedTurn]:
        """Call `begin` once for each combination of answers."""
        waiting: list[Given] = [()]
        varied = set[Any]()
        while waiting:
            played, choices = self._played(begin(), waiting.pop())
            yield played
            for choice in reversed(choices):
                key = (choice.read, _outline(played.turn))
                if key not in varied:
                    waiting += [(*choice.given, other) for other in reversed(choice.others)]
                varied.add(key)

    def _played(self, playing: Playing[Turn] | Playing[Turn | None], known: Given) -> tuple[PlayedTurn, list[_Choice]]:
        """Play a turn with the known answers, and the first ones from then on."""
        given = known[:0]
        rows: Rows = {}
        asked = list[tuple[Lookup, LookupAnswer]]()
        answers = list[tuple[str, LookupAnswer]]()
        choices = list[_Choice]()
        try:
            lookups = next(playing)
            while True:
                chosen, *others = known[len(given) :][:1] or self._choices(lookups, rows)
                if others:
                    choices.append(_Choice(given, others, self._read(lookups, rows, asked)))
                given = (*given, chosen)
                asked += zip(lookups, chosen, strict=True)
                for lookup, answer in zip(lookups, chosen, strict=True):
                    if isinstance(lookup.request, TableRead):
                        rows.setdefault(lookup.request.row, (lookup.flow, lookup.name, answer))
                sent = tuple(map(_with_changes, lookups, chosen))
                answers += [(lookup.name, answer) for lookup, answer in zip(lookups, sent, strict=True)]
                lookups = playing.send(sent)
        except StopIteration as done:
            return PlayedTurn(done.value, tuple(answers)), choices

    def _read(self, lookups: Sequence[Lookup], rows: Rows, asked: Sequence[tuple[Lookup, LookupAnswer]]) -> Any:
        first = lookups[0]
        flow = self.root.named(first.flow)
        step = flow.steps[first.step]
        is_on_entry = first.name in {each.name for each in step.asks}
        sources = self.liveness.sources(flow, step)
        kept = []
        for lookup, answer in asked:
            is_known = is_on_entry and lookup.flow == flow.name
            fields = {path[1:] for path in sources if path[0] == lookup.name} if is_known else {()}
            if fields:
                kept.append((lookup.flow, lookup.name, answer.value is None, _fields_of(answer.value, fields)))
        return frozen((flow.name, step.name, [each.name for each in lookups], kept, rows))

    def _choices(self, lookups: tuple[Lookup, ...], rows: Rows) -> list[tuple[LookupAnswer, ...]]:
        each = [_as_before(lookup, self._of(lookup), rows) for lookup in lookups]
        if prod(map(len, each)) <= MOST_TOGETHER:
            return list(product(*each))
        self.values.chosen[", ".join(lookup.name for lookup in lookups)] = ("each answer of each lookup once",)
        first = tuple(answers[0] for answers in each)
        others = [(at, answer) for at, answers in enumerate(each) for answer in answers[1:]]
        return [first, *((*first[:at], answer, *first[at + 1 :]) for at, answer in others)]

    def _of(self, lookup: Lookup) -> tuple[LookupAnswer, ...]:
        """The last answer is a timeout or, for a table, a missing row."""
        key = (lookup.flow, lookup.name)
        if key not in self._answers:
            missing = LookupAnswer(None) if lookup.request.method == "TABLE" else NO_REPLY
            self._answers[key] = (*map(LookupAnswer, self._real(lookup)), missing)
        return self._answers[key]

    def _real(self, lookup: Lookup) -> Sequence[Any]:
        flow = self.root.named(lookup.flow)
        asked = next(asks for asks in flow.steps[lookup.step].all_asks if asks.name == lookup.name)
        selection = asked.definition.selection
        present = selection.present if selection is not None else ()
        found = self.values.answers(lookup.flow, lookup.name, asked.definition.returns, present)
        return found if selection is None else [each for each in found if each.get(ROWS) != []]  # that is a missing row


def _fields_of(value: Any, fields: Set[Path]) -> Any:
    """The fields of a lookup's answer; all of it if one of them is not the answer's own, such as `rows`."""
    own = {field[0]: value[field[0]] for field in fields if field and isinstance(value, Mapping) and field[0] in value}
    return own if len(own) == len(fields - {("ok",)}) else value


def _outline(turn: Turn | None) -> Any:
    """Where a turn led, and its NCCO, of whose texts only the approximate length counts."""
    if turn is None:
        return None
    heard = [
        {**action, "text": (is_spoken(action["text"]), len(action["text"]) // _SIMILAR)} if "text" in action else action
        for action in turn.ncco
    ]
    return frozen(([(line.did, line.step, line.what) for line in turn.trace], heard))


def _as_before(lookup: Lookup, answers: tuple[LookupAnswer, ...], rows: Rows) -> Sequence[LookupAnswer]:
    """Leave out what a row cannot be, if its key is missing, or if the turn has read it before."""
    request = lookup.request
    if not isinstance(request, TableRead):
        return answers
    if not request.row:
        return answers[-1:]
    if request.row not in rows:
        return answers
    *reader, before = rows[request.row]
    if reader == [lookup.flow, lookup.name]:
        return [before]
    return [answer for answer in answers if (answer.value is None) == (before.value is None)]


def _with_changes(lookup: Lookup, answer: LookupAnswer) -> LookupAnswer:
    request = lookup.request
    if not isinstance(request, TableRead) or not request.pending:
        return answer
    return answer._replace(value=applied(answer.value, request.row, request.pending))


def context_at(now: datetime, env: Mapping[str, str], dials: int = NO_DIAL_LIMIT) -> TurnContext:
    """`dials`: maximum number of dials in a call."""
    return TurnContext(now, _link, mask, env, FAILSAFE, ALL_PREFIXES, dials, _CIPHER)


def _link(ref: WaitRef) -> str:
    return f"https://ncco.example.com/{ref.kind}/{ref.turn}/{ref.index}"


def mask(session: str, secret: str) -> str:
    return f"hidden {secret}"


class _PlainCipher:
    """Nothing is stored, so values stay readable."""

    def encrypt(self, text: str) -> str:
        return f"{_KEPT}{text}"

    def decrypt(self, token: str) -> str | None:
        return token.removeprefix(_KEPT) if token.startswith(_KEPT) else None


_KEPT: Final = "kept:"
_CIPHER: Final = _PlainCipher()
