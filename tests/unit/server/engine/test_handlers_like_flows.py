"""Equivalent handlers and flow files give every caller the same NCCOs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine import Lookup, LookupAnswer
from tests.support.examples import examples
from tests.unit.server.engine.handled_call import HandledCall, project_of
from tests.unit.server.engine.scripted_call import NOON, ScriptedCall, load_flow


@dataclass(frozen=True)
class Talk:
    text: str
    speaks: bool
    after: Tree


@dataclass(frozen=True)
class Play:
    """Any other action: the code, and the item of a flow file. A flow file waits for the checkpoint `reached`."""

    code: str
    item: Any
    after: Tree


@dataclass(frozen=True)
class Hold:
    text: str
    up_to_s: int
    ready: Tree
    too_long: Tree


@dataclass(frozen=True)
class Choose:
    text: str
    ways: Mapping[str, Tree]
    otherwise: Tree
    tries: int
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Collect:
    text: str
    digits: tuple[int, int] | None
    got: Tree
    otherwise: Tree


@dataclass(frozen=True)
class Connect:
    number: str
    timeout: int
    completed: Tree
    otherwise: Tree


@dataclass(frozen=True)
class Tell:
    """Sends a hook, or sets a result."""

    what: str
    is_result: bool
    after: Tree


@dataclass(frozen=True)
class Hours:
    open: Tree
    closed: Tree


Tree: TypeAlias = Talk | Play | Hold | Choose | Collect | Connect | Tell | Hours | None


def said(tree: Tree) -> Tree:
    """A handler always asks when a connected call is over; a flow file does not if the call then ends."""
    return tree or Talk("Goodbye.", False, None)


TEXTS = st.sampled_from(
    ["Hello.", "Please choose.", 'It\'s "so" <1 & 2>.', "Une façon, £5 > £3.", "100 % <you> sure? <", "&lt; {x}"]
)
SSML = "<speak>It is &lt; <s>%s</s>, <sub alias='%s'>so</sub>.</speak>"
REACHED = {"checkpoint": "reached"}
RAW = {"action": "talk", "text": "Raw.", "loop": 2}
ITEMS = st.sampled_from(
    [
        ("wait(2)", {"wait": 2}),
        ('checkpoint("here")', {"checkpoint": "here"}),
        ('checkpoint("reached", wait=True)', REACHED),
        ("record(beepStart=True)", {"record": {"beepStart": True}}),
        ("record(endOnSilence=5, split='conversation')", {"record": {"endOnSilence": 5, "split": "conversation"}}),
        ("conversation('team', startOnEnter=False)", {"conversation": {"name": "team", "startOnEnter": False}}),
        (
            "conversation('team-' + heard, canHear=[call.uuid])",
            {"conversation": "team-{{ heard }}", "canHear": ["{{ call.uuid }}"]},
        ),
        (
            "notify({'a': 1, 'b': [True, heard]}, url='https://example.com/n')",
            {"notify": {"payload": {"a": 1, "b": [True, "{{ heard }}"]}, "eventUrl": "https://example.com/n"}},
        ),
        (f"ncco([{RAW}])", RAW),
        (
            "ncco([{'action': 'talk', 'text': '> ' + heard + ' <', 'level': None}])",
            {"action": "talk", "text": "> {{ heard }} <"},
        ),
        (
            "stream('https://example.com/' + call.to + '.mp3', level=0.5)",
            {"stream": "https://example.com/{{ call.to }}.mp3", "level": 0.5},
        ),
        (
            f"talk(Ssml({SSML % ('{}', '{0}')!r}).format(heard))".replace("{}", "{0}"),
            {"talk": SSML % ("{{ heard }}", "{{ heard }}")},
        ),
    ]
)
NUMBERS = st.sampled_from(["447700900111", "447700900222"])
SHARED = """
shared: true
hooks:
  crm: {post: "https://crm.example.com", params: {what: text}, json: {what: "{{ what }}", from: "{{ call.from }}"}}
