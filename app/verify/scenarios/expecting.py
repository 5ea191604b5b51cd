"""Reads what a scenario expects of a call as a whole."""

from __future__ import annotations

import re
from typing import Final

from app.flow.nodes import Entry, Map, Node, Place, Text
from app.verify.scenarios.bounds import BOUNDS, COUNTED
from app.verify.scenarios.model import Expect, ExpectedHook, Range
from app.verify.scenarios.reader import Reader, items, json_of
from app.verify.scenarios.script import read_heard

WORDS: Final = ("end", "seconds", "hooks", "variables", "said", "ncco", "without")
ENDS: Final = ("hangup", "completed", "failsafe")
"""The caller hung up; the call came to its end by itself; nothing of the flow could be played."""

_HINTS: Final = {
    "hear": "write it in the script, or `said`",
    "duration": "write `seconds`",
    "vars": "write `variables`",
    "hook": "write `hooks`",
}
_NUMBER: Final = r"(\d{1,6}(?:\.\d{1,3})?)"
_LESS: Final = re.compile(rf"<(=?)\s*{_NUMBER}")
_MORE: Final = re.compile(rf">(=?)\s*{_NUMBER}")
_BETWEEN: Final = re.compile(rf"{_NUMBER}\s*\.\.\s*{_NUMBER}")
_ABOUT_S: Final = 0.5
ENDLESS: Final = float("inf")


def read_expect(node: Node, reader: Reader) -> Expect:
    """The map under `expect`."""
    found = reader.map(node, "`expect`", "write `expect: {end: completed}`")
    if found is None:
        return Expect()
    fields = reader.fields(found, WORDS, "`expect`", _HINTS)
    places = {word: entry.key.place for word, entry in fields.items()}
    variables = _map_of(fields, "variables", reader)
    places |= {f"variables.{entry.key.value}": entry.key.place for entry in (variables.entries if variables else ())}
    without = _without(fields["without"].value, reader) if "without" in fields else {}
    return Expect(
        end=reader.word(fields["end"].value, ENDS, "`end`") if "end" in fields else None,
        seconds=_range(fields["seconds"].value, reader) if "seconds" in fields else None,
        hooks=_hooks(fields["hooks"].value, reader) if "hooks" in fields else None,
        variables=json_of(variables) if variables else {},
        said=read_heard(fields["said"].value, reader) if "said" in fields else (),
        ncco=_actions(fields["ncco"].value, reader) if "ncco" in fields else (),
        without={name: bound for name, (bound, _) in without.items()},
        places=places | {f"without.{name}": place for name, (_, place) in without.items()},
    )


def over(own: Expect, inherited: Expect) -> Expect:
    """What one scenario expects, completed by what all of its file do."""
    return Expect(
        end=own.end or inherited.end,
        seconds=own.seconds or inherited.seconds,
        hooks=inherited.hooks if own.hooks is None else own.hooks,
        variables={**inherited.variables, **own.variables},
        said=own.said or inherited.said,
        ncco=own.ncco or inherited.ncco,
        without={**inherited.without, **own.without},
        places={**inherited.places, **own.places},
    )


def _map_of(fields: dict[str, Entry], word: str, reader: Reader) -> Map | None:
    return reader.map(fields[word].value, f"`{word}`", f"write `{word}: {{name: value}}`") if word in fields else None


def _range(node: Node, reader: Reader) -> Range | None:
    """`<40`, `>10`, `30..40`, `35` (which is half a second more or less)."""
    text = reader.text(node, "`seconds`")
    if text is None:
        return None
    written = text.value
    if found := _LESS.fullmatch(written):
        return Range(0 if found[1] else -1, float(found[2]), written, is_open=not found[1])
    if found := _MORE.fullmatch(written):
        return Range(float(found[2]), ENDLESS, written, is_open=not found[1])
    if (found := _BETWEEN.fullmatch(written)) and float(found[1]) <= float(found[2]):
        return Range(float(found[1]), float(found[2]), written)
    if found := re.fullmatch(f"{_NUMBER}s?", written):
        return Range(float(found[1]) - _ABOUT_S, float(found[1]) + _ABOUT_S, written)
    reader.report("S104", text.place, f'`seconds` cannot be "{written}"', 'write "<40", ">10", 30..40 or 35')
    return None


def _hooks(node: Node, reader: Reader) -> tuple[ExpectedHook, ...]:
    return tuple(hook for item in items(node) for hook in _hook(item, reader))


def _hook(node: Node, reader: Reader) -> list[ExpectedHook]:
    """`name`, or `{name: a part of its body}`."""
    if isinstance(node, Map):
        return [ExpectedHook(entry.key.place, entry.key.value, json_of(entry.value)) for entry in node.entries]
    text = reader.text(node, "a hook", "write its name, or `{name: {key: value}}`")
    return [ExpectedHook(text.place, text.value)] if text else []


def _without(node: Node, reader: Reader) -> dict[str, tuple[float, Place]]:
    """`dead_end`, a list of such words, or `{silence: 20s, steps: 12}`."""
    found: dict[str, tuple[float, Place]] = {}
    for item in items(node):
        if isinstance(item, Map):
            for name in reader.fields(item, tuple(COUNTED), "`without`"):
                entry = next(entry for entry in item.entries if entry.key.value == name)
                most = reader.seconds(entry.value, f"`{name}`")
                found |= {} if most is None else {name: (most, entry.key.place)}
        elif word := reader.word(item, BOUNDS, "`without`"):
            found[word] = (BOUNDS[word], item.place)
    return found


def _actions(node: Node, reader: Reader) -> tuple[object, ...]:
    """Parts of NCCO actions; a word alone is the name of one."""
    found: list[object] = []
    for item in items(node):
        if isinstance(item, Text):
            found.append({"action": item.value})
        elif isinstance(item, Map):
            found.append(json_of(item))
        else:
            reader.report("S101", item.place, "an action is a list", "write `- {action: talk, ..}`")
    return tuple(found)
