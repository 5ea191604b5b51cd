"""nginx with deploy/nginx.conf, on free ports and in front of hosts of the tests."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.system.repository.tracked import ROOT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
CONFIGURATION = ROOT / "deploy" / "nginx.conf"
UP_WITHIN_S = 10.0


def configured(folder: Path, port: int, addresses: Sequence[str]) -> str:
    """What deploy/nginx.conf says, with names and folders of here: Docker's resolver is not there."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    named = {f"ncco-{place}:8000 resolve": address for place, address in enumerate(addresses, 1)}
    for name, address in named.items():
        assert name in text, name
        text = text.replace(name, address)
    text = re.sub(r"resolver [^;]+;", "", text)
    return text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace(" /tmp/", f" {folder}/")


@contextmanager
def proxy(folder: Path, port: int, addresses: Sequence[str]) -> Iterator[str]:
    """nginx in front of `addresses`; its own address, `host:port`, once it listens."""
    file = folder / "nginx.conf"
    file.write_text(configured(folder, port, addresses), encoding="utf-8")
    user = pwd.getpwuid(os.getuid()).pw_name
    command = [str(NGINX), "-p", str(folder), "-c", str(file), "-g", f"daemon off; user {user};"]
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until_up(process, port, folder / "nginx.log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nginx is not up:\n{log.read_text()}")
