"""Finds a running ngrok or cloudflared, through its API on this machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import httpx

from ncco_server.desk.findings import Finding, error, warning
from ncco_server.desk.probe import probe
from ncco_server.settings import Settings

NGROK: Final = ("http://127.0.0.1:4040",)
"""Source: ngrok's Agent API, base URL, `GET /api/tunnels`."""
CLOUDFLARED: Final = tuple(f"http://127.0.0.1:{port}" for port in range(20241, 20246))
"""Source: Cloudflare Tunnel, default metrics server address. `/quicktunnel` returns the host of a quick tunnel."""
_CURE: Final = (
    "Set NCCO_PUBLIC_URL to that address, and enter it at Vonage: without a domain of its own, a "
    "tunnel's address changes."
)


class Tunnel(NamedTuple):
    """A tunnel from the internet to `port` of this machine; None if unknown."""

    program: str
    url: str
    port: int | None


async def running_tunnels(
    client: httpx.AsyncClient, ngrok: Sequence[str] = NGROK, cloudflared: Sequence[str] = CLOUDFLARED
) -> list[Tunnel]:
    found = []
    for base in ngrok:
        listed = (await probe(client, f"{base}/api/tunnels")).document.get("tunnels")
        found += [_of_ngrok(each) for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict)]
    for base in cloudflared:
        host = (await probe(client, f"{base}/quicktunnel")).document.get("hostname")
        found.append(Tunnel("cloudflared", f"https://{str(host or '').removeprefix('https://')}", None))
    return [tunnel for tunnel in found if re.fullmatch(r"https://[\w.-]+", tunnel.url)]


def _of_ngrok(listed: dict[str, Any]) -> Tunnel:
    config = listed.get("config")
    port = re.search(r"(?:^|:)(\d{1,5})/?$", str(config.get("addr", "")) if isinstance(config, dict) else "")
    return Tunnel("ngrok", str(listed.get("public_url", "")), int(port[1]) if port else None)


def check_tunnels(settings: Settings, tunnels: Collection[Tunnel]) -> Iterator[Finding]:
    """Check whether a tunnel to this server has the public URL; nothing without a tunnel."""
    for tunnel in tunnels:
        if tunnel.url == settings.public_url and tunnel.port not in (None, settings.port):
            message = f"{tunnel.program} leads to port {tunnel.port}, but the server uses port {settings.port}"
            yield error(message, f"Start it again: {tunnel.program} http {settings.port}")
    ours = [tunnel for tunnel in tunnels if tunnel.port in (None, settings.port)]
    if ours and settings.public_url not in {tunnel.url for tunnel in tunnels}:
        message = f"{ours[0].program} runs at {ours[0].url}, but NCCO_PUBLIC_URL is set to a different address"
        yield warning(message, _CURE, "NCCO_PUBLIC_URL")
