"""Sensitive values in handlers exist in one turn only, and only functions get them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import pytest

from ncco_server import Secret
from ncco_server.engine.session import to_json
from ncco_server.flow.handlers.secret import SecretGone
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_studio.verify.handlers.exploring import explore
from ncco_studio.verify.prove import prove
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import SORRY, HandledCall, handler, handler_issues, project_of

PIN = "84021739"
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BEFORE = """
from ncco_server import Secret

def check_pin(pin: Secret) -> bool:
    return pin.reveal() == "84021739"

def echo(pin: Secret) -> dict[str, object]:
    return {"said": f"You entered {pin.reveal()}.", "number": int(pin.reveal()), "ok": True}
"""
ASK = 'pin = await call.collect("Your PIN.", digits=8, sensitive=True)\n'


def pin() -> str:
    """The PIN as an object different from the text in a handler's file."""
    return "".join([*PIN])


def written(call: HandledCall) -> str:
    """Everything that is stored of the latest turn."""
    turn = call.turn
    parts = (orjson.loads(to_json(turn.session)), turn.trace, turn.stored_ncco or turn.ncco, turn.lookups)
    return repr(parts) + repr(call.asked)


def test_the_result_of_a_function_that_repeats_a_secret_is_masked() -> None:
    flow = handler(ASK + 'found = await call.run(echo, pin)\nawait call.talk(f"{found}")', before=BEFORE)
    call = HandledCall(flow)
    assert call.press(pin())
    assert "'ok': True" in call.said[0]
    assert PIN not in written(call)


@each_case("line", ['call.notify({"pin": pin}, url="https://example.com")', 'call.send("crm", pin=pin)'])
def test_checks_find_a_secret_that_is_not_given_to_a_function(line: str) -> None:
    code = f"""
        from ncco_server import Call, call_flow

        @call_flow(default=True, hooks={{"crm": {{"post": "https://example.com", "params": {{"pin": "text"}}}}}})
        async def shop(call: Call) -> None:
            pin = await call.collect("Your PIN.", digits=8, sensitive=True)
            await {line}
    """
    issues = [issue for issue in project_of(code).issues if issue.code == "W703"]
    assert ["shop.py:7"] == [issue.place.file.rpartition("/")[2] + f":{issue.place.line}" for issue in issues]
    assert "give a Secret to a function" in issues[0].message


def test_checks_find_a_secret_that_is_revealed_after_its_turn() -> None:
    code = """
        from ncco_server import Call, call_flow

        @call_flow(default=True)
        async def shop(call: Call) -> None:
            pin = await call.collect("Your PIN.", digits=8, sensitive=True)
            await call.collect("Press 1.", digits=1)
            if pin is not None:
                pin.reveal()
    """
    issues = handler_issues(project_of(code))
    assert [("W705", 9)] == [(issue.code, issue.place.line) for issue in issues]
    assert "a secret, which is gone then" in issues[0].message


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
        "await call.run(check_pin, [pin])",
        'await call.run(check_pin, {"pin": pin})',
        "await call.run(check_pin, Login(account, pin))",
        "await call.run(partial(check_pin, pin))",
        "await call.run(lambda: check_pin(pin))",
    ],
)
def test_a_secret_that_is_given_to_a_function_after_its_turn_fails_and_is_found(run: str) -> None:
    project = project_of(BETWEEN.replace("{run}", run))
    (issue,) = [each for each in handler_issues(project) if each.code == "W703"]
    assert ("flows/shop.py", 23) == (issue.place.file, issue.place.line)
    assert 'a secret exists only in its turn, which ended at "line 18"' in issue.message
    assert "error_exit" in {each.kind for each in prove(project.flows["shop"], MONDAY).violations}
    call = HandledCall(project.flows["shop"])
    assert call.press(pin())
    assert call.press("1234")
    assert call.press("1")
    assert ["Something went wrong."] == call.said


def test_a_hold_takes_no_secret() -> None:
    code = BETWEEN.replace("{run}", 'await call.hold(check_pin, pin, up_to_s=60, talk="Wait.") == "ready"')
    (issue,) = [each for each in handler_issues(project_of(code)) if each.code == "E703"]
    assert "`hold` calls its function in later turns too" in issue.message


