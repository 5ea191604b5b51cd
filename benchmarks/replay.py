"""How long a handler in Python takes to run again from the start, with the results of 50 waits.

    .venv/bin/python -m benchmarks.replay

The time is processor time, the median of rounds of 100 runs: of the handler alone, up to the step in which it waits,
and of the whole turn after the caller's next key.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any, Final

from ncco_server.engine import CallData, Session, TurnContext, WaitRef, begin, resume
from ncco_server.engine.records import call_record
from ncco_server.flow.loader import load
from ncco_server.ncco.webhooks import recognise

WAITS: Final = 50
ROUNDS: Final = 15
RUNS: Final = 100
HANDLER: Final = f"""
from ncco_server import Call, Choice, call_flow

@call_flow(default=True)
async def survey(call: Call) -> None:
    for number in range({WAITS}):
        await call.choose(f"Question {{number}}. Press 1 for yes, 2 for no.", {{"yes": Choice(1), "no": Choice(2)}})
    await call.choose("Shall we call you? Press 1 for yes.", {{"yes": Choice(1)}})
"""


def main() -> int:
    """Print both times."""
    flow = load({"flows/survey.py": HANDLER}, extent="project", handlers=["survey.py"]).flows["survey"]
    context = TurnContext(datetime.now(UTC), _link, lambda name, text: text)
    pressed = recognise({"dtmf": {"digits": "1"}})

    def turn(session: Session) -> Any:
        return _result(resume(flow, session, session.waits[0], pressed, context))

    session = _result(begin(flow, "call", CallData("442079460000", "447700900123", uuid="call"), context)).session
    for _ in range(WAITS - 1):
        session = turn(session).session
    handling, recorded = flow.handler, turn(session).session.variables["recorded"]
    assert handling is not None  # noqa: S101 - for the type

    def replay() -> None:
        playback = handling.playback(call_record(session.call), {}, {}, {}, (b"",))
        playback.play(recorded)
        playback.step("")

    print(f"a handler runs through {len(recorded) - 1} waits in {_median_ms(replay)} ms")
    print(f"the turn after the last of them takes {_median_ms(lambda: turn(session))} ms")
    return 0


def _link(wait: WaitRef) -> str:
    return f"https://calls.example.com/webhooks/{wait.kind}/{wait.turn}"


def _result(generator: Generator[Any, Any, Any]) -> Any:
    try:
        next(generator)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for a function")


def _median_ms(work: Callable[[], Any]) -> str:
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(RUNS):
            work()
        rounds.append((time.process_time() - begun) / RUNS * 1000)
    return f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


if __name__ == "__main__":
    sys.exit(main())