hours: {shop: {timezone: Europe/London, week: {mon-fri: 09:00-12:01}}}
results: {first: it was the first, second: it was the second}
"""


def trees(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    choose = st.builds(
        lambda text, ways, otherwise, tries, prompts: Choose(
            text,
            dict(zip("abc", ways, strict=False)),
            otherwise,
            tries,
            tuple(prompts[: tries - 1]),
        ),
        TEXTS,
        st.lists(inner, min_size=1, max_size=3),
        inner,
        st.integers(1, 3),
        st.lists(TEXTS, max_size=2),
    )
    lengths = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda each: (each[0], sum(each))) | st.none()
    return st.one_of(
        st.builds(Talk, TEXTS, st.booleans(), inner),
        st.builds(lambda item, after: Play(item[0], item[1], after), ITEMS, inner),
        st.builds(Hold, TEXTS, st.integers(5, 40), inner, inner),
        choose,
        st.builds(Collect, TEXTS, lengths, inner, inner),
        st.builds(Connect, NUMBERS, st.integers(5, 60), inner.map(said), inner),
        st.builds(Hours, inner, inner),
        st.builds(Tell, st.sampled_from(["first", "second"]), st.booleans(), inner),
    )


TREES = st.recursive(
    st.sampled_from([None, Play("transfer('CON-1', mute=True)", {"transfer": "CON-1", "mute": True}, None)]),
    trees,
    max_leaves=8,
)


def either(tree: Hold | Hours | Connect) -> tuple[str, Tree, Tree]:
    """A condition in Python, and what follows if it is true or false."""
    match tree:
        case Hold():
            held = f'await call.hold(free, up_to_s={tree.up_to_s}, talk={tree.text!r}) == "ready"'
            return held, tree.ready, tree.too_long
        case Hours():
            return 'call.hours("shop").open', tree.open, tree.closed
    dialled = f'await call.connect("{tree.number}", timeout={tree.timeout}, ends_call=False) == "completed"'
    return dialled, tree.completed, tree.otherwise


@dataclass
class Python:
    """The code of a handler."""

    numbers: Iterator[int] = field(default_factory=count)

    def of(self, tree: Tree, indent: str = "    ", entered: str = "") -> Iterator[str]:
        match tree:
            case None:
                yield f"{indent}return"
            case Talk():
                heard = " + f' {heard}'" * tree.speaks
                yield f"{indent}await call.talk({tree.text!r}{heard})"
                yield from self.of(tree.after, indent, entered)
            case Play():
                yield f"{indent}await call.{tree.code}"
                yield from self.of(tree.after, indent, entered)
            case Hold() | Hours() | Connect():
                condition, yes, no = either(tree)
                yield f"{indent}if {condition}:"
                yield from self.of(yes, f"{indent}    ", entered)
                yield from self.of(no, indent, entered)
            case Choose():
                name = f"choice{next(self.numbers)}"
                menu = ", ".join(f'"{way}": Choice({number})' for number, way in enumerate(tree.ways, 1))
                prompts = f", noinput={list(tree.prompts)!r}, nomatch={list(tree.prompts)!r}" if tree.prompts else ""
                yield f"{indent}{name} = await call.choose({tree.text!r}, {{{menu}}}, tries={tree.tries}{prompts})"
                for way, after in tree.ways.items():
                    yield f'{indent}if {name} == "{way}":'
                    yield from self.of(after, f"{indent}    ", entered)
                yield from self.of(tree.otherwise, indent, entered)
            case Collect():
                name = f"number{next(self.numbers)}"
                low, high = tree.digits or (0, 1)
                asked = f"digits={low if low == high else tree.digits}" if tree.digits else "speech=True"
                yield f"{indent}{name} = await call.collect({tree.text!r}, {asked}, tries=2)"
                yield f"{indent}if {name} is not None:"
                yield f"{indent}    heard = {name}"
                yield from self.of(tree.got, f"{indent}    ", name)
                yield from self.of(tree.otherwise, indent, entered)
            case Tell():
                what = f'f"{tree.what} {{heard}}"' if entered else f'"{tree.what}"'
                told = f'result("{tree.what}")' if tree.is_result else f'send("crm", what={what})'
                yield f"{indent}await call.{told}"
                yield from self.of(tree.after, indent, entered)


@dataclass
class Yaml:
    """The steps of a flow file, by name."""

    steps: dict[str, Any] = field(default_factory=dict)

    def of(self, tree: Tree, entered: str = "") -> str:
        """The name of the first step, or `end`."""
        name = f"s{len(self.steps)}"
        if tree is None:
            return "end"
        step = self.steps[name] = dict[str, Any]()
        match tree:
            case Talk():
                step["do"] = [{"talk": f"{tree.text}{' {{ heard }}' * tree.speaks}"}]
                step["goto"] = self.of(tree.after, entered)
            case Play():
                step["do"] = [tree.item]
                after = self.of(tree.after, entered)
                step |= {"on": {"reached": after}} if tree.item == REACHED else {"goto": after}
            case Hold():
                step["lookup"] = "free"
                step["do"] = [{"talk": tree.text}]
                step["hold"] = {"until": "free.ready", "up_to": f"{tree.up_to_s}s"}
                step["on"] = {"ready": self.of(tree.ready, entered), "too_long": self.of(tree.too_long, entered)}
            case Choose():
                step["do"] = [{"talk": tree.text}]
                ways = {way: self.of(after, entered) for way, after in tree.ways.items()}
                step["choices"] = {way: {"dtmf": str(n), "goto": to} for n, (way, to) in enumerate(ways.items(), 1)}
                prompts = {"noinput": [*tree.prompts], "nomatch": [*tree.prompts]} if tree.prompts else {}
                step["retry"] = {**prompts, "tries": tree.tries, "then": self.of(tree.otherwise, entered)}
            case Collect():
                low, high = tree.digits or (0, 1)
                asked = {"digits": str(low) if low == high else f"{low}..{high}"} if tree.digits else {"speech": "any"}
                step["do"] = [{"talk": tree.text}]
                step["collect"] = {"into": "heard", **asked}
                step["goto"] = self.of(tree.got, "heard")
                step["retry"] = {"tries": 2, "then": self.of(tree.otherwise, entered)}
            case Hours():
                opened, closed = self.of(tree.open, entered), self.of(tree.closed, entered)
                step["branch"] = [{"if": "hours.shop.open", "goto": opened}, {"else": closed}]
            case Tell():
                what = f"{tree.what} {{{{ heard }}}}" if entered else tree.what
                step |= {"result": tree.what} if tree.is_result else {"send": {"crm": {"what": what}}}
                step["goto"] = self.of(tree.after, entered)
            case Connect():
                step["do"] = [{"connect": tree.number, "timeout": tree.timeout}]
                step["on"] = {
                    "completed": self.of(tree.completed, entered),
                    "otherwise": self.of(tree.otherwise, entered),
                }
        return name


def flow_file(tree: Tree) -> str:
    written = Yaml()
    start = written.of(tree)
    steps = written.steps or {"s0": {"goto": "end"}}
    head = {"flow": "shop", "default": "true", "start": "s0" if start == "end" else start, "steps": steps}
    free = {"get": "https://example.com/free", "returns": {"ready": "bool"}, "default": {"ready": False}}
    return json.dumps({**head, "vars": {"heard": {"type": "text", "default": ""}}, "lookups": {"free": free}})


def handler_file(tree: Tree) -> str:
    body = "\n".join(Python().of(tree))
    return f"""
