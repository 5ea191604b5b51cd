"""A server of the flows in this repository, with its console and some recorded calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tests.contract import loopback
from tests.contract.server import running

REPOSITORY: Final = Path(__file__).parents[3]
CALLS: Final[Sequence[tuple[str, str, Sequence[dict[str, Any]]]]] = (
    ("447700900123", "442079460001", [{"dtmf": {"digits": "3", "timed_out": False}}, {"dtmf": {"digits": "2"}}]),
    ("447700900456", "442079460001", [{"dtmf": {"digits": "", "timed_out": True}}, {"dtmf": {"digits": "9"}}]),
    ("", "442079460001", []),
)
"""Who calls which number, and the inputs that follow."""


@contextmanager
def running_console(home: Path) -> Iterator[str]:
    """A link that opens the console once; the console ends with the context."""
    files = {
        str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8")
        for folder in ("flows", "templates")
        for path in (REPOSITORY / folder).iterdir()
    }
    with running(home, files, {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0"}, "--dev") as server:
        _record_calls(server.url)
        yield next(found[0] for line in server.lines if (found := re.search(r"http://\S+\?token=\S+", line)))


def _record_calls(url: str) -> None:
    for number, (caller, called, inputs) in enumerate(CALLS):
        legs = {"uuid": f"aaaaaaaa-{number}", "conversation_uuid": f"CON-{number}"}
        reply = loopback.post(f"{url}/webhooks/answer", json={"from": caller, "to": called, **legs})
        for given in inputs:
            asked = [action for action in reply.json() if action["action"] == "input"]
            reply = loopback.post(url + httpx.URL(asked[0]["eventUrl"][0]).path, json={**given, **legs})
            reply.raise_for_status()
