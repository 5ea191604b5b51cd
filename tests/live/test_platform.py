"""Vonage behaves as docs/reference/platform.md assumes; each test has the name of its assumption."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import jwt
import pytest

from ncco_studio.simulator.assumptions import DEFAULTS
from tests.live.line import Line, Received, Reply

See: TypeAlias = Callable[[Line], Any]
Question: TypeAlias = Callable[[Line], Awaitable[Any]]
TAIL: Final = {"action": "notify", "payload": {"reached": "tail"}, "eventUrl": ["@tail"]}
ASKED: Final = TAIL | {"eventUrl": ["@asked"]}
HELLO: Final = {"action": "talk", "text": "Hello."}
LONG: Final = {"action": "talk", "text": "This is one of many sentences. " * 15, "bargeIn": True}
ROOM: Final = {"action": "conversation", "name": "@room"}
PHONE: Final = {"type": "phone", "number": "@caller"}
DIAL: Final = {"action": "connect", "endpoint": [PHONE], "eventUrl": ["@leg"]}
CONNECT: Final = DIAL | {"from": "@subject"}
INPUT: Final = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 1, "maxDigits": 1}, "eventUrl": ["@input"]}
BRIEF: Final = CONNECT | {"timeout": 3, "eventType": "synchronous"}
WITH_PLUS: Final = CONNECT | {"endpoint": [PHONE | {"number": "+@caller"}]}
ON_ANSWER: Final = CONNECT | {"endpoint": [PHONE | {"onAnswer": {"url": "@on_answer"}}]}
UNTYPED: Final = {name: value for name, value in INPUT.items() if name != "type"}
UNAVAILABLE: Final = Reply(status=503)
FAILED: Final = Reply(status=500)
LATE: Final = Reply(status=204, delay_s=70)


def wait(seconds: int) -> dict[str, Any]:
    return {"action": "wait", "timeout": seconds}


def keys(**dtmf: Any) -> dict[str, Any]:
    return INPUT | {"dtmf": dtmf}


def asks(see: See, *ncco: Any, act: tuple[str, Any] | None = None, **call: Any) -> Question:
    """A call to the subject; `act` follows four seconds after its answer."""

    async def ask(line: Line) -> Any:
        await line.place(**{"answer": list(ncco)} | call)
        if act is not None:
            await line.wait_for(lambda: line.all("answer"))
            await line.sleep(4)
            await line.act(*act)
        await line.over()
        return see(line)

    return ask


def asked(line: Line) -> list[Received]:
    return line.all("answer", "subject")


def repeats(see: Callable[[list[Received]], Any], answer: Any = UNAVAILABLE) -> Any:
    return asks(lambda line: see(asked(line)), answer=answer, seconds=75)


def follows(which: str) -> See:
    return lambda line: line.after(which)


def comes(which: str, yes: str = "sent", no: str = "not_sent", field: str = "") -> See:
    return lambda line: yes if any(not field or field in each.fields for each in line.all(which)) else no


def digits(values: Mapping[Any, str]) -> See:
    return lambda line: values.get(line.all("input")[0].fields["dtmf"]["digits"])


def method(which: str) -> See:
    return lambda line: line.all(which)[0].method


def ended(early: str, before_s: int, late: str, after_s: int) -> See:
    """When the input ended, in seconds since the key or the answer; in between proves nothing."""

    def see(line: Line) -> str | None:
        took_s = line.all("input")[0].at - (line.acted_at or asked(line)[0].at)
        return early if took_s < before_s else late if took_s > after_s else None

    return see


def gap_s(first: Received, second: Received) -> float:
    """To half a second: a network takes up to a quarter."""
    return round((second.at - first.at) * 2) / 2


def jti(webhook: Received) -> str:
    return str(jwt.decode(webhook.token, options={"verify_signature": False})["jti"])


PLAYED: Final = comes("tail", "played", "refused")
MOVED: Final = comes("event", field="conversation_uuid_to")
HASH: Final = digits({"12": "left_out", "12#": "included"})
BARGED_IN: Final = ended("stays", 3, "ends", 5)
ANY_KEYS: Final = {"action": "input", "type": ["dtmf"], "mode": "asynchronous", "eventUrl": ["@input"]}
KEPT: Final = digits({"7": "kept", "": "dropped", None: "dropped"})
QUESTIONS: Final = {
    "retries": repeats(lambda found: len(found) - 1),
    "retry_after_s": repeats(lambda found: gap_s(*found[:2])),
    "repeated_jti": repeats(lambda found: "same" if jti(found[0]) == jti(found[1]) else "new"),
    "retried_500": repeats(lambda found: "retried" if found[1:] else "not_retried", (FAILED, Reply([]))),
    "answer_timeout_s": asks(lambda line: gap_s(asked(line)[-1], line.all("fallback")[0]), answer=LATE, seconds=140),
    "text_plain": asks(PLAYED, answer=Reply([TAIL], headers={"content-type": "text/plain"})),
    "unknown_option": asks(PLAYED, TAIL | {"unknownOption": 1}),
    "input_without_type": asks(PLAYED, UNTYPED, input=[TAIL]),
    "wrong_order": asks(PLAYED, HELLO | {"bargeIn": True}, TAIL),
    "failed_reply": asks(follows("input"), INPUT, TAIL, input=FAILED, fallback=FAILED, seconds=60),
    "no_reply": asks(follows("input"), INPUT, TAIL, input=LATE, fallback=LATE, seconds=150),
    "fallback_after_event": asks(comes("fallback"), INPUT, TAIL, input=FAILED, fallback=FAILED, seconds=60),
    "invalid_ncco_event": asks(comes("event", field="reason"), {"action": "nothing"}, seconds=75),
    "empty_reply_to_input": asks(follows("input"), INPUT, TAIL),
    "empty_array_to_input": asks(follows("input"), INPUT, TAIL, input=[]),
    "empty_reply_to_notify": asks(follows("asked"), ASKED, TAIL),
    "empty_array_to_notify": asks(follows("asked"), ASKED, TAIL, asked=[]),
    "empty_array_to_connect": asks(
        follows("leg timeout"), BRIEF, TAIL, leg=[], third=Reply([], delay_s=4.5), seconds=40
    ),
    "conversation_event": asks(MOVED, ROOM, act=("hang_up", "subject")),
    "rest_transfer_event": asks(MOVED, wait(15), act=("transfer", [TAIL, wait(3)])),
    "sticky_barge_in": asks(
        BARGED_IN, HELLO | {"bargeIn": True}, LONG | {"bargeIn": False}, INPUT, act=("press", "7"), seconds=110
    ),
    "barge_in_key": asks(KEPT, LONG, keys(timeOut=10, maxDigits=2), act=("press", "7"), seconds=110),
    "input_timeout": asks(ended("at_once", 6, "after_prompts", 9), LONG, keys(timeOut=3, maxDigits=1), seconds=110),
    "hash_key": asks(HASH, keys(timeOut=8, maxDigits=5, submitOnHash=True), act=("press", "12#")),
    "silent_digits": asks(digits({"": "empty", None: "null"}), INPUT),
    "keys_while_asynchronous": asks(
        digits({"1": "one_each", "12": "together"}), ANY_KEYS, wait(15), act=("press", "12")
    ),
    "after_connect": asks(follows("leg answered"), CONNECT, TAIL, third=[HELLO], seconds=40),
    "caller_id": asks(comes("leg answered", "called_number", "fails"), DIAL, TAIL, third=[HELLO], seconds=40),
    "plus_sign": asks(comes("leg answered", "accepted", "refused"), WITH_PLUS, TAIL, third=[HELLO], seconds=40),
    "on_answer_method": asks(method("on_answer"), ON_ANSWER, third=[wait(4)], on_answer=[HELLO], seconds=40),
    "transfer_method": asks(method("moved"), wait(10), act=("transfer", "@moved"), moved=[]),
    "transfer_during_input": asks(comes("input"), keys(timeOut=10, maxDigits=1), act=("transfer", [TAIL, wait(3)])),
    "transfer_in_conversation": asks(comes("tail", "moves", "refused"), ROOM, act=("transfer", [TAIL, wait(2)])),
}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_vonage_behaves_as_assumed(name: str, line: Line) -> None:
    assert await QUESTIONS[name](line) == getattr(DEFAULTS, name)
