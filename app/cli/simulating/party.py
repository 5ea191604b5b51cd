"""What a person says of a party that is dialled.

answers | answers 90s | answers rings 10 talks 90 | answers presses 1 | answers, caller hangs up
busy | no answer | timeout | rejected | failed | machine | human | beep
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from app.flow.nodes import Place
from app.simulator import Moment, Waited
from app.verify.scenarios.model import Dial
from app.verify.scenarios.script import OUTCOMES

SAID: Final[Mapping[str, str]] = {
    "answers": "completed", "answer": "completed", "no answer": "timeout", "rings out": "timeout",
    "unreachable": "unanswered", "declines": "rejected", "rejects": "rejected", "fails": "failed",
    "answering machine": "machine", "voicemail": "beep",
}  # fmt: skip
"""Words for what comes of a dial, beside its outcomes."""
SHOWN: Final = ("answers", "busy", "no answer", "rejected", "failed", "unreachable", "machine")
OF_SOCKETS: Final = ("answers", "disconnected", "unreachable", "failed")
"""What comes of dialling a WebSocket. Source: WebSocket guide."""
WAYS: Final = "answers [90s] [rings 10s] [presses 1] [caller hangs up]"

_OUTCOME: Final = re.compile("|".join(sorted((*SAID, *OUTCOMES), key=len, reverse=True)))
_SECONDS: Final = re.compile(r"(?:(rings|talks)\s+)?(\d{1,5}(?:\.\d{1,3})?)\s*(m|s)?\b")
_PRESSES: Final = re.compile(r"presses\s+([0-9*#-]+(?:\s*,\s*[0-9*#-]+)*)")
_CALLER: Final = re.compile(r"(?:the )?caller (?:hangs|hang) up")


def ways_of_party(dialled: Waited) -> tuple[str, ...]:
    """What may be said of whoever is dialled; what machine detection tells apart where the connect asks for it."""
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
    address = moment.waited.address if moment.waited is not None else ""
    dial = Dial(Place("", 0, 0), address, SAID.get(found[0], found[0]))
    facts, rest = _facts(said[found.end() :])
    if left := rest.strip(" ,"):
        return f'"{left}" says nothing about the party; write {WAYS}'
    return replace(dial, **facts)


def _facts(text: str) -> tuple[dict[str, Any], str]:
    """What is said besides the outcome, and what of it means nothing."""
    facts = dict[str, Any]()
    for pattern, read in ((_CALLER, _hangs_up), (_PRESSES, _presses), (_SECONDS, _lasts)):
        for match in pattern.finditer(text):
            facts.update(read(match))
        text = pattern.sub(" ", text)
    return facts, text


def _hangs_up(_: re.Match[str]) -> Iterator[tuple[str, Any]]:
    yield "hangs_up_first", False


def _presses(match: re.Match[str]) -> Iterator[tuple[str, Any]]:
    """One each time that somebody waits for keys; `-` is silence."""
    yield "presses", tuple(keys.strip().replace("-", "") for keys in match[1].split(","))


def _lasts(match: re.Match[str]) -> Iterator[tuple[str, Any]]:
    yield match[1] or "talks", float(match[2]) * (60 if match[3] == "m" else 1)
