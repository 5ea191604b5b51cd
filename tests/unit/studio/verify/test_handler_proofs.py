"""`ncco check` or `ncco prove` finds mistakes in Python handlers at their line; correct handlers have no findings."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import indent
from typing import Any, Final, NamedTuple

import pytest
import yaml

from ncco_studio.verify.handlers.states import comparable
from ncco_studio.verify.prove import prove
from tests.support.cases import each_case
from tests.support.command import json_of, ncco
from tests.unit.server.engine.handled_call import project_of

pytestmark = pytest.mark.usefixtures("small_heap")
MONDAY: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HEAD: Final = "from ncco_server import Call, Choice, DialFailed, NoInput, RunFailed, Secret, call_flow\n"
OTHER: Final = "flow: {name}\n{words}\nstart: only\nsteps:\n  only: {{do: [talk: Bye.], goto: {to}}}\n"


def cases(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((Path(__file__).parent / f"{name}.yaml").read_bytes(), yaml.CSafeLoader)
    return found


DEFECTS: Final = cases("handler_defects")
SEEDED: Final = [(app, each) for app, found in DEFECTS.pop("applications").items() for each in found]
APPLICATIONS: Final = Path(__file__).parent / "applications"
CALLS: Final = cases("applications/scenarios")
WITHOUT_AWAIT: Final = cases("missing_awaits")
OF_PARTS: Final = {"a method of a text": "(await order(..)).upper", "a part of a text": "(await order(..))[0]"}
PEOPLE: Final = "shared: true\ntables:\n  people: {key: {number: phone}, columns: {name: text}}\n"
OWNERS: Final = """\
shared: true
tables:
  owners:
    key: {number: phone}
    columns:
      name: text
      mobile: {type: phone, sensitive: true}
      born: {type: date, sensitive: true}
      visits: {type: int, sensitive: true}
      pin: {type: text, sensitive: true}
"""
CHECK: Final = """\
flow: check
params: {pin: {type: text, sensitive: true}}
outcomes: [right, wrong]
start: ask
steps:
  ask:
    do: [talk: "Is it yours? Press 1."]
    choices: {yours: {dtmf: 1, goto: {return: right}}}
    retry: {then: {return: wrong}}
"""
ORDER: Final = """\
async def order():
    return "pizza"

class Shop:
    async def order(self):
        return "pizza"
