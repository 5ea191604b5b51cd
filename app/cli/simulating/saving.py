"""Writes a call that was played into a scenario file, behind those that are there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from app.cli.output import CannotRun
from app.verify.scenarios import model
from app.verify.scenarios.files import SUFFIXES
from app.verify.scenarios.model import ScriptStep
from app.verify.scenarios.reading import read_scenarios

MOST_ACTS: Final = 6
"""What a caller does that a name tells."""
_NO_WORD: Final = re.compile(r"[^\w ]")


def check_path(path: Path) -> None:
    """See that a scenario can be written there before the call is made. Raises CannotRun."""
    if path.suffix.lower() not in SUFFIXES:
        raise CannotRun(f"{path} is no name of a scenario file", "write a name that ends in .yaml")
    if path.is_dir():
        raise CannotRun(f"{path} is a folder", "name a file in it")
    _names(path, _text(path))
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not os.access(there, os.W_OK) or (there != path and not there.is_dir()):
        raise CannotRun(f"{path} cannot be written", "name a file in a folder of your own")


def append(path: Path, name: str, scenario: str) -> None:
    """Write a scenario of that name behind those of the file; the file and its folder are made when they are not there.

    Raises CannotRun.
    """
    text = _text(path)
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
    taken = _names(path, _text(path))
    number, free = 2, name
    while free in taken or free == "defaults":
        free, number = f"{name} ({number})", number + 1
    return free


def name_of(script: Sequence[ScriptStep]) -> str:
    """A sentence that tells what the caller does: `a caller presses 1, is silent and hangs up`."""
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


def _text(path: Path) -> str:
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
