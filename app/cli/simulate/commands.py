"""What a person types in a call. Several commands on one line are separated by `;`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from app.cli.simulate.insight import RemoteInsight
from app.flow.report import printable
from app.ncco.suggest import nearest
from app.simulator import Moment, Waited
from app.verify.scenarios.script import (
    OUTCOMES,
    SURE,
    UNSURE,
    Alternative,
    Dial,
    HangUp,
    Message,
    Party,
    Press,
    Record,
    ScriptStep,
    Silence,
    Speak,
    Speech,
    Wait,
)

LONGEST_S: Final = 3600.0
"""How long a person may let a caller wait at once."""

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
    """The person leaves: the caller hangs up."""


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
_DURATION: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(s|m)?")
_SURE: Final = re.compile(r"(.*?)\s*~\s*(0(?:\.\d+)?|1(?:\.0+)?|\.\d+)")
_NEARLY_SURE: Final = re.compile(r"~\s*[-\d.,%]+\s*$")
_SPLIT: Final = re.compile(r"\s*;\s*")


def pieces_of(line: str) -> list[str]:
    """The commands on a line; [""] for an empty line, which has a meaning of its own."""
    return [piece for piece in _SPLIT.split(line.strip()) if piece] if line.strip() else [""]


def read_piece(piece: str, moment: Moment) -> Typed:
    """What one of them means at this moment of the call; "", which is Enter alone, means the most likely action."""
    return _read(piece, moment) if piece else _nothing(moment)


def _nothing(moment: Moment) -> Typed:
    match moment.kind:
        case "record":
            return Record()
        case "dial":
            return _party("answers", moment) or Leave()
        case "idle":
            return HangUp()
        case "input":
            return Silence()
    return GoOn()


def _party(piece: str, moment: Moment) -> Typed | None:
    """What is said of a party, when one is dialled."""
    found = read_party(piece, moment) if moment.kind == "dial" else None
    return Mistake(found) if isinstance(found, str) else found


def _read(piece: str, moment: Moment) -> Typed:
    word, _, rest = piece.partition(" ")
    word, rest = word.lower(), rest.strip()
    if piece.lower() in ("hang up", "hangup"):
        return HangUp()
    if (party := _party(piece, moment)) is not None:
        return party
    if word in _VIEWS and not rest:
        return Show(_VIEWS[word])
    if _KEYS.fullmatch(piece.replace(" ", "")):
        return Press(keys=piece.replace(" ", ""))
    if word in _READ:
        return _READ[word](rest)
    return _spoken(piece, moment)


def _spoken(piece: str, moment: Moment) -> Typed:
    """Words that are no command are said, where the call takes speech."""
    quoted = re.fullmatch(r'"(.*)"', piece)
    word = piece.partition(" ")[0].lower()
    near = nearest(word, WORDS) or next((each for each in WORDS if sorted(each) == sorted(word)), None)
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
        return Press(keys=keys)
    return Mistake("write the keys to press: digits, * and #, such as `press 1`")


def _say(rest: str) -> Typed:
    """`say sales`, `say sales ~0.4`, `say sales ~0.6 | sails ~0.3`."""
    if wrong := next((part for part in rest.split("|") if _NEARLY_SURE.search(part) and not _sure(part)), None):
        return Mistake(f"how sure the recogniser is goes from 0 to 1, such as ~0.4, not {wrong.strip()}")
    said = [_alternative(part.strip(), UNSURE if number else SURE) for number, part in enumerate(rest.split("|"))]
    said = [each for each in said if each.text]
    if not said:
        return Mistake("write what is said, such as `say sales`, or `say sales ~0.4` for an unsure recogniser")
    best, *others = said
    return Speak(speech=Speech(text=best.text, confidence=best.confidence, alternatives=tuple(others)))


def _sure(part: str) -> bool:
    return _SURE.fullmatch(part.strip()) is not None


def _alternative(part: str, confidence: float) -> Alternative:
    found = _SURE.fullmatch(part)
    if found and found[1]:
        return Alternative(text=found[1], confidence=float(found[2]))
    return Alternative(text=part, confidence=confidence)


def seconds_in(text: str) -> float | None:
    """`5`, `5s`, `2m` in seconds; None for what is no such thing."""
    found = _DURATION.fullmatch(text.strip())
    return float(found[1]) * (60 if found[2] == "m" else 1) if found else None


def _wait(rest: str) -> Typed:
    seconds = seconds_in(rest)
    if not seconds or seconds > LONGEST_S:
        return Mistake("write how long to wait, at most an hour, such as `wait 5` or `wait 2m`")
    return Wait(seconds=seconds)


def _record(rest: str) -> Typed:
    """`record`, `record 12`, `record 12 #`."""
    length, _, key = rest.partition(" ")
    seconds = seconds_in(length) if length else Message().seconds
    if seconds is None or (key and not _KEYS.fullmatch(key.strip())):
        return Mistake("write how long the caller speaks, and a key that ends it if any, such as `record 12 #`")
    return Record(message=Message(seconds=seconds, key=key.strip()))


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
    "silence": _alone(Silence(), "silence"),
    "quit": _alone(Leave(), "quit"),
    "exit": _alone(Leave(), "exit"),
    "q": _alone(Leave(), "q"),
}


SAID: Final[Mapping[str, str]] = {
    "answers": "completed", "answer": "completed", "no answer": "timeout", "rings out": "timeout",
    "unreachable": "unanswered", "declines": "rejected", "rejects": "rejected", "fails": "failed",
    "answering machine": "machine", "voicemail": "beep",
}  # fmt: skip
"""Words for the outcome of a dial, beside the names of its outcomes."""
SHOWN: Final = ("answers", "busy", "no answer", "rejected", "failed", "unreachable", "machine")
OF_SOCKETS: Final = ("answers", "disconnected", "unreachable", "failed")
"""What comes of dialling a WebSocket. Source: WebSocket guide."""
WAYS: Final = "answers [90s] [rings 10s] [presses 1] [caller hangs up]"

_OUTCOME: Final = re.compile("|".join(sorted((*SAID, *OUTCOMES), key=len, reverse=True)))


def ways_of_party(dialled: Waited) -> tuple[str, ...]:
    """What the dialled party can do; `human` and `beep` only where the connect asks for machine detection."""
    if dialled.address.startswith(("ws:", "wss:")):
        return OF_SOCKETS
    is_heard_out = "advancedMachineDetection" in dialled.action
    detected = ("human",) if is_heard_out or "machineDetection" in dialled.action else ()
    return (*SHOWN, *detected, *(("beep",) if is_heard_out else ()))


def read_party(text: str, moment: Moment) -> Dial | str | None:
    """What the dialled party does; what is wrong with the text; None when it is about something else."""
    said = text.strip().lower()
    found = _OUTCOME.match(said)
    if found is None or said[found.end() : found.end() + 1].isalnum():
        return None
    facts: dict[str, Any] = {}
    rest = said[found.end() :]
    for pattern, read in _FACTS.items():
        for match in pattern.finditer(rest):
            facts |= read(match)
        rest = pattern.sub(" ", rest)
    if left := rest.strip(" ,"):
        return f'"{left}" says nothing about the party; write {WAYS}'
    address = moment.waited.address if moment.waited is not None else ""
    outcome: Any = SAID.get(found[0], found[0])
    return Dial(party=Party(to=address, outcome=outcome, **facts))


def _presses(match: re.Match[str]) -> dict[str, Any]:
    """One for each time that keys are awaited; `-` is silence."""
    return {"presses": tuple(keys.strip().replace("-", "") for keys in match[1].split(","))}


def _lasts(match: re.Match[str]) -> dict[str, Any]:
    return {match[1] or "talks": float(match[2]) * (60 if match[3] == "m" else 1)}


_FACTS: Final[Mapping[re.Pattern[str], Callable[[re.Match[str]], dict[str, Any]]]] = {
    re.compile(r"(?:the )?caller (?:hangs|hang) up"): lambda _: {"hangs_up": "caller"},
    re.compile(r"presses\s+([0-9*#-]+(?:\s*,\s*[0-9*#-]+)*)"): _presses,
    re.compile(r"(?:(rings|talks)\s+)?(\d{1,5}(?:\.\d{1,3})?)\s*(m|s)?\b"): _lasts,
}
"""What is said of a party besides the outcome."""

HELP: Final = f"""\
  1   press 42#            press keys
  say sales                say something; `say sales ~0.4` when the recogniser is unsure,
                           `say sales ~0.6 | sails ~0.3` with what else it might have been
  silence                  say and press nothing until nobody listens any more
  record 12   record 12 #  speak onto a recording for 12 seconds, and end it with a key
  {WAYS}
                           what a party does that is dialled; or: {", ".join(SHOWN[1:])}
  wait 5                   let 5 seconds pass; what comes behind it interrupts what is played: wait 2; 1
  hangup                   end the call; so do quit, Ctrl-C and Ctrl-D
  why                      which step, rule and line decided
  ncco                     what is played now
  webhook   webhooks       the last webhook with its reply; all of them
  save FILE                write the call as a scenario when it is over
