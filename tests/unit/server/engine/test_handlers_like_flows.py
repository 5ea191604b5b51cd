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
from ncco_server.flow.loader import load
from tests.support.examples import examples
from tests.unit.server.engine.handled_call import HandledCall, project_of
from tests.unit.server.engine.scripted_call import NOON, ScriptedCall


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
    asked: Asked


@dataclass(frozen=True)
class Collect:
    text: str
    digits: tuple[int, int] | None
    got: Tree
    otherwise: Tree
    asked: Asked


@dataclass(frozen=True)
class Asked:
    """Options of a question: the arguments, and the options of `talk` and `input`."""

    arguments: str
    talk: Mapping[str, Any]
    input: Mapping[str, Any]


@dataclass(frozen=True)
class Pin:
    digits: int
    right: Tree
    wrong: Tree
    otherwise: Tree


@dataclass(frozen=True)
class Connect:
    number: str
    timeout: int
    ways: Mapping[str, Tree]
    otherwise: Tree


@dataclass(frozen=True)
class Find:
    """Calls one function, or two at once."""

    is_pair: bool
    found: Tree
    failed: Tree


@dataclass(frozen=True)
class First:
    """Adds a row, if it is new."""

    new: Tree
    known: Tree


@dataclass(frozen=True)
class Count:
    """Changes a row and reads it."""

    after: Tree


@dataclass(frozen=True)
class Run:
    """Runs another flow."""

    returns: bool
    yes: Tree
    no: Tree


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


Tree: TypeAlias = (
    Talk | Play | Hold | Choose | Collect | Pin | Connect | Find | First | Count | Run | Tell | Hours | None
)


def said(tree: Tree) -> Tree:
    """A handler always asks when a connected call is over; a flow file does not if the call then ends."""
    return tree or Talk("Goodbye.", False, None)


TEXTS = st.sampled_from(
    ["Hello.", "Please choose.", 'It\'s "so" <1 & 2>.', "Une façon, £5 > £3.", "100 % <you> sure? <", "&lt; {x}"]
)
SSML = "<speak>It is &lt; <s>%s</s>, <sub alias='%s'>so</sub>.</speak>"
OWN_CHECKPOINT = "step.reached"
"""The name of a checkpoint that a step of a flow file waits for by itself. That of a handler is `reached`."""
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
        ("record(end_on_key='#', time_out=30)", {"record": {"endOnKey": "#", "timeOut": 30}}),
        ("talk('Bonjour.', language='fr-FR', style=3)", {"talk": "Bonjour.", "language": "fr-FR", "style": 3}),
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
ASKED = st.sampled_from(
    [
        Asked("", {}, {}),
        Asked(", language='fr-FR', style=3", {"language": "fr-FR", "style": 3}, {}),
        Asked(", barge_in=False", {"bargeIn": False}, {}),
        Asked(", timeout=7, submit_on_hash=True", {}, {"dtmf": {"timeOut": 7, "submitOnHash": True}}),
    ]
)
NUMBERS = st.sampled_from(["447700900111", "447700900222"])
SHARED = """
shared: true
hooks:
  crm: {post: "https://crm.example.com", params: {what: text}, json: {what: "{{ what }}", from: "{{ call.from }}"}}
hours: {shop: {timezone: Europe/London, week: {mon-fri: 09:00-12:01}}}
results: {first: it was the first, second: it was the second}
tables:
  days: {key: {day: date}, columns: {number: phone}}
  visits: {key: {number: phone}, columns: {calls: int, latest: text}}
"""
OTHERS = {
    "flows/all.yaml": SHARED,
    "flows/yes_or_no.yaml": """
flow: yes_or_no
start: ask
params: {what: text}
outcomes: ["yes", "no"]
returns: {code: text}
vars: {heard: {type: text}}
steps:
  ask:
    do: [talk: "Is {{ what }} right?"]
    choices:
      one: {dtmf: 1, goto: {return: "yes", set: {code: "{{ what }} 1"}}}
      two: {dtmf: 2, goto: number}
    retry: {tries: 1, then: {return: "no", set: {code: none}}}
  number:
    do: [talk: "Which number?"]
    collect: {into: heard, digits: 3}
    retry: {tries: 1, then: {return: "no", set: {code: none}}}
    goto: {return: "no", set: {code: "{{ heard }}"}}
""",
}
OUTCOMES = ("completed", "busy", "timeout", "unanswered", "rejected", "failed")


