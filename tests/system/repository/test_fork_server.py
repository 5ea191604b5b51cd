from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.cases import each_case
from tests.support.fork_server import DEVNULL, NCCO, PIPE, Forked, run, run_in_shell
from tests.support.processes import left_of
from tests.support.server import plain_environment


@each_case("words", ["check --format json", "validate -"])
def test_a_forked_command_behaves_like_a_started_one(tmp_path: Path, words: str) -> None:
    command, env = [NCCO, *words.split()], plain_environment(tmp_path)

    forked = run(command, cwd=tmp_path, env=env, input="[]", capture_output=True, text=True, timeout=60)
    started = subprocess.run(
        command, cwd=tmp_path, env=env, input="[]", capture_output=True, text=True, timeout=60, check=False
    )

    assert (started.returncode, started.stdout, started.stderr) == (forked.returncode, forked.stdout, forked.stderr)


def test_a_shell_runs_copies_and_signals_them(tmp_path: Path) -> None:
    script = """\
ncco explain E204 | head -n 1
echo '[1]' | ncco validate - || echo "ended with $?"
ncco init shop >/dev/null
cd shop
ncco serve --dev >served 2>&1 &
until grep -qs 'listens on' served; do sleep 0.1; done
kill -INT $!
wait $!
echo ended
ncco chek 2>/dev/null
"""
    done = run_in_shell(script, cwd=tmp_path, env=plain_environment(tmp_path))
    lines = done.stdout.splitlines()

    assert ("E204", ["ended with 1", "ended"]) == (lines[0].split()[0], lines[-2:])
    assert 2 == done.returncode


def test_a_forked_server_is_signalled_and_seen_to_end(tmp_path: Path) -> None:
    env = plain_environment(tmp_path)
    run([NCCO, "init", "shop"], cwd=tmp_path, env=env, stdout=DEVNULL, check=True)
    with Forked([NCCO, "serve", "--dev"], cwd=tmp_path / "shop", env=env, stderr=PIPE, text=True) as server:
        assert server.stderr is not None
        assert next(line for line in server.stderr if "listens on" in line)
        assert server.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(0.01)
        os.kill(server.pid, signal.SIGKILL)
        server.kill()  # there may be no such process any more

    assert -signal.SIGKILL == server.wait()
    assert [] == left_of([server.pid])
