"""What a person types in a call, and what is offered. Several commands on one line are separated by `;`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from app.cli.simulate.insight import Insight
from app.errors import AppError
from app.flow.report import printable
from app.ncco.suggest import nearest
from app.simulator import CallMoment, Waited
from app.verify.scenarios.script import (
    OUTCOMES,
    SURE,
    UNSURE,
    Alternative,
    DialStep,
    HangUpStep,
    PressStep,
    RecordedMessage,
    RecordStep,
    ScriptedParty,
    ScriptStep,
    SilenceStep,
    SpeakStep,
    SpokenInput,
    WaitStep,
)

LONGEST_S: Final = 3600.0
"""How long a person may let a caller wait at once."""
WORDS: Final = (
    "press", "say", "silence", "hangup", "wait", "record", "answers", "busy", "ncco", "webhook", "webhooks", "why",
    "save", "help", "quit",
)  # fmt: skip
"""What can be typed in a call; completed by the terminal."""

Name: TypeAlias = Literal["help", "ncco", "webhook", "webhooks", "why", "save", "leave", "listen"]


@dataclass(frozen=True, slots=True)
class Command:
    """What a person types that the caller does not do: to see something, `save` to a file, `leave`, or `listen` on."""

    name: Name
    file: str = ""


class Mistake(AppError):
    """What was typed cannot be done: why, and what can be."""


Typed: TypeAlias = ScriptStep | Command

_ALONE: Final[Mapping[str, Typed]] = {
    **dict.fromkeys(("?", "help"), Command("help")),
    **dict.fromkeys(("quit", "exit", "q"), Command("leave")),
    "ncco": Command("ncco"),
    "webhook": Command("webhook"),
    "webhooks": Command("webhooks"),
    "why": Command("why"),
    "silence": SilenceStep(),
    "hangup": HangUpStep(),
    "hang up": HangUpStep(),
}
"""Commands that take nothing."""
_KEYS: Final = re.compile(r"[0-9*#]{1,40}")
_DURATION: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(s|m)?")
_SURE: Final = re.compile(r"(.*?)\s*~\s*(0(?:\.\d+)?|1(?:\.0+)?|\.\d+)")
_NEARLY_SURE: Final = re.compile(r"~\s*[-\d.,%]+\s*$")


def pieces_of(line: str) -> list[str]:
    """The commands on a line; [""] for an empty line, which has a meaning of its own."""
    return [piece.strip() for piece in line.split(";") if piece.strip()] if line.strip() else [""]


def read_piece(piece: str, moment: CallMoment) -> Typed:
    """What one of them means at this moment of the call; "", which is Enter alone, means the most likely action.

    Raises Mistake for what is no command, and for what cannot be done now.
    """
    typed = _read(piece, moment) if piece else _read_nothing(moment)
    takes = moment.waited.takes if moment.waited is not None and moment.kind == "input" else ("dtmf", "speech")
    if isinstance(typed, RecordStep) and moment.kind != "record":
        raise Mistake("nothing is recorded now")
    if isinstance(typed, SilenceStep) and moment.kind not in ("input", "record"):
        raise Mistake("the server does not listen now; `wait 5` lets time pass")
    if isinstance(typed, PressStep) and "dtmf" not in takes:
        raise Mistake("keys are not accepted here; say something")
    if isinstance(typed, SpeakStep) and "speech" not in takes:
        raise Mistake("speech is not accepted here; press keys")
    return typed


def _read_nothing(moment: CallMoment) -> Typed:
    match moment.kind:
        case "record":
            return RecordStep()
        case "dial":
            return read_party("answers", moment) or Command("leave")
        case "idle":
            return HangUpStep()
        case "input":
            return SilenceStep()
    return Command("listen")


def _read(piece: str, moment: CallMoment) -> Typed:
    word, _, rest = piece.partition(" ")
    word, rest = word.lower(), rest.strip()
    if moment.kind == "dial" and (party := read_party(piece, moment)) is not None:
        return party
    if piece.lower() in _ALONE:
        return _ALONE[piece.lower()]
    if _KEYS.fullmatch(piece.replace(" ", "")):
        return _press(piece)
    if word in _READ:
        return _READ[word](rest)
    if word in ("silence", "quit", "exit", "q"):
        raise Mistake(f"`{word}` takes no argument")
    return _spoken(piece, moment)


def _spoken(piece: str, moment: CallMoment) -> Typed:
    """Words that are no command are said, where the call takes speech."""
    quoted = re.fullmatch(r'"(.*)"', piece)
    word = piece.partition(" ")[0].lower()
    near = nearest(word, WORDS) or next((each for each in WORDS if sorted(each) == sorted(word)), None)
    listens = moment.waited is not None and "speech" in moment.waited.takes
    if quoted or (listens and near is None):
        return _say(quoted[1] if quoted else piece)
    if word in WORDS or _OUTCOME.match(piece.lower()):
        raise Mistake(f"no phone is ringing; to say it, type: say {piece}")
    meant = f"did you mean `{near}`?" if near is not None else "? lists them."
    raise Mistake(f'there is no command "{piece}"; {meant} To say it, type: say {piece}')


def _press(rest: str) -> Typed:
    keys = rest.replace(" ", "")
    if not _KEYS.fullmatch(keys):
        raise Mistake("write the keys to press: digits, * and #, such as `press 1`")
    return PressStep(keys=keys)


def _say(rest: str) -> Typed:
    """`say sales`, `say sales ~0.4`, `say sales ~0.6 | sails ~0.3`."""
    said: list[Alternative] = []
    for part in map(str.strip, rest.split("|")):
        found = _SURE.fullmatch(part)
        if found is None and _NEARLY_SURE.search(part):
            raise Mistake(f"how sure the recogniser is goes from 0 to 1, such as ~0.4, not {part}")
        text, confidence = (found[1], float(found[2])) if found else (part, UNSURE if said else SURE)
        if text:
            said.append(Alternative(text=text, confidence=confidence))
    if not said:
        raise Mistake("write what is said, such as `say sales`, or `say sales ~0.4` for an unsure recogniser")
    best, *others = said
    return SpeakStep(speech=SpokenInput(text=best.text, confidence=best.confidence, alternatives=tuple(others)))


def seconds_in(text: str) -> float | None:
    """`5`, `5s`, `2m` in seconds; None for what is no such thing."""
    found = _DURATION.fullmatch(text.strip())
    return float(found[1]) * (60 if found[2] == "m" else 1) if found else None


def _wait(rest: str) -> Typed:
    seconds = seconds_in(rest)
    if not seconds or seconds > LONGEST_S:
        raise Mistake("write how long to wait, at most an hour, such as `wait 5` or `wait 2m`")
    return WaitStep(seconds=seconds)


def _record(rest: str) -> Typed:
    """`record`, `record 12`, `record 12 #`."""
    length, _, key = rest.partition(" ")
    seconds = seconds_in(length) if length else RecordedMessage().seconds
    if seconds is None or (key and not _KEYS.fullmatch(key.strip())):
        raise Mistake("write how long the caller speaks, and a key that ends it if any, such as `record 12 #`")
    return RecordStep(message=RecordedMessage(seconds=seconds, key=key.strip()))


def _save(rest: str) -> Typed:
    if not rest:
        raise Mistake("write a file, such as `save tests/scenarios/calls.yaml`")
    return Command("save", rest)


_READ: Final[Mapping[str, Callable[[str], Typed]]] = {
    "press": _press,
    "say": _say,
    "speak": _say,
    "wait": _wait,
    "record": _record,
    "save": _save,
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

_OUTCOME: Final = re.compile(rf"(?:{'|'.join(sorted((*SAID, *OUTCOMES), key=len, reverse=True))})(?![^\W_])")


def ways_of_party(dialled: Waited) -> tuple[str, ...]:
    """What the dialled party can do; `human` and `beep` only where the connect asks for machine detection."""
    if dialled.address.startswith(("ws:", "wss:")):
        return OF_SOCKETS
    is_heard_out = "advancedMachineDetection" in dialled.action
    detected = ("human",) if is_heard_out or "machineDetection" in dialled.action else ()
    return (*SHOWN, *detected, *(("beep",) if is_heard_out else ()))


def read_party(text: str, moment: CallMoment) -> DialStep | None:
    """What the dialled party does; None when the text is about something else. Raises Mistake."""
    said = text.strip().lower()
    found = _OUTCOME.match(said)
    if found is None:
        return None
    facts: dict[str, Any] = {}
    rest = said[found.end() :]
    for pattern, read in _FACTS.items():
        for match in pattern.finditer(rest):
            facts |= read(match)
        rest = pattern.sub(" ", rest)
    if left := rest.strip(" ,"):
        raise Mistake(f'"{left}" says nothing about the party; write {WAYS}')
    address = moment.waited.address if moment.waited is not None else ""
    outcome: Any = SAID.get(found[0], found[0])
    return DialStep(party=ScriptedParty(to=address, outcome=outcome, **facts))


def _presses(match: re.Match[str]) -> dict[str, Any]:
    """One for each time that keys are awaited; `-` is silence."""
    return {"presses": tuple(keys.strip().replace("-", "") for keys in match[1].split(","))}


_FACTS: Final[Mapping[re.Pattern[str], Callable[[re.Match[str]], dict[str, Any]]]] = {
    re.compile(r"(?:the )?caller (?:hangs|hang) up"): lambda _: {"hangs_up": "caller"},
    re.compile(r"presses\s+([0-9*#-]+(?:\s*,\s*[0-9*#-]+)*)"): _presses,
    re.compile(rf"(?:(rings|talks)\s+)?({_DURATION.pattern})\b"): lambda match: {
        match[1] or "talks": seconds_in(match[2])
    },
}
"""What is said of a party besides the outcome."""

HELP: Final = f"""\
  1   press 42#            press keys
  say sales                say something; `say sales ~0.4` when the recogniser is unsure,
                           `say sales ~0.6 | sails ~0.3` with what else it might have been
  silence                  say and press nothing until the server stops listening
  record 12   record 12 #  speak onto a recording for 12 seconds, and end it with a key
  {WAYS}
                           what the dialled party does; or: {", ".join(SHOWN[1:])}
  wait 5                   let 5 seconds pass; what follows interrupts what is played: wait 2; 1
  hangup                   end the call; so do quit, Ctrl-C and Ctrl-D
  why                      which step, rule and line decided
  ncco                     what is played now
  webhook   webhooks       the last webhook with its reply; all of them
  save FILE                write the call as a scenario when it is over