Several things on one line: 1; wait 2; 0"""

_ALWAYS: Final = ("why", "ncco", "webhook", "webhooks", "wait ", "hangup", "save ", "help", "quit")


def hint(moment: Moment, insight: RemoteInsight, listening: Waited | None) -> tuple[str, tuple[str, ...]]:
    """What the person can do now: in words, and to be completed. `listening`: what listens behind what is played."""
    match moment.kind:
        case "idle" if listening is not None and listening.kind == "input":
            ways = insight.ways(listening)
            return f"[{ways.shown}; nothing more happens by itself; Enter: hang up; ?: help]", (
                *ways.keys,
                "say ",
                *_ALWAYS,
            )
        case "input" if moment.waited is not None:
            ways = insight.ways(moment.waited)
            said = [f"say {phrase}" for phrase in ways.phrases]
            return f"[{ways.shown}; Enter: silence; ?: help]", (*ways.keys, *said, "silence", *_ALWAYS)
        case "record":
            text = "[you are recorded: record 12, or record 12 # to end it with a key; Enter: speak for 5 s; ?: help]"
            return text, ("record ", "silence", *_ALWAYS)
        case "dial" if moment.waited is not None:
            who, can = printable(moment.waited.address), ways_of_party(moment.waited)
            return f"[{who} is dialled: {', '.join(can)}; Enter: answers; ?: help]", (*can, *_ALWAYS)
        case "until":
            return "[press or say something to interrupt; Enter: listen on; ?: help]", ("say ", *_ALWAYS)
    return "[nobody waits for the caller any more; Enter: hang up; ?: help]", ("say ", *_ALWAYS)


def problem(typed: Typed, moment: Moment) -> str:
    """Why something cannot be done at this moment of the call; "" when it can."""
    if isinstance(typed, Mistake):
        return printable(typed.message)
    if isinstance(typed, Show | Save | Leave | GoOn | HangUp):
        return ""
    if isinstance(typed, Record) and moment.kind != "record":
        return "nothing is recorded now"
    if isinstance(typed, Silence) and moment.kind not in ("input", "record"):
        return "nobody listens now; `wait 5` lets time pass"
    return _deaf(typed, moment)


def _deaf(typed: Typed, moment: Moment) -> str:
    """Why keys or words have no effect."""
    takes = moment.waited.takes if moment.waited is not None and moment.kind == "input" else None
    if takes is not None and isinstance(typed, Press) and "dtmf" not in takes:
        return "nobody listens for keys here; say something"
    if takes is not None and isinstance(typed, Speak) and "speech" not in takes:
        return "nobody listens for words here; press keys"
    return ""