CHECK = """
flow: check
params: {pin: {type: text, sensitive: true}, plain: {type: text, default: ""}}
outcomes: [right, wrong]
vars: {again: {type: text, sensitive: true}}
start: compare
steps:
  compare:
    branch:
      - if: pin == "84021739"
        goto: {return: right}
      - else: ask
  ask:
    do: [talk: "Once more."]
    collect: {into: again, digits: 8, check: 'again == "84021739"'}
    goto: {return: wrong}
    retry: {then: {return: wrong}}
"""
CHECKED = """
from ncco_server import Call, Secret, call_flow

@call_flow(name="check", outcomes=["right", "wrong"])
async def check(call: Call, pin: Secret, plain: str = "") -> str:
    if await call.run(is_right, pin):
        return "right"
    await call.collect("Once more.", digits=8, sensitive=True)
    return "wrong"

def is_right(pin: Secret) -> bool:
    return pin.reveal() == "84021739"
"""
GIVEN = """
from ncco_server import Call, call_flow

@call_flow(default=True, on_error="sorry")
async def shop(call: Call) -> None:
    pin = await call.collect("Your PIN.", digits=8, sensitive=True)
    if pin is None:
        return
    {line}
"""
RUN = """found = await call.run_flow("check", outcomes=("right", "wrong"), pin=pin)
    await call.talk(f"It is {found}.")
    await call.collect("Press 1.", digits=1)
    await call.talk("The end.")
"""


def with_check(line: str, flow: str) -> Project:
    """A handler that asks for a PIN, before the flow `check`."""
    if flow == "flow file":
        return project_of(GIVEN.format(line=line), {"flows/check.yaml": CHECK})
    texts = {"flows/shop.py": GIVEN.format(line=line), "flows/check.py": CHECKED, "flows/sorry.yaml": SORRY}
    return load(texts, {}, extent="project", handlers=["shop.py", "check.py"], explore=explore)


@pytest.mark.parametrize("flow", ["flow file", "handler"])
@each_case(("pin", "said"), [(PIN, "It is right."), ("12345678", "It is wrong.")])
def test_another_flow_gets_a_secret_in_a_sensitive_param(pin: str, said: str, flow: str) -> None:
    project = with_check(RUN, flow)
    assert [] == [str(issue) for issue in project.issues if issue.is_error]
    call = HandledCall(project.flows["shop"])
    assert call.press("".join([*pin]))
    assert pin not in written(call)
    if pin != PIN:
        assert ["Once more."] == call.said
        assert call.press(globals()["pin"]())
    assert [said, "Press 1."] == call.said
    assert call.press("1")
    assert ["The end."] == call.said
    assert not {pin, PIN} & {*written(call).split("'")}


@pytest.mark.parametrize("flow", ["flow file", "handler"])
@each_case(
    ("line", "code", "message"),
    [
        ('await call.goto("check", pin="1", plain=pin)', "E226", '"plain" would store the sensitive "secret'),
        ('await call.goto("check", pin=pin, plane=pin)', "E270", 'takes no "plane"'),
        ('await call.notify({"with": {"pin": pin}}, url="https://example.com")', "E331", "it is a Secret"),
        (
            'await call.collect("Press 1.", digits=1)\n    await call.goto("check", pin=pin)',
            "W703",
            "a secret exists only in its turn",
        ),
    ],
)
def test_checks_find_a_secret_for_another_flow_that_would_be_stored_or_is_gone(
    line: str, code: str, message: str, flow: str
) -> None:
    project = with_check(line, flow)
    issues = [issue for issue in handler_issues(project) if issue.code != "W704"]
    assert [code] == [issue.code for issue in issues]
    assert message in issues[0].message
    if code == "W703":
        call = HandledCall(project.flows["shop"])
        assert call.press(pin())
        assert call.press("1")
        assert ["Something went wrong."] == call.said
        assert PIN not in written(call)


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
