"""Flow files with one small fault each: an exit removed or redirected, retries changed, outcomes swapped.

Faults are made in the text, so each mutant that loads could have been written by a person. Error exits stay unchanged:
only outside faults lead to them, and coverage counts them separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.source import read_yaml
from ncco_studio.verify.scenarios.files import read_files
from ncco_studio.verify.scenarios.model import Scenario
from ncco_studio.verify.scenarios.runner import fitted, play
from ncco_studio.verify.scenarios.stage import LocalStage


class Mutant(NamedTuple):
    """A flow file with one fault.

    Attributes:
        kind: retargeted, removed, swapped or retries.
        what: a description of the fault, for a person.
        line: the line of the fault in the flow file.
        text: the whole file, with the fault.
    """

    kind: str
    what: str
    line: int
    text: str


def mutants_of(file: str, text: str) -> tuple[Mutant, ...]:
    """Every mutant of a flow file, sorted by line; some of them may not load."""
    root, _ = read_yaml(file, text)
    assert isinstance(root, Map)
    found = [mutant for mutate in (_retargeted, _removed, _swapped, _retries) for mutant in mutate(text, root)]
    unique = {mutant.text: mutant for mutant in found if mutant.text != text}
    return tuple(sorted(unique.values(), key=lambda mutant: (mutant.line, mutant.kind, mutant.what)))


def _retargeted(text: str, root: Map) -> Iterator[Mutant]:
    """Mutants in which one target is replaced, by each of the other steps and by the end."""
    for target in _targets(root):
        for other in (*_map(root, "steps").keys(), "end"):
            if other != target.value:
                what = f"{target.value} becomes {other}"
                yield Mutant("retargeted", what, target.place.line, _edited(text, [(target.place, other)]))


def _removed(text: str, root: Map) -> Iterator[Mutant]:
    """Mutants without one choice, or without one line of an `on`."""
    for entries in _groups(root):
        for entry in entries:
            what = f"{entry.key.value} is removed"
            yield Mutant("removed", what, entry.key.place.line, _without_line(text, entry.key.place.line))


def _swapped(text: str, root: Map) -> Iterator[Mutant]:
    """Mutants in which two neighbouring entries have swapped targets or keys."""
    for entries in _groups(root):
        for one, other in pairwise(entries):
            for word in ("goto", "dtmf"):
                pair = _value(one, word), _value(other, word)
                if pair[0] is not None and pair[1] is not None and pair[0].value != pair[1].value:
                    what = f"{word} of {one.key.value} and {other.key.value} are swapped"
                    edits = [(pair[0].place, pair[1].value), (pair[1].place, pair[0].value)]
                    yield Mutant("swapped", what, one.key.place.line, _edited(text, edits))


def _retries(text: str, root: Map) -> Iterator[Mutant]:
    """Mutants with one try more or less, with a missing last prompt, or with `noinput` and `nomatch` swapped."""
    for retry in _maps_under(root, "retry"):
        tries = retry.get("tries")
        if isinstance(tries, Text):
            for number in (int(tries.value) - 1, int(tries.value) + 1):
                what = f"tries is {number}"
                yield Mutant("retries", what, tries.place.line, _edited(text, [(tries.place, str(number))]))
        keys = [entry.key for entry in retry.entries if entry.key.value in ("noinput", "nomatch")]
        if len(keys) == 2:
            edits = [(keys[0].place, keys[1].value), (keys[1].place, keys[0].value)]
            yield Mutant("retries", "noinput and nomatch are swapped", keys[0].place.line, _edited(text, edits))
        for prompts in (retry.get("noinput"), retry.get("nomatch")):
            if isinstance(prompts, Seq) and len({item.place.line for item in prompts.items}) == len(prompts.items) > 1:
                last = prompts.items[-1].place.line
                yield Mutant("retries", "the last prompt is missing", last, _without_line(text, last))


def _targets(root: Map) -> Iterator[Text]:
    """The texts of all targets, steps or the end, except those of error exits."""
    for name, node in _entries(root):
        if isinstance(node, Text) and name in ("goto", "then", "else"):
            yield node
    for group in _groups(root):
        for entry in group:
            if isinstance(entry.value, Text):
                yield entry.value


def _groups(root: Map) -> Iterator[Sequence[Entry]]:
    """The entries of each `choices` and each `on`."""
    for word in ("choices", "on"):
        for found in _maps_under(root, word):
            yield [entry for entry in found.entries if entry.key.value != "error"]


def _maps_under(root: Node, word: str) -> Iterator[Map]:
    for name, node in _entries(root):
        if name == word and isinstance(node, Map):
            yield node


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    """Every entry of every map, with its key."""
    if isinstance(node, Map):
        for entry in node.entries:
            yield entry.key.value, entry.value
            yield from _entries(entry.value)
    elif isinstance(node, Seq):
        for item in node.items:
            yield from _entries(item)


def _value(entry: Entry, word: str) -> Text | None:
    """The target or the key of a choice, or the target of a line of an `on`; None if there is none."""
    if isinstance(entry.value, Text):
        return entry.value if word == "goto" else None
    found = entry.value.get(word) if isinstance(entry.value, Map) else None
    return found if isinstance(found, Text) else None


def _map(root: Map, word: str) -> Map:
    found = root.get(word)
    assert isinstance(found, Map)
    return found


def _edited(text: str, edits: Sequence[tuple[Place, str]]) -> str:
    lines = text.split("\n")
    for place, new in sorted(edits, key=lambda edit: (edit[0].line, edit[0].column), reverse=True):
        line, start = lines[place.line - 1], place.column - 1
        lines[place.line - 1] = line[:start] + new + line[start + place.length :]
    return "\n".join(lines)


def _without_line(text: str, number: int) -> str:
    lines = text.split("\n")
    return "\n".join([*lines[: number - 1], *lines[number:]])


class Verdict(NamedTuple):
    """What the scenarios found out about a mutant.

    Attributes:
        killer: the first scenario that fails; "" if all pass.
        loads: whether the flow loads; one that does not is not counted as a mutant.
    """

    mutant: Mutant
    killer: str
    loads: bool = True


async def try_mutant(mutant: Mutant, file: str, texts: Mapping[str, str], tests: Sequence[str]) -> Verdict:
    """Play the scenarios of a flow on one of its mutants, up to the first that fails."""
    project = load({**texts, file: mutant.text}, {})
    if project.has_errors:
        return Verdict(mutant, "", loads=False)
    return Verdict(mutant, await first_difference(project, tests))


async def first_difference(project: Project, tests: Sequence[str]) -> str:
    """The name of the first scenario in some files that fails; "" if all pass."""
    stage = LocalStage(project)
    scenarios, _ = fitted(stage, read_files(Path(name) for name in tests))
    for scenario in scenarios:
        if not await _holds(stage, scenario):
            return scenario.name
    return ""


async def _holds(stage: LocalStage, scenario: Scenario) -> bool:
    return (await play(stage, scenario)).holds
