"""Checks scenarios against the flows of their project."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath
from typing import Final, TypeVar

from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.issues import did_you_mean
from ncco_server.flow.language.mail import Addresses
from ncco_server.flow.language.returns import Misfit, read_answer
from ncco_server.flow.model import Flow, Project
from ncco_server.flow.nodes import Map, Node, Place, Seq, Text
from ncco_server.flow.templates.values import Computed, Expression, Native
from ncco_server.flow.values import leaves
from ncco_server.ncco.value_types import TYPES, Kind, Url
from ncco_server.results import ResultName
from ncco_server.sample_calls import ANY_NUMBER, FROM
from ncco_server.service.phone_numbers import line_of
from ncco_server.service.placing.requests import RefusedRequest
from ncco_server.suggest import near_or_all, nearest
from ncco_studio.verify.scenarios.answers import ANSWERS, Answer, GivenAnswers, answer_of, lookups_of
from ncco_studio.verify.scenarios.model import Scenario, ScenarioCall
from ncco_studio.verify.scenarios.placing import row_of
from ncco_studio.verify.scenarios.tables import check_rows

_ENV: Final = re.compile(r"(?<!call\.)\benv\.(\w+)|\bcall\.env\[[\"'](\w+)")
"""In flow files, and in handlers."""
AGENT_ENV: Final = re.compile(r"\.agent\(\W*f?\W*call\.env\[[\"'](\w+)")
"""In handlers: the address of an agent."""
DIRECTION: Final = "direction"
"""A key of an answer URL's query besides params."""
_WHAT: Final = {"S107": "lookup or function", "S108": "hook", "S109": "variable", "S113": "result"}
EXPECTED_RESULTS: Final[tuple[ResultName, ...]] = ("person", "message", "served", "missed", "answered")
"""What a scenario can expect besides its flows' results."""

AnyCall = TypeVar("AnyCall", bound=ScenarioCall)


