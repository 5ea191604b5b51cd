"""A handler that depends on something outside is detected: by `ncco check` at its line, in a call by its next run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from ncco_server.engine.session import to_json
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import HandledCall, project_of
from tests.unit.studio.verify.test_handler_proofs import cases, code_of

KINDS: Final = cases("nondeterminism")
ASKS: Final = """
await call.choose(said, {"one": Choice(1)}, name="menu")
"""
TURN: Final = """
import sys
from ncco_server.engine.session import from_json
from tests.unit.server.engine.handled_call import HandledCall, project_of

code, before = sys.stdin.read().split(chr(0))
call = HandledCall(project_of(code, explores=False).flows["shop"])
call.turn = call.turn._replace(session=from_json(before))
call.press("1")
print([line.because for line in call.turn.trace if line.what == "R111"])
"""


def found_in_another_process(code: str) -> str:
    call = HandledCall(project_of(code, explores=False).flows["shop"])
    seed = "2" if "1" == os.environ.get("PYTHONHASHSEED") else "1"
    given = f"{code}\0{to_json(call.turn.session).decode()}"
    env = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run([sys.executable, "-c", TURN], input=given, env=env, stdout=-1, text=True, check=True).stdout


def found_in_the_next_turn(code: str, after: str) -> str:
    call = HandledCall(project_of(code, explores=False).flows["shop"])
    if after == "thread":
        other = threading.Thread(target=call.press, args=["1"])
        other.start()
        other.join()
    else:
        exec(after, {})  # noqa: S102 - code of this test
        call.press("1")
    return str([line.because for line in call.turn.trace if line.what == "R111"])


@each_case("case", KINDS.values(), ids=KINDS.keys())
def test_a_difference_when_a_handler_runs_again_is_detected(case: Mapping[str, Any]) -> None:
    code = code_of({**case, "body": case["body"] + ASKS})
    lines = code.splitlines()
    (line,) = [number for number, text in enumerate(lines, 1) if "# here" in text]
    asks = next(number for number, text in enumerate(lines, 1) if 'name="menu"' in text)

    warned = [each.place.line for each in project_of(code).issues if each.code == "W705"]
    after = case.get("after", "")
    found = found_in_another_process(code) if after == "process" else found_in_the_next_turn(code, after)

    assert line in warned
    assert f'"menu" (line {asks}), and now there with other texts' in found
