"""Starts `ncco` as copies of a process that has imported everything: 10 ms of processor instead of 0.6 to 2 s.

`Forked` is used like `subprocess.Popen`, and `run` like `subprocess.run`; in the script of `run_in_shell`, `ncco` is
such a copy. A copy is a process of its own with its own folder, environment, streams and end; only its imports were
made before. Tests of the imports and of how processes of the system start it use `subprocess`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, Self

from tests.support.waiting import happens

NCCO: Final = str(Path(sys.executable).with_name("ncco"))
ROOT: Final = Path(__file__).parents[2]
PIPE: Final = subprocess.PIPE
STDOUT: Final = subprocess.STDOUT
DEVNULL: Final = subprocess.DEVNULL
_PROGRAM: Final = Path(__file__).with_name("forked_program.py")
_LONGEST: Final = 200_000
"""Bytes of a request: its words and its environment."""


class Forked:
    """A process that runs a script, such as `ncco`, with arguments."""

    def __init__(
        self,
        args: Sequence[str | Path],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        text: bool = False,
        start_new_session: bool = False,
    ) -> None:
        self.args = [str(word) for word in args]
        self.returncode: int | None = None
        given, self.stdin = _end(stdin, 0, text)
        printed, self.stdout = _end(stdout, 1, text)
        reported, self.stderr = (printed, None) if stderr == STDOUT else _end(stderr, 2, text)
        self._reply, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {
            "args": self.args,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "has_own_session": start_new_session,
        }
        with theirs:
            fds = [given, printed, reported, theirs.fileno()]
            socket.send_fds(_server(), [json.dumps(request).encode()], fds)
        for fd in {given, printed, reported} - {0, 1, 2}:
            os.close(fd)
        self.pid = int(self._reply.recv(64))
        weakref.finalize(self, self._reply.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr, self.stdin):
            if stream is not None:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process, in any number of threads. Returns its exit code; raises TimeoutExpired."""
        ends = select.poll()
        ends.register(self._reply, select.POLLIN)
        if not ends.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.returncode = int(self._reply.recv(64, socket.MSG_PEEK))  # stays there for the other threads
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since, and the fork server has noticed it first
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Write `input`, and read what it prints until its end. Raises TimeoutExpired."""
        until = None if timeout is None else time.monotonic() + timeout
        found: dict[str, Any] = {}
        reading = [
            threading.Thread(target=lambda name=name, stream=stream: found.update({name: stream.read()}), daemon=True)
            for name, stream in (("stdout", self.stdout), ("stderr", self.stderr))
            if stream is not None and not stream.closed
        ]
        for thread in reading:
            thread.start()
        if self.stdin is not None and input is not None:
            with suppress(BrokenPipeError), self.stdin:
                self.stdin.write(input)
        self.wait(timeout)
        for thread in reading:
            thread.join(None if until is None else max(until - time.monotonic(), 1))
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        return found.get("stdout"), found.get("stderr")


def run(
    args: Sequence[str | Path],
    *,
    input: Any = None,
    capture_output: bool = False,
    check: bool = False,
    timeout: float | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run a script to its end. Raises CalledProcessError and TimeoutExpired."""
    if capture_output:
        options |= {"stdout": PIPE, "stderr": PIPE}
    if input is not None:
        options["stdin"] = PIPE
    with Forked(args, **options) as process:
        try:
            stdout, stderr = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(process.args, process.wait(), stdout, stderr)
    if check:
        done.check_returncode()
    return done


