"""Runs the application under uvicorn, in one process."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal
from weakref import WeakSet

import structlog
from prometheus_client import CollectorRegistry, make_asgi_app
from uvicorn import Config, Server

from ncco_server.errors import SettingsError, StoreUnavailable
from ncco_server.settings import Settings, require_safe
from ncco_server.settings.secrets import wait_keys
from ncco_server.store import Schema, open_store
from ncco_server.web.app import create_app
from ncco_server.web.connections import LimitedProtocol
from ncco_server.web.figures import LastHour, figures_app
from ncco_server.web.log import WriteLine, configure_log, with_log_form
from ncco_server.web.metrics import Metrics

FINISH_S: Final = 10
"""Running requests get this after the port has closed: more than twice what one may take."""
KEEP_ALIVE_S: Final = 75
"""Load balancers usually use 60, so they close idle connections first."""
MAX_OPEN_FILES: Final = 65_536
BACKLOG: Final = 2048
PASSED_FD: Final = 3
"""Source: SD_LISTEN_FDS_START in sd_listen_fds(3)."""
_OWN_ADDRESS: Final = "Write an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all addresses."

Ready = Callable[[str, int], None]
"""Called with the host and port once the server is listening there."""


def serve(
    settings: Settings,
    *,
    dev: bool = False,
    ready: Ready | None = None,
    stopping: Callable[[], None] = lambda: None,
    figures: socket.socket | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; return when all requests are finished. Prints nothing but its log.

    After SIGTERM the port stays open for `settings.drain_s` seconds, or until a second signal or SIGINT.

    Args:
        settings: see `load_settings`.
        dev: see `create_app`.
        ready: called when the port is bound, before the first request.
        stopping: called when the port closes.
        figures: a bound socket that serves the figures for the console; None to serve none.

    Raises:
        SettingsError: it is unsafe to serve with these settings, or an address cannot be used.
        StoreUnusable: the store cannot be used at all.
    """
    require_safe(settings, dev)
    schema = asyncio.run(_try_store(settings))
    settings = with_log_form(settings)
    write_line = configure_log(settings)
    if schema is not None and schema.found and schema.missing:
        structlog.get_logger().warning("schema_upgraded", found=schema.found, newest=schema.newest)
    _raise_file_limit()
    # Closing the terminal, or a reload by an old version's unit, must not end calls.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with _from_systemd() or listening(settings.host, settings.port) as bound, suppress(KeyboardInterrupt):
        host, port = bound.getsockname()[:2]
        settings = settings.model_copy(update={"port": int(port)})  # for port 0, callback URLs need the actual port

        def greet() -> None:
            if ready is not None:
                ready(str(host), int(port))

        _run(settings, bound, greet, write_line, dev=dev, stopping=stopping, figures=figures)
    structlog.get_logger().info("server stopped")


def _from_systemd() -> socket.socket | None:
    """Return the listening socket of a `.socket` unit: webhooks wait in it while the server restarts.

    Source: sd_listen_fds(3).
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    bound = socket.socket(fileno=PASSED_FD)
    bound.set_inheritable(False)
    return bound


@contextmanager
def listening(host: str, port: int, *, names: tuple[str, str] = ("NCCO_HOST", "NCCO_PORT")) -> Iterator[socket.socket]:
    """Raise SettingsError about one of the settings `names`."""
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
        _listeners.add(bound)
        yield bound


_listeners: Final = WeakSet[socket.socket]()


def _leave(sockets: Iterable[socket.socket]) -> None:
    """Replace sockets by /dev/null. To close them is not enough, because uvloop keeps them open."""
    with Path(os.devnull).open("rb") as nothing:
        for each in sockets:
            if each.fileno() >= 0:
                os.dup2(nothing.fileno(), each.fileno(), inheritable=False)


# A child that authors' code forks would keep the port of a killed server.
os.register_at_fork(after_in_child=lambda: _leave(list(_listeners)))


async def _try_store(settings: Settings) -> Schema | None:
    """Open the store once before the server listens, so that an error is reported in one sentence.

    Returns its previous schema; None for one in memory, or an unavailable one, which is tried again later.
    """
    store = open_store(settings.database_url)
    with suppress(StoreUnavailable):
        schema = await store.schema() if store.is_durable else None
        async with store:
            return schema
    return None


def _raise_file_limit() -> None:
    """The usual limit is 1,024."""
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
    stopping: Callable[[], None],
    figures: socket.socket | None,
) -> None:
    metrics = Metrics()
    config = config_of(
        create_app(settings, dev=dev, metrics=metrics, write_line=write_line),
        proxy_headers=dev,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_S,
    )
    with ExitStack() as stack:
        server = stack.enter_context(_stopped_by_sigterm(_WebhookServer(config, stopping)))
        if figures is not None:
            stack.enter_context(_beside(figures_app(LastHour(metrics.registry)), figures, "figures"))
        stack.enter_context(_metrics_port(settings, metrics.registry))
        stack.enter_context(_api_port(settings))
        ready()
        server.run(sockets=[bound])


class _WebhookServer(Server):
    def __init__(self, config: Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        os.register_at_fork(after_in_child=self._leave_connections)

    def _leave_connections(self) -> None:
        """A client of a killed server would wait while a child of authors' code keeps its connection."""
        transports = [each.transport for each in self.server_state.connections if isinstance(each, LimitedProtocol)]
        _leave([each.get_extra_info("socket") for each in transports if not each.is_closing()])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


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


def config_of(app: Callable[..., Any], *, lifespan: Literal["on", "off"] = "on", **own: Any) -> Config:
    """What all servers (of webhooks, console, metrics, ...) share, updated with `own`."""
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
    """Serve in a thread with an event loop of its own."""
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
    """Serve in a thread, with a database connection of its own. Raises SettingsError."""
    if settings.api_port is None:
        yield
        return
    if settings.has_memory_store:
        cure = "Keep the calls in a database: NCCO_DATABASE_URL=sqlite:///ncco.db"
        raise SettingsError("NCCO_API_PORT", "the API cannot reach calls that are kept in memory", cure)
    from ncco_server.web.programs_app import programs_app  # noqa: PLC0415 - only for servers with this API

    with listening(settings.api_host, settings.api_port, names=("NCCO_API_HOST", "NCCO_API_PORT")) as bound:
        app = programs_app(
            open_store(settings.database_url), settings.dial_allow, wait_keys(settings), settings.python_flows
        )
        with _beside(app, bound, "placing API", finish_s=5):
            structlog.get_logger().info("placing API listens", host=settings.api_host, port=bound.getsockname()[1])
            yield
