"""Sensitive values in handlers exist in one turn only, and only functions get them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import pytest

from ncco_server import Secret
from ncco_server.flow.handlers.secret import SecretGone
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import HandledCall, project_of

PIN = "84021739"
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


BETWEEN = """
from dataclasses import dataclass
from functools import partial

from ncco_server import Call, RunFailed, Secret, call_flow

@dataclass
class Login:
    number: str
    pin: Secret

def check_pin(pin: object) -> bool:
    return True

@call_flow(default=True, on_error="sorry")
async def shop(call: Call) -> None:
    pin = await call.collect("Your PIN.", digits=8, sensitive=True)
    account = await call.collect("Your account.", digits=4)
    await call.collect("Press 1.", digits=1)
    if pin is None or account is None:
        return
    try:
        is_right = {run}
    except RunFailed:
        is_right = False
    await call.talk("Right." if is_right else "Wrong.")
"""


@each_case(
    "run",
    [
        "await call.run(check_pin, pin)",
        'await call.run(check_pin, {"pin": pin})',
        "await call.run(check_pin, Login(account, pin))",
        "await call.run(partial(check_pin, pin))",
    ],
)
def test_a_secret_that_is_given_to_a_function_after_its_turn_fails(run: str) -> None:
    project = project_of(BETWEEN.replace("{run}", run))
    call = HandledCall(project.flows["shop"])
    assert call.press(PIN)
    assert call.press("1234")
    assert call.press("1")
    assert ["Something went wrong."] == call.said


AGAIN = """
from ncco_server import Call, RunFailed, Secret, call_flow

def are_equal(pin: Secret, again: Secret) -> bool:
    return pin.reveal() == again.reveal()

@call_flow(default=True, on_error="sorry")
async def shop(call: Call) -> None:
    pin = await call.collect("Your new PIN.", digits=8, sensitive=True)
    again = await call.collect("The same again.", digits=8, sensitive=True)
    if pin is None or again is None:
        return
    try:
        is_right = await call.run(are_equal, pin, again)
    except RunFailed:
        is_right = False
    await call.talk("Right." if is_right else "Wrong.")
"""


def test_a_secret_is_gone_after_its_turn_also_if_the_caller_enters_it_again() -> None:
    project = project_of(AGAIN)
    call = HandledCall(project.flows["shop"])
    assert call.press(PIN)
    assert call.press(PIN)
    assert ["Something went wrong."] == call.said


def test_a_secret_is_masked_and_cannot_be_serialised() -> None:
    secret = Secret("token", {"token": PIN})
    assert (PIN, "***", "[***]") == (secret.reveal(), repr(secret), str([secret]))
    for write in (pickle.dumps, orjson.dumps, str, "{}".format, "%s".__mod__):
        with pytest.raises(TypeError):
            write(secret)


def test_secrets_are_equal_if_their_values_are() -> None:
    known = {"one": PIN, "same": "1"}
    secret = Secret("one", known)
    others = {"itself, gone": Secret("one", {}), "its value": Secret.of(PIN), "another": Secret.of("1")}
    assert ["itself, gone", "its value"] == [name for name, other in others.items() if secret == other]
    assert (True, False) == (Secret.of("1") == Secret.of("1"), Secret("one", {}) == Secret("same", {}))
    assert [True] == [secret != None]  # noqa: E711 - as people write it
    with pytest.raises(SecretGone):
        Secret("one", {}) == Secret.of(PIN)  # noqa: B015 - it raises


@each_case(
    "compare",
    [
        lambda secret: secret == PIN,
        lambda secret: PIN == secret,
        lambda secret: secret != 4711,
        lambda secret: secret in (PIN, "1"),
        lambda secret: secret in {PIN},
        {PIN: 1}.get,
    ],
)
def test_a_secret_that_is_compared_as_text_says_what_to_do(compare: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError, match=r"secret\.reveal\(\)`, and `await call\.run` it"):
        compare(Secret.of(PIN))
