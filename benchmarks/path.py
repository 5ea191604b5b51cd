"""How much of the code a webhook runs through: function calls, files, and changes from one file to another.

    .venv/bin/python -m benchmarks.path [--show]

Runs `ncco serve --dev` with the sample flows in this process, lets a caller hear the menu and press 2, and counts every
call of a function in app/ between the request and the reply, in all threads. A coroutine that resumes counts as another
call. A few calls of the same kind come first and are not counted, so that nothing is loaded during the count. Of the
counted ones, the shortest is shown, because no background task ran during it. `--show` lists the functions in the order
of their calls.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import ncco_server
from ncco_server.desk.commands import main as ncco

FOLDER = str(Path(ncco_server.__file__).parent) + os.sep


class Recorder:
    """Records the calls of functions in app/ while `is_on`, as (file, name)."""

    def __init__(self) -> None:
        self.is_on = False
        self.calls: list[tuple[str, str]] = []

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """Record a call; a callback for `sys.setprofile`."""
        code = frame.f_code
        if self.is_on and event == "call" and code.co_filename.startswith(FOLDER) and code.co_name[0] != "<":
            self.calls.append((code.co_filename[len(FOLDER) :], code.co_qualname))

    def during(self, work: Callable[[], Any]) -> Any:
        """Call `work` while recording, and return its result."""
        self.calls, self.is_on = [], True
        try:
            return work()
        finally:
            self.is_on = False


def main() -> int:
    """Print a row for an answer webhook and one for an input webhook."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--show", action="store_true", help="list the functions, too")
    show = words.parse_args().show
    recorder = Recorder()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threading.Thread(target=_measure, args=(port, recorder, show), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NCCO_CONSOLE"] = "0"
        os.environ["NCCO_DATABASE_URL"] = f"sqlite:///{folder}/ncco.db"
        sys.argv = ["ncco", "serve", "--dev", "--port", str(port)]
        threading.setprofile(recorder.profile)
        sys.setprofile(recorder.profile)
        try:
            ncco()
        except SystemExit as ended:
            return int(ended.code or 0)
        finally:
            sys.setprofile(None)
    return 0


def _measure(port: int, recorder: Recorder, show: bool) -> None:
    url = f"http://127.0.0.1:{port}/webhooks/answer"
    _wait_until_up(port)
    for number in range(3):
        menu = _post(url, {"from": f"44770090020{number}", "to": "442079460001", "uuid": f"warm-{number}"})
        _post(_callback(menu), {"dtmf": {"digits": "2", "timed_out": False}, "uuid": f"warm-{number}"})
    answers, inputs = [], []
    for number in range(7):
        caller = {"from": "447700900123", "to": "442079460001", "uuid": f"measured-{number}"}
        menu = recorder.during(partial(_post, url, caller))
        answers.append(recorder.calls)
        pressed = {"dtmf": {"digits": "2", "timed_out": False}, "uuid": f"measured-{number}"}
        recorder.during(partial(_post, _callback(menu), pressed))
        inputs.append(recorder.calls)
    print("webhook  calls  functions  files  changes of file")
    for name, counted in (("answer", answers), ("input", inputs)):
        calls = min(counted, key=len)
        files = [file for file, _ in calls]
        changes = sum(before != after for before, after in pairwise(files))
        print(f"{name:8} {len(calls):5} {len(set(calls)):10} {len(set(files)):6} {changes:16}")
        for file, function in calls if show else ():
            print(f"    {file}: {function}")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGTERM)


def _wait_until_up(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


def _post(url: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - our own server
        time.sleep(0.2)  # the server also counts and logs after the reply
        ncco: list[dict[str, Any]] = json.loads(reply.read())
        return ncco


def _callback(ncco: list[dict[str, Any]]) -> str:
    """The first `eventUrl` in an NCCO."""
    return str(next(action["eventUrl"][0] for action in ncco if "eventUrl" in action))


if __name__ == "__main__":
    sys.exit(main())
