"""A server for the flows in this repository, with the console and some recorded calls."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support import loopback
from tests.support.server import STARTS_WITHIN_S, Server, running, write_files
from tests.support.webhooks import facts, send

REPOSITORY: Final = Path(__file__).parents[4]
CALLS: Final[Sequence[tuple[str, str, Sequence[dict[str, Any]]]]] = (
    ("447700900123", "442079460001", [{"dtmf": {"digits": "3", "timed_out": False}}, {"dtmf": {"digits": "2"}}]),
    ("447700900456", "442079460001", [{"dtmf": {"digits": "", "timed_out": True}}, {"dtmf": {"digits": "9"}}]),
    ("", "442079460001", [{"dtmf": {"digits": "1"}}, {"status": "busy"}, {"recording_uuid": "rec-2", "size": 9_644}]),
)
"""Callers, called numbers, and the webhooks that follow. The last caller leaves a message."""


def link_of(server: Server) -> str:
    """Wait until a server's console responds. Returns the link that opens it, or its address if it has passwords."""
    link = server.wait_for(r'http://\S+\?token=[^\s"]+|console in a browser: (http://[\d.:]+)/["\n]')
    loopback.get(link.partition("?")[0], timeout=STARTS_WITHIN_S)
    return link


def files_of_project() -> dict[str, str]:
    """The flows and templates of this repository, by path."""
    return {
        str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8")
        for folder in ("flows", "templates")
        for path in (REPOSITORY / folder).iterdir()
    }


def restore(home: Path) -> None:
    """Reset a project to its state when its server started."""
    for name in ("flows", "templates", "tests"):
        if (home / name).is_dir():
            shutil.rmtree(home / name)
        else:
            (home / name).unlink(missing_ok=True)
    for module in home.glob("*.py"):
        module.unlink()
    write_files(home, files_of_project())


@contextmanager
def running_console(home: Path) -> Iterator[Server]:
    """Run a server with its console until the context ends."""
    with running(
        home,
        files_of_project(),
        {
            "NCCO_CONSOLE": "1",
            "NCCO_CONSOLE_PORT": "0",
            "NCCO_PYTHON_LOOKUPS": "points_of_shop",
        },
        "--dev",
    ) as server:
        _record_calls(server.url)
        yield server


def _record_calls(url: str) -> None:
    for number, (caller, called, inputs) in enumerate(CALLS):
        call = {**facts(f"aaaaaaaa-{number}", to=called), "from": caller}
        asked = ncco = send(url, "/webhooks/answer", **call)
        for given in inputs:
            asked = [action for action in ncco if "eventUrl" in action] or asked
            ncco = send(url, asked[0]["eventUrl"][0], **call, **given)
