"""The console's process: it starts and ends with the server, and if it dies, no call is lost."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support import loopback
from tests.support.fork_server import NCCO, run
from tests.support.processes import children, left_of, spawned
from tests.support.server import Server, free_port, plain_environment, running_server
from tests.support.waiting import happens
from tests.system.cli.projects import SHOP, write_project

WITHIN_S = 120.0
OTHER = {"Host": "192.0.2.1"}
ANSWER = "/webhooks/answer?to=442079460000&uuid=a"


@contextmanager
def server_with_console(home: Path, *words: str, **env: str | None) -> Iterator[Server]:
    """Run a server with these environment variables; None leaves a variable unset."""
    write_project(home, shop=SHOP)
    wanted = {"NCCO_CONSOLE": "1", "NCCO_CONSOLE_PORT": "0", **env}
    settings = {name: value for name, value in wanted.items() if value is not None}
    with running_server(home, *words, cwd=home, env=settings) as server:
        yield server


def link(server: Server, number: int = 0) -> str:
    """The printed link with this number, counted from 0."""
    printed = happens(lambda: re.findall(r'http://\S+token=[^\s"]+', server.printed)[number:])
    assert printed, "no link was printed"
    return str(printed[0])


def test_a_link_opens_the_console_and_killing_the_console_breaks_no_call(tmp_path: Path) -> None:
    with server_with_console(tmp_path) as server, httpx.Client(follow_redirects=False, timeout=WITHIN_S) as browser:
        address = link(server).partition("?")[0]
        assert 303 == browser.get(link(server)).status_code
        assert 200 == browser.get(f"{address}calls").status_code
        redirected = browser.get(f"http://{server.address}/")
        assert (302, address) == (redirected.status_code, redirected.headers["location"])

        (console,) = spawned(server.pid)
        os.kill(console, signal.SIGKILL)
        assert [] == left_of([console])
        assert 200 == loopback.get(f"http://{server.address}{ANSWER}").status_code
        known = loopback.get(f"{address}calls", cookies=browser.cookies, timeout=WITHIN_S)  # waits for the next process
        assert 200 == known.status_code  # the session is still valid
        assert happens(lambda: "console failed" in server.printed and "exit code -9" in server.printed)
        assert 303 == loopback.get(link(server, 1), timeout=WITHIN_S).status_code
        assert 303 == loopback.get(link(server), timeout=WITHIN_S).status_code  # it works as long as the server runs

        below = children(server.pid)
        assert 0 == server.stop()
        assert [] == left_of(below)
        with pytest.raises(httpx.ConnectError):
            loopback.get(address)


def test_console_link_opens_the_console_of_the_running_server(tmp_path: Path) -> None:
    """Wherever that is: its port is not set, and the one beside the server's may be in use."""
    port, other = port_with_a_free_one_above()
    with other:
        other.listen()
        with server_with_console(tmp_path, NCCO_PORT=str(port), NCCO_CONSOLE_PORT=None) as server:
            loopback.get(link(server).partition("?")[0], timeout=WITHIN_S)
            made = run([NCCO, "console", "link"], **in_project(tmp_path, port))
            statuses = [loopback.get(made.stdout.strip(), timeout=WITHIN_S).status_code for _ in range(2)]
        ended = run([NCCO, "console", "link"], **in_project(tmp_path, port))

    assert (0, "", [303, 303]) == (made.returncode, made.stderr, statuses)
    assert made.stdout.partition("?")[0] == link(server).partition("?")[0]
    assert (2, "") == (ended.returncode, ended.stdout)
    assert f"no server with a console answers at http://127.0.0.1:{port}" in ended.stderr
    assert 0 == (tmp_path / "ncco.db-console-key").stat().st_mode & 0o077


def in_project(home: Path, port: int) -> dict[str, Any]:
    env = {**os.environ, "NCCO_PORT": str(port), "NCCO_CONSOLE": "1"}
    return {"cwd": home, "env": env, "capture_output": True, "text": True, "timeout": WITHIN_S}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_is_left_when_the_server_ends(tmp_path: Path, number: signal.Signals) -> None:
    with server_with_console(tmp_path, "--dev") as server:
        assert 303 == loopback.get(link(server), timeout=WITHIN_S).status_code
        below = children(server.pid)
        server.end(number)
        assert [] == left_of(below)
    assert "Traceback" not in server.printed


FORKING = """
import os
import signal
from ncco_server import Call, call_flow

def fork() -> int:
    if (pid := os.fork()) == 0:
        os.close(1)
        os.close(2)
        signal.pause()
    return pid

@call_flow(entry=True)
async def forking(call: Call) -> None:
    pid = await call.run(fork)
    await call.talk(f"{pid}")
"""