def is_alike(play: Play) -> bool:
    """A handler waits once more than a flow if it tells something, then asks, after an action of unknown length."""
    return not (play.code.startswith(("conversation", "record(end", "wait")) and asks_next(play.after, has_told=False))


def asks_next(tree: Tree, *, has_told: bool) -> bool:
    """Whether a function, a row or a flow comes before the next wait, and a hook or a result before it."""
    match tree:
        case Talk() | Play():
            return asks_next(tree.after, has_told=has_told)
        case Tell():
            return asks_next(tree.after, has_told=True)
        case Hours():
            return any(asks_next(each, has_told=has_told) for each in (tree.open, tree.closed))
    return has_told and isinstance(tree, Find | First | Count | Run)


def trees(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    choose = st.builds(
        lambda text, ways, otherwise, tries, prompts, asked: Choose(
            text, dict(zip("abc", ways, strict=False)), otherwise, tries, tuple(prompts[: tries - 1]), asked
        ),
        TEXTS,
        st.lists(inner, min_size=1, max_size=3),
        inner,
        st.integers(1, 3),
        st.lists(TEXTS, max_size=2),
        ASKED,
    )
    ways = st.dictionaries(st.sampled_from(OUTCOMES), inner.map(said), max_size=3)
    lengths = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda each: (each[0], sum(each))) | st.none()
    return st.one_of(
        st.builds(Talk, TEXTS, st.booleans(), inner),
        st.builds(lambda item, after: Play(item[0], item[1], after), ITEMS, inner).filter(is_alike),
        st.builds(Hold, TEXTS, st.integers(5, 40), inner, inner),
        choose,
        st.builds(Collect, TEXTS, lengths, inner, inner, ASKED),
        st.builds(Pin, st.integers(4, 6), inner, inner, inner),
        st.builds(Connect, NUMBERS, st.integers(5, 60), ways, inner.map(said)),
        st.builds(Find, st.booleans(), inner, inner),
        st.builds(First, inner, inner),
        st.builds(Count, inner),
        st.builds(Run, st.booleans(), inner, inner),
        st.builds(Hours, inner, inner),
        st.builds(Tell, st.sampled_from(["first", "second"]), st.booleans(), inner),
    )


TREES = st.recursive(
    st.sampled_from([None, Play("transfer('CON-1', mute=True)", {"transfer": "CON-1", "mute": True}, None)]),
    trees,
    max_leaves=8,
)


def either(tree: Hold | Hours | First) -> tuple[str, Tree, Tree]:
    """A condition in Python, and what follows if it is true or false."""
    match tree:
        case Hold():
            held = f'await call.hold(free, up_to_s={tree.up_to_s}, talk={tree.text!r}) == "ready"'
            return held, tree.ready, tree.too_long
        case Hours():
            return 'call.hours("shop").open', tree.open, tree.closed
    return 'await call.save("days", day=call.now.date(), only_new=True)', tree.new, tree.known


def lines(tree: Talk | Play | Tell | Count, entered: str) -> Iterator[str]:
    match tree:
        case Talk():
            heard = " + f' {heard}'" * tree.speaks
            yield f"await call.talk({tree.text!r}{heard})"
        case Play():
            yield f"await call.{tree.code}"
        case Tell():
            what = f'f"{tree.what} {{heard}}"' if entered else f'"{tree.what}"'
            told = f'result("{tree.what}")' if tree.is_result else f'send("crm", what={what})'
            yield f"await call.{told}"
        case Count():
            yield 'await call.save("visits", number=call.person, set={"latest": heard}, increase={"calls": 2})'
            yield 'visit = await call.row("visits", number=call.person)'
            yield "heard = f\"{visit['latest']} {visit['calls']}\""


