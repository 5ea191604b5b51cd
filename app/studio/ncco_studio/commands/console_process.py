"""Runs the console in a process of its own, beside the one for webhooks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any, Final
from uuid import uuid4

import structlog
from uvicorn import Server

from ncco_server.errors import SettingsError
from ncco_server.settings import Settings, values
from ncco_server.settings.fields import VoiceAccess, variable
from ncco_server.settings.safety import console_fault
from ncco_server.settings.secrets import console_keys
from ncco_server.vonage.keys import new_private_key
from ncco_server.web.figures import PATH as FIGURES_PATH
from ncco_server.web.log import configure_log
from ncco_server.web.server import config_of, listening
from ncco_studio.console.sessions import new_link

FINISH_S: Final = 2
"""How long console requests get on shutdown."""
KILL_AFTER_S: Final = 5
"""Seconds until a console that does not exit is killed."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""Limits the pause before a failed console is restarted, which doubles each time."""
LOOK_S: Final = 1.0
"""How often a console looks whether its server still runs."""
NICE: Final = 10
"""The lower priority of the console and its subprocesses: on a busy processor, callers come first."""

_LOOPBACK: Final = "127.0.0.1"
_SPAWN: Final = multiprocessing.get_context("spawn")


class ConsoleProcess:
    """The console's process, restarted if it fails, but not if it was stopped.

    Args:
        bound: its listening socket, which outlives it, so browsers wait for the next process.
        figures: the socket of the server's figures, which the pages show.
        virtual_vonage: how the server places calls that ring in the console, with the socket of the virtual Vonage;
            None if they do not ring there.

    Attributes:
        url: the address of the console; in development without passwords, a link.
        voice_access: how the server places calls that ring in the console; None if they do not ring there.
    """

    def __init__(
        self,
        settings: Settings,
        bound: socket.socket,
        figures: socket.socket,
        *,
        dev: bool,
        say: Callable[[str], None],
        virtual_vonage: tuple[VoiceAccess, socket.socket] | None = None,
    ) -> None:
        self.figures = figures
        self.voice_access = virtual_vonage[0] if virtual_vonage is not None else None
        self._virtual_vonage = virtual_vonage
        self.port = int(bound.getsockname()[1])
        self._settings = settings.model_copy(update={"console_port": self.port})
        self._bound = bound
        self._dev = dev
        self._keys = console_keys(settings)  # only once, because without a database they contain random secrets
        self._say = say
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._served = ("", "")
        self._process: SpawnProcess | None = None
        self._began_at = datetime.now(UTC)
        self._renew_link()
        self._watcher = threading.Thread(target=self._watch, name="console", daemon=True)

    def start(self, server_url: str) -> None:
        self._served = (server_url, f"http://{_LOOPBACK}:{self.figures.getsockname()[1]}{FIGURES_PATH}")
        self._watcher.start()

    def stop(self) -> None:
        with self._lock:
            self._is_stopping.set()
            if self._process is not None:
                self._process.terminate()
        if self._watcher.is_alive():
            self._watcher.join(KILL_AFTER_S)
            if self._watcher.is_alive() and self._process is not None:
                self._process.kill()
                self._watcher.join()

    def _renew_link(self) -> None:
        self._renewed_at = datetime.now(UTC)
        has_link = self._dev and not self._settings.has_logins
        query = f"?token={new_link(self._keys, self._renewed_at)}" if has_link else ""
        self.url = f"{self._settings.console_link}{query}"

    def _watch(self) -> None:
        # The process inherits this: Ctrl-C and closing the terminal reach only the server, which stops the console.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        pause_s = FIRST_PAUSE_S
        while True:
            problem = self._run()
            if self._is_stopping.is_set():
                return
            if not problem:
                structlog.get_logger().warning("console ended", cure="restart the server to bring it back")
                return
            structlog.get_logger().error("console failed", problem=problem, next_start_s=pause_s)
            if self._is_stopping.wait(pause_s):
                return
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            self._renew_link()
            self._say(f"Console: {self.url}")

    def _run(self) -> str:
        """Return why the process failed, or "" if it was stopped."""
        values = (self._settings, self._served, self._bound, self._virtual_vonage)
        options: dict[str, Any] = {"dev": self._dev, "keys": self._keys}
        options |= {"links_since": self._began_at, "proxied_since": self._renewed_at}
        process = _SPAWN.Process(target=run_console, args=values, kwargs=options, name="console")
        try:
            with self._lock:
                if self._is_stopping.is_set():
                    return ""
                process.start()
                self._process = process
        except OSError as error:  # out of memory, or too many processes
            return error.strerror or str(error)
        process.join()
        code = process.exitcode
        return "" if code in (0, -signal.SIGTERM) else f"exit code {code}"


