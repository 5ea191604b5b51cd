"""Run the application under uvicorn: one process, several, or one that starts anew when the code changes."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server
from uvicorn import Config, Server
from uvicorn.supervisors import ChangeReload, Multiprocess
from uvicorn.supervisors.basereload import BaseReload

import app
from app.errors import SettingsError, StoreUnavailable
from app.settings import Settings
from app.store import Schema, open_store
from app.web import journal
from app.web.app import create_app
from app.web.crowd import Crowd, most_files, room_for
from app.web.leaving import Leaving
from app.web.metrics import MULTIPROCESS_DIR, Metrics, shared_registry
from app.web.protocol import PatientProtocol
from app.web.stopping import Stop, stopping

FINISH_S: Final = 10
"""Seconds that running requests get to finish once the port is closed; none takes more than half of it."""
LOOK_S: Final = 0.1
"""How often the supervisor looks for a signal while it waits for its workers."""
KEEP_ALIVE_S: Final = 75
"""Seconds that an idle connection stays open: longer than the 60 of load balancers, so that they close first."""
BACKLOG: Final = 2048
_OWN_ADDRESS: Final = "Write an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all that it has."

Ready = Callable[[str, int], None]
"""Told the address and port that the server listens on, once it does."""


def serve(
    settings: Settings, *, dev: bool = False, reload: bool = False, workers: int = 1, ready: Ready | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; returns when running requests are done. Prints nothing.

    After SIGTERM the port stays open for `settings.drain_s`; a second signal ends that time. What starts anew on new
    code, and what is told to end by SIGINT, does without it.

    Args:
        settings: see `load_settings`.
        dev: see `create_app`.
        reload: start anew whenever a Python file of the server changes; one worker.
        workers: processes that serve, at least 1.
        ready: called once the port is bound, before the first request.

    Raises:
        SettingsError: serving would be unsafe, or an address cannot be listened on.
        StoreUnusable: the store cannot be used at all.
    """
    settings.require_safe(dev)
    settings.policy()  # makes the key file, so that workers find it
    schema = asyncio.run(_try_store(settings))
    journal.configure(settings)
    if schema is not None and schema.found and schema.missing:
        structlog.get_logger().warning("schema_upgraded", found=schema.found, newest=schema.newest)
    with stopping() as stop, listening(settings.host, settings.port) as bound:
        host, port = bound.getsockname()[:2]
        if ready is not None:
            ready(str(host), int(port))
        settings = settings.model_copy(update={"port": int(port)})  # 0 has become the port that callbacks come in on
        if reload or workers > 1:
            _supervise(settings, bound, stop, dev=dev, reload=reload, workers=workers)
        else:
            _run_here(settings, bound, stop, dev=dev)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to an address. Raises SettingsError when it cannot be, which names the part that is wrong."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError("NCCO_HOST", f"{host} is no address here: {error.strerror}", _OWN_ADDRESS) from error
    with bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError as error:
            raise _deaf(host, port, error, "NCCO_HOST", "NCCO_PORT") from error
        bound.set_inheritable(True)
        yield bound


def _deaf(host: str, port: int, error: OSError, host_setting: str, port_setting: str) -> SettingsError:
    """Why nobody can listen on an address: this machine does not have it, or its port is somebody's."""
    message = f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return SettingsError(host_setting, message, _OWN_ADDRESS)
    return SettingsError(port_setting, message, "Choose another port, or stop the program that uses it.")


async def _try_store(settings: Settings) -> Schema | None:
    """Open the store once before anything listens: what is wrong with it is then said in one sentence.

    Returns the schema that it had before; None when nobody knows. One that is away is waited for while the server runs.
    """
    store = open_store(settings.database_url)
    with suppress(StoreUnavailable):
        schema = await store.schema() if store.is_durable else None
        await store.open()
        await store.close()
        return schema
    return None


def _run_here(settings: Settings, bound: socket.socket, stop: Stop, *, dev: bool) -> None:
    metrics, leaving = Metrics(), Leaving()
    factory = partial(create_app, settings, dev=dev, metrics=metrics, leaving=leaving)
    config = _config(factory, settings, leaving, dev=dev)
    with _metrics_port(settings, metrics.registry):
        server = Server(config)
        stop.tell(partial(setattr, server, "should_exit", True))
        server.run(sockets=[bound])


