"""`ncco check` says which line of a handler is slow, and only that one."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from ncco_server.flow.handlers.limits import MOST_LINES, LineTracer, TooLong, limited
from ncco_server.flow.loader import load
from ncco_studio.verify.prove import prove
from ncco_studio.verify.prove.handler_steps import explore
from ncco_studio.verify.prove.space import SearchLimits
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import handler_issues, project_of

HEAD: Final = """
from ncco_server import Call, Choice, call_flow

@call_flow(numbers=["442079460150"])
async def shop(call: Call):
    await call.talk("Hello.")
"""
SHORT_S: Final = 3.0
"""A limit for runs that block. A pause of less than a second is not certain to be one."""


def test_an_exploration_that_takes_long_blames_no_line() -> None:
    code = f'{HEAD}    await call.choose("Press 1.", {{"one": Choice(1)}})\n'
    in_no_time = partial(explore, most=SearchLimits(seconds=-1.0))

    project = load({"flows/shop.py": code}, {}, extent="project", handlers=["shop.py"], explore=in_no_time)

    assert () == project.issues


def test_a_handler_whose_answers_make_many_states_is_run_to_its_end() -> None:
    body = """\
    said = [await call.collect(f"Question {number}.", digits=1, name=f"question_{number}") for number in range(8)]
    await call.talk(f"You said {' '.join(filter(None, said))}.")
"""
    few = partial(explore, most=SearchLimits(states=40, is_brief=True))

    project = load({"flows/shop.py": HEAD + body}, {}, extent="project", handlers=["shop.py"], explore=few)

    handler = project.flows["shop"].handler
    assert handler is not None
    assert [] == [*handler.never_run]


def test_of_many_states_of_a_step_those_with_one_unusual_value_are_all_played() -> None:
    form = f"""from datetime import date
{HEAD}    days = []
    while len(days) < 4:
        entered = await call.collect("Which day? Eight digits.", digits=8, name="day")
        try:
            days.append(date(int(entered[4:]), int(entered[2:4]), int(entered[:2])))
        except (TypeError, ValueError):
            await call.talk("There is no such day.")
    if days[2] > date(2030, 1, 1):
        raise LookupError
    await call.talk(f"Thank you. {{days}}")
"""

    proof = prove(project_of(form).flows["shop"], datetime(2026, 3, 2, 12, tzinfo=UTC), bounds=SearchLimits(3_000))

    assert "" == proof.verdict.stopped
    assert ("no more than one unusual value",) == proof.verdict.representatives["a call"]
    assert ["error_exit"] == [each.kind for each in proof.violations]


def test_a_bot_that_keeps_what_was_said_is_checked_with_few_runs(tmp_path: Path) -> None:
    begun = tmp_path / "runs"
    bot = f"""from dataclasses import dataclass

@dataclass
class Reply:
    text: str
    is_last: bool

async def answer(said: list[str]) -> Reply: ...
{HEAD}    with open({str(begun)!r}, "a") as runs:
        runs.write(call.from_[:0] + ".")
    said = []
    while heard := await call.collect("How can I help?", speech=True, name="help"):
        reply = await call.run(answer, [*said, heard])
        said = [*said, heard, reply.text]
        if reply.is_last:
            await call.talk(reply.text)
            break
"""

    handler_issues(project_of(bot))

    assert 1000 > len(begun.read_bytes())


def test_a_line_that_never_ends_is_reported() -> None:
    code = f"{HEAD}    while True:\n        pass\n"

    (issue,) = handler_issues(project_of(code))

    assert "W703" == issue.code
    assert issue.place.line in (7, 8)


def test_a_loop_that_ends_for_no_caller_is_run_to_the_limit_for_only_one_of_them(tmp_path: Path) -> None:
    counted = tmp_path / "rounds"
    counting = f"""
    with open({str(counted)!r}, "a") as rounds:
        while True:
            rounds.write(call.from_[:0] + ".")
"""

    handler_issues(project_of(f"{HEAD}{counting}"))

    rounds_of_one = MOST_LINES // 2
    assert rounds_of_one + 1 < len(counted.read_bytes()) < 2 * rounds_of_one


def test_a_line_that_blocks_in_every_run_ends_the_check(tmp_path: Path) -> None:
    begun = tmp_path / "runs"
    blocking = f"""
    with open({str(begun)!r}, "a") as runs:
        runs.write(call.from_[:0] + ".")
    time.sleep({0.7 * SHORT_S})
"""

    issues = handler_issues(project_of(f"import time\n{HEAD}{blocking}", run_s=SHORT_S))

    assert {"W705"} == {each.code for each in issues}
    assert 2 == len(begun.read_bytes())


def test_a_regular_expression_that_explodes_ends_the_check() -> None:
    code = f"""import re
{HEAD}    try:
        re.match("(a+)+$", "a" * 40 + "b")
    except BaseException:
        pass
    await call.talk("Bye.")
