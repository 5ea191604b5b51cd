"""Look-ups by HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import httpx
import orjson

from app.flow.language.lookups import LookupRequest
from app.service.lookups.bodies import drain, read_body, read_json
from app.service.lookups.problem import Problem
from app.service.outgoing.transport import PrivateAddress

_LONGEST_KEY: Final = 255
_TOO_MANY_REQUESTS: Final = 429
_DEFAULTS: Final[Mapping[str, str]] = {"Accept": "application/json", "Accept-Encoding": "identity"}


async def fetch(client: httpx.AsyncClient, request: LookupRequest, key: str) -> bytes:
    """The JSON text that the server answers with. Raises Problem. Sets no time limit."""
    try:
        asking = _built(client, request, key)
        async with client.stream(asking.method, asking.url, headers=asking.headers, content=asking.content) as response:
            if problem := _problem_of(response.status_code):
                await drain(response)
                raise problem
            body = await read_body(response)
    except PrivateAddress:
        raise Problem("the host leads to a private address; one that may is named in NCCO_PRIVATE_HOSTS") from None
    except (httpx.InvalidURL, httpx.LocalProtocolError, httpx.UnsupportedProtocol, ValueError):
        raise Problem("the URL or a header cannot be sent") from None
    except httpx.TransportError as error:
        raise Problem(_sentence(error), is_failure=True) from None
    read_json(body)
    return body


def _built(client: httpx.AsyncClient, request: LookupRequest, key: str) -> httpx.Request:
    written = {name.lower() for name in request.headers}
    headers = [(name, value) for name, value in _DEFAULTS.items() if name.lower() not in written]
    headers += [("Idempotency-Key", idempotency_key(key))]
    content = b""
    if request.method == "POST" and request.json is not None:
        content = orjson.dumps(request.json)
        headers += [] if "content-type" in written else [("Content-Type", "application/json")]
    encoded = [(name.encode(), value.encode()) for name, value in (*headers, *request.headers.items())]
    return client.build_request(request.method, request.url, headers=encoded, content=content)


def idempotency_key(key: str) -> str:
    """`key` in the characters that a header has; a long one is hashed. Parts of it come from outside."""
    written = quote(key, safe=":._~@+=-", errors="replace")
    return written if len(written) <= _LONGEST_KEY else hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _problem_of(status: int) -> Problem | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Problem(f"status {status}: redirects are not followed")
    return Problem(f"status {status}", is_failure=status >= 500 or status == _TOO_MANY_REQUESTS)


def _sentence(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        text = str(error)
        if text.endswith("has no address"):
            return "the host has no address"
        is_untrusted = "CERTIFICATE" in text.upper()
        return "the certificate of the host is not trusted" if is_untrusted else "the host cannot be reached"
    return "the connection broke off"
