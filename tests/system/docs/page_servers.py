"""The servers that a page tells its reader to start; the tests start them on free ports.

A `bash` block under the comment `<!-- not run: the tests start these servers on other ports -->` names them: a folder
to change to, a stand-in if the example needs another server, and `ncco serve --dev` with its settings. A page can have
several such blocks, one for each example. Pages without one run against the flows of this repository. A page whose
blocks send no requests needs no server.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.server import plain_environment, running_server
from tests.support.tracked import ROOT
from tests.system.docs.blocks import blocks_of, examples_of

TOLD = "not run: the tests start these servers on other ports"
ADDRESS = "127.0.0.1:8000"
STAND_IN = "127.0.0.1:8009"
"""The stand-in's address according to the pages."""


@dataclass
class Told:
    """What a page says about its servers."""

    folder: Path = ROOT
    stand_in: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=lambda: ["--dev"])


def told_by(page: str, end: int | None = None) -> Told:
    """Read what a page says about its servers; with `end`, what the last block above this position says."""
    told = Told()
    blocks = [block for block in blocks_of(page) if block.comment == TOLD and (end is None or block.start < end)]
    for line in "".join(block.code for block in (blocks if end is None else blocks[-1:])).splitlines():
        words = shlex.split(line)
        if words[0] == "cd":
            told.folder = ROOT / words[1]
        elif words[0] == "python":
            assert "&" == words[-1], f"{page}: the stand-in does not run beside the server"
            told.stand_in = words[1:-1]
        else:
            settings = [word for word in words if "=" in word]
            assert ["ncco", "serve"] == words[len(settings) :][:2], f"{page}: {line}"
            told.settings = dict(setting.split("=", 1) for setting in settings)
            told.words = words[len(settings) + 2 :]
    return told


@contextmanager
def servers_of(page: str, home: Path) -> Iterator[dict[str, str]]:
    """Start the servers of a page. Yields a map from the addresses on the page to the real ones."""
    told = told_by(page)
    if not any(ADDRESS in example.block.code for example in examples_of(page, "bash")):
        yield {}
        return
    with _stand_in(told, home) if told.stand_in else nullcontext("") as stand_in:
        settings = {name: value.replace(STAND_IN, stand_in) for name, value in told.settings.items()}
        with running_server(home, *told.words, cwd=told.folder, env=settings) as server:
            yield {ADDRESS: server.address, **({STAND_IN: stand_in} if stand_in else {})}


@contextmanager
def _stand_in(told: Told, home: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, *told.stand_in, "--port", "0"],
        cwd=told.folder,
        env=plain_environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://(\S+)", process.stdout.readline())
        assert found, "the stand-in did not start"
        yield found[1]
    finally:
        process.kill()
        process.communicate()
