"""Runs the application under uvicorn, in one process or several."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib import import_module
from multiprocessing.process import BaseProcess
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, make_asgi_app
from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from ncco_server.errors import SettingsError, StoreUnavailable
from ncco_server.settings import Settings, require_safe
from ncco_server.settings.secrets import wait_keys
from ncco_server.store import Schema, open_store
from ncco_server.web.app import create_app
from ncco_server.web.connections import LimitedProtocol
from ncco_server.web.figures import LastHour, figures_app
from ncco_server.web.log import WriteLine, configure_log, with_log_form
from ncco_server.web.metrics import MULTIPROCESS_DIR, Metrics, shared_registry

FINISH_S: Final = 10
"""Seconds that running requests get to finish after the port has closed. No request takes more than half of this."""
KEEP_ALIVE_S: Final = 75
"""How long an idle connection stays open, in seconds. Load balancers usually use 60, so they close it first."""
MAX_OPEN_FILES: Final = 65_536
"""Maximum number of open files per process, if the system allows it. Each connection uses one."""
WORKER_S: Final = 30
"""The supervisor replaces a worker that has not responded for this many seconds, and kills one that takes longer to
exit. On a busy machine, starting takes several seconds.
"""
BACKLOG: Final = 2048
_OWN_ADDRESS: Final = "Write an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all addresses."

Ready = Callable[[str, int], None]
"""Called with the host and port once the server is listening there."""


def serve(
    settings: Settings,
    *,
    dev: bool = False,
    workers: int = 1,
    ready: Ready | None = None,
    figures: socket.socket | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; returns when all requests are finished. Prints nothing but its log.

    After SIGTERM the port stays open for `settings.drain_s` seconds, or until a second signal or SIGINT.

    Args:
        settings: see `load_settings`.
        dev: see `create_app`.
        workers: number of processes that serve, at least 1.
        ready: called when the port is bound, before the first request.
        figures: a bound socket that serves the figures for the console; None to serve none.

    Raises:
        SettingsError: it is unsafe to serve with these settings, or an address cannot be used.
        StoreUnusable: the store cannot be used at all.
    """
    require_safe(settings, dev)
    wait_keys(settings)  # creates the key file, for the workers
    schema = asyncio.run(_try_store(settings))
    settings = with_log_form(settings, dev=dev)
    write_line = configure_log(settings)
    if schema is not None and schema.found and schema.missing:
        structlog.get_logger().warning("schema_upgraded", found=schema.found, newest=schema.newest)
    _raise_file_limit()
    if hasattr(signal, "SIGHUP"):  # closing the terminal, or a reload by an old version's unit, must not end calls
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with listening(settings.host, settings.port) as bound, suppress(KeyboardInterrupt):
        host, port = bound.getsockname()[:2]
        settings = settings.model_copy(update={"port": int(port)})  # for port 0, the actual port, for callback URLs

        def greet() -> None:
            if ready is not None:
                ready(str(host), int(port))

        _run(settings, bound, greet, write_line, dev=dev, workers=workers, figures=figures)
    structlog.get_logger().info("server stopped")


@contextmanager
def listening(host: str, port: int, *, names: tuple[str, str] = ("NCCO_HOST", "NCCO_PORT")) -> Iterator[socket.socket]:
    """Yield a socket that listens on an address. Raises SettingsError about one of the settings `names`."""
    host_setting, port_setting = names
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a part of the name has more than 63 characters
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            host_setting, f"{host} is not an address of this machine: {reason}", _OWN_ADDRESS
        ) from error
    with bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError as error:
            message = f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}"
            if error.errno == errno.EADDRNOTAVAIL:
                raise SettingsError(host_setting, message, _OWN_ADDRESS) from error
            cure = "Choose another port, or stop the program that uses it."
            raise SettingsError(port_setting, message, cure) from error
        bound.set_inheritable(True)
        yield bound


