"""`/` on the webhook port, which tunnels publish: only a browser on this machine is redirected to the console."""

from __future__ import annotations

from typing import Any

import httpx

from ncco_server.web import create_app
from tests.support.cases import each_case
from tests.unit.studio.console.conftest import REPOSITORY, settings_for

NOTHING = b'{"error":"not found"'


TUNNELS = (
    *({"Host": "abc.ngrok.app"}, {"Host": "localhost.example.com"}, {"Host": "x@127.0.0.1"}, {"Host": "[::1"}),
    *({"Host": ""}, {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-Host": "abc.ngrok.app"}, {"Via": "1.1 proxy"}),
    *({"Forwarded": "for=192.0.2.1"}, {"CF-Connecting-IP": "192.0.2.1"}, {"X-Real-IP": "192.0.2.1"}),
)


def webhook_port(*, dev: bool = True, **settings: Any) -> httpx.AsyncClient:
    known = {"console_password_hash": "", "console_viewer_password_hash": "", **settings}
    app = create_app(settings_for(REPOSITORY, **known), dev=dev)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")


async def test_only_a_browser_on_this_machine_is_redirected_to_the_console() -> None:
    async with webhook_port() as client:
        for host in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000"):
            response = await client.get("/", headers={"Host": host})
            assert (302, "http://127.0.0.1:8001/") == (response.status_code, response.headers["location"])
        for headers in TUNNELS:
            response = await client.get("/", headers=headers)
            assert 404 == response.status_code, headers
            assert response.content.startswith(NOTHING)
            assert "8001" not in response.text
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert 404 == (await client.request(method, "/")).status_code


@each_case(
    ("dev", "settings", "status"),
    [
        (True, {"console": False}, 404),
        (False, {}, 404),
        (False, {"console_viewer_password_hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43}, 302),
    ],
)
async def test_the_redirect_needs_a_running_console(dev: bool, settings: dict[str, Any], status: int) -> None:
    known = {"signature_secret": "x" * 32, "public_url": "https://calls.example.com", **settings}
    async with webhook_port(dev=dev, **known) as client:
        assert status == (await client.get("/")).status_code
