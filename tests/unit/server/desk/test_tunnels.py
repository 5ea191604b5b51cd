"""Tunnels are recognised by the recorded replies of ngrok and cloudflared, with names replaced."""

from __future__ import annotations

from pathlib import Path

import httpx

from ncco_server.desk.network_checks import Tunnel, check_tunnels, running_tunnels
from ncco_server.settings import load_settings
from tests.support.cases import each_case

SAMPLES = Path(__file__).parents[3] / "samples" / "tunnels"
NGROK = "https://three-invented-words.ngrok-free.dev"
CLOUDFLARED = "https://four-random-invented-words.trycloudflare.com"


async def found(file: str, path: str) -> list[Tunnel]:
    """The tunnels found when only this program replies."""

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path != path:
            return httpx.Response(404)
        return httpx.Response(200, content=(SAMPLES / file).read_bytes())

    async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as client:
        return await running_tunnels(client, ["http://127.0.0.1:4040"], ["http://127.0.0.1:20241"])


@each_case(
    ("file", "path", "tunnels"),
    [
        ("ngrok.json", "/api/tunnels", [Tunnel("ngrok", NGROK, 8000)]),
        ("ngrok-older.json", "/api/tunnels", [Tunnel("ngrok", "https://0d1e2f3a.ngrok.io", 8000)]),
        ("cloudflared.json", "/quicktunnel", [Tunnel("cloudflared", CLOUDFLARED, None)]),
        ("cloudflared-named.json", "/quicktunnel", []),
        ("ngrok.json", "/elsewhere", []),
    ],
)
async def test_a_running_tunnel_is_recognised(file: str, path: str, tunnels: list[Tunnel]) -> None:
    assert tunnels == await found(file, path)


async def test_a_program_that_is_not_running_is_not_a_tunnel() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
        assert [] == await running_tunnels(client)


@each_case("reply", [b"[]", b'{"tunnels": 3}', b'{"tunnels": [null, {"public_url": 1}]}', b"<html>"])
async def test_another_program_on_the_port_is_not_a_tunnel(reply: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=reply))
    async with httpx.AsyncClient(transport=transport) as client:
        assert [] == await running_tunnels(client)


@each_case(
    ("public_url", "port", "tunnel", "says"),
    [
        (NGROK, 8000, Tunnel("ngrok", NGROK, 8000), None),
        ("https://old.ngrok.app", 8000, Tunnel("ngrok", NGROK, 8000), f"ngrok runs at {NGROK}"),
        ("https://old.ngrok.app", 8000, Tunnel("ngrok", NGROK, 3000), None),
        (NGROK, 8100, Tunnel("ngrok", NGROK, 8000), "ngrok leads to port 8000, but the server uses port 8100"),
        ("https://old.ngrok.app", 8100, Tunnel("cloudflared", CLOUDFLARED, None), "cloudflared runs at"),
    ],
)
def test_a_tunnel_is_compared_with_the_settings(public_url: str, port: int, tunnel: Tunnel, says: str | None) -> None:
    settings = load_settings(None, public_url=public_url, port=port)

    messages = [each.message for each in check_tunnels(settings, [tunnel])]

    assert (says is None) == (messages == [])
    assert (says or "") in "".join(messages)
