"""The sources of lookups: an HTTP server, or a Python function of the project."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import sys
import traceback
import zlib
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import httpx
import orjson

from ncco_server.flow.files import search_beside
from ncco_server.flow.handlers.results import running_key
from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.raised import log_raised
from ncco_server.service.outgoing import BEGINS, NoAddress, PrivateAddress, UntrustedCertificate
from ncco_server.service.threads import Threads

BODY_LIMIT: Final = 64 * 1024
"""Before and after decompression."""
KEY_LIMIT: Final = 255
CALLS_PER_FUNCTION: Final = 16
"""Concurrent ones. A call that never returns counts until the server stops."""

_PACKAGE: Final = str(Path(__file__).parents[1])
_TOO_LARGE: Final = f"larger than {BODY_LIMIT // 1024} KiB"
_BOM: Final = b"\xef\xbb\xbf"
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_DEFAULT_HEADERS: Final[Mapping[str, str]] = {"Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(eq=False)
class LookupFailure(Exception):
    """The trace shows the message, so it contains nothing from the request or response.

    Attributes:
        is_outage: whether the source is down or overloaded, which its circuit breaker counts.
        status: the HTTP error status; 0 for none.
        cure: for the operator, unless the source must change.
    """

    message: str
    is_outage: bool = field(default=False, kw_only=True)
    is_late: bool = field(default=False, kw_only=True)
    is_cut_off: bool = field(default=False, kw_only=True)
    status: int = field(default=0, kw_only=True)
    cure: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return self.message


async def fetch(client: httpx.AsyncClient, request: LookupRequest, key: str, begins: Callable[[], None]) -> bytes:
    """Return JSON text, without a time limit. Raises LookupFailure.

    `begins` is called when it waits for no other requests to the host.
    """
    try:
        asked = _http_request(client, request, key)
        async with client.stream(
            asked.method, asked.url, headers=asked.headers, content=asked.content, extensions={BEGINS: begins}
        ) as response:
            if failure := _failure_of(response.status_code):
                raise failure
            body = await _read_body(response)
    except PrivateAddress:
        message = "the host has only private or link-local addresses; NCCO_PRIVATE_HOSTS can allow private ones"
        raise LookupFailure(message) from None
    except (httpx.InvalidURL, httpx.LocalProtocolError, httpx.UnsupportedProtocol, ValueError):
        raise LookupFailure("the URL or a header cannot be sent") from None
    except NoAddress:
        raise LookupFailure("the host has no address", is_outage=True) from None
    except UntrustedCertificate:
        raise LookupFailure("the certificate of the host is not trusted", is_outage=True) from None
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise LookupFailure("the host cannot be reached", is_outage=True) from None
    except httpx.TransportError:
        raise LookupFailure("the connection was lost", is_outage=True) from None
    read_json(body)
    return body


def _http_request(client: httpx.AsyncClient, request: LookupRequest, key: str) -> httpx.Request:
    written = {name.lower() for name in request.headers}
    headers = [(name, value) for name, value in _DEFAULT_HEADERS.items() if name.lower() not in written]
    headers.append(("Idempotency-Key", header_key(key)))
    content = b""
    if request.method == "POST" and request.json is not None:
        content = orjson.dumps(request.json)
        headers += [] if "content-type" in written else [("Content-Type", "application/json")]
    encoded = [(name.encode(), value.encode()) for name, value in (*headers, *request.headers.items())]
    return client.build_request(request.method, request.url, headers=encoded, content=content)


def header_key(key: str) -> str:
    quoted = quote(key, safe=":._~@+=-", errors="replace")
    return quoted if len(quoted) <= KEY_LIMIT else hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _failure_of(status: int) -> LookupFailure | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return LookupFailure(f"status {status}: redirects are not followed")
    is_outage = status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS
    return LookupFailure(f"status {status}", is_outage=is_outage, status=status)


def _raw_chunks(response: httpx.Response) -> AsyncIterable[bytes]:
    return cast(httpx.AsyncByteStream, response.stream)


async def _read_body(response: httpx.Response) -> bytes:
    """Raise LookupFailure, and httpx.TransportError if the connection breaks."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _COMPRESSED and encoding not in ("identity", ""):
        raise LookupFailure("compressed in a way that was not requested")
    body = bytearray()
    async for chunk in _raw_chunks(response):
        body += chunk
        if len(body) > BODY_LIMIT:
            raise LookupFailure(_TOO_LARGE)
    return _decompressed(bytes(body)) if encoding in _COMPRESSED else bytes(body)


def _decompressed(body: bytes) -> bytes:
    """Return at most one byte more than the limit. Raises LookupFailure."""
    decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        found = decompressor.decompress(body, BODY_LIMIT + 1)
    except zlib.error:
        raise LookupFailure("compressed in a way that cannot be decompressed") from None
    if len(found) > BODY_LIMIT:
        raise LookupFailure(_TOO_LARGE)
    if not decompressor.eof:
        raise LookupFailure("compressed in a way that cannot be decompressed")
    return found


def read_json(body: bytes) -> Any:
    """Raise LookupFailure."""
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise LookupFailure("the answer is empty")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise LookupFailure("not JSON (HTML)" if body.lstrip().startswith(b"<") else "not JSON") from None


