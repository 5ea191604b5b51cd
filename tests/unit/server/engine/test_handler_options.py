"""A handler can use every option of a step or action that a flow file can, or this file says why not."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

import pytest

from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.handlers import options
from ncco_server.flow.handlers.api import Call, Choice
from ncco_server.flow.language.choice import ChoiceDefinition
from ncco_server.flow.language.collect import DataEntry
from ncco_server.flow.language.exits import Waiting
from ncco_server.flow.language.retry import RetryWords
from ncco_server.flow.language.step import STEP_WORDS
from ncco_server.flow.loader import load
from ncco_server.ncco.actions import SHAPES
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SAMPLE_CALL, SORRY, HandledCall, handler
from tests.unit.server.engine.scripted_call import ScriptedCall

# options of actions

WRITTEN: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {
    "talk": ("talk", ("Hello.",)),
    "stream": ("stream", ("https://example.com/a.mp3",)),
    "record": ("record", ()),
    "wait": ("wait", (1,)),
    "conversation": ("conversation", ("team",)),
    "connect": ("connect", ("447700900111",)),
    "transfer": ("transfer", ("CON-1",)),
    "notify": ("notify", ({"a": 1},)),
    "input": ("choose", ("Press 1.", {"one": Choice(1)})),
}
"""Each action with the method that plays it, and the values of its main options."""
RENAMED: Final = {"notify.eventUrl": "url", "notify.eventMethod": "method"}
FIRST: Final = frozenset({"transfer.conversationId", "notify.payload"})
"""Options that are not the main ones in a flow file, but the first arguments of their methods."""
NOT_SENT: Final = {
    "talk.voiceName": "older than `style`: every NCCO with it gets a warning (N910)",
    **dict.fromkeys(
        ("connect.eventType", "connect.eventUrl", "connect.eventMethod"), "its events must come here (E412)"
    ),
    "input.type": "follows from what is asked",
    "input.eventUrl": "the answer must come to this server (E412)",
    "input.eventMethod": "the answer must come to this server (E412)",
}
OPTIONS: Final = [
    (action, option)
    for action, shape in SHAPES.items()
    for option in shape.options
    if option != shape.main and f"{action}.{option}" not in {*FIRST, *NOT_SENT}
]


def call() -> Any:
    return Call(SAMPLE_CALL, {})


def params_of(function: Any) -> dict[str, Any]:
    """The options of a function by name, with those of its `**options`."""
    found: dict[str, Any] = dict(inspect.signature(function).parameters)
    unpacked = re.fullmatch(r"Unpack\[(\w+)\]", str(getattr(found.get("options"), "annotation", "")))
    if unpacked is not None:
        del found["options"]
        found |= getattr(options, unpacked[1]).__annotations__
    return found


@each_case(("action", "option"), OPTIONS, ids=[".".join(each) for each in OPTIONS])
def test_every_option_of_an_action_can_be_given(action: str, option: str) -> None:
    method, arguments = WRITTEN[action]
    function = getattr(call(), method)
    params = params_of(function)
    names = (RENAMED.get(f"{action}.{option}", ""), SHAPES[action].options[option].field, option)
    is_free = any(getattr(each, "kind", None) is inspect.Parameter.VAR_KEYWORD for each in params.values())
    name = next((name for name in names if name in params), option if is_free else "")
    value = object()
    given: dict[str, Any] = {"input": {option: value}} if action == "input" else {name: value}
    given |= {"url": "https://example.com"} if action == "notify" and "url" not in given else {}

    assert name or action == "input", f"{method} has no option for {option}"
    (item,) = [each for each in function(*arguments, **given).do if action in each]
    inner = item[action] if isinstance(item[action], dict) else item
    assert inner[option] is value


@each_case(
    ("action", "offered"),
    [
        ("record", options.RecordOptions),
        ("conversation", options.ConversationOptions),
        ("transfer", options.TransferOptions),
        ("connect", options.ConnectOptions),
    ],
)
def test_editors_offer_the_options_of_the_action_and_no_others(action: str, offered: Any) -> None:
    own = {"name"}
    names = {SHAPES[action].python_names.get(name, name) for name in offered.__annotations__.keys() - own}
    assert {option for known, option in OPTIONS if known == action} == names


def test_every_field_that_a_handler_cannot_send_is_an_option() -> None:
    known = {f"{action}.{option}" for action, shape in SHAPES.items() for option in shape.options}
    assert {*NOT_SENT, *FIRST, *RENAMED} <= known


# keys of steps

SAID: Final = {
    "do": "ncco",
    "send": "send",
    "result": "result",
    "choices": "choose",
    "choices.dtmf": "Choice.dtmf",
    "choices.speech": "Choice.speech",
    "min_confidence": "choose.min_confidence",
    "collect": "collect",
    "collect.digits": "collect.digits",
    "collect.speech": "collect.speech",
    "collect.sensitive": "collect.sensitive",
    "collect.min_confidence": "collect.min_confidence",
    "retry": "choose.tries",
    "retry.tries": "choose.tries",
    "retry.noinput": "choose.noinput",
    "retry.nomatch": "choose.nomatch",
    "retry.reprompt": "choose.reprompt",
    "tail": "choose.tail",
    "hold": "hold",
    "hold.until": "hold.until",
    "hold.up_to": "hold.up_to_s",
    "on": "connect",
    "run": "run_flow",
    "with": "run_flow.params",
    "goto": "goto",
    "save": "save",
}
"""How a handler says each word of a step: the method or class, and its option."""
NOT_SAID: Final = {
    "lookup": "functions for `run` ask other systems, and `row` reads tables",
    "set": "variables are those of Python",
    "branch": "conditions are those of Python",
    "events": "`call_flow(events=..)` has the hooks of the whole call",
    "choices.set": "variables are those of Python",
    "choices.goto": "the handler goes on with the choice",
    "collect.into": "the handler goes on with the value",
    "collect.check": "the handler checks the value and asks again",
    "retry.then": "the handler goes on with None",
}


def declared() -> set[str]:
    """Every key of a step, and the keys below some of them."""
    under: dict[str, type[MapForm]] = {
        "choices": ChoiceDefinition,
        "collect": DataEntry,
        "retry": RetryWords,
        "hold": Waiting,
    }
    return {*STEP_WORDS} | {f"{word}.{inner}" for word, form in under.items() for inner in form.words()}


def test_a_handler_supports_every_key_of_a_step_or_omits_it_for_a_reason() -> None:
    assert declared() == SAID.keys() | NOT_SAID.keys()
    assert SAID.keys().isdisjoint(NOT_SAID)


@each_case("said", SAID.values(), ids=SAID.keys())
def test_a_handler_has_a_method_or_an_option_for_each_key(said: str) -> None:
    name, _, option = said.partition(".")
    function = Choice if name == "Choice" else getattr(call(), name)
    assert not option or option in params_of(function)


# the same call in both forms


FLOW: Final = """
flow: other
default: true
defaults: {{on: {{error: {{run: sorry}}}}}}
start: ask
steps:
  ask:
    do: [{do}]
    {exit}
    retry: {{tries: 2, then: end, {retry}}}
    {more}
