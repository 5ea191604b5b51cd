"""Writes a call that was played into a scenario file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.cli.output import CannotRun
from app.verify.scenarios import model
from app.verify.scenarios.files import SUFFIXES
from app.verify.scenarios.model import FROM, CallFacts, ScriptStep
from app.verify.scenarios.reading import read_scenarios

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z_-]*")
_TYPED: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Words that YAML, or a reader, may take for something else than text."""


@dataclass(frozen=True, slots=True)
class Played:
    """A call that was played.

    Attributes:
        given: what look-ups answered, each in turn. env: variables that flows read. streams: seconds of audio files.
        expect: the words under `expect`.
    """

    call: CallFacts
    script: Sequence[ScriptStep]
    given: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    streams: Mapping[str, float] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)


def written(name: str, played: Played) -> str:
    """The text of one scenario in a scenario file."""
    lines = [f"{_text(name)}:", f"  call: {_flow_style(_call(played.call))}"]
    lines += [f"  env: {_flow_style(played.env)}"] if played.env else []
    lines += [f"  streams: {_flow_style(played.streams)}"] if played.streams else []
    lines += ["  given:"] if played.given else []
    for lookup, answers in played.given.items():
        lines.append(f"    {_text(lookup)}: {_flow_style(_in_turn(answers))}")
    lines += ["  script:" if played.script else "  script: []"]
    lines += [f"    - {_step(step)}" for step in played.script]
    lines += [f"  expect: {_flow_style(played.expect)}"] if played.expect else []
    return "\n".join([*lines, ""])


def _call(call: CallFacts) -> dict[str, Any]:
    found = {"flow": call.flow, "to": call.to, "user": call.user, "custom_data": call.custom_data}
    caller = {} if call.from_ == FROM else {"from": call.from_}
    return {**{word: value for word, value in found.items() if value}, **caller, "at": call.at.isoformat()}


def _in_turn(answers: Sequence[Any]) -> list[Any]:
    """The answers of a look-up in turn; whatever they are, they are not taken for words of the file."""
    return [answer if _is_fault(answer) else {"value": answer} for answer in answers]


def _is_fault(answer: Any) -> bool:
    return isinstance(answer, Mapping) and len(answer) == 1 and not answer.keys().isdisjoint(("timeout", "error"))


def _text(text: str) -> str:
    """A text in quotes, but for one plain word: what JSON writes, YAML reads."""
    if _PLAIN.fullmatch(text) and text.lower() not in _TYPED:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in quoted)