@dataclass(frozen=True, slots=True)
class PythonModules:
    """The modules whose functions lookups may call.

    Attributes:
        allowed: naming a package does not allow its submodules.
        flows: beside this folder, modules are searched after `sys.path`.
        writable: folders that the console can write to; modules are never imported from them.
    """

    allowed: Collection[str] = ()
    flows: Path | None = None
    writable: Collection[Path] = ()

    def function(self, name: str) -> Callable[..., Any]:
        """Import `package.module:name` from an allowed module, which runs its code. Raises LookupFailure.

        The module must define the function, or list it in `__all__`.
        """
        module_name, _, name = name.partition(":")
        if module_name not in self.allowed:
            cure = (
                f"if this module is yours, set NCCO_PYTHON_LOOKUPS={','.join((*self.allowed, module_name))} and restart"
            )
            raise LookupFailure(f"NCCO_PYTHON_LOOKUPS does not name the module {module_name}", cure=cure)
        if any(self._is_writable(module_name, Path(path)) for path in sys.path):
            raise LookupFailure(f"{module_name} is in a folder of flows or templates")
        try:
            module = importlib.import_module(module_name)
        except BaseException as error:  # noqa: BLE001 - importing runs the author's code
            raise LookupFailure(f"{module_name} cannot be imported ({type(error).__name__})") from None
        found = getattr(module, name, None)
        is_offered = getattr(found, "__module__", "") == module_name or name in getattr(module, "__all__", ())
        if not callable(found) or not is_offered:
            raise LookupFailure(f"{module_name} has no function {name}")
        return cast(Callable[..., Any], found)

    def _is_writable(self, module: str, path: Path) -> bool:
        parts = module.split(".")
        folders = (each.resolve() for each in self.writable)
        below = (
            folder.relative_to(path.resolve()).parts for folder in folders if folder.is_relative_to(path.resolve())
        )
        return any(each and tuple(parts[: len(each)]) == each for each in below)


def log_left_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Log what the event loop reports, such as exceptions of tasks that nobody waits for, without values."""

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            log_raised("an exception was not caught", error)
        else:
            loop.default_exception_handler(context)

    if loop.get_exception_handler() is None:
        loop.set_exception_handler(report)


class PythonFunctions:
    """Calls the functions that flows use: plain ones in a thread, async ones in the event loop."""

    def __init__(self, modules: PythonModules) -> None:
        if modules.allowed and modules.flows is not None:
            search_beside(modules.flows)
        self._modules = modules
        self._threads = Threads(each=CALLS_PER_FUNCTION, leaves_half=True)
        self._running: dict[str, asyncio.Semaphore] = {}

    @property
    def late(self) -> int:
        """Plain functions that still run after their time limit."""
        return self._threads.late

    async def call(self, request: LookupRequest, key: str, begins: Callable[[], None]) -> bytes:
        """Return JSON, without a time limit. Raises LookupFailure.

        `begins` is called when it waits for no other calls of the function.
        """
        function = request.function
        running_key.set(header_key(key))
        call = partial(copy_context().run, self._call, request)
        result = await self._threads.run(function, call, begins)
        if isinstance(result, bytes):
            return result
        try:
            async with self._running.setdefault(function, asyncio.Semaphore(CALLS_PER_FUNCTION)):
                return _as_json(await _awaited(result))
        finally:
            if inspect.iscoroutine(result):
                result.close()  # it may not have started

    def _call(self, request: LookupRequest) -> bytes | Awaitable[Any]:
        """Return JSON or an awaitable. Raises LookupFailure."""
        found = request.code or self._modules.function(request.function)
        arguments = dict(request.arguments)
        _check_arguments(found, arguments)
        try:
            result = found(**arguments)
        except BaseException as error:  # noqa: BLE001 - the author's code may raise anything, `sys.exit()` too
            raise _failure_from(error) from None
        return result if inspect.isawaitable(result) else _as_json(result)


def _check_arguments(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError:
        given = f"the arguments {', '.join(arguments)}" if arguments else "no arguments"
        raise LookupFailure(f"the function does not take {given}") from None
    except ValueError:  # those written in C may have no signature
        return


async def _awaited(result: Awaitable[Any]) -> Any:
    try:
        return await result
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise LookupFailure("the function was cancelled") from None
    except BaseException as error:  # noqa: BLE001 - the author's code may raise anything, `sys.exit()` too
        raise _failure_from(error) from None


def _failure_from(error: BaseException) -> LookupFailure:
    """The error's type, and the line in the function's file, only: its message may quote the arguments."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    own = [frame for frame in own if frame.filename == own[0].filename]
    where = f" in {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    log_raised("a function raised an exception", error)
    return LookupFailure(f"the function raised {type(error).__name__}{where}")


def _as_json(value: Any) -> bytes:
    """Raise LookupFailure."""
    try:
        body = orjson.dumps(value)
    except (TypeError, RecursionError):
        raise LookupFailure("returned something that is not JSON") from None
    if len(body) > BODY_LIMIT:
        raise LookupFailure(_TOO_LARGE)
    return body