def _supervise(settings: Settings, bound: socket.socket, stop: Stop, *, dev: bool, reload: bool, workers: int) -> None:
    """Serve from child processes, which count into one directory."""
    leaving = Leaving()  # each has its own copy
    settings = settings.model_copy(update={"drain_s": 0}) if reload else settings
    factory = partial(make_worker_app, settings, dev=dev, leaving=leaving)
    with _counted_together():
        config = _config(factory, settings, leaving, dev=dev, reload=reload, workers=workers)
        with _metrics_port(settings, shared_registry()):
            supervisor: BaseReload | Multiprocess
            if reload:
                supervisor = ChangeReload(config, target=Server(config).run, sockets=[bound])
            else:
                supervisor = Supervisor(config, sockets=[bound])
            stop.tell(supervisor.should_exit.set)
            supervisor.run()


class Supervisor(Multiprocess):
    """uvicorn's own, which no longer listens once its workers are told to end.

    Else whoever connects while they finish would be let in by the system, and wait for nobody. They listen on until
    they close the port themselves; SIGINT, or a second signal, tells them to do so at once.
    """

    _is_urgent = False

    def handle_hup(self) -> None:
        """Let all workers read their secrets again; they go on serving."""
        self._tell(signal.SIGHUP)

    def handle_term(self) -> None:
        """End; told so twice before it was seen once, without the time before the port is closed."""
        self._is_urgent |= self.should_exit.is_set()
        super().handle_term()

    def handle_int(self) -> None:
        """End without the time before the port is closed."""
        self._is_urgent = True
        super().handle_int()

    def terminate_all(self) -> None:
        """Tell all workers to finish what they do."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()
        if self._is_urgent:
            self._tell(signal.SIGINT)

    def join_all(self) -> None:
        """Wait until all workers have ended; a further signal hurries them."""
        for process in self.processes:
            while process.process.is_alive():
                process.process.join(LOOK_S)
                if {signal.SIGTERM, signal.SIGINT} & set(self.signal_queue):
                    self.signal_queue.clear()
                    self._tell(signal.SIGINT)

    def _tell(self, number: signal.Signals) -> None:
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                with suppress(ProcessLookupError):  # it has just died; the next one reads the secrets of now
                    os.kill(process.pid, number)


@contextmanager
def _counted_together() -> Iterator[None]:
    """A directory where child processes keep their counters; they find its name in their environment."""
    with TemporaryDirectory(prefix="ncco-metrics-") as folder:
        os.environ[MULTIPROCESS_DIR] = folder
        try:
            yield
        finally:
            del os.environ[MULTIPROCESS_DIR]


def make_worker_app(settings: Settings, *, dev: bool, leaving: Leaving | None = None) -> FastAPI:
    """The application of a child process, with its log and the secrets of now. It ends when its parent has ended."""
    journal.configure(settings)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="end with the parent", daemon=True).start()
    with suppress(SettingsError):  # told by the workers that have read it already; the secrets before still hold
        settings = settings.with_secrets_of_now()
    return create_app(settings, dev=dev, leaving=leaving)


def _end_with(parent: BaseProcess) -> None:
    """Wait until a supervisor is gone, and end well then: without one, nobody could ever stop or replace this process.

    One that is killed cannot tell its children.
    """
    parent.join()
    os.kill(os.getpid(), signal.SIGINT)  # at once: the next supervisor needs the port


def _config(
    factory: Callable[[], FastAPI],
    settings: Settings,
    leaving: Leaving,
    *,
    dev: bool,
    reload: bool = False,
    workers: int = 1,
) -> Config:
    return Config(
        factory,
        factory=True,
        host=settings.host,
        port=settings.port,
        http=partial(  # type: ignore[arg-type]  # makes protocols, as a class does
            PatientProtocol, leaving=leaving, crowd=Crowd(room_for(most_files()))
        ),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=dev,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_S,
        workers=workers,
        reload=reload,
        reload_dirs=[str(Path(app.__file__).parent)] if reload and app.__file__ else None,
    )


@contextmanager
def _metrics_port(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """Serve the counters on a port of their own, if one is set."""
    if settings.metrics_port is None:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        names = ("NCCO_METRICS_HOST", "NCCO_METRICS_PORT")
        raise _deaf(settings.metrics_host, settings.metrics_port, error, *names) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
