"""A way through a walk as a scenario that `ncco test` plays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import yaml

from app.engine import Call, LookupAnswer
from app.engine.dialling import PREMIUM_PREFIXES
from app.verify.prove.befalling import befalling, comes_by_itself
from app.verify.prove.flows import dialled_by_computing, family
from app.verify.prove.listening import DURATIONS
from app.verify.prove.proof import Proof
from app.verify.prove.script_lines import asks_party, lines_of, party_of, pressed_by, presses_of, until_dialled
from app.verify.prove.shared import CALLER
from app.verify.prove.walked import Edge

WIDEST: Final = 110
_EARLY_S: Final = 0.2
_ENDS: Final = frozenset({"endOnSilence", "timeOut", "endOnKey"})
_SPOKEN_S: Final = 3
"""Seconds that a caller speaks into a recording: the shortest `timeOut`."""
_TALKS_S: Final = 25
"""Seconds that somebody who is dialled listens where a scenario does not say, and a little less."""
_ADDRESSES: Final = ("sip:", "sips:")
"""Prefixes of the addresses that may be dialled."""
_HEARD: Final = 60
"""Characters of a text that are enough to tell it."""


class _Plain(yaml.SafeDumper):
    """Writes what stands twice twice: scenario files have no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Written:
    """One scenario: its name, and what stands under it, as YAML can write it."""

    name: str
    body: Mapping[str, Any]
    remarks: Sequence[str] = field(default_factory=tuple)


def call_to(proof: Proof, edge: int, name: str) -> Written:
    """The shortest call in which an edge is come to, by its number."""
    return written(proof, proof.ways.to(edge), name)


def written(proof: Proof, way: list[Edge], name: str, at: datetime | None = None) -> Written:
    """A way as a scenario; `at`: when the call is made, where that is not the moment that something was decided by."""
    moment = at or next((each.moment for each in reversed(way) if each.is_timed), way[0].moment)
    return Written(name, _body(proof, way, moment), _beyond_words(way))


def text_of(scenarios: Iterable[Written]) -> str:
    """A scenario file."""
    return "\n".join(map(_text, scenarios))


def _text(scenario: Written) -> str:
    remarks = "".join(f"# {' '.join(remark.split())}\n" for remark in scenario.remarks)
    body = {scenario.name: dict(scenario.body)}
    return remarks + yaml.dump(body, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=WIDEST)


def _body(proof: Proof, way: list[Edge], at: datetime) -> dict[str, Any]:
    body: dict[str, Any] = {"call": _call(proof, way[0], at)}
    if way[0].env:
        body["env"] = dict(way[0].env)
    dialled = set[str]().union(*map(dialled_by_computing, family(proof.flow).values()))
    if dialled:
        body["dial_allow"] = [*"123456789", *_dear(way), *(_ADDRESSES if "sip" in dialled else ())]
    given = _given(proof, way)
    if given:
        body["given"] = given
    body["script"] = _script(proof, way)
    if any(edge.is_failsafe and edge.happened.fault != "away" for edge in way):
        body["expect"] = {"end": "failsafe"}
    return body


def _dear(way: list[Edge]) -> list[str]:
    """The prefixes of dear numbers that are dialled on the way, which are only allowed by name."""
    endpoints = [each for edge in way for action in edge.ncco.actions for each in action.get("endpoint", ())]
    numbers = [str(endpoint.get("number", "")) for endpoint in endpoints]
    return [prefix for prefix in PREMIUM_PREFIXES if any(number.startswith(prefix) for number in numbers)]


def _call(proof: Proof, first: Edge, at: datetime) -> dict[str, Any]:
    call = first.call
    facts: dict[str, Any] = {}
    if call is None:
        return facts
    is_numbered = call.to in proof.flow.numbers or proof.flow.default
    facts |= {"to": call.to} if is_numbered else {"flow": proof.flow.name}
    facts |= {"from": call.from_number} if call.from_number != CALLER else {}
    facts |= {"user": call.from_user} if call.from_user else {}
    facts |= {"sip": dict(call.sip)} if call.sip else {}
    facts |= {"custom_data": dict(call.custom_data)} if call.custom_data else {}
    facts |= {"endpoint_type": call.endpoint_type} if call.endpoint_type not in ("phone", *_kinds_told(call)) else {}
    is_timed = any(edge.is_timed for edge in proof.walk.edges)
    return facts | ({"at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"} if is_timed else {})


def _kinds_told(call: Call) -> tuple[str, ...]:
    """What the other facts of a call say of what it comes from."""
    is_sip = bool(call.sip) or call.from_number.startswith("sip:")
    return ("app",) if call.from_user or call.custom_data else ("sip",) if is_sip else ()


def _given(proof: Proof, way: list[Edge]) -> dict[str, Any]:
    """What look-ups answer in turn. While a caller is held they are asked again and again."""
    answers: dict[str, list[Any]] = {}
    for number, edge in enumerate(way):
        rounds = held(proof, way, number).rounds if edge.happened.kind == "held" else 1
        for name, answer in edge.answers:
            answers.setdefault(name, []).extend([_answer(answer)] * rounds)
    return {name: each[0] if all(one == each[0] for one in each) else each for name, each in answers.items()}


