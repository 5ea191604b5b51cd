"""What a person is told to type, where the call stands."""

from __future__ import annotations

from typing import Final

from app.cli.simulating import words
from app.cli.simulating.insight import Insight
from app.cli.simulating.party import SHOWN, WAYS, ways_of_party
from app.flow.report import printable
from app.simulator import Moment, Waited
from app.verify.scenarios import model

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


def hint(moment: Moment, insight: Insight, listening: Waited | None) -> tuple[str, tuple[str, ...]]:
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


def decided(step: model.Dial) -> str:
    """What was said of a party, as a line of the call."""
    outcome = "answers" if step.outcome == "completed" else step.outcome
    return printable(f"           {step.to}: {outcome}")


def problem(typed: words.Typed, moment: Moment) -> str:
    """Why something cannot be done where the call stands; "" when it can."""
    if isinstance(typed, words.Mistake):
        return printable(typed.message)
    if isinstance(typed, words.Show | words.Save | words.Leave | words.GoOn | model.HangUp):
        return ""
    if isinstance(typed, model.Record) and moment.kind != "record":
        return "nothing is recorded now"
    if isinstance(typed, model.Silence) and moment.kind not in ("input", "record"):
        return "nobody listens now; `wait 5` lets time pass"
    return _deaf(typed, moment)


def _deaf(typed: words.Typed, moment: Moment) -> str:
    """Why keys or words reach nobody."""
    takes = moment.waited.takes if moment.waited is not None and moment.kind == "input" else None
    if takes is not None and isinstance(typed, model.Press) and "dtmf" not in takes:
        return "nobody listens for keys here; say something"
    if takes is not None and isinstance(typed, model.Speak) and "speech" not in takes:
        return "nobody listens for words here; press keys"
    return ""