@contextmanager
def console_beside(settings: Settings, *, dev: bool, say: Callable[[str], None]) -> Iterator[ConsoleProcess | None]:
    """Run the console of a server that has not started yet. It stops when the context ends.

    Its port and those of the figures and a virtual Vonage are bound. None if its port cannot be used, which it says.
    """
    with ExitStack() as stack:
        try:
            bound = stack.enter_context(_listening(settings, dev=dev))
        except SettingsError as error:
            say(f"note: there is no console: {error}\n  fix: {error.cure}")
            bound = None
        if bound is None:
            yield None
            return
        figures = stack.enter_context(listening(_LOOPBACK, 0))
        virtual = None
        if settings.has_virtual_vonage:
            line = stack.enter_context(listening(_LOOPBACK, 0))
            url = f"http://{_LOOPBACK}:{line.getsockname()[1]}"
            virtual = VoiceAccess(url, settings.application_id or str(uuid4()), new_private_key()), line
        console = ConsoleProcess(settings, bound, figures, dev=dev, say=say, virtual_vonage=virtual)
        stack.callback(console.stop)
        yield console


@contextmanager
def _listening(settings: Settings, *, dev: bool) -> Iterator[socket.socket]:
    """Bind the console's port; in development, the one after the server's.

    If that one is in use and not configured, use any free one. Raises SettingsError.
    """
    names = (variable("console_host"), variable("console_port"))
    is_free = dev and "console_port" not in settings.model_fields_set
    if is_free and "port" in settings.model_fields_set:
        settings = settings.model_copy(update={"console_port": settings.port + 1 if 0 < settings.port < 65535 else 0})
    with ExitStack() as stack:
        try:
            if (fault := console_fault(settings)) is not None:  # these ports are for more important listeners
                raise fault
            bound = stack.enter_context(listening(settings.console_host, settings.console_port, names=names))
        except SettingsError:
            if not is_free or not values.is_loopback(settings.console_host):
                raise
            bound = stack.enter_context(listening(settings.console_host, 0, names=names))
        yield bound


def _end_with_parent() -> None:
    """Kill this process when its parent exits, even during a call.

    A killed parent cannot stop its children, which would keep the port. Its other children may keep what `join` waits
    for.
    """

    def wait(parent: BaseProcess) -> None:
        while os.getppid() == parent.pid:
            parent.join(LOOK_S)
        os.kill(os.getpid(), signal.SIGKILL)

    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=wait, args=(parent,), name="end with the parent", daemon=True).start()


def run_console(
    settings: Settings,
    served: tuple[str, str],
    bound: socket.socket,
    virtual_vonage: tuple[VoiceAccess, socket.socket] | None,
    **options: Any,
) -> None:
    """Serve the console until SIGTERM, or until the parent process exits.

    `served` contains the URLs of the webhook server and its figures. For `virtual_vonage` see `ConsoleProcess`; for
    `options`, `create_console`.
    """
    _end_with_parent()
    os.nice(NICE)
    configure_log(settings)
    if (instrumentation := sys.modules.get("opentelemetry.instrumentation.fastapi")) is not None:
        instrumentation.FastAPIInstrumentor().uninstrument()  # the pages' URLs contain search terms
    from ncco_studio.console.app import create_console  # noqa: PLC0415 - the webhooks' process needs none of it
    from ncco_studio.console.caches import Served  # noqa: PLC0415 - the webhooks' process needs none of it
    from ncco_studio.console.phone.incoming import IncomingCalls  # noqa: PLC0415 - the webhooks' process needs none of it

    incoming = None
    if virtual_vonage is not None:
        access, listener = virtual_vonage
        incoming = IncomingCalls(settings, access, served[0], listener)
    app = create_console(settings, Served(*served), incoming=incoming, **options)
    Server(config_of(app, proxy_headers=False, timeout_graceful_shutdown=FINISH_S)).run(sockets=[bound])
