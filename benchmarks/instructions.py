"""How many thousand instructions a webhook takes, and where: counted by callgrind, so other load has no influence.

    .venv/bin/python -m benchmarks.instructions

Needs valgrind (Debian package `valgrind`). Two runs differ by about 1 %, so a loss of 5 % is visible, which noise hides
when you measure time. The benchmark runs the application of `ncco serve` in one process, without sockets, with the flow
of benchmarks/flows and a database in memory, then with the same flow in Python, of benchmarks/handlers, and with the
flow of benchmarks/typical, which asks for opening hours and looks up the caller in a table. It sends groups of 20
signed answer webhooks, then a press of 1 for each, then the end of each call. A stage is one public function, called 20
times in a row; the rest is FastAPI, the route and its deadline, and lookups.

Hashes count for more here than they take in time, because valgrind lacks the instructions for them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import orjson

from benchmarks.load.requests import CREDENTIALS, answer_request, input_request, status_request
from benchmarks.load.serving import ROOT
from ncco_server import engine
from ncco_server.engine import CallData, LookupAnswer, Turn, TurnContext
from ncco_server.engine.session import to_json
from ncco_server.flow.model import Flow
from ncco_server.service.delivery import Delivery, Reply
from ncco_server.service.written_rows import answer_row, session_row, turn_row
from ncco_server.settings import load_settings
from ncco_server.web.app import create_app
from ncco_server.web.log import configure_log, log_webhook
from ncco_server.web.webhook_http import WebhookConfig, WebhookRequest

GROUP: Final = 20
WARM_UP: Final = 3
KEY: Final = b"k" * 32
BASE_URL: Final = "https://calls.example.com"
FLOWS: Final[Mapping[str, Mapping[str, str]]] = {
    "benchmarks/flows": {},
    "benchmarks/handlers": {"NCCO_PYTHON_FLOWS": "frontdesk.py"},
    "benchmarks/typical": {},
}
"""The folders with flows, each with its settings."""


class Webhook(NamedTuple):
    """A webhook request: path, headers and body."""

    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Counter:
    """Counts the instructions of this process by stage; callgrind writes the counts to files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages: list[str] = []

    def begin(self) -> None:
        """Start counting."""
        gc.collect()
        gc.disable()
        _control("-i", "on")
        _control("-z")

    def end(self, stage: str) -> None:
        """Stop counting, and store the count since `begin` under `stage`."""
        _control("-d", stage)
        _control("-i", "off")
        gc.enable()
        self.stages.append(stage)

    def each(self, stage: str, work: Callable[[], Any]) -> None:
        """Count `work`, called once for each member of a group, one after the other."""
        for _ in range(WARM_UP):
            work()
        self.begin()
        for _ in range(GROUP):
            work()
        self.end(stage)

    async def group(self, stage: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Count `work`, run concurrently for a group of IDs."""
        for number in range(WARM_UP):
            await _together(work(f"{number}-{each}") for each in range(GROUP))
        self.begin()
        await _together(work(f"counted-{each}") for each in range(GROUP))
        self.end(stage)


def _control(*words: str) -> None:
    subprocess.run(["callgrind_control", *words, str(os.getpid())], stdout=subprocess.DEVNULL, check=True)  # noqa: S603, S607 - a fixed command


def main() -> int:
    """Print the tables; a second process under valgrind does the counting for each."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.inside is not None:
        asyncio.run(_count(given.inside))
        return 0
    if shutil.which("callgrind_control") is None:
        print("valgrind is not installed; on Debian: apt-get install valgrind", file=sys.stderr)
        return 2
    for flows, settings in FLOWS.items():
        print(f"{flows}:")
        _print_table(_counted({**settings, "NCCO_FLOWS": str(ROOT / flows)}))
    return 0


def _counted(settings: Mapping[str, str]) -> dict[str, float]:
    """Thousands of instructions for one webhook, by stage, counted in a process under valgrind."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counted"]
        command += [sys.executable, "-m", "benchmarks.instructions", "--inside", folder]
        given = {**os.environ, **_settings(), **settings, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, check=False, env=given, cwd=ROOT, capture_output=True, text=True)  # noqa: S603 - our own
        if done.returncode:
            raise RuntimeError(done.stderr)
        return _counts(Path(folder))


def _settings() -> dict[str, str]:
    return {
        **CREDENTIALS,
        "NCCO_HOST": "127.0.0.1",
        "NCCO_PUBLIC_URL": BASE_URL,
        "NCCO_RELOAD": "0",
        "NCCO_CONSOLE": "0",
        "NCCO_TEMPLATES": str(ROOT / "templates"),
        "NCCO_DATABASE_URL": "memory://",
    }


def _counts(folder: Path) -> dict[str, float]:
    counts = {}
    for path in folder.glob("counted.*"):
        text = path.read_text()
        stage = re.search(r"^desc: Trigger: dump (.+)$", text, re.MULTILINE)
        total = re.search(r"^summary: (\d+)$", text, re.MULTILINE)
        if stage and total:
            counts[stage[1]] = int(total[1]) / GROUP / 1000
    return counts


def _print_table(counts: dict[str, float]) -> None:
    nothing = counts.pop("nothing")
    calls = 0.0
    for kind in ("answer", "input", "end"):
        stages = {name.removeprefix(f"{kind}: "): counts[name] - nothing for name in counts if name.startswith(kind)}
        whole = stages.pop("whole")
        calls += whole
        print(f"{kind}: {whole:,.0f} thousand instructions")
        if not stages:
            continue
        for name, count in sorted(stages.items()):
            print(f"    {name.partition(' ')[2]:28}{count:7,.0f}")
        print(f"    {'FastAPI, route, deadline':28}{whole - sum(stages.values()):7,.0f}")
    print(f"a call from answer to end: {calls:,.0f} thousand instructions")


async def _count(folder: Path) -> None:
    settings, counter = load_settings(), Counter(folder)
    with (folder / "log").open("w") as log:
        app = create_app(settings, write_line=configure_log(settings, log))
        async with app.router.lifespan_context(app):
            for _ in range(WARM_UP):
                answers = [_answer() for _ in range(GROUP)]
                await _send(app, _presses(await _send(app, answers)))
                await _send(app, _ends(answers))
            await _cancel_background()
            answers = [_answer() for _ in range(GROUP)]
            counter.begin()
            nccos = await _send(app, answers)
            counter.end("answer: whole")
            presses = _presses(nccos)
            counter.begin()
            await _send(app, presses)
            counter.end("input: whole")
            ends = _ends(answers)
            counter.begin()
            await _send(app, ends)
            counter.end("end: whole")
            counter.each("nothing", lambda: None)
            await _count_stages(app, counter)


async def _cancel_background() -> None:
    """End the tasks of the server that would be counted whenever they happen to run."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _count_stages(app: Any, counter: Counter) -> None:
    config: WebhookConfig = app.state.webhooks
    calls = config.calls
    answer = _received(app, _answer())
    call, context = answer.call, calls.policy.turn_context(answer.received_at, BASE_URL)
    flow = calls.library.find(call.to, None)
    assert flow is not None  # noqa: S101 - for the type

    counter.each("answer: 1 verify and read", lambda: _received(app, _answer_again))
    counter.each("answer: 2 facts of the call", lambda: _fresh(answer).call)
    counter.each("answer: 3 engine", lambda: _first_turn(flow, call, context))
    turn = _first_turn(flow, call, context)
    counter.each("answer: 4 session as JSON", lambda: to_json(turn.session))

    def rows() -> Any:
        ncco, webhook = orjson.dumps(turn.ncco), answer_row(answer, call.uuid, KEY)
        return turn_row(turn, ncco, webhook, answer), webhook, Reply.of_turn(turn, ncco, webhook)

    counter.each("answer: 5 rows and reply", rows)
    turned, webhook, reply = rows()
    opened = session_row(turn.session, 1, 1, 1, "")

    async def open_call(id_: str) -> None:
        first, cause = turned._replace(session=id_), webhook._replace(id=f"answer-{id_}", session=id_)
        await calls.store.open_call(opened._replace(id=id_, leg=id_), first, cause)

    await counter.group("answer: 6 store", open_call)
    given: dict[str, Any] = {"route": "answer", "method": "POST", "status": 200, "seconds": 0.001, "error": None}
    given |= {"delivery": answer, "shows_values": False}
    counter.each("answer: 7 log", lambda: log_webhook(config.write_line, reply, **given))
    counter.each("answer: 8 metrics", lambda: config.metrics.webhook("answer", reply, 200, 0.001))


def _first_turn(flow: Flow, call: CallData, context: TurnContext) -> Turn:
    """The first turn of a call. Lookups find nothing."""
    return engine.played(engine.begin(flow, call.uuid, call, context), lambda _: LookupAnswer(None))


def _fresh(delivery: Delivery) -> Delivery:
    """A copy of the delivery without any cached results."""
    return Delivery("POST", delivery.raw, delivery.fields, BASE_URL, delivery.received_at, came_at=perf_counter())


def _answer() -> Webhook:
    return _parsed(answer_request())


def _parsed(request: bytes, path: str = "") -> Webhook:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return Webhook(path or first.split(b" ")[1].decode(), headers, body)


def _presses(nccos: list[bytes]) -> list[Webhook]:
    """For each NCCO, the webhook of a caller who presses 1."""
    urls = [next(action["eventUrl"][0] for action in orjson.loads(ncco) if "eventUrl" in action) for ncco in nccos]
    return [_parsed(input_request(), url.removeprefix(BASE_URL)) for url in urls]


def _ends(answers: list[Webhook]) -> list[Webhook]:
    """For each answer webhook, the event that its call is over."""
    legs = [orjson.loads(answer.body)["uuid"] for answer in answers]
    return [_parsed(status_request("completed", leg), "/webhooks/event") for leg in legs]


def _scope(webhook: Webhook) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 5000),
        "scheme": "http",
        "root_path": "",
        "state": {},
        "method": "POST",
        "path": webhook.path,
        "raw_path": webhook.path.encode(),
        "query_string": b"",
        "headers": webhook.headers,
    }


def _received(app: Any, webhook: Webhook) -> Delivery:
    """The verified and parsed delivery of a webhook."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": webhook.body, "more_body": False}

    request = WebhookRequest({**_scope(webhook), "app": app}, receive)
    _result(request.receive_webhook().__await__())
    return request.verified


def _result(generator: Generator[Any, Any, Any]) -> Any:
    """The return value of a generator that never yields."""
    try:
        next(generator)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something")


async def _send(app: Any, webhooks: list[Webhook]) -> list[bytes]:
    """Send the webhooks concurrently, and return the bodies of the replies."""

    async def reply(webhook: Webhook) -> bytes:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": webhook.body, "more_body": False}

        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await app(_scope(webhook), receive, send)
        if sent[0]["status"] not in (200, 204):
            raise RuntimeError(f"it answers {sent}")
        body: bytes = sent[1]["body"]
        return body

    bodies: list[bytes] = await _together(reply(webhook) for webhook in webhooks)
    await asyncio.sleep(0)  # so that the log lines are written
    return bodies


async def _together(work: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    return list(await asyncio.gather(*work))


_answer_again: Final = _answer()


if __name__ == "__main__":
    sys.exit(main())
