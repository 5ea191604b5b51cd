"""What a person types in a call → what the caller does, as a script has it, or what the person wants to see.

Several things on one line are separated by `;`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.cli.simulating.party import read_party
from app.flow.nodes import Place
from app.ncco.suggest import nearest
from app.simulator import Moment
from app.verify.scenarios.model import Dial, HangUp, Press, Record, Said, ScriptStep, Silence, Speak, Wait

NOWHERE: Final = Place("", 0, 0)
"""Where a step stands that nobody has written."""
MESSAGE_S: Final = 5.0
"""How long a caller speaks onto a recording, unless the person says so."""
LONGEST_S: Final = 3600.0
"""How long a person may let a caller wait at once."""
UNSURE: Final = 0.5
"""How sure the recogniser is of what comes behind `|`."""

View: TypeAlias = Literal["ncco", "webhook", "webhooks", "why", "help"]


@dataclass(frozen=True, slots=True)
class Show:
    """The person wants to see something."""

    what: View


@dataclass(frozen=True, slots=True)
class Save:
    """The person wants the call to be kept in a file when it is over."""

    path: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The person has had enough: the caller hangs up."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """The person does nothing, and hears what comes next."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What was typed cannot be done: why, and what can be."""

    message: str


Typed: TypeAlias = ScriptStep | Show | Save | Leave | GoOn | Mistake

WORDS: Final = (
    "press", "say", "silence", "hangup", "wait", "record", "answers", "busy", "ncco", "webhook", "webhooks", "why",
    "save", "help", "quit",
)  # fmt: skip
"""What can be typed in a call; completed by the terminal."""

_VIEWS: Final[Mapping[str, View]] = {
    "?": "help", "help": "help", "ncco": "ncco", "webhook": "webhook", "webhooks": "webhooks", "why": "why",
}  # fmt: skip
_KEYS: Final = re.compile(r"[0-9*#]{1,40}")
_SECONDS: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(s|m)?")
_SURE: Final = re.compile(r"(.*?)\s*~\s*(0(?:\.\d+)?|1(?:\.0+)?|\.\d+)")
_NEARLY_SURE: Final = re.compile(r"~\s*[-\d.,%]+\s*$")
_SPLIT: Final = re.compile(r"\s*;\s*")


def pieces_of(line: str) -> list[str]:
    """The things on a line; "" for an empty line, which means something."""
    return [piece for piece in _SPLIT.split(line.strip()) if piece] if line.strip() else [""]


def read_piece(piece: str, moment: Moment) -> Typed:
    """What one of them means while the call stands at `moment`; for "", which is Enter alone, what is nearest."""
    return _read(piece, moment) if piece else _nothing(moment)


def _nothing(moment: Moment) -> Typed:
    match moment.kind:
        case "record":
            return Record(NOWHERE, MESSAGE_S)
        case "dial":
            return _party("answers", moment) or Leave()
        case "idle":
            return HangUp(NOWHERE)
        case "input":
            return Silence(NOWHERE)
    return GoOn()


def _party(piece: str, moment: Moment) -> Typed | None:
    """What is said of a party, when one is dialled."""
    found = read_party(piece, moment) if moment.kind == "dial" else None
    return Mistake(found) if isinstance(found, str) else found


def _read(piece: str, moment: Moment) -> Typed:
    word, _, rest = piece.partition(" ")
    word, rest = word.lower(), rest.strip()
    if piece.lower() in ("hang up", "hangup"):
        return HangUp(NOWHERE)
    if (party := _party(piece, moment)) is not None:
        return party
    if word in _VIEWS and not rest:
        return Show(_VIEWS[word])
    if _KEYS.fullmatch(piece.replace(" ", "")):
        return Press(NOWHERE, piece.replace(" ", ""))
    if word in _READ:
        return _READ[word](rest)
    return _spoken(piece, moment)


def _spoken(piece: str, moment: Moment) -> Typed:
    """Words that are no command are said, where somebody listens for words."""
    quoted = re.fullmatch(r'"(.*)"', piece)
    word = piece.partition(" ")[0].lower()
    near = nearest(word, WORDS)
    listens = moment.waited is not None and "speech" in moment.waited.takes
    if quoted or (listens and near is None):
        return _say(quoted[1] if quoted else piece)
    if word in WORDS or isinstance(read_party(piece, moment), Dial):
        return Mistake(f"nobody is dialled now; to say it, type: say {piece}")
    if near is not None:
        return Mistake(f'there is no command "{piece}"; did you mean `{near}`? To say it, type: say {piece}')
    return Mistake(f'there is no command "{piece}"; ? lists them. To say it, type: say {piece}')


def _press(rest: str) -> Typed:
    keys = rest.replace(" ", "")
    if _KEYS.fullmatch(keys):
        return Press(NOWHERE, keys)
    return Mistake("write the keys to press: digits, * and #, such as `press 1`")


def _say(rest: str) -> Typed:
    """`say sales`, `say sales ~0.4`, `say sales ~0.6 | sails ~0.3`."""
    if wrong := next((part for part in rest.split("|") if _NEARLY_SURE.search(part) and not _sure(part)), None):
        return Mistake(f"how sure the recogniser is goes from 0 to 1, such as ~0.4, not {wrong.strip()}")
    said = [_said(part.strip(), is_first=index == 0) for index, part in enumerate(rest.split("|")) if part.strip()]
    if not said:
        return Mistake("write what is said, such as `say sales`, or `say sales ~0.4` for an unsure recogniser")
    return Speak(NOWHERE, tuple(said))


def _sure(part: str) -> bool:
    return _SURE.fullmatch(part.strip()) is not None


def _said(part: str, *, is_first: bool) -> Said:
    found = _SURE.fullmatch(part)
    if found and found[1]:
        return Said(found[1], float(found[2]))
    return Said(part) if is_first else Said(part, UNSURE)


def seconds_in(text: str) -> float | None:
    """`5`, `5s`, `2m` in seconds; None for what is no such thing."""
    found = _SECONDS.fullmatch(text.strip())
    return float(found[1]) * (60 if found[2] == "m" else 1) if found else None


def _wait(rest: str) -> Typed:
    seconds = seconds_in(rest)
    if not seconds or seconds > LONGEST_S:
        return Mistake("write how long to wait, at most an hour, such as `wait 5` or `wait 2m`")
    return Wait(NOWHERE, seconds)


def _record(rest: str) -> Typed:
    """`record`, `record 12`, `record 12 #`."""
    length, _, key = rest.partition(" ")
    seconds = seconds_in(length) if length else MESSAGE_S
    if seconds is None or (key and not _KEYS.fullmatch(key.strip())):
        return Mistake("write how long the caller speaks, and a key that ends it if any, such as `record 12 #`")
    return Record(NOWHERE, seconds, key.strip())


def _save(rest: str) -> Typed:
    return Save(rest) if rest else Mistake("write a file, such as `save tests/scenarios/calls.yaml`")


def _alone(typed: Typed, word: str) -> Callable[[str], Typed]:
    """A command that takes nothing."""
    return lambda rest: Mistake(f"`{word}` takes nothing behind it") if rest else typed


_READ: Final[Mapping[str, Callable[[str], Typed]]] = {
    "press": _press,
    "say": _say,
    "speak": _say,
    "wait": _wait,
    "record": _record,
    "save": _save,
    "silence": _alone(Silence(NOWHERE), "silence"),
    "quit": _alone(Leave(), "quit"),
    "exit": _alone(Leave(), "exit"),
    "q": _alone(Leave(), "q"),
}