"""
SOUND: Final = cases("sound_handlers")


class Found(NamedTuple):
    """An issue of `ncco check`, or a fault that `ncco prove` found."""

    code: str
    file: str
    line: int
    message: str


def checked(code: str, others: Mapping[str, str]) -> tuple[list[Found], str]:
    """The findings in a handler, and the result of its proof; "" if it has errors."""
    project = project_of(code, others)
    found = [Found(each.code, each.place.file, each.place.line, each.message) for each in project.issues]
    if project.has_errors:
        return found, ""
    proof = prove(project.flows["shop"], MONDAY)
    faults = (Found(each.kind, each.place.file, each.place.line, each.message) for each in proof.violations)
    return [*found, *faults], proof.verdict.status


def code_of(case: Mapping[str, Any]) -> str:
    options = case.get("options", 'numbers=["442079460150"]')
    head = f"{HEAD}\n{case.get('before', '')}\n\n@call_flow({options})\nasync def shop(call: Call):\n"
    return head + indent(case["body"], "    ")


def others_of(case: Mapping[str, Any]) -> dict[str, str]:
    others: Mapping[str, str] = case.get("others", {})
    return {
        f"flows/{name}.yaml": OTHER.format(name=name, words=words, to="{return: done}" if "done" in words else "end")
        for name, words in others.items()
    }


@pytest.mark.filterwarnings(
    "ignore:coroutine 'greet':RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@each_case("case", DEFECTS.values(), ids=DEFECTS.keys())
def test_a_mistake_is_found_at_its_line(case: Mapping[str, Any]) -> None:
    code = code_of(case)
    (line,) = [number for number, text in enumerate(code.splitlines(), 1) if "# here" in text]

    found, _ = checked(code, others_of(case))

    told = [each for each in found if each.code in case["find"]]
    assert ("flows/shop.py", line) in [(each.file, each.line) for each in told]
    assert 1 == len(told) or "once" not in case


@each_case("name", ["a missing await before a question", "a missing await in a condition"])
def test_a_missing_await_is_reported_once_and_nothing_else(name: str) -> None:
    found, _ = checked(code_of(DEFECTS[name]), {})

    assert ["E706"] == [each.code for each in found]


@each_case("name, body", WITHOUT_AWAIT.items(), ids=WITHOUT_AWAIT.keys())
def test_a_coroutine_as_a_value_is_a_missing_await_and_nothing_else(name: str, body: str) -> None:
    code = code_of({"before": ORDER, "body": 'await call.talk("Hello.")\n' + body})
    (line,) = [number for number, text in enumerate(code.splitlines(), 1) if "# here" in text]

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        issues = project_of(code, {"flows/shared.yaml": PEOPLE}).issues
        gc.collect()

    assert [("E706", line)] == [(each.code, each.place.line) for each in issues]
    assert f"write `{OF_PARTS.get(name, 'await order(..)')}`" == issues[0].cure
    assert [] == shown


def test_a_coroutine_is_no_function_to_run() -> None:
    found = project_of(code_of({"before": ORDER, "body": "await call.run(order())\n"})).issues

    assert "write `call.run(order, ..)`" == found[0].cure


@each_case(
    "ask",
    [
        'await call.collect("Your number.", digits=5).or_raise()',
        'await call.connect("447700900111", ends_call=False).or_raise()',
    ],
)
def test_what_or_raise_raises_may_go_to_the_error_flow(ask: str) -> None:
    head, body = code_of({"body": f"{ask}\nawait call.talk('Hello.')\n"}).split(")", 1)
    sorry = {"flows/sorry.yaml": OTHER.format(name="sorry", words="", to="end")}

    found, status = checked(f'{head}, on_error="sorry"){body}', sorry)

    assert [] == [each for each in found if each.code not in ("W213", "after_connect")]
    assert status in ("proved", "walked")


def test_a_flow_that_waits_after_it_got_a_secret_is_no_mistake_of_its_caller() -> None:
    asks = 'owner = await call.row("owners", number=call.from_)\n'
    runs = 'came = await call.run_flow("check", outcomes=["right", "wrong"], pin=owner["pin"])\n'
    code = code_of({"body": f'{asks}{runs}await call.talk(f"It is {{came}}.")\n'})

    issues = project_of(code, {"flows/shared.yaml": OWNERS, "flows/check.yaml": CHECK}).issues

    assert [] == [each for each in issues if each.place.file == "flows/shop.py"]


def test_an_issue_of_a_line_that_always_fails_says_what_it_raises() -> None:
    (issue,) = project_of(code_of(DEFECTS["a name that does not exist"])).issues

    assert "the handler raised NameError: name 'nmae' is not defined" == issue.message
    assert "write `name`" == issue.cure


def test_a_handler_that_is_not_async_fails_in_every_call() -> None:
    code = code_of({"body": "return None"}).replace("async def", "def")

    assert ["E703"] == [each.code for each in project_of(code).issues]


def test_a_fault_of_a_handler_says_what_to_correct() -> None:
    flow = project_of(code_of(DEFECTS["no word for silence"])).flows["shop"]
    (fault,) = [each for each in prove(flow, MONDAY).violations if each.kind == "error_exit"]

    assert "the handler raised KeyError" in fault.message
    assert "cannot be computed" not in fault.message
    assert "correct the line of the handler" in fault.cure


def test_an_exception_of_a_handler_is_reported_and_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/shop.py").write_text(code_of(DEFECTS["no word for silence"]))
    result = ncco("prove", "--format", "json", cwd=tmp_path, env={"NCCO_PYTHON_FLOWS": "shop.py"})

    assert ["error_exit"] == [each["kind"] for each in json_of(result)["violations"]]
    assert [] == caplog.records


@each_case("case", SOUND.values(), ids=SOUND.keys())
def test_a_correct_handler_has_no_findings(case: Mapping[str, Any]) -> None:
    found, status = checked(code_of(case), {"flows/shared.yaml": OWNERS})

    assert ([], case["is"]) == ([each for each in found if each.file == "flows/shop.py"], status)


def test_the_lines_of_a_handler_that_is_only_placed_are_those_of_its_own_proof() -> None:
    placing = "hooks={'later': {'place': {'flow': 'later', 'to': '{{ call.from }}'}}}, default=True"
    shop = {"options": placing, "body": 'await call.send("later")\nawait call.talk("Goodbye.")\n'}
    later = {"options": "outbound={'from': '442079460001', 'unless': []}", "body": 'await call.talk("Hello.")\n'}
    flow = code_of(later).replace("def shop", "def later")

    assert "walked" == checked(code_of(shop), {"flows/later.py": flow})[1]


def test_equal_times_are_the_same_however_deep_a_loop_keeps_them() -> None:
    def kept() -> Any:
        return iter([[[[[{"since": datetime(2026, 3, 2, tzinfo=UTC), "for": timedelta(minutes=5)}]]]]])

    assert comparable(kept(), 4) == comparable(kept(), 4)


def test_a_proof_does_not_depend_on_the_calls_before_it() -> None:
    code = (
        HEAD
        + """
