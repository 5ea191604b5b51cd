"""A handler can use every option of a step or action that a flow file can, or this file says why not."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

import pytest

from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.handlers import options
from ncco_server.flow.handlers.api import Call, Choice
from ncco_server.flow.language.agents import AgentForm
from ncco_server.flow.language.choice import ChoiceDefinition
from ncco_server.flow.language.collect import DataEntry
from ncco_server.flow.language.exits import Waiting
from ncco_server.flow.language.retry import RetryWords
from ncco_server.flow.language.step import STEP_WORDS
from ncco_server.ncco.actions import SHAPES
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SAMPLE_CALL, handler_issues, project_of

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
    "agent": "agent",
    "agent.uri": "agent.uri",
    "agent.content-type": "agent.content_type",
    "agent.authorization": "agent.authorization",
    "agent.with": "agent.with_",
    "agent.outcomes": "agent.outcomes",
    "agent.returns": "agent.returns",
    "agent.limit": "agent.limit",
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
        "agent": AgentForm,
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


# names


@each_case(
    ("line", "message"),
    [
        ('talk("Hello.", bargeIn=True)', "Call.talk() got an unexpected keyword argument 'bargeIn'"),
        ('talk("Hello.", voice=2)', "Call.talk() got an unexpected keyword argument 'voice'"),
        ("record(beepStart=True)", "Call.record() got an unexpected keyword argument 'beepStart'"),
        ('connect("447700900111", machineDetection="hangup")', "unexpected keyword argument 'machineDetection'"),
        ('agent("wss://bot.example.com", limit=60, retries=2)', "unexpected keyword argument 'retries'"),
        ('choose("Go.", {"a": Choice(1)}, langage="en-GB")', "unexpected keyword argument 'langage'"),
        ('collect(None, digits=4, language="en-GB")', "`language` is an option of a text, and this question has none"),
    ],
)
def test_an_option_has_one_name(line: str, message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        eval(f"call().{line}", {"call": call, "Choice": Choice})  # noqa: S307 - the lines above


def test_a_word_that_call_flow_does_not_have_is_an_error_of_its_file() -> None:
    code = """
        from ncco_server import Call, call_flow

        @call_flow(nubmers=["442079460000"])
        async def shop(call: Call) -> None:
            await call.talk("Hello.")
    """
    (issue,) = handler_issues(project_of(code))
    assert ("E701", 4) == (issue.code, issue.place.line)
    assert "unexpected keyword argument 'nubmers'" in issue.message


def test_a_question_takes_the_options_of_its_text_and_of_its_input() -> None:
    asked = call().choose("Go.", {"a": Choice(1, "a")}, language="en-GB", timeout=3, context=["a"], input={"mode": "x"})
    assert [
        {"talk": "Go.", "language": "en-GB"},
        {"input": {"mode": "x", "dtmf": {"timeOut": 3}, "speech": {"context": ["a"]}}},
    ] == asked.do
