"""Checks scenarios against the flows of their project."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Final, TypeVar

from app.flow.actions.do import values_in
from app.flow.checks.facts import parts_of
from app.flow.grammar.reader import Reader
from app.flow.grammar.values import leaves
from app.flow.language.mail import Addresses
from app.flow.model import Flow
from app.flow.nodes import Map, Place
from app.flow.templates.values import Computed, Native
from app.suggest import near_or_all
from app.value_types import TYPES
from app.verify.scenarios.answers import Answer, GivenAnswers, lookups_of
from app.verify.scenarios.model import ANY_NUMBER, Scenario, ScenarioCall

_ENV: Final = re.compile(r"\benv\.(\w+)")
_WHAT: Final = {"S107": "lookup", "S108": "hook", "S109": "variable"}

AnyCall = TypeVar("AnyCall", bound=ScenarioCall)


class Fitting:
    """Checks the names in scenarios against the flows of a project, and fills in the number to call."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._flows = {flow.name: flow for flow in flows}
        self._fields: dict[str, frozenset[str]] = {}
        for (flow, short), definition in lookups_of(self._flows.values()).items():
            for name in (short, f"{flow}.{short}"):
                self._fields[name] = self._fields.get(name, frozenset()) | definition.returns.fields.keys()
        self._hooks = {hook.name for flow in self._flows.values() for hook in flow.hooks}
        self._variables = {name for flow in self._flows.values() for name in flow.variables}

    def fit(self, scenario: Scenario, reader: Reader) -> Scenario:
        """The scenario with its number and flow filled in; reports S106 to S109 for unknown names."""
        for name, given in scenario.given.items():
            if _check("S107", name, self._fields, given.place, reader):
                _check_fields(name, given, self._fields[name], reader)
        for hook in scenario.expect.hooks or ():
            _check("S108", hook.name, self._hooks, hook.place, reader)
        for name, variable in scenario.expect.variables.items():
            _check("S109", name, self._variables, variable.place, reader)
        return self.fit_call(scenario, reader)

    def fit_call(self, call: AnyCall, reader: Reader) -> AnyCall:
        """The call with its number and flow filled in; reports S106 if no flow takes it."""
        startable = [flow for flow in self._flows.values() if flow.is_startable]
        default = next((flow for flow in startable if flow.default), None)
        if call.flow:
            return self._fit_named(call, reader)
        if call.query:
            reader.report("S106", call.place, "`query` is part of the answer URL of a flow", "name the `flow`")
        if call.to:
            digits = "".join(char for char in call.to if char.isdigit())
            if default is None and not any(digits in flow.numbers for flow in startable):
                numbers = sorted(number for flow in startable for number in flow.numbers)
                cure = f"flows take calls to {', '.join(numbers) or 'no number'}"
                reader.report("S106", call.place, f"no flow takes calls to {call.to}", cure)
            return call
        only = default or (startable[0] if len(startable) == 1 else None)
        if only is None:
            cure = f"name the flow, one of: {_listed(flow.name for flow in startable)}"
            reader.report("S106", call.place, "it is not clear which flow takes the call", cure)
            return call
        if only.numbers:
            return replace(call, to=only.numbers[0])
        return replace(call, to=ANY_NUMBER, flow="" if only.default else only.name)

    def _fit_named(self, call: AnyCall, reader: Reader) -> AnyCall:
        flow = self._flows.get(call.flow)
        if flow is None:
            reader.report("S106", call.place, f'there is no flow "{call.flow}"', near_or_all(call.flow, self._flows))
            return call
        if not flow.is_startable:
            cure = "call a flow that runs it, or give it `numbers`, `default: true` or `entry: true`"
            reader.report("S106", call.place, f'no call can start in flow "{flow.name}"', cure)
        if not call.to and flow.numbers:
            return replace(call, to=flow.numbers[0], flow=flow.name if call.query else "")
        return replace(call, to=call.to or ANY_NUMBER)


def _check(code: str, name: str, known: Iterable[str], place: Place, reader: Reader) -> bool:
    """Whether any flow has this lookup, hook or variable; reports `code` if not."""
    names = set(known)
    if name not in names:
        reader.report(code, place, f'no flow has a {_WHAT[code]} "{name}"', near_or_all(name, names))
    return name in names


def _check_fields(name: str, given: GivenAnswers, fields: frozenset[str], reader: Reader) -> None:
    """Report S107 for answer fields that the lookup does not declare; `value` is not checked."""
    nodes = [answer.node for answer in given.answers if isinstance(answer, Answer) and not answer.is_free]
    for entry in (entry for node in nodes if isinstance(node, Map) for entry in node.entries):
        if fields and entry.key.value not in fields:
            message = f'the lookup "{name}" returns no "{entry.key.value}"'
            cure = f"{near_or_all(entry.key.value, fields)}; {{value: ..}} allows any answer"
            reader.report("S107", entry.key.place, message, cure)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def named(scenarios: Iterable[Scenario], words: str) -> tuple[Scenario, ...]:
    """The scenarios whose name or file contains each of the words; all for ""."""
    wanted = words.lower().split()
    return tuple(
        scenario
        for scenario in scenarios
        if all(word in f"{scenario.place.file} {scenario.name}".lower() for word in wanted)
    )


def placeholder_env(flows: Iterable[Flow]) -> dict[str, str]:
    """A value for each environment variable that the flows read: a number, if dialled, a mail address, or a URL."""
    flows = tuple(flows)
    texts = {path: text for flow in flows for path, text in flow.sources.items()}
    names = sorted({name for text in texts.values() for name in _ENV.findall(text)})
    found = {name: f"https://{name.lower().replace('_', '-')}.example" for name in names}
    played = (part for flow in flows for step in flow.steps.values() for part in parts_of(step))
    mails = (hook.definition.mail for flow in flows for hook in flow.hooks if hook.definition.mail is not None)
    for value in chain(chain.from_iterable(map(values_in, played)), (mail.to for mail in mails)):
        for leaf in (leaf for leaf in leaves(value) if isinstance(leaf, Native | Computed)):
            for name in leaf.used_env & found.keys():
                if leaf.type.name == TYPES["phone"].name:
                    found[name] = f"4477009002{names.index(name) % 100:02}"
                elif isinstance(leaf.type, Addresses):
                    found[name] = f"{name.lower().replace('_', '-')}@example.com"
    return found