def test_no_console_is_left_when_a_server_with_another_child_is_killed(tmp_path: Path) -> None:
    ports = {"NCCO_PORT": str(free_port()), "NCCO_CONSOLE_PORT": str(free_port())}
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/forking.py").write_text(FORKING)
    with server_with_console(tmp_path, "--dev", **ports, NCCO_PYTHON_FLOWS="forking.py") as server:
        assert 303 == loopback.get(link(server), timeout=WITHIN_S).status_code
        below = spawned(server.pid)
        call = {"to": "442079460000", "uuid": "leg"}
        child = int(loopback.post(f"{server.url}/webhooks/answer/forking", json=call).json()[0]["text"])
        try:
            server.send(signal.SIGKILL)
            assert [] == left_of([server.pid, *below])
            server.start()
            assert 303 == loopback.get(link(server, 1), timeout=WITHIN_S).status_code
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_port_in_use_is_reported_and_the_server_still_serves(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with server_with_console(tmp_path, NCCO_CONSOLE_PORT=str(port)) as server:
            status = loopback.get(f"http://{server.address}{ANSWER}").status_code
            nothing = loopback.get(f"http://{server.address}/").status_code
    assert (200, 404) == (status, nothing)
    assert f"there is no console: NCCO_CONSOLE_PORT: cannot listen on 127.0.0.1:{port}" in server.printed
    assert "fix: Choose another port" in server.printed
    assert "token=" not in server.printed


def port_with_a_free_one_above() -> tuple[int, socket.socket]:
    """A free port, and a socket bound to the next port, which must not belong to another test."""
    while True:
        port, above = free_port(), socket.socket()
        try:
            above.bind(("127.0.0.1", port + 1))
        except OSError:
            above.close()
        else:
            return port, above


def test_a_console_without_a_configured_port_uses_the_next_one(tmp_path: Path) -> None:
    port, other = port_with_a_free_one_above()
    other.close()
    with server_with_console(tmp_path, NCCO_PORT=str(port), NCCO_CONSOLE_PORT=None) as server:
        address = urlsplit(link(server))
        assert 303 == loopback.get(link(server), timeout=WITHIN_S).status_code
    assert port + 1 == address.port


def test_the_console_does_not_take_the_port_of_the_webhooks(tmp_path: Path) -> None:
    port = str(free_port())
    with server_with_console(tmp_path, NCCO_PORT=port, NCCO_CONSOLE_PORT=port) as server:
        assert 200 == loopback.get(f"http://{server.address}{ANSWER}").status_code
    assert f"NCCO_CONSOLE_PORT: is {port}, the same port as NCCO_PORT" in server.printed


def test_without_a_password_a_server_for_real_calls_has_no_console(tmp_path: Path) -> None:
    with server_with_console(tmp_path, "--port", "0", NCCO_INSECURE="1") as server:
        assert [] == children(server.pid)
        assert 404 == loopback.get(f"http://{server.address}/").status_code
    assert "console" not in server.printed.lower()


def test_with_a_password_a_server_for_real_calls_asks_for_it(tmp_path: Path) -> None:
    made = run(
        [NCCO, "console", "password"],
        input="correct horse battery staple\n",
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    (tmp_path / ".env").write_text(made.stdout)
    with (
        server_with_console(tmp_path, "--port", "0", NCCO_INSECURE="1") as server,
        httpx.Client(headers={"Accept": "text/html"}, timeout=WITHIN_S) as browser,
    ):
        found = happens(lambda: re.search(r"Open the console in a browser: (http://127\.0\.0\.1:\d+/)", server.printed))
        assert found
        page = browser.get(f"{found[1]}calls")
        wrong = browser.post(f"{found[1]}login", data={"password": "wrong"})
        right = browser.post(f"{found[1]}login", data={"password": "correct horse battery staple"})
        port = httpx.URL(found[1]).port
        with socket.create_connection(("127.0.0.1", port)) as endless:
            endless.sendall(b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000)
            refused = endless.recv(65_536)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))
    assert (401, 401, 303) == (page.status_code, wrong.status_code, right.status_code)
    assert refused.startswith(b"HTTP/1.1 431 ")
    assert 'type="password"' in page.text
    assert "; Secure" in right.headers["set-cookie"]


def test_a_console_that_other_machines_reach_needs_a_login_and_calls_do_not(tmp_path: Path) -> None:
    port = str(free_port())
    everywhere = {"NCCO_CONSOLE_HOST": "0.0.0.0", "NCCO_CONSOLE_PORT": port, "NCCO_CONSOLE_LOGINS": "logins.json"}  # noqa: S104 - read, not bound
    with server_with_console(tmp_path, "--dev", **everywhere) as server:
        refused = "there is no console: NCCO_CONSOLE_HOST: lets other machines reach"
        assert happens(lambda: refused in server.printed)
        assert 200 == loopback.get(f"http://{server.address}{ANSWER}").status_code
        assert "token=" not in server.printed

    command = [NCCO, "console", "password", "--name", "anna", "--role", "change"]
    env = plain_environment(tmp_path, **everywhere)
    run(command, cwd=tmp_path, env=env, input=b"the password of anna\n", check=True)
    with server_with_console(tmp_path, **everywhere) as server, httpx.Client(timeout=WITHIN_S) as browser:
        assert happens(lambda: f"console in a browser: http://127.0.0.1:{port}/" in server.printed)
        form = {"name": "anna", "password": "the password of anna"}
        there = [browser.post(f"http://127.0.0.1:{port}/login", data=form, headers=host) for host in ({}, OTHER)]
        assert [303, 421] == [response.status_code for response in there]
