"""Checks whole flows: their declarations, assignments, reads and conditions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final

from ncco_server.flow.action import Action, literal, may_be_true
from ncco_server.flow.actions.connect import ConnectTarget
from ncco_server.flow.actions.do import Document
from ncco_server.flow.checks.actions import check_actions
from ncco_server.flow.checks.facts import Facts, facts_of
from ncco_server.flow.checks.secrets import SensitiveReads
from ncco_server.flow.checks.unset import check_never_set, check_unset
from ncco_server.flow.grammar.locales import Locale
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.language.flow import ReadFlow
from ncco_server.flow.language.shared import Sections
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Map, Node, Place
from ncco_server.flow.templates.values import Literal
from ncco_server.flow.values import Object
from ncco_server.ncco.statuses import BEEP, DISCONNECTED, STATUSES


def check_events(node: Node | None, steps: Collection[Step], where: str) -> Iterator[FlowIssue]:
    """Report W288 for lines under `events` that no webhook of `steps` can cause.

    `where` is `step`, `flow` or `project`.
    """
    parts = [part for step in steps for part in step.parts]
    if any(isinstance(part, Document) for part in parts):
        return
    for key in (entry.key for entry in node.entries) if isinstance(node, Map) else ():
        causes = _CAUSES.get(key.value)
        if causes is not None:
            actions = (action for part in parts for action in part.actions if causes(action))
            is_caused = any(_reports_here(action, key.value) for action in actions)
        else:
            is_caused = key.value != "hangup" or not steps or any(map(_waits, steps))
        if not is_caused:
            yield RULES["W288"].at(key.place, f"`{key.value}` is never reported: nothing in this {where} causes it")


def _waits(step: Step) -> bool:
    """Whether a caller can hang up in the step: later, the call is in another step or its flow has ended."""
    targets = (*(way.target for way in step.exit.ways), *([] if step.error is None else [step.error]))
    is_left = any(target.runs is not None and target.runs.comes_back for target in targets)
    return not step.exit.leaves_at_once or is_left or any(action.word == "conversation" for action in step.actions)


def _reports_here(action: Action, event: str) -> bool:
    if event == "transcription" and (own := action.fields.get("transcription")) is not None:
        members = own.members if isinstance(own, Object) else {}
        return "eventUrl" not in members and action.callback is not None
    return action.callback is not None


def _records(action: Action) -> bool:
    return action.word == "record" or (action.word == "conversation" and may_be_true(action.fields, "record"))


def _detects(action: Action) -> bool:
    return not {"machineDetection", "advancedMachineDetection"}.isdisjoint(action.fields)


def _hears_beep(action: Action) -> bool:
    """Source: Voice API specification, advanced machine detection (the default mode is detect)."""
    advanced = action.fields.get("advancedMachineDetection")
    members = advanced.members if isinstance(advanced, Object) else {}
    if not isinstance(advanced, Object):
        return advanced is not None
    return "mode" in members and literal(members, "mode") != "detect"


def _dials(action: Action) -> bool:
    return action.word == "connect"


def _transcribes(action: Action) -> bool:
    return _records(action) and "transcription" in action.fields


def _leads_to_a_websocket(action: Action) -> bool:
    return isinstance(action, ConnectTarget) and action.kind == "websocket"


_CAUSES: Final[Mapping[str, Callable[[Action], bool]]] = {
    **dict.fromkeys(STATUSES, _dials),
    "record": _records,
    "transcription": _transcribes,
    **dict.fromkeys(("machine", "human"), _detects),
    BEEP.name: _hears_beep,
    DISCONNECTED: _leads_to_a_websocket,
}
"""For each event, the actions whose webhooks report it."""


_USES: Final = (
    ("lookups", "no step asks the lookup"),
    ("hooks", "nothing sends the hook"),
    ("results", "no step gives the result"),
    ("calendars", "nothing uses the opening hours"),
)
"""For each section, the message of W635."""


def check_usage(
    flows: Collection[ReadFlow],
    shared: Sections,
    events: Node | None,
    found: Iterable[FlowIssue] = (),
    *,
    is_whole: bool,
) -> Iterator[FlowIssue]:
    """Check the flows without errors: in others, a name may seem unused because it is misspelt elsewhere.

    `events` are those of shared files. Only in a whole project are shared parts and locales reported as unused.
    """
    meant = frozenset[str]().union(*(issue.names for issue in found))
    each = facts_of(flows, meant)
    by_name = {facts.flow.name: facts for facts in reversed(each)}
    for facts in each:
        yield from _declared(facts)
        yield from check_unset(facts, by_name)
        yield from check_never_set(facts)
        yield from check_actions(facts)
        yield from _events(facts)
    if secret := [facts for facts in each if facts.has_sensitive_values]:
        reads = SensitiveReads(each)
        for facts in secret:
            yield from reads.check(facts)
    if is_whole and each and len(each) == len(flows):
        yield from _shared(shared, each)
        yield from check_events(events, [step for facts in each for step in facts.steps], "project")


def _declared(facts: Facts) -> Iterator[FlowIssue]:
    if facts.flow.outbound is not None and facts.flow.outbound.unless is None:
        message = f'the flow "{facts.flow.name}" does not say which numbers it must not call'
        yield RULES["W556"].at(facts.flow.outbound.place, message)
    yield from _variables(facts)
    yield from _outside(facts)
    yield from _sections(facts.source.sections, (facts,), facts.flow.place.file)


def _variables(facts: Facts) -> Iterator[FlowIssue]:
    for name, variable in facts.flow.variables.items():
        if name in facts.read or name in facts.flow.params or not variable.is_declared:
            continue
        yield RULES["W630"].at(variable.place, f'nothing reads the variable "{name}"')


def _outside(facts: Facts) -> Iterator[FlowIssue]:
    outside = facts.source.outside
    for name, param in outside.params.items():
        if name not in facts.read:
            yield RULES["W630"].at(param.variable.place, f'nothing reads the param "{name}"')
    for name, variable in outside.returns.items():
        if name not in facts.returned:
            yield RULES["W630"].at(variable.place, f'no return sets the value "{name}"')
    for name in outside.outcomes:
        if name not in facts.outcomes:
            yield RULES["W630"].at(outside.places[name], f'no step returns the outcome "{name}"')


def _events(facts: Facts) -> Iterator[FlowIssue]:
    read = facts.source
    lines: list[tuple[Node | None, Sequence[Step], str]] = [(read.words.events, facts.steps, "flow")]
    lines += [(each.source.fields.get("events"), (each.step,), "step") for each in read.steps.values()]
    for node, steps, where in lines:
        yield from check_events(node, steps, where)


def _sections(parts: Sections, users: Iterable[Facts], file: str = "") -> Iterator[FlowIssue]:
    users = tuple(users)
    for section, message in _USES:
        for name, part in getattr(parts, section).items():
            mine = [facts for facts in users if getattr(facts.source.sections, section).get(name) is part]
            if file in ("", part.place.file) and not any(facts.uses(section, name) for facts in mine):
                yield RULES["W635"].at(part.place, f'{message} "{name}"')


def _shared(shared: Sections, flows: Iterable[Facts]) -> Iterator[FlowIssue]:
    flows = tuple(flows)
    yield from _sections(shared, flows)
    values = [value for facts in flows for value in facts.assigned.get("locale", ())]
    chosen = {value.value for value in values if isinstance(value, Literal)}
    if all(isinstance(value, Literal) for value in values):
        yield from dict.fromkeys(issue for facts in flows for issue in _locales([*facts.flow.locales.values()], chosen))


def _locales(locales: Sequence[Locale], chosen: Set[object]) -> Iterator[FlowIssue]:
    never = [locale for locale in locales[1:] if locale.name not in chosen]
    if never:
        names = ", ".join(locale.name for locale in never)
        yield RULES["W635"].at(never[0].place, f"no step and no choice sets `locale` to {names}")


def check_templates(unused: Iterable[str]) -> Iterator[FlowIssue]:
    """Report W636; Markdown files are not templates."""
    for name in unused:
        if not name.lower().endswith(".md"):
            place = Place(f"templates/{name}", 1, 1)
            yield RULES["W636"].at(place, f"no flow and no template uses {name}")