class Fitting:
    """Checks names in scenarios against a project's flows, and fills in the called number."""

    def __init__(self, project: Project) -> None:
        self._tables = project.tables
        self._calendars = project.calendars
        self._flows = project.flows
        self._refusing = {refusal.run.value for refusal in project.refusals}
        self._returned: dict[str, list[Kind]] = {}
        for (flow, short), definition in lookups_of(self._flows.values()).lookups.items():
            for name in (short, f"{flow}.{short}"):
                self._returned.setdefault(name, []).append(definition.returns.type)
        self._has_handlers = any(flow.handler is not None for flow in self._flows.values())
        self._hooks = {hook.name for flow in self._flows.values() for hook in flow.hook_definitions}
        self._variables: dict[str, list[Kind]] = {}
        for each in self._flows.values():
            for name, variable in each.variables.items():
                self._variables.setdefault(name, []).append(variable.type)

    def fit(self, scenario: Scenario, reader: Reader) -> Scenario:
        """Fill in the number and the flow.

        Reports unknown names (S106 to S109, S113, S115), values (S112) and wrong rows of tables (S114).
        """
        for name, given in scenario.given.items():
            if self._has_handlers or _check("S107", name, self._returned, given.place, reader):
                _check_answers(name, given, self._returned.get(name, []), reader)
        for hook in scenario.expect.hooks or ():
            _check("S108", hook.name, self._hooks, hook.place, reader)
        for name, variable in scenario.expect.variables.items():
            if _check("S109", name, self._variables, variable.place, reader) and variable.node is not None:
                _check_value(f"the variable {name}", variable.node, self._variables[name], reader)
        line = line_of(self._flows.values())
        check_rows(scenario.tables, self._tables, reader, line)
        check_rows(scenario.expect.tables, self._tables, reader, line)
        if scenario.expect.result:
            results = {*EXPECTED_RESULTS}.union(*(flow.results for flow in self._flows.values()))
            _check("S113", scenario.expect.result, results, scenario.expect.at("result"), reader)
        return self.fit_call(scenario, reader)

    def fit_call(self, call: AnyCall, reader: Reader) -> AnyCall:
        """Fill in number and flow; report S106 if no flow takes the call.

        A scenario whose file is named like a flow keeps it when other flows appear.
        The flow of `refuse` takes only calls that name it.
        """
        startable = [flow for flow in self._flows.values() if flow.is_startable]
        default = next((flow for flow in startable if flow.default), None)
        for name, given in call.by_hand.items():
            if name not in self._calendars:
                message = f'there are no opening hours "{name}"'
                reader.report("S115", given.place, message, near_or_all(name, self._calendars))
        if call.places:
            return self._fit_placed(call, reader)
        if call.flow:
            return self._fit_named(call, reader)
        if call.to:
            digits = "".join(char for char in call.to if char.isdigit())
            taking = next((flow for flow in startable if digits in flow.numbers), default)
            if taking is not None:
                _check_query(call, taking, reader)
            else:
                numbers = sorted(number for flow in startable for number in flow.numbers)
                cure = f"flows take calls to {', '.join(numbers) or 'no number'}"
                reader.report("S106", call.place, f"no flow takes calls to {call.to}", cure)
            return call
        beginning = [flow for flow in startable if flow.numbers or flow.name not in self._refusing]
        of_file = next((flow for flow in startable if flow.name == named_by(call)), None)
        only = of_file or default or (beginning[0] if len(beginning) == 1 else None)
        if only is None:
            names = sorted(flow.name for flow in beginning or startable)
            cure = f"name the flow: {' or '.join(f'`flow: {name}`' for name in names) or 'none takes calls'}"
            reader.report("S106", call.place, "it is unclear which flow takes the call", cure)
            return call
        _check_query(call, only, reader)
        if only.numbers:
            return replace(call, to=only.numbers[0])
        return replace(call, to=ANY_NUMBER, flow="" if only.default else only.name)

    def _fit_placed(self, call: AnyCall, reader: Reader) -> AnyCall:
        """The flow must have `outbound` and accept the values."""
        call = replace(call, to=call.to or FROM)
        for word in ("flow", "from", "query", "sip", "user", "custom_data", "endpoint_type", "uuid"):
            if word in call.written.values:
                cure = "delete it: the `outbound` of the flow says how the call is placed"
                reader.report("S106", call.at(word), f"a placed call has no `{word}`", cure)
        try:
            row_of(call, self._flows.values(), (), (b"not stored",))
        except RefusedRequest as error:
            word, _, name = error.where.partition(".")
            values = call.written.get("with")
            given = {key.value: key.place for key, _ in values.entries} if isinstance(values, Map) else {}
            place = given.get(name) or call.at(word if word in call.written.values else "place")
            reader.report("S106", place, str(error).removesuffix("."), error.cure)
        return call

    def _fit_named(self, call: AnyCall, reader: Reader) -> AnyCall:
        flow = self._flows.get(call.flow)
        if flow is None:
            written = call.written.get("flow")
            place = call.place if written is None else written.place
            reader.report("S106", place, f'there is no flow "{call.flow}"', near_or_all(call.flow, self._flows))
            return call
        _check_query(call, flow, reader)
        if not flow.is_startable:
            cure = "call a flow that runs it, or give it `numbers`, `default: true` or `entry: true`"
            reader.report("S106", call.place, f'no call can start in flow "{flow.name}"', cure)
        if not call.to and flow.numbers:
            return replace(call, to=flow.numbers[0], flow="")
        return replace(call, to=call.to or ANY_NUMBER)


def named_by(call: ScenarioCall) -> str:
    """The flow that the name of the scenario's file would mean."""
    return PurePosixPath(call.place.file).stem


def _check_query(call: ScenarioCall, flow: Flow, reader: Reader) -> None:
    query = call.written.get("query")
    for key, value in query.entries if isinstance(query, Map) else ():
        if key.value in flow.params:
            _check_value(f"the param {key.value}", value, [flow.params[key.value].type], reader)
        elif key.value != DIRECTION and not flow.is_line:
            cure = near_or_all(key.value, (*flow.params, DIRECTION))
            reader.report("S112", key.place, f'the flow "{flow.name}" has no param "{key.value}"', cure)


def _check(code: str, name: str, known: Iterable[str], place: Place, reader: Reader) -> bool:
    """Report `code` if no flow has this lookup, hook, variable or result."""
    names = set(known)
    if name not in names:
        reader.report(code, place, f'no flow has a {_WHAT[code]} "{name}"', near_or_all(name, names))
    return name in names