def _flow_style(value: Any) -> str:
    """Maps and lists on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_text(str(key))}: {_flow_style(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow_style(item) for item in value)}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _seconds(seconds: float) -> str:
    return f"{round(seconds, 3):g}s" if seconds < 1_000 else f"{round(seconds, 3)}s"


def _at(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"at": _seconds(seconds)}


def _timed(word: str, value: Any, at: float | None) -> str:
    if at is None:
        return f"{word}: {_flow_style(value)}"
    return _flow_style({word: value, **_at(at)})


def _step(step: ScriptStep) -> str:
    """One line of a script."""
    return _STEPS[type(step)](step)


def _speak(step: model.Speak) -> str:
    best, *others = step.results
    if not others and best.confidence == model.Said("").confidence:
        return _timed("speak", best.text, step.at)
    said: dict[str, Any] = {"text": best.text, "confidence": best.confidence}
    if others:
        said["alternatives"] = [{"text": other.text, "confidence": other.confidence} for other in others]
    return _timed("speak", said, step.at)


def _dial(step: model.Dial) -> str:
    return f"dial: {_flow_style(dict(_party(step)))}"


def _party(step: model.Dial) -> Iterator[tuple[str, Any]]:
    """What is not as usual."""
    usual = model.Dial(step.place)
    yield "to", step.to
    yield "outcome", step.outcome
    if step.rings != usual.rings:
        yield "rings", _seconds(step.rings)
    if step.talks != usual.talks:
        yield "talks", _seconds(step.talks)
    if not step.hangs_up_first:
        yield "hangs_up", "caller"
    if step.presses:
        yield "presses", [{"speak": each.text} if isinstance(each, model.Said) else each for each in step.presses]


def _record(step: model.Record) -> str:
    if not step.key:
        return f"record: {_seconds(step.seconds)}"
    return f"record: {_flow_style({'seconds': step.seconds, 'key': step.key})}"


def _hang_up(step: model.HangUp) -> str:
    return "hangup" if step.at is None else f"hangup: {_seconds(step.at)}"


_STEPS: Final[Mapping[type, Callable[[Any], str]]] = {
    model.Hear: lambda step: f"hear: {_text(step.text)}",
    model.Press: lambda step: _timed("press", step.digits, step.at),
    model.Speak: _speak,
    model.Silence: lambda _: "silence",
    model.Dial: _dial,
    model.Record: _record,
    model.Wait: lambda step: f"wait: {_seconds(step.seconds)}",
    model.HangUp: _hang_up,
    model.End: lambda _: "end",
}


MOST_ACTS: Final = 6
"""How many actions of a caller a name lists."""
_NO_WORD: Final = re.compile(r"[^\w ]")


def check_path(path: Path) -> None:
    """See that a scenario can be written there before the call is made. Raises CannotRun."""
    if path.suffix.lower() not in SUFFIXES:
        raise CannotRun(f"{path} is no name of a scenario file", "write a name that ends in .yaml")
    if path.is_dir():
        raise CannotRun(f"{path} is a folder", "name a file in it")
    _names(path, _read(path))
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not os.access(there, os.W_OK) or (there != path and not there.is_dir()):
        raise CannotRun(f"{path} cannot be written", "name a file in a folder of your own")


def append(path: Path, name: str, scenario: str) -> None:
    """Write a scenario of that name behind those of the file; the file and its folder are made when they are not there.

    Raises CannotRun.
    """
    text = _read(path)
    before = text if not text.strip() else f"{text.rstrip()}\n\n"
    whole = before + scenario
    _names(path, whole)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(whole, encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{path} cannot be written: {error.strerror}", "name a file in a folder of your own") from error


def free_name(path: Path, name: str) -> str:
    """`name`, with a number when the file has a scenario of that name. Raises CannotRun."""
    taken = _names(path, _read(path))
    number, free = 2, name
    while free in taken or free == "defaults":
        free, number = f"{name} ({number})", number + 1
    return free


def name_of(script: Sequence[ScriptStep]) -> str:
    """A sentence that says what the caller does: `a caller presses 1, is silent and hangs up`."""
    acts = [told for step in script if (told := _told(step))]
    shown = [*acts[:MOST_ACTS], "goes on"] if len(acts) > MOST_ACTS else acts
    if not shown:
        return "a caller listens to the end"
    return f"a caller {' and '.join([', '.join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)}"


def _told(step: ScriptStep) -> str:
    told = _TOLD.get(type(step))
    return told(step) if told else ""


def _dialled(step: model.Dial) -> str:
    return f"reaches {step.to}" if step.outcome == "completed" else f"dials {step.to} ({step.outcome})"


_TOLD: Final[Mapping[type, Callable[[Any], str]]] = {
    model.Press: lambda step: f"presses {step.digits}",
    model.Speak: lambda step: f"says {_NO_WORD.sub(' ', step.results[0].text)[:30].strip()}",
    model.Silence: lambda _: "is silent",
    model.Dial: _dialled,
    model.Record: lambda _: "leaves a message",
    model.HangUp: lambda _: "hangs up",
}


def _read(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"{path} cannot be read: {error}", "name another file") from error


def _names(path: Path, text: str) -> frozenset[str]:
    """The names of the scenarios of a file. Raises CannotRun when it has faults."""
    if not text.strip():
        return frozenset()
    scenarios, issues = read_scenarios(path.as_posix(), text)
    first = next((issue for issue in issues if issue.is_error), None)
    if first is not None:
        where = f"{path}:{first.place.line}"
        raise CannotRun(f"{where} has a fault, so nothing is added: {first.message}", first.cure)
    return frozenset(scenario.name for scenario in scenarios)
