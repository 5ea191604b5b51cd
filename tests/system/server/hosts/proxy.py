"""nginx with deploy/nginx-hosts.conf, on free ports and in front of the tests' hosts."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.tracked import ROOT
from tests.support.waiting import happens, listens

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
CONFIGURATION = ROOT / "deploy" / "nginx-hosts.conf"
UP_WITHIN_S = 30.0
TRIED = """
log_format tried '$upstream_addr|$upstream_response_time';
log_subrequest on;
access_log {folder}/tried.log tried;
"""


def configured(folder: Path, port: int, addresses: Sequence[str]) -> str:
    """deploy/nginx-hosts.conf with this machine's names and folders, and without Docker's resolver."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    named = {f"ncco-{place}:8000 resolve": address for place, address in enumerate(addresses, 1)}
    for name, address in named.items():
        assert name in text, name
        text = text.replace(name, address)
    text = re.sub(r"resolver [^;]+;", "", text)
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    text = re.sub(" (/tmp|/var/log/nginx)/", f" {folder}/", text)
    return text.replace("    access_log ", f"{TRIED.format(folder=folder)}    access_log ", 1)


@contextmanager
def proxy(folder: Path, port: int, addresses: Sequence[str]) -> Iterator[str]:
    """Run nginx in front of `addresses`. Yields its address, `host:port`, once it listens."""
    file = folder / "nginx.conf"
    file.write_text(configured(folder, port, addresses), encoding="utf-8")
    user = pwd.getpwuid(os.getuid()).pw_name
    command = [str(NGINX), "-p", str(folder), "-c", str(file), "-g", f"daemon off; user {user};"]
    with started(command) as process:
        wait_until_up(process, port, folder / "error.log")
        yield f"127.0.0.1:{port}"


@contextmanager
def started(command: Sequence[str], **words: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as systemd does: its stdout and stderr are a socket, which cannot be opened by a path."""
    journal, own = socket.socketpair()
    with journal, own:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=own.fileno(), stderr=own.fileno(), **words)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def tries(folder: Path, address: str) -> list[float]:
    """How many seconds nginx waited for a host, for each time that it asked that host."""
    asked = [line.split("|") for line in (folder / "tried.log").read_text().splitlines()]
    pairs = [pair for names, times in asked for pair in zip(names.split(", "), times.split(", "), strict=True)]
    return [float(seconds) for name, seconds in pairs if name == address]


def wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    happens(lambda: listens(port) or process.poll() is not None, UP_WITHIN_S)
    assert listens(port), f"it is not up:\n{log.read_text() if log.exists() else ''}"
