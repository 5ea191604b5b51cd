"""Checks what flows share: names, numbers, the default flow, and the paths between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ncco_server.flow.action import Action
from ncco_server.flow.checks.graph import check_recursion
from ncco_server.flow.issues import RULES, FlowIssue, did_you_mean
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.language.lookups import LookupDefinition
from ncco_server.flow.language.refusals import CallerRefusal
from ncco_server.flow.language.results import OwnResult
from ncco_server.flow.language.shared import Sections
from ncco_server.flow.nodes import Place
from ncco_server.flow.templates.tree import FOLDER
from ncco_server.suggest import nearest


def check_project(
    flows: Iterable[ReadFlow], shared: Sections, refusals: Iterable[CallerRefusal] = ()
) -> Iterator[FlowIssue]:
    """Report repeated names, numbers and defaults (E210, E210, E212), then issues between flows.

    A repetition is reported at its place; the message names the first one.
    """
    flows = tuple(flows)
    names = ((flow.words.name.value, flow.words.name.place) for flow in flows if flow.words.name)
    for name, place, first in _repeated(names):
        yield RULES["E210"].at(place, f'the flow "{name}" already exists in {first.file}:{first.line}')
    numbers = ((number, place) for flow in flows for number, place in flow.words.numbers)
    for number, place, first in _repeated(numbers):
        yield RULES["E210"].at(
            place,
            f"calls to {number} already start in {first.file}:{first.line}",
            "delete it here, or in the other flow",
        )
    defaults = (("default", flow.words.at("default")) for flow in flows if flow.words.default)
    for _, place, first in _repeated(defaults):
        cure = "unset NCCO_DEFAULT, or delete `default: true` there" if place.file.startswith(FOLDER) else None
        yield RULES["E212"].at(place, f"{first.file}:{first.line} is already the default", cure)
    yield from _check_entrances(flows)
    yield from _check_refusals(flows, refusals)
    yield from _check_results([shared, *(flow.sections for flow in flows)])
    by_name = {flow.name: flow for flow in reversed(flows) if flow.name}
    yield from check_recursion(by_name)
    yield from check_conversations(by_name)


def check_modules(lookups: Iterable[LookupDefinition], allowed: Collection[str]) -> Iterator[FlowIssue]:
    for lookup in lookups:
        if lookup.module and lookup.module not in allowed:
            message = f'NCCO_PYTHON_LOOKUPS does not include the module "{lookup.module}"'
            near = nearest(lookup.module, allowed)
            cure = did_you_mean(near) if near else None
            yield RULES["E542"].at(lookup.written.values["python"].place, message, cure)


def _check_entrances(flows: tuple[ReadFlow, ...]) -> Iterator[FlowIssue]:
    run = {name for each in flows if each.flow is not None for name in each.flow.runs if name != each.name}
    for flow in flows:
        if flow.words.name is not None and not flow.words.has_entrance and flow.name not in run:
            yield RULES["W213"].at(flow.words.name.place, f'no call can start in the flow "{flow.name}"')


def _check_refusals(flows: tuple[ReadFlow, ...], refusals: Iterable[CallerRefusal]) -> Iterator[FlowIssue]:
    """Report E272 for a flow for refused callers in which no call can start."""
    closed = {flow.name for flow in flows if not flow.words.has_entrance}
    for refusal in refusals:
        if refusal.run.value in closed:
            message = f'no call can start in the flow "{refusal.run.value}"'
            yield RULES["E272"].at(refusal.run.place, message, "add `entry: true` to it, or in Python `entry=True`")


def _check_results(sections: Iterable[Sections]) -> Iterator[FlowIssue]:
    first: dict[str, OwnResult] = {}
    for name, result in (declared for section in sections for declared in section.results.items()):
        known = first.setdefault(name, result)
        if known.text != result.text:
            where = f"{known.place.file}:{known.place.line}"
            message = f'the result "{name}" has another text in {where}: {known.text}'
            yield RULES["E283"].at(result.place, message, f"write `{name}: {known.text}`, or give it another name")


def _repeated(found: Iterable[tuple[str, Place]]) -> Iterator[tuple[str, Place, Place]]:
    seen: dict[str, Place] = {}
    for value, place in found:
        first = seen.setdefault(value, place)
        if first != place:
            yield value, place, first


def check_conversations(flows: Mapping[str, ReadFlow]) -> Iterator[FlowIssue]:
    """Report W287 for each conversation that nobody starts, unless a computed name may be its name.

    Source: NCCO reference, Conversation: with `startOnEnter: false` a participant waits until one without it joins.
    """
    waiting: dict[str, Action] = {}
    started: set[str | None] = set()
    steps = [read.step for flow in flows.values() for read in flow.steps.values()]
    for action in (action for step in steps for action in step.actions if action.word == "conversation"):
        name = action.literal("name")
        if name is None or action.literal("startOnEnter") is not False:
            started.add(name)
        else:
            waiting.setdefault(name, action)
    for name, action in waiting.items():
        if name not in started and None not in started:
            message = f'everybody in the conversation "{name}" waits for somebody to start it'
            yield RULES["W287"].at(action.fields["startOnEnter"].place, message)
