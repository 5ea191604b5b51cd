"""Plays the calls of a file: what happens, row by row, beside what is heard then.

A row is a map of one entry. Its key says what happens, its value what is heard up to the next input:

    rings, silence, held                    the call comes in; nothing is said or pressed; the music is over
    presses 12, says yes please             keys, words
    busy, timeout, completed, ...           what came of a dial
    reaches terms                           a checkpoint
    answers                                 the other party of a dial picks up: what that one hears
    answerer presses 1, answerer is silent  what that one does, and hears then
    finds: {customer: {name: Ann}}          from now on the look-ups answer this; nothing is heard
    waits: 60                               seconds pass; nothing is heard
    record, transcription, hangs up         what Vonage reports; the value is what it says

A row `tells` follows each row that makes the flow tell somebody: hook by hook, with its body. With `show: [asks]` a row
`asks` follows each that asks a look-up. With `show: [voices]` every text is behind its language, with `show: [from]`
every number is beside the one that it is shown. A row without a value is one to which nothing is replied: both have
hung up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from app.engine import Call, Turn, TurnContext, begin_called, hang_up, observe, resume
from app.engine.observing import event_of
from app.engine.session import WaitRef
from app.flow.language.hooks import Hook
from app.flow.model import Flow
from app.ncco import check
from app.ncco.webhooks import recognise
from tests.engine.scripted_call import LEG, ScriptedCall

Row: TypeAlias = dict[str, Any]

STATUSES = frozenset({"busy", "timeout", "unanswered", "rejected", "failed", "completed", "machine", "human"})
RECORDED: Mapping[str, object] = {
    "recording_url": "https://api.nexmo.com/v1/files/1",
    "recording_uuid": "1",
    "start_time": "2026-03-04T12:00:00Z",
    "end_time": "2026-03-04T12:00:30Z",
    "size": "1",
}
TRANSCRIBED: Mapping[str, object] = {
    "transcription_url": "https://api.nexmo.com/v1/files/2",
    "type": "record",
    "recording_uuid": "1",
}
RECORDING = frozenset({"record", "conversation"})
"""The actions whose webhook a recording comes in on, and its text unless that has an address of its own."""

HUNG_UP: Mapping[str, object] = {"status": "completed", "uuid": LEG, "direction": "inbound"}


@dataclass
class PlayedCall:
    """One call from a file: `play` gives the rows as they came out."""

    flow: Flow
    to: str
    caller: str
    at: datetime
    env: Mapping[str, str]
    allow: tuple[str, ...]
    show: frozenset[str]
    turns: list[Turn] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    answers: dict[str, Any] = field(default_factory=dict)
    _asked: int = 0
    _call: ScriptedCall | None = None
    _other: Turn | None = None

    def play(self, rows: list[Row]) -> list[Row]:
        """The same rows with what really came of each."""
        return [played for row in rows for name, value in row.items() for played in self._row(name, value)]

    @property
    def call(self) -> ScriptedCall:
        assert self._call is not None, "a call begins with `rings`"
        return self._call

    def _row(self, name: str, value: Any) -> Iterator[Row]:
        if name in ("tells", "asks"):
            return
        if name == "finds":
            self.answers.update(value)
            yield {name: value}
        elif name == "waits":
            self.call.now += timedelta(seconds=value)
            yield {name: value}
        elif name in ("record", "transcription", "hangs up"):
            yield {name: value}
            yield from self._told(self._report(name, value or {}))
        elif name.startswith("answer"):
            yield {name: self._answer(name)}
        else:
            number = len(self.turns)
            yield {name: self._happen(name)}
            yield from self._asks()
            for turn in self.turns[number:]:
                yield from self._told(turn.hooks)

    def _happen(self, name: str) -> Any:
        does, _, rest = name.partition(" ")
        if does == "rings":
            self._ring()
            return self._heard(self.call.ncco)
        ncco: list[Row] | None
        if does == "presses":
            ncco = self.call.press(rest)
        elif does == "says":
            ncco = self.call.speak((rest, 0.9))
        elif does == "silence":
            ncco = self.call.silence()
        elif does in STATUSES:
            ncco = self.call.dial(does)
        else:
            ncco = self.call.reach("held" if does == "held" else rest)
        if ncco is None:
            self.over.add(f"{self.call.session.at or self.flow.name}.{self.call.session.step}")
            return None
        self.turns.append(self.call.turn)
        return self._heard(ncco)

    def _ring(self) -> None:
        call = Call(to=self.to, from_number=self.caller, uuid=LEG)
        self._call = ScriptedCall(
            self.flow, answers=self.answers, call=call, at=self.at, env=self.env, dial_allow=self.allow
        )
        self.answers = self._call.answers
        self.turns.append(self._call.turn)
        assert not [issue for issue in check(self._call.ncco) if issue.severity == "error"]

    def _around(self) -> TurnContext:
        return TurnContext(now=self.call.now, **self.call.around)

    def _answer(self, name: str) -> Any:
        """What the other party of the latest dial hears, or does."""
        if name == "answers":
            wait = self.call.wait("onanswer")
            begun: Turn = self.call._drive(begin_called(self.flow, "other", self.call.session, wait, self._around()))
            self._other = begun
        else:
            does, _, rest = name.removeprefix("answerer ").partition(" ")
            digits = {"digits": rest if does == "presses" else "", "timed_out": does != "presses"}
            assert self._other is not None
            wait = next(wait for wait in self._other.session.waits if wait.kind == "input")
            webhook = recognise({"dtmf": digits, "speech": {"results": []}})
            self._other = self.call._drive(resume(self.flow, self._other.session, wait, webhook, self._around()))
        assert self._other is not None
        self.turns.append(self._other)
        return self._heard(self._other.ncco)

    def _report(self, name: str, fields: Mapping[str, object]) -> tuple[Any, ...]:
        """The hooks that a webhook without a say brings."""
        if name == "hangs up":
            return hang_up(self.flow, self.call.session, recognise({**HUNG_UP, **fields}), self._around())
        webhook = recognise({**(RECORDED if name == "record" else TRANSCRIBED), **fields})
        found = [(turn.session.turn, wait) for turn in self.turns for wait in turn.session.waits]
        number, wait = [(number, wait) for number, wait in found if wait.name in RECORDING][-1]
        ref = WaitRef("event", LEG, number, wait.index)
        assert name == event_of(webhook)
        return observe(self.flow, self.call.session, ref, webhook, self._around())

    def _told(self, hooks: tuple[Any, ...]) -> Iterator[Row]:
        told = [{hook.name: hook.problem or hook.json} for hook in hooks if isinstance(hook, Hook)]
        if told:
            yield {"tells": told}

    def _asks(self) -> Iterator[Row]:
        asked = self.call.asked[self._asked :]
        self._asked = len(self.call.asked)
        if asked and "asks" in self.show:
            yield {"asks": [_asked(lookup.request) for lookup in asked]}

    def _heard(self, ncco: list[Row]) -> list[str]:
        heard = []
        for action in ncco:
            if action["action"] == "input":
                break
            if action["action"] != "notify":
                heard.append(self._spoken(action))
        return heard

    def _spoken(self, action: Mapping[str, Any]) -> str:
        if action["action"] == "connect":
            endpoint = action["endpoint"][0]
            number = endpoint.get("number") or endpoint["uri"]
            return f"dials {number}" + (f", shows {action['from']}" if "from" in self.show else "")
        voice = f"{action['language']}: " if action["action"] == "talk" and "voices" in self.show else ""
        return voice + _SPOKEN[action["action"]](action)


_SPOKEN: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "talk": lambda action: str(action["text"]),
    "stream": lambda action: f"plays {action['streamUrl'][0]}",
    "conversation": lambda action: f"{'begins' if action.get('startOnEnter') else 'waits in'} {action['name']}",
    "wait": lambda action: f"waits {action['timeout']} seconds",
    "record": lambda _: "records",
}


def _asked(request: Any) -> str:
    return f"{request.method} {request.url}" + (f" {json.dumps(request.json)}" if request.json is not None else "")
