"""What a person types in a call, and what is offered. Several commands on one line are separated by `;`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from app.engine import Session
from app.errors import AppError
from app.flow.model import Flow
from app.flow.phrases import fold
from app.flow.report import printable
from app.flow.runtime import Asked
from app.simulator.legs import CallMoment, Waited
from app.suggest import nearest
from app.verify.scenarios import script as steps

LONGEST_S: Final = 3600.0
"""How long a person may let a caller wait at once."""
MOST_SHOWN: Final = 8
"""Phrases that a hint lists."""


class Command(NamedTuple):
    """A command of the person that is no act of the caller, such as `why`, `save`, `leave` or `listen`."""

    name: str
    file: str = ""


class Mistake(AppError):
    """What was typed cannot be done now; the message says why, and what to type instead."""


Typed: TypeAlias = steps.ScriptStep | Command

_KEYS: Final = r"[0-9*# ]{1,40}"
_SECONDS: Final = r"(\d{1,5}(?:\.\d{1,3})?)\s*(s|m)?"
_SURE: Final = re.compile(r"(.*?)\s*~\s*([-\d.,%]+)")


def _seconds(number: str, unit: str | None) -> float:
    return float(number) * (60 if unit == "m" else 1)


def _press(found: re.Match[str]) -> Typed:
    return steps.PressStep(keys=found[0].replace(" ", ""))


def _wait(found: re.Match[str]) -> Typed | None:
    seconds = _seconds(found[1], found[2])
    return steps.WaitStep(seconds=seconds) if 0 < seconds <= LONGEST_S else None


def _record(found: re.Match[str]) -> Typed:
    seconds = _seconds(found[1], found[2]) if found[1] else steps.RecordedMessage().seconds
    return steps.RecordStep(message=steps.RecordedMessage(seconds=seconds, key=found[3] or ""))


def _say(text: str) -> Typed | None:
    """`sales`, `sales ~0.4`, `sales ~0.6 | sails ~0.3`. Raises Mistake."""
    said: list[steps.Alternative] = []
    for part in map(str.strip, text.split("|")):
        words, sure = part, steps.UNSURE if said else steps.SURE
        if written := _SURE.fullmatch(part):
            words, sure = written[1], float(written[2]) if re.fullmatch(r"\d*\.?\d+", written[2]) else -1
            if not 0 <= sure <= 1:
                raise Mistake(f"how sure the recogniser is goes from 0 to 1, such as ~0.4, not {part}")
        if words:
            said.append(steps.Alternative(text=words, confidence=sure))
    if not said:
        return None
    best, *others = said
    speech = steps.SpokenInput(text=best.text, confidence=best.confidence, alternatives=tuple(others))
    return steps.SpeakStep(speech=speech)


class Form(NamedTuple):
    """A command with an argument: how that is written, what it means (None: it does not fit), and what to write."""

    pattern: str
    read: Callable[[re.Match[str]], Typed | None]
    usage: str


_FORMS: Final[Mapping[str, Form]] = {
    "press": Form(_KEYS, _press, "write the keys to press: digits, * and #, such as `press 1`"),
    **dict.fromkeys(
        ("say", "speak"),
        Form(".+", lambda found: _say(found[0]), "write what is said, such as `say sales`, or `say sales ~0.4`"),
    ),
    "wait": Form(_SECONDS, _wait, "write how long to wait, at most an hour, such as `wait 5` or `wait 2m`"),
    "record": Form(
        rf"(?:{_SECONDS})?\s*([0-9*#]{{1,40}})?", _record, "write how long the caller speaks, such as `record 12 #`"
    ),
    "save": Form(".+", lambda found: Command("save", found[0]), "write a file, such as `save tests/scenarios/a.yaml`"),
}
_ALONE: Final[Mapping[str, Typed]] = {
    **dict.fromkeys(("?", "help"), Command("help")),
    **dict.fromkeys(("quit", "exit", "q"), Command("leave")),
    **{name: Command(name) for name in ("ncco", "webhook", "webhooks", "why")},
    "silence": steps.SilenceStep(),
    **dict.fromkeys(("hangup", "hang up"), steps.HangUpStep()),
}
"""Commands that take nothing."""
WORDS: Final = (*_FORMS, "silence", "hangup", "answers", "busy", "ncco", "webhook", "webhooks", "why", "help", "quit")
"""What can be typed in a call; completed by the terminal."""


def pieces_of(line: str) -> list[str]:
    """The commands on a line; [""] for an empty line, which has a meaning of its own."""
    return [piece.strip() for piece in line.split(";") if piece.strip()] if line.strip() else [""]


def read_piece(piece: str, moment: CallMoment) -> Typed:
    """What one of them means at this moment of the call; "", which is Enter alone, means the most likely action.

    Raises Mistake for what is not a command, and for what cannot be done now.
    """
    typed = _read(piece, moment) if piece else _most_likely(moment)
    takes = moment.waited.takes if moment.waited is not None and moment.kind == "input" else ("dtmf", "speech")
    if isinstance(typed, steps.RecordStep) and moment.kind != "record":
        raise Mistake("nothing is recorded now")
    if isinstance(typed, steps.SilenceStep) and moment.kind not in ("input", "record"):
        raise Mistake("the server does not listen now; `wait 5` lets time pass")
    if isinstance(typed, steps.PressStep) and "dtmf" not in takes:
        raise Mistake("keys are not accepted here; say something")
    if isinstance(typed, steps.SpeakStep) and "speech" not in takes:
        raise Mistake("speech is not accepted here; press keys")
    return typed


def _most_likely(moment: CallMoment) -> Typed:
    match moment.kind:
        case "record":
            return steps.RecordStep()
        case "idle":
            return steps.HangUpStep()
        case "input":
            return steps.SilenceStep()
    return (_read_party("answers", moment) if moment.kind == "dial" else None) or Command("listen")


def _read(piece: str, moment: CallMoment) -> Typed:
    word, _, rest = piece.lower().partition(" ")
    if moment.kind == "dial" and (party := _read_party(piece, moment)) is not None:
        return party
    if piece.lower() in _ALONE:
        return _ALONE[piece.lower()]
    if found := re.fullmatch(_KEYS, piece):
        return _press(found)
    if form := _FORMS.get(word):
        found = re.fullmatch(form.pattern, piece[len(word) :].strip())
        typed = form.read(found) if found else None
        if typed is None:
            raise Mistake(form.usage)
        return typed
    if rest and word in _ALONE:
        raise Mistake(f"`{word}` takes no argument")
    return _spoken(piece, word, moment)


def _spoken(piece: str, word: str, moment: CallMoment) -> Typed:
    """Words that are no command are said, where the call takes speech. Raises Mistake."""
    near = nearest(word, WORDS) or next((each for each in WORDS if sorted(each) == sorted(word)), None)
    listens = moment.waited is not None and "speech" in moment.waited.takes
    quoted = re.fullmatch('"(.*)"', piece)
    if (quoted or (listens and near is None)) and (typed := _say(quoted[1] if quoted else piece)):
        return typed
    if word in WORDS or _OUTCOME.match(piece.lower()):
        raise Mistake(f"no phone is ringing; to say it, type: say {piece}")
    meant = f"did you mean `{near}`?" if near is not None else "? lists them."
    raise Mistake(f'there is no command "{piece}"; {meant} To say it, type: say {piece}')


SAID: Final[Mapping[str, str]] = {
    "answers": "completed", "answer": "completed", "no answer": "timeout", "rings out": "timeout",
    "unreachable": "unanswered", "declines": "rejected", "rejects": "rejected", "fails": "failed",
    "answering machine": "machine", "voicemail": "beep",
}  # fmt: skip
"""Words for the outcome of a dial, beside the names of its outcomes."""
SHOWN: Final = ("answers", "busy", "no answer", "rejected", "failed", "unreachable", "machine")
OF_SOCKETS: Final = ("answers", "disconnected", "unreachable", "failed")
"""The outcomes of dialling a WebSocket. Source: WebSocket guide."""
PARTY_FORM: Final = "answers [90s] [rings 10s] [presses 1] [caller hangs up]"

_OUTCOME: Final = re.compile(rf"(?:{'|'.join(sorted((*SAID, *steps.OUTCOMES), key=len, reverse=True))})(?![^\W_])")
_FACT: Final = re.compile(
    r"(?P<caller>(?:the )?caller hangs? up)"
    r"|presses\s+(?P<keys>[0-9*#-]+(?:\s*,\s*[0-9*#-]+)*)"
    rf"|(?:(?P<what>rings|talks)\s+)?{_SECONDS}\b"
)
"""What is said of a party besides the outcome; `-` among its keys is silence."""


def ways_of_party(dialled: Waited) -> tuple[str, ...]:
    """What the dialled party can do; `human` and `beep` only where the connect asks for machine detection."""
    if dialled.address.startswith(("ws:", "wss:")):
        return OF_SOCKETS
    is_heard_out = "advancedMachineDetection" in dialled.action
    detected = ("human",) if is_heard_out or "machineDetection" in dialled.action else ()
    return (*SHOWN, *detected, *(("beep",) if is_heard_out else ()))


def _read_party(text: str, moment: CallMoment) -> steps.DialStep | None:
    """What the dialled party does; None when the text is about something else. Raises Mistake."""
    said = text.strip().lower()
    found = _OUTCOME.match(said)
    if found is None:
        return None
    facts: dict[str, Any] = {}
    for fact in _FACT.finditer(said, found.end()):
        if fact["caller"]:
            facts["hangs_up"] = "caller"
        elif fact["keys"]:
            facts["presses"] = tuple(keys.strip().replace("-", "") for keys in fact["keys"].split(","))
        else:
            facts[fact["what"] or "talks"] = _seconds(*fact.groups()[-2:])
    if left := _FACT.sub(" ", said[found.end() :]).strip(" ,"):
        raise Mistake(f'"{left}" says nothing about the party; write {PARTY_FORM}')
    address = moment.waited.address if moment.waited is not None else ""
    outcome: Any = SAID.get(found[0], found[0])
    return steps.DialStep(party=steps.ScriptedParty(to=address, outcome=outcome, **facts))


HELP: Final = f"""\
  1   press 42#            press keys
  say sales                say something; `say sales ~0.4` when the recogniser is unsure,
                           `say sales ~0.6 | sails ~0.3` with what else it might have been
  silence                  say and press nothing until the server stops listening
  record 12   record 12 #  speak onto a recording for 12 seconds, and end it with a key
  {PARTY_FORM}
                           what the dialled party does; or: {", ".join(SHOWN[1:])}
  wait 5                   let 5 seconds pass; what follows interrupts what is played: wait 2; 1
  hangup                   end the call; so do quit, Ctrl-C and Ctrl-D
  why                      which step, rule and line decided
  ncco                     what is played now
  webhook   webhooks       the last webhook with its reply; all of them
  save FILE                write the call as a scenario when it is over