Several things on one line: 1; wait 2; 0"""

_ALWAYS: Final = ("why", "ncco", "webhook", "webhooks", "wait ", "hangup", "save ", "help", "quit")


def hint(moment: CallMoment, insight: Insight, listening: Waited | None) -> tuple[str, tuple[str, ...]]:
    """What the person can do now: in words, and to be completed. `listening`: what listens behind what is played."""
    text = "the server no longer waits for the caller; Enter: hang up"
    can: tuple[str, ...] = ("say ",)
    match moment.kind:
        case "idle" if listening is not None and listening.kind == "input":
            ways = insight.ways(listening)
            text, can = f"{ways.shown}; nothing more happens by itself; Enter: hang up", (*ways.keys, "say ")
        case "input" if moment.waited is not None:
            ways = insight.ways(moment.waited)
            said = [f"say {phrase}" for phrase in ways.phrases]
            text, can = f"{ways.shown}; Enter: silence", (*ways.keys, *said, "silence")
        case "record":
            text = "you are recorded: record 12, or record 12 # to end it with a key; Enter: speak for 5 s"
            can = ("record ", "silence")
        case "dial" if moment.waited is not None:
            can = ways_of_party(moment.waited)
            text = f"{printable(moment.waited.address)} is dialled: {', '.join(can)}; Enter: answers"
        case "until":
            text = "press or say something to interrupt; Enter: listen on"
    return f"[{text}; ?: help]", (*can, *_ALWAYS)