"""
CHOICES: Final = "choices: {one: {dtmf: 1, goto: end}}"
COLLECT: Final = "collect: {into: heard, digits: 4}\n    goto: end"
QUESTIONS: Final = {
    "prompts that are files": (
        'choose("Press 1.", {"one": Choice(1)}, noinput={"stream": "https://example.com/no.mp3"}, tries=2)',
        {"do": 'talk: "Press 1."', "exit": CHOICES, "retry": 'noinput: [stream: "https://example.com/no.mp3"]'},
    ),
    "prompts with options": (
        'collect("Your code.", digits=4, nomatch=["No.", {"talk": "Non.", "language": "fr-FR"}], tries=2)',
        {"do": 'talk: "Your code."', "exit": COLLECT, "retry": 'nomatch: ["No.", {talk: "Non.", language: fr-FR}]'},
    ),
    "a question of several actions": (
        'choose(None, {"one": Choice(1)}, tries=2, ncco=[{"action": "stream", "streamUrl": ["https://example.com/q.mp3"]}])',
        {"do": 'stream: "https://example.com/q.mp3"', "exit": CHOICES, "retry": ""},
    ),
    "a prompt after which the question is not repeated": (
        'choose("Press 1.", {"one": Choice(1)}, noinput="Well?", reprompt=False, tries=2)',
        {"do": 'talk: "Press 1."', "exit": CHOICES, "retry": "noinput: [Well?], reprompt: false"},
    ),
    "a question without a tail": (
        'collect("Your code.", digits=4, tail=False, tries=2)',
        {"do": 'talk: "Your code."', "exit": COLLECT, "retry": "", "more": "tail: false"},
    ),
}


@each_case(("code", "written"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_question_sends_the_same_ncco_as_a_flow_file(code: str, written: dict[str, str]) -> None:
    own = HandledCall(handler(f"await call.{code}"))
    project = load({"flows/other.yaml": FLOW.format(**{"more": "", **written}), "flows/sorry.yaml": SORRY}, {})
    other = ScriptedCall(project.flows["other"])
    for webhook in ("silence", "wrong key"):
        assert played(own) == played(other)
        for each in (own, other):
            assert (each.silence() if webhook == "silence" else each.press("77")) is not None
    assert played(own) == played(other)


def played(each: ScriptedCall) -> list[dict[str, Any]]:
    """The NCCO without the webhook URLs, which name the wait."""
    return [{name: value for name, value in action.items() if name != "eventUrl"} for action in each.ncco]


# names


@each_case(
    ("python", "ncco"),
    [
        ('talk("Hello.", barge_in=True, provider_options={})', 'talk("Hello.", bargeIn=True, providerOptions={})'),
        ('stream("https://example.com/a.mp3", barge_in=True)', 'stream("https://example.com/a.mp3", bargeIn=True)'),
        ('record(end_on_key="#", time_out=9, beep_start=True)', 'record(endOnKey="#", timeOut=9, beepStart=True)'),
        ('conversation("team", start_on_enter=False)', 'conversation("team", startOnEnter=False)'),
        ('transfer("CON-1", can_hear=[])', 'transfer("CON-1", canHear=[])'),
        (
            'connect("447700900111", machine_detection="hangup", random_from_number=True)',
            'connect("447700900111", machineDetection="hangup", randomFromNumber=True)',
        ),
        (
            'choose("Go.", {"a": Choice(1)}, submit_on_hash=True, end_on_silence=1, barge_in=False)',
            'choose("Go.", {"a": Choice(1)}, submitOnHash=True, endOnSilence=1, bargeIn=False)',
        ),
    ],
)
def test_options_are_named_as_in_python_or_as_in_the_ncco(python: str, ncco: str) -> None:
    one, other = (eval(f"call().{each}", {"call": call, "Choice": Choice}) for each in (python, ncco))  # noqa: S307 - see above
    assert (one.does, one.do, one.words) == (other.does, other.do, other.words)


@each_case(
    ("line", "message"),
    [
        ('talk("Hello.", bargein=True)', '`talk` has no "bargein": write `barge_in=..`'),
        ('talk("Hello.", voice=2)', '`talk` has no "voice": write `style=..`'),
        ("record(beepStrat=True)", '`record` has no "beepStrat": write `beep_start=..`'),
        ('connect("447700900111", machine_detect="hangup")', "write `machine_detection=..`"),
        ('choose("Go.", {"a": Choice(1)}, langage="en-GB")', '`choose` has no "langage": write `language=..`'),
        ('collect(None, digits=4, language="en-GB")', "`language` is an option of a text, and this question has none"),
    ],
)
def test_a_wrong_name_of_an_option_is_told_with_the_right_one(line: str, message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        eval(f"call().{line}", {"call": call, "Choice": Choice})  # noqa: S307 - the lines above


def test_a_question_takes_the_options_of_its_text_and_of_its_input() -> None:
    asked = call().choose("Go.", {"a": Choice(1, "a")}, language="en-GB", timeout=3, context=["a"], input={"mode": "x"})
    assert [
        {"talk": "Go.", "language": "en-GB"},
        {"input": {"mode": "x", "dtmf": {"timeOut": 3}, "speech": {"context": ["a"]}}},
    ] == asked.do