"""

    (issue,) = handler_issues(project_of(code, run_s=SHORT_S))

    assert ("W703", 9) == (issue.code, issue.place.line)


def test_a_validator_of_a_result_that_never_ends_is_reported() -> None:
    code = f"""{HEAD}    await call.run(find)

from pydantic import BaseModel, field_validator

class Order(BaseModel):
    code: str
    @field_validator("code")
    @classmethod
    def known(cls, code):
        while True:
            pass

async def find() -> Order: ...
"""

    (issue,) = handler_issues(project_of(code))

    assert "W703" == issue.code
    assert issue.place.line in (16, 17)


@each_case("clause", ["finally", "except BaseException"])
def test_a_line_that_blocks_when_a_wait_is_left_is_named(clause: str) -> None:
    code = f"""{HEAD}    try:
        await call.collect("Your number.", digits=2)
    {clause}:
        import time; time.sleep(3600)
"""

    project = project_of(code, run_s=SHORT_S)

    assert {10} == {each.place.line for each in handler_issues(project)}
    assert "flows/shop.py:10" in prove(project.flows["shop"], datetime(2026, 3, 2, 12, tzinfo=UTC)).space.stopped


STOPPED: Final = """
import os, signal, threading, time
from ncco_server.flow.handlers.limits import LineTracer, in_time

def stop(_):
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(0.5)

def look():
    tracer = LineTracer("shop.py")
    in_time(lambda: tracer.run(stop), tracer, limit_s=1)
    print(tracer.late)

"""


@each_case("start", ["look()", "thread = threading.Thread(target=look); thread.start(); thread.join()"])
def test_a_process_that_was_stopped_has_no_late_line(start: str) -> None:
    with subprocess.Popen([sys.executable, "-c", STOPPED + start], stdout=subprocess.PIPE, text=True) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        time.sleep(1.5)  # longer than the limit
        process.send_signal(signal.SIGCONT)
        printed, _ = process.communicate()

    assert os.WIFSTOPPED(status)
    assert "0\n" == printed


@each_case(
    ("used_s", "passed_s", "is_late"),
    [(4, 20, False), (9, 90, False), (11, 11, True), (0, 11, True), (0.5, 20, True)],
    ids=["a busy machine", "a very busy one", "it computes", "it blocks", "it blocks and computes a little"],
)
def test_what_other_processes_use_is_not_the_time_of_a_line(used_s: float, passed_s: float, is_late: bool) -> None:
    tracer = LineTracer("shop.py")
    tracer.began = (time.process_time() - used_s, time.monotonic() - passed_s)

    assert is_late is tracer.is_late(10)


def test_code_that_waits_for_a_busy_processor_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, event = time.sleep, threading.Event()
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds * 2.5))

    assert not limited("shop.py", lambda _: event.wait(1.2), None)


def test_interruptions_of_a_recursion_in_finally_make_no_chain_that_each_raise_walks() -> None:
    def again() -> None:
        try:
            again()
        finally:
            again()

    gc.collect()  # what earlier tests have left would be interrupted while it is freed
    with pytest.raises(TooLong) as caught:
        limited("shop.py", lambda _: again(), None)
    chain: list[BaseException] = [caught.value]
    while (before := chain[-1].__context__) is not None:
        chain.append(before)

    assert len(chain) < 100


def test_a_file_gets_its_time_again_with_each_new_line_and_module() -> None:
    tracer = LineTracer("shop.py", counts_progress=True)

    def has_late_line() -> bool:
        tracer.began = (time.process_time() - 11, time.monotonic() - 11)
        return tracer.is_late(10)

    assert not has_late_line()
    tracer.lines.add(1)
    assert not has_late_line()
    sys.modules["a_new_module"] = sys
    try:
        assert not has_late_line()
        assert has_late_line()
    finally:
        del sys.modules["a_new_module"]


def test_what_a_handler_does_is_explored_where_it_begins_and_not_in_each_that_goes_there(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    desk = f"""
from ncco_server import Call, RunFailed, call_flow

async def ask(what: str) -> bool: ...

@call_flow(entry=True)
async def desk(call: Call, topic: str):
    try:
        answers = [await call.run(ask, what) for what in ("open", "free", "known", "paid")]
    except RunFailed:
        answers = []
    with open({str(ends)!r}, "a") as file:
        file.write(".")
    await call.talk(f"{{topic}} {{answers}}")
"""
    menu = f"""{HEAD}    topics = {{name: Choice(key) for key, name in enumerate("abc", 1)}}
    topic = await call.choose("Press 1 to 3.", topics)
    await call.goto("desk", topic=topic or "none")
"""

    load({"flows/desk.py": desk}, {}, handlers=["desk.py"], explore=explore)
    own = len(ends.read_bytes())
    project = project_of(menu, {"flows/desk.py": desk})

    assert [] == handler_issues(project)
    handler = project.flows["shop"].handler
    assert handler is not None
    assert not handler.never_run
    assert len(ends.read_bytes()) < 4 * own
