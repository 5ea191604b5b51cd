"""Calls in Python: what callers hear. The cases are in `handlers/`.

A case of calls has the `body` of a handler, and what is `before` it in its file; `options` are the arguments of
`call_flow`, `files` the others of the project, `around` those of the call, `rows` what its tables hold. Each of `calls`
is a list of what the caller does (`press: "1"`; nothing is silence) and of all that is heard then, up to the question.
`passages` are variants: what PASSAGE becomes, and the call, or a list of passages with the same calls.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ncco_server.engine import CallData
from ncco_server.engine.session import to_json
from ncco_server.flow.handlers.reading import LoadedHandler
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import HandledCall, handler
from tests.unit.server.engine.scripted_call import LEG, NOON

pytestmark = pytest.mark.usefixtures("small_heap")
FOLDER: Final = Path(__file__).parent / "handlers"
CALLS: Final = sorted(FOLDER.glob("*.yaml"))

Table = dict[str, Any]


def read(file: Path) -> Any:
    return yaml.load(file.read_bytes(), yaml.CSafeLoader)


def played(file: Path) -> Iterator[Any]:
    """Each call of a file: its case, and what is heard and done."""
    found = read(file)
    for name, case in found["cases"].items():
        case |= {"files": found.get("files", {}) | case.get("files", {})}
        passages = case.get("passages", [""])
        for passage in passages:
            calls = [passages[passage]] if isinstance(passages, dict) else case.get("calls", [[]])
            before = found.get("before", "") + case.get("before", "")
            texts = {"body": case["body"].replace("PASSAGE", passage), "before": before.replace("PASSAGE", passage)}
            for call in calls:
                yield pytest.param(case | texts, call, id=f"{name}: {passage} {call}")


@each_case(("case", "script"), played, files=CALLS)
def test_a_caller_hears_this(case: Table, script: list[Any]) -> None:
    options = {"options": case["options"]} if "options" in case else {}
    call = called(case, handler(case["body"], texts(case["files"]), before=case["before"], **options), script)
    expected: list[str] = []
    for each in script:
        if isinstance(each, str):
            expected.append(each)
            continue
        ((word, value),) = each.items()
        if word in ("press", "say", "dial", "hand", "reach"):
            assert not expected or expected == call.said
            expected = []
            act(call, word, value)
        elif word != "at":
            assert value == shown(call, word, value)
    assert not expected or expected == call.said
    assert case.get("ncco", []) == [plain(action) for action in call.ncco if "ncco" in case]


def called(case: Table, flow: Any, script: list[Any]) -> HandledCall:
    around = dict(case.get("around", {}))
    of_call = {"to": "442079460000", "from_number": "447700900123", "uuid": LEG, **around.pop("call", {})}
    begins = [each["at"] for each in script if "at" in each and isinstance(each, dict)]
    at = datetime.fromisoformat(begins[0]) if begins else NOON
    return HandledCall(flow, rows=case.get("rows"), call=CallData(**of_call), at=at, **around)


def act(call: HandledCall, word: str, value: Any) -> None:
    match word:
        case "press":
            found = call.press(value) if value else call.silence()
        case "say":
            found = call.speak((value, 0.9))
        case "hand":
            found = call.hand_back(value)
        case "dial":
            found = call.dial(**(value if isinstance(value, dict) else {"status": value}))
        case _:
            found = call.reach(value)
    assert found is not None


def shown(call: HandledCall, word: str, value: Any) -> Any:
    """What the call shows under a word of a case."""
    match word:
        case "called":
            return call.called
        case "rows":
            return call.rows
        case "result":
            return call.turn.facts.own
        case "hooks":
            return [{hook.name: hook.json.get("data", {}).get("params", {})} for hook in call.turn.hooks]
        case "payload":
            return call.ncco[0]["payload"]
        case "trace":
            return next(line.what for line in call.turn.trace if line.did == "failed")
        case "hides":
            turn = call.turn
            written = (to_json(turn.session), turn.trace, turn.stored_ncco or turn.ncco, turn.lookups, call.asked)
            return value if value not in repr(written) else ""
    raise ValueError(word)


def plain(action: Mapping[str, Any]) -> Table:
    """An action without the webhook URLs of this server, which name the wait."""
    ours = any(url.startswith("https://test.example") for url in action.get("eventUrl", ()))
    return {name: value for name, value in action.items() if not (ours and name in ("eventUrl", "eventMethod"))}


def texts(files: Mapping[str, Any]) -> dict[str, str]:
    return {path: text if isinstance(text, str) else json.dumps(text) for path, text in files.items()}


def test_an_asynchronous_generator_ends_with_its_handler_and_not_later_in_the_event_loop() -> None:
    flow = handler(
        'async for each in digits(): await call.collect("Your number.", digits=each)',
        before="""
        ended = []

        async def digits():
            try:
                yield 1
            finally:
                ended.append(1)
        """,
    )
    assert isinstance(flow.handler, LoadedHandler)
    ended = flow.handler.flow.function.__globals__["ended"]

    async def play() -> None:
        HandledCall(flow)
        gc.collect()
        assert [1] == ended

    asyncio.run(play())
