"""A way through a walk as a scenario that `ncco test` plays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import yaml

from app.engine import LookupAnswer
from app.verify.prove.callers import CALLER
from app.verify.prove.flows import dials_computed, family
from app.verify.prove.listening import listen
from app.verify.prove.proof import Proof
from app.verify.prove.violations import NOWHERE, Violation
from app.verify.prove.walk import Edge

WIDEST: Final = 110
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


def counter_example(proof: Proof, violation: Violation) -> Written | None:
    """The shortest call in which it happens; None for what never happens."""
    if violation.edge == NOWHERE:
        return None
    way = proof.ways.to(violation.edge)
    shown = f"{violation.place.file}:{violation.place.line}"
    remarks = [f"{violation.message} ({shown})", *_beyond_words(way)]
    at = next((edge.moment for edge in reversed(way) if edge.is_timed), way[0].moment)
    return Written(f"{violation.kind} in {violation.flow}.{violation.step}", _body(proof, way, at), remarks)


def covering(proof: Proof, wanted: Iterable[tuple[str, str, str]]) -> list[Written]:
    """A small set of scenarios that takes every outcome of `wanted` that can be taken."""
    ways = proof.ways.covering(set(wanted))
    return [_covering(proof, way, at, number) for number, (at, way) in enumerate(ways, 1)]


def _covering(proof: Proof, way: list[Edge], at: datetime, number: int) -> Written:
    last = way[-1].taken[-1] if way[-1].taken else (proof.flow.name, proof.flow.start, "entered")
    return Written(f"{proof.flow.name} {number:02}: {last[1]}, {last[2]}", _body(proof, way, at))


def text_of(scenarios: Iterable[Written]) -> str:
    """A scenario file."""
    return "\n".join(map(_text, scenarios))


def _text(scenario: Written) -> str:
    remarks = "".join(f"# {' '.join(remark.split())}\n" for remark in scenario.remarks)
    body = {scenario.name: dict(scenario.body)}
    return remarks + yaml.dump(body, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=WIDEST)


def _body(proof: Proof, way: list[Edge], at: datetime) -> dict[str, Any]:
    turns = [edge.ncco.actions for edge in way]
    body: dict[str, Any] = {"call": _call(proof, way[0], at)}
    if proof.env:
        body["env"] = dict(proof.env)
    if any(dials_computed(flow) for flow in family(proof.flow).values()):
        body["dial_allow"] = list("123456789")
    given = _given(way, turns)
    if given:
        body["given"] = given
    body["script"] = _script(way, turns, _presses(proof.ways.joining()))
    return body


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
    return facts | {"at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"}


def _given(way: list[Edge], turns: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """What look-ups answer in turn. While a caller is held they are asked again and again."""
    answers: dict[str, list[Any]] = {}
    for number, edge in enumerate(way):
        rounds = _rounds(edge, turns[number - 1] if 0 < number <= len(turns) else ())
        for name, answer in edge.answers:
            said = _answer(answer)
            answers.setdefault(name, []).extend([said] * (rounds if edge.happened.kind == "held" else 1))
    return {name: each[0] if all(one == each[0] for one in each) else each for name, each in answers.items()}


def _rounds(edge: Edge, played: Sequence[Mapping[str, Any]]) -> int:
    """How often what is played while a caller is held fits into the time that passes."""
    seconds = listen([dict(action) for action in played]).prompt if played else 0.0
    return max(1, math.ceil(edge.happened.waited / seconds)) if seconds else 1


def _answer(answer: LookupAnswer) -> Any:
    if answer.problem:
        return {"timeout": True}
    return {"value": answer.value} if isinstance(answer.value, Mapping) and len(answer.value) == 1 else answer.value


def _presses(way: list[Edge]) -> list[str]:
    """What another party presses, each time that it is asked; "" is nothing."""
    return [str(edge.happened.told.get("press", "")) for edge in way if edge.happened.kind != "leg"]


def _script(way: list[Edge], turns: Sequence[Sequence[Mapping[str, Any]]], joining: list[str]) -> list[Any]:
    script: list[Any] = []
    presses: list[str] | None = None
    for number, edge in enumerate(way):
        if edge.happened.kind == "leg":
            presses = []
            script.append({"dial": {"outcome": "answered", "presses": presses}})
            continue
        if presses is not None:
            presses.append(str(edge.happened.told.get("press", "")))
            continue
        script += _step(edge.happened.told, joining if number and _asks_party(turns[number - 1]) else [])
        heard = _heard(turns[number]) if number < len(turns) else ""
        script += [{"hear": heard}] if heard else []
    return script


def _asks_party(ncco: Sequence[Mapping[str, Any]]) -> bool:
    """Whether somebody is dialled who hears an NCCO of his own."""
    return any("onAnswer" in endpoint for action in ncco for endpoint in action.get("endpoint", ()))


def _step(told: Mapping[str, Any], joining: list[str]) -> list[Any]:
    if "silence" in told:
        return ["silence"]
    dial = told.get("dial")
    if dial is not None and joining and dial["outcome"] == "completed":
        return [{"dial": {**dial, "presses": joining}}]
    return [{word: dict(value) if isinstance(value, Mapping) else value} for word, value in told.items()]


def _heard(ncco: Sequence[Mapping[str, Any]]) -> str:
    """Something of what is said first; "" when nothing is that could be told in a word."""
    for action in ncco:
        if action["action"] in ("input", "connect", "record", "conversation"):
            return ""
        if action["action"] == "talk" and "<" not in action["text"]:
            text = " ".join(str(action["text"]).split())
            return text if len(text) <= _HEARD else text[:_HEARD].rpartition(" ")[0]
    return ""


def _beyond_words(way: list[Edge]) -> list[str]:
    """What happens on the way that a scenario cannot bring about."""
    found: list[str] = []
    moments = {edge.moment for edge in way if edge.is_timed}
    if len(moments) > 1:
        found.append(f"the opening hours change on the way: {', '.join(f'{at:%Y-%m-%d %H:%M} UTC' for at in moments)}")
    for edge in way:
        if edge.happened.fault == "refused":
            found.append("then Vonage refuses the NCCO that it was sent")
        elif edge.happened.fault:
            found.append("then a webhook comes that cannot be read")
    return found