def run_in_shell(script: str, *, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a bash script until a command fails; its output contains both streams. Raises TimeoutExpired."""
    server = _server().fileno()
    with TemporaryDirectory() as folder:
        program = Path(folder) / "ncco"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {_PROGRAM} {NCCO} "$@"\n')
        program.chmod(0o755)
        path = os.pathsep.join((folder, str(Path(sys.executable).parent), os.environ["PATH"]))
        return subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=cwd,
            env={**env, "PATH": path, "FORK_SERVER": str(server)},
            pass_fds=[server],
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
            timeout=240,
            check=False,
        )


def _end(wanted: int | IO[Any] | None, number: int, text: bool) -> tuple[int, IO[Any] | None]:
    """The descriptor for the process, and the stream for us if they are joined by a pipe."""
    if wanted is None:
        return number, None
    if wanted == DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    if wanted != PIPE:
        return os.dup(wanted if isinstance(wanted, int) else wanted.fileno()), None
    reading, writing = os.pipe()
    theirs, ours = (reading, writing) if number == 0 else (writing, reading)
    mode = ("w" if number == 0 else "r") + ("" if text else "b")
    return theirs, open(ours, mode, encoding="utf-8" if text else None)  # noqa: PTH123 - no path; the caller closes it


@cache
def _server() -> socket.socket:
    """Where requests are sent. All processes of a test run share a server, which ends after the last of them."""
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    address = f"\0fork-server-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"  # no file

    def is_connected() -> bool:
        with suppress(ConnectionRefusedError):  # nobody has started the server, or it does not listen yet
            ours.connect(address)
            return True
        _start_at(address)
        return False

    assert happens(is_connected)
    atexit.register(ours.close)
    return ours


def _start_at(address: str) -> None:
    """Start a server, unless another process of the test run does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        try:
            listener.bind(address)
        except OSError:
            return
        listener.listen()
        words = [sys.executable, "-m", "tests.support.fork_server", str(listener.fileno())]
        process = subprocess.Popen(words, cwd=ROOT, pass_fds=[listener.fileno()], stdin=DEVNULL, stdout=DEVNULL)

    def end() -> None:
        with suppress(subprocess.TimeoutExpired):  # others use it still
            process.wait(30)

    atexit.register(end)


@dataclass(frozen=True)
class _Request:
    args: list[str]
    cwd: str
    env: dict[str, str]
    fds: list[int]
    has_own_session: bool = False

    def become(self) -> None:
        """Turn this process into the requested one, and run its script."""
        for number, fd in enumerate(self.fds):
            os.dup2(fd, number)
        for fd in self.fds:
            os.close(fd)
        if self.has_own_session:
            os.setsid()
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.env)
        time.tzset()
        sys.path[:0] = [entry for entry in self.env.get("PYTHONPATH", "").split(os.pathsep) if entry]
        for stream in (sys.stdout, sys.stderr):
            assert isinstance(stream, io.TextIOWrapper)
            is_prompt = stream is sys.stderr or stream.isatty()
            stream.reconfigure(line_buffering=is_prompt, write_through="PYTHONUNBUFFERED" in self.env)
        sys.argv = self.args
        runpy.run_path(self.args[0], run_name="__main__")


@dataclass(frozen=True)
class _Copy:
    pid: int
    fd: int
    reply: socket.socket
    client: socket.socket


class _ForkServer:
    """Makes copies of this process for its clients, and ends when the last of them has gone."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._clients = list[socket.socket]()
        self._copies = list[_Copy]()
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def serve(self) -> _Request:
        """Answer requests. Returns in each copy of this process."""
        while True:
            for key, _ in self._selector.select():
                if (request := key.data()) is not None:
                    found: _Request = request
                    return found

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self._clients.append(client)
        self._selector.register(client, selectors.EVENT_READ, partial(self._read, client))

    def _read(self, client: socket.socket) -> _Request | None:
        """What this process is to become, if it is a copy."""
        message, fds, _, _ = socket.recv_fds(client, _LONGEST, 4)
        if not message:
            self._leave(client)
            return None
        reply = socket.socket(fileno=fds.pop())
        if (pid := os.fork()) == 0:
            for copy in self._copies:
                os.close(copy.fd)
                copy.reply.close()
            self._selector.close()
            for one in (self._listener, reply, *self._clients):
                one.close()
            return _Request(**json.loads(message), fds=fds)
        for fd in fds:
            os.close(fd)
        _tell(reply, pid)
        copy = _Copy(pid, os.pidfd_open(pid), reply, client)
        self._copies.append(copy)
        self._selector.register(copy.fd, selectors.EVENT_READ, partial(self._end, copy))
        return None

    def _end(self, copy: _Copy) -> None:
        self._copies.remove(copy)
        self._selector.unregister(copy.fd)
        os.close(copy.fd)
        code = os.waitstatus_to_exitcode(os.waitpid(copy.pid, 0)[1])
        with copy.reply:
            _tell(copy.reply, code)

    def _leave(self, client: socket.socket) -> None:
        for copy in self._copies:
            if copy.client is client:
                os.kill(copy.pid, signal.SIGKILL)
        self._selector.unregister(client)
        self._clients.remove(client)
        client.close()
        if not self._clients and not select.select([self._listener], [], [], 0)[0]:
            sys.exit()


def _tell(reply: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError):  # the test has ended
        reply.send(str(number).encode())


def _import_everything() -> None:
    packages = {"ncco_server.desk.commands": "ncco_server.desk.commands"}
    packages["ncco_studio.extension"] = "ncco_studio.commands"
    commands = [
        f"{package}.{name.replace('-', '_')}"
        for module, package in packages.items()
        for name in importlib.import_module(module).COMMANDS
    ]
    served = ["ncco_server.web.app", "ncco_server.store.postgres", "uvicorn.protocols.http.httptools_impl", "uvloop"]
    for name in [*commands, *served]:
        importlib.import_module(name)


if __name__ == "__main__":
    _import_everything()
    gc.collect()
    gc.freeze()  # the copies share this memory
    _ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve().become()
