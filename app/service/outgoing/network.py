"""Opens connections to addresses that were looked up and checked, so that no second answer can lead elsewhere."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import httpcore

from app.service.outgoing.reach import Reach
from app.service.outgoing.threads import Threads

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]

FIRST_TRY_S: Final = 0.25
"""How long an address may keep us waiting while there is another one. Source: RFC 8305, 8."""

MOST_ADDRESSES: Final = 4


class Refused(httpcore.ConnectError):
    """The host leads to nothing but addresses that it may not lead to."""


def system_addresses(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says. Raises OSError. Blocks."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to what `reach` allows."""

    def __init__(self, reach: Reach, resolve: Resolve = system_addresses) -> None:
        self._reach = reach
        self._resolve = resolve
        self._threads = Threads(each=4)
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address of `host` that answers, IPv4 first. Raises httpcore.ConnectError."""
        *others, last = await self._addresses(host, port)
        for address in others:
            patience = FIRST_TRY_S if timeout is None else min(timeout, FIRST_TRY_S)
            try:
                return _Stream(await self._network.connect_tcp(address, port, patience, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return _Stream(await self._network.connect_tcp(last, port, timeout, local_address, socket_options))

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        found = [host] if _is_address(host) else await self._found(host, port)
        allowed = list(dict.fromkeys(address for address in found if self._reach.allows(host, address)))
        if not allowed:
            raise Refused(f"{host} leads to a private address")
        return sorted(allowed, key=lambda address: ":" in address)[:MOST_ADDRESSES]

    async def _found(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._threads.run(host, partial(self._resolve, host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        if not found:
            raise httpcore.ConnectError(f"{host} has no address")
        return found


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is also closed when somebody stops waiting for its TLS handshake."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - of httpcore
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - of httpcore
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
