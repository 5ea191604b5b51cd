"""Settings of the server that are said to a caller by way of a variable: E330.

`env` in a talk is found where the talk is read. Here it is followed through what sets variables, what flows are given
and what they give back. A truth value tells nothing of what it was made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from app.flow.checks.usage.facts import Facts
from app.flow.checks.usage.lengths import texts_of
from app.flow.issues import Issue
from app.flow.model import Flow, Target, Value
from app.flow.paths import root_of
from app.flow.rules import RULES

Holder: TypeAlias = tuple[str, str]
"""A flow and the name of one of its variables."""

_NAME: Final = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*")


class SpokenSettings:
    """Which variables of some flows hold a setting."""

    def __init__(self, each: Sequence[Facts]) -> None:
        self._flows = {facts.flow.name: facts.flow for facts in reversed(each)}
        self._made = tuple(pair for flow in self._flows.values() for pair in self._assigned(flow))
        self._held: dict[Holder, str] = {}
        while len(self._held) < len(self._spread()):
            self._held = self._spread()

    def check(self, facts: Facts) -> Iterator[Issue]:
        """E330 at each place where a talk of the flow says such a variable."""
        flow = facts.flow
        for text in texts_of(facts):
            for shown in text.values:
                name = next((each for each in _NAME.findall(shown.source) if (flow.name, each) in self._held), None)
                if name is not None:
                    setting = self._held[flow.name, name]
                    message = f'"{name}" holds {setting}, a setting of the server, and would be spoken'
                    yield RULES["E330"].at(shown.place, message)

    def _spread(self) -> dict[Holder, str]:
        """What is known to hold a setting, and what is made of that; each with the setting, as `env` names it."""
        found = dict(self._held)
        for holder, flow, value in self._made:
            setting = _setting_in(value) or self._held_in(flow, value)
            if setting and holder not in found:
                found[holder] = setting
        return found

    def _held_in(self, flow: str, value: Value) -> str:
        names = (root_of(name) for name in sorted(value.used_names))
        return next((self._held[flow, name] for name in names if (flow, name) in self._held), "")

    def _assigned(self, flow: Flow) -> Iterator[tuple[Holder, str, Value]]:
        """Every variable that the flow fills, its own or another flow's, with the flow that computes the value."""
        for step in flow.steps.values():
            sets = [*step.sets, *(each for edge in step.exit.edges() for each in edge.sets)]
            yield from ((holder, flow.name, each.value) for each in sets for holder in self._text(flow.name, each.name))
            targets = [edge.target for edge in step.exit.edges()]
            yield from self._on_the_way(flow, [*targets, *filter(None, (step.error, flow.error))])

    def _on_the_way(self, flow: Flow, targets: Iterable[Target]) -> Iterator[tuple[Holder, str, Value]]:
        for target in targets:
            filled = self._callers(flow) if target.returns else [flow.name]
            for each in target.sets:
                yield from (
                    (holder, flow.name, each.value) for name in filled for holder in self._text(name, each.name)
                )
            if target.runs is not None:
                run = target.runs
                for each in run.given:
                    yield from ((holder, flow.name, each.value) for holder in self._text(run.flow, each.name))

    def _callers(self, flow: Flow) -> list[str]:
        return [name for name, other in self._flows.items() if flow.name in _run_by(other)]

    def _text(self, flow: str, name: str) -> Iterator[Holder]:
        """The variable, where it is one that can hold what a setting says."""
        known: Mapping[str, object] = self._flows[flow].variables if flow in self._flows else {}
        if name in known and self._flows[flow].variables[name].type_name != "bool":
            yield flow, name


def _run_by(flow: Flow) -> set[str]:
    runs = (edge.target.runs for step in flow.steps.values() for edge in step.exit.edges())
    return {run.flow for run in runs if run is not None}


def _setting_in(value: Value) -> str:
    if "env" not in value.used_names:
        return ""
    named = sorted(getattr(value, "used_env", ()))
    return f"env.{named[0]}" if named else "`env`"
