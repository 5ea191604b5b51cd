"""Reads the script of a scenario: one step a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias, get_args

from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from app.ncco.suggest import nearest
from app.simulator.parties import Outcome
from app.verify.scenarios.faults import FAULTS
from app.verify.scenarios.heard import plain
from app.verify.scenarios.model import (
    Dial,
    Disturb,
    End,
    Event,
    HangUp,
    Hear,
    Press,
    Record,
    Said,
    ScriptStep,
    Silence,
    Speak,
    Until,
    Wait,
)
from app.verify.scenarios.reader import Reader, items, json_of

OPEN: Final = ("?", "")
"""`hear: "?"`: whatever is heard."""
ADDRESS: Final = re.compile(r"\+?[\d ]+|.*[:@].*")
"""What a party is dialled by, where nothing says that it is one; a user of an application has to be named `to`."""
OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)
DIAL_WORDS: Final = ("to", "outcome", "rings", "talks", "hangs_up", "hears", "presses")
SPEAK_WORDS: Final = ("text", "confidence", "alternatives", "error")
RECORD_WORDS: Final = ("seconds", "key")
STATUSES: Final = (
    "started", "ringing", "answered", "human", "machine", "busy", "cancelled", "unanswered", "timeout", "rejected",
    "failed", "disconnected", "completed", "transcribed", "success", "failure",
)  # fmt: skip
"""Source: webhook reference, Call status events, Transcription and Payment."""
KEYS: Final = re.compile(r"[0-9*#]{1,40}")

_HINTS: Final = {
    "hears": "write `hear`",
    "say": "write `speak`",
    "says": "write `speak`",
    "dtmf": "write `press`",
    "digits": "write `press`",
    "connect": "write `dial`",
    "noinput": "write `silence`",
    "sleep": "write `wait`",
    "hang_up": "write `hangup`",
    "expect": "write it beside `script`, not in it",
}

Read: TypeAlias = Callable[[Node, Entry | None, Place, Reader], "tuple[ScriptStep, ...]"]


def read_script(node: Node, reader: Reader) -> tuple[ScriptStep, ...]:
    """The steps of a script; S101 when it is no list."""
    if not isinstance(node, Seq):
        reader.report("S101", node.place, "`script` is not a list", "write one step a line, such as `- press: 1`")
        return ()
    return tuple(step for item in node.items for step in _read_step(item, reader))


def _read_step(node: Node, reader: Reader) -> tuple[ScriptStep, ...]:
    if isinstance(node, Text):
        return _read_word(node, reader)
    if not isinstance(node, Map):
        reader.report("S105", node.place, "a step is a list", "write one step a line")
        return ()
    known = [entry for entry in node.entries if entry.key.value in READERS]
    if len(known) != 1:
        _report_no_step(node, known, reader)
        return ()
    ((word, value),) = [(entry.key, entry.value) for entry in known]
    words = (word.value, "at") if word.value in TIMED else (word.value,)
    fields = reader.fields(node, words, f"the step `{word.value}`", _HINTS)
    return READERS[word.value](value, fields.get("at"), word.place, reader)


def _read_word(text: Text, reader: Reader) -> tuple[ScriptStep, ...]:
    """A step that is one word."""
    if text.value in ALONE and not text.quoted:
        return (ALONE[text.value](text.place),)
    word, _, rest = text.value.partition(" ")
    if word in READERS and rest:
        reader.report("S105", text.place, f"a colon is missing behind `{word}`", f"write `- {word}: {rest.strip()}`")
    elif text.value in READERS:
        reader.report("S103", text.place, f"`{text.value}` says not what", f"write `- {text.value}: ...`")
    else:
        near = nearest(text.value, READERS)
        cure = _HINTS.get(text.value) or (f'did you mean "{near}"?' if near else f"known are: {', '.join(READERS)}")
        reader.report("S105", text.place, f'there is no step "{text.value}"', cure)
    return ()


def _report_no_step(node: Map, known: list[Entry], reader: Reader) -> None:
    if known:
        words = " and ".join(f"`{entry.key.value}`" for entry in known)
        reader.report("S105", known[1].key.place, f"{words} are two steps", "write each of them on a line of its own")
        return
    for entry in node.entries[:1]:
        reader.unknown(entry.key, tuple(READERS), "a script", _HINTS)
    if not node.entries:
        reader.report("S105", node.place, "this step is empty", "delete it, or write what the caller does")


def read_heard(node: Node, reader: Reader) -> tuple[Hear, ...]:
    """What must be heard: one text, or several in their order."""
    texts = reader.texts(node, "`hear`")
    return tuple(Hear(text.place, None if text.value in OPEN else text.value, text.place) for text in texts)


def _hear(node: Node, _: Entry | None, __: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    return read_heard(node, reader)


def _press(node: Node, at: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    text = reader.text(node, "`press`", 'write keys, such as "1"')
    if text is None or not _are_keys(text, reader):
        return ()
    return (Press(place, text.value, _at(at, reader)),)


def _are_keys(text: Text, reader: Reader) -> bool:
    if KEYS.fullmatch(text.value):
        return True
    reader.report("S104", text.place, f'"{text.value}" are no keys', "write digits, * and #, in quotes")
    return False


def _at(entry: Entry | None, reader: Reader) -> float | None:
    return reader.seconds(entry.value, "`at`") if entry else None


def _speak(node: Node, at: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    if not isinstance(node, Map):
        text = reader.text(node, "`speak`")
        return (Speak(place, (Said(text.value),), at=_at(at, reader)),) if text else ()
    fields = reader.fields(node, SPEAK_WORDS, "`speak`")
    error = reader.text(fields["error"].value, "`error`") if "error" in fields else None
    if error is not None:
        return (Speak(place, (), error.value, _at(at, reader)),)
    if "text" not in fields:
        reader.report("S103", place, "`speak` has no `text`", "add `text: ...`, or `error: ...` of the recogniser")
        return ()
    best = _said(fields, reader)
    others = (
        [_alternative(item, reader) for item in items(fields["alternatives"].value)] if "alternatives" in fields else []
    )
    results = tuple(said for said in (best, *others) if said is not None)
    return (Speak(place, results, at=_at(at, reader)),) if best else ()


def _said(fields: Mapping[str, Entry], reader: Reader) -> Said | None:
    text = reader.text(fields["text"].value, "`text`")
    confidence = _confidence(fields["confidence"].value, reader) if "confidence" in fields else 0.9
    return Said(text.value, confidence) if text and confidence is not None else None


def _alternative(node: Node, reader: Reader) -> Said | None:
    if not isinstance(node, Map):
        text = reader.text(node, "an alternative")
        return Said(text.value, 0.5) if text else None
    fields = reader.fields(node, ("text", "confidence"), "an alternative")
    if "text" not in fields:
        reader.report("S103", node.place, "an alternative has no `text`")
        return None
    return _said(fields, reader)


def _confidence(node: Node, reader: Reader) -> float | None:
    text = reader.text(node, "`confidence`")
    if text is None:
        return None
    if re.fullmatch(r"0(\.\d+)?|1(\.0+)?", text.value):
        return float(text.value)
    reader.report("S104", text.place, f'`confidence` cannot be "{text.value}"', "write a number from 0 to 1, e.g. 0.4")
    return None


def _dial(node: Node, _: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    if not isinstance(node, Map):
        return _dial_word(node, place, reader)
    fields = reader.fields(node, DIAL_WORDS, "`dial`", {"number": "write `to`", "on": "write `outcome`"})
    facts: dict[str, Any] = {}
    if "to" in fields:
        to = reader.text(fields["to"].value, "`to`")
        facts["to"] = to.value if to else None
    if "outcome" in fields:
        facts["outcome"] = reader.word(fields["outcome"].value, OUTCOMES, "`outcome`")
    for word in ("rings", "talks"):
        if word in fields:
            facts[word] = reader.seconds(fields[word].value, f"`{word}`")
    if "hangs_up" in fields:
        who = reader.word(fields["hangs_up"].value, ("caller", "party"), "`hangs_up`")
        facts["hangs_up_first"] = who == "party" if who else None
    if "hears" in fields:
        facts["hears"] = read_heard(fields["hears"].value, reader)
    if "presses" in fields:
        facts["presses"] = tuple(_pressed(fields["presses"].value, reader))
    return (Dial(place, **facts),) if None not in facts.values() else ()


def _pressed(node: Node, reader: Reader) -> Iterator[str | Said]:
    """What a called party does each time that it is asked: keys, "", or `{speak: text}`."""
    for item in items(node):
        said = reader.fields(item, ("speak",), "an entry of `presses`").get("speak") if isinstance(item, Map) else None
        text = reader.text(said.value if said else item, "`presses`") if said or not isinstance(item, Map) else None
        if text is not None and said:
            yield Said(text.value)
        elif text is not None and (not text.value or _are_keys(text, reader)):
            yield text.value


def _dial_word(node: Node, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    """`dial: busy`, `dial: "447700900111"`."""
    text = reader.text(node, "`dial`")
    if text is not None and ADDRESS.fullmatch(text.value):
        return (Dial(place, to=text.value),)
    outcome = reader.word(node, OUTCOMES, "`dial`") if text is not None else None
    return (Dial(place, outcome=outcome),) if outcome is not None else ()


def _record(node: Node, _: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    if not isinstance(node, Map):
        seconds = reader.seconds(node, "`record`")
        return (Record(place, seconds),) if seconds is not None else ()
    fields = reader.fields(node, RECORD_WORDS, "`record`")
    seconds = reader.seconds(fields["seconds"].value, "`seconds`") if "seconds" in fields else 5.0
    key = reader.text(fields["key"].value, "`key`") if "key" in fields else None
    if seconds is None or (key is not None and not _are_keys(key, reader)):
        return ()
    return (Record(place, seconds, key.value if key else ""),)


def _wait(node: Node, _: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    seconds = reader.seconds(node, "`wait`")
    return (Wait(place, seconds),) if seconds is not None else ()


def _until(node: Node, _: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    text = reader.text(node, "`until`", "write a part of what the caller is to hear")
    if text is None:
        return ()
    if not plain(text.value):
        reader.report("S104", text.place, "`until` is empty", "write a part of what the caller is to hear")
        return ()
    return (Until(place, text.value),)


def _event(node: Node, _: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    found = reader.map(node, "`event`", "write the fields of the webhook: `event: {status: failed}`")
    for entry in found.entries if found else ():
        if entry.key.value == "status" and reader.word(entry.value, STATUSES, "`status`") is None:
            return ()
    return (Event(place, json_of(found)),) if found else ()


def _fault(node: Node, _: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    word = reader.word(node, FAULTS, "`fault`")
    found = next((fault for fault in FAULTS if fault == word), None)
    return (Disturb(place, found),) if found else ()


def _only_alone(_: Node, __: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    reader.report("S101", place, "this step takes no value", "write the word alone, such as `- silence`")
    return ()


def _hangup(node: Node, at: Entry | None, place: Place, reader: Reader) -> tuple[ScriptStep, ...]:
    """`hangup: now`, `hangup: 12s`, `{hangup: now, at: 12s}`."""
    if isinstance(node, Text) and node.value == "now":
        return (HangUp(place, _at(at, reader)),)
    seconds = reader.seconds(node, "`hangup`")
    return (HangUp(place, seconds),) if seconds is not None else ()


READERS: Final[Mapping[str, Read]] = {
    "hear": _hear,
    "press": _press,
    "speak": _speak,
    "silence": _only_alone,
    "dial": _dial,
    "record": _record,
    "wait": _wait,
    "until": _until,
    "hangup": _hangup,
    "end": _only_alone,
    "event": _event,
    "fault": _fault,
}
"""Every step by its word."""
TIMED: Final = frozenset({"press", "speak", "hangup"})
ALONE: Final[Mapping[str, Callable[[Place], ScriptStep]]] = {
    "hear": lambda place: Hear(place, None, place),
    "silence": Silence,
    "record": Record,
    "dial": Dial,
    "hangup": HangUp,
    "end": End,
}
"""Steps that may be written as a word alone."""