@dataclass
class Python:
    """The code of a handler."""

    numbers: Iterator[int] = field(default_factory=count)

    def of(self, tree: Tree, indent: str = "    ", entered: str = "") -> Iterator[str]:
        match tree:
            case None:
                yield f"{indent}return"
            case Hold() | Hours() | First():
                condition, yes, no = either(tree)
                yield f"{indent}if {condition}:"
                yield from self.of(yes, f"{indent}    ", entered)
                yield from self.of(no, indent, entered)
            case Choose() | Connect() | Run():
                name = f"found{next(self.numbers)}"
                gives_values = isinstance(tree, Run) and tree.returns
                ways = {"yes": tree.yes} if isinstance(tree, Run) else tree.ways
                yield f"{indent}{name}{', values' * gives_values} = await call.{self._waits(tree)}"
                if gives_values:
                    yield f'{indent}heard = values["code"]'
                for way, after in ways.items():
                    yield f'{indent}if {name} == "{way}":'
                    yield from self.of(after, f"{indent}    ", entered)
                yield from self.of(tree.no if isinstance(tree, Run) else tree.otherwise, indent, entered)
            case Collect() | Pin():
                yield from self._entered(tree, indent, entered)
            case Find():
                both = "(order, price) = await call.run_all(call.run(find), call.run(ask_price))"
                yield f"{indent}try:"
                yield f"{indent}    {both if tree.is_pair else 'order = await call.run(find)'}"
                yield f"{indent}except RunFailed:"
                yield from self.of(tree.failed, f"{indent}    ", entered)
                yield f"{indent}heard = f\"{{order['status']}} {{order['minutes']}}\""
                yield from self.of(tree.found, indent, entered)
            case _:
                yield from (f"{indent}{line}" for line in lines(tree, entered))
                yield from self.of(tree.after, indent, entered)

    def _waits(self, tree: Choose | Connect | Run) -> str:
        match tree:
            case Choose():
                menu = ", ".join(f'"{way}": Choice({number})' for number, way in enumerate(tree.ways, 1))
                prompts = f", noinput={list(tree.prompts)!r}, nomatch={list(tree.prompts)!r}" if tree.prompts else ""
                return f"choose({tree.text!r}, {{{menu}}}, tries={tree.tries}{prompts}{tree.asked.arguments})"
            case Connect():
                ends = ", ends_call=False" * ("completed" in tree.ways)
                return f'connect("{tree.number}", timeout={tree.timeout}{ends})'
        return f'run_flow("yes_or_no", outcomes=["yes", "no"], what=heard{", returns=True" * tree.returns})'

    def _entered(self, tree: Collect | Pin, indent: str, entered: str) -> Iterator[str]:
        name = f"number{next(self.numbers)}"
        inner = f"{indent}    "
        if isinstance(tree, Collect):
            low, high = tree.digits or (0, 1)
            asked = f"digits={low if low == high else tree.digits}" if tree.digits else "speech=True"
            yield f"{indent}{name} = await call.collect({tree.text!r}, {asked}, tries=2{tree.asked.arguments})"
            yield f"{indent}if {name} is not None:"
            yield f"{inner}heard = {name}"
            yield from self.of(tree.got, inner, name)
        else:
            yield f'{indent}{name} = await call.collect("Your PIN.", digits={tree.digits}, tries=2, sensitive=True)'
            yield f"{indent}if {name} is not None:"
            yield f"{inner}if await call.run(is_right, {name}):"
            yield from self.of(tree.right, f"{inner}    ", entered)
            yield from self.of(tree.wrong, inner, entered)
        yield from self.of(tree.otherwise, indent, entered)


