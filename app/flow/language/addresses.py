"""The URL of a look-up: its host is in the flow file or comes from `env`, and is unambiguous."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from app.flow.scope import Record, ScopeTypes, Shape
from app.flow.types import TYPES, ValueType

_ENDS_IN_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")
_BRACKETS: Final = re.compile(r"\[[^\]]*\](?::[0-9]*)?")
_STRANGE: Final = re.compile(r"[%\s\\\u3002\uff0e\uff61]")
"""The last three are read as dots when the host is looked up."""


def _convert(value: object) -> str:
    url = str(TYPES["url"].cast(value))
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError("a URL that begins with https:// or http:// is needed")
    if "#" in url:
        raise ValueError("a URL without # is needed: what comes after it is never sent")
    _check_host(url)
    return url


def _check_host(url: str) -> None:
    """Refuse what one reader takes for a name and another for an address: `2130706433`, `0x7f.1`, `127.1`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise ValueError("a URL with a host and, if need be, a port from 0 to 65535 is needed") from None
    is_torn = parts.netloc.startswith("[") and not _BRACKETS.fullmatch(parts.netloc)
    if not host or is_torn or _STRANGE.search(host) or (_ENDS_IN_NUMBER.search(host) and not _is_address(host)):
        raise ValueError("a host that is a name, or an address written as 192.0.2.1 or [2001:db8::1], is needed")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


ADDRESS: Final = ValueType("url", "text", "https://example.com/callers/447700900123", _convert)
"""An absolute http or https URL."""


def without_urls(scope: ScopeTypes) -> ScopeTypes:
    """The scope in which nothing counts as a URL.

    Elsewhere a value of type url may begin one. Here only the flow file and `env` may say which server is asked, since
    a variable may come from a caller or from another server.
    """
    return replace(scope, shapes={name: _without_url(shape) for name, shape in scope.shapes.items()})


def _without_url(shape: Shape) -> Shape:
    if isinstance(shape, Record):
        fields = {name: _without_url(inner) for name, inner in shape.fields.items()}
        return shape if fields == shape.fields else Record(fields, shape.rest)
    return TYPES["text"] if shape.name == "url" else shape
