"""What can be typed during a call: script steps and a few commands, separated by `;`."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

from ncco_server.errors import AppError
from ncco_server.flow.report import printable
from ncco_server.suggest import nearest
from ncco_studio.simulator.transcript import CallMoment
from ncco_studio.verify.played_call import FOR_PHONES, PlayedCall, outcomes_of
from ncco_studio.verify.scenarios.script import (
    FAULTS,
    STEPS,
    DialStep,
    HangUpStep,
    NotAStep,
    PressStep,
    RecordStep,
    ScriptStep,
    SilenceStep,
    step_of_line,
)

COMMANDS: Final = ("why", "ncco", "webhook", "webhooks", "save", "help", "quit")
"""Not steps, because they do not change the call."""

_KEYS: Final = re.compile(r"[0-9*# ]{1,40}")
HELP: Final = f"""\
Steps, as in the script of a scenario; the colon may be left out:
  1   press 42#            press keys
  speak sales              say something; or {{text: sales, confidence: 0.4, alternatives: [sails]}}
  silence                  stay silent until the server stops listening
  record 12                speak for 12 seconds while being recorded; or {{seconds: 12, key: "#"}}, which a key ends
  dial busy                what the called party does: {", ".join(FOR_PHONES)};
                           or {{outcome: completed, rings: 10s, talks: 90s, presses: [1], hangs_up: caller}}
  wait 5                   let 5 seconds pass; whatever follows interrupts playback: wait 2; 1
  hangup                   end the call; so do quit, Ctrl-C and Ctrl-D
  fault lost               make the next webhook fail: {", ".join(FAULTS)}
Commands:
  why                      which step, rule and line decided
  ncco                     what is played now
  webhook   webhooks       the last webhook with its reply; all webhooks
  save FILE                save the call as a scenario when it is over
Several steps on one line: 1; wait 2; 0"""

_ALWAYS: Final = ("why", "ncco", "webhook", "webhooks", "wait ", "hangup", "save ", "help", "quit")


class Command(NamedTuple):
    """A command, such as `why`, `save`, `quit` or `listen`."""

    name: str
    file: str = ""


class Mistake(AppError):
    """The input is no step or command. The message suggests what to type."""


Typed: TypeAlias = ScriptStep | Command


def pieces_of(line: str) -> list[str]:
    """Return [""] for an empty line, which has a meaning too."""
    return [piece.strip() for piece in line.split(";") if piece.strip()] if line.strip() else [""]


def read_piece(piece: str, moment: CallMoment) -> Typed:
    """Read "" (just Enter) as the most likely step at this moment. Raises Mistake."""
    if not piece:
        return _most_likely(moment)
    word, _, rest = piece.partition(" ")
    if word in ("?", *COMMANDS):
        return _command("help" if word == "?" else word, rest.strip())
    if _KEYS.fullmatch(piece):
        return PressStep(keys=piece.replace(" ", ""))
    try:
        return step_of_line(piece)
    except NotAStep as error:
        raise Mistake(str(error) if _is_step(piece) else _unknown(piece)) from error


def _most_likely(moment: CallMoment) -> Typed:
    steps = {"record": RecordStep(), "idle": HangUpStep(), "input": SilenceStep(), "dial": DialStep()}
    return steps.get(moment.kind, Command("listen"))


def _command(name: str, file: str) -> Command:
    if name == "save" and not file:
        raise Mistake("write a file, such as `save tests/scenarios/a.yaml`")
    if name != "save" and file:
        raise Mistake(f"`{name}` takes no argument")
    return Command(name, file)


def _is_step(piece: str) -> bool:
    return piece.startswith(("{", "- ")) or re.split(r"[:\s]", piece, maxsplit=1)[0] in STEPS


def _unknown(piece: str) -> str:
    if piece.partition("=")[0].isidentifier() and "=" in piece:
        return (
            f'no lookup or function is waiting for "{piece}": only at a terminal you are asked; --live really runs them'
        )
    words = (*STEPS, *COMMANDS)
    word = re.split(r"[:\s]", piece, maxsplit=1)[0]
    near = nearest(word, words) or next((each for each in words if sorted(each) == sorted(word)), None)
    meant = ScriptStep.hints.get(word) or (f"did you mean `{near}`?" if near is not None else "? lists them all.")
    return f'there is no step or command "{piece}"; {meant} To say it, type: speak {piece}'


class Hint(NamedTuple):
    """The steps that are possible now: a description for the prompt, and the words for completion."""

    text: str
    offers: tuple[str, ...]


def hint(call: PlayedCall) -> Hint:
    moment = call.moment
    accepted = call.accepted_input("speak")
    text = "the server is no longer waiting for the caller; Enter: hang up"
    offers: tuple[str, ...] = ("speak ",)
    if accepted.text:
        then = "silence" if moment.kind == "input" else "hang up"
        more = "" if moment.kind == "input" else "; nothing more will happen on its own"
        text = f"{accepted.text}{more}; Enter: {then}"
        offers = (*accepted.keys, *(f"speak {phrase}" for phrase in accepted.phrases), "silence")
    elif moment.kind == "record":
        text = "you are recorded: record 12; Enter: speak for 5 s"
        offers = ("record ", "silence")
    elif moment.kind == "dial" and moment.waited is not None:
        outcomes = outcomes_of(moment.waited)
        text = f"{printable(moment.waited.address)} is being dialled: dial {', '.join(outcomes)}; Enter: dial completed"
        offers = tuple(f"dial {outcome}" for outcome in outcomes)
    elif moment.kind == "until":
        text = "press or speak to interrupt; Enter: keep listening"
    return Hint(f"[{text}; ?: help]", (*offers, *_ALWAYS))
