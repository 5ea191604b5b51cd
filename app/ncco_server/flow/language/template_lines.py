"""A template that is a line by itself: its first line is `{# line #}`, or `{# line: 442079460000 #}`.

It becomes a flow with a step for each template that it reaches by `"eventUrl": ["choice"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice, product
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
from ncco_server.flow.templates.references import name_and_path
from ncco_server.flow.templates.tree import FOLDER, TemplateFile, missing_file
from ncco_server.flow.templates.values import Computed
from ncco_server.flow.values import OurNumber, leaves
from ncco_server.ncco.statuses import STATUSES, STEERING
from ncco_server.ncco.value_types import TYPES, Kind, MapOf, Word, open_record, record

SUFFIX: Final = ".json.j2"
_LEAD: Final = re.compile(r'"eventUrl"\s*:\s*\[\s*"(?P<name>\w[\w-]*(?:/\w[\w-]*)*)(?=["?])')
_PLACEHOLDER: Final = "line"
_MOST_BRANCHES: Final = 20
"""Those of a template that are checked; our choice."""


def line_node(path: str, text: str, *, is_default: bool) -> Map:
    """The words of its flow, as in a flow file. `_steps` makes its steps."""
    file = TemplateFile(path.removeprefix(FOLDER), text)
    head = LINE.match(text)
    assert head is not None  # noqa: S101 - see `is_line`
    place = file.at(0, head.end())

    def map_of(**words: Node) -> Map:
        return Map(tuple(Entry(Text(word, place), node) for word, node in words.items()), place)

    listed = Text(head["numbers"] or "", file.at(head.start("numbers"))).between_commas() if head["numbers"] else ()
    return map_of(
        flow=Text(file.name.removesuffix(SUFFIX), place),
        numbers=Seq(tuple(Text(number, at, quoted=True) for number, at in listed), place),
        entry=Text("true", place),
        default=Text(str(is_default).lower(), place),
        start=Text(_PLACEHOLDER, place),
        steps=map_of(**{_PLACEHOLDER: map_of(goto=Text("end", place))}),
    )


def _types(text: Kind, field: str = "", word: str = "") -> Mapping[str, MapOf]:
    """With `field`, such as `input.digits`, its sample is `word`."""
    found = {
        "params": open_record(text, text.sample),
        "input": record({"digits": text, "speech": text, "confidence": TYPES["number"]}),
        "event": record({"status": text}),
    }
    root, _, key = field.partition(".")
    if root in found:
        found[root] = replace(found[root], fields={**found[root].fields, key: Word((word,))})
    return found


def read_line(head: FlowHead, context: Context, issues: list[FlowIssue]) -> ReadFlow:
    """Errors are added to `issues`, with places in the templates."""
    read = read_flow(head, context, issues)
    if read.flow is None:
        return read
    place = head.node.place
    scope = read.reader.scope
    for name, kind in _types(TYPES["text"]).items():
        scope = scope.with_name(name, kind)
    made = _steps(place.file.removeprefix(FOLDER), replace(read.reader, scope=scope, issues=issues))
    if any(issue.is_error for issue in issues):
        return replace(read, flow=None)
    own = {name: Variable(name, kind, kind.empty, place) for name, kind in _types(TYPES["text"]).items()}
    start = next(iter(made))
    flow = replace(read.flow, start=start, steps=made, variables=own, is_line=True)
    if context.is_stored:
        return replace(read, flow=flow)
    source = read.steps[_PLACEHOLDER].source
    steps = {name: ReadStep(step, replace(source, name=name), lacks_exit=False) for name, step in made.items()}
    return replace(read, flow=flow, start=start, steps=steps)


def _steps(first: str, reader: Resolver) -> dict[str, Step]:
    """Their places are in the first template: by that file, a trace shows which flow a call is in."""
    own = Place(f"{FOLDER}{first}", 1, 1)
    found: dict[str, Step] = {}
    waiting = [first]
    templates = reader.templates.data
    for file in waiting:
        name = file.removesuffix(SUFFIX)
        place = Place(f"{FOLDER}{file}", 1, 1)
        document = read_document(Item("ncco", place, Text(file, place), ()), reader) if name not in found else None
        if document is None:
            continue
        computed = (leaf.template.files for leaf in leaves(document.value) if isinstance(leaf, Computed))
        leads: dict[str, Place] = {}
        for text in (TemplateFile(each, templates[each]) for each in sorted({file}.union(*computed))):
            for lead in _LEAD.finditer(text.value):
                to = f"{lead['name']}{SUFFIX}"
                leads[lead["name"]] = at = text.at(lead.start("name"), len(lead["name"]))
                if to not in templates:
                    reader.report("E323", at, *missing_file(to, templates))
        waiting += [to for lead in leads if (to := f"{lead}{SUFFIX}") in templates]
        part = TemplateReply(document.place, document.value, source=document.source, leads=frozenset(leads))
        end = Goto(Target(None, place), place, "the template leads to no other")
        found[name] = Step(name, own, (), (part,), TemplateExit(leads) if leads else end, own)
        reader.issues.extend(dict.fromkeys(_checked(part, reader.scope)))
    return found


def _checked(part: TemplateReply, scope: ScopeTypes) -> Iterator[FlowIssue]:
    """What is wrong with any values, in each branch that compares one with a text."""
    trees = [nodes.Template(leaf.template.body) for leaf in leaves(part.value) if isinstance(leaf, Computed)]
    compared = chain.from_iterable(_compared(each) for tree in trees for each in tree.find_all(nodes.Compare))
    for branch in [("", ""), *islice(dict.fromkeys(compared), _MOST_BRANCHES)]:
        found, others = (
            {(each.place, each.ncco_code): each for each in check_step((part,), sampled, goes_on=False)}
            for text in ("text", "phone")
            for sampled in [replace(scope, types={**scope.types, **_types(TYPES[text], *branch)})]
        )
        yield from (found[key] for key in found.keys() & others.keys())


def _compared(node: nodes.Compare) -> Iterator[tuple[str, str]]:
    """`("input.digits", "1")` of `input.digits == "1"`."""
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    fields = [f"{found[0]}.{found[1][0]}" for side in sides if (found := name_and_path(side)) and any(found[1][:1])]
    return product(fields, [side.value for side in sides if isinstance(side, nodes.Const) and str is type(side.value)])


_CALLBACKS: Final = {
    ("input", None): Callback("input", "input", steers=True),
    ("input", "synchronous"): Callback("input", "input", steers=True),
    ("notify", None): Callback("notify", "notify", steers=True),
    ("connect", "synchronous"): Callback("event", "connect", steers=True),
}
"""By the action and its `mode` or `eventType`."""


@dataclass(frozen=True, slots=True)
class TemplateReply(Document):
    """The action list of a template. `leads` are the templates that answer its webhooks."""

    input_cure: ClassVar = 'name the template that replies: `"eventUrl": ["choice"]`'

    leads: frozenset[str] = frozenset()

    def draft_of(self, action: dict[str, Any], names: Mapping[str, Any]) -> Draft:
        """Raises RenderError, also for a call to a phone without a number of ours."""
        word = str(action.get("action"))
        endpoint = action.get("endpoint")
        first = endpoint[0] if isinstance(endpoint, list) and endpoint else None
        is_phone = word == "connect" and isinstance(first, dict) and first.get("type") == "phone"
        if is_phone and not {"from", "randomFromNumber"} & action.keys():
            action["from"] = OurNumber(self.place).render(names)
        url = action.get("eventUrl")
        mode = action.get("eventType" if word == "connect" else "mode")
        only = url[0] if isinstance(url, list) and len(url) == 1 else None
        name, _, query = only.partition("?") if isinstance(only, str) else ("", "", "")
        draft = Document.draft_of(self, action, names)
        if name in self.leads:
            if (callback := _CALLBACKS.get((word, mode))) is None:
                able = 'only an `input`, a `notify`, and a `connect` with `"eventType": "synchronous"` can'
                raise self.error(f'its `{word}` cannot lead to the template "{name}"', able)
            del action["eventUrl"]
            draft.callback = callback
            draft.reply = {"template": name, "given": dict(parse_qsl(query, keep_blank_values=True))}
        return draft


@dataclass(frozen=True, slots=True)
class TemplateExit(Exit):
    """Another template makes the NCCO in the reply to a webhook. `leads` says where each is named."""

    word: ClassVar = "eventUrl"
    shape: ClassVar[StepShape] = "ask"

    leads: Mapping[str, Place]

    def written_ways(self) -> Iterator[Way]:
        for name, place in self.leads.items():
            yield Way(name, Target(name, place), place, (name,), passes_input=True)

    @property
    def asked(self) -> Asked | None:
        """Source: NCCO reference, DTMF Input Settings (maxDigits)."""
        return Asked(lengths=(1, 20), free_speech=True)

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        status = STATUSES.get(outcome.name)
        if outcome.reply is None or (status is not None and outcome.name not in STEERING):
            return None
        name = outcome.reply["template"]
        values = {
            "params": outcome.reply["given"],
            "input": {"digits": outcome.digits, "speech": outcome.text, "confidence": outcome.confidence or 0},
            "event": {"status": status.fields["status"] if status is not None else ""},
        }
        place = self.leads[name]
        return Decision(Go(Target(name, place)), name, place, f"{name}{SUFFIX} replies", values=values)
