"""Whether scenarios fit the flows of their project: numbers, flows, look-ups, hooks and variables that there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from app.flow.model import Flow
from app.flow.nodes import Map, Place
from app.ncco.suggest import nearest
from app.verify.scenarios.answers import Declared
from app.verify.scenarios.model import Answer, CallFacts, Given, Scenario
from app.verify.scenarios.reader import Reader

ANY_NUMBER = "442079460000"
"""What is called when a scenario names no number and its flow has none. It is reserved for stories."""


class Fitting:
    """Holds scenarios against the flows of a project."""

    def __init__(self, flows: Iterable[Flow], declared: Declared) -> None:
        self._flows = {flow.name: flow for flow in flows}
        self._declared = declared
        found = self._flows.values()
        self._known: Mapping[str, tuple[str, list[str]]] = {
            "look-up": ("S107", sorted(declared.names)),
            "hook": ("S108", sorted({name for flow in found for name in _hooks_of(flow)})),
            "variable": ("S109", sorted({name for flow in found for name in flow.variables})),
        }

    def fit(self, scenario: Scenario, reader: Reader) -> Scenario:
        """The scenario with its number and flow filled in; S106 to S109 for what there is not."""
        for name, given in scenario.given.items():
            if self._check(name, "look-up", given.place, reader):
                self._check_fields(name, given, reader)
        for hook in scenario.expect.hooks or ():
            self._check(hook.name, "hook", hook.place, reader)
        for name in scenario.expect.variables:
            place = scenario.expect.places[f"variables.{name}"]
            self._check(name, "variable", place, reader)
        return replace(scenario, call=self._call(scenario.call, reader))

    def _check_fields(self, name: str, given: Given, reader: Reader) -> None:
        """What a look-up answers has the fields that it declares; `value` may hold anything."""
        fields = self._declared.fields(name)
        nodes = [answer.node for answer in given.answers if isinstance(answer, Answer) and not answer.is_free]
        for entry in (entry for node in nodes if isinstance(node, Map) for entry in node.entries):
            if fields and entry.key.value not in fields:
                near = nearest(entry.key.value, sorted(fields))
                cure = f'did you mean "{near}"?' if near else f"it returns: {', '.join(sorted(fields))}"
                message = f'the look-up "{name}" returns no "{entry.key.value}"'
                reader.report("S107", entry.key.place, message, f"{cure}; {{value: ..}} holds anything")

    def _check(self, name: str, what: str, place: Place, reader: Reader) -> bool:
        code, names = self._known[what]
        if name not in names:
            near = nearest(name, names)
            cure = f'did you mean "{near}"?' if near else f"there are: {', '.join(names) or 'none'}"
            reader.report(code, place, f'no flow has a {what} "{name}"', cure)
        return name in names

    def _call(self, call: CallFacts, reader: Reader) -> CallFacts:
        """Which flow takes the call, and on which number."""
        if call.flow:
            return self._named(call, reader)
        startable = [flow for flow in self._flows.values() if flow.is_startable]
        default = next((flow for flow in startable if flow.default), None)
        if call.to:
            digits = "".join(char for char in call.to if char.isdigit())
            if default is None and not any(digits in flow.numbers for flow in startable):
                numbers = sorted(number for flow in startable for number in flow.numbers)
                cure = f"flows take calls to {', '.join(numbers) or 'no number'}"
                reader.report("S106", call.place, f"no flow takes calls to {call.to}", cure)
            return call
        only = default or (startable[0] if len(startable) == 1 else None)
        if only is None:
            names = ", ".join(sorted(flow.name for flow in startable)) or "none"
            reader.report(
                "S106", call.place, "it is not clear which flow takes the call", f"add `flow:`, one of: {names}"
            )
            return call
        if only.numbers:
            return replace(call, to=only.numbers[0])
        return replace(call, to=ANY_NUMBER, flow="" if only.default else only.name)

    def _named(self, call: CallFacts, reader: Reader) -> CallFacts:
        flow = self._flows.get(call.flow)
        if flow is None:
            near = nearest(call.flow, self._flows)
            cure = f'did you mean "{near}"?' if near else f"there are: {', '.join(sorted(self._flows)) or 'none'}"
            reader.report("S106", call.place, f'there is no flow "{call.flow}"', cure)
            return call
        if not flow.is_startable:
            message = f'no call can start in flow "{flow.name}"'
            cure = "call a flow that runs it, or give it `numbers`, `default: true` or `entry: true`"
            reader.report("S106", call.place, message, cure)
        if not call.to and flow.numbers:
            return replace(call, to=flow.numbers[0], flow="")
        return replace(call, to=call.to or ANY_NUMBER)


def _hooks_of(flow: Flow) -> Iterable[str]:
    steps = flow.steps.values()
    for sendings in (*(step.sends for step in steps), *(told for step in steps for told in step.events.values())):
        yield from (sending.name for sending in sendings)
    for told in flow.events.values():
        yield from (sending.name for sending in told)


def named(scenarios: Sequence[Scenario], words: str) -> tuple[Scenario, ...]:
    """Those whose name, or file, holds each of some words; "" is all of them."""
    wanted = words.lower().split()
    return tuple(
        scenario
        for scenario in scenarios
        if all(word in f"{scenario.place.file} {scenario.name}".lower() for word in wanted)
    )
