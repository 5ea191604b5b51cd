"""A template that is a line by itself: its first line is `{# line #}`, or `{# line: 442079460000 #}`.

It becomes a flow with a step for each template that it reaches by `"eventUrl": ["choice"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

from jinja2 import nodes

from ncco_server.flow.actions.check import check_step
from ncco_server.flow.actions.do import Document, read_document
from ncco_server.flow.actions.item import Item
from ncco_server.flow.files import LINE
from ncco_server.flow.frame import Callback, Draft, Frame, Target
from ncco_server.flow.grammar.reader import Resolver
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.exits import Goto
from ncco_server.flow.language.flow import FlowHead, ReadFlow, read_flow
from ncco_server.flow.language.shared import Context
from ncco_server.flow.language.step import ReadStep
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.runtime import Asked, Decision, Exit, Go, Outcome, StepShape, Way
from ncco_server.flow.scope import ScopeTypes, Variable
from ncco_server.flow.templates.tree import FOLDER, TemplateFile, missing_file
from ncco_server.flow.templates.values import Computed
from ncco_server.flow.values import OurNumber, leaves
from ncco_server.ncco.statuses import STATUSES, STEERING
from ncco_server.ncco.value_types import TYPES, Kind, Word, open_record, record

SUFFIX: Final = ".json.j2"
_LEADS: Final = re.compile(r'"eventUrl"\s*:\s*\[\s*"(?P<name>\w[\w-]*(?:/\w[\w-]*)*)(?=["?])')
_PLACEHOLDER: Final = "line"
_MOST_WORDS: Final = 20
"""Branches of a template that are tried; our choice."""
_ANSWER: Final = Asked(lengths=(1, 20), free_speech=True)
"""Source: NCCO reference, DTMF Input Settings (maxDigits)."""


def line_node(path: str, text: str, *, is_default: bool) -> Map:
    """The words of its flow, as in a flow file. The steps are made later, with the templates."""
    head = LINE.match(text)
    assert head is not None  # noqa: S101 - see `is_line`
    file = TemplateFile(path.removeprefix(FOLDER), text)
    place = file.at(0, len(head[0]))
    numbers = Text(head["numbers"] or "", file.at(max(0, head.start("numbers"))))
    words: dict[str, Node] = {
        "flow": Text(file.name.removesuffix(SUFFIX), place),
        "entry": Text("true", place),
        "start": Text(_PLACEHOLDER, place),
        "steps": _map({_PLACEHOLDER: _map({"goto": Text("end", place)}, place)}, place),
    }
    if head["numbers"] is not None:
        listed = (Text(number, at, quoted=True) for number, at in numbers.between_commas())
        words["numbers"] = Seq(tuple(listed), place)
    if is_default:
        words["default"] = Text("true", place)
    return _map(words, place)


def _map(words: Mapping[str, Node], place: Place) -> Map:
    return Map(tuple(Entry(Text(word, place), node) for word, node in words.items()), place)


def _types(text: Kind) -> dict[str, Kind]:
    return {
        "params": open_record(text, text.sample),
        "input": record({"digits": text, "speech": text, "confidence": TYPES["number"]}),
        "event": record({"status": text}),
    }


def read_line(head: FlowHead, context: Context, issues: list[FlowIssue]) -> ReadFlow:
    """Errors are added to `issues`, with places in the templates."""
    read = read_flow(head, context, issues)
    if read.flow is None:
        return read
    place = head.node.place
    scope = read.reader.scope
    for name in read.reader.lookups:
        scope = replace(scope, types={known: kind for known, kind in scope.types.items() if known != name})
    scope = _with_types(scope, TYPES["text"])
    made = _steps(place.file.removeprefix(FOLDER), replace(read.reader, scope=scope, issues=issues))
    if not context.is_stored:
        source = read.steps[_PLACEHOLDER].source
        read = replace(
            read,
            start=next(iter(made), None),
            steps={
                name: ReadStep(step, replace(source, name=name, parts=step.parts), lacks_exit=False)
                for name, step in made.items()
            },
        )
    if read.flow is None or any(issue.is_error for issue in issues):
        return replace(read, flow=None)
    own = {
        name: Variable(name, kind, kind.empty, place, is_declared=False) for name, kind in _types(TYPES["text"]).items()
    }
    flow = replace(read.flow, start=next(iter(made)), steps=made, variables=own, is_line=True)
    return replace(read, flow=flow)


def _with_types(scope: ScopeTypes, text: Kind) -> ScopeTypes:
    for name, kind in _types(text).items():
        scope = scope.with_name(name, kind)
    return scope


def _steps(first: str, reader: Resolver) -> dict[str, Step]:
    found: dict[str, Step] = {}
    waiting = [first]
    for file in waiting:
        name = file.removesuffix(SUFFIX)
        place = Place(f"{FOLDER}{file}", 1, 1)
        document = read_document(Item("ncco", place, Text(file, place), ()), reader) if name not in found else None
        if document is None:
            continue
        texts = _texts(file, document, reader)
        leads: dict[str, Place] = {}
        for text in texts:
            for lead in _LEADS.finditer(text.value):
                at = text.at(lead.start("name"), len(lead["name"]))
                if (to := f"{lead['name']}{SUFFIX}") in reader.templates.data:
                    leads.setdefault(lead["name"], at)
                    waiting.append(to)
                else:
                    reader.report("E323", at, *missing_file(to, reader.templates.data))
        part = Reply(document.place, document.value, source=document.source, leads=frozenset(leads))
        end = Goto(Target(None, place), place, "the template leads to no other")
        found[name] = Step(name, place, (), (part,), Replies(leads) if leads else end, place)
        reader.issues.extend(_tried(part, reader.scope))
    return found


def _texts(file: str, document: Document, reader: Resolver) -> list[TemplateFile]:
    computed = (leaf.template.files for leaf in leaves(document.value) if isinstance(leaf, Computed))
    return [TemplateFile(name, reader.templates.data[name]) for name in sorted({file}.union(*computed))]


def _tried(part: Reply, scope: ScopeTypes) -> list[FlowIssue]:
    """Also try each text that the template compares with, so that each of its branches is played."""
    trees = (nodes.Template(leaf.template.body) for leaf in leaves(part.value) if isinstance(leaf, Computed))
    compared = (node for tree in trees for each in tree.find_all(nodes.Compare) for node in each.find_all(nodes.Const))
    words = dict.fromkeys(node.value for node in compared if isinstance(node.value, str))
    scopes = [scope, *(_with_types(scope, Word((word,))) for word in [*words][:_MOST_WORDS])]
    return [*dict.fromkeys(issue for each in scopes for issue in check_step((part,), each, goes_on=False))]


@dataclass(frozen=True, slots=True)
class Reply(Document):
    """The action list of a template. `leads` are the templates that answer its webhooks."""

    leads: frozenset[str] = frozenset()

    def drafts(self, text: str, names: Mapping[str, Any]) -> list[Draft]:
        """Raises RenderError, also for a call to a phone without a number of ours."""
        drafts = Document.drafts(self, text, names)
        for action in (draft.action for draft in drafts):
            endpoint = action.get("endpoint")
            first = endpoint[0] if isinstance(endpoint, list) and endpoint else None
            is_phone = isinstance(first, dict) and first.get("type") == "phone"
            if is_phone and action.get("action") == "connect" and not {"from", "randomFromNumber"} & action.keys():
                action["from"] = OurNumber(self.place).render(names)
        return drafts

    def draft_of(self, action: dict[str, Any]) -> Draft:
        url = action.get("eventUrl")
        only = url[0] if isinstance(url, list) and len(url) == 1 else None
        name, _, query = only.partition("?") if isinstance(only, str) else ("", "", "")
        if name not in self.leads:
            return Document.draft_of(self, action)
        word = str(action.get("action"))
        callback = _CALLBACKS.get(word)
        is_asynchronous = action.get("mode") == "asynchronous" or (
            word == "connect" and action.get("eventType") != "synchronous"
        )
        if callback is None or is_asynchronous:
            able = 'only an `input`, a `notify`, and a `connect` with `"eventType": "synchronous"` can'
            raise self.error(f'its `{word}` cannot lead to the template "{name}"; {able}')
        plain = {option: value for option, value in action.items() if option != "eventUrl"}
        given = dict(parse_qsl(query, keep_blank_values=True))
        draft = Document.draft_of(self, {**plain, "eventUrl": []})
        del draft.action["eventUrl"]
        draft.callback = callback
        draft.reply = {"template": name, "given": given}
        return draft


_CALLBACKS: Final = {
    "input": Callback("input", "input", steers=True),
    "notify": Callback("notify", "notify", steers=True),
    "connect": Callback("event", "connect", steers=True),
}


@dataclass(frozen=True, slots=True)
class Replies(Exit):
    """Another template makes the NCCO in the reply to a webhook. `leads` says where each is named."""

    word: ClassVar = "eventUrl"
    shape: ClassVar[StepShape] = "ask"

    leads: Mapping[str, Place]

    def written_ways(self) -> Iterator[Way]:
        for name, place in self.leads.items():
            yield Way(name, Target(name, place), place, (name,), passes_input=True)

    @property
    def asked(self) -> Asked | None:
        return _ANSWER

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        status = STATUSES.get(outcome.name)
        if outcome.reply is None or (status is not None and outcome.name not in STEERING):
            return None
        name = outcome.reply["template"]
        place = self.leads[name]
        values = {
            "params": outcome.reply["given"],
            "input": {"digits": outcome.digits, "speech": outcome.text, "confidence": outcome.confidence or 0},
            "event": {"status": status.fields["status"] if status is not None else ""},
        }
        return Decision(Go(Target(name, place)), name, place, f"{name}{SUFFIX} replies", values=values)