async def _try_store(settings: Settings) -> Schema | None:
    """Open the store once before the server listens, so that an error is reported in one sentence.

    Returns the schema that the store had before; None for a store that is in memory or unavailable. An unavailable
    store is tried again later.
    """
    store = open_store(settings.database_url)
    with suppress(StoreUnavailable):
        schema = await store.schema() if store.is_durable else None
        async with store:
            return schema
    return None


def _raise_file_limit() -> None:
    """Raise the limit of open files for this process and its workers. The limit is usually 1,024."""
    with suppress(ImportError, OSError, ValueError):  # the system has no such limit, or allows less
        resource = import_module("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _run(
    settings: Settings,
    bound: socket.socket,
    ready: Callable[[], None],
    write_line: WriteLine,
    *,
    dev: bool,
    workers: int,
    figures: socket.socket | None,
) -> None:
    """Serve from this process, or from child processes that share a folder of counters."""
    with ExitStack() as stack:
        if workers > 1:
            stack.enter_context(_shared_counters())
            make_app = partial(make_worker_app, settings, dev=dev, server_id=token_hex(8))
            registry = shared_registry()
        else:
            metrics = Metrics(settings.commit)
            make_app = partial(create_app, settings, dev=dev, metrics=metrics, write_line=write_line)
            registry = metrics.registry
        config = config_of(
            make_app,
            factory=True,
            proxy_headers=dev,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=FINISH_S,
            timeout_worker_healthcheck=WORKER_S,
            workers=workers,
        )
        if workers > 1:
            run = partial(_run_workers, config, bound, settings.drain_s)
        else:
            run = partial(stack.enter_context(_stopped_by_sigterm(Server(config))).run, sockets=[bound])
        if figures is not None:
            stack.enter_context(_beside(figures_app(LastHour(registry)), figures, "figures"))
        stack.enter_context(_metrics_port(settings, registry))
        stack.enter_context(_api_port(settings))
        ready()
        run()


@contextmanager
def _shared_counters() -> Iterator[None]:
    """Make a folder for counters. Workers find it through the environment."""
    with TemporaryDirectory(prefix="ncco-metrics-") as folder:
        os.environ[MULTIPROCESS_DIR] = folder
        try:
            yield
        finally:
            del os.environ[MULTIPROCESS_DIR]


@contextmanager
def _stopped_by_sigterm(server: Server) -> Iterator[Server]:
    """Handle SIGTERM before uvicorn does, and when uvicorn raises it again after stopping."""

    def stop(*_: object) -> None:
        server.should_exit = True

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield server
    finally:
        signal.signal(signal.SIGTERM, before)