from ncco_server import Call, Choice, Ssml, call_flow

asked = []

def free() -> bool:
    asked.append(1)
    return len(asked) % 3 == 0

@call_flow(default=True)
async def shop(call: Call):
    heard = ""
{body}
"""


class ScriptedHold(ScriptedCall):
    """A call in which `free` is ready each third time, as in the handler."""

    def _answer(self, lookup: Lookup) -> LookupAnswer:
        self.asked.append(lookup)
        return LookupAnswer({"ready": len(self.asked) % 3 == 0})


WORDS = "<b>5 & 6</b> > 3 {{ x }}"
WEBHOOKS = st.lists(
    st.sampled_from(["1", "2", "3", "12", "1234", "9", "", WORDS, "busy", "failed", "completed"]), max_size=8
)


def send(call: ScriptedCall, webhook: str) -> Any:
    kinds = {wait.kind for wait in call.session.waits if wait.steers}
    if not kinds:
        return None
    if "input" in kinds:
        if webhook == WORDS:
            return call.speak((WORDS, 0.9))
        return call.press(webhook) if webhook.isdigit() else call.silence()
    if kinds == {"notify"}:
        return call.reach("here")
    if webhook == "completed":
        call.seen.add("answered")
        return call.reach("connected")
    return call.dial(webhook if webhook in ("busy", "failed") else "busy")


def played(call: ScriptedCall) -> Any:
    return call.ncco, call.turn.hooks, call.turn.facts.own


@examples(60)
@given(TREES, WEBHOOKS, st.sampled_from([NOON, NOON + timedelta(seconds=40), NOON + timedelta(hours=5)]))
def test_a_handler_plays_the_same_as_an_equivalent_flow_file(tree: Tree, webhooks: list[str], at: datetime) -> None:
    code = handler_file(tree)
    project = project_of(code, {"flows/all.yaml": SHARED})
    errors = [issue for issue in project.issues if issue.is_error]
    assert not errors, (code, errors)
    handled = HandledCall(project.flows["shop"], at=at)
    scripted = ScriptedHold(load_flow(flow_file(tree), {"flows/all.yaml": SHARED}), at=at)
    assert played(scripted) == played(handled), code
    for webhook in webhooks:
        assert send(scripted, webhook) == send(handled, webhook), (code, webhook)
        assert played(scripted) == played(handled), (code, webhook)
