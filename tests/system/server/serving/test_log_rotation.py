"""A log in a file, which logrotate copies and empties (`copytruncate`) while calls go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

from tests.support import loopback
from tests.support.server import running_server
from tests.support.waiting import happens
from tests.support.webhooks import facts
from tests.system.cli.projects import SHOP, write_project


def test_a_log_file_is_rotated_while_calls_go_on(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)
    log, rotated = tmp_path / "ncco.log", tmp_path / "ncco.log.1"
    env = {"NCCO_LOG": "json", "NCCO_INSECURE": "1", "NCCO_PUBLIC_URL": "https://calls.example.com"}
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # as `>>` and systemd's `append:` open it
    with running_server(tmp_path, "--port", "0", cwd=tmp_path, env=env, stdout=out) as server:
        os.close(out)
        server.wait_until_ready()

        def call(leg: str) -> int:
            return loopback.post(f"http://{server.address}/webhooks/answer", json=facts(leg)).status_code

        before = [call(f"before-{number}") for number in range(5)]
        assert happens(lambda: 5 == log.read_text().count('"uuid":"before-'))
        shutil.copyfile(log, rotated)
        os.truncate(log, 0)
        server.send(signal.SIGHUP)  # of a `postrotate` that some packages have
        after = [call(f"after-{number}") for number in range(5)]
        assert happens(lambda: 5 == log.read_text().count('"uuid":"after-'))
        code = server.stop()

    lines = [json.loads(line) for file in (rotated, log) for line in file.read_text().splitlines()]
    assert ([200] * 5, [200] * 5, 0) == (before, after, code)
    assert (5, 0) == (rotated.read_text().count('"uuid":"before-'), rotated.read_text().count('"uuid":"after-'))
    assert 0 == log.read_text().count('"uuid":"before-')
    assert all("event" in line for line in lines)