@dataclass
class Yaml:
    """The steps of a flow file, by name."""

    steps: dict[str, Any] = field(default_factory=dict)

    def of(self, tree: Tree, entered: str = "") -> str:
        """The name of the first step, or `end`."""
        if tree is None:
            return "end"
        name = f"s{len(self.steps)}"
        step = self.steps[name] = dict[str, Any]()
        match tree:
            case Choose() | Collect() | Pin():
                step |= self._asks(tree, entered, f"{name}p")
            case Talk():
                step["do"] = [{"talk": f"{tree.text}{' {{ heard }}' * tree.speaks}"}]
                step["goto"] = self.of(tree.after, entered)
            case Play():
                step["do"] = [tree.item]
                after = self.of(tree.after, entered)
                step |= {"on": {"reached": after}} if tree.item == REACHED else {"goto": after}
            case Tell():
                what = f"{tree.what} {{{{ heard }}}}" if entered else tree.what
                step |= {"result": tree.what} if tree.is_result else {"send": {"crm": {"what": what}}}
                step["goto"] = self.of(tree.after, entered)
            case Hold():
                step["lookup"] = "free"
                step["do"] = [{"talk": tree.text}]
                step["hold"] = {"until": "free.ready", "up_to": f"{tree.up_to_s}s"}
                step["on"] = {"ready": self.of(tree.ready, entered), "too_long": self.of(tree.too_long, entered)}
            case Connect():
                step["do"] = [{"connect": tree.number, "timeout": tree.timeout}]
                ways = {way: self.of(after, entered) for way, after in tree.ways.items()}
                step["on"] = {"completed": "end", **ways, "otherwise": self.of(tree.otherwise, entered)}
            case _:
                step |= self._decides(tree, entered, f"{name}r")
        return name

    def _asks(self, tree: Choose | Collect | Pin, entered: str, after: str) -> dict[str, Any]:
        tries = tree.tries if isinstance(tree, Choose) else 2
        retry = {"tries": tries, "then": self.of(tree.otherwise, entered)}
        match tree:
            case Choose():
                ways = {way: self.of(after, entered) for way, after in tree.ways.items()}
                choices = {way: {"dtmf": str(n), "goto": to} for n, (way, to) in enumerate(ways.items(), 1)}
                prompts = {"noinput": [*tree.prompts], "nomatch": [*tree.prompts]} if tree.prompts else {}
                return {"do": asking(tree.text, tree.asked), "choices": choices, "retry": prompts | retry}
            case Collect():
                low, high = tree.digits or (0, 1)
                asked = {"digits": str(low) if low == high else f"{low}..{high}"} if tree.digits else {"speech": "any"}
                collect = {"into": "heard", **asked}
                got = self.of(tree.got, "heard")
                return {"do": asking(tree.text, tree.asked), "collect": collect, "goto": got, "retry": retry}
        right, wrong = self.of(tree.right, entered), self.of(tree.wrong, entered)
        branch = [{"if": "checked.right", "goto": right}, {"else": wrong}]
        self.steps[after] = {"lookup": {"checked": {"pin": "{{ pin }}"}}, "branch": branch}
        pin = {"into": "pin", "digits": str(tree.digits), "sensitive": True}
        return {"do": [{"talk": "Your PIN."}], "collect": pin, "goto": after, "retry": retry}

    def _decides(self, tree: Hours | First | Count | Find | Run, entered: str, after: str) -> dict[str, Any]:
        match tree:
            case Hours():
                opened, closed = self.of(tree.open, entered), self.of(tree.closed, entered)
                return {"branch": [{"if": "hours.shop.open", "goto": opened}, {"else": closed}]}
            case First():
                save = {"table": "days", "day": "{{ now | date }}", "only_new": True, "into": "is_new"}
                new, known = self.of(tree.new, entered), self.of(tree.known, entered)
                return {"save": save, "branch": [{"if": "is_new", "goto": new}, {"else": known}]}
            case Count():
                changed: dict[str, Any] = {"set": {"latest": "{{ heard }}"}, "increase": {"calls": 2}}
                read = {"lookup": "visit", "set": {"heard": "{{ visit.latest }} {{ visit.calls }}"}}
                self.steps[after] = {**read, "goto": self.of(tree.after, entered)}
                return {"save": {"table": "visits", "number": "{{ call.person }}", **changed}, "goto": after}
            case Find():
                found, failed = self.of(tree.found, entered), self.of(tree.failed, entered)
                heard = {"goto": found, "set": {"heard": "{{ order.status }} {{ order.minutes }}"}}
                branch = [
                    {"if": "order.ok and price.ok" if tree.is_pair else "order.ok", "goto": heard},
                    {"else": failed},
                ]
                return {"lookup": ["order", "price"] if tree.is_pair else "order", "branch": branch}
        ways = {"yes": self.of(tree.yes, entered), "no": self.of(tree.no, entered)}
        heard = {"set": {"heard": "{{ code }}"}} if tree.returns else {}
        on = {way: {"goto": to, **heard} for way, to in ways.items()}
        return {"run": "yes_or_no", "with": {"what": "{{ heard }}"}, "on": on}


def asking(text: str, asked: Asked) -> list[Any]:
    return [{"talk": text, **asked.talk}, *([{"input": asked.input}] if asked.input else [])]