class Workers(Multiprocess):
    """uvicorn's supervisor of workers, with three differences.

    It closes its copy of each worker's end of the pipe, so it notices at once if a worker dies while being pinged. If
    memory or file descriptors run out, it starts the worker later. It kills a worker that hangs on exit.

    Args:
        config: uvicorn's configuration.
        bound: the socket that the workers listen on.
        drain_s: how long the workers continue to serve after SIGTERM, in seconds.
    """

    def __init__(self, config: Config, bound: socket.socket, drain_s: float) -> None:
        super().__init__(config, [bound])
        self._drain_s = drain_s

    def init_processes(self) -> None:
        """Start the workers."""
        try:
            super().init_processes()
        except OSError:
            if not self.should_exit.is_set():  # otherwise a signal has closed the socket
                raise
        self._close_ends_of_workers()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have died or have not responded for `WORKER_S`."""
        try:
            super().keep_subprocess_alive()
        except OSError as error:
            structlog.get_logger().error("worker not started", problem=error.strerror or str(error))
        self._close_ends_of_workers()

    def terminate_all(self) -> None:
        """Tell all workers to exit."""
        self._kill_after(WORKER_S + self._drain_s)
        super().terminate_all()

    def stop(self, number: int, _: object) -> None:
        """Handle a signal: let the workers drain. On SIGINT or a second signal, make them exit at once."""
        is_urgent = self.should_exit.is_set() or number == signal.SIGINT
        self.should_exit.set()
        for listener in self.sockets:  # nothing would accept connections on this copy
            listener.close()
        self._signal_workers(signal.SIGINT if is_urgent else signal.SIGTERM)
        if is_urgent:
            self._kill_after(WORKER_S)

    def _close_ends_of_workers(self) -> None:
        for process in self.processes:
            process.child_conn.close()

    def _signal_workers(self, number: int) -> None:
        for process in self.processes:
            if process.pid is not None and process.process.is_alive():
                with suppress(ProcessLookupError):  # it has just exited
                    os.kill(process.pid, number)

    def _kill_after(self, seconds: float) -> None:
        def kill() -> None:
            structlog.get_logger().error("workers killed", problem="they do not end")
            self._signal_workers(signal.SIGKILL)

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()


def _run_workers(config: Config, bound: socket.socket, drain_s: float) -> None:
    """Serve from uvicorn's workers until a signal comes. Raises SystemExit if a worker cannot start.

    uvicorn only handles a signal after waiting for a worker that hangs, so our own handlers react first.
    """
    workers = Workers(config, bound, drain_s)
    signal.signal(signal.SIGTERM, workers.stop)
    signal.signal(signal.SIGINT, workers.stop)
    workers.run()
    if any(process.exitcode == STARTUP_FAILURE for process in workers.processes):
        sys.exit(STARTUP_FAILURE)


def make_worker_app(settings: Settings, *, dev: bool, server_id: str) -> FastAPI:
    """Make the application and the log of a worker. The worker exits when its supervisor does."""
    write_line = configure_log(settings)
    end_with_parent(signal.SIGINT)
    return create_app(settings, dev=dev, write_line=write_line, server_id=server_id)


def end_with_parent(number: signal.Signals) -> None:
    """Send this process a signal when its parent exits.

    A parent that is killed cannot stop its children, and they would keep the port.
    """

    def wait(parent: BaseProcess) -> None:
        parent.join()
        os.kill(os.getpid(), number)

    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=wait, args=(parent,), name="end with the parent", daemon=True).start()


def config_of(app: Callable[..., Any], *, lifespan: Literal["on", "off"] = "on", **own: Any) -> Config:
    """The configuration that all servers (of webhooks, console, metrics, ...) share, updated with `own`."""
    return Config(
        app,
        http=LimitedProtocol,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        **own,
    )


@contextmanager
def _beside(
    app: Callable[..., Any],
    bound: socket.socket,
    name: str,
    *,
    lifespan: Literal["on", "off"] = "on",
    finish_s: int = 1,
) -> Iterator[None]:
    """Serve another application in a thread with an event loop, in the only process or in the supervisor."""
    server = Server(config_of(app, lifespan=lifespan, timeout_graceful_shutdown=finish_s))
    thread = threading.Thread(target=server.run, args=([bound],), name=name)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _metrics_port(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """Serve the metrics on the configured port."""
    if settings.metrics_port is None:
        yield
        return
    names = ("NCCO_METRICS_HOST", "NCCO_METRICS_PORT")
    with (
        listening(settings.metrics_host, settings.metrics_port, names=names) as bound,
        _beside(make_asgi_app(registry), bound, "metrics", lifespan="off"),
    ):
        yield


@contextmanager
def _api_port(settings: Settings) -> Iterator[None]:
    """Serve the API for placed calls on its port, in a thread with a database connection of its own.

    Raises SettingsError.
    """
    if settings.api_port is None:
        yield
        return
    if settings.has_memory_store:
        cure = "Keep the calls in a database: NCCO_DATABASE_URL=sqlite:///ncco.db"
        raise SettingsError("NCCO_API_PORT", "the API cannot reach calls that are kept in memory", cure)
    from ncco_server.web.placing_api import placing_api  # noqa: PLC0415 - only for servers with this API

    with listening(settings.api_host, settings.api_port, names=("NCCO_API_HOST", "NCCO_API_PORT")) as bound:
        app = placing_api(open_store(settings.database_url), settings.dial_allow, wait_keys(settings))
        with _beside(app, bound, "placing API", finish_s=5):
            structlog.get_logger().info("placing API listens", host=settings.api_host, port=bound.getsockname()[1])
            yield
