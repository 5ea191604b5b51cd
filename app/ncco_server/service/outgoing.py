"""The HTTP client for lookups and hooks: it resolves each host itself, checks the addresses, and connects to them.

It follows no redirects and uses no proxy, so nothing can lead it elsewhere, not even a second DNS answer. It keeps
nothing of a response for the next request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import cache, partial
from typing import Any, Final, TypeAlias

import httpcore
import httpx

from ncco_server.service.threads import Threads

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_METADATA_SERVERS: Final = _networks(
    "168.63.129.16",  # Azure; it counts as public
    "100.100.100.200",  # Alibaba Cloud
    "192.0.0.192",  # Oracle Cloud
    "fd00:ec2::254",  # Amazon EC2
    "fd00:ec2::23",  # Amazon EKS
    "fd00:42::42",  # Scaleway
    "fd20:ce::254",  # Google Compute Engine
)
"""Those outside link-local networks. Source: the clouds' pages about them."""
_NEVER: Final = _METADATA_SERVERS + _networks(
    "0.0.0.0/8",  # this host
    "169.254.0.0/16",  # link-local
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "::/128",  # unspecified
    "64:ff9b::/32",  # the place of the IPv4 address is a local choice, except in a /96
    "fe80::/10",  # link-local
    "ff00::/8",  # multicast
)
_PRIVATE: Final = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"),
    "100.64.0.0/10",  # between a provider and its customers
    "192.0.0.0/24",  # protocols
    "192.88.99.0/24",  # relays of 6to4, given up
    "198.18.0.0/15",  # benchmarks
    *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),  # documentation
    "::1/128",
    "100::/32",  # discarded, dummies
    "2001::/23",  # protocols
    *("2001:db8::/32", "3fff::/20"),  # documentation
    "5f00::/16",  # segment routing
    "fc00::/7",
    "fec0::/10",  # site-local, given up
)
"""Source: IANA's registries of special-purpose addresses; RFC 3879 (fec0::/10)."""
_LAST_32_BITS: Final = _networks("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96")
"""They end with an IPv4 address. Source: RFC 4291, 2.5.5; RFC 2765, 2.1; RFC 6052, 2.1."""
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The third 32-bit word of a tunnel's address, which ends with the IPv4 address. Source: RFC 5214, 6.1."""
_ENDS_IN_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)$")
_LOCAL_ZONES: Final = ("localhost", "local", "internal", "home.arpa")
"""Outside the public DNS. Source: RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of `internal`."""


def is_allowed(host: str, address: str, private_hosts: Collection[str] = ()) -> bool:
    """Decide on connecting to `host` at `address`, one of its addresses.

    Never for link-local addresses, metadata servers, and addresses of no single host. A private address is allowed if
    `host` is that address, a name of local networks (`localhost`, `crm`, `crm.local`), or one of `private_hosts`, in
    lower case. An IPv4 address inside an IPv6 address decides.
    """
    reached = _reached(address)
    if not reached or _any_in(reached, _NEVER):
        return False
    if not _any_in(reached, _PRIVATE) or _reached(host) == reached:
        return True
    return _is_private_name(host.lower().rstrip("."), private_hosts)


def _is_private_name(host: str, private_hosts: Collection[str]) -> bool:
    if _reached(host) or _ENDS_IN_NUMBER.search(host):
        return False
    is_local = "." not in host or host.endswith(tuple(f".{zone}" for zone in _LOCAL_ZONES))
    return is_local or host in private_hosts


def _any_in(addresses: Collection[Address], networks: Collection[Network]) -> bool:
    return any(address in network for address in addresses for network in networks)