def flow_file(tree: Tree) -> str:
    written = Yaml()
    start = written.of(tree)
    steps = written.steps or {"s0": {"goto": "end"}}
    head = {"flow": "shop", "default": "true", "start": "s0" if start == "end" else start, "steps": steps}
    free = {"get": "https://example.com/free", "returns": {"ready": "bool"}, "default": {"ready": False}}
    order = {"get": "https://example.com/order", "returns": {"status": "text", "minutes": "int"}}
    price = {"get": "https://example.com/price", "returns": {"price": "int"}}
    sensitive = {"type": "text", "sensitive": True}
    checked = {
        "post": "https://example.com/checked",
        "params": {"pin": sensitive},
        "json": {"pin": "{{ pin }}"},
        "returns": {"right": "bool"},
    }
    visit = {"table": "visits", "number": "{{ call.person }}"}
    lookups = {"free": free, "order": order, "price": price, "checked": checked, "visit": visit}
    texts = {name: {"type": "text", "default": ""} for name in ("heard", "code")}
    return json.dumps({**head, "vars": {**texts, "is_new": {"type": "bool"}, "pin": sensitive}, "lookups": lookups})


def handler_file(tree: Tree) -> str:
    body = "\n".join(Python().of(tree))
    return f"""
from ncco_server import Call, Choice, RunFailed, Secret, Ssml, call_flow

asked = []

def free() -> bool:
    asked.append(1)
    return len(asked) % 3 == 0

def find() -> dict[str, str | int]:
    asked.append(1)
    return {{"status": "ready & <b>", "minutes": 5 // (len(asked) % 4)}}

def ask_price() -> int:
    asked.append(1)
    return 5 // (len(asked) % 4)

def is_right(pin: Secret) -> bool:
    return pin.reveal().startswith("1")

@call_flow(default=True)
async def shop(call: Call):
    heard = ""
{body}
"""


class ScriptedHold(HandledCall):
    """A call in which lookups answer what the functions of the handler do."""

    def _answer(self, lookup: Lookup) -> LookupAnswer:
        if lookup.name not in ("free", "order", "price", "checked"):
            return super()._answer(lookup)
        if lookup.name == "checked":
            return LookupAnswer({"right": lookup.request.json["pin"].startswith("1")})
        self.called.append(lookup.name)
        number = len(self.called)
        if lookup.name == "free":
            return LookupAnswer({"ready": number % 3 == 0})
        if number % 4 == 0:
            return LookupAnswer(None, "it fails")
        values = {"status": "ready & <b>", "minutes": 5 // (number % 4)}
        return LookupAnswer(values if lookup.name == "order" else {"price": 5})


WORDS = "<b>5 & 6</b> > 3 {{ x }}"
WEBHOOKS = st.lists(
    st.sampled_from(["1", "2", "3", "12", "1234", "12345", "4321", "9", "", WORDS, *OUTCOMES]), max_size=8
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
    if webhook == "completed" and "notify" not in kinds:
        return None
    if webhook == "completed":
        call.seen.add("answered")
        return call.reach("connected")
    return call.dial(webhook if webhook in OUTCOMES else "busy")


def played(call: HandledCall) -> Any:
    ncco = json.loads(json.dumps(call.ncco).replace(OWN_CHECKPOINT, "reached"))
    return ncco, call.turn.hooks, call.turn.facts.own, call.rows


@examples(60)
@given(TREES, WEBHOOKS, st.sampled_from([NOON, NOON + timedelta(seconds=40), NOON + timedelta(hours=5)]))
def test_a_handler_plays_the_same_as_an_equivalent_flow_file(tree: Tree, webhooks: list[str], at: datetime) -> None:
    code = handler_file(tree)
    project = project_of(code, OTHERS)
    errors = [issue for issue in project.issues if issue.is_error]
    assert not errors, (code, errors)
    handled = HandledCall(project.flows["shop"], at=at)
    scripted = ScriptedHold(load({"flows/test.yaml": flow_file(tree), **OTHERS}).flows["shop"], at=at)
    assert played(scripted) == played(handled), code
    for webhook in webhooks:
        assert (send(scripted, webhook) is None) == (send(handled, webhook) is None), (code, webhook)
        assert played(scripted) == played(handled), (code, webhook)