def _check_answers(name: str, given: GivenAnswers, returned: list[Kind], reader: Reader) -> None:
    """Report undeclared answer fields, and values of the wrong type.

    An answer under `value` is not checked.
    """
    fields = {field for type_ in returned for field in type_.fields}
    nodes = [answer.node for answer in given.answers if isinstance(answer, Answer) and not answer.is_free]
    for entry in (entry for node in nodes if isinstance(node, Map) for entry in node.entries):
        field = entry.key.value
        if not fields or field in fields:
            types = [type_.fields[field] for type_ in returned if field in type_.fields]
            _check_value(f'`{field}` of the lookup "{name}"', entry.value, types, reader)
        elif (meant := nearest(field, (*fields, *ANSWERS))) in ANSWERS:
            reader.report("S107", entry.key.place, f'the lookup "{name}" returns no "{field}"', did_you_mean(meant))
        else:
            cure = f"{near_or_all(field, fields)}; {{value: ..}} allows any answer"
            reader.report("S107", entry.key.place, f'the lookup "{name}" returns no "{field}"', cure)


def _check_value(what: str, node: Node, types: list[Kind], reader: Reader) -> None:
    """Report S112 for a value or an entry of a map or list, if it is not empty and fits none of the types."""
    for field, value in node.entries if isinstance(node, Map) else ():
        inner = [type_.fields[field.value] for type_ in types if field.value in type_.fields]
        _check_value(f"`{field.value}` of {what}", value, inner, reader)
    for item in node.items if isinstance(node, Seq) else ():
        _check_value(f"an entry of {what}", item, [type_.item for type_ in types if type_.item is not None], reader)
    if isinstance(node, Text) and node.value and types and not any(_fits(node, type_) for type_ in types):
        reader.report("S112", node.place, f'{what} is never "{node.value}"', f"write {types[0].described}")


def _fits(node: Text, type_: Kind) -> bool:
    try:
        read_answer(type_, answer_of(node, type_))
    except Misfit:
        return False
    return True


def named(scenarios: Iterable[Scenario], words: str) -> tuple[Scenario, ...]:
    """Scenarios with each of the words in their name or file; all for ""."""
    wanted = words.lower().split()
    return tuple(
        scenario
        for scenario in scenarios
        if all(word in f"{scenario.place.file} {scenario.name}".lower() for word in wanted)
    )


def env_names(flows: Iterable[Flow]) -> list[str]:
    flows = tuple(flows)
    texts = {text for flow in flows for text in flow.sources.values()}
    texts |= {flow.handler.text for flow in flows if flow.handler is not None}
    return sorted({name for text in texts for names in _ENV.findall(text) for name in names if name})


def placeholder_env(flows: Iterable[Flow]) -> dict[str, str]:
    """A phone number, email address or websocket if the variable is used as one, otherwise a URL.

    In a handler, only the address of an agent is known to be a websocket.
    """
    flows = tuple(flows)
    names = env_names(flows)
    hosts = {name: f"{name.lower().replace('_', '-')}.example" for name in names}
    agents = {name for flow in flows if flow.handler is not None for name in AGENT_ENV.findall(flow.handler.text)}
    found = {name: f"{'wss' if name in agents else 'https'}://{host}" for name, host in hosts.items()}
    steps = (step for flow in flows for step in flow.steps.values())
    effects = (effect for step in steps for effect in step.effects if effect.kind in ("play", "give"))
    played = (effect.value for effect in effects if not isinstance(effect.value, Expression))
    mails = (hook.definition.mail for flow in flows for hook in flow.hooks if hook.definition.mail is not None)
    for value in chain(played, (mail.to for mail in mails)):
        for leaf in (leaf for leaf in leaves(value) if isinstance(leaf, Native | Computed)):
            for name in leaf.used_env & found.keys():
                if leaf.type.name == TYPES["phone"].name:
                    found[name] = f"4477009002{names.index(name) % 100:02}"
                elif isinstance(leaf.type, Url):
                    found[name] = f"{leaf.type.schemes[-1]}://{hosts[name]}"
                elif isinstance(leaf.type, Addresses):
                    found[name] = f"office@{hosts[name]}"
    return found