Several things on one line: 1; wait 2; 0"""

_ALWAYS: Final = ("why", "ncco", "webhook", "webhooks", "wait ", "hangup", "save ", "help", "quit")


class Hint(NamedTuple):
    """What can be done now: in words, and what the terminal completes."""

    text: str
    offers: tuple[str, ...]


def hint(moment: CallMoment, listening: Waited | None, asked: Asked | None) -> Hint:
    """What the person can do. `listening`: what listens behind what is played. `asked`: what the step asks for."""
    text = "the server no longer waits for the caller; Enter: hang up"
    offers: tuple[str, ...] = ("say ",)
    match moment.kind:
        case "idle" if listening is not None and listening.kind == "input":
            text, offers = ways_of_input(listening, asked)
            text += "; nothing more happens by itself; Enter: hang up"
        case "input" if moment.waited is not None:
            text, offers = ways_of_input(moment.waited, asked)
            text += "; Enter: silence"
        case "record":
            text = "you are recorded: record 12, or record 12 # to end it with a key; Enter: speak for 5 s"
            offers = ("record ", "silence")
        case "dial" if moment.waited is not None:
            offers = ways_of_party(moment.waited)
            text = f"{printable(moment.waited.address)} is dialled: {', '.join(offers)}; Enter: answers"
        case "until":
            text = "press or say something to interrupt; Enter: listen on"
    return Hint(f"[{text}; ?: help]", (*offers, *_ALWAYS))


def asked_in(session: Session, flows: Mapping[str, Flow]) -> Asked | None:
    """What the step of a call asks its caller for; None when it asks for nothing."""
    flow = flows.get(session.at or session.flow)
    step = flow.steps.get(session.step) if flow is not None else None
    return step.exit.asked.in_locale(session.locale) if step is not None and step.exit.asked is not None else None


def ways_of_input(waited: Waited, asked: Asked | None) -> Hint:
    """What the caller can do: what the step asks for; where no step is known, what the action takes.

    Phrases are shown as they are written: `press 1 (sales) or 2 (support), or say sales or support`.
    """
    dtmf: Mapping[str, Any] = waited.action.get("dtmf") or {}
    phrases = [str(phrase) for phrase in (waited.action.get("speech") or {}).get("context") or ()]
    keys: Mapping[str, str] = {}
    lengths = (1, int(dtmf.get("maxDigits", 4))) if "dtmf" in waited.takes else None
    listens = "speech" in waited.takes
    if asked is not None:
        written = {fold(phrase): phrase for phrase in phrases}
        firsts = {name: written.get(phrase, phrase) for phrase, name in reversed(list(asked.phrases.items()))}
        phrases = [firsts[name] for name in dict.fromkeys(asked.phrases.values())]
        keys, lengths, listens = asked.keys, asked.lengths, asked.free_speech
    press = ""
    if keys:
        press = f"press {_or([f'{key} ({name})' for key, name in keys.items()])}"
    elif lengths is not None:
        low, high = lengths
        end = ", # ends them" if dtmf.get("submitOnHash") else ""
        press = "press a key" if high == 1 else f"press {low if low == high else f'{low} to {high}'} keys{end}"
    say = f"say {_or(phrases)}" if phrases else "say something" if listens else ""
    text = printable(", or ".join(way for way in (press, say) if way))
    return Hint(text, (*keys, *(f"say {phrase}" for phrase in phrases), "silence"))


def _or(words: Sequence[str]) -> str:
    shown = [*words[:MOST_SHOWN], "..."] if len(words) > MOST_SHOWN else list(words)
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown)