class Held(NamedTuple):
    """How often what is played while a caller is held is played until it ends, and for how many seconds."""

    rounds: int
    seconds: float


def held(proof: Proof, way: list[Edge], number: int) -> Held:
    """How long a caller is held up to the edge of this number."""
    first = way[number - 1].ncco.heard.prompt
    edge = way[number]
    again = next((each.ncco.heard.prompt for each in proof.ways.held_at(edge.source)), first)
    over = edge.happened.waited - first
    rounds = 1 + (math.ceil(over / again) if over > 0 and again > 0 else 0)
    return Held(rounds, first + (rounds - 1) * again)


def _answer(answer: LookupAnswer) -> Any:
    if answer.problem:
        return {"timeout": True}
    return {"value": answer.value} if isinstance(answer.value, Mapping) and len(answer.value) == 1 else answer.value


def _script(proof: Proof, way: list[Edge]) -> list[Any]:
    script: list[Any] = []
    presses: list[Any] | None = None
    joining = presses_of(proof.ways.joining())
    for number, edge in enumerate(way):
        if edge.happened.kind == "leg":
            presses = []
            lasting = sum(each.ncco.heard.prompt + each.ncco.heard.listens for each in way[number:])
            talks = {"talks": f"{lasting + _TALKS_S:.0f}s"} if lasting > _TALKS_S else {}
            script.append({"dial": {"outcome": "answered", **talks, "presses": presses}})
        elif presses is not None:
            presses.append(pressed_by(edge.happened))
        else:
            script += _turn(proof, way, number, joining)
    return script


def _turn(proof: Proof, way: list[Edge], number: int, joining: list[Any]) -> Iterator[Any]:
    """What is done for a turn to come, with what befalls its webhook; then what is heard of it."""
    edge, before = way[number], way[number - 1] if number else None
    fault, is_early = befalling(way, number), comes_by_itself(proof.walk, edge)
    if fault and not is_early:
        yield from until_dialled(before, edge)
        yield {"fault": fault}
    if edge.happened.kind == "held" and before is not None and not fault:
        yield _wait(held(proof, way, number).seconds, before)
    party = party_of(proof.walk, edge, joining if before is not None and asks_party(before) else [])
    yield from lines_of(edge.happened, party, is_early=is_early)
    following = befalling(way, number + 1)
    if following and comes_by_itself(proof.walk, way[number + 1]):
        yield from (until(edge.ncco.heard.prompt), {"fault": following})
        return
    is_told = edge.happened.fault == "away" or not (edge.is_failsafe or fault == "refused")
    heard = _heard(edge.ncco.actions) if is_told else ""
    if heard:
        yield {"hear": heard}
    if is_told:
        yield from _recordings(edge.ncco.actions)


def _recordings(ncco: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the caller says into each recording that others wait for, up to where something is asked.

    Source: NCCO reference, Record: with one of these options the next action waits for its end.
    """
    for action in ncco:
        if action["action"] in ("input", "connect", "conversation"):
            return
        if action["action"] == "record" and _ENDS & action.keys():
            key = {"key": action["endOnKey"]} if "endOnKey" in action else {}
            yield {"record": {"seconds": _SPOKEN_S, **key}}


def _wait(seconds: float, before: Edge) -> dict[str, str]:
    """Wait until just before a caller is held no more; the first text of what is played was heard out already."""
    text = _first_text(before.ncco.actions)
    heard = DURATIONS.talk(*text) if text and _heard(before.ncco.actions) else 0.0
    return until(seconds - heard)


def until(seconds: float) -> dict[str, str]:
    """Wait until just before something comes by itself in some seconds."""
    return {"wait": f"{max(0.1, seconds - _EARLY_S):.1f}s"}


def _heard(ncco: Sequence[Mapping[str, Any]]) -> str:
    """Something of what is said first; "" when nothing is that could be told in a word."""
    text, _ = _first_text(ncco) or ("", "")
    if not text or "<" in text:
        return ""
    return shortened(" ".join(text.split()))


def shortened(text: str) -> str:
    """As much of a text as is enough to tell it."""
    return text if len(text) <= _HEARD else text[:_HEARD].rpartition(" ")[0] or text[:_HEARD]


def _first_text(ncco: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """What is said before anything else is played, and in which language."""
    for action in ncco:
        if action["action"] == "talk":
            return str(action["text"]), str(action.get("language", "en-US"))
        if action["action"] != "notify":
            return None
    return None


def _beyond_words(way: list[Edge]) -> list[str]:
    """What happens on the way that a scenario cannot bring about."""
    found: list[str] = []
    moments = {edge.moment for edge in way if edge.is_timed}
    if len(moments) > 1:
        found.append(f"the opening hours change on the way: {', '.join(f'{at:%Y-%m-%d %H:%M} UTC' for at in moments)}")
    return found