def _reached(text: str) -> tuple[Address, ...]:
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ()
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if int(address) > 1 and _any_in([address], _LAST_32_BITS):
        return (last,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return (address.teredo[1],)
    is_tunnelled = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return (address, last) if is_tunnelled else (address,)


Resolve: TypeAlias = Callable[[str, int], Sequence[str]]

REQUESTS_PER_HOST: Final = 500
CONNECTING_PER_HOST: Final = 16
"""The event loop opens about a thousand a second: more at once would slow each other down."""
FIRST_TRY_S: Final = 0.25
"""Source: RFC 8305, 8."""
ADDRESS_LIMIT: Final = 4

_FAULTS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


BEGINS: Final = "begins"
"""Request extension: called when the request waits for no others and may connect, and again when it is sent."""


class NoAddress(httpx.ConnectError):
    """The host's name cannot be resolved."""


class PrivateAddress(httpx.ConnectError):
    """All addresses of the host are private or link-local; see `is_allowed`."""


class UntrustedCertificate(httpx.ConnectError):
    """The host's certificate cannot be verified."""


class Disconnected(httpx.RemoteProtocolError):
    """The connection was closed before a response arrived."""


def new_client(
    private_hosts: Collection[str] = (),
    resolve: Resolve | None = None,
    network: httpcore.AsyncNetworkBackend | None = None,
) -> httpx.AsyncClient:
    """Only `private_hosts` may have private addresses. Every use sets its own time limit."""
    return _Client(CheckedTransport(private_hosts, resolve or resolve_by_system, network))


class _Client(httpx.AsyncClient):
    """Keeps no cookies: all callers share it, and one may stand for a caller. Logs no URLs, which may have numbers."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        headers = {"User-Agent": "ncco-server", "Connection": "close"}
        super().__init__(transport=transport, headers=headers, trust_env=False, timeout=None)
        self._sends = transport

    async def send(
        self, request: httpx.Request, *, stream: bool = False, auth: Any = None, follow_redirects: Any = None
    ) -> httpx.Response:
        """Send only this request; its URL may have a user and password."""
        if self.is_closed:
            raise RuntimeError("the client is closed")
        if request.url.userinfo:
            user, password = request.url.username, request.url.password
            request = next(httpx.BasicAuth(user, password).auth_flow(request))
        response = await self._sends.handle_async_request(request)
        response.request = request
        if not stream:
            try:
                await response.aread()
            finally:
                await response.aclose()
        return response


def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Blocks. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@cache
def trusted_certificates() -> ssl.SSLContext:
    """Shared, because loading them takes 20 ms."""
    return httpx.create_ssl_context()


class CheckedTransport(httpx.AsyncBaseTransport):
    """Opens a connection for each request, so that a cancelled one leaves nothing to clean up (docs/decisions.md)."""

    def __init__(
        self,
        private_hosts: Collection[str] = (),
        resolve: Resolve = resolve_by_system,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._ssl_context = trusted_certificates()
        self._network = network or CheckedNetwork(frozenset(map(str.lower, private_hosts)), resolve)
        self._places = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(REQUESTS_PER_HOST))
        self._connecting = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(CONNECTING_PER_HOST))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raise httpx.TransportError."""
        url = request.url
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f'no request can be sent to "{url.scheme}"')
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer, closing = await self._send(asked)
        body = _Body(answer, closing)
        return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=answer.extensions)

    async def _send(self, request: httpcore.Request) -> tuple[httpcore.Response, AsyncExitStack]:
        """Return also what closes the connection. Raises httpcore's errors."""
        origin = request.url.origin
        begins = request.extensions.get(BEGINS, _nothing)
        connection = httpcore.AsyncHTTPConnection(origin, self._ssl_context, network_backend=self._network)

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":  # httpcore leaves it open if the TLS handshake is cancelled
                closing.push_async_callback(info["return_value"].aclose)
            elif event == "http11.send_request_headers.started":
                await opening.aclose()
                begins()

        request.extensions = {**request.extensions, "trace": trace}
        async with AsyncExitStack() as closing:
            await closing.enter_async_context(self._places[str(origin)])
            async with AsyncExitStack() as opening:
                await opening.enter_async_context(self._connecting[str(origin)])
                begins()
                answer = await connection.handle_async_request(request)
            return answer, closing.pop_all()


def _nothing() -> None: ...


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, closing: AsyncExitStack) -> None:
        self._answer = answer
        self._closing = closing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._answer.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        await self._closing.aclose()


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            kind = UntrustedCertificate
        elif isinstance(error, httpcore.RemoteProtocolError) and error.__cause__ is None:
            kind = Disconnected
        raise kind(str(error)) from error
    except OSError as error:  # an undecryptable TLS record, which httpcore does not convert
        raise httpx.ReadError("the TLS connection failed") from error


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to allowed addresses only; see `is_allowed`."""

    def __init__(self, private_hosts: Collection[str], resolve: Resolve) -> None:
        self._private_hosts = private_hosts
        self._resolve = resolve
        self._threads = Threads(each=4)
        self._network = httpcore.AnyIOBackend()
        self._resolving: dict[tuple[str, int], asyncio.Task[Sequence[str]]] = {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the addresses in turn, IPv4 first; `timeout` includes resolving the name.

        Raises NoAddress, PrivateAddress, and httpcore's errors.
        """
        try:
            async with asyncio.timeout(timeout):
                *others, last = await self._addresses(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} is not resolved in time") from error
        for address in others:
            limit = FIRST_TRY_S if timeout is None else min(timeout, FIRST_TRY_S)
            try:
                return await self._network.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host.strip("[]"))
            found: Sequence[str] = [host]
        except OSError:  # the host is a name
            found = await self._resolved(host, port)
        allowed = [address for address in dict.fromkeys(found) if is_allowed(host, address, self._private_hosts)]
        if not allowed:
            raise PrivateAddress(f"{host} has only private or link-local addresses")
        return sorted(allowed, key=lambda address: ":" in address)[:ADDRESS_LIMIT]

    async def _resolved(self, host: str, port: int) -> Sequence[str]:
        """Share a DNS lookup, because each takes a thread."""
        task = self._resolving.get((host, port))
        if task is None:
            task = asyncio.create_task(self._threads.run(host, partial(self._resolve, host, port)))
            self._resolving[host, port] = task
            task.add_done_callback(lambda _: self._resolving.pop((host, port)))
        try:
            found = await asyncio.shield(task)
        except (OSError, UnicodeError) as error:
            raise NoAddress(f"{host} has no address") from error
        if not found:
            raise NoAddress(f"{host} has no address")
        return found