@call_flow(default=True)
async def shop(call: Call):
    await call.choose("For sales, press 1.", {"sales": Choice(1)})
    await call.connect("447700900333")
"""
    )
    flow = project_of(code).flows["shop"]

    first, second = [prove(flow, MONDAY) for _ in range(2)]
    assert len(first.space.states) == len(second.space.states)


@each_case(
    ("line", "is_timed"),
    [
        ('await call.save("people", number=call.person, set={"name": f"{call.now.date()}"})', False),
        ('await call.talk("Good morning." if call.now.hour < 12 else "Hello.")', True),
        ('await call.talk("Hello.") if call.hours("shop").open else None', True),
    ],
    ids=["saves it", "compares it", "asks opening hours"],
)
def test_a_handler_is_proved_at_several_moments_only_if_the_time_decides_something(line: str, is_timed: bool) -> None:
    hours = 'hours={"shop": {"timezone": "Europe/London", "week": {"mon-fri": "09:00-17:00"}}}'
    code = code_of({"options": f'numbers=["442079460150"], {hours}', "body": f'{line}\nawait call.talk("Bye.")'})

    proof = prove(project_of(code, {"flows/shared.yaml": PEOPLE}).flows["shop"], MONDAY)

    assert {is_timed} == {each.is_timed for each in proof.space.transitions}


def project_with(folder: Path, app: str, old: str = "", new: str = "") -> dict[str, str]:
    """Write one of the applications, with a mistake, and the calls of its author. Return the environment."""
    text = (APPLICATIONS / f"{app}.py").read_text()
    assert 1 == text.count(old) or not old
    files = {
        f"flows/{app}.py": text.replace(old, new) if old else text,
        "flows/shared.yaml": (APPLICATIONS / "shared.yaml").read_text(),
        "flows/sorry.yaml": OTHER.format(name="sorry", words="", to="end"),
        "tests/scenarios/calls.yaml": yaml.safe_dump(
            {n: each for n, each in CALLS.items() if each["call"]["to"] in text}
        ),
    }
    for name, written in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(written)
    return {"NCCO_PYTHON_FLOWS": f"{app}.py", "NCCO_DIAL_ALLOW": "44"}


def checked_in(folder: Path, env: Mapping[str, str]) -> list[str]:
    return [each["code"] for each in json_of(ncco("check", "--format", "json", cwd=folder, env=env))["issues"]]


def proved_in(folder: Path, app: str, env: Mapping[str, str]) -> list[str]:
    """The kinds of faults, and the verdict."""
    document = json_of(ncco("prove", app, "--format", "json", cwd=folder, env=env))
    return [each["kind"] for each in document["violations"]] + [each["verdict"] for each in document["flows"]]


@each_case("app", sorted(path.stem for path in APPLICATIONS.glob("*.py")))
def test_a_sound_application_has_no_findings(app: str, tmp_path: Path) -> None:
    env = project_with(tmp_path, app)

    assert [] == checked_in(tmp_path, env)
    assert ["walked"] == proved_in(tmp_path, app, env)
    assert 0 == ncco("test", cwd=tmp_path, env=env).exit_code


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@each_case(("app", "defect"), SEEDED, ids=[f"{app}: {each['new']}" for app, each in SEEDED])
def test_a_mistake_in_an_application_is_found(app: str, defect: Mapping[str, Any], tmp_path: Path) -> None:
    env = project_with(tmp_path, app, defect["old"], defect["new"])

    match defect["find"]:
        case "test":
            assert 1 == ncco("test", cwd=tmp_path, env=env).exit_code
        case str(code) if code.islower():
            assert code in proved_in(tmp_path, app, env)
        case code:
            assert code in checked_in(tmp_path, env)
